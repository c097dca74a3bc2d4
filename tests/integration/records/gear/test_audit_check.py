"""Whatever is done to the audit, or behind its back, is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from schemas.gearbox_ledger import ddl
from sinks.records.database import session
from sinks.records.gear import audit, sets
from sinks.records.gear.audit_check import AuditReport
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.checkpoints import signer_of, write_checkpoint
from sinks.records.gear.systems import ledger_address
from tests.integration.records.gear.story import (
    LATER,
    OTHER_SECRET,
    SIGNER,
    Story,
    database,
    forge,
    rechain,
    tell_half,
    tell_rest,
)
from tests.integration.records.gear.tampering import (
    AUDIT_TAMPERED,
    CHECKPOINT_TAMPERED,
    LAST,
    LEDGER_TAMPERED,
    MIDDLE,
    REWRITTEN,
)
from tests.integration.records.gear.telling import FLOW, NOW, declared_flows

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def told(postgres_dsn: str, ledger_role: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A story to be copied."""
    file = tmp_path_factory.mktemp("audit") / "checkpoints.jsonl"
    with database(postgres_dsn) as owner, declared_flows():
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(ddl().encode())
        dsn = ledger_address({}, owner)
        change_set_id = tell_half(dsn)
        with session(dsn) as connection:
            write_checkpoint(connection, SIGNER, NOW, file)
            tell_rest(dsn, change_set_id)
            last = write_checkpoint(connection, SIGNER, LATER, file)
        assert last is not None
        yield Story(owner, file, last.audit_no)


@pytest.fixture
def story(postgres_dsn: str, told: Story, tmp_path: Path) -> Iterator[Story]:
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(told.file.read_bytes())
    with database(postgres_dsn, told.owner) as owner:
        yield replace(told, owner=owner, file=file)


def test_what_nobody_touched_has_no_fault(story: Story) -> None:
    assert story.check() == AuditReport(story.rows, story.rows, 2, [])


def test_each_column_of_the_audit_is_rewritten_by_a_test() -> None:
    assert tuple(REWRITTEN) == audit.COLUMNS


@pytest.mark.parametrize("column", REWRITTEN)
def test_a_column_of_a_row_in_the_middle_that_was_rewritten_is_found(story: Story, column: str) -> None:
    story.tamper(f"UPDATE gearbox.audit SET {REWRITTEN[column]} WHERE {MIDDLE}")
    assert any("is not as it was written" in fault for fault in story.check().faults)


@pytest.mark.parametrize(
    "column", [name for name in REWRITTEN if name not in ("audit_no", "event", "who", "hash", "at")]
)
def test_a_column_that_was_emptied_is_found(story: Story, column: str) -> None:
    row = f"audit_no = (SELECT min(audit_no) FROM gearbox.audit WHERE {column} IS NOT NULL)"
    story.tamper(f"UPDATE gearbox.audit SET {column} = NULL WHERE {row}")
    assert any("is not as it was written" in fault for fault in story.check().faults)


@pytest.mark.parametrize("what", AUDIT_TAMPERED)
def test_an_audit_that_was_tampered_with_is_found(story: Story, what: str) -> None:
    statements, expected = AUDIT_TAMPERED[what]
    story.tamper(*statements)
    assert any(re.search(expected, fault) for fault in story.check().faults), story.check().faults


def test_a_history_that_was_chained_anew_is_not_the_signed_one(story: Story) -> None:
    rechain(story, "UPDATE gearbox.audit SET who = 'Eva Berg' WHERE audit_no = 3")
    faults = story.check().faults
    assert f"The audit up to row {story.rows} is another one than the one that was signed." in faults
    assert not any("not as it was written" in fault for fault in faults)


def test_a_history_chained_anew_and_signed_with_another_key_is_found(story: Story) -> None:
    rechain(story, "UPDATE gearbox.audit SET who = 'Eva Berg' WHERE audit_no = 3")
    forge(story, signer_of(OTHER_SECRET))
    faults = story.check().faults
    assert any("is forged: its key" in fault for fault in faults)
    assert any("is another one than the one that was signed" in fault for fault in faults)


def test_a_checkpoint_signed_by_another_under_the_known_key_s_name_is_found(story: Story) -> None:
    rechain(story, "UPDATE gearbox.audit SET who = 'Eva Berg' WHERE audit_no = 3")
    forge(story, replace(signer_of(OTHER_SECRET), key_id=SIGNER.key_id))
    assert any("is forged: its signature is not valid" in fault for fault in story.check().faults)


