"""The message catalogues, and quantities as their readers write them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from string import Formatter
from typing import get_args

import pytest

from schemas.desk import InsightKind
from streams.desk.advice_finding import (
    PRIORITY,
    Day,
    Distance,
    Energy,
    LocalDay,
    LocalTime,
    Milliseconds,
    Money,
    Number,
    Pace,
    Percent,
    Quantity,
    Water,
)
from streams.desk.advice_texts import LANGUAGES, Reader, catalogue, title_and_text, written
from tests.unit.streams.desk.advice_cases import findings
from tests.unit.streams.desk.building import NOON_MS

BERLIN = Reader("de", "DE", "Europe/Berlin")
LUND = Reader("sv", "SE", "Europe/Stockholm")
BOSTON = Reader("en", "US", "America/New_York")
LEEDS = Reader("en", "GB", "Europe/London")

ENGLISH = re.compile(r"\b(the|your|you|of|and|with|is|than|was|have|wash|run|week)\b", re.IGNORECASE)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_in_every_language_with_the_same_placeholders(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for key, text in other.items():
        assert text, key
        assert placeholders(text) == placeholders(english[key]), key


@pytest.mark.parametrize("language", ["de", "sv"])
def test_nothing_is_left_in_english(language: str) -> None:
    for key, text in catalogue(language).items():
        assert text != catalogue("en")[key], key
        assert not ENGLISH.search(re.sub(r"{\w+}", "", text)), key


def test_germans_are_spoken_to_as_sie_and_swedes_as_du() -> None:
    german = " ".join(text for key, text in catalogue("de").items() if key.endswith(".text"))
    swedish = " ".join(text for key, text in catalogue("sv").items() if key.endswith(".text"))
    assert not re.search(r"\b(du|dich|dir|dein\w*|euch|eure\w*)\b", german, re.IGNORECASE)
    assert not re.search(r"\b(ni|er|ert|era)\b", swedish, re.IGNORECASE)


def test_every_kind_of_insight_has_a_rank_and_a_title_in_the_catalogue() -> None:
    kinds = set(get_args(InsightKind))
    assert set(PRIORITY) == kinds
    assert {key.removesuffix(".title") for key in catalogue("en") if key.endswith(".title")} == kinds


def test_every_text_of_the_catalogue_is_told_by_some_rule() -> None:
    texts = {key.removesuffix(".text") for key in catalogue("en") if key.endswith(".text")}
    assert texts == findings().keys()


@pytest.mark.parametrize("reader", [BERLIN, LUND, BOSTON, LEEDS], ids=lambda reader: reader.country)
def test_no_placeholder_is_left_in_what_is_read(reader: Reader) -> None:
    for finding in findings().values():
        title, text = title_and_text(finding, reader)
        assert not re.search(r"[{}]|\bnan\b|None", title + text)
        assert not text.endswith(" ")


@pytest.mark.parametrize(
    ("quantity", "german", "swedish", "american"),
    [
        (Money(Decimal("0.5234"), "EUR"), "0,52 €", "0,52 €", "€0.52"),
        (Money(Decimal("45.4"), "SEK", is_rough=True), "45 SEK", "45 kr", "SEK45"),
        (Money(Decimal("1238.4"), "EUR"), "1.238,40 €", "1 238,40 €", "€1,238.40"),
        (Number(3.46, 1), "3,5", "3,5", "3.5"),
        (Percent(8.4), "8 %", "8 %", "8%"),
        (Percent(4.26, 1), "4,3 %", "4,3 %", "4.3%"),
        (Distance(12.34), "12,3 km", "12,3 km", "7.7 mi"),
        (Distance(700.0, 0), "700 km", "700 km", "435 mi"),
        (Pace(330.4), "5:30 min/km", "5:30 min/km", "8:52 min/mi"),
        (Pace(359.7), "6:00 min/km", "6:00 min/km", "9:39 min/mi"),
        (Pace(359.7, begins_range=True), "6:00", "6:00", "9:39"),
        (Energy(450.0), "0,45 kWh", "0,45 kWh", "0.45 kWh"),
        (Water(37.0), "37 l", "37 l", "10 gal"),
        (Milliseconds(8.6), "9 ms", "9 ms", "9 ms"),
        (Day(date(2026, 5, 4)), "Montag, 4. Mai", "måndag 4 maj", "Monday, May 4"),
        (LocalDay(NOON_MS - 13 * 3_600_000), "Montag, 1. Juni", "måndag 1 juni", "Sunday, May 31"),
        (LocalTime(NOON_MS), "14:00", "14:00", "8:00 AM"),
    ],
)
def test_quantities_are_written_as_the_reader_writes_them(
    quantity: Quantity, german: str, swedish: str, american: str
) -> None:
    told = [re.sub(r"\s", " ", written(quantity, reader)) for reader in (BERLIN, LUND, BOSTON)]
    assert told == [german, swedish, american]


def test_whose_language_has_no_catalogue_is_written_to_in_english() -> None:
    reader = Reader("fi", "FI", "Europe/Helsinki")
    assert reader.written == "en"
    assert written(LocalTime(NOON_MS), reader) == "15.00"  # as Finns write it
    assert written(Day(date(2026, 5, 4)), reader) == "Monday, 4 May"
