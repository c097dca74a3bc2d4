"""Where the secrets of an installation come from."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.errors import UsageError
from schemas.pseudonyms import KEY_BYTES
from vaxel.keys import keys

HEX = "0f" * KEY_BYTES


def directory_with(folder: Path, *, pseudonym: str = HEX, sealing: str = HEX, mode: int = 0o600) -> dict[str, str]:
    """The environment that names a directory with these two files."""
    folder.mkdir()
    for name, content in (("pseudonym.key", pseudonym), ("sealing.key", sealing)):
        (folder / name).write_text(content)
        (folder / name).chmod(mode)
    return {"VAXEL_KEYS": str(folder)}


def test_keys_are_made_once_beside_a_local_stack(tmp_path: Path) -> None:
    first = keys({}, tmp_path / "data")
    assert keys({"VAXEL_KEYS": ""}, tmp_path / "data") == first
    assert len(first.pseudonym) == len(first.sealing) == KEY_BYTES
    assert first.pseudonym != first.sealing
    assert keys({}, tmp_path / "other").pseudonym != first.pseudonym


def test_made_keys_are_for_their_owner_alone_and_nothing_lies_beside_them(tmp_path: Path) -> None:
    keys({}, tmp_path)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert files == {"pseudonym.key": 0o600, "sealing.key": 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_processes_that_start_together_have_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: keys({}, tmp_path), range(32)))
    assert {(own.pseudonym, own.sealing) for own in found} == {(found[0].pseudonym, found[0].sealing)}


def test_a_named_directory_is_read(tmp_path: Path) -> None:
    environ = directory_with(tmp_path / "secret", pseudonym=f"{'ab' * KEY_BYTES}\n")
    assert keys(environ, tmp_path).pseudonym == bytes.fromhex("ab" * KEY_BYTES)
    assert keys(environ, tmp_path).sealing == bytes.fromhex(HEX)
    assert not (tmp_path / "keys").exists()


def test_in_a_named_directory_no_key_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"there is no key {tmp_path}/pseudonym.key: 64 hexadecimal digits")):
        keys({"VAXEL_KEYS": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("content", ["", "ab", "zz" * KEY_BYTES, HEX + "00", "ä" * KEY_BYTES, "\x00" * KEY_BYTES])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, content: str) -> None:
    environ = directory_with(tmp_path / "secret", sealing=content)
    with pytest.raises(UsageError) as caught:
        keys(environ, tmp_path)
    accepted = "64 hexadecimal digits are accepted, as `openssl rand -hex 32` makes them"
    assert str(caught.value) == f"{tmp_path}/secret/sealing.key holds no key: {accepted}"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_key_that_everybody_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    environ = directory_with(tmp_path / "secret", mode=mode)
    with pytest.raises(UsageError, match="can be read or changed by everybody: chmod 600"):
        keys(environ, tmp_path)


def test_a_directory_that_cannot_be_one_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(UsageError, match="cannot read or make the key"):
        keys({}, tmp_path)


def test_keys_are_never_shown(tmp_path: Path) -> None:
    assert repr(keys(directory_with(tmp_path / "secret"), tmp_path)) == "Keys()"
