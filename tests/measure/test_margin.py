"""SPAN by full revaluation and its add-ons: what each part asks, and that nothing is asked from a guess."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from volguard.measure.margin import (
    NOTHING_HELD,
    Holdings,
    IndexState,
    Margin,
    NoMargin,
    margin_from_arrays,
    margin_of,
    margins_after_moves,
)
from volguard.measure.margin_scan import (
    REGULAR,
    SCENARIOS,
    Contracts,
    RiskArrays,
    revalue,
    scenario_name,
)
from volguard.model.instrument import Underlying
from volguard.model.market import FloatArray
from volguard.nse.margin_rules import MarginRule, MarginRules, MarginTables
from volguard.pricing.daycount import DAYS_PER_YEAR

CONFIG = Path(__file__).parents[2] / "config" / "margin.toml"
RULES = MarginRules(msgspec.convert(tomllib.loads(CONFIG.read_text()), MarginTables))
NIFTY = Underlying("NIFTY")
DAY, NEAR, FAR = date(2026, 5, 26), date(2026, 6, 2), date(2026, 6, 30)
SPOT, LOT = 24_000.0, 65
INDEX = IndexState(spot=SPOT, previous_close=23_950.0, sigma_daily=0.008)
SCAN = 0.093 * SPOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    strike: float
    is_call: bool
    units: float
    expiry: date = NEAR
    sigma: float = 0.14
    is_future: bool = False


def rule_on(day: date = DAY) -> MarginRule:
    return RULES.on(NIFTY, day)


def holdings(*legs: Leg, day: date = DAY, **cells: FloatArray) -> Holdings:
    """Legs at a forward of 6.5 % carry; `cells` replaces whole columns of the contracts."""
    t = np.array([(leg.expiry - day).days / DAYS_PER_YEAR for leg in legs])
    contracts = Contracts(
        is_future=np.array([leg.is_future for leg in legs], dtype=np.bool_),
        is_call=np.array([leg.is_call for leg in legs], dtype=np.bool_),
        strike=np.array([leg.strike for leg in legs]),
        forward=SPOT * np.exp(0.065 * t),
        t=t,
        sigma=np.array([leg.sigma for leg in legs]),
        discount=np.exp(-0.065 * t),
    )
    return Holdings(
        expiries=tuple(leg.expiry for leg in legs),
        units=np.array([float(leg.units) for leg in legs]),
        contracts=replace(contracts, **cells),
    )


def margin(*legs: Leg, day: date = DAY, index: IndexState = INDEX) -> Margin:
    result = margin_of(holdings(*legs, day=day), index, rule_on(day))
    assert isinstance(result, Margin), result
    return result


def sold(strike: float, is_call: bool, **rest: Any) -> Leg:
    return Leg(strike=strike, is_call=is_call, units=-LOT, **rest)


def bought(strike: float, is_call: bool, **rest: Any) -> Leg:
    return Leg(strike=strike, is_call=is_call, units=LOT, **rest)


CALL, PUT = sold(24_300.0, True), sold(23_700.0, False)
CONDOR = (bought(23_400.0, False), PUT, CALL, bought(24_600.0, True))
FUTURE = Leg(strike=math.nan, is_call=False, units=LOT, sigma=math.nan, is_future=True)


def scipy_price(
    forward: float, strike: float, t: float, sigma: float, is_call: bool, discount: float
) -> float:
    """Black (1976), equation 16, written down once more with another library's normal distribution."""
    if sigma * math.sqrt(t) == 0.0:
        return discount * max(0.0, forward - strike if is_call else strike - forward)
    d1 = math.log(forward / strike) / (sigma * math.sqrt(t)) + 0.5 * sigma * math.sqrt(t)
    d2, sign = d1 - sigma * math.sqrt(t), 1 if is_call else -1
    return float(discount * sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * d2)))


GRID = [
    *((thirds / 3.0, shift, 1.0) for thirds in (0, 1, -1, 2, -2, 3, -3) for shift in (1.0, -1.0)),
    (2.0, 0.0, 0.35),
    (-2.0, 0.0, 0.35),
]


