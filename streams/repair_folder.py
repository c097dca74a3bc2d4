"""The folder of a repair on disk: its rule, the uploads it made fit, and which of them are back.

In          uploads that are fit, places that Kafka has acknowledged
Out         the files of `schemas.repairs`
Guarantee   a file of uploads is there whole or not at all; an acknowledgement is on disk when `write` returns
            what uploads hold is sealed (`schemas.sealing`); places, device and number are not
On failure  OutsideError: what could not be read or written, and why
            UsageError: somebody else brings the same repair back, or the key is not the one that sealed it

Locks are `flock`s, which the system drops with their process, however it ends: on the folder while uploads are
repaired, on the file of acknowledgements while they are brought back.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import OutsideError, UsageError
from schemas.forms import arrow_schema
from schemas.repairs import ACKNOWLEDGED_FILE, REPAIRS_FOLDER, RULE_FILE, UPLOADS_FILES, RepairedUpload
from schemas.sealing import context_of, is_sealed, seal, unseal
from streams.repair import Fit, Held
from streams.repair_rule import AS_IS, Rule

ROWS_AT_ONCE = 1_000


class RepairFolder:
    """One repair's folder."""

    def __init__(self, path: Path, sealing_key: bytes | None = None) -> None:
        """Args: sealing_key: Without it uploads are written as they are, and sealed ones are an error."""
        self.path = path
        self._sealing_key = sealing_key

    @property
    def name(self) -> str:
        """As the uploads that come back say it in their header."""
        return self.path.name

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder, and wait until nobody else adds to it: of two at once the second sees what the first did."""
        with _on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with _on_disk(self.path):
                fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def keep_rule(self, text: str) -> None:
        """Make the folder and the rule in it, as it was written first: another spelling of it changes nothing."""
        with _on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / RULE_FILE).exists():
                part = self.path / f"{RULE_FILE}.part"
                part.write_text(text, encoding="utf-8")
                part.replace(self.path / RULE_FILE)

    def add(self, fits: Iterable[Fit]) -> int:
        """Write these uploads into a file of their own; returns how many. None make no file. While `alone`."""
        stream = iter(fits)
        first = list(islice(stream, 1))
        if not first:
            return 0
        with _on_disk(self.path):
            number = int(self._files()[-1].stem.rpartition("-")[2]) + 1 if self._files() else 1
            file = self.path / UPLOADS_FILES.replace("*", f"{number:04}")
            part = file.with_name(f"{file.name}.part")
            written = 0
            with pq.ParquetWriter(part, arrow_schema(RepairedUpload), compression="zstd") as writer:
                stream = chain(first, stream)
                while rows := [self._row(fit) for fit in islice(stream, ROWS_AT_ONCE)]:
                    writer.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(RepairedUpload)))
                    written += len(rows)
            _sync(part)
            part.replace(file)
            return written

    def places(self) -> set[str]:
        """Places of all uploads in the folder."""
        with _on_disk(self.path):
            tables = [pq.read_table(file, columns=["topic", "partition", "offset"]) for file in self._files()]
        rows = chain.from_iterable(table.to_pylist() for table in tables)
        return {_held(row | {"device_id": None, "before": b""}).place for row in rows}

    def uploads(self) -> Iterator[Fit]:
        """All of them, in the order they were repaired."""
        for file in self._files():
            with _on_disk(file), pq.ParquetFile(file) as parts:
                for batch in parts.iter_batches(ROWS_AT_ONCE):
                    for row in map(self._opened, batch.to_pylist()):
                        yield Fit(_held(row), row["device_id"], row["seq"], row["after"])

    def count(self) -> int:
        """How many uploads the folder holds."""
        with _on_disk(self.path):
            return sum(pq.read_metadata(file).num_rows for file in self._files())

    def acknowledged(self) -> set[str]:
        """Places of the uploads that Kafka has acknowledged. A last line that a crash cut off does not count."""
        with _on_disk(self.path):
            file = self.path / ACKNOWLEDGED_FILE
            return set(_whole_lines(file.read_bytes()).decode().splitlines()) if file.exists() else set()

    @contextmanager
    def acknowledgements(self) -> Iterator[Acknowledgements]:
        """The file of acknowledgements, open to be added to, by one process at a time.

        Raises:
            UsageError: another brings this repair back right now.
        """
        with _on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            file = self.path / ACKNOWLEDGED_FILE
        with _on_disk(file), file.open("ab", buffering=0) as output:
            try:
                fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                told = f"another vaxel failed replay brings back {self.name} right now"
                raise UsageError(f"{told}: wait until it is done, or stop it") from error
            output.truncate(len(_whole_lines(file.read_bytes())))
            yield Acknowledgements(output.fileno())

    def _files(self) -> list[Path]:
        return sorted(self.path.glob(UPLOADS_FILES))

    def _row(self, fit: Fit) -> dict[str, object]:
        place = fit.held.topic, fit.held.partition, fit.held.offset
        row = dict(zip(("topic", "partition", "offset"), place, strict=True))
        row |= {"device_id": fit.device_id, "seq": fit.seq}
        for name, value in (("before", fit.held.original), ("after", fit.value)):
            key = self._sealing_key
            row[name] = value if key is None else seal(key, value, context_of(f"repair-{name}", *place))
        return row

    def _opened(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with its uploads as they are; older folders hold them so."""
        place = row["topic"], row["partition"], row["offset"]
        return row | {name: self._open(row[name], context_of(f"repair-{name}", *place)) for name in ("before", "after")}

    def _open(self, value: bytes, context: bytes) -> bytes:
        if not is_sealed(value):
            return value
        try:
            if self._sealing_key is None:
                raise ValueError("they are sealed, and there is no key")
            return unseal(self._sealing_key, value, context)
        except ValueError as error:
            raise UsageError(f"cannot open the uploads of repair {self.name}: {error}") from error


