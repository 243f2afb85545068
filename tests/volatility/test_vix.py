"""The look-alike of India VIX returns the volatility of a flat chain and stays with the published index."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from tests.pricing.real_chain import REAL, RealSnapshot, real_snapshots
from tests.volatility.real_data import daily
from volguard.model.market import FloatArray
from volguard.pricing.black76 import price
from volguard.pricing.forward import imply_forwards
from volguard.volatility.vix import (
    MINUTES_PER_YEAR,
    ExpiryStrip,
    VixStatus,
    model_free_vix,
    natural_spline,
    strip_variance,
)

RATE = 0.055
REAL_DAY = date(2025, 8, 29)
NEAR, NEXT = date(2025, 9, 30), date(2025, 10, 28)


def flat(sigma: float, days: float, *, rate: float = RATE, forward: float = 25_013.0) -> ExpiryStrip:
    strike = np.arange(20_000.0, 30_001.0, 50.0)
    t = days / 365
    discount = math.exp(-rate * t)
    call, put = (price(forward, strike, t, sigma, is_call, discount) for is_call in (True, False))
    return ExpiryStrip(
        strike=strike,
        call_bid=call,
        call_ask=call,
        put_bid=put,
        put_ask=put,
        forward=forward,
        minutes=days * 1440,
        rate=rate,
    )


def strip_of(snapshot: RealSnapshot, forwards: FloatArray, expiry: date) -> ExpiryStrip:
    at = snapshot.listing.expiries.index(expiry)
    rows = snapshot.listing.rows_of(expiry)
    strike, is_call = snapshot.listing.strike[rows], snapshot.listing.is_call[rows]
    strikes = np.unique(strike)

    def column(values: FloatArray, mine: FloatArray) -> FloatArray:
        out = np.full(len(strikes), np.nan)
        out[np.searchsorted(strikes, strike[mine])] = values[rows][mine]
        return out

    return ExpiryStrip(
        strike=strikes,
        call_bid=column(snapshot.bid, is_call),
        call_ask=column(snapshot.ask, is_call),
        put_bid=column(snapshot.bid, ~is_call),
        put_ask=column(snapshot.ask, ~is_call),
        forward=float(forwards[at]),
        minutes=float(snapshot.years[at]) * MINUTES_PER_YEAR,
        rate=RATE,
    )


@pytest.mark.parametrize("sigma", [0.08, 0.13, 0.20, 0.30])
@pytest.mark.parametrize("days", [(11.0, 38.0), (20.0, 48.0), (32.0, 60.0)])
def test_a_flat_chain_returns_its_volatility_within_a_fifth_of_a_point(
    sigma: float, days: tuple[float, float]
) -> None:
    value = model_free_vix(*(flat(sigma, d) for d in days))
    assert value.status is VixStatus.OK
    assert 100 * value.volatility == pytest.approx(100 * sigma, abs=0.2)


def test_the_value_hardly_depends_on_the_rate_and_rises_with_volatility() -> None:
    strips = [flat(0.13, 20.0), flat(0.13, 48.0)]
    values = [
        100 * model_free_vix(*(replace(strip, rate=rate) for strip in strips)).volatility
        for rate in (0.0, RATE, 0.10)
    ]
    assert max(values) - min(values) < 2 * 0.05
    assert max(abs(value - values[1]) for value in values) < 0.05
    levels = [model_free_vix(flat(s, 20.0), flat(s, 48.0)).volatility for s in (0.10, 0.11, 0.12)]
    assert levels == sorted(levels)


def test_near_and_next_are_joined_by_total_variance() -> None:
    value = model_free_vix(flat(0.12, 20.0), flat(0.16, 50.0))
    near, next_ = 0.12**2 * 20, 0.16**2 * 50
    expected = math.sqrt((near + (next_ - near) / 3) / 30)
    assert value.volatility == pytest.approx(expected, abs=0.002)


def test_a_quote_wider_than_thirty_percent_or_missing_is_replaced_by_the_spline() -> None:
    clean = flat(0.13, 20.0)
    at = int(np.searchsorted(clean.strike, 25_200.0))
    ask, bid = clean.call_ask.copy(), clean.call_bid.copy()
    ask[at] *= 1.5  # a spread of 40 % of the mid
    bid[at + 4] = np.nan
    value, reference = strip_variance(replace(clean, call_ask=ask, call_bid=bid)), strip_variance(clean)
    assert value.strikes_replaced == 2 and reference.strikes_replaced == 0
    assert value.variance == pytest.approx(reference.variance, rel=1e-3)


def test_the_natural_spline_is_that_of_an_independent_library() -> None:
    x = np.array([0.0, 1.0, 2.5, 3.0, 5.0])
    y = np.array([4.0, 1.0, 0.5, 0.7, 3.0])
    at = np.linspace(0.0, 5.0, 41)
    theirs = CubicSpline(x, y, bc_type="natural")(at)
    assert natural_spline(x, y, at).tolist() == pytest.approx(theirs.tolist(), abs=1e-12)
    assert natural_spline(x[:2], y[:2], np.array([0.5])).tolist() == pytest.approx([2.5])
    assert np.isnan(natural_spline(x, y, np.array([-0.1, 5.1]))).all()


@pytest.mark.skipif(not REAL.exists(), reason="the recorded day is not beside the project")
def test_on_the_real_day_every_snapshot_stays_within_that_days_india_vix() -> None:
    bar = next(bar for bar in daily("INDIA_VIX") if bar.day == REAL_DAY)
    assert bar.low is not None and bar.high is not None
    values = []
    for snapshot in real_snapshots(1):
        forwards = imply_forwards(snapshot.listing, snapshot.bid, snapshot.ask, snapshot.years).forward
        values.append(model_free_vix(*(strip_of(snapshot, forwards, expiry) for expiry in (NEAR, NEXT))))
    assert len(values) == 292
    assert {value.status for value in values} == {VixStatus.OK}
    points = [100 * value.volatility for value in values]
    assert bar.low - 0.4 <= min(points) and max(points) <= bar.high + 0.4


def test_a_chain_that_says_nothing_abstains_with_its_reason() -> None:
    good, late = flat(0.13, 20.0), flat(0.13, 48.0)
    nothing = np.full(len(good.strike), np.nan)
    cases = {
        VixStatus.NO_FORWARD: replace(good, forward=math.nan),
        VixStatus.NO_TIME: replace(good, minutes=-1.0),
        VixStatus.TOO_FEW_QUOTES: replace(good, put_bid=nothing),
        VixStatus.NO_VARIANCE: replace(
            good, **{n: np.full(len(nothing), 1e-9) for n in ("call_bid", "call_ask", "put_bid", "put_ask")}
        ),
    }
    for status, strip in cases.items():
        value = model_free_vix(strip, late)
        assert value.status is status, status
        assert math.isnan(value.volatility)
    assert model_free_vix(good, good).status is VixStatus.NO_TIME
    empty = np.empty(0)
    gone = ExpiryStrip(
        strike=empty,
        call_bid=empty,
        call_ask=empty,
        put_bid=empty,
        put_ask=empty,
        forward=25_000.0,
        minutes=1000.0,
        rate=RATE,
    )
    assert strip_variance(gone).status is VixStatus.TOO_FEW_QUOTES


def test_crossed_quotes_are_not_used() -> None:
    clean = flat(0.13, 20.0)
    at = int(np.searchsorted(clean.strike, 24_800.0))
    bid = clean.put_bid.copy()
    bid[at] = clean.put_ask[at] * 1.2
    assert strip_variance(replace(clean, put_bid=bid)).strikes_replaced == 1
