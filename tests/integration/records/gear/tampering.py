"""What an owner of the database can do to a ledger: statements, and what the check says of them."""

from __future__ import annotations

MIDDLE = "audit_no = (SELECT min(audit_no) + 1 FROM gearbox.audit WHERE event = 'written')"
LAST = "(SELECT max(audit_no) FROM gearbox.audit)"

REWRITTEN = {
    "audit_no": "audit_no = 1000",
    "at": "at = at + interval '1 microsecond'",
    "event": "event = 'approved'",
    "who": "who = who || ' '",
    "change_set_id": "change_set_id = change_set_id + 1",
    "change_no": "change_no = change_no + 1",
    "flow": "flow = 'erp.sales_usage'",
    "target_table": "target_table = 'erp.material'",
    "key": """key = '{"customer_id":"cu-99"}'""",
    "field": "field = 'next_best_action'",
    "before": "before = '7'",
    "after": "after = '7'",
    "stored": "stored = '7'",
    "detail": """detail = '{"it":"was told otherwise"}'""",
    "hash": r"hash = '\x00'::bytea || substr(hash, 2)",
}


AUDIT_TAMPERED = {
    "the middle deleted": ([f"DELETE FROM gearbox.audit WHERE {MIDDLE}"], "Audit row [0-9]+ is missing"),
    "the first deleted": (["DELETE FROM gearbox.audit WHERE audit_no = 1"], "Audit row 1 is missing"),
    "several deleted": (["DELETE FROM gearbox.audit WHERE audit_no BETWEEN 4 AND 6"], "Audit rows 4 to 6 are missing"),
    "the last deleted": ([f"DELETE FROM gearbox.audit WHERE audit_no = {LAST}"], "ends at row"),
    "the last five deleted": ([f"DELETE FROM gearbox.audit WHERE audit_no > {LAST} - 5"], "ends at row"),
    "the last five and their checkpoint deleted": (
        [
            f"DELETE FROM gearbox.checkpoint WHERE audit_no = {LAST}",
            f"DELETE FROM gearbox.audit WHERE audit_no > {LAST} - 5",
        ],
        "ends at row",
    ),
    "emptied": (["TRUNCATE gearbox.audit"], "ends at row 0"),
    "emptied with the checkpoints": (["TRUNCATE gearbox.audit, gearbox.checkpoint"], "ends at row 0"),
    "the whole ledger emptied": (
        ["TRUNCATE gearbox.audit, gearbox.checkpoint, gearbox.change_set, gearbox.person, gearbox.freeze CASCADE"],
        "ends at row 0",
    ),
    "two swapped": (
        [
            "UPDATE gearbox.audit SET audit_no = -1 WHERE audit_no = 5",
            "UPDATE gearbox.audit SET audit_no = 5 WHERE audit_no = 6",
            "UPDATE gearbox.audit SET audit_no = 6 WHERE audit_no = -1",
        ],
        "Audit row 5 is not as it was written",
    ),
    "one inserted, the others moved": (
        [
            "UPDATE gearbox.audit SET audit_no = -audit_no - 1 WHERE audit_no >= 5",
            "UPDATE gearbox.audit SET audit_no = -audit_no WHERE audit_no < 0",
            "INSERT INTO gearbox.audit SELECT 5, at, event, who, change_set_id, change_no, flow, target_table, key,"
            " field, before, after, stored, detail, hash FROM gearbox.audit WHERE audit_no = 4",
        ],
        "Audit row 5 is not as it was written",
    ),
    "one appended": (
        [
            "INSERT INTO gearbox.audit SELECT audit_no + 1, at, event, who, change_set_id, change_no, flow,"
            f" target_table, key, field, before, after, stored, detail, hash FROM gearbox.audit WHERE audit_no = {LAST}"
        ],
        "is not as it was written",
    ),
    "one doubled": (
        [
            "ALTER TABLE gearbox.audit DROP CONSTRAINT audit_pkey",
            "INSERT INTO gearbox.audit SELECT * FROM gearbox.audit WHERE audit_no = 5",
        ],
        "Audit row 5 is there twice",
    ),
    "numbered anew after a loss": (
        [
            "DELETE FROM gearbox.audit WHERE audit_no = 5",
            "UPDATE gearbox.audit SET audit_no = -audit_no + 1 WHERE audit_no > 5",
            "UPDATE gearbox.audit SET audit_no = -audit_no WHERE audit_no < 0",
        ],
        "Audit row 5 is not as it was written",
    ),
    "all moved by one": (
        [
            "UPDATE gearbox.audit SET audit_no = -audit_no - 1",
            "UPDATE gearbox.audit SET audit_no = -audit_no",
        ],
        "Audit row 1 is missing",
    ),
    "time turned back": (
        ["UPDATE gearbox.audit SET at = at - interval '1 day' WHERE audit_no = 5"],
        "Audit row 5 is told to be older",
    ),
}  # fmt: skip


