"""The gearbox's ledger: planned changes, who approved them, when nothing may move, and an audit that can only grow.

Values and keys are canonical JSON texts (`sinks.records.values.json_text`): a decimal and an instant are JSON strings,
so nothing is rounded on the way and the same value always has the same text. What is planned is never edited: a
change's outcome is told by the audit, and by the chunk that carried it.

The ledger's role (`LEDGER_ROLE`) may add to all of it and change only the columns named in `UPDATABLE`; it can neither
update nor delete an audit row, a change or an approval.
"""

from __future__ import annotations

from typing import Final, Literal

ChangeSetKind = Literal["plan", "undo", "compensate"]
ChangeSetStatus = Literal["open", "applied", "refused", "rejected", "superseded", "expired"]
Op = Literal["insert", "update", "delete"]
Decision = Literal["go", "wait", "needs_approval", "refused"]
ChunkState = Literal["sent", "applied", "cancelled"]
AuditEvent = Literal[
    "planned",  # a change set was kept
    "approved",
    "rejected",
    "written",  # one field of one row was written
    "conflict",  # it was not: the row was no longer as planned
    "turned_down",  # it was not: the record system refuses it
    "closed",  # nothing of a change set is left to do
    "person",  # somebody was made known, got or lost a role
    "frozen",  # a freeze was declared, lifted, or a flow excepted from it
    "restored",  # a record system was put back to an older state
    "period_forced",  # a billing period is about to be closed, though the facts of it are not there
    "period_closed",  # a billing period was closed: its drafts are invoices
]

LEDGER_ROLE: Final = "vaxel_gearbox"

UPDATABLE: Final = {
    "change_set": ("status", "reason", "closed_at"),
    "chunk": ("state", "closed_at", "left_out"),
    "freeze": ("lifted_at", "lifted_by"),
    "breaker": ("state", "failures", "retry_at", "reason", "changed_at"),
}
"""Columns that the ledger's role may change; of all other tables and columns, none."""

TABLES: Final = (
    "person", "person_role", "freeze", "freeze_exception", "restore", "change_set", "change", "approval", "chunk",
    "breaker", "audit", "checkpoint",
)  # fmt: skip

