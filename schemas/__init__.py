"""Every contract of Växel, and nothing else: uploads, topics, facts, lake tables, record tables, errors.

In:            nothing; this package imports no stage.
Out:           pydantic models, topic and table lists, and the forms derived from them (Arrow, DuckDB, DDL).
Guarantee:     a field is declared once, here, with unit, range, data class and meaning.
On failure:    `schemas.errors` names every error that crosses a stage's border.
"""