def test_rows_lost_and_told_anew_are_found(story: Story) -> None:
    story.tamper(
        f"DELETE FROM gearbox.checkpoint WHERE audit_no = {LAST}",
        f"DELETE FROM gearbox.audit WHERE audit_no > {LAST} - 5",
    )
    with session(story.owner) as connection, connection.transaction():
        audit.append(connection, [AuditRow("restored", "gearbox", detail="{}")] * 9, LATER)
    assert f"The audit up to row {story.rows} is another one than the one that was signed." in story.check().faults


@pytest.mark.parametrize("what", CHECKPOINT_TAMPERED)
def test_checkpoints_of_the_ledger_that_were_tampered_with_are_found(story: Story, what: str) -> None:
    story.tamper(CHECKPOINT_TAMPERED[what])
    assert any("checkpoint" in fault for fault in story.check().faults)


@pytest.mark.parametrize("what", LEDGER_TAMPERED)
def test_a_ledger_that_was_tampered_with_is_unlike_its_audit(story: Story, what: str) -> None:
    story.tamper(LEDGER_TAMPERED[what])
    assert story.check().faults


def test_a_change_whose_hashes_were_all_made_anew_is_unlike_what_the_audit_told(story: Story) -> None:
    story.tamper("UPDATE gearbox.change SET after = '1' WHERE change_set_id = 2")
    with session(story.owner) as connection:
        anew = sets.load(connection, 2).change_set.content_hash()
    story.tamper(
        f"UPDATE gearbox.change_set SET content_hash = '{anew}' WHERE change_set_id = 2",
        f"UPDATE gearbox.approval SET content_hash = '{anew}' WHERE change_set_id = 2",
    )
    faults = story.check().faults
    assert "Change set 2 is not the one whose plan the audit tells." in faults
    assert any("'rejected'" in fault for fault in faults)


def test_a_written_row_that_no_chunk_carried_is_found(story: Story) -> None:
    with session(story.owner) as connection, connection.transaction():
        row = AuditRow(
            "written", "gearbox", 2, 1, FLOW, "crm.customer", '{"customer_id":"cu-9"}', "engagement", "null", "1"
        )
        audit.append(connection, [row], LATER)
    faults = story.check().faults
    assert "Change 1 of change set 2 was applied never, and the audit tells it once." in faults
    assert f"Audit row {story.rows + 1} tells another change 1 of change set 2." in faults


def test_a_line_of_the_file_that_is_none_is_found(story: Story) -> None:
    with story.file.open("a") as file:
        file.write("[]\n")
    assert "Line 3 of the checkpoint file is no checkpoint." in story.check().faults


def test_a_file_that_was_shortened_is_found(story: Story) -> None:
    first, last = story.file.read_text().splitlines()
    story.file.write_text(f"{last}\n")
    assert any(fault.startswith("The checkpoint file lacks") for fault in story.check().faults)
    story.file.write_text(f"{first}\n")  # the newest one may be on its way into the file
    assert story.check().faults == []
    story.file.write_text("")
    assert "The checkpoint file is empty or not there, and the ledger has 2 checkpoints." in story.check().faults


def test_rows_after_the_newest_checkpoint_are_told_as_not_signed(story: Story) -> None:
    with session(story.owner) as connection, connection.transaction():
        audit.append(connection, [AuditRow("closed", "gearbox")], LATER)
    assert story.check() == AuditReport(story.rows + 1, story.rows, 2, [])


def test_many_faults_of_one_kind_are_counted(story: Story) -> None:
    story.tamper("UPDATE gearbox.audit SET who = who || '!'")
    faults = story.check().faults
    assert sum("not as it was written" in fault for fault in faults) == 20
    assert f"And {story.rows - 20} more of kind 'hash'." in faults


def test_restores_that_no_gearbox_wrote_are_told(story: Story) -> None:
    """Whatever is in them, the check goes on to its end."""
    story.tamper(
        "INSERT INTO gearbox.restore (system, declared_by, declared_at, reason) VALUES ('erp', 'Bo Ek', 'infinity', '')"
    )
    with session(story.owner) as connection, connection.transaction():
        audit.append(connection, [AuditRow("restored", "Bo Ek", detail='{"system":["erp"],"reason":{}}')], LATER)
    faults = story.check().faults
    assert sum("was put back, by Bo Ek" in fault for fault in faults) == 2
    assert any("infinity" in fault for fault in faults)