def full_losses(book: Holdings, *, scan: float = SCAN, vol_scan: float = 0.04) -> list[float]:
    """Rupees the book loses in each scenario, in plain scalar code."""
    c, losses = book.contracts, []
    for move, shift, cover in GRID:
        total = 0.0
        for leg, units in enumerate(book.units.tolist()):
            forward = float(c.forward[leg])
            if c.is_future[leg]:
                total -= units * move * scan
                continue
            same = (float(c.strike[leg]),)
            right, discount, sigma = bool(c.is_call[leg]), float(c.discount[leg]), float(c.sigma[leg])
            before = scipy_price(forward, *same, float(c.t[leg]), sigma, right, discount)
            after = scipy_price(
                forward + move * scan,
                *same,
                max(float(c.t[leg]) - 1 / 365, 0.0),
                max(sigma + shift * vol_scan, 0.0),
                right,
                discount,
            )
            total -= units * (after - before)
        losses.append(cover * total)
    return losses


def vol_scan_of(index: IndexState) -> float:
    return max(0.25 * index.sigma_daily * math.sqrt(365), 0.04)


def test_no_position_asks_nothing_whatever_is_known() -> None:
    unknown = IndexState(spot=math.nan, previous_close=math.nan, sigma_daily=math.nan)
    assert margin_of(holdings(), unknown, rule_on()) == NOTHING_HELD
    assert (NOTHING_HELD.span_inr, NOTHING_HELD.total_inr) == (0.0, 0.0)
    assert NOTHING_HELD.worst_scenario == "nothing held"


def test_a_naked_short_is_asked_its_worst_scenario_and_its_premium() -> None:
    asked = margin(CALL)
    losses = full_losses(holdings(CALL), vol_scan=vol_scan_of(INDEX))
    premium = LOT * scipy_price(*_cells(CALL))
    assert asked.scan_risk_inr == pytest.approx(max(losses), abs=1e-6)
    assert asked.net_option_value_inr == pytest.approx(-premium)
    assert asked.span_inr == pytest.approx(max(losses) + premium)
    assert asked.worst_scenario == "price +3/3, volatility up"


def _cells(leg: Leg) -> tuple[float, float, float, float, bool, float]:
    c = holdings(leg).contracts
    return float(c.forward[0]), leg.strike, float(c.t[0]), leg.sigma, leg.is_call, float(c.discount[0])


def test_a_far_strike_is_asked_for_the_extreme_move() -> None:
    assert margin(sold(27_000.0, True, expiry=FAR)).worst_scenario == "extreme move up"
    assert margin(sold(21_000.0, False, expiry=FAR)).worst_scenario == "extreme move down"


def test_a_long_option_is_asked_nothing_but_its_premium() -> None:
    asked = margin(bought(24_300.0, True))
    assert asked.total_inr == 0.0
    assert asked.upfront_premium_inr == pytest.approx(LOT * scipy_price(*_cells(CALL)))


def test_the_premium_was_not_collected_upfront_before_february_2025() -> None:
    leg = bought(24_300.0, True, expiry=date(2025, 2, 13))
    assert margin(leg, day=date(2025, 2, 7)).upfront_premium_inr == 0.0
    assert margin(leg, day=date(2025, 2, 10)).upfront_premium_inr > 0.0


def test_a_future_is_asked_the_price_scan_and_the_exposure_of_its_own_price() -> None:
    asked = margin(FUTURE)
    forward = float(holdings(FUTURE).contracts.forward[0])
    assert asked.span_inr == pytest.approx(LOT * SCAN)
    assert asked.exposure_inr == pytest.approx(0.02 * LOT * forward)
    assert asked.worst_scenario == "price -3/3, volatility up"
    assert asked.net_option_value_inr == 0.0


def test_a_defined_risk_book_is_asked_its_width_not_its_naked_legs() -> None:
    condor, naked = margin(*CONDOR), margin(PUT, CALL)
    assert condor.span_inr <= LOT * 300.0
    assert condor.span_inr < 0.2 * naked.span_inr
    assert condor.exposure_inr == naked.exposure_inr == pytest.approx(0.02 * 2 * LOT * SPOT)


def test_exposure_is_on_the_index_times_units_sold() -> None:
    assert margin(CALL).exposure_inr == pytest.approx(0.02 * LOT * SPOT)
    assert margin(CALL, bought(24_600.0, True)).exposure_inr == pytest.approx(0.02 * LOT * SPOT)


