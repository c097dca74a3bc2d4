"""Record systems, as the gearbox reaches them: one protocol, an implementation for each kind of system.

In:            batches of rows to write, each with the token by which the record system will know it.
Out:           what was written, what was left alone, what the system made of it.
Guarantee:     a batch is written whole or not at all where the system can (PostgreSQL), row by row where it cannot
               (HTTP), but never twice; a field that is no longer as planned is left alone.
On failure:    UnreachableError before anything was sent, OutcomeUnknownError when it went away meanwhile (ask
               `cancel`), RecordRefusedError when a rule of the system's own refuses.
"""
