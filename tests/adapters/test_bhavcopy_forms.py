"""A line of a bhavcopy, legacy or UDiFF, becomes the same figures in the same units."""

from __future__ import annotations

from datetime import date

import pytest

from tests.adapters.bhavcopy_samples import LEGACY_HEADER, LEGACY_LINES, UDIFF_HEADER, UDIFF_LINES
from volguard.adapters.bhavcopy_forms import LEGACY, UDIFF, BadCell, Form, OptionDay, day_of, form_of
from volguard.model.instrument import OptionType


def figures(form: Form, header: str, line: str) -> dict[str, str]:
    cells = line.split(",")
    return {figure: cells[place] for figure, place in form.places(header.split(",")).items()}


def test_a_published_udiff_line_has_these_figures() -> None:
    """160 contracts of 50 units at 21400 + 880.28 are the published 178,251,222.50 rupees; OI is in units."""
    row = UDIFF.row(figures(UDIFF, UDIFF_HEADER, UDIFF_LINES[0]))
    assert row == OptionDay(
        trade_date=date(2024, 1, 1),
        expiry=date(2024, 2, 29),
        actual_expiry=date(2024, 2, 29),
        strike=21400,
        option_type=OptionType.CALL,
        open=839.0,
        high=955.0,
        low=836.1,
        close=882.85,
        settle=882.85,
        contracts=160,
        oi=20450,
        oi_change=-650,
        turnover_inr=178251222.5,
        lot_size=50,
        underlying_close=21741.9,
    )
    assert row.turnover_inr / (row.contracts * 50) - row.strike == pytest.approx(881.4, abs=0.1)
    assert row.oi % 50 == 0


def test_the_legacy_line_of_the_same_contract_says_the_same() -> None:
    """Prices, lots and open interest agree; turnover comes in lakhs; lot and level are not in the file."""
    old = LEGACY.row(figures(LEGACY, LEGACY_HEADER, LEGACY_LINES[1]))
    new = UDIFF.row(figures(UDIFF, UDIFF_HEADER, UDIFF_LINES[0]))
    same = ("trade_date", "expiry", "strike", "option_type", "open", "high", "low", "close", "settle")
    for name in (*same, "contracts", "oi", "oi_change"):
        assert getattr(old, name) == getattr(new, name)
    assert old.turnover_inr == pytest.approx(new.turnover_inr, abs=1000.0)
    assert (old.lot_size, old.underlying_close, old.actual_expiry) == (None, None, None)


def test_what_was_not_traded_has_no_open_high_and_low() -> None:
    """A zero price is none; the close stays as the exchange wrote it."""
    row = UDIFF.row(figures(UDIFF, UDIFF_HEADER, UDIFF_LINES[2]))
    assert (row.open, row.high, row.low, row.close, row.settle) == (None, None, None, 17.0, 0.85)
    assert (row.contracts, row.turnover_inr) == (0, 0.0)


def test_forms_are_told_apart_by_their_columns() -> None:
    """Both headers are known, the older spelling of one column too, and nothing else."""
    assert form_of(LEGACY_HEADER.split(",")) is LEGACY
    assert form_of(UDIFF_HEADER.split(",")) is UDIFF
    assert form_of(["SYMBOL", "SERIES", "OPEN"]) is None
    older = LEGACY_HEADER.replace("OPTION_TYP", " OPTIONTYPE ").split(",")
    assert LEGACY.missing(LEGACY.places(older)) == []
    assert LEGACY.missing(LEGACY.places(["INSTRUMENT", "SYMBOL"]))[:2] == ["TIMESTAMP", "EXPIRY_DT"]


@pytest.mark.parametrize(
    ("figure", "cell", "text"),
    [
        ("trade_date", "01/01/2024", "'01/01/2024' is not a date"),
        ("expiry", "2024-02-30", "'2024-02-30' is not a date"),
        ("expiry", "2023-12-28", "2023-12-28 is before the trade date 2024-01-01"),
        ("strike", "21400.50", "'21400.50' is not a whole number"),
        ("strike", "0", "0 is no strike"),
        ("option_type", "CA", "'CA', known are CE and PE"),
        ("open", "", "'' is not a number of 0 or more"),
        ("low", "-1", "'-1' is not a number of 0 or more"),
        ("close", "nan", "'nan' is not a number"),
        ("settle", "1_000", "'1_000' is not a number"),
        ("high", "800", "high 800.0 is below low 836.1"),
        ("close", "0", "no price where 160 contracts were traded"),
        ("contracts", "-5", "-5 is negative"),
        ("oi", "1.5", "'1.5' is not a whole number"),
        ("oi_change", "", "'' is not a whole number"),
        ("turnover", "1e999", "'1e999' is not a number"),
        ("lot_size", "0", "0 is below 1"),
    ],
)
def test_a_bad_cell_is_named(figure: str, cell: str, text: str) -> None:
    """Whatever cannot be, the figure and the cell are told; nothing is made up for it."""
    cells = figures(UDIFF, UDIFF_HEADER, UDIFF_LINES[0]) | {figure: cell}
    with pytest.raises(BadCell) as bad:
        UDIFF.row(cells)
    assert bad.value.figure == figure
    assert bad.value.text.startswith(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-01-25", date(2024, 1, 25)),
        ("25-Jan-2024", date(2024, 1, 25)),
        ("5-JAN-2024", date(2024, 1, 5)),
        ("25-Foo-2024", None),
        ("31-FEB-2024", None),
        ("25-Jan-24", None),
        ("20240125", None),
    ],
)
def test_dates_come_in_two_ways(text: str, day: date | None) -> None:
    """Numbers with the year first, or the month as a word in any case; a year has four digits."""
    assert day_of(text) == day