class Acknowledgements:
    """Writes down what Kafka has acknowledged."""

    def __init__(self, file: int) -> None:
        self._file = file

    def write(self, places: Iterable[str]) -> None:
        """On disk when this returns."""
        lines = "".join(f"{place}\n" for place in places).encode()
        while lines:
            lines = lines[os.write(self._file, lines) :]
        os.fsync(self._file)


def folder_of_rule(data_dir: Path, rule: Rule, sealing_key: bytes | None = None) -> RepairFolder:
    """Where this rule's repair is, or will be."""
    return RepairFolder(data_dir / REPAIRS_FOLDER / rule.folder_name, sealing_key)


def folder_as_is(data_dir: Path) -> RepairFolder:
    """Where is written down what came back unchanged."""
    return RepairFolder(data_dir / REPAIRS_FOLDER / AS_IS)


def acknowledged_by_any(data_dir: Path) -> dict[str, set[str]]:
    """Places of all uploads that Kafka has acknowledged on their way back, and the repairs they came back by."""
    found: dict[str, set[str]] = {}
    for file in sorted((data_dir / REPAIRS_FOLDER).glob(f"*/{ACKNOWLEDGED_FILE}")):
        folder = RepairFolder(file.parent)
        for place in folder.acknowledged():
            found.setdefault(place, set()).add(folder.name)
    return found


def find_folder(data_dir: Path, name: str, sealing_key: bytes | None = None) -> RepairFolder:
    """The one repair whose folder's name begins like that.

    Raises:
        UsageError: there is none, or more than one; the message lists what there is.
    """
    there = sorted(file.parent for file in (data_dir / REPAIRS_FOLDER).glob(f"*/{RULE_FILE}"))
    names = [path.name for path in there]
    exact = [path for path in there if path.name == name or path.name.rpartition("-")[0] == name]
    found = exact or [path for path in there if path.name.startswith(name)]
    if not found:
        known = f"there are {', '.join(names)}" if names else "make one: vaxel failed repair RULE.toml"
        raise UsageError(f"there is no repair {name!r} in {data_dir / REPAIRS_FOLDER}; {known}")
    if len(found) > 1:
        raise UsageError(f"{name!r} may be any of {', '.join(path.name for path in found)}: say which")
    return RepairFolder(found[0], sealing_key)


def _held(row: dict[str, object]) -> Held:
    return Held(row["topic"], row["partition"], row["offset"], row["device_id"], "", row["before"])  # type: ignore[arg-type]


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    """Turns errors of the disk inside into the outside errors they are."""
    try:
        yield
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise OutsideError(f"Cannot read or write {str(path)!r}: {error}") from error
