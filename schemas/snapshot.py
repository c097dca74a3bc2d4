"""The contracts of one release as data: what readers and writers have to agree on, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any

from schemas.errors import UsageError
from schemas.fields import Contract
from schemas.forms import Column, columns
from schemas.records import RecordTable
from schemas.topics import Topic
from schemas.uploads import Upload
from schemas.versions import contracts_of

Sums = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class FieldForm:
    """What one field may hold, as far as readers and writers have to agree on it."""

    kind: str
    is_list: bool = False
    is_nullable: bool = False
    has_null_elements: bool = False
    is_required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    choices: tuple[str, ...] | None = None
    max_length: int | None = None
    unit: str = ""
    data_class: str = ""
    meaning: str = ""

    def type_name(self) -> str:
        """Such as `list of float`, `int or null`, `str, may be left out`."""
        words = f"list of {self.kind}" if self.is_list else self.kind
        words += " or null" if self.is_nullable else ""
        return words if self.is_required else f"{words}, may be left out"

    def range_text(self) -> str:
        """What values are accepted, in words; empty for all."""
        if self.choices is not None:
            return f"one of {' '.join(self.choices)}"
        if self.pattern is not None:
            return self.pattern
        least, most = (None if end is None else f"{Decimal(end):f}" for end in (self.minimum, self.maximum))
        if least is None:
            return "" if most is None else f"{most} or less"
        return f"{least} or more" if most is None else f"{least} to {most}"


@dataclass(frozen=True)
class TopicForm:
    """What readers and writers of a topic have to agree on."""

    key: str
    form: str
    contracts: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """All contracts of one release: contracts of topics and lake, topics, tables of record systems.

    Attributes:
        sums: By contract, for those that have some: fields with the parts that have to add up to them.
    """

    release: str
    contracts: Mapping[str, Mapping[str, FieldForm]]
    topics: Mapping[str, TopicForm]
    tables: Mapping[str, Mapping[str, FieldForm]]
    sums: Mapping[str, Sums] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a file holds it; what is as by default is left out."""
        return {
            "release": self.release,
            "contracts": {name: _json_fields(held) for name, held in self.contracts.items()},
            "topics": {name: asdict(topic) for name, topic in self.topics.items()},
            "tables": {name: _json_fields(held) for name, held in self.tables.items()},
            "sums": {name: {total: list(parts) for total, parts in held.items()} for name, held in self.sums.items()},
        }

    @classmethod
    def from_json(cls, found: Any) -> Snapshot:
        """The snapshot in a file's JSON.

        Raises:
            UsageError: it is none.
        """
        try:
            return cls(
                str(found["release"]),
                {name: _fields(held) for name, held in found["contracts"].items()},
                {
                    name: TopicForm(topic["key"], topic["form"], tuple(topic["contracts"]))
                    for name, topic in found["topics"].items()
                },
                {name: _fields(held) for name, held in found["tables"].items()},
                {
                    name: {total: tuple(parts) for total, parts in held.items()}
                    for name, held in found.get("sums", {}).items()
                },
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"no snapshot of contracts: {error!r}; accepted is what `python -m schemas.published RELEASE` writes"
            ) from error


def snapshot(
    release: str, contracts: Iterable[type[Contract]], topics: Iterable[Topic], tables: Iterable[RecordTable]
) -> Snapshot:
    """The contracts as they are, under the name of a release."""
    models = list(contracts)
    return Snapshot(
        release,
        {model.__name__: {column.name: field_form(column) for column in columns(model)} for model in models},
        {
            topic.name: TopicForm(topic.key, topic.form, tuple(model.__name__ for model in contracts_of(topic)))
            for topic in topics
        },
        {
            table.full_name: {
                column.name: FieldForm(
                    column.kind,
                    is_nullable=column.nullable,
                    is_required=not column.nullable,
                    unit=column.unit,
                    data_class=column.data_class,
                    meaning=column.meaning,
                )
                for column in table.columns
            }
            for table in tables
        },
        {model.__name__: dict(model.sums) for model in models if issubclass(model, Upload) and model.sums},
    )


def field_form(column: Column) -> FieldForm:
    """The field of a contract, as readers and writers see it."""
    return FieldForm(
        column.value.kind,
        column.is_list,
        column.nullable,
        column.is_list and column.value.nullable,
        not column.is_addition,
        column.value.minimum,
        column.value.maximum,
        column.value.pattern,
        column.value.choices,
        column.max_length,
        column.unit,
        column.data_class,
        column.meaning,
    )


def _json_fields(held: Mapping[str, FieldForm]) -> dict[str, Any]:
    defaults = {own.name: own.default for own in fields(FieldForm) if own.default is not MISSING}
    return {
        name: {key: value for key, value in asdict(form).items() if key == "kind" or value != defaults[key]}
        for name, form in held.items()
    }


def _fields(held: Mapping[str, Mapping[str, Any]]) -> dict[str, FieldForm]:
    return {
        name: FieldForm(**{**form, "choices": tuple(form["choices"])} if "choices" in form else form)
        for name, form in held.items()
    }
