"""Every cell of a stress is a full revaluation: it agrees with other pricers, and hides no loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import (
    DAY,
    FORWARD,
    MONTHLY,
    WEEKLY,
    call,
    condor,
    flat_vol_snapshot,
    put,
    shipped_quality,
    view_of,
)
from tests.measure.stress_samples import (
    BOOKS,
    LOT,
    SHARES,
    SIGMAS,
    Row,
    legs_in_cell,
    make_book,
    plain_grid,
    plain_value,
    scaled,
    scipy_price,
    shipped_stress,
    worst_legs,
)
from volguard.measure.market_view import MarketView
from volguard.measure.payoff import max_loss_points, payoff_at
from volguard.measure.stress import StressOutcome, StressResult, portfolio_stress, stress
from volguard.measure.stress_book import StressBook
from volguard.measure.stress_cells import Cell, CellKind, ShiftShape
from volguard.model.book import Leg, Position

STRESS = shipped_stress()
FEW = replace(
    STRESS,
    spot_move_shares=(-0.2, -0.07, -0.01, 0.0, 0.03, 0.2),
    iv_shifts=(-0.05, 0.0, 0.2),
    scenarios=STRESS.scenarios[-1:],
)
MIXED = make_book(
    Row(contract=put(24_100), units=LOT, sigma=0.151, confidence=0.7),
    Row(contract=put(24_400), units=-2 * LOT, sigma=0.132, confidence=0.45),
    Row(contract=call(25_200), units=-LOT, sigma=0.108),
    Row(contract=call(25_500, MONTHLY), units=3 * LOT, sigma=0.125, confidence=0.9),
    Row(contract=put(23_500, MONTHLY), units=-LOT, sigma=0.171),
)
SHORT_STRANGLE = (
    Row(contract=put(24_400), units=-LOT),
    Row(contract=call(25_200), units=-LOT),
)


def at_cell(result: StressResult, move: float, shift: float, shape: ShiftShape, days: int = 0) -> float:
    at = (
        result.horizons_days.index(days),
        result.spot_move_shares.index(move),
        result.iv_shifts.index(shift),
        result.shapes.index(shape),
    )
    return float(result.pnl_inr[at])


def gross_units(book: StressBook) -> float:
    return float(np.abs(book.units).sum())


def every_pnl(result: StressResult) -> list[float]:
    beside = [outcome.pnl_inr for outcome in (*result.near, *result.named)]
    return [*result.pnl_inr.ravel().tolist(), *result.settlement_pnl_inr.tolist(), *beside]


# --- agreement ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("days_to_first", [6.2, 3.0, 1.0, 0.99, 0.02])
def test_the_grid_is_what_one_option_at_a_time_gives(days_to_first: float) -> None:
    """To 1e-8 points a unit, also where legs expire before the horizon or on it to the second."""
    days = [days_to_first if contract.expiry == WEEKLY else 27.2 for contract in MIXED.contracts]
    years = np.array(days) / 365.0
    book = replace(MIXED, years=years, discount=np.exp(-0.065 * years))
    found = stress(book, STRESS).pnl_inr
    assert np.abs(found - plain_grid(book, STRESS)).max() < 1e-8 * gross_units(book)


def test_the_grid_agrees_with_quantlib() -> None:
    """Full revaluation with QuantLib's blackFormula, to 1e-8 points a unit."""
    ql = pytest.importorskip("QuantLib")

    def price(is_call: bool, forward: float, strike: float, deviation: float, discount: float) -> float:
        kind = ql.Option.Call if is_call else ql.Option.Put
        return float(ql.blackFormula(kind, strike, forward, deviation, discount))

    found = stress(MIXED, STRESS).pnl_inr
    assert np.abs(found - plain_grid(MIXED, STRESS, price)).max() < 1e-8 * gross_units(MIXED)


@settings(derandomize=True, max_examples=15, deadline=None)
@given(book=BOOKS)
def test_any_book_agrees_with_one_option_at_a_time(book: StressBook) -> None:
    found = stress(book, FEW).pnl_inr
    assert np.abs(found - plain_grid(book, FEW)).max() <= 1e-8 * gross_units(book)


