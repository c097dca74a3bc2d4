"""`vaxel gearbox people | freeze | verify | checkpoint` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from schemas.errors import UsageError, VaxelError
from sinks.records.database import session
from sinks.records.gear import audit, places
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.checkpoints import lines
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.telling import FLOW, NOW, declared_flows
from vaxel.commands import gearbox_audit
from vaxel.commands.gearbox_people import freeze_app, instant, people_app
from vaxel.gearbox_checkpoints import checkpointing

pytestmark = pytest.mark.postgres

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """`call("people", "list")` gives the exit code and what was printed; it is `NOW`, and the user is `installer`."""
    known = {
        "VAXEL_KAFKA": "nowhere:1",
        "VAXEL_LAKE_CATALOG": "postgresql://nowhere:1/lake",
        "VAXEL_LAKE_FILES": "nowhere",
        "VAXEL_RECORDS": ledger.owner,
        "VAXEL_DATA_DIR": str(tmp_path),
        "LOGNAME": "installer",
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    for name in ("VAXEL_LEDGER", "VAXEL_KEYS", "VAXEL_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    stopped = places.Clock(now=lambda: NOW)
    monkeypatch.setattr(places, "Clock", lambda: stopped)
    app = typer.Typer()
    app.add_typer(people_app, name="people")
    app.add_typer(freeze_app, name="freeze")
    app.command("verify")(gearbox_audit.verify)
    app.command("checkpoint")(gearbox_audit.checkpoint)
    main = typer.main.get_command(app)

    def call(*arguments: str) -> tuple[int, str]:
        try:
            code = main.main(list(arguments), standalone_mode=False)
        except VaxelError as error:
            code = error.exit_code
            typer.echo(str(error))
        captured = capsys.readouterr()
        return int(code or 0), captured.out + captured.err

    with declared_flows():
        yield call


def done(call: Call, *arguments: str) -> str:
    code, text = call(*arguments)
    assert code == 0, text
    return text


def reported(call: Call, *arguments: str) -> Any:
    return json.loads(done(call, *arguments, "--json"))


@pytest.fixture
def people(call: Call) -> None:
    """Anna Holm keeps the people, Bo Ek the calendar."""
    done(call, "people", "add", "Anna Holm")
    done(call, "people", "add", "Bo Ek", "--by", "anna holm")
    done(call, "people", "give", "Bo Ek", "calendar_keeper", "--by", "Anna Holm")


def test_people_are_added_and_given_roles_and_listed(call: Call) -> None:
    assert "nobody is known yet" in done(call, "people", "list")
    first = done(call, "people", "add", " Anna  Holm")
    assert first.startswith("Anna Holm is known now, and holds the role people_keeper")
    assert "people add NAME --by 'Anna Holm'" in first
    assert done(call, "people", "add", "ANNA HOLM", "--by", "Anna Holm") == "Anna Holm is known already\n"
    second = done(call, "people", "add", "Bo Ek", "--by", "Anna Holm")
    assert second.startswith("Bo Ek is known now\ngive a role: vaxel gearbox people give 'Bo Ek' ROLE --by 'Anna Holm'")
    assert done(call, "people", "give", "Bo Ek", "sales_lead", "--by", "Anna Holm") == "Bo Ek is sales_lead now\n"
    assert done(call, "people", "give", "Bo Ek", "sales_lead", "--by", "Anna Holm") == "Bo Ek is sales_lead already\n"

    added_at = NOW.isoformat().replace("+00:00", "Z")
    assert reported(call, "people", "list") == {
        "people": [
            {"name": "Anna Holm", "roles": ["people_keeper"], "added_by": "installer", "added_at": added_at},
            {"name": "Bo Ek", "roles": ["sales_lead"], "added_by": "Anna Holm", "added_at": added_at},
        ],
        "vacant_roles": ["calendar_keeper"],
    }
    done(call, "people", "take", "Bo Ek", "sales_lead", "--by", "Anna Holm")
    assert "nobody is calendar_keeper, sales_lead" in done(call, "people", "list")


def test_a_call_that_may_not_be_says_who_may(call: Call, people: None) -> None:
    code, text = call("people", "give", "Anna Holm", "sales_lead", "--by", "Bo Ek")
    assert (code, text) == (
        2, "Bo Ek cannot give roles: that needs the role people_keeper. Anna Holm can.\n",
    )  # fmt: skip
    assert call("people", "add", "Eva Berg")[1].startswith("Nobody is known as 'installer'")


def test_a_freeze_is_declared_listed_excepted_from_and_lifted(call: Call, people: None) -> None:
    told = done(call, "freeze", "declare", "crm", "--until", "2026-05-31", "--reason", "stock taking", "--by", "Bo Ek")
    assert told.startswith(
        "freeze 1: nothing moves in crm from 2026-05-15 12:00 UTC to 2026-06-01 00:00 UTC\nlift it: vaxel gearbox "
    )
    done(call, "freeze", "except", "1", FLOW, "--reason", "a recall", "--by", "Bo Ek")
    listed = done(call, "freeze", "list")
    assert "in force" in listed
    assert FLOW in listed
    done(call, "freeze", "lift", "1", "--by", "Bo Ek")

    assert done(call, "freeze", "list") == "nothing is frozen, nor is to be\n"
    (row,) = reported(call, "freeze", "list", "--all")
    assert (row["freeze"], row["system"], row["starts_at"], row["ends_at"]) == (
        1, "crm", "2026-05-15T12:00:00+00:00", "2026-06-01T00:00:00+00:00",
    )  # fmt: skip
    assert (row["excepted"], row["lifted_by"], row["declared_by"]) == ([FLOW], "Bo Ek", "Bo Ek")


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-05-03", datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-03 14:03", datetime(2026, 5, 3, 14, 3, tzinfo=UTC), datetime(2026, 5, 3, 14, 3, tzinfo=UTC)),
        ("2026-05-03T14:03+02:00", datetime(2026, 5, 3, 12, 3, tzinfo=UTC), datetime(2026, 5, 3, 12, 3, tzinfo=UTC)),
    ],
)
def test_a_day_alone_counts_whole(text: str, begin: datetime, end: datetime) -> None:
    assert instant(text, is_end=False) == begin
    assert instant(text, is_end=True) == end


@pytest.mark.parametrize("text", ["", "soon", "2026-W18", "2026-13-01"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no instant"):
        instant(text, is_end=False)


def test_verify_tells_what_is_under_a_signature(call: Call, people: None) -> None:
    assert done(call, "verify").startswith("audit of 4 rows, 0 of them under a signature: as it was written\nsign the ")
    assert done(call, "checkpoint").startswith("signed up to row 4 with key ")
    assert done(call, "verify") == "audit of 4 rows, 4 of them under a signature: as it was written\n"
    assert reported(call, "verify") == {"rows": 4, "signed_rows": 4, "checkpoints": 1, "faults": []}


def test_an_empty_audit_has_nothing_to_sign(call: Call) -> None:
    assert done(call, "checkpoint") == "nothing to sign: the audit is empty\n"
    assert done(call, "verify") == "audit of 0 rows, 0 of them under a signature: as it was written\n"


def test_verify_ends_with_1_where_something_was_changed(call: Call, people: None, ledger: Ledger) -> None:
    done(call, "checkpoint")
    with psycopg.connect(ledger.owner) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE gearbox.audit SET who = 'Eva Berg' WHERE audit_no = 2")

    code, text = call("verify")
    assert code == 1
    assert text.startswith("Audit row 2 is not as it was written, or does not follow the row before it.\n")
    code, text = call("verify", "--json")
    assert code == 1
    assert json.loads(text)["faults"]


def test_a_lost_ledger_is_found_by_the_file_alone(call: Call, people: None, ledger: Ledger) -> None:
    done(call, "checkpoint")
    with psycopg.connect(ledger.owner) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("TRUNCATE gearbox.audit, gearbox.checkpoint, gearbox.person, gearbox.person_role")

    code, text = call("verify")
    assert code == 1
    assert "Row 4 of the audit was signed, and the audit ends at row 0: rows are lost." in text


def test_what_runs_beside_signs_at_the_end_and_in_between(call: Call, ledger: Ledger, tmp_path: Path) -> None:
    known = places.places({}, "", ledger.owner)
    told: list[str] = []
    with session(ledger.dsn) as connection:
        with checkpointing(known, tmp_path, told.append, every_s=0.01):
            audit.append(connection, [AuditRow("closed", "gearbox")], NOW)
            while not lines(tmp_path / "audit" / "checkpoints.jsonl"):
                pass
        with checkpointing(known, tmp_path, told.append, every_s=1000):
            audit.append(connection, [AuditRow("closed", "gearbox")], NOW)
    assert len(lines(tmp_path / "audit" / "checkpoints.jsonl")) == 2
    assert told == []


def test_what_runs_beside_tells_once_that_it_cannot_sign(call: Call, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    known = places.places({}, "", ledger.owner)
    told: list[str] = []
    with session(ledger.dsn) as connection:
        audit.append(connection, [AuditRow("closed", "gearbox")], NOW)
    with checkpointing(known, tmp_path, told.append, every_s=0.01):
        while not told:
            pass
    assert len(told) == 1
    assert told[0].startswith("the audit is not signed: Cannot write the checkpoint file")