def test_only_shorts_ten_percent_out_of_the_money_from_the_previous_close_pay_the_add_on() -> None:
    index = replace(INDEX, previous_close=24_000.0)
    at_limit = (sold(26_400.0, True, expiry=FAR), sold(21_600.0, False, expiry=FAR))
    in_the_money = sold(20_000.0, True, expiry=FAR)
    assert margin(*at_limit, in_the_money, index=index).deep_otm_inr == 0.0
    for beyond in (sold(26_450.0, True, expiry=FAR), sold(21_550.0, False, expiry=FAR)):
        assert margin(beyond, index=index).deep_otm_inr == pytest.approx(0.03 * LOT * SPOT)
        assert margin(replace(beyond, units=LOT), index=index).deep_otm_inr == 0.0


def test_shorts_that_expire_today_pay_two_percent_more_since_november_2024() -> None:
    expiring = sold(24_300.0, True, expiry=DAY)
    assert margin(expiring).expiry_day_inr == pytest.approx(0.02 * LOT * SPOT)
    assert margin(CALL).expiry_day_inr == 0.0
    assert margin(replace(expiring, units=LOT)).expiry_day_inr == 0.0
    before = date(2024, 11, 14)
    assert margin(replace(expiring, expiry=before), day=before).expiry_day_inr == 0.0


def test_what_expires_today_no_longer_offsets_later_expiries() -> None:
    near, far = sold(24_000.0, True, expiry=DAY), bought(24_000.0, True, expiry=FAR)
    today = margin(near, far)
    alone = margin(near).scan_risk_inr + margin(far).scan_risk_inr
    assert [group.loss_inr for group in today.scan] == pytest.approx(
        [margin(near).scan_risk_inr, margin(far).scan_risk_inr]
    )
    assert today.scan_risk_inr == pytest.approx(alone)
    assert today.calendar_spread_inr == 0.0
    old = date(2024, 11, 28)
    offset = margin(replace(near, expiry=old), replace(far, expiry=date(2024, 12, 26)), day=old)
    assert len(offset.scan) == 1
    assert offset.scan_risk_inr < 0.7 * alone


def test_a_calendar_spread_of_futures_is_charged_on_the_far_contract() -> None:
    short = replace(FUTURE, expiry=FAR, units=-LOT)
    asked = margin(FUTURE, short)
    far_price = float(holdings(short).contracts.forward[0])
    assert asked.scan_risk_inr == pytest.approx(0.0, abs=1e-6)
    assert asked.calendar_spread_inr == pytest.approx(0.0175 * far_price * LOT)
    assert asked.span_inr == pytest.approx(asked.calendar_spread_inr)


def test_only_opposite_deltas_spread_and_only_as_much_as_both_hold() -> None:
    same_side = margin(FUTURE, replace(FUTURE, expiry=FAR))
    unequal = margin(FUTURE, replace(FUTURE, expiry=FAR, units=-3 * LOT))
    equal = margin(FUTURE, replace(FUTURE, expiry=FAR, units=-LOT))
    assert same_side.calendar_spread_inr == 0.0
    assert unequal.calendar_spread_inr == pytest.approx(equal.calendar_spread_inr)


def test_neighbouring_expiries_spread_first() -> None:
    middle = date(2026, 6, 9)
    three = margin(
        replace(FUTURE, units=LOT),
        replace(FUTURE, expiry=middle, units=-LOT),
        replace(FUTURE, expiry=FAR, units=-LOT),
    )
    price = float(holdings(replace(FUTURE, expiry=middle)).contracts.forward[0])
    assert three.calendar_spread_inr == pytest.approx(0.0175 * price * LOT)


def test_the_short_option_minimum_was_three_percent_until_may_2020() -> None:
    day, expiry = date(2019, 7, 1), date(2019, 7, 4)
    tiny = sold(30_000.0, True, expiry=expiry)
    asked = margin(tiny, day=day)
    assert asked.short_option_minimum_inr == pytest.approx(0.03 * LOT * SPOT)
    assert asked.span_inr == pytest.approx(0.03 * LOT * SPOT - asked.net_option_value_inr)
    assert margin(CALL).short_option_minimum_inr == 0.0


def test_a_scan_past_the_index_stops_at_a_level_above_zero() -> None:
    crash = IndexState(spot=SPOT, previous_close=SPOT, sigma_daily=0.08)  # 6 sigma sqrt 2 is 68 %
    asked = margin(PUT, FUTURE, index=crash)
    assert math.isfinite(asked.total_inr)
    assert asked.scan_risk_inr > 0.6 * LOT * SPOT


