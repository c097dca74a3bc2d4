"""The key that signs heads of the gearbox's audit, and the public keys that tell whether it did.

The private key lies beside the other keys (`signing.key`, mode 0600), made as they are: beside a local stack only. The
public ones lie in `signing.pub`, 64 hexadecimal digits a line: whoever has that file can verify. After a change of keys
the old lines stay, for they tell of what was signed before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import UsageError
from schemas.pseudonyms import KEY_BYTES
from sinks.records.gear.checkpoints import Signer, key_id_of, public_key_of, signer_of
from vaxel.keys import KEYS_FOLDER, VARIABLE, _key

PRIVATE_FILE = "signing.key"
PUBLIC_FILE = "signing.pub"
CHECKPOINTS = "VAXEL_CHECKPOINTS"
"""Variable that names the file of checkpoints; best on a disk of another machine than the database's."""


def checkpoint_file(environ: Mapping[str, str], data_dir: Path) -> Path:
    """The file outside of the database that keeps the checkpoints."""
    named = environ.get(CHECKPOINTS, "")
    return Path(named) if named else data_dir / "audit" / "checkpoints.jsonl"


def signer(environ: Mapping[str, str], data_dir: Path) -> Signer:
    """Signs with the key in `VAXEL_KEYS`, else with that of the data directory, made there if it is not.

    Raises:
        UsageError: The key is not there, cannot be read or made, is none, or everybody may read it.
    """
    directory, is_local = _directory(environ, data_dir)
    secret = _key(directory / PRIVATE_FILE, is_made=is_local)
    if is_local:
        _publish(directory / PUBLIC_FILE, public_key_of(secret))
    return signer_of(secret)


def public_keys(environ: Mapping[str, str], data_dir: Path) -> dict[str, bytes]:
    """Public keys by their names: the lines of `signing.pub`, and that of `signing.key` where it is there.

    Beside a local stack that has never signed anything there are none.

    Raises:
        UsageError: There are none where `VAXEL_KEYS` says, a line is no key, or everybody may change the file.
    """
    directory, is_local = _directory(environ, data_dir)
    known = _published(directory / PUBLIC_FILE)
    if (directory / PRIVATE_FILE).exists():
        known.append(public_key_of(_key(directory / PRIVATE_FILE, is_made=False)))
    if not known and not is_local:
        raise UsageError(
            f"there is no {PUBLIC_FILE} in {directory}: copy it from where the gearbox runs, "
            "or sign a first checkpoint: vaxel gearbox checkpoint"
        )
    return {key_id_of(public): public for public in known}


def _directory(environ: Mapping[str, str], data_dir: Path) -> tuple[Path, bool]:
    """Where the keys are, and whether they are those of a local stack."""
    named = environ.get(VARIABLE, "")
    return (Path(named), False) if named else (data_dir / KEYS_FOLDER, True)


def _published(path: Path) -> list[bytes]:
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii")
        keys = [bytes.fromhex(line) for line in text.split()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read the public keys {path}: {error.strerror}") from error
    except ValueError:  # neither ASCII nor hexadecimal
        keys, mode = [b""], 0
    if mode & stat.S_IWOTH:
        raise UsageError(f"the public keys {path} can be changed by everybody: chmod 644 {path}")
    if any(len(key) != KEY_BYTES for key in keys):
        raise UsageError(
            f"{path} holds something else than keys: {2 * KEY_BYTES} hexadecimal digits a line are accepted"
        )
    return keys


def _publish(path: Path, public: bytes) -> None:
    """Adds the key to the file, unless it is in it."""
    if public in _published(path):
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        with os.fdopen(handle, "w") as file:
            file.write(f"{public.hex()}\n")
            file.flush()
            os.fsync(handle)
    except OSError as error:
        raise UsageError(f"cannot write the public keys {path}: {error.strerror}") from error
