"""Carries what the lake tells into the record systems, as people do: one plans, another approves."""

from __future__ import annotations

from typing import Any

from tests.integration.pipeline.terminal import Terminal

KEEPER, APPROVER = "Karin Keeper", "Bea Berg"
ROLES = ("erp_approver", "crm_approver", "service_approver", "billing_approver")


def carry(terminal: Terminal) -> list[dict[str, Any]]:
    """All flows, whatever their gears; gives what was applied, as `apply` reports it.

    A change that is refused, for want of a consent say, stays as it is.
    """
    if not terminal.reports("gearbox", "people", "list")["people"]:
        terminal.does("gearbox", "people", "add", KEEPER)
        terminal.does("gearbox", "people", "add", APPROVER, "--by", KEEPER)
        for role in ROLES:
            terminal.does("gearbox", "people", "give", APPROVER, role, "--by", KEEPER)
    planned = terminal.types("gearbox", "plan", "--all")
    assert planned.code in (0, 1), planned
    for change_set in terminal.reports("gearbox", "list", "--open"):
        terminal.does("gearbox", "approve", str(change_set["change_set_id"]), "--now", "--by", APPROVER)
    applied: list[dict[str, Any]] = terminal.reports("gearbox", "apply", "--all")
    return applied
