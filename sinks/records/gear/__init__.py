"""The gearbox: carries facts of the lake into record systems at their pace, explainable and undoable.

In:            one lake snapshot; the record systems' tables (read while planning); flows (`flows/NAME/`).
Out:           changed fields of record systems, and a ledger that tells each change's reason, approval and outcome.
Guarantee:     only differences are written, only to fields that are still as planned, never inside a freeze, never
               over a limit, never twice; what was written can be explained and taken back.
On failure:    a chunk is written down before it is sent, and known to the record system by its token: after a crash or
               a lost connection the record system is asked what became of it, before anything else is sent.

`flow` declares, `model` asks the lake, `plan`, `judge`, `calendar`, `limiter` and `breaker` decide (pure), `targets`
write, `ledger` and `audit` remember, `applying` and `daemon` tie them together.
"""