def test_a_market_that_stays_as_it_is_makes_nothing() -> None:
    result = stress(MIXED, STRESS)
    for shape in ShiftShape:
        assert at_cell(result, 0.0, 0.0, shape) == 0.0
    legs = legs_in_cell(MIXED, move=0.0, shift=0.0, days=0.0, iv_floor=STRESS.iv_floor)
    assert result.value_inr == pytest.approx(plain_value(MIXED, legs), rel=1e-8)


def test_settlement_pays_what_expires_and_prices_what_lives_on() -> None:
    result = stress(MIXED, STRESS)
    days = 365.0 * float(MIXED.years.min())
    assert result.settlement_expiry == WEEKLY
    for move, pnl in zip(result.settlement_moves.tolist(), result.settlement_pnl_inr.tolist(), strict=True):
        legs = legs_in_cell(MIXED, move=move, shift=0.0, days=days, iv_floor=STRESS.iv_floor, settles=True)
        assert pnl == pytest.approx(plain_value(MIXED, legs) - result.value_inr, abs=1e-4)


def test_settlement_looks_where_a_payoff_bends() -> None:
    """A bought straddle is worth least at its own strike, between two moves of the grid."""
    strike = 24_650
    book = make_book(
        Row(contract=call(strike), units=LOT, sigma=0.4), Row(contract=put(strike), units=LOT, sigma=0.4)
    )
    result = stress(book, STRESS)
    assert result.worst is not None
    assert result.worst.cell.kind is CellKind.SETTLEMENT
    assert result.stressed_loss_inr == pytest.approx(result.value_inr)
    assert result.worst.cell.name == "settlement of 2025-09-09 at 24650, spot -0.605 %"
    assert set(STRESS.spot_move_shares) < set(result.settlement_moves.tolist())


# --- what a cell is ----------------------------------------------------------------------------------


def test_skew_lifts_volatility_when_the_level_falls_and_only_then() -> None:
    result = stress(make_book(*SHORT_STRANGLE), STRESS)
    for days in STRESS.horizons_days[:2]:
        for move in STRESS.spot_move_shares:
            for shift in STRESS.iv_shifts:
                parallel, skewed = (at_cell(result, move, shift, shape, days) for shape in ShiftShape)
                if move < 0.0:
                    assert skewed < parallel
                else:
                    assert skewed == parallel
    # A fall of 5 % with 5 points in parallel is the same market as with none and skew.
    assert at_cell(result, -0.05, 0.05, ShiftShape.PARALLEL) == pytest.approx(
        at_cell(result, -0.05, 0.0, ShiftShape.SKEWED)
    )


def test_no_shift_takes_volatility_below_the_floor_nor_lifts_one_that_was_below() -> None:
    low = replace(STRESS, iv_shifts=(-0.9, -0.5, 0.0))
    for sigma, floored in ((0.14, low.iv_floor), (0.02, 0.02)):
        book = make_book(Row(contract=call(24_800), units=LOT, sigma=sigma))
        result = stress(book, low)
        for shift in (-0.9, -0.5):
            expected = make_book(Row(contract=call(24_800), units=LOT, sigma=floored))
            value = stress(expected, low).value_inr - result.value_inr
            assert at_cell(result, 0.0, shift, ShiftShape.PARALLEL) == pytest.approx(value, abs=1e-4)


def test_a_leg_that_has_expired_is_worth_its_intrinsic_value_at_the_moved_level() -> None:
    book = make_book(Row(contract=put(24_800), units=LOT), days_left={WEEKLY: 2.0})
    result = stress(book, STRESS)
    found = at_cell(result, -0.05, 0.2, ShiftShape.PARALLEL, days=3)
    assert found == pytest.approx(LOT * 0.05 * FORWARD - result.value_inr, rel=1e-7)


def test_a_leg_that_expires_at_the_horizon_still_has_five_minutes() -> None:
    book = make_book(Row(contract=put(24_800), units=LOT), days_left={WEEKLY: 1.0})
    found = at_cell(stress(book, STRESS), 0.0, 0.0, ShiftShape.PARALLEL, days=1)
    t = 300.0 / (365 * 86_400)
    left = scipy_price(False, FORWARD, 24_800.0, 0.14 * math.sqrt(t), math.exp(-0.065 * t))
    assert left > 0.5
    assert found == pytest.approx(LOT * left - stress(book, STRESS).value_inr, abs=1e-4)


