"""Legs as an operator writes them: what is read, what is found in the listing, and how a mistake is told."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chains import MONTHLY, WEEKLY, bought, call, make_listing, put, sold
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionType, Side
from volguard.strategy.legs_text import COUNT_MAX, legs_of, read_legs, unit_legs

LISTING = make_listing()


def refusal(text: str, expiry: date | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        legs_of(text, LISTING, expiry)
    return caught.value


def test_a_condor_is_four_words_in_spaces_or_commas() -> None:
    expected = (sold(put(24_500)), bought(put(24_300)), sold(call(25_000)), bought(call(25_200)))
    for text in (
        "-24500PE +24300PE -25000CE +25200CE",
        " -24500pe,+24300PE ,\n-25000ce, +25200CE, ",
    ):
        lines = legs_of(text, LISTING, None)
        assert tuple(line.leg for line in lines) == expected
        assert [line.count for line in lines] == [1] * 4


def test_a_ratio_counts_its_leg_and_an_expiry_may_stand_on_each() -> None:
    lines = legs_of("-2x24500PE +24500PE@2025-09-30", LISTING, WEEKLY)
    assert [(line.leg, line.count) for line in lines] == [
        (sold(put(24_500)), 2),
        (bought(put(24_500, MONTHLY)), 1),
    ]
    assert unit_legs(lines) == (sold(put(24_500)), sold(put(24_500)), bought(put(24_500, MONTHLY)))


def test_without_an_expiry_it_is_the_one_asked_for_else_the_nearest() -> None:
    assert legs_of("-24500PE", LISTING, MONTHLY)[0].leg == sold(put(24_500, MONTHLY))
    assert legs_of("-24500PE", LISTING, None)[0].leg == sold(put(24_500, WEEKLY))


def test_a_contract_written_twice_counts_twice() -> None:
    (line,) = legs_of("-24500PE -2x24500PE@2025-09-09", LISTING, None)
    assert (line.leg, line.count) == (sold(put(24_500)), 3)


def test_a_contract_against_itself_is_refused() -> None:
    error = refusal("-2x24500PE +24500PE")
    assert error.message.startswith("leg +24500PE: 24500 PE of 2025-09-09 is both bought and sold")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("-24500PE 24300PE", "24300PE"),
        ("-24500PE+24300PE", "-24500PE+24300PE"),
        ("-24500PUT", "-24500PUT"),
        ("-24,500PE", "-24"),
        ("-24500.5PE", "-24500.5PE"),
        ("-x24500PE", "-x24500PE"),
        ("- 24500PE", "-"),
        ("-24500PE@tuesday", "-24500PE@tuesday"),
        ("-24500PE@2025-13-01", "-24500PE@2025-13-01"),
        ("-0x24500PE", "-0x24500PE"),
        (f"-{COUNT_MAX + 1}x24500PE", f"-{COUNT_MAX + 1}x24500PE"),
        ("-" + "9" * 5000 + "PE", "-" + "9" * 5000 + "PE"),
    ],
)
def test_the_word_that_cannot_be_read_is_named_with_an_example(text: str, word: str) -> None:
    error = refusal(text)
    assert error.message.startswith(f"leg {word} cannot be read: ")
    assert '--legs "-24500PE' in error.hint


@pytest.mark.parametrize("text", ["", "  ", " , "])
def test_no_leg_at_all_is_refused(text: str) -> None:
    assert refusal(text).message == "no leg was given"


def test_an_unlisted_strike_names_the_nearest_listed_ones() -> None:
    assert refusal("-24525PE").message == (
        "leg -24525PE: PE 24525 of 2025-09-09 is not listed, nearest are 24500 and 24550"
    )
    assert refusal("+99999CE").message.endswith("nearest are 25550 and 25600")


def test_an_unlisted_expiry_names_the_nearest_listed_ones() -> None:
    nearest = "is not listed, nearest are 2025-09-09 and 2025-09-30"
    assert refusal("-24500PE@2025-09-10").message == f"leg -24500PE@2025-09-10: expiry 2025-09-10 {nearest}"
    assert refusal("-24500PE", date(2025, 9, 16)).message == f"--expiry: expiry 2025-09-16 {nearest}"


@given(
    side=st.sampled_from(list(Side)),
    count=st.integers(1, COUNT_MAX),
    strike=st.integers(1, 9_999_999),
    kind=st.sampled_from(list(OptionType)),
    expiry=st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_every_leg_that_can_be_written_is_read_back(
    side: Side, count: int, strike: int, kind: OptionType, expiry: date | None
) -> None:
    sign = "+" if side is Side.BUY else "-"
    word = f"{sign}{count}x{strike}{kind}" + ("" if expiry is None else f"@{expiry.isoformat()}")
    (read,) = read_legs(word)
    assert (read.side, read.count, read.strike, read.option_type, read.expiry) == (
        *(side, count, strike, kind, expiry),
    )
