"""A book is stressed on what the market shows of each leg, or not at all, and then each such leg is named."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    LOT,
    MONTHLY,
    NOW,
    SIGMA,
    WEEKLY,
    at,
    call,
    flat_vol_snapshot,
    put,
    shipped_quality,
    view_of,
    with_cells,
    with_column,
    years_of,
)
from tests.measure.stress_samples import Row, make_book, shipped_stress
from volguard.measure.confidence import row_confidence
from volguard.measure.market_view import MarketView
from volguard.measure.stress import portfolio_stress
from volguard.measure.stress_book import StressBook, StressUnavailable, stress_book
from volguard.model.book import Position
from volguard.model.instrument import OptionContract

EXACT = flat_vol_snapshot(tick=None)
VIEW = view_of(EXACT)
CONDOR = tuple(
    Position(contract=contract, quantity=lots * LOT)
    for contract, lots in (
        (put(24_100), 1),
        (put(24_400), -1),
        (call(25_200), -1),
        (call(25_500, MONTHLY), 2),
    )
)


def book_of(view: MarketView, *positions: Position) -> StressBook:
    found = stress_book(view, positions, shipped_quality())
    assert isinstance(found, StressBook)
    return found


def unquoted(*contracts: OptionContract) -> MarketView:
    snapshot = EXACT
    for contract in contracts:
        snapshot = with_cells(snapshot, contract, bid=math.nan, ask=math.nan)
    return view_of(snapshot)


def without_forward() -> MarketView:
    ask = EXACT.ask.copy()
    ask[EXACT.listing.rows_of(WEEKLY)] = np.nan
    return view_of(with_column(EXACT, ask=ask))


def after_the_close() -> MarketView:
    return view_of(flat_vol_snapshot(at("2025-09-09 15:45"), tick=None))


def test_columns_are_what_the_view_knows_of_each_leg() -> None:
    book = book_of(VIEW, *CONDOR)
    assert list(book.contracts) == sorted(position.contract for position in CONDOR)
    by_contract = dict(zip(book.contracts, book.units.tolist(), strict=True))
    assert by_contract == {position.contract: position.quantity for position in CONDOR}
    years = years_of(EXACT.listing, NOW)
    assert book.years.tolist() == pytest.approx([years[0], years[0], years[0], years[1]])
    assert book.forward.tolist() == pytest.approx([FORWARD] * 4)
    assert book.sigma.tolist() == pytest.approx([SIGMA] * 4)
    assert book.strike.tolist() == [contract.strike for contract in book.contracts]
    assert book.is_call.tolist() == [contract.option_type == "CE" for contract in book.contracts]
    assert book.first_expiry == WEEKLY
    assert book.by_neighbours == ()


def test_a_quoted_strike_speaks_for_itself_not_its_neighbours() -> None:
    strike = EXACT.listing.strike
    bent = SIGMA + 4.0 * ((strike - FORWARD) / FORWARD) ** 2
    book = book_of(view_of(flat_vol_snapshot(sigma=bent, tick=None)), *CONDOR)
    expected = SIGMA + 4.0 * ((book.strike - FORWARD) / FORWARD) ** 2
    assert book.sigma.tolist() == pytest.approx(expected.tolist(), abs=1e-7)


def test_positions_of_one_contract_are_netted_and_what_nets_out_is_left_out() -> None:
    more = (
        Position(contract=put(24_400), quantity=-LOT),
        Position(contract=put(24_100), quantity=-LOT),
    )
    book = book_of(VIEW, *CONDOR, *more)
    held = dict(zip(book.contracts, book.units.tolist(), strict=True))
    assert held[put(24_400)] == -2 * LOT
    assert put(24_100) not in held


def test_a_leg_that_nets_out_needs_no_market() -> None:
    gone = OptionContract(
        underlying=put(1).underlying, expiry=WEEKLY, strike=99_000, option_type=put(1).option_type
    )
    positions = [Position(contract=gone, quantity=q) for q in (LOT, -LOT)]
    assert len(book_of(VIEW, *positions)) == 0


def test_confidence_of_a_leg_is_that_of_its_row() -> None:
    snapshot = with_cells(EXACT, put(24_400), vendor_iv=SIGMA * 1.12)
    view = view_of(snapshot)
    row = view.row(put(24_400))
    assert row is not None
    by_row = row_confidence(view, WEEKLY, shipped_quality())
    expected = float(by_row[row - view.listing.rows_of(WEEKLY).start])
    book = book_of(view, *CONDOR)
    found = dict(zip(book.contracts, book.confidence.tolist(), strict=True))
    assert found[put(24_400)] == expected
    assert 0.5 < expected < 0.75
    assert found[call(25_500, MONTHLY)] == pytest.approx(1.0)


def test_a_strike_that_shows_no_volatility_takes_that_of_the_strikes_beside_it_without_confidence() -> None:
    book = book_of(unquoted(put(24_400), call(24_400)), *CONDOR)
    place = book.contracts.index(put(24_400))
    assert book.by_neighbours == (put(24_400),)
    assert book.sigma[place] == pytest.approx(SIGMA)
    assert book.confidence[place] == 0.0


BLIND = tuple(kind(strike) for kind in (put, call) for strike in (24_350, 24_400, 24_450))


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (
            lambda: unquoted(*BLIND),
            "has no volatility, neither its own strike nor those beside it are quoted",
        ),
        (without_forward, "has no forward, the quotes of its expiry do not pin one"),
        (after_the_close, "has settled"),
    ],
    ids=["no volatility", "no forward", "settled"],
)
def test_without_an_input_there_is_no_stress_and_the_leg_is_named(
    view: Callable[[], MarketView], told: str
) -> None:
    market, short = view(), Position(contract=put(24_400), quantity=-LOT)
    later = Position(contract=put(24_400, MONTHLY), quantity=LOT)
    found = stress_book(market, [short, later], shipped_quality())
    assert found == StressUnavailable(reasons=(f"NIFTY 2025-09-09 24400 PE {told}",))
    assert portfolio_stress(market, [short, later], shipped_stress(), shipped_quality()) == found
    assert isinstance(stress_book(market, [later], shipped_quality()), StressBook)


def test_every_leg_that_lacks_something_is_named() -> None:
    positions = [Position(contract=kind(30_000), quantity=-LOT) for kind in (call, put)]
    found = stress_book(VIEW, [*CONDOR, *positions], shipped_quality())
    assert isinstance(found, StressUnavailable)
    assert found.text == (
        "NIFTY 2025-09-09 30000 CE is not in the chain; NIFTY 2025-09-09 30000 PE is not in the chain"
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("forward", math.nan),
        ("strike", 0.0),
        ("years", math.inf),
        ("sigma", -0.1),
        ("discount", math.nan),
        ("units", math.nan),
        ("confidence", 1.1),
        ("confidence", math.nan),
    ],
)
def test_a_column_with_an_impossible_figure_is_refused(column: str, value: float) -> None:
    book = make_book(Row(contract=put(24_400), units=-LOT))
    with pytest.raises(ValueError, match=f"{column} was "):
        replace(book, **{column: np.array([value])})


@pytest.mark.parametrize("column", ["units", "forward", "is_call", "confidence"])
def test_a_column_of_another_length_is_refused(column: str) -> None:
    book = make_book(Row(contract=put(24_400), units=-LOT))
    with pytest.raises(ValueError, match=f"{column} was "):
        replace(book, **{column: np.ones(2, dtype=np.bool_)})
