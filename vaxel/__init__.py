"""The command line and its settings: ties the stages together and decides nothing.

In:         what the operator types, VAXEL_* variables, the running local stack.
Out:        calls of the stages; one line on stderr and an exit code when something stands in the way.
Guarantee:  no stage is imported before its command runs.
On failure: exit code 1 a check found something, 2 wrong use, 3 an outside system, 4 a person has to decide,
            130 interrupted.
"""