DDL: Final = """
CREATE SCHEMA IF NOT EXISTS gearbox;

-- Who may approve, by the name they are told by; `folded` is the name's canonical form: one person, one row.
CREATE TABLE IF NOT EXISTS gearbox.person (
  name     text PRIMARY KEY,
  folded   text NOT NULL UNIQUE,
  added_by text NOT NULL,
  added_at timestamptz NOT NULL
);
-- Roles of a person; the newest row of a person and role counts.
CREATE TABLE IF NOT EXISTS gearbox.person_role (
  role_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person   text NOT NULL REFERENCES gearbox.person,
  role     text NOT NULL,
  is_held  boolean NOT NULL,
  given_by text NOT NULL,
  given_at timestamptz NOT NULL
);

-- When nothing may move in a system (`*`: in any), [starts_at, ends_at).
CREATE TABLE IF NOT EXISTS gearbox.freeze (
  freeze_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  system      text NOT NULL,
  starts_at   timestamptz NOT NULL,
  ends_at     timestamptz NOT NULL CHECK (ends_at > starts_at),
  reason      text NOT NULL,
  declared_by text NOT NULL,
  declared_at timestamptz NOT NULL,
  lifted_at   timestamptz,
  lifted_by   text
);
-- A flow that may move in spite of a freeze.
CREATE TABLE IF NOT EXISTS gearbox.freeze_exception (
  freeze_id bigint NOT NULL REFERENCES gearbox.freeze,
  flow      text NOT NULL,
  reason    text NOT NULL,
  given_by  text NOT NULL,
  given_at  timestamptz NOT NULL,
  PRIMARY KEY (freeze_id, flow)
);
-- A record system was put back to an older state: what we wrote before that counts as ours no longer.
CREATE TABLE IF NOT EXISTS gearbox.restore (
  restore_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  system      text NOT NULL,
  declared_by text NOT NULL,
  declared_at timestamptz NOT NULL,
  reason      text NOT NULL
);

-- One run of one flow, or the way back of one: what it would change.
CREATE TABLE IF NOT EXISTS gearbox.change_set (
  change_set_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind          text NOT NULL CHECK (kind IN ('plan', 'undo', 'compensate')),
  flow          text NOT NULL,
  flow_version  text NOT NULL,               -- declared version and digest of declaration and model
  lake_snapshot bigint NOT NULL,             -- the one lake snapshot the model read
  system        text NOT NULL,
  target_table  text NOT NULL,
  target_rows   bigint NOT NULL,             -- rows of the target when planned
  changes       bigint NOT NULL,
  changed_rows  bigint NOT NULL,
  missing_rows  bigint NOT NULL,             -- keys without a row of the target, where none may be added
  missing_keys  text[] NOT NULL,             -- the first of them
  money         numeric(18, 2),              -- what the flow's money field moves by, in the currency where that is most
  undoes        bigint REFERENCES gearbox.change_set,
  reason        text,                        -- why it was refused, rejected, superseded; or an undo asked for
  content_hash  text NOT NULL,               -- SHA-256 over the set and all its changes: what an approval is bound to
  status        text NOT NULL CHECK (status IN ('open', 'applied', 'refused', 'rejected', 'superseded', 'expired')),
  planned_by    text NOT NULL,
  planned_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  closed_at     timestamptz
);
CREATE INDEX IF NOT EXISTS change_set_open ON gearbox.change_set (flow) WHERE status = 'open';

-- One field of one row of a change set. `insert` and `delete` are told field by field, too.
CREATE TABLE IF NOT EXISTS gearbox.change (
  change_set_id bigint NOT NULL REFERENCES gearbox.change_set,
  change_no     bigint NOT NULL,             -- from 1, by key and field
  op            text NOT NULL CHECK (op IN ('insert', 'update', 'delete')),
  key           text NOT NULL,               -- JSON object of the key's columns, in the key's order
  field         text NOT NULL,
  before        text NOT NULL,               -- the precondition: the field holds it, or it is not written
  after         text NOT NULL,
  row_version   bigint,                      -- the target row's version when planned; null of a row that is added
  gates         text NOT NULL,               -- JSON: what the model told for completeness, consent and limits of money
  why           text NOT NULL,               -- JSON: evidence of the row; empty: that of the change before
  decision      text NOT NULL CHECK (decision IN ('go', 'wait', 'needs_approval', 'refused')),
  reason        text NOT NULL,               -- of the decision, as judged when planned
  not_before    timestamptz,
  PRIMARY KEY (change_set_id, change_no)
);

-- What people said of a change set; bound to its content.
CREATE TABLE IF NOT EXISTS gearbox.approval (
  approval_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  change_set_id bigint NOT NULL REFERENCES gearbox.change_set,
  content_hash  text NOT NULL,
  person        text NOT NULL,
  role          text NOT NULL,
  is_approved   boolean NOT NULL,
  is_immediate  boolean NOT NULL,            -- gears and windows do not hold it up; freezes do
  reason        text,
  decided_at    timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS approval_of_set ON gearbox.approval (change_set_id);

-- A piece of a change set on its way: written down before it is sent.
CREATE TABLE IF NOT EXISTS gearbox.chunk (
  chunk_id      uuid PRIMARY KEY,            -- the token by which the record system knows it
  change_set_id bigint NOT NULL REFERENCES gearbox.change_set,
  system        text NOT NULL,
  change_nos    bigint[] NOT NULL,
  written_rows  bigint NOT NULL,             -- rows it may write
  state         text NOT NULL CHECK (state IN ('sent', 'applied', 'cancelled')),
  sent_by       text NOT NULL,
  sent_at       timestamptz NOT NULL,
  closed_at     timestamptz,
  left_out      bigint[]                     -- change_nos that were not written: conflicts, or turned down
);
CREATE INDEX IF NOT EXISTS chunk_of_set ON gearbox.chunk (change_set_id);
CREATE INDEX IF NOT EXISTS chunk_by_time ON gearbox.chunk (system, sent_at);
CREATE INDEX IF NOT EXISTS chunk_sent ON gearbox.chunk (system) WHERE state = 'sent';

-- Whether a record system is called at all, for whoever looks; the daemon's own copy decides.
CREATE TABLE IF NOT EXISTS gearbox.breaker (
  system     text PRIMARY KEY,
  state      text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
  failures   bigint NOT NULL,
  retry_at   timestamptz,
  reason     text,
  changed_at timestamptz NOT NULL
);

-- What happened, in order; each row's hash goes over its columns and the hash before.
CREATE TABLE IF NOT EXISTS gearbox.audit (
  audit_no      bigint PRIMARY KEY,          -- 1, 2, 3 ...: a gap is a loss
  at            timestamptz NOT NULL,
  event         text NOT NULL,
  who           text NOT NULL,
  change_set_id bigint,
  change_no     bigint,
  flow          text,
  target_table  text,
  key           text,                        -- of a written field: JSON object
  field         text,
  before        text,
  after         text,
  stored        text,                        -- what the record system made of `after`, where it is something else
  detail        text,                        -- JSON: whatever else there is to say
  hash          bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_written ON gearbox.audit (target_table, key, field, (-audit_no))
  WHERE event = 'written';
CREATE INDEX IF NOT EXISTS audit_left_out ON gearbox.audit (target_table, key)
  WHERE event IN ('conflict', 'turned_down');
-- As one text, so that nobody looks for a key by it: it would be read from end to end each time.
CREATE INDEX IF NOT EXISTS audit_by_field ON gearbox.audit ((target_table || ' ' || field), audit_no)
  WHERE event = 'written';
CREATE INDEX IF NOT EXISTS audit_of_set ON gearbox.audit (change_set_id, change_no);

CREATE INDEX IF NOT EXISTS audit_of_period ON gearbox.audit (key) WHERE event IN ('period_forced', 'period_closed');

-- Signed heads of the chain.
CREATE TABLE IF NOT EXISTS gearbox.checkpoint (
  audit_no  bigint PRIMARY KEY,
  hash      bytea NOT NULL,
  at        timestamptz NOT NULL,
  key_id    text NOT NULL,                   -- start of the SHA-256 of the public key
  signature bytea NOT NULL                   -- Ed25519 over number, hash and instant
);

CREATE OR REPLACE FUNCTION gearbox.refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'gearbox.% is append-only: % is refused', TG_TABLE_NAME, TG_OP; END $$;
"""

APPEND_ONLY: Final = ("audit", "checkpoint", "change", "approval", "person_role", "freeze_exception", "restore")
"""Tables whose rows nobody changes, the owner neither: a trigger refuses."""


def ddl() -> str:
    """Statements that make the ledger and its rights, its role being there; running them again changes nothing."""
    triggers = "".join(
        f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gearbox.{table}\n"
        "  FOR EACH STATEMENT EXECUTE FUNCTION gearbox.refuse_rewrite();\n"
        for table in APPEND_ONLY
    )
    grants = "".join(f"GRANT SELECT, INSERT ON gearbox.{table} TO {LEDGER_ROLE};\n" for table in TABLES)
    updates = "".join(
        f"GRANT UPDATE ({', '.join(columns)}) ON gearbox.{table} TO {LEDGER_ROLE};\n"
        for table, columns in UPDATABLE.items()
    )
    return (
        f"{DDL}{triggers}REVOKE ALL ON ALL TABLES IN SCHEMA gearbox FROM PUBLIC;\n"
        f"GRANT USAGE ON SCHEMA gearbox TO {LEDGER_ROLE};\n{grants}{updates}"
    )
