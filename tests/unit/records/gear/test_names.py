"""Names of people: one form to show, one to compare, and nothing that cannot be seen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from sinks.records.gear.names import LONGEST, folded, is_same, person_name

ANY_TEXT = st.text(max_size=100)
WORDS = st.text(st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Anna Holm", "Anna Holm"),
        ("  Anna   Holm ", "Anna Holm"),
        ("Anna\u00a0Holm", "Anna Holm"),
        ("Anna\u3000Holm", "Anna Holm"),
        ("A\u030asa", "Åsa"),
        ("山田 太郎", "山田 太郎"),
        ("Анна Холм", "Анна Холм"),
        ("O’Hara-Smith", "O’Hara-Smith"),
        ("uid 1000", "uid 1000"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_a_name_is_composed_and_has_single_blanks(text: str, name: str) -> None:
    assert person_name(text) == name


@pytest.mark.parametrize("text", ["", " ", "\u00a0", "-", "\u0301", "x" * (LONGEST + 1)])
def test_a_text_that_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a name is one line of 1 to 80 visible characters"):
        person_name(text)


@pytest.mark.parametrize("place", ["{}Anna Holm", "Anna{}Holm", "Anna {} Holm", "Anna Holm{}"])
@pytest.mark.parametrize(
    "character",
    [
        "\n", "\r", "\t", "\x00", "\x0b", "\x1b", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f", "\x85", "\xad", "\u2028",
        "\u2029", "\u200b", "\u200d", "\u200e", "\u202e", "\u2060", "\u2066", "\ufeff", "\ue000", "\ud800",
        "\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u180b", "\u180f", "\u2800", "\u3164", "\uffa0", "\ufe00",
        "\U000e0041", "\ufe0f", "\U000e0100", "\U000e01ef", "\u2065", "\ufff0",
    ],
)  # fmt: skip
def test_what_is_not_visible_is_refused_wherever_it_stands(character: str, place: str) -> None:
    with pytest.raises(UsageError, match=rf"U\+{ord(character):04X}, which is not visible"):
        person_name(place.format(character))


@pytest.mark.parametrize("text", ["gearbox", "Gearbox", " GEARBOX ", "ｇｅａｒｂｏｘ", "𝐠earbox"])
def test_nobody_is_the_gearbox(text: str) -> None:
    with pytest.raises(UsageError, match="no person has that name"):
        person_name(text)


@pytest.mark.parametrize("text", ["\u0410nna Holm", "ge\u0430rbox", "Ann\u03b1"])
def test_letters_that_look_the_same_are_not_mixed(text: str) -> None:
    with pytest.raises(UsageError, match="cannot mix LATIN and"):
        person_name(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ANNA Holm", "Anna Holm"),
        ("Ａｎｎａ Holm", "anna holm"),
        ("Straße", "STRASSE"),
        ("Åsa", "A\u030aSA"),
        ("O’Hara", "O'Hara"),
        ("Anna\u2010Lena", "anna-lena"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_the_same_person_has_one_folded_form(one: str, other: str) -> None:
    assert is_same(person_name(one), person_name(other))


@pytest.mark.parametrize(("one", "other"), [("Anna Holm", "Anna Holme"), ("Anna Holm", "AnnaHolm"), ("Åsa", "Asa")])
def test_other_people_have_other_forms(one: str, other: str) -> None:
    assert not is_same(one, other)


@given(ANY_TEXT)
def test_what_was_folded_folds_to_itself(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(ANY_TEXT)
def test_a_name_that_is_taken_is_one_line_and_taken_again_the_same(text: str) -> None:
    try:
        name = person_name(text)
    except UsageError:
        return

    assert person_name(name) == name
    assert len(name.splitlines()) == 1
    assert unicodedata.is_normalized("NFC", name)


@given(st.lists(WORDS, min_size=1, max_size=3), st.sampled_from([" ", "  ", "\u00a0"]))
def test_blanks_and_case_make_nobody_else(words: list[str], blank: str) -> None:
    assert folded(blank.join(words).upper()) == folded(" ".join(words).upper())
    assert folded(" ".join(words)) == folded(" ".join(words).casefold())
