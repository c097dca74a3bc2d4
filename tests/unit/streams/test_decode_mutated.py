"""Uploads with values replaced or bytes changed: a batch lets in exactly what the contract lets in."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.evolution import lifted
from schemas.forms import arrow_schema
from schemas.uploads import ShoeUpload, Upload, WasherUpload
from streams.refusal import Refused, examine
from tests.unit.examples import examples
from tests.unit.streams.building import a_shoe_upload, a_washer_upload
from tests.unit.streams.refused import FORMS, VERSIONS, decoded

UPLOADS: dict[type[Upload], dict[str, Any]] = {WasherUpload: a_washer_upload(), ShoeUpload: a_shoe_upload()}


def as_newest(uploads: dict[int, Upload], versions: tuple[type[Upload], ...]) -> dict[int, dict[str, Any]]:
    """The fields of uploads after they were lifted to the newest version, by the same numbers."""
    newest: dict[int, dict[str, Any]] = {}
    for version in versions:
        mine = {row: upload.model_dump() for row, upload in uploads.items() if type(upload) is version}
        rows = pa.Table.from_pylist(list(mine.values()), schema=arrow_schema(version))
        newest |= zip(mine, lifted(rows, version, versions).to_pylist(), strict=True)
    return newest


# Values and pieces of text that have broken one parser or another.
FRAGMENTS = ["null", "true", "0", "-0.0", "1.5", "1e3", "1e999", "-1", "NaN", "[]", "{}", "[1,]", '""', '"7"', '"x"',
             '"\\u0000"', '"\\ud800"', "9007199254740993", ",",
             "]", "}", '"', "\\", "\0", "\xff", '"seq":1,']  # fmt: skip


@st.composite
def mutated_uploads(draw: st.DrawFn) -> tuple[type[Upload], list[bytes]]:
    """Uploads of one product, most of them with values replaced or bytes changed."""
    model = draw(st.sampled_from(list(UPLOADS)))
    rng = Random(draw(st.integers(0, 2**32)))
    forms = rng.sample(FORMS[model], rng.randint(1, len(FORMS[model])))
    return model, [_mutated(rng.choice(forms), rng) for _ in range(60)]


def _mutated(upload: dict[str, Any], rng: Random) -> bytes:
    fields = {name: json.dumps(value) for name, value in upload.items()}
    for _ in range(rng.choice([0, 1, 1, 2])):
        name = rng.choice(list(fields))
        fragments = [json.dumps(value) for value in upload.values()] + FRAGMENTS[:17]
        fields[name] = rng.choice(fragments)
    if rng.random() < 0.05:
        fields["schema_version"] = rng.choice(
            ["1", "1", '"1"', "1.0", "2", '"2"', "2.0", "3", "null", "true", "[2]", '"x"']
        )
    value = ("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}").encode()
    for _ in range(rng.choice([0, 0, 1, 2])):
        at = rng.randrange(len(value))
        value = value[:at] + rng.choice(FRAGMENTS).encode("latin-1") + value[at + rng.randrange(3) :]
    return value


@examples(8)
@given(mutated_uploads())
def test_the_batch_lets_in_exactly_what_the_contract_lets_in(drawn: tuple[type[Upload], list[bytes]]) -> None:
    model, values = drawn
    result = decoded(*values, model=model)
    found: dict[int, object] = dict(zip(result.rows.to_pylist(), result.uploads.to_pylist(), strict=True))
    found.update(result.refused)
    assert sorted(found) == list(range(len(values))), "each upload is in exactly one of both"
    verdicts = dict(enumerate(examine(value, VERSIONS[model]) for value in values))
    sound = {row: verdict for row, verdict in verdicts.items() if not isinstance(verdict, Refused)}
    expected: dict[int, object] = {**verdicts, **as_newest(sound, VERSIONS[model])}
    for row, value in enumerate(values):
        assert found[row] == expected[row], value
