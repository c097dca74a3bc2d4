"""The judgement of a change set: may it go, and if not, why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sinks.records.flow import Flow
from sinks.records.plan import ChangeSet


@dataclass(frozen=True)
class Verdict:
    """What is to become of a change set."""

    decision: Literal["go", "refused"]
    reason: str


def judge(flow: Flow, change_set: ChangeSet) -> Verdict:
    """Refused over the flow's limits or without a required approval, else go; the reason says what was found."""
    rows, limits = change_set.changed_rows, flow.limits
    if rows == 0:
        return Verdict("go", "nothing differs")
    if rows > limits.max_rows:
        return Verdict("refused", f"{rows} rows would change, the flow's limit is {limits.max_rows}")
    share = rows / change_set.target_rows
    if share > limits.max_share_of_rows:
        return Verdict(
            "refused",
            f"{rows} of {change_set.target_rows} rows ({share:.1%}) would change, "
            f"the flow's limit is {limits.max_share_of_rows:.1%}",
        )
    if flow.approval == "required":
        return Verdict("refused", "the flow requires that a person approves its values, and nobody has")
    return Verdict("go", f"{rows} of {change_set.target_rows} rows, within the flow's limits")
