"""At the first expiry, what has expired pays off exactly and what lives on is worth its Black-76 price."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.chains import FORWARD, MONTHLY, bought, call, condor, put, sold
from volguard.measure.first_expiry import FirstExpiry, LaterLeg, extremes
from volguard.measure.payoff import breakevens, max_loss_points, max_profit_points
from volguard.model.book import Leg

CONDOR = condor(24_100, 24_400, 25_200, 25_500)


def later(leg: Leg, *, sigma: float = 0.12, years: float = 21 / 365, carry: float = 1.0) -> LaterLeg:
    return LaterLeg(leg=leg, sigma=sigma, years=years, carry=carry)


def calendar(strike: int = 24_800) -> FirstExpiry:
    return FirstExpiry(
        forward=FORWARD, expired=(sold(call(strike)),), later=(later(bought(call(strike, MONTHLY))),)
    )


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def test_legs_of_one_expiry_have_their_exact_extremes() -> None:
    found = extremes(FirstExpiry(forward=FORWARD, expired=CONDOR), 60.0)
    assert (found.max_profit_points, found.max_loss_points) == (60.0, 240.0)
    assert found.breakevens == breakevens(CONDOR, 60.0)


@pytest.mark.parametrize(
    ("legs", "credit", "profit", "loss"),
    [
        ((bought(call(25_000)),), -80.0, None, 80.0),
        ((bought(put(24_000)),), -30.0, 23_970.0, 30.0),
        ((sold(call(25_000)),), 80.0, 80.0, None),
        ((sold(put(24_000)),), 30.0, 30.0, 23_970.0),
        (CONDOR, 60.0, 60.0, 240.0),
        ((bought(call(25_000)), sold(call(25_000))), 0.0, 0.0, 0.0),
    ],
)
def test_the_best_profit_mirrors_the_worst_loss(
    legs: tuple[Leg, ...], credit: float, profit: float | None, loss: float | None
) -> None:
    assert max_profit_points(legs, credit) == profit
    assert max_loss_points(legs, credit) == loss


def test_a_later_leg_is_worth_its_closed_formula_at_the_moved_forward() -> None:
    sigma, years, carry = 0.13, 21 / 365, 1.004
    leg = later(bought(call(25_000, MONTHLY)), sigma=sigma, years=years, carry=carry)
    at_expiry = FirstExpiry(forward=FORWARD, expired=(), later=(leg,))
    for level in (24_000.0, 24_800.0, 25_600.0):
        forward, spread = level * carry, sigma * math.sqrt(years)
        d1 = math.log(forward / 25_000.0) / spread + spread / 2
        expected = (forward * normal_cdf(d1) - 25_000.0 * normal_cdf(d1 - spread)) / carry
        assert at_expiry.payoff(np.array([level]))[0] == pytest.approx(expected, abs=1e-9)


def test_a_calendar_is_best_at_its_strike_and_loses_at_most_its_debit() -> None:
    found = extremes(calendar(), -120.0)
    spread = 0.12 * math.sqrt(21 / 365)
    peak = 24_800.0 * (2 * normal_cdf(spread / 2) - 1) - 120.0
    assert found.max_profit_points == pytest.approx(peak, abs=1e-6)
    assert found.max_loss_points == pytest.approx(120.0, abs=1e-3)
    assert len(found.breakevens) == 2
    below, above = found.breakevens
    assert below < 24_800.0 < above
    at_zero = calendar().payoff(np.array(found.breakevens)) - 120.0
    assert np.abs(at_zero).max() < 0.02


def test_a_put_sold_beside_a_calendar_loses_most_at_zero() -> None:
    one = calendar()
    both = FirstExpiry(forward=FORWARD, expired=(*one.expired, sold(put(23_000))), later=one.later)
    found = extremes(both, -100.0)
    assert found.max_loss_points == pytest.approx(23_100.0, abs=0.05)


def test_calls_net_short_over_all_expiries_have_no_bound() -> None:
    ratio = FirstExpiry(
        forward=FORWARD, expired=(sold(call(24_800)),) * 2, later=(later(bought(call(24_800, MONTHLY))),)
    )
    assert extremes(ratio, 0.0).max_loss_points is None
    assert extremes(ratio, 0.0).max_profit_points is not None
    long = FirstExpiry(forward=FORWARD, expired=(), later=(later(bought(call(24_800, MONTHLY))),))
    assert extremes(long, -300.0).max_profit_points is None
