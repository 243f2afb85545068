"""The chain model holds no static arbitrage, gives VIX back, and answers to what it is told."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from tests.backtest.modelled import clock, left_of, shipped_tables, state_of
from tests.chains import NOW, WEEKLY
from volguard.backtest.chain_model import (
    BOUNDS,
    ChainModelParameters,
    MarketState,
    Smiles,
    model_free_ratio,
    sessions_left,
    shape,
    smiles,
    vix_now,
)
from volguard.backtest.variance_clock import TimeLeft
from volguard.model.market import FloatArray
from volguard.pricing.arbitrage import calendar_gap, durrleman_of_grid
from volguard.pricing.black76 import price

DAYS = np.array([0.1, 0.4, 1.0, 1.3, 2.0, 4.0, 5.0, 7.0, 9.6, 14.0, 21.0, 30.0, 45.0, 60.0])
Z = np.arange(-25.0, 25.0001, 0.02)  # standard deviations


def column(state: MarketState, count: int) -> MarketState:
    """One state for many expiries."""
    return state.take(np.zeros(count, dtype=np.int64))


def found_at(
    days: FloatArray, *, parameters: ChainModelParameters | None = None, vix: float, ranged: float
) -> Smiles:
    state = column(state_of(vix=vix, ranged=ranged), len(days))
    return smiles(parameters or shipped_tables().smile, state, left_of(days))


parameters = st.builds(
    ChainModelParameters, **{name: st.floats(low, high) for name, (low, high) in BOUNDS.items()}
)
vixes = st.floats(0.08, 0.90)
ranges = st.floats(0.3, 1.8)  # of VIX


@settings(max_examples=150, deadline=None)
@given(vix=vixes, ranged=ranges, days=st.lists(st.floats(0.1, 60.0), min_size=1, max_size=6))
def test_no_butterfly_is_free(vix: float, ranged: float, days: list[float]) -> None:
    """Durrleman's condition holds 25 standard deviations out, VIX 8 to 90 %, six minutes to sixty days."""
    theta = found_at(np.array(days), vix=vix, ranged=vix * ranged).theta[:, None]
    smile = replace(found_at(np.array(days), vix=vix, ranged=vix * ranged), theta=theta)
    k = Z * np.sqrt(theta)
    assert durrleman_of_grid(k, smile.total_variance(k)).min() >= 0.0


@settings(max_examples=150, deadline=None)
@given(chosen=parameters, vix=vixes, ranged=ranges)
def test_no_calendar_spread_is_free(chosen: ChainModelParameters, vix: float, ranged: float) -> None:
    """Total variance at any strike never falls from an expiry to the next, whatever the parameters."""
    found = found_at(DAYS, parameters=chosen, vix=vix, ranged=vix * ranged)
    k = np.linspace(-1.5, 1.5, 301)
    w = replace(found, theta=found.theta[:, None]).total_variance(k)
    assert np.all(w > 0.0)
    assert calendar_gap(w[:-1], w[1:]).min() >= -1e-12


@settings(max_examples=60, deadline=None)
@given(chosen=parameters, theta=st.floats(1e-7, 0.115))
def test_the_bounds_of_the_shape_leave_no_butterfly(chosen: ChainModelParameters, theta: float) -> None:
    """Any skew and curvature within their bounds are safe up to the total variance that they were set for."""
    k = Z * np.sqrt(theta)
    w = theta * shape(Z, chosen.skew, chosen.curvature)
    assert durrleman_of_grid(k, w).min() >= 0.0


@settings(max_examples=60, deadline=None)
@given(vix=vixes, days=st.floats(0.1, 60.0))
def test_prices_fall_and_bend_as_strikes_rise(vix: float, days: float) -> None:
    """Calls of a chain are within their bounds, fall with the strike and are convex in it."""
    found = found_at(np.array([days]), vix=vix, ranged=0.7 * vix)
    strike = 18_000.0 + 50.0 * np.arange(-40, 41)
    years = left_of(np.array([days])).years
    sigma = found.volatility(np.log(strike / 18_010.0), years)
    call = price(18_010.0, strike, years, sigma, True, 1.0)
    assert np.all(call >= np.maximum(18_010.0 - strike, 0.0) - 1e-9)
    assert np.all(np.diff(call) <= 1e-9)
    assert np.all(np.diff(call, 2) >= -1e-8)


