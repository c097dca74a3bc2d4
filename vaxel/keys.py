"""The two secrets of an installation: what makes pseudonyms of people, and what seals what consents guard.

They lie in a directory of their own, one file each, 64 hexadecimal digits. Beside a local stack they are made when they
are first asked for. Where `VAXEL_KEYS` names the directory they have to be there: a key made by mistake would give each
person a second pseudonym.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import UsageError
from schemas.pseudonyms import KEY_BYTES

VARIABLE = "VAXEL_KEYS"
PSEUDONYM_FILE = "pseudonym.key"
SEALING_FILE = "sealing.key"

KEYS_FOLDER = "keys"
_ACCEPTED = f"{2 * KEY_BYTES} hexadecimal digits are accepted, as `openssl rand -hex {KEY_BYTES}` makes them"
_READABLE_BY_ALL = stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True)
class Keys:
    """Both secrets, `KEY_BYTES` long each; never shown.

    Attributes:
        pseudonym: Makes pseudonyms of customer numbers.
        sealing: Seals what may be read under a consent only.
    """

    pseudonym: bytes = field(repr=False)
    sealing: bytes = field(repr=False)


def keys(environ: Mapping[str, str], data_dir: Path) -> Keys:
    """The keys in `VAXEL_KEYS`, else those of the data directory, made there if they are not.

    Raises:
        UsageError: A key is not there, cannot be read or made, is none, or everybody may read it.
    """
    named = environ.get(VARIABLE, "")
    directory = Path(named) if named else data_dir / KEYS_FOLDER
    return Keys(*(_key(directory / name, is_made=not named) for name in (PSEUDONYM_FILE, SEALING_FILE)))


def known_keys(environ: Mapping[str, str], data_dir: Path) -> Keys:
    """The keys that are there: none is made, since a key made now would fit nothing of what is there.

    Raises:
        UsageError: as of `keys`, and where there are none.
    """
    return keys({VARIABLE: environ.get(VARIABLE) or str(data_dir / KEYS_FOLDER)}, data_dir)


def _key(path: Path, *, is_made: bool) -> bytes:
    try:
        if is_made and not path.exists():
            _make(path)
        mode, text = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"there is no key {path}: {_ACCEPTED}, in a file of mode 0600") from error
    except OSError as error:
        raise UsageError(f"cannot read or make the key {path}: {error.strerror}") from error
    if mode & _READABLE_BY_ALL:
        raise UsageError(f"the key {path} can be read or changed by everybody: chmod 600 {path}")
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError(f"{path} holds no key: {_ACCEPTED}")
    return key


def _make(path: Path) -> None:
    """A new key, whole or not at all, unless another process has just made one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(whole, path)
    finally:
        whole.unlink()
