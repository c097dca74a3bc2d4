"""Kafka to DuckLake, and the lake for everybody who asks.

In:         the topics of `schemas.lake.INPUTS`, committed records only; a PostgreSQL catalogue and a place for files.
Out:        the tables and views of `schemas.lake`, as Parquet files that DuckLake's snapshots tie together.
Guarantee:  rows and the position behind them are one transaction: each record is in the lake once, a reader sees whole
            transactions, and a second sink on a partition stops instead of storing it twice.
On failure: what does not answer is tried again for a minute; a re-created topic, a lost span of offsets or a record
            that cannot be read stops the sink with an error that names it. Killed at any point, the next one reads on.

For other parts:
- `sinks.lake.connection.open_reader(catalog, files)`: a DuckDB connection to read with; the lake is the default.
- `sinks.lake.lag.lag(kafka, catalog, files)`: partitions with committed records that the lake does not hold yet.
- `sinks.lake.sink.run(kafka, catalog, files, stop=...)`: the sink itself, until `stop` is set.
"""
