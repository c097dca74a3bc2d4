"""How far the lake's facts go: what it has heard of registered units, and of those whose use is paid for. Only reads.

An upload counts as of when its unit sent it, but not later than it arrived: a clock that is ahead proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sinks.records.billing.months import is_over_at
from sinks.records.gear import model

_HEARD = """
with heard as (
  select unit.serial as device_id, max(least(upload.sent_at, upload.received_at)) as until
  from lake.uploads as upload
  join records.erp.serial_number as unit on unit.serial = upload.device_id
  where upload.outcome = 'accepted'
  group by all
),
paid as (
  select distinct device_id
  from records.billing.contract
  where kind <> 'owned' and valid_from < $end and (valid_to is null or valid_to >= $end)
)
select
  (select max(until) from heard) as until,
  count(*) as paid_units,
  count(*) filter (heard.until is null or heard.until < $end::timestamp) as quiet_units
from paid
left join heard using (device_id)
"""


@dataclass(frozen=True)
class Heard:
    """What the lake has heard by the end of a month.

    Attributes:
        until: As of when its newest upload is; None: it has none.
        paid_units: Units under a contract that is paid for at the month's end;
        quiet_units: those of them of which nothing was heard since. They may have been idle, or their use is to come.
    """

    until: datetime | None
    paid_units: int
    quiet_units: int

    def is_beyond(self, month: date) -> bool:
        """Whether something was heard when the month was over in every country."""
        return self.until is not None and self.until >= is_over_at(month)


def heard(catalog: str, records_dsn: str, month: date) -> Heard:
    """What the lake's newest snapshot has heard, of a month's end.

    Raises:
        UnreachableError: Lake or record systems do not answer.
        OutsideError: There is no lake yet.
    """
    end = f"timestamptz '{is_over_at(month):%Y-%m-%d %H:%M:%S}+00'"
    (row,) = model.ask(_HEARD.replace("$end", end), catalog, records_dsn).to_pylist()
    until = row["until"]
    return Heard(None if until is None else until.replace(tzinfo=UTC), row["paid_units"], row["quiet_units"])
