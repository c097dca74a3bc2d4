"""`vaxel gearbox`: carry facts of the lake into the record systems, explainable and undoable."""

from __future__ import annotations

import typer

from vaxel.commands import (
    gearbox_act,
    gearbox_audit,
    gearbox_back,
    gearbox_check,
    gearbox_log,
    gearbox_people,
    gearbox_run,
    gearbox_sets,
    gearbox_status,
    gearbox_why,
)

app = typer.Typer(
    help="Carry facts of the lake into the record systems: plan, look, approve, apply, look back, undo.",
    no_args_is_help=True,
)

_CARRY, _LOOK, _RULES = "Carry", "Look", "Rules and people"

for act in (
    gearbox_act.plan,
    gearbox_act.approve,
    gearbox_act.reject,
    gearbox_act.apply,
    gearbox_run.run,
    gearbox_back.undo,
    gearbox_back.restored,
):
    app.command(rich_help_panel=_CARRY)(act)
app.command(name="list", rich_help_panel=_LOOK)(gearbox_sets.list_sets)
for look in (
    gearbox_sets.show,
    gearbox_why.why,
    gearbox_log.log,
    gearbox_status.status,
    gearbox_audit.verify,
    gearbox_audit.checkpoint,
):
    app.command(rich_help_panel=_LOOK)(look)
app.command(rich_help_panel=_RULES)(gearbox_check.check)
app.add_typer(gearbox_people.people_app, name="people", rich_help_panel=_RULES)
app.add_typer(gearbox_people.freeze_app, name="freeze", rich_help_panel=_RULES)
