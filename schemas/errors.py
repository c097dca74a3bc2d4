"""Errors that cross a stage's border. Bad data is never one of them: it becomes a failed event.

VaxelError
├── UsageError          the call or a setting is wrong; calling again unchanged cannot work      exit code 2
│   ├── RecordingError  a recording that cannot be read as what it says it is                     exit code 2
│   └── SlotTakenError  another worker runs in this worker's slot                                 exit code 2
├── OutsideError        an outside system stands in the way                                       exit code 3
│   ├── UnreachableError  it does not answer; worth another try                                   exit code 3
│   │   └── OutcomeUnknownError  it went away while it wrote: written or not, nobody knows yet    exit code 3
│   └── RecordRefusedError  a record system refuses what it was to write                          exit code 3
└── DecisionError       a person has to decide; starting again unchanged cannot work              exit code 4
    ├── PositionError     a kept position no longer fits its topic                                exit code 4
    └── RefusedShareError more uploads are refused than may be                                    exit code 4
"""

from __future__ import annotations

from typing import ClassVar


class VaxelError(Exception):
    """Base of every error that the command line shows as one line."""

    exit_code: ClassVar[int] = 1


class UsageError(VaxelError):
    """The operator's call or setting is wrong; the message says what is accepted."""

    exit_code = 2


class RecordingError(UsageError):
    """A recording that cannot be read as what it says it is."""


class SlotTakenError(UsageError):
    """Another worker runs in this worker's slot."""


class OutsideError(VaxelError):
    """An outside system stands in the way: a broker, a database, the disk."""

    exit_code = 3


class UnreachableError(OutsideError):
    """An outside system does not answer; the same call may work later."""


class OutcomeUnknownError(UnreachableError):
    """An outside system went away while it wrote: ask it for the outcome before anything is sent again."""


class RecordRefusedError(OutsideError):
    """A record system refuses a value or a row by a rule of its own; the same call would be refused again."""


class DecisionError(VaxelError):
    """A person has to decide; the message says between what."""

    exit_code = 4


class PositionError(DecisionError):
    """A kept position no longer fits its topic: re-created, or retention passed it."""


class RefusedShareError(DecisionError):
    """More of the newest uploads are refused than the operator allows."""
