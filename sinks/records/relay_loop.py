"""Keeps a relay going: until it is stopped, or until nothing waits.

In:            settings and a key.
Out:           what the relay told, as it does.
Guarantee:     whatever does not answer is asked again, ever later, by a relay that takes over from the one before.
On failure:    where somebody waits for the end, `UnreachableError`; where trying again cannot help, `UsageError`.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from schemas.errors import UnreachableError, UsageError
from sinks.records import outbox
from sinks.records.database import Connection, session, where
from sinks.records.relay import Relay, RelaySettings, Told

POLL_S = 0.5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0


def run(
    settings: RelaySettings,
    key: bytes,
    *,
    until_idle: bool,
    stop: Event,
    now_ms: Callable[[], int],
    again: bool = False,
    report: Callable[[Told], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Tells until `stop` is set, or until nothing waits; gives the entries that cannot be told as their rows are.

    Args:
        report: Called after each transaction.
        tell: Called with one line when something stands in the way.
    Raises:
        UnreachableError: PostgreSQL or Kafka does not answer; only with `until_idle`, else they are asked again.
        UsageError: The record systems are not set up (only with `until_idle`), a topic is missing, the key is another
            one, or another relay has taken over.
    """
    pause_s = FIRST_PAUSE_S
    while not stop.is_set():
        try:
            with session(settings.records) as connection:
                _wait_for_outbox(connection, settings, stop, tell, until_idle=until_idle)
                if stop.is_set():
                    break
                relay = Relay(settings, key, connection, now_ms, again=again)
                again, pause_s = False, FIRST_PAUSE_S
                try:
                    return _follow(relay, stop, report, tell, until_idle=until_idle)
                finally:
                    relay.close()
        except UnreachableError as error:
            if until_idle:
                raise
            tell(f"{str(error).rstrip('.')}. Trying again in {pause_s:g} s.")
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return 0


def _follow(
    relay: Relay, stop: Event, report: Callable[[Told], None], tell: Callable[[str], None], *, until_idle: bool
) -> int:
    while not stop.is_set():
        told, refused = relay.step()
        for own in refused:
            tell(f"cannot tell {own.kind} of {own.device_id}, it waits until the row is changed: {own.reason}")
        if told is not None:
            report(told)
        elif not refused:
            if until_idle:
                break
            stop.wait(POLL_S)
    return relay.refused


def _wait_for_outbox(
    connection: Connection, settings: RelaySettings, stop: Event, tell: Callable[[str], None], *, until_idle: bool
) -> None:
    is_told = False
    while not stop.is_set() and not outbox.is_set_up(connection):
        missing = f"The record systems at {where(settings.records)} have no outbox yet: `vaxel seed` makes it."
        if until_idle:
            raise UsageError(missing)
        if not is_told:
            tell(missing)
        is_told = True
        stop.wait(POLL_S)