FIRST_SIGNED = "(SELECT min(audit_no) FROM gearbox.checkpoint)"
CHECKPOINT_TAMPERED = {
    "number": f"UPDATE gearbox.checkpoint SET audit_no = audit_no - 1 WHERE audit_no = {FIRST_SIGNED}",
    "hash": r"UPDATE gearbox.checkpoint SET hash = '\x00'::bytea || substr(hash, 2)",
    "instant": "UPDATE gearbox.checkpoint SET at = at + interval '1 microsecond'",
    "key": "UPDATE gearbox.checkpoint SET key_id = 'another'",
    "signature": r"UPDATE gearbox.checkpoint SET signature = '\x00'::bytea || substr(signature, 2)",
    "signature emptied": r"UPDATE gearbox.checkpoint SET signature = ''",
    "first deleted": f"DELETE FROM gearbox.checkpoint WHERE audit_no = {FIRST_SIGNED}",
    "last deleted": "DELETE FROM gearbox.checkpoint WHERE audit_no = (SELECT max(audit_no) FROM gearbox.checkpoint)",
    "all deleted": "DELETE FROM gearbox.checkpoint",
    "one invented": "INSERT INTO gearbox.checkpoint"
    " SELECT 3, hash, at, key_id, signature FROM gearbox.checkpoint LIMIT 1",
}


