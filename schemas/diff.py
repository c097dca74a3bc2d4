"""Whether two versions of the contracts can live together, and where not.

Backward: new readers read old data. Forward: old readers read new data. Both together are full compatibility, which a
release keeps with the one before it: a released contract may only gain fields that may be left out; anything else is a
new version, a contract of its own (what Confluent's
registry calls FULL). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.snapshot import FieldForm, Snapshot, TopicForm

Direction = Literal["backward", "forward"]
BOTH: frozenset[Direction] = frozenset(["backward", "forward"])
NEITHER: frozenset[Direction] = frozenset()


@dataclass(frozen=True)
class Change:
    """One difference: where, what, and which directions it breaks. A change that breaks none is told all the same."""

    where: str
    what: str
    breaks: frozenset[Direction]


def differences(old: Snapshot, new: Snapshot) -> list[Change]:
    """Every difference, in the order of the old snapshot, then what is new."""
    return [
        *_of_named("contract", old.contracts, new.contracts),
        *_of_sums(old, new),
        *_of_named("table", old.tables, new.tables),
        *_of_topics(old.topics, new.topics),
    ]


def field_changes(where: str, old: FieldForm, new: FieldForm) -> Iterator[Change]:
    """How a field of one name differs."""
    for why in obstacles(new, old):
        yield Change(where, f"new readers, old data: {why}", frozenset(["backward"]))
    for why in obstacles(old, new):
        yield Change(where, f"old readers, new data: {why}", frozenset(["forward"]))
    if old.unit != new.unit:
        yield Change(where, f"unit {old.unit!r} became {new.unit!r}: the same number means something else", BOTH)
    if old.data_class != new.data_class:
        yield Change(where, f"class {old.data_class!r} became {new.data_class!r}", NEITHER)
    if old.meaning != new.meaning:
        yield Change(where, f"meaning is now: {new.meaning}", NEITHER)


def obstacles(reader: FieldForm, writer: FieldForm) -> Iterator[str]:
    """Why a reader cannot take everything that a writer may write; nothing if it can."""
    if (reader.kind, reader.is_list) != (writer.kind, writer.is_list) and not (
        reader.is_list == writer.is_list and (reader.kind, writer.kind) == ("float", "int")
    ):
        yield f"{_type(reader)} is read, {_type(writer)} is written"
    if writer.is_nullable and not reader.is_nullable:
        yield "it may be null"
    if writer.has_null_elements and not reader.has_null_elements:
        yield "its elements may be null"
    if reader.is_required and not writer.is_required:
        yield "it may be left out"
    if reader.minimum is not None and (writer.minimum is None or writer.minimum < reader.minimum):
        yield f"it may be below {reader.minimum:g}"
    if reader.maximum is not None and (writer.maximum is None or writer.maximum > reader.maximum):
        yield f"it may be above {reader.maximum:g}"
    if reader.max_length is not None and (writer.max_length is None or writer.max_length > reader.max_length):
        yield f"it may be longer than {reader.max_length}"
    if reader.pattern is not None and reader.pattern != writer.pattern:
        yield f"texts of pattern {reader.pattern} are read, {writer.pattern or 'any'} are written"
    if reader.choices is not None:
        unknown = None if writer.choices is None else sorted(set(writer.choices) - set(reader.choices))
        if unknown is None:
            yield f"only {', '.join(reader.choices)} are read, any text is written"
        elif unknown:
            yield f"it may be {', '.join(unknown)}"


def _of_named(
    what: str, old: Mapping[str, Mapping[str, FieldForm]], new: Mapping[str, Mapping[str, FieldForm]]
) -> Iterator[Change]:
    for name, held in old.items():
        if name not in new:
            yield Change(name, f"{what} is gone: nobody reads its data any more", BOTH)
        else:
            yield from _of_fields(name, held, new[name])
    yield from (Change(name, f"{what} is new", NEITHER) for name in new if name not in old)


def _of_fields(name: str, old: Mapping[str, FieldForm], new: Mapping[str, FieldForm]) -> Iterator[Change]:
    for field, form in old.items():
        where = f"{name}.{field}"
        if field in new:
            yield from field_changes(where, form, new[field])
        elif form.is_required:
            yield Change(where, "field is gone: old readers need it, new ones lose what old data say", BOTH)
        else:
            yield Change(where, "field is gone: new readers lose what old data say", frozenset(["backward"]))
    for field, form in new.items():
        if field not in old:
            if form.is_required:
                needed = "field is new and has to be there: old data lack it"
                yield Change(f"{name}.{field}", needed, frozenset(["backward"]))
            else:
                yield Change(f"{name}.{field}", "field is new and may be left out", NEITHER)


def _of_sums(old: Snapshot, new: Snapshot) -> Iterator[Change]:
    """Sums that have to hold, of contracts that are in both.

    Total and parts go together: data that say none of them keep the rule, all others may not.
    """
    for name in (name for name in old.contracts if name in new.contracts):
        before, after = old.sums.get(name, {}), new.sums.get(name, {})
        for total in dict.fromkeys([*before, *after]):
            where, was, now = f"{name}.{total}", before.get(total), after.get(total)
            if was is not None and now is not None:
                if set(was) != set(now):
                    yield Change(where, f"the sum of {_listed(was)} became the sum of {_listed(now)}", BOTH)
            elif now is not None:
                is_said = not old.contracts[name].keys().isdisjoint([total, *now])
                why = "old data need not add up" if is_said else "old data say none of them"
                yield Change(where, f"has to be the sum of {_listed(now)} now: {why}", _if(is_said, "backward"))
            elif was is not None:
                is_said = not new.contracts[name].keys().isdisjoint([total, *was])
                why = "new data need not add up" if is_said else "new data say none of them"
                yield Change(where, f"was the sum of {_listed(was)}: {why}", _if(is_said, "forward"))


def _of_topics(old: Mapping[str, TopicForm], new: Mapping[str, TopicForm]) -> Iterator[Change]:
    for name, topic in old.items():
        if name not in new:
            yield Change(name, "topic is gone", BOTH)
            continue
        found = new[name]
        if topic.key != found.key:
            yield Change(name, f"key {topic.key!r} became {found.key!r}: records change their partition", BOTH)
        if topic.form != found.form:
            yield Change(name, f"form {topic.form!r} became {found.form!r}", BOTH)
        for contract in topic.contracts:
            if contract not in found.contracts:
                yield Change(name, f"{contract} is no longer read from it", frozenset(["backward"]))
        for contract in found.contracts:
            if contract not in topic.contracts:
                yield Change(name, f"{contract} is new on it: readers first, then writers", NEITHER)
    yield from (Change(name, "topic is new", NEITHER) for name in new if name not in old)


def _type(field: FieldForm) -> str:
    return f"list of {field.kind}" if field.is_list else field.kind


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _if(breaks: bool, direction: Direction) -> frozenset[Direction]:
    return frozenset([direction]) if breaks else NEITHER
