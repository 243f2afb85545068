"""P&L by Greek: it adds up to the paisa, and each part is what its name says."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chains import FORWARD, LOT, NOW, SIGMA, condor, flat_vol_snapshot, view_of
from tests.measure.test_since_entry import make_trade
from tests.strategy.scenes import full_listing
from volguard.backtest.attribution import (
    Attribution,
    Execution,
    HeldLeg,
    LegLook,
    attribute,
    look_of,
    settled_look,
)
from volguard.measure.market_view import MarketView
from volguard.measure.since_entry import entry_market, since_entry
from volguard.model.book import Position
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.units import PAISA, rupees
from volguard.pricing.black76 import greeks, price

DAY: Final = 1.0 / 365.0
LEGS: Final = condor(24_100, 24_400, 25_200, 25_500)


def contract(strike: int, option_type: OptionType = OptionType.CALL) -> OptionContract:
    return OptionContract(
        underlying=Underlying("NIFTY"), expiry=date(2024, 5, 9), strike=strike, option_type=option_type
    )


def look(
    of: OptionContract, forward: float, sigma: float, years: float, *, rate: float = 0.0, off: str = "0"
) -> LegLook:
    """A look at the model's own price, or off it by so many rupees."""
    discount = math.exp(-rate * years)
    is_call = of.option_type is OptionType.CALL
    value = float(price(forward, of.strike, years, sigma, is_call, discount))
    return LegLook(
        price_inr=Decimal(repr(value)) + Decimal(off),
        forward=forward,
        sigma=sigma,
        years=years,
        discount=discount,
    )


def held(of: OptionContract, units: int, then: LegLook, now: LegLook) -> HeldLeg:
    return HeldLeg(contract=of, units=units, then=then, now=now)


def greeks_of(of: OptionContract, at: LegLook) -> dict[str, float]:
    found = greeks(at.forward, of.strike, at.years, at.sigma, of.option_type is OptionType.CALL, at.discount)
    return {
        name: float(getattr(found, name))
        for name in ("forward_delta", "gamma", "vega_per_pt", "theta_per_day")
    }


paise = st.integers(-(10**7), 10**7).map(lambda n: Decimal(n) / 100)
prices = st.integers(0, 10**6).map(lambda n: Decimal(n) * Decimal("0.025"))  # half ticks: middles
looks = st.builds(
    LegLook,
    price_inr=prices,
    forward=st.floats(15_000, 30_000),
    sigma=st.one_of(st.floats(0.03, 1.5), st.just(math.nan)),
    years=st.floats(0.0, 0.2),
    discount=st.floats(0.9, 1.0),
)
contracts = st.builds(
    contract, st.integers(300, 600).map(lambda n: 50 * n), st.sampled_from(list(OptionType))
)


@st.composite
def legs(draw: st.DrawFn) -> HeldLeg:
    one, other = draw(looks), draw(looks)
    then, now = (one, other) if one.years >= other.years else (other, one)
    return held(draw(contracts), draw(st.integers(-4000, 4000)), then, now)


executions = st.builds(
    Execution, units=st.integers(-4000, 4000), price_inr=prices, mid_inr=prices, charges_inr=paise.map(abs)
)


@given(st.lists(legs(), max_size=8), st.lists(executions, max_size=8))
def test_parts_add_up_to_the_pnl_exactly(book: list[HeldLeg], fills: list[Execution]) -> None:
    """Whatever the market did and whatever is missing, nothing of the P&L is lost or made."""
    found = attribute(book, fills)
    pnl = sum((leg.units * (leg.now.price_inr - leg.then.price_inr) for leg in book), Decimal(0))
    pnl += sum(
        (fill.units * (fill.mid_inr - fill.price_inr) - fill.charges_inr for fill in fills), Decimal(0)
    )
    assert found.total_inr == pnl
    rounded = found.to_the_paisa()
    parts = (
        *(rounded.delta_inr, rounded.gamma_inr, rounded.theta_inr, rounded.vega_inr),
        *(rounded.residual_inr, rounded.execution_inr, rounded.costs_inr),
    )
    assert all(part == part.quantize(PAISA) and str(part) != "-0.00" for part in parts)
    assert sum(parts, Decimal(0)) == rounded.total_inr == pnl.quantize(PAISA)