LEDGER_TAMPERED = {
    "a change's value": """UPDATE gearbox.change SET after = '"never"' WHERE change_no = 4""",
    "a change's old value": """UPDATE gearbox.change SET before = '"never"' WHERE change_no = 4""",
    "a change's key": """UPDATE gearbox.change SET key = '{"customer_id":"cu-99"}' WHERE change_no = 4""",
    "a change's field": "UPDATE gearbox.change SET field = 'next_best_action' WHERE change_no = 4",
    "a change's kind": "UPDATE gearbox.change SET op = 'delete' WHERE change_no = 4",
    "a change's evidence": """UPDATE gearbox.change SET why = '{"it":"rains"}' WHERE change_no = 4""",
    "a change of a set that was not applied": """UPDATE gearbox.change SET after = '1' WHERE change_set_id = 2""",
    "a change deleted": "DELETE FROM gearbox.change WHERE change_no = 6",
    "all changes of a set deleted": "DELETE FROM gearbox.change WHERE change_set_id = 2",
    "a change numbered anew": "UPDATE gearbox.change SET change_no = 7 WHERE change_no = 6",
    "a change of a set that was not applied numbered anew": (
        "UPDATE gearbox.change SET change_no = 7 WHERE change_set_id = 2"
    ),
    "a change added": "INSERT INTO gearbox.change SELECT change_set_id, 7, op, key, field, before, after, row_version,"
    " gates, why, decision, reason, not_before FROM gearbox.change WHERE change_no = 6",
    "a set's hash": "UPDATE gearbox.change_set SET content_hash = repeat('0', 64) WHERE change_set_id = 1",
    "a set's author": "UPDATE gearbox.change_set SET planned_by = 'Eva Berg' WHERE change_set_id = 1",
    "a set's flow": "UPDATE gearbox.change_set SET flow = 'erp.sales_usage' WHERE change_set_id = 1",
    "a set's lake snapshot": "UPDATE gearbox.change_set SET lake_snapshot = 8 WHERE change_set_id = 1",
    "a set deleted": "DELETE FROM gearbox.change_set WHERE change_set_id = 2",
    "a set deleted with its changes": "WITH gone AS (DELETE FROM gearbox.change WHERE change_set_id = 2)"
    " DELETE FROM gearbox.change_set WHERE change_set_id = 2",
    "an approval of another content": "UPDATE gearbox.approval SET content_hash = repeat('0', 64) WHERE is_approved",
    "an approval of another set": "UPDATE gearbox.approval SET change_set_id = 2 WHERE is_approved",
    "an approval by another": "UPDATE gearbox.approval SET person = 'Ulf Lind' WHERE is_approved",
    "an approval in another role": "UPDATE gearbox.approval SET role = 'boss' WHERE is_approved",
    "an approval made one for now": "UPDATE gearbox.approval SET is_immediate = true WHERE is_approved",
    "an approval's reason": "UPDATE gearbox.approval SET reason = 'why not' WHERE is_approved",
    "a rejection made an approval": "UPDATE gearbox.approval SET is_approved = true WHERE NOT is_approved",
    "an approval deleted": "DELETE FROM gearbox.approval WHERE is_approved",
    "an approval invented": "INSERT INTO gearbox.approval (change_set_id, content_hash, person, role, is_approved,"
    " is_immediate, reason, decided_at) SELECT change_set_id, content_hash, 'Ulf Lind', role, is_approved,"
    " is_immediate, reason, decided_at FROM gearbox.approval WHERE is_approved",
    "a chunk deleted": "DELETE FROM gearbox.chunk WHERE left_out = '{}'",
    "a chunk cancelled": "UPDATE gearbox.chunk SET state = 'cancelled' WHERE left_out = '{}'",
    "a chunk that left nothing out": "UPDATE gearbox.chunk SET left_out = '{}' WHERE left_out <> '{}'",
    "a chunk that left more out": "UPDATE gearbox.chunk SET left_out = '{4}' WHERE left_out = '{}'",
    "a chunk that carried more": "UPDATE gearbox.chunk SET change_nos = '{4,5,6,7}' WHERE left_out = '{}'",
    "a chunk doubled": "INSERT INTO gearbox.chunk SELECT gen_random_uuid(), change_set_id, system, change_nos,"
    " written_rows, state, sent_by, sent_at, closed_at, left_out FROM gearbox.chunk",
    "a role given": "INSERT INTO gearbox.person_role (person, role, is_held, given_by, given_at)"
    " VALUES ('Ulf Lind', 'sales_lead', true, 'Anna Holm', now())",
    "a role taken": "DELETE FROM gearbox.person_role WHERE role = 'sales_lead'",
    "a person added": "INSERT INTO gearbox.person VALUES ('Eva Berg', 'eva berg', 'Anna Holm', now())",
    "a person removed": "DELETE FROM gearbox.person WHERE name = 'Ulf Lind'",
    "a freeze removed": "DELETE FROM gearbox.freeze WHERE freeze_id = 1",
    "a freeze lifted": "UPDATE gearbox.freeze SET lifted_at = now(), lifted_by = 'Bo Ek' WHERE freeze_id = 1",
    "a freeze shortened": "UPDATE gearbox.freeze SET ends_at = ends_at - interval '1 hour' WHERE freeze_id = 1",
    "a flow excepted": "INSERT INTO gearbox.freeze_exception VALUES (2, 'crm.tested', 'why', 'Bo Ek', now())",
    "an exception removed": "DELETE FROM gearbox.freeze_exception",
    "a restore invented": "INSERT INTO gearbox.restore (system, declared_by, declared_at, reason)"
    " VALUES ('crm', 'Bo Ek', now(), 'so that nothing is ours')",
    "a restore removed": "DELETE FROM gearbox.restore",
    "a restore of another system": "UPDATE gearbox.restore SET system = 'crm'",
    "a restore by another": "UPDATE gearbox.restore SET declared_by = 'Ulf Lind'",
    "a restore put later": "UPDATE gearbox.restore SET declared_at = declared_at + interval '1 day'",
    "a restore's reason": "UPDATE gearbox.restore SET reason = 'why not'",
}  # fmt: skip
