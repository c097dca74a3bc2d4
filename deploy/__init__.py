"""The local stack: one Apache Kafka and one PostgreSQL under one data directory, without Docker.

In:         a data directory; the locked jars of Kafka; the JVM and PostgreSQL of their wheels.
Out:        running servers on loopback, the topics of `schemas.topics`, and their addresses (`deploy.stack.Stack`).
Guarantee:  one stack per data directory; what was acknowledged survives `down` and `up`; none outlives its keeper.
On failure: one line that names the port, the directory, the jar or the log; what had been started is stopped again.
"""