def test_days_of_trading_add_up_to_the_ledger() -> None:
    """Bought, added to, sold and settled over days: the sum of the days is the cash that came and went."""
    rng = np.random.default_rng(12)
    of, put = contract(22_400), contract(22_300, OptionType.PUT)
    units, cash, charges, whole = {of: 0, put: 0}, Decimal(0), Decimal(0), Attribution()
    before: dict[OptionContract, LegLook] = {}
    for day in range(6):
        forward, sigma = 22_400 + float(rng.normal(0, 150)), 0.14 + float(rng.normal(0, 0.01))
        last = day == 5
        now = {
            leg: settled_look(leg, Decimal("22412.35"))
            if last
            else replace(
                look(leg, forward, sigma, (5 - day) * DAY, rate=0.065),
                price_inr=Decimal(int(rng.integers(1000, 9000))) * Decimal("0.025"),
            )
            for leg in (of, put)
        }
        book = [held(leg, units[leg], before[leg], now[leg]) for leg in units if day]
        fills = []
        for leg in () if last else (of, put):
            bought = int(rng.integers(-3, 4)) * 25
            fill = Execution(
                units=bought,
                price_inr=now[leg].price_inr + Decimal(int(rng.integers(-4, 5))) * Decimal("0.05"),
                mid_inr=now[leg].price_inr,
                charges_inr=Decimal(int(rng.integers(0, 99))) * Decimal("0.000001"),
            )
            fills.append(fill)
            units[leg] += bought
            cash -= bought * fill.price_inr
            charges += fill.charges_inr
        whole, before = whole + attribute(book, fills), now
    settled = sum((units[leg] * before[leg].price_inr for leg in units), Decimal(0))
    assert whole.total_inr == cash + settled - charges
    assert whole.costs_inr == -charges
    assert whole.unpriced == ()


@pytest.mark.parametrize("option_type", list(OptionType))
def test_a_small_move_of_one_thing_is_its_greek(option_type: OptionType) -> None:
    """A few points give delta and gamma, an hour gives theta, a tenth of a point gives vega; nothing else."""
    of = contract(22_400, option_type)
    then = look(of, 22_500.0, 0.14, 7 * DAY)
    g = greeks_of(of, then)
    units = -100_000
    level = attribute([held(of, units, then, look(of, 22_510.0, 0.14, 7 * DAY))])
    assert float(level.delta_inr) == pytest.approx(units * g["forward_delta"] * 10.0, rel=1e-7)
    assert float(level.gamma_inr) == pytest.approx(units * 0.5 * g["gamma"] * 100.0, rel=0.01)
    assert (level.theta_inr, level.vega_inr) == (Decimal(0), Decimal(0))
    hour = attribute([held(of, units, then, look(of, 22_500.0, 0.14, 7 * DAY - DAY / 24))])
    assert float(hour.theta_inr) == pytest.approx(units * g["theta_per_day"] / 24, rel=0.01)
    assert (hour.delta_inr, hour.gamma_inr, hour.vega_inr) == (Decimal(0), Decimal(0), Decimal(0))
    point = attribute([held(of, units, then, look(of, 22_500.0, 0.141, 7 * DAY))])
    assert float(point.vega_inr) == pytest.approx(units * g["vega_per_pt"] * 0.1, rel=0.01)
    assert (point.delta_inr, point.gamma_inr, point.theta_inr) == (Decimal(0), Decimal(0), Decimal(0))
    for found in (level, hour, point):
        assert abs(found.residual_inr) <= Decimal("0.02")


def test_the_seller_of_a_straddle_by_sign() -> None:
    """Time pays him, a move costs him by gamma, higher volatility costs him."""
    call, put = contract(22_500), contract(22_500, OptionType.PUT)
    book = [
        held(of, -50, look(of, 22_500.0, 0.14, 7 * DAY), look(of, 22_700.0, 0.16, 6 * DAY))
        for of in (call, put)
    ]
    found = attribute(book)
    assert found.theta_inr > 0 > found.gamma_inr
    assert found.vega_inr < 0
    assert abs(found.residual_inr) <= Decimal("0.02")


def test_a_price_off_the_model_and_a_new_rate_are_residual() -> None:
    """What the quotes gave beyond volatility, level and time, and what the rate did, is left over."""
    of = contract(22_400)
    then = look(of, 22_500.0, 0.14, 7 * DAY, rate=0.065)
    dear = attribute([held(of, 75, then, look(of, 22_500.0, 0.14, 7 * DAY, rate=0.065, off="2.00"))])
    assert dear.residual_inr == pytest.approx(Decimal("150.00"), abs=Decimal("0.01"))
    assert dear.total_inr == Decimal("150.00")
    rate = attribute([held(of, 75_000, then, look(of, 22_500.0, 0.14, 7 * DAY, rate=0.075))])
    assert rate.total_inr == pytest.approx(rate.residual_inr, abs=Decimal("0.01"))
    assert rate.residual_inr < 0
    carried = attribute([held(of, 75_000, then, look(of, 22_500.0, 0.14, 6 * DAY, rate=0.065))])
    assert abs(carried.residual_inr) <= Decimal("0.01")


def test_time_on_a_forward_that_stands_still_is_theta_and_its_carry() -> None:
    """Theta per day is at constant spot; on a constant forward the spot rises by the carry of the day."""
    of = contract(22_400)
    then = look(of, 22_500.0, 0.14, 7 * DAY, rate=0.065)
    hour = DAY / 24
    found = attribute([held(of, 1_000_000, then, look(of, 22_500.0, 0.14, 7 * DAY - hour, rate=0.065))])
    g = greeks_of(of, then)
    carry = g["forward_delta"] * 22_500.0 * 0.065 / 365.0  # delta x S x r, per day
    expected = 1_000_000 / 24 * (g["theta_per_day"] + carry)
    assert float(found.theta_inr) == pytest.approx(expected, rel=0.01)