def test_the_sixteen_scenarios_are_named_in_the_order_of_the_file() -> None:
    names = [scenario_name(index) for index in range(SCENARIOS)]
    assert len(set(names)) == SCENARIOS
    assert names[:4] == [
        "price unchanged, volatility up",
        "price unchanged, volatility down",
        "price +1/3, volatility up",
        "price +1/3, volatility down",
    ]
    assert names[10:] == [
        "price +3/3, volatility up",
        "price +3/3, volatility down",
        "price -3/3, volatility up",
        "price -3/3, volatility down",
        "extreme move up",
        "extreme move down",
    ]


@pytest.mark.parametrize("column", ["forward", "sigma", "t", "discount", "strike"])
def test_a_leg_without_a_market_leaves_no_margin_and_names_itself(column: str) -> None:
    book = holdings(*CONDOR)
    cells = getattr(book.contracts, column).copy()
    cells[2] = math.nan
    refused = margin_of(replace(book, contracts=replace(book.contracts, **{column: cells})), INDEX, rule_on())
    assert isinstance(refused, NoMargin)
    assert "2026-06-02" in refused.reason and "CE was nan" in refused.reason


@pytest.mark.parametrize("forward", [0.0, -1.0, math.inf])
def test_a_forward_that_cannot_be_leaves_no_margin(forward: float) -> None:
    book = holdings(FUTURE)
    broken = replace(book, contracts=replace(book.contracts, forward=np.array([forward])))
    assert margin_of(broken, INDEX, rule_on()) == NoMargin(
        reason=f"forward of 2026-06-02 future was {forward}"
    )


def test_unknown_units_leave_no_margin() -> None:
    refused = margin_of(replace(holdings(CALL), units=np.array([math.nan])), INDEX, rule_on())
    assert refused == NoMargin(reason="units of 2026-06-02 24300 CE was nan")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("sigma_daily", math.nan, "NSE's daily EWMA of the index was nan, must be a volatility"),
        ("sigma_daily", -0.01, "NSE's daily EWMA of the index was -0.01, must be a volatility"),
        ("spot", math.nan, "level of the index was nan, must be above 0"),
        ("spot", 0.0, "level of the index was 0.0, must be above 0"),
        ("previous_close", math.nan, "previous close was nan, must be above 0"),
    ],
)
def test_an_unknown_index_leaves_no_margin(field: str, value: float, reason: str) -> None:
    index = replace(INDEX, **{field: value})
    assert margin_of(holdings(CALL), index, rule_on()) == NoMargin(reason=reason)


def test_a_book_that_gains_in_every_scenario_has_no_scan_risk_to_offset_its_option_value() -> None:
    """A short that only gains is still asked its current value, to buy it back."""
    gains = RiskArrays(loss=np.ones((SCENARIOS, 1)), value=np.array([5.0]), composite_delta=np.array([0.1]))
    asked = margin_from_arrays(
        holdings(CALL),
        gains,
        INDEX,
        rule_on(),
        spread_charge=lambda _near, _far: 0.0,
        short_option_minimum_inr_per_unit=0.0,
    )
    assert isinstance(asked, Margin)
    assert (asked.scan_risk_inr, asked.span_inr) == (0.0, 5.0 * LOT)


def test_the_total_is_span_exposure_and_both_add_ons_without_the_premium_of_longs() -> None:
    asked = margin(sold(27_000.0, True, expiry=DAY), CALL, bought(24_600.0, True))
    parts = (asked.span_inr, asked.exposure_inr, asked.deep_otm_inr, asked.expiry_day_inr)
    assert min(parts) > 0.0 and asked.upfront_premium_inr > 0.0
    assert asked.total_inr == pytest.approx(sum(parts))


def shifted(book: Holdings, index: IndexState, move: float) -> tuple[Holdings, IndexState]:
    """Book and index after a move, made by hand."""
    contracts = replace(book.contracts, forward=book.contracts.forward * (1.0 + move))
    return replace(book, contracts=contracts), replace(index, spot=index.spot * (1.0 + move))


def test_moves_taken_together_break_alone_and_name_what_each_lacks() -> None:
    """A fall to nothing has no margin; the moves beside it have theirs."""
    book = holdings(*CONDOR)
    now, gone, up = margins_after_moves(book, INDEX, rule_on(), (0.0, -1.0, 0.03))
    assert gone == NoMargin(reason="level of the index was 0.0, must be above 0")
    assert now == margin_of(book, INDEX, rule_on())
    assert up == margin_of(*shifted(book, INDEX, 0.03), rule_on())


