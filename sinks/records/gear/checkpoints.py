"""Signed heads of the audit, kept in the ledger and in a file outside of the database, out of its owner's reach."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.errors import OutsideError
from sinks.records.database import Connection
from sinks.records.gear.audit import head, lock
from sinks.records.gear.chain import instant_text

PublicKeys = Mapping[str, bytes]
"""Public keys (32 bytes) by `key_id_of`."""


@dataclass(frozen=True)
class Signer:
    """Signs heads; the private key stays behind `sign`."""

    key_id: str
    sign: Callable[[bytes], bytes] = field(repr=False)


@dataclass(frozen=True)
class Checkpoint:
    """The audit's head at an instant: row number, its hash, and who says so."""

    audit_no: int
    hash: bytes
    at: datetime
    key_id: str
    signature: bytes = b""

    def message(self) -> bytes:
        """What is signed: number, hash and instant, and what they are."""
        told = ["vaxel gearbox audit", self.audit_no, self.hash.hex(), instant_text(self.at), self.key_id]
        return json.dumps(told).encode()

    def is_signed_by(self, keys: PublicKeys) -> bool:
        """Whether one of these keys signed it."""
        public = keys.get(self.key_id)
        if public is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, self.message())
        except InvalidSignature:
            return False
        return True

    def line(self) -> str:
        """It as a line of the file, without the line's end."""
        return json.dumps(
            {
                "audit_no": self.audit_no,
                "hash": self.hash.hex(),
                "at": instant_text(self.at),
                "key_id": self.key_id,
                "signature": self.signature.hex(),
            }
        )


def checkpoint_of(line: str) -> Checkpoint:
    """The checkpoint that a line of the file holds.

    Raises:
        ValueError: It holds none.
    """
    try:
        told = json.loads(line)
        at = datetime.fromisoformat(told["at"])
        number, key_id = told["audit_no"], told["key_id"]
        if at.tzinfo is None or not isinstance(number, int) or not isinstance(key_id, str):
            raise ValueError("a number, a key's name and an instant with its time zone are accepted")
        return Checkpoint(number, bytes.fromhex(told["hash"]), at, key_id, bytes.fromhex(told["signature"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no checkpoint: {type(error).__name__}") from error


def key_id_of(public: bytes) -> str:
    """How a public key is called: the start of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def public_key_of(secret: bytes) -> bytes:
    """The public key (32 bytes) of a private one (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def signer_of(secret: bytes) -> Signer:
    """Signs with a private key (32 bytes)."""
    return Signer(key_id_of(public_key_of(secret)), Ed25519PrivateKey.from_private_bytes(secret).sign)


def write_checkpoint(connection: Connection, signer: Signer, at: datetime, file: Path) -> Checkpoint | None:
    """Signs the audit's head, in the ledger and then in the file; None: the audit is empty.

    A head that is signed already is not signed again. What the ledger has signed with this key and the file lacks, as
    after a crash between the two, is written to the file now.

    Raises:
        OutsideError: The file cannot be written.
    """
    with connection.transaction():
        lock(connection)  # so nobody signs the same head at the same time
        number, hashed, newest = head(connection)
        if number == 0:
            return None
        known = stored(connection)
        made = next((entry for entry in known if entry.audit_no == number), None)
        if made is None:
            unsigned = Checkpoint(number, hashed, max(at, newest), signer.key_id)
            made = replace(unsigned, signature=signer.sign(unsigned.message()))
            connection.execute(
                "INSERT INTO gearbox.checkpoint (audit_no, hash, at, key_id, signature) VALUES (%s, %s, %s, %s, %s)",
                [made.audit_no, made.hash, made.at, made.key_id, made.signature],
            )
            known.append(made)
    own = [entry for entry in known if entry.key_id == signer.key_id]
    _keep(file, [entry.line() for entry in own if signer.sign(entry.message()) == entry.signature])
    return made


def stored(connection: Connection) -> list[Checkpoint]:
    """The checkpoints that the ledger holds, by number."""
    rows = connection.execute("SELECT * FROM gearbox.checkpoint ORDER BY audit_no")
    return [_checkpoint(row) for row in rows]


def lines(file: Path) -> list[str]:
    """The whole lines of the file; none where there is no file.

    Raises:
        OutsideError: It cannot be read.
    """
    try:
        return _whole(file.read_bytes()).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutsideError(f"Cannot read the checkpoint file {file}: {error.strerror}.") from error


def _checkpoint(row: dict[str, Any]) -> Checkpoint:
    return Checkpoint(row["audit_no"], bytes(row["hash"]), row["at"], row["key_id"], bytes(row["signature"]))


def _whole(content: bytes) -> bytes:
    """Without a last line that a crash cut off."""
    return content[: content.rfind(b"\n") + 1]


def _keep(file: Path, wanted: Sequence[str]) -> None:
    """Makes sure that the file holds these lines, on the disk."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        is_new = not file.exists()
        with file.open("a+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            _append(opened, wanted)
        if is_new:
            directory = os.open(file.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
    except OSError as error:
        raise OutsideError(f"Cannot write the checkpoint file {file}: {error.strerror}.") from error


def _append(opened: BinaryIO, wanted: Sequence[str]) -> None:
    opened.seek(0)
    content = opened.read()
    whole = _whole(content)
    held = set(whole.decode(errors="replace").splitlines())
    missing = [line for line in wanted if line not in held]
    if not missing:
        return
    if len(whole) < len(content):
        opened.truncate(len(whole))
    opened.write("".join(f"{line}\n" for line in missing).encode())
    opened.flush()
    os.fsync(opened.fileno())
