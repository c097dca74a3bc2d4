"""A customer's file: what fits passes, and whatever is changed in it is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from sinks.records.billing.evidence_check import faults
from sinks.records.billing.evidence_file import digest, document
from sinks.records.billing.evidence_signature import signed, signer_of
from sinks.records.gear.checkpoints import public_key_of
from sinks.records.gear.checkpoints import signer_of as key_of
from tests.unit.records.billing.billed import JUNE, MAY
from tests.unit.records.billing.billed_evidence import JUNE_20, ON_TIME, PRICED, june
from tests.unit.records.billing.tables import (
    as_held,
    contract_row,
    lines_of,
    produced,
    records,
)

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def evidence() -> dict[str, Any]:
    return june()


def test_what_billing_made_fits(evidence: dict[str, Any]) -> None:
    assert faults(evidence) == []
    components = {(line["usage_period"], line["component"]) for line in evidence["lines"]}
    assert {("2026-05-01", "usage"), ("2026-06-01", "usage"), ("2026-06-01", "base")} <= components
    assert any(line["billed_before"] for line in evidence["lines"])


def test_it_is_small_and_names_nobody(evidence: dict[str, Any]) -> None:
    text = json.dumps(evidence)
    assert len(text) < 10_000
    assert "cu-1" not in text


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from _leaves(part, (*path, place))
    else:
        yield path


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if value is None or value in ([], {}):
        return "x"
    text = str(value)
    return text[:-1] + ("1" if text[-1] != "1" else "2") if text else "x"


def _tampered(evidence: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(evidence)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = _other(place[path[-1]])
    return changed


def test_every_field_that_is_changed_is_told(evidence: dict[str, Any]) -> None:
    for path in _leaves(evidence):
        assert faults(_tampered(evidence, path)), path


FREE = {"reason", "code_version", "issued_at"}
"""What nothing else in the file follows from: only digest and signature keep it."""


def test_every_field_that_is_changed_is_told_even_with_a_new_digest(evidence: dict[str, Any]) -> None:
    unnoticed = set()
    for path in _leaves(evidence):
        if path == ("digest",):
            continue
        changed = _tampered(evidence, path)
        changed["digest"] = digest(changed)
        if not faults(changed):
            unnoticed.add(path[-1])
    assert unnoticed <= FREE, unnoticed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["lines"].pop(), "its lines come to"),
        (lambda d: d["lines"].append(d["lines"][0]), "holds a line twice"),
        (lambda d: next(iter(d["sessions"].values())).pop(), "another Merkle root"),
        (lambda d: next(iter(d["sessions"].values())).reverse(), "are not each there once, in order"),
        (lambda d: d["sessions"].clear(), "are not in the file"),
        (lambda d: d["tariffs"].clear(), "the terms it goes by are not in the file"),
        (lambda d: d["lines"][0].update(note="paid"), "other fields than a line has"),
        (lambda d: d.update(discount="1"), "what no evidence has: discount"),
        (lambda d: d.update(lines=7), "cannot be read to its end"),
    ],
)
def test_whoever_changes_parts_and_the_digest_is_told_what_does_not_fit(
    evidence: dict[str, Any], change: Callable[[dict[str, Any]], Any], told: str
) -> None:
    changed = copy.deepcopy(evidence)
    change(changed)
    changed["digest"] = digest(changed)
    assert told in " ".join(faults(changed))


def test_a_dearer_price_with_all_hashes_made_anew_does_not_fit_the_amounts(evidence: dict[str, Any]) -> None:
    from sinks.records.billing.terms import version

    changed = copy.deepcopy(evidence)
    for old, tariff in list(changed["tariffs"].items()):
        tariff["prices"][0]["unit_price"] = "14"
        new = version(tariff)
        changed["tariffs"][new] = changed["tariffs"].pop(old)
        for line in changed["lines"]:
            if line["price_version"] == old:
                line["price_version"] = new
    changed["digest"] = digest(changed)
    assert "sessions and prices come to" in " ".join(faults(changed))


def test_the_signature_is_over_all_of_it(evidence: dict[str, Any]) -> None:
    key, public = key_of(SECRET), public_key_of(SECRET)
    whole = signed(evidence, public, key.sign)
    assert signer_of(whole) == public.hex()
    assert faults(whole) == []
    assert signer_of(evidence) is None
    changed = _tampered(whole, ("lines", 0, "reason"))
    changed["digest"] = digest(changed)
    for broken in (changed, *(_tampered(whole, ("signature", name)) for name in ("signature", "public_key"))):
        with pytest.raises(ValueError, match="does not fit"):
            signer_of(broken)


def test_another_kind_of_file_is_told() -> None:
    others: list[Any] = [[], {}, {"format": "vaxel billing evidence 2"}]
    for other in others:
        assert faults(other)


def test_a_line_of_a_contract_that_is_paid_for_no_more_fits() -> None:
    may_lines = lines_of(produced(*ON_TIME), records(prices=PRICED))
    may_lines = [line for line in may_lines if line["period"] == MAY]
    known = records(as_held(may_lines), closed=[MAY], prices=PRICED)
    back = lines_of(produced(contract_row(as_of=JUNE_20, number=2)), known)
    own = [line for line in back if line["contract_no"] == "ct-1"]
    assert sum(line["amount"] for line in own) == -sum(line["amount"] for line in may_lines)
    told = document(
        as_held(own),
        as_held(may_lines),
        {
            "contract_no": "ct-1", "period": JUNE, "status": "draft", "currency": "SEK", "issued_at": None,
            "total": sum((line["amount"] for line in own), Decimal(0)),
        },
        {}, {}, {},
    )  # fmt: skip
    assert faults(told) == []