@pytest.mark.parametrize("vix", [0.08, 0.15, 0.30, 0.60, 0.90])
def test_the_thirty_day_smile_holds_vix(vix: float) -> None:
    """The variance swap strip of the modelled 30-day smile is VIX again, by an integration of scipy's."""
    model = shipped_tables().smile
    month = TimeLeft(
        years=np.array([30.0 / 365.0]),
        session_left=np.zeros(1),
        sessions=np.array([30.0 * 248.0 / 365.0]),
        closed_days=np.array([30.0 * 117.0 / 365.0]),
    )
    found = smiles(model, state_of(vix=vix, ranged=0.6 * vix), month)

    def weighted(k: float) -> float:
        s = float(np.sqrt(found.total_variance(np.array([k]))[0]))
        d1 = -k / s + s / 2.0
        call = norm.cdf(d1) - np.exp(k) * norm.cdf(d1 - s)
        return float(call if k > 0.0 else call - 1.0 + np.exp(k)) * np.exp(-k)

    reach = 8.0 * float(np.sqrt(found.theta[0]))
    strip = 2.0 * (quad(weighted, -reach, 0.0)[0] + quad(weighted, 0.0, reach)[0])
    # The ratio was taken at 15 %: wings at a higher total variance hold a little more.
    assert np.sqrt(strip * 365.0 / 30.0) == pytest.approx(vix, rel=0.012 if vix < 0.9 else 0.025)


def test_a_flat_smile_has_the_same_volatility_both_ways() -> None:
    """Without skew, and with a hint of curvature, model-free and at-the-money volatility are one."""
    assert model_free_ratio(0.0, 1e-9) == pytest.approx(1.0, abs=2e-5)


def test_vix_moves_against_the_index() -> None:
    """A fall of the index since VIX was known raises it by beta times as much, a rise lowers it."""
    model = shipped_tables().smile
    fallen, risen = (vix_now(model, state_of(moved=moved))[0] for moved in (0.99, 1.01))
    assert fallen == pytest.approx(0.15 * 0.99**-model.return_beta)
    assert fallen > 0.15 > risen
    assert vix_now(model, state_of())[0] == 0.15


def test_a_calm_week_makes_near_options_cheap_and_leaves_the_month_alone() -> None:
    """The range of the last sessions moves the near variance; 30 days are VIX whatever the range."""
    week, month = np.array([2.0]), np.array([30.0])
    calm, wild = (
        {days[0]: found_at(days, vix=0.15, ranged=ranged).theta[0] for days in (week, month)}
        for ranged in (0.06, 0.15)
    )
    assert calm[2.0] < 0.8 * wild[2.0]
    assert calm[30.0] == pytest.approx(wild[30.0], rel=0.02)


def test_a_closed_day_holds_less_variance_than_a_session() -> None:
    """From Friday's close to Monday's more variance runs off than from Thursday's, but not three times."""
    model, times = shipped_tables().smile, clock()
    closes = [NOW.replace(day=day, hour=15, minute=30) for day in (4, 5, 8)]  # Thursday, Friday, Monday
    thursday, friday, monday = (sessions_left(model, times.left(ts, [WEEKLY]))[0] for ts in closes)
    assert thursday - friday == pytest.approx(1.0)
    assert friday - monday == pytest.approx(1.0 + 2.0 * model.closed_day_share)
    assert 1.0 < friday - monday < 3.0


def test_fields_broadcast() -> None:
    """Moments by expiries at once are the same figures as one by one."""
    states = state_of(vix=0.12, count=3)
    days = np.array([[1.0, 8.0], [2.0, 9.0], [3.0, 10.0]])
    together = smiles(shipped_tables().smile, states.column, left_of(days)).theta
    for i in range(3):
        for j in range(2):
            alone = smiles(shipped_tables().smile, state_of(vix=0.12), left_of(days[i, j : j + 1])).theta
            assert together[i, j] == alone[0]


def test_an_expiry_that_has_passed_has_no_volatility() -> None:
    """After the close of the expiry day nothing is given, not even zero."""
    closed = clock().left(NOW.replace(day=9, hour=15, minute=31), [WEEKLY])
    assert np.isnan(smiles(shipped_tables().smile, state_of(), closed).theta[0])


@pytest.mark.parametrize("name", list(BOUNDS))
def test_parameters_out_of_range_are_refused(name: str) -> None:
    """Each parameter has bounds, and the message names it with the value seen."""
    good = asdict(shipped_tables().smile)
    for bad in (BOUNDS[name][1] + 0.01, BOUNDS[name][0] - 0.01, float("nan")):
        with pytest.raises(ValueError, match=f"{name} was {bad}"):
            ChainModelParameters(**(good | {name: bad}))