def test_near_cells_are_three_percent_and_three_points_each_way_and_stand_apart() -> None:
    result = stress(make_book(*SHORT_STRANGLE), STRESS)
    corners = {(o.cell.spot_move_share, o.cell.iv_shift, o.cell.horizon_days) for o in result.near}
    assert corners == {(m, s, d) for m in (-0.03, 0.03) for s in (-0.03, 0.03) for d in (0, 1, 3)}
    assert result.near_loss_inr == -min(outcome.pnl_inr for outcome in result.near)
    assert 0.0 < result.near_loss_inr < result.stressed_loss_inr


def test_a_named_scenario_is_its_move_at_its_shift_after_its_days() -> None:
    result = stress(MIXED, STRESS)
    now = result.value_inr
    for outcome, scenario in zip(result.named, STRESS.scenarios, strict=True):
        legs = legs_in_cell(
            MIXED,
            move=scenario.spot_move_share,
            shift=scenario.iv_shift,
            days=scenario.horizon_days,
            iv_floor=STRESS.iv_floor,
        )
        assert outcome.cell.label == scenario.name
        assert outcome.pnl_inr == pytest.approx(plain_value(MIXED, legs) - now, abs=1e-3)
    assert result.named[0].cell.name == "2020-03-23, spot -13 %, IV +4.89 pt, now"


def test_a_cell_is_named_with_its_figure() -> None:
    cell = Cell(
        kind=CellKind.GRID, spot_move_share=-0.07, iv_shift=0.1, shape=ShiftShape.SKEWED, horizon_days=1
    )
    outcome = StressOutcome(cell=cell, pnl_inr=-41_200.4)
    assert outcome.text == "spot -7 %, IV +10 pt skewed, 1 day: -41,200"
    assert replace(
        cell, spot_move_share=0.0, iv_shift=0.0, shape=ShiftShape.PARALLEL, horizon_days=3
    ).name == ("spot 0 %, IV 0 pt, 3 days")


# --- the worst cell ----------------------------------------------------------------------------------


def test_the_worst_cell_of_a_short_strangle_is_the_far_end_with_volatility_up() -> None:
    rows = (Row(contract=put(24_000, MONTHLY), units=-LOT), Row(contract=call(25_600, MONTHLY), units=-LOT))
    result = stress(make_book(*rows), STRESS)
    assert result.worst is not None
    assert result.worst.text == f"spot -20 %, IV +20 pt skewed, now: {result.worst.pnl_inr:,.0f}"
    assert result.stressed_loss_inr == -result.worst.pnl_inr > 300_000


@settings(derandomize=True, max_examples=40, deadline=None)
@given(book=BOOKS)
def test_the_worst_cell_is_the_least_of_all_and_its_market_gives_its_figure(book: StressBook) -> None:
    result = stress(book, STRESS)
    assert result.worst is not None
    assert result.worst.pnl_inr == pytest.approx(min(every_pnl(result)), rel=1e-8)
    assert result.stressed_loss_inr == -result.worst.pnl_inr >= 0.0  # the market as it is loses nothing
    again = plain_value(book, worst_legs(book, result, STRESS)) - result.value_inr
    assert result.worst.pnl_inr == pytest.approx(again, rel=1e-6, abs=1e-3)


def test_an_empty_book_loses_nothing_and_has_no_worst_cell() -> None:
    result = stress(make_book(), STRESS)
    assert (result.stressed_loss_inr, result.near_loss_inr, result.value_inr) == (0.0, 0.0, 0.0)
    assert result.worst is None and result.settlement_expiry is None
    assert not result.pnl_inr.any() and result.pnl_inr.shape == (3, 19, 5, 2)
    assert len(result.settlement_pnl_inr) == 0
    assert [outcome.pnl_inr for outcome in result.named] == [0.0] * 4


# --- properties --------------------------------------------------------------------------------------


