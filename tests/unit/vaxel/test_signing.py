"""The key that signs the audit: made beside a local stack alone, and only its public half is shown."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.errors import UsageError
from sinks.records.gear.checkpoints import Checkpoint, Signer, checkpoint_of, key_id_of, public_key_of
from vaxel.signing import checkpoint_file, public_keys, signer

SECRET = "0f" * 32
PUBLIC = public_key_of(bytes.fromhex(SECRET))


def signed(by: Signer) -> Checkpoint:
    unsigned = Checkpoint(7, bytes(32), datetime(2026, 5, 15, 12, 0, 0, 5, tzinfo=UTC), by.key_id)
    return replace(unsigned, signature=by.sign(unsigned.message()))


def directory(folder: Path, **files: str) -> dict[str, str]:
    """The environment that names a directory with these files, `.` of a name written as `_`."""
    folder.mkdir()
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_text(content)
        path.chmod(0o600)
    return {"VAXEL_KEYS": str(folder)}


def test_beside_a_local_stack_the_key_is_made_once_and_its_public_half_is_written(tmp_path: Path) -> None:
    first = signer({}, tmp_path)
    assert signer({}, tmp_path).key_id == first.key_id

    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert files.keys() == {"signing.key", "signing.pub"}
    assert files["signing.key"] == 0o600
    assert not files["signing.pub"] & stat.S_IWOTH
    assert signed(first).is_signed_by(public_keys({}, tmp_path))
    assert len((tmp_path / "keys" / "signing.pub").read_text().splitlines()) == 1


def test_processes_that_start_together_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({own.key_id for own in pool.map(lambda _: signer({}, tmp_path), range(32))}) == 1
    assert len(public_keys({}, tmp_path)) == 1


def test_in_a_named_directory_no_key_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"there is no key {tmp_path}/signing.key")):
        signer({"VAXEL_KEYS": str(tmp_path)}, tmp_path)
    with pytest.raises(UsageError, match=r"there is no signing\.pub"):
        public_keys({"VAXEL_KEYS": str(tmp_path)}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    environ = directory(tmp_path / "keys", signing_key=SECRET)
    (tmp_path / "keys" / "signing.key").chmod(0o604)
    with pytest.raises(UsageError, match="can be read or changed by everybody"):
        signer(environ, tmp_path)


def test_public_keys_that_everybody_may_change_are_refused(tmp_path: Path) -> None:
    environ = directory(tmp_path / "keys", signing_pub=PUBLIC.hex())
    (tmp_path / "keys" / "signing.pub").chmod(0o646)
    with pytest.raises(UsageError, match="can be changed by everybody: chmod 644"):
        public_keys(environ, tmp_path)


def test_the_public_file_alone_verifies(tmp_path: Path) -> None:
    own = signer(directory(tmp_path / "private", signing_key=SECRET), tmp_path)
    environ = directory(tmp_path / "auditor", signing_pub=f"{PUBLIC.hex()}\n")
    assert public_keys(environ, tmp_path) == {key_id_of(PUBLIC): PUBLIC}
    assert signed(own).is_signed_by(public_keys(environ, tmp_path))


def test_keys_of_before_verify_what_was_signed_before(tmp_path: Path) -> None:
    old = signer({}, tmp_path)
    (tmp_path / "keys" / "signing.key").unlink()
    new = signer({}, tmp_path)
    assert old.key_id != new.key_id
    for own in (old, new):
        assert signed(own).is_signed_by(public_keys({}, tmp_path))


@pytest.mark.parametrize("content", ["zz", "0f", f"{PUBLIC.hex()}\n0f\n", "ö"])
def test_a_public_file_that_holds_something_else_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits a line are accepted"):
        public_keys(directory(tmp_path / "keys", signing_pub=content), tmp_path)


def test_a_signer_does_not_show_its_key(tmp_path: Path) -> None:
    own = signer(directory(tmp_path / "keys", signing_key=SECRET), tmp_path)
    assert SECRET not in repr(own)
    assert repr(own) == f"Signer(key_id='{own.key_id}')"


def test_checkpoints_lie_in_the_data_directory_or_where_the_variable_says(tmp_path: Path) -> None:
    assert checkpoint_file({}, tmp_path) == tmp_path / "audit" / "checkpoints.jsonl"
    assert checkpoint_file({"VAXEL_CHECKPOINTS": ""}, tmp_path) == tmp_path / "audit" / "checkpoints.jsonl"
    assert checkpoint_file({"VAXEL_CHECKPOINTS": "/mnt/other"}, tmp_path) == Path("/mnt/other")


def test_a_checkpoint_goes_through_its_line_unchanged(tmp_path: Path) -> None:
    entry = signed(signer({}, tmp_path))
    assert checkpoint_of(entry.line()) == entry


@pytest.mark.parametrize(
    ("name", "value"),
    [("audit_no", 8), ("hash", b"\x01" * 32), ("at", datetime(2026, 5, 15, tzinfo=UTC)), ("key_id", "another")],
)
def test_a_signature_goes_over_all_of_a_checkpoint(tmp_path: Path, name: str, value: object) -> None:
    entry = signed(signer({}, tmp_path))
    keys = public_keys({}, tmp_path)
    assert entry.is_signed_by(keys)
    changed = replace(entry, **{name: value})  # type: ignore[arg-type]
    assert not changed.is_signed_by({**keys, "another": keys[entry.key_id]})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '"text"',
        "{",
        '{"audit_no": "7", "hash": "00", "at": "2026-05-15T12:00:00+00:00", "key_id": "a", "signature": "00"}',
        '{"audit_no": 7, "hash": "00", "at": "2026-05-15T12:00:00", "key_id": "a", "signature": "00"}',
        '{"audit_no": 7, "hash": "0", "at": "2026-05-15T12:00:00+00:00", "key_id": "a", "signature": "00"}',
        '{"audit_no": 7, "hash": 0, "at": "2026-05-15T12:00:00+00:00", "key_id": "a", "signature": "00"}',
    ],
)
def test_a_line_that_is_no_checkpoint_is_told_as_such(line: str) -> None:
    with pytest.raises(ValueError):
        checkpoint_of(line)
