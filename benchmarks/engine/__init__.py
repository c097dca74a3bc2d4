"""How fast the stream worker is, next to others, on the same uploads of the same topic.

In:            uploads of a fleet that is computed (`load`), put into Kafka before anything is measured.
Out:           uploads per second of every contender, latency, CPU time; `RESULTS.md` and a plot when asked for.
Guarantee:     every answer is compared with the truth, which is computed from the fleet without reading Kafka; a
               contender that answers wrongly has no speed.
On failure:    processes, topics and files are removed, also on Ctrl-C.
"""