@settings(derandomize=True, max_examples=40, deadline=None)
@given(book=BOOKS, factor=st.integers(min_value=2, max_value=50))
def test_so_many_times_the_book_loses_so_many_times_as_much(book: StressBook, factor: int) -> None:
    one, many = stress(book, STRESS), stress(scaled(book, factor), STRESS)
    assert np.allclose(many.pnl_inr, factor * one.pnl_inr, rtol=1e-12, atol=1e-9 * gross_units(book))
    assert many.stressed_loss_inr == pytest.approx(factor * one.stressed_loss_inr, rel=2e-8)
    assert many.near_loss_inr == pytest.approx(factor * one.near_loss_inr, rel=2e-8)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    others=st.lists(
        st.builds(
            lambda strike, lots, sigma: Row(
                contract=put(50 * strike, MONTHLY), units=LOT * lots, sigma=sigma
            ),
            st.integers(min_value=440, max_value=500),
            st.integers(min_value=-3, max_value=3),
            SIGMAS,
        ),
        max_size=3,
        unique_by=lambda row: row.contract,
    ),
    is_call=st.booleans(),
    short=st.integers(min_value=1, max_value=8),
    bought=st.integers(min_value=1, max_value=8),
    away=st.integers(min_value=0, max_value=30),
    further=st.integers(min_value=1, max_value=20),
    sigmas=st.tuples(SIGMAS, SIGMAS),
    confidences=st.tuples(SHARES, SHARES),
)
def test_cover_never_raises_the_stressed_loss_by_more_than_its_premium(
    others: list[Row],
    is_call: bool,
    short: int,
    bought: int,
    away: int,
    further: int,
    sigmas: tuple[float, float],
    confidences: tuple[float, float],
) -> None:
    """An option further out, same right and expiry, up to the uncovered short quantity; any volatilities."""
    kind, way = (call, 50) if is_call else (put, -50)
    short_leg = Row(
        contract=kind(24_800 + way * away), units=-LOT * short, sigma=sigmas[0], confidence=confidences[0]
    )
    cover = Row(
        contract=kind(24_800 + way * (away + further)),
        units=LOT * min(bought, short),
        sigma=sigmas[1],
        confidence=confidences[1],
    )
    before = stress(make_book(short_leg, *others), STRESS)
    after = stress(make_book(short_leg, cover, *others), STRESS)
    premium = stress(make_book(cover), STRESS).value_inr
    raised = after.stressed_loss_inr - before.stressed_loss_inr
    assert raised <= premium + 1e-6 * max(1.0, after.stressed_loss_inr)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    strikes=st.lists(
        st.integers(min_value=470, max_value=522).map(lambda n: 50 * n), min_size=4, max_size=4, unique=True
    ),
    shape=st.sampled_from(["condor", "put spread", "call spread"]),
    is_sold=st.booleans(),
    lots=st.integers(min_value=1, max_value=5),
    sigmas=st.lists(SIGMAS, min_size=4, max_size=4),
    confidences=st.lists(SHARES, min_size=4, max_size=4),
)
def test_a_defined_risk_book_loses_at_most_its_payoff_and_the_time_value_of_the_worst_cell(
    strikes: list[int], shape: str, is_sold: bool, lots: int, sigmas: list[float], confidences: list[float]
) -> None:
    """Stressed loss <= max loss at expiry, for the theoretical credit of now, plus net time value sold.

    Time value is what Black's price in the worst cell holds above the discounted intrinsic value; sold legs
    count up, bought ones down. Holds where the book pays nothing or less at some level of expiry.
    """
    whole = condor(*sorted(strikes))
    sold = {"condor": whole, "put spread": whole[:2], "call spread": whole[2:]}[shape]
    legs = sold if is_sold else tuple(Leg(contract=leg.contract, side=leg.side.opposite) for leg in sold)
    units = LOT * lots
    book = make_book(
        *(
            Row(contract=leg.contract, units=leg.side.sign * units, sigma=sigma, confidence=confidence)
            for leg, sigma, confidence in zip(legs, sigmas, confidences, strict=False)
        )
    )
    result = stress(book, STRESS)
    max_loss = max_loss_points(legs, -result.value_inr / units)
    assert max_loss is not None
    sold_time_value = -sum(
        unit * leg.time_value
        for unit, leg in zip(book.units.tolist(), worst_legs(book, result, STRESS), strict=True)
    )
    assert result.stressed_loss_inr <= units * max_loss + sold_time_value + 1e-3
    assert float(payoff_at(legs, np.array([float(s) for s in strikes])).min()) <= 0.0


