"""`vaxel evidence verify` needs a file and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sinks.records.billing.evidence_file import digest
from sinks.records.billing.evidence_signature import signed
from sinks.records.gear.checkpoints import public_key_of, signer_of
from tests.unit.records.billing.billed_evidence import june
from vaxel.__main__ import run

SECRET = bytes(range(32))
PUBLIC = public_key_of(SECRET)


def _verify(document: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    file = tmp_path / "bill.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    code = run(["evidence", "verify", str(file), *more])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_what_fits_is_told_with_its_total_and_whoever_signed_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = signed(june(), PUBLIC, signer_of(SECRET).sign)
    code, told = _verify(whole, tmp_path, capsys, "--key", PUBLIC.hex())
    assert (code, PUBLIC.hex() in told) == (0, True)
    assert f"come to {whole['invoice']['total']} SEK" in told
    assert _verify(june(), tmp_path, capsys) == (
        0,
        told.replace(f"signed with the key {PUBLIC.hex()}", "it is not signed"),
    )


def test_each_thing_that_does_not_fit_is_a_sentence_and_the_exit_code_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = signed(june(), PUBLIC, signer_of(SECRET).sign)
    whole["invoice"]["total"] = "1.00"
    whole["digest"] = digest(whole)
    code, told = _verify(whole, tmp_path, capsys)
    assert code == 1
    assert "The invoice's total is 1.00" in told
    assert "not what was signed" in told


def test_an_unsigned_file_does_not_pass_for_a_signed_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = _verify(june(), tmp_path, capsys, "--key", PUBLIC.hex())
    assert (code, "not signed with the key" in told) == (1, True)
    other = signed(june(), public_key_of(bytes(32)), signer_of(bytes(32)).sign)
    assert _verify(other, tmp_path, capsys, "--key", PUBLIC.hex())[0] == 1


def test_no_json_and_no_file_are_wrong_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _verify("{", tmp_path, capsys)[0] == 2
    assert run(["evidence", "verify", str(tmp_path / "none.json")]) == 2
    assert _verify([1], tmp_path, capsys)[0] == 1