def test_settlement_is_told_apart_too() -> None:
    """On the day of expiry time takes what was left at the old level, and the new level decides the rest."""
    of = contract(22_400)
    then = look(of, 22_350.0, 0.14, 1 * DAY)
    found = attribute([held(of, -50, then, settled_look(of, Decimal("22460.40")))])
    value = float(then.price_inr)
    assert found.theta_inr == rupees(50 * value)  # out of the money then: all of it is time
    assert found.delta_inr == 0  # and no slope
    assert found.gamma_inr == rupees(-50 * 60.40)
    assert (found.vega_inr, found.unpriced) == (0, ())
    assert abs(found.residual_inr) <= Decimal("0.01")
    assert settled_look(of, Decimal("22300")).price_inr == 0
    assert settled_look(contract(22_400, OptionType.PUT), Decimal("22300.50")).price_inr == Decimal("99.50")


def test_an_option_that_was_settled_changes_no_more() -> None:
    """Two looks after the expiry: nothing left to tell apart."""
    after = settled_look(contract(22_400), Decimal("22460.40"))
    assert attribute([held(contract(22_400), 50, after, after)]) == Attribution()


def test_a_leg_without_volatility_is_residual_and_named() -> None:
    """It is not priced with another's volatility; the legs beside it are told apart as before."""
    of, other = contract(22_400), contract(22_600)
    then, now = look(of, 22_500.0, 0.14, 7 * DAY), look(of, 22_520.0, 0.15, 6 * DAY)
    good = held(of, 50, then, now)
    cheap = replace(then, price_inr=Decimal(40))
    for name in ("sigma", "forward", "years"):
        first, second = (cheap, replace(now, **{name: math.nan})), (replace(cheap, **{name: math.nan}), now)
        for ends in (first, second, (replace(cheap, discount=math.nan), now)):
            found, alone = attribute([good, held(other, 50, *ends)]), attribute([good])
            assert found.unpriced == (other,)
            assert (found.delta_inr, found.vega_inr) == (alone.delta_inr, alone.vega_inr)
            assert found.residual_inr - alone.residual_inr == 50 * (now.price_inr - Decimal(40))


def test_fills_beside_the_middle_are_execution_and_charges_are_costs() -> None:
    """Bought above and sold below the middle costs; the sum has both."""
    bought = Execution(
        units=75, price_inr=Decimal("10.10"), mid_inr=Decimal("10.025"), charges_inr=Decimal("23.60")
    )
    sold = Execution(
        units=-75, price_inr=Decimal("9.95"), mid_inr=Decimal("10.025"), charges_inr=Decimal("24.40")
    )
    found = attribute([], [bought, sold])
    assert found == Attribution(execution_inr=Decimal("-11.25"), costs_inr=Decimal("-48.00"))
    assert found.total_inr == Decimal("-59.25")


def test_looks_in_the_wrong_order_are_refused() -> None:
    """More time left at the second look than at the first is a mistake of the caller."""
    of = contract(22_400)
    with pytest.raises(UsageError, match="22400 CE is before the first"):
        attribute([held(of, 1, look(of, 22_500.0, 0.14, 6 * DAY), look(of, 22_500.0, 0.14, 7 * DAY))])


def test_nothing_held_and_nothing_done_is_nothing() -> None:
    """No legs, no fills: no P&L."""
    assert attribute([]) == Attribution()


def view_at(forward: float, sigma: float, ts: datetime) -> MarketView:
    return view_of(flat_vol_snapshot(ts, forward, sigma, listing=full_listing(), tick=None))


def test_the_parts_of_a_day_are_those_a_trade_has_since_its_entry() -> None:
    """Over the time since the entry, delta, gamma and vega are the figures that the exits are decided by."""
    first, second = view_at(FORWARD, SIGMA, NOW), view_at(FORWARD + 180.0, 0.16, NOW + timedelta(days=1))
    positions = [Position(contract=leg.contract, quantity=leg.side.sign * LOT) for leg in LEGS]
    book = []
    for position in positions:
        ends = []
        for view in (first, second):
            row = view.row(position.contract)
            assert row is not None
            found = look_of(view, position.contract, rupees(float(view.mid[row])))
            assert found is not None
            ends.append(found)
        book.append(held(position.contract, position.quantity, *ends))
    ours = attribute(book)
    theirs = since_entry(second, make_trade(entry_market(first, LEGS)), positions)
    assert theirs is not None
    assert float(ours.delta_inr) == pytest.approx(theirs.delta_inr, abs=2.0)
    assert float(ours.gamma_inr) == pytest.approx(theirs.gamma_inr, abs=2.0)
    assert float(ours.vega_inr) == pytest.approx(theirs.vega_inr, abs=2.0)
    assert ours.theta_inr > 0
    assert abs(ours.residual_inr) < Decimal("3.00")


def test_a_contract_that_is_not_listed_has_no_look() -> None:
    """A strike that the chain does not show cannot be looked at."""
    assert look_of(view_at(FORWARD, SIGMA, NOW), contract(99_950), Decimal(1)) is None