@settings(derandomize=True, max_examples=60, deadline=None)
@given(book=BOOKS, doubts=st.lists(SHARES, min_size=6, max_size=6))
def test_doubt_never_makes_a_cell_look_better(book: StressBook, doubts: list[float]) -> None:
    doubted = replace(book, confidence=book.confidence * np.array(doubts[: len(book)]))
    sure, unsure = stress(book, STRESS), stress(doubted, STRESS)
    slack = 1e-9 * max(1.0, gross_units(book))
    assert np.all(unsure.pnl_inr <= sure.pnl_inr + slack)
    assert all(a <= b + slack for a, b in zip(every_pnl(unsure), every_pnl(sure), strict=True))
    assert unsure.stressed_loss_inr >= sure.stressed_loss_inr - slack


@pytest.mark.parametrize("units", [-LOT, LOT])
def test_doubt_widens_a_shift_against_the_leg_by_two_less_confidence(units: int) -> None:
    """Half confidence makes 10 points 15, up for what is sold and down for what is bought."""
    axes = replace(STRESS, iv_shifts=(-0.15, -0.1, 0.0, 0.1, 0.15))
    row = Row(contract=call(24_800), units=units, sigma=0.4)
    sure = stress(make_book(row), axes)
    unsure = stress(make_book(replace(row, confidence=0.5)), axes)
    against, wider = (0.1, 0.15) if units < 0 else (-0.1, -0.15)
    for move in (-0.03, 0.0, 0.03):
        widened = at_cell(unsure, move, against, ShiftShape.PARALLEL)
        assert widened == pytest.approx(at_cell(sure, move, wider, ShiftShape.PARALLEL), rel=1e-9)
        assert widened < at_cell(sure, move, against, ShiftShape.PARALLEL)
        assert at_cell(unsure, move, -against, ShiftShape.PARALLEL) == at_cell(
            sure, move, -against, ShiftShape.PARALLEL
        )


def test_the_same_book_gives_the_same_bits_whatever_the_order_of_its_positions() -> None:
    view = view_of(flat_vol_snapshot())
    held = [
        Position(contract=leg.contract, quantity=leg.side.sign * LOT)
        for expiry in (WEEKLY, MONTHLY)
        for leg in condor(24_100, 24_400, 25_200, 25_500, expiry)
    ]
    one, two, three = (stressed(view, positions) for positions in (held, held[::-1], held))
    for other in (two, three):
        assert other.pnl_inr.tobytes() == one.pnl_inr.tobytes()
        assert other.settlement_pnl_inr.tobytes() == one.settlement_pnl_inr.tobytes()
        assert (other.worst, other.named, other.near) == (one.worst, one.named, one.near)


def stressed(view: MarketView, positions: Sequence[Position]) -> StressResult:
    result = portfolio_stress(view, positions, STRESS, shipped_quality())
    assert isinstance(result, StressResult)
    return result


def test_a_result_cannot_be_changed() -> None:
    result = stress(MIXED, STRESS)
    for array in (result.pnl_inr, result.settlement_pnl_inr, result.settlement_moves):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0


def test_a_condor_on_the_market_loses_its_wing_less_its_credit() -> None:
    """From quotes to figure: the worst of a defined-risk book is near its max loss at the quoted prices."""
    view = view_of(flat_vol_snapshot())
    legs = condor(24_100, 24_400, 25_200, 25_500)
    result = stressed(view, [Position(contract=leg.contract, quantity=leg.side.sign * LOT) for leg in legs])
    credit = -result.value_inr / LOT
    assert 45.0 < credit < 55.0
    assert result.stressed_loss_inr == pytest.approx(LOT * (300.0 - credit), rel=1e-6)
    assert result.worst is not None and result.worst.cell.kind is CellKind.SETTLEMENT
    assert result.settlement_expiry == WEEKLY == DAY + timedelta(days=6)
