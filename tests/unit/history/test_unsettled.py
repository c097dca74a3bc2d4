"""After a backfill with `--unsettled` the stream tells on, and knows nothing of it: whose version counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.desk import Usage
from schemas.facts import Run
from schemas.forms import arrow_schema, as_in_lake
from schemas.lake import USAGE_VERSIONS
from schemas.views import VIEWS
from sinks.lake.row_keys import KEYS
from streams.desk.arrivals import Arrivals
from streams.desk.register import Register
from streams.desk.state import DeskState
from streams.desk.step import step
from streams.history_rules import read_rules
from streams.product import SHOE, WASHER, with_thresholds
from tests.unit.history.kept import Kept, as_plug_meters, simulated
from vaxel.verification import CHECKS

STRICTER = with_thresholds(SHOE, read_rules("[runs]\nslowest_mm_per_ms = 2.5\n", "it").thresholds)
STRICTEST = with_thresholds(SHOE, read_rules("[runs]\nslowest_mm_per_ms = 3.5\n", "it").thresholds)
SET_BACK_MS = 20 * 3_600_000
FIGURES = "session_id, ended_at, distance_m, known_at"


@dataclass
class Told:
    """A stream of shoes, its lake with views, and a desk that follows its sessions in the order in which they come."""

    kept: Kept = field(default_factory=lambda: Kept(SHOE))
    desk: DeskState = field(default_factory=lambda: DeskState(0))
    register: Register = field(default_factory=Register)

    def __post_init__(self) -> None:
        empty = as_in_lake(arrow_schema(Usage).empty_table(), Usage)  # noqa: F841  (DuckDB finds it by its name)
        self.kept.connection.execute(f"CREATE TABLE {USAGE_VERSIONS.name} AS SELECT * FROM empty")
        for view in VIEWS:
            if view.name in ("runs", "usage"):
                self.kept.connection.execute(f"CREATE VIEW {view.name} AS {view.query}")

    def take(self, uploads: list[tuple[str, bytes, int]]) -> list[dict[str, Any]]:
        before = len(self.kept.said)
        self.kept.take(uploads)
        sessions = [own for outputs in self.kept.said[before:] for own in outputs.sessions]
        self._follow(sessions)
        return sessions

    def backfill(self, product: Any = SHOE) -> list[dict[str, Any]]:
        sessions = self.worked_out(product)
        self.write(sessions)
        return sessions

    def worked_out(self, product: Any) -> list[dict[str, Any]]:
        return [change.after for change in self.kept.compared(product).changes]

    def write(self, sessions: list[dict[str, Any]]) -> None:
        self.kept.write(sessions)
        self._follow(sessions)

    def _follow(self, sessions: list[dict[str, Any]]) -> None:
        for session in sessions:
            said = step(self.desk, self.register, Arrivals(runs=[Run.model_validate(session)]))
            for usage in said.usage:
                self.kept.insert(USAGE_VERSIONS, usage.model_dump())

    def shown(self, view: str) -> dict[str, tuple[Any, ...]]:
        condition = "status <> 'open'"
        rows = self.kept.connection.execute(f"SELECT {FIGURES} FROM {view} WHERE {condition}").fetchall()
        return {row[0]: row[1:] for row in rows}

    def reading_count(self, session_id: str) -> Any:
        asked = "SELECT reading_count, moving_s FROM runs WHERE session_id = ?"
        return self.kept.connection.execute(asked, [session_id]).fetchone()

    def check(self) -> None:
        """The desk tells of the sessions that the view shows, and nothing is there twice."""
        assert self.shown("usage") == self.shown("runs")
        assert len(self.shown("runs")) > 5
        key = ", ".join(KEYS["run_versions"])
        twice = f"SELECT {key} FROM run_versions GROUP BY ALL HAVING count(*) > 1"
        assert self.kept.connection.execute(twice).fetchall() == []


def all_but_one() -> tuple[list[tuple[str, bytes, int]], tuple[str, bytes, int]]:
    """Uploads without one in the middle, and that one as it comes a second after all others."""
    uploads = simulated("shoe", 8, 6)
    device_id, value, _ = uploads.pop(len(uploads) // 2)
    return uploads, (device_id, value, max(received_ms for _, _, received_ms in uploads) + 1_000)


@pytest.mark.parametrize("before", [[STRICTER], [STRICTER, STRICTEST], [STRICTER, SHOE]])
def test_what_the_stream_tells_of_a_later_upload_counts_and_a_further_backfill_repairs_it(before: list[Any]) -> None:
    told = Told()
    uploads, late = all_but_one()
    told.take(uploads)
    for product in before:
        written = told.backfill(product)
        assert written
        for session in written:
            if session["status"] != "withdrawn":
                assert told.reading_count(session["session_id"]) == (session["reading_count"], session["moving_s"])
        told.check()
    (said,) = told.take([late])
    overtaken = {session["session_id"]: session["version"] for session in written}
    assert said["version"] <= overtaken[said["session_id"]], "the stream knows nothing of the backfills"
    assert told.kept.newest()[said["session_id"]]["version"] == said["version"], "a further backfill starts from it"
    assert told.reading_count(said["session_id"]) == (said["reading_count"], said["moving_s"])
    told.check()
    again = {session["session_id"]: session for session in told.backfill(STRICTEST)}[said["session_id"]]
    assert again["reading_count"] == said["reading_count"]
    assert told.reading_count(said["session_id"]) == (again["reading_count"], again["moving_s"])
    assert again["moving_s"] != said["moving_s"]
    told.check()
    assert told.worked_out(STRICTEST) == []


def test_what_a_backfill_worked_out_before_an_upload_came_does_not_hide_what_the_stream_told_of_it() -> None:
    told = Told()
    uploads, late = all_but_one()
    told.take(uploads)
    written = told.worked_out(STRICTER)
    (said,) = told.take([late])
    told.write(written)
    assert told.reading_count(said["session_id"]) == (said["reading_count"], said["moving_s"])
    told.check()


def test_a_version_that_follows_from_an_upload_which_the_lake_does_not_hold_yet_is_left() -> None:
    told = Told()
    uploads, late = all_but_one()
    told.take(uploads)
    told.take([late])
    told.kept.connection.execute("delete from uploads where received_at = (select max(received_at) from uploads)")
    compared = told.kept.compared(STRICTER)
    assert compared.left["lake_behind"] == 1


def test_a_version_that_is_stored_twice_is_found_and_two_of_one_number_are_none() -> None:
    told = Told()
    uploads, late = all_but_one()
    told.take(uploads)
    told.backfill(STRICTER)
    (said,) = told.take([late])
    told.kept.connection.execute("create table wash_cycle_versions as select * from run_versions limit 0")
    (query,) = (own for own in CHECKS["twice"] if "version written twice" in own)
    numbers = "select session_id from run_versions group by session_id, version having count(*) > 1"
    assert told.kept.connection.execute(numbers).fetchall() == [(said["session_id"],)]
    assert told.kept.connection.execute(query).fetchall() == []
    told.kept.write([said])
    (found,) = told.kept.connection.execute(query).fetchall()
    assert said["session_id"] in found[0]


@pytest.mark.parametrize("as_told", [list, as_plug_meters])
def test_versions_rise_in_when_they_became_known_though_kafka_s_clock_is_set_back(as_told: Any) -> None:
    uploads = as_told(simulated("washer", 2, 4))
    session_id = max((own := versions_of(uploads)), key=lambda name: len(own[name]))
    _, last_ms = own[session_id][-1]
    set_back = [(device_id, value, at_ms - SET_BACK_MS * (at_ms >= last_ms)) for device_id, value, at_ms in uploads]
    again = versions_of(set_back)
    assert len(again[session_id]) > 1
    for versions in again.values():
        assert versions == sorted(versions)
        assert [at_ms for _, at_ms in versions] == sorted(at_ms for _, at_ms in versions)


def versions_of(uploads: list[tuple[str, bytes, int]]) -> dict[Any, list[tuple[Any, Any]]]:
    """Number, and when it became known, of each version of each session, as the stream tells them."""
    told: dict[Any, list[tuple[Any, Any]]] = {}
    for outputs in Kept(WASHER).take(uploads, at_once=5).said:
        for session in outputs.sessions:
            told.setdefault(session["session_id"], []).append((session["version"], session["known_at_ms"]))
    return told
