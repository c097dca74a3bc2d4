"""The receipts a record system keeps of the gearbox's batches: which it wrote, and which it never will.

A receipt is written in the same transaction as the rows it tells of, so the record system alone knows whether a batch
was written, whatever became of the connection. A receipt that says `is_cancelled` bars the batch for ever.
"""

from __future__ import annotations

from typing import Final

RECEIPT_TABLE: Final = "gearbox_receipt"


def receipt_ddl(system: str) -> str:
    """Statements that make the table of receipts in a system's schema; running them again changes nothing.

    | column        | meaning                                                                      |
    |---------------|------------------------------------------------------------------------------|
    | token         | by which the gearbox knows the batch                                         |
    | change_set_id | of which change set it was; null of a batch cancelled before it arrived      |
    | is_cancelled  | it was not written, and never will be                                        |
    | outcome       | what was left out and what was stored otherwise, as JSON; null where cancelled |
    | written_at    | when the receipt was written, by the record system's clock                   |
    """
    return (
        f"CREATE TABLE IF NOT EXISTS {system}.{RECEIPT_TABLE} (\n"
        "  token uuid PRIMARY KEY,\n"
        "  change_set_id bigint,\n"
        "  is_cancelled boolean NOT NULL,\n"
        "  outcome jsonb,\n"
        "  written_at timestamptz NOT NULL DEFAULT clock_timestamp()\n"
        ");\n"
    )