def test_a_missing_input_is_named_with_its_figure_after_each_move() -> None:
    book = holdings(CALL, forward=np.array([-100.0]))
    reasons = [f"forward of {NEAR} {CALL.strike:g} CE was {figure}" for figure in (-100.0, -150.0)]
    assert margins_after_moves(book, INDEX, rule_on(), (0.0, 0.5)) == tuple(
        NoMargin(reason=reason) for reason in reasons
    )


def test_nothing_held_asks_nothing_after_any_move() -> None:
    assert margins_after_moves(holdings(), INDEX, rule_on(), (0.0, -1.0)) == (NOTHING_HELD, NOTHING_HELD)


def test_arrays_of_another_shape_are_refused() -> None:
    book = holdings(*CONDOR)
    arrays = revalue(book.contracts, price_scan=np.full(4, SCAN), vol_scan=0.04, rule=rule_on().scenarios)
    with pytest.raises(ValueError, match=r"risk arrays of shape \(16, 4\) do not fit 1 contracts"):
        margin_from_arrays(
            holdings(CALL),
            arrays,
            INDEX,
            rule_on(),
            spread_charge=lambda _near, _far: 0.0,
            short_option_minimum_inr_per_unit=0.0,
        )


strikes = st.integers(380, 600).map(lambda step: 50.0 * step)
legs = st.builds(
    Leg,
    strike=strikes,
    is_call=st.booleans(),
    units=st.integers(-20, 20).filter(bool).map(lambda lots: float(lots * LOT)),
    expiry=st.sampled_from([DAY, NEAR, FAR]),
    sigma=st.floats(0.01, 0.9),
    is_future=st.booleans(),
)
books = st.lists(legs, min_size=1, max_size=6)
indices = st.builds(
    IndexState,
    spot=st.floats(23_500.0, 24_500.0),
    previous_close=st.floats(23_000.0, 25_000.0),
    sigma_daily=st.floats(0.004, 0.03),
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(book=books, index=indices)
def test_every_scenario_agrees_with_an_independent_black_formula(book: list[Leg], index: IndexState) -> None:
    held = holdings(*book)
    scan = index.spot * max(6.0 * math.sqrt(2.0) * index.sigma_daily, 0.093)
    vol_scan = vol_scan_of(index)
    arrays = revalue(
        held.contracts,
        price_scan=np.full(len(book), scan),
        vol_scan=vol_scan,
        rule=rule_on().scenarios,
    )
    unit = replace(held, units=np.ones(len(book)))
    for column in range(len(book)):
        one = _only(unit, column)
        assert arrays.loss[:, column] == pytest.approx(
            full_losses(one, scan=scan, vol_scan=vol_scan), abs=1e-8
        )


def _only(book: Holdings, column: int) -> Holdings:
    part = slice(column, column + 1)
    c = book.contracts
    columns = {name: getattr(c, name)[part] for name in Contracts.__dataclass_fields__}
    return Holdings(expiries=book.expiries[part], units=book.units[part], contracts=Contracts(**columns))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(book=books, index=indices, move=st.floats(0.005, 0.2))
def test_moves_taken_together_ask_what_each_asks_alone(
    book: list[Leg], index: IndexState, move: float
) -> None:
    held, moves = holdings(*book), (0.0, -move, move)
    together = margins_after_moves(held, index, rule_on(), moves)
    for share, asked in zip(moves, together, strict=True):
        alone = margin_of(*shifted(held, index, share), rule_on())
        assert isinstance(asked, Margin) and isinstance(alone, Margin)
        assert asked.total_inr == pytest.approx(alone.total_inr, rel=1e-12)
        assert asked.calendar_spread_inr == pytest.approx(alone.calendar_spread_inr, rel=1e-12)
        assert asked.worst_scenario == alone.worst_scenario


@settings(derandomize=True, max_examples=60, deadline=None)
@given(book=books, index=indices)
def test_a_composite_delta_that_is_not_asked_for_is_no_figure_and_changes_nothing_else(
    book: list[Leg], index: IndexState
) -> None:
    held, scan = holdings(*book), np.full(len(book), 0.093 * index.spot)
    whole, bare = (
        revalue(held.contracts, price_scan=scan, vol_scan=0.04, rule=rule_on().scenarios, needs_delta=asked)
        for asked in (True, False)
    )
    assert np.isfinite(whole.composite_delta).all() and np.isnan(bare.composite_delta).all()
    assert np.array_equal(whole.loss, bare.loss) and np.array_equal(whole.value, bare.value)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(book=books, index=indices)
def test_span_covers_the_worst_full_scenario_less_the_option_value_and_is_never_negative(
    book: list[Leg], index: IndexState
) -> None:
    held = holdings(*book)
    scan = index.spot * max(6.0 * math.sqrt(2.0) * index.sigma_daily, 0.093)
    losses = full_losses(held, scan=scan, vol_scan=vol_scan_of(index))
    asked = margin(*book, index=index)
    slack = 1e-6 * (1.0 + max(map(abs, losses)))
    assert asked.span_inr >= max(losses[:REGULAR]) - asked.net_option_value_inr - slack
    assert asked.span_inr >= 0.0
    parts = (asked.exposure_inr, asked.deep_otm_inr, asked.expiry_day_inr, asked.upfront_premium_inr)
    assert min(parts) >= 0.0 and asked.calendar_spread_inr >= 0.0


COMPONENTS = [name for name in Margin.__dataclass_fields__ if name.endswith("_inr")]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(book=books, index=indices, day=st.sampled_from([date(2019, 7, 1), DAY]))
def test_a_doubled_book_asks_double(book: list[Leg], index: IndexState, day: date) -> None:
    moved = [replace(leg, expiry=day + (leg.expiry - DAY)) for leg in book]
    one = margin(*moved, day=day, index=index)
    two = margin(*(replace(leg, units=2.0 * leg.units) for leg in moved), day=day, index=index)
    for name in (*COMPONENTS, "scan_risk_inr", "span_inr", "total_inr"):
        assert getattr(two, name) == pytest.approx(2.0 * getattr(one, name), rel=1e-9, abs=1e-6), name
    assert [group.scenario for group in two.scan] == [group.scenario for group in one.scan]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    leg=legs.map(lambda leg: replace(leg, is_future=False)),
    index=indices,
    lots=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_more_of_one_naked_short_never_asks_less(leg: Leg, index: IndexState, lots: tuple[int, int]) -> None:
    small, large = sorted(lots)
    asked = [margin(replace(leg, units=-float(count * LOT)), index=index) for count in (small, small + large)]
    # On its last day a strike beyond every scenario is worth nothing in all of them.
    assert (asked[1].span_inr > asked[0].span_inr) is (asked[0].span_inr > 0.0)
    assert asked[1].total_inr > asked[0].total_inr


def test_the_composite_delta_is_the_weighted_delta_over_the_scan() -> None:
    """Weights as the methodology's publisher prints them, to three digits."""
    book = holdings(CALL)
    arrays = revalue(book.contracts, price_scan=np.array([SCAN]), vol_scan=0.04, rule=rule_on().scenarios)
    c, t = book.contracts, float(book.contracts.t[0]) - 1 / 365
    deltas = []
    for step in range(-3, 4):
        forward = float(c.forward[0]) + step * SCAN / 3.0
        d1 = math.log(forward / CALL.strike) / (CALL.sigma * math.sqrt(t)) + 0.5 * CALL.sigma * math.sqrt(t)
        deltas.append(float(c.discount[0]) * float(norm.cdf(d1)))
    expected = float(np.dot((0.037, 0.110, 0.217, 0.272, 0.217, 0.110, 0.037), deltas))
    assert arrays.composite_delta[0] == pytest.approx(expected, abs=2e-3)
    assert 0.2 < expected < 0.5


@settings(derandomize=True, max_examples=60, deadline=None)
@given(book=books, index=indices)
def test_the_composite_delta_of_an_option_lies_between_its_bounds(book: list[Leg], index: IndexState) -> None:
    held = holdings(*book)
    arrays = revalue(
        held.contracts,
        price_scan=np.full(len(book), 0.093 * index.spot),
        vol_scan=0.04,
        rule=rule_on().scenarios,
    )
    for leg, delta in zip(book, arrays.composite_delta.tolist(), strict=True):
        if leg.is_future:
            assert delta == 1.0
        else:
            assert 0.0 <= delta <= 1.0 if leg.is_call else -1.0 <= delta <= 0.0
