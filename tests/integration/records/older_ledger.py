"""The ledger as it was before it had approvals, so that tests can meet one."""

from __future__ import annotations

DDL = """
CREATE SCHEMA IF NOT EXISTS gearbox;

-- One run of one flow: what it would change, judged.
CREATE TABLE IF NOT EXISTS gearbox.change_set (
  change_set_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow          text NOT NULL,
  flow_version  text NOT NULL,               -- declared version and digest of declaration and model
  lake_snapshot bigint NOT NULL,             -- the one lake snapshot the model read
  target_table  text NOT NULL,
  target_rows   bigint NOT NULL,             -- rows of the target when planned
  missing_keys  jsonb NOT NULL,              -- first keys the model names and the target does not hold
  missing_rows  bigint NOT NULL,             -- how many such keys; a flow changes rows, it does not add any
  status        text NOT NULL CHECK (status IN ('planned', 'refused', 'superseded', 'applied')),
  reason        text,                        -- why it was refused
  planned_by    text NOT NULL,
  planned_at    timestamptz NOT NULL DEFAULT now(),
  applied_by    text,
  applied_at    timestamptz
);

-- One field of one row of a change set.
CREATE TABLE IF NOT EXISTS gearbox.change (
  change_set_id bigint NOT NULL REFERENCES gearbox.change_set,
  change_no     bigint NOT NULL,
  key           jsonb NOT NULL,
  field         text NOT NULL,
  before        jsonb NOT NULL,
  after         jsonb NOT NULL,
  row_version   bigint NOT NULL,             -- the target row's version when planned: with `before`, the precondition
  why           jsonb NOT NULL,
  status        text NOT NULL CHECK (status IN ('planned', 'applied', 'conflict')),
  PRIMARY KEY (change_set_id, change_no)
);

-- One row for each field changed in a record system; append-only.
CREATE TABLE IF NOT EXISTS gearbox.audit (
  audit_no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  change_set_id      bigint NOT NULL,
  change_no          bigint NOT NULL,
  flow               text NOT NULL,
  flow_version       text NOT NULL,
  lake_snapshot      bigint NOT NULL,
  target_table       text NOT NULL,
  key                jsonb NOT NULL,
  field              text NOT NULL,
  before             jsonb NOT NULL,
  after              jsonb NOT NULL,
  row_version_before bigint NOT NULL,
  why                jsonb NOT NULL,
  who                text NOT NULL,
  applied_at         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (change_set_id, change_no),
  FOREIGN KEY (change_set_id, change_no) REFERENCES gearbox.change
);
CREATE INDEX IF NOT EXISTS audit_by_key ON gearbox.audit (target_table, key, field, audit_no);

CREATE OR REPLACE FUNCTION gearbox.refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'gearbox.audit is append-only: % is refused', TG_OP; END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gearbox.audit
  FOR EACH STATEMENT EXECUTE FUNCTION gearbox.refuse_rewrite();
REVOKE UPDATE, DELETE, TRUNCATE ON gearbox.audit FROM PUBLIC;
"""
