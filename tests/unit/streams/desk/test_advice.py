"""What a person is told, as a whole: by whom, about what, with whose consent, in which words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.desk import Insight
from schemas.facts import Run, WashCycle
from streams.desk.advice import ADVICE_STORES, Adviser
from streams.desk.register import Known
from streams.store import Store
from tests.unit.streams.desk.building import (
    ANNA,
    BERND,
    DAY_MS,
    NOON_MS,
    a_cycle,
    a_run,
    consents,
    contracts,
    custodies,
)

PURPOSES = ("care", "coaching", "health")
LANGUAGES: dict[str, dict[str, Any]] = {
    "de": {"language": "de", "country": "DE", "time_zone": "Europe/Berlin"},
    "sv": {"language": "sv", "country": "SE", "time_zone": "Europe/Stockholm"},
    "en": {"language": "en", "country": "US", "time_zone": "America/New_York"},
}


def an_adviser() -> Adviser:
    return Adviser({name: Store(dtype) for name, dtype in ADVICE_STORES.items()})


def known(*purposes: str, until_ms: int | None = None, custody: Any = None, **wishes: Any) -> Known:
    """Anna has had it from the beginning and has agreed to these purposes, until then."""
    given = [(ANNA, purpose, 0, until_ms) for purpose in purposes]
    return Known(
        custody=custody or custodies((ANNA, 0, None), **wishes),
        contract=contracts((0, None)),
        consent=consents(*given) if given else None,
    )


def cotton(days: float, **fields: Any) -> WashCycle:
    """A cotton wash so many days after noon, with all its figures."""
    figures = {
        "programme": "cotton", "energy_wh": 1_200.0, "water_l": 55.0, "heater_w": 2_090.0, "heating_k_per_min": 1.35,
        "drain_s": 300.0, "anomalies": [],
    } | fields  # fmt: skip
    return a_cycle(NOON_MS + round(days * DAY_MS), **figures)


def a_limping_run(day: int, left_pct: float, **fields: Any) -> Run:
    return a_run(NOON_MS + day * DAY_MS, avg_contact_balance_pct=left_pct, **fields)


def advised(adviser: Adviser, sessions: Sequence[WashCycle | Run], of: Known) -> list[Insight]:
    told: list[Insight] = []
    for session in sessions:
        after = adviser.after_cycle(7, session, of) if isinstance(session, WashCycle) else None
        told += after if after is not None else adviser.after_run(7, session, of)  # type: ignore[arg-type]
    return told


COTTONS = [cotton(day) for day in range(11)]
LIMPING = [*(a_limping_run(2 * day, 50.2) for day in range(8)), *(a_limping_run(16 + day, 52.6) for day in range(3))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_whole_insight_on_money_in_each_language(language: str) -> None:
    (told,) = advised(an_adviser(), COTTONS[:8], known("care", **LANGUAGES[language]))
    texts = {
        "de": (
            "Sparen Sie 87 € im Jahr mit Eco 40-60",
            "Ihre Wäsche am Montag, 8. Juni um 14:00 Uhr im Programm Baumwolle hat 0,73 € gekostet. Eco 40-60 wäscht "
            "normal verschmutzte Baumwolle genauso sauber und hätte etwa 0,24 € weniger gekostet. Bei Ihrem jetzigen "
            "Rhythmus (7 pro Woche) sind das rund 87 € im Jahr. Dafür dauert es länger.",
        ),
        "sv": (
            "Spara 87 € om året med Eko 40–60",
            "Din tvätt måndag 8 juni kl. 14:00 med programmet Bomull kostade 0,73 €. Eko 40–60 får normalt smutsad "
            "bomull lika ren och hade kostat ungefär 0,24 € mindre. I din nuvarande takt (7 i veckan) blir det "
            "omkring 87 € om året. Det tar i gengäld längre tid.",
        ),
        "en": (
            "Save €87 a year with Eco 40–60",
            "Your Cotton wash on Monday, June 8 at 8:00 AM cost €0.73. Eco 40–60 gets normally soiled cotton just as "
            "clean and would have cost about €0.24 less. At your present rhythm (7 a week) that makes about €87 a "
            "year. It takes longer in return.",
        ),
    }
    assert tuple(re.sub(r"\s", " ", text) for text in (told.title, told.text)) == texts[language]
    session_id = COTTONS[7].session_id
    assert told.model_dump(exclude={"title", "text", "evidence"}) == {
        "insight_id": f"w-1:cycle_cost:{NOON_MS + 7 * DAY_MS}",
        "subject": ANNA,
        "device_id": "w-1",
        "kind": "cycle_cost",
        "session_id": session_id,
        "at_ms": COTTONS[7].ended_at_ms,
        "language": language,
        "reason": "A programme that washes as well costs at least 10 % less by the labels' ratio.",
        "uses_health": False,
        "version": COTTONS[7].version,
        "known_at_ms": COTTONS[7].known_at_ms,
    }
    assert json.loads(told.evidence)["saving"] == 0.2375


def test_a_limp_is_told_of_with_health_and_coaching_agreed() -> None:
    (told,) = advised(an_adviser(), LIMPING, known("coaching", "health"))
    assert (told.kind, told.uses_health, told.session_id) == ("asymmetry", True, LIMPING[-1].session_id)
    assert "linker Fuß" in told.text
    assert json.loads(told.evidence)["asymmetry_pct"] == 5.2


@pytest.mark.parametrize("purposes", [("health", "care"), ("coaching", "care"), ()])
def test_nothing_is_told_of_health_without_both_consents(purposes: tuple[str, ...]) -> None:
    assert not [told for told in advised(an_adviser(), LIMPING, known(*purposes)) if told.uses_health]


def test_a_consent_withdrawn_since_stops_what_it_would_have_allowed_then() -> None:
    withdrawn_ms = LIMPING[-1].known_at_ms - 1
    assert advised(an_adviser(), LIMPING, known("coaching", "health", until_ms=withdrawn_ms)) == []


def test_health_is_not_spoken_of_once_its_consent_is_withdrawn_though_coaching_goes_on() -> None:
    of = Known(
        custody=custodies((ANNA, 0, None)),
        consent=consents((ANNA, "coaching", 0, None), (ANNA, "health", 0, LIMPING[-1].known_at_ms - 1)),
    )
    assert advised(an_adviser(), LIMPING, of) == []


def test_what_was_measured_without_consent_is_not_looked_at_later() -> None:
    begun_ms = LIMPING[-2].started_at_ms
    of = Known(
        custody=custodies((ANNA, 0, None)),
        consent=consents((ANNA, "coaching", 0, None), (ANNA, "health", begun_ms, None)),
    )
    assert advised(an_adviser(), LIMPING, of) == []


@pytest.mark.parametrize("sessions", [COTTONS, LIMPING])
def test_no_machine_or_runner_is_spoken_of_without_consent(sessions: Sequence[WashCycle | Run]) -> None:
    assert advised(an_adviser(), sessions, known()) == []


def test_nobody_is_told_of_a_device_that_nobody_has() -> None:
    of = known("care", custody=custodies((ANNA, 0, NOON_MS)))
    assert advised(an_adviser(), COTTONS, of) == []


def test_whoever_has_sold_a_device_is_not_told_of_it_any_more() -> None:
    sold_ms = COTTONS[7].ended_at_ms + 1
    of = known("care", custody=custodies((ANNA, 0, sold_ms), (BERND, sold_ms, None)))
    late = COTTONS[7].model_copy(update={"known_at_ms": sold_ms + DAY_MS})
    assert advised(an_adviser(), [*COTTONS[:7], late], of) == []


def test_a_new_owners_rhythm_is_their_own() -> None:
    of = Known(
        custody=custodies((ANNA, 0, NOON_MS + 6 * DAY_MS), (BERND, NOON_MS + 6 * DAY_MS, None)),
        contract=contracts((0, None)),
        consent=consents((BERND, "care", 0, None)),
    )
    assert advised(an_adviser(), COTTONS, of) == []


def test_a_session_of_long_ago_teaches_and_is_not_spoken_of() -> None:
    adviser, of = an_adviser(), known("care")
    assert advised(adviser, [cotton(40, programme="eco"), *COTTONS], of) == []
    late = advised(an_adviser(), [cotton(20, programme="eco"), *COTTONS[:8]], of)
    assert [told.session_id for told in late] == [COTTONS[7].session_id]


def test_only_the_newest_session_says_how_things_are_by_now() -> None:
    steady = [cotton(day, programme="wool") for day in range(20)]
    slow = [cotton(day, programme="wool", drain_s=480.0) for day in (20, 21, 22)]
    assert [told.kind for told in advised(an_adviser(), [*steady, *slow], known("care"))] == ["filter_blocking"]
    sound_again = cotton(23, programme="wool")
    assert advised(an_adviser(), [*steady, *slow[:2], sound_again, slow[2]], known("care")) == []


def test_a_correction_tells_it_again_under_the_same_name_and_only_once() -> None:
    adviser, of = an_adviser(), known("care")
    (first,) = advised(adviser, COTTONS[:8], of)
    corrected = COTTONS[7].model_copy(update={"version": 4, "status": "corrected", "energy_wh": 1_300.0})
    (again,) = adviser.after_cycle(7, corrected, of)
    assert again.insight_id == first.insight_id
    assert json.loads(again.evidence)["energy_wh"] == 1_300.0
    assert adviser.after_cycle(7, corrected, of) == []
    assert adviser.after_cycle(7, COTTONS[7], of) == []


def test_what_was_told_is_remembered_when_the_store_grows_for_it() -> None:
    stores = {name: Store(dtype) for name, dtype in ADVICE_STORES.items()}
    adviser, of = Adviser(stores), known("care")
    stores["advice_told"].take(len(stores["advice_told"].values))
    assert len(advised(adviser, COTTONS[:8], of)) == 1
    assert adviser.after_cycle(7, COTTONS[7], of) == []


def test_what_is_taken_back_or_still_going_on_is_not_spoken_of() -> None:
    for status in ("open", "withdrawn"):
        adviser = an_adviser()
        assert advised(adviser, COTTONS[:8], known()) == []
        assert advised(adviser, [COTTONS[8].model_copy(update={"status": status})], known("care")) == []


def test_who_wants_no_advice_gets_none_and_who_wants_one_gets_the_warning() -> None:
    limping = [run.model_copy(update={"distance_m": 20_000.0}) for run in LIMPING]
    wishes: dict[str, Any] = {"goal": "10k", "weekly_km": 40.0, "runs_per_week": 4}
    assert advised(an_adviser(), limping, known(*PURPOSES, insights_per_week=0, **wishes)) == []
    last = [
        told.kind
        for told in advised(an_adviser(), limping, known(*PURPOSES, insights_per_week=2, **wishes))
        if told.session_id == limping[-1].session_id
    ]
    assert last == ["asymmetry"]
