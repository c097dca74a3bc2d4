"""The gearbox: carries facts of the lake into record systems, as changes that can be explained.

In:            one lake snapshot; the record systems' tables (read-only while planning); flows (`flows/NAME/`).
Out:           changed fields of existing rows, and one audit row for each of them, in the same transaction.
Guarantee:     only differences are written, and only to rows that are still as planned; the same plan or a new plan of
               the same facts writes nothing; no null replaces a value unless the flow says so.
On failure:    nothing is half-done: apply is one transaction. A row edited meanwhile stays and is kept as a conflict; a
               change set over its flow's limits is refused with the reason; plan and apply again.

`flow` declares, `model` asks the lake, `plan` and `judge` decide (pure), `target` writes, `ledger` remembers.
"""
