"""Skew is put minus call at 25 delta; the butterfly is their mean above the money."""

from __future__ import annotations

import math

import numpy as np
import pytest

from volguard.model.market import FloatArray
from volguard.pricing.black76 import greeks
from volguard.volatility.skew import SkewHistory, skew

FORWARD, YEARS = 25_010.0, 7 / 365
STRIKES = np.arange(23_500.0, 26_501.0, 50.0)


def smile(strike: FloatArray, *, tilt: float = -0.4, bend: float = 3.0) -> FloatArray:
    x = np.log(strike / FORWARD)
    return np.asarray(0.13 + tilt * x + bend * x**2)


def test_the_strikes_found_have_25_delta_at_their_own_volatility() -> None:
    found = skew(STRIKES, smile(STRIKES), FORWARD, YEARS)
    assert found.missing == ()
    assert found.put_strike is not None and found.call_strike is not None
    for strike, is_call in ((found.put_strike, False), (found.call_strike, True)):
        at = smile(np.array([strike]))
        delta = greeks(FORWARD, strike, YEARS, at, is_call, 1.0).forward_delta[0]
        assert abs(delta) == pytest.approx(0.25, abs=2e-3)


def test_a_dear_downside_is_a_positive_risk_reversal_and_a_mirrored_smile_turns_its_sign() -> None:
    down = skew(STRIKES, smile(STRIKES), FORWARD, YEARS)
    up = skew(STRIKES, smile(STRIKES, tilt=0.4), FORWARD, YEARS)
    assert down.risk_reversal is not None and down.risk_reversal > 0.005
    assert up.risk_reversal is not None and up.risk_reversal < -0.005
    assert down.put is not None and down.call is not None
    assert down.risk_reversal == pytest.approx(down.put - down.call)


def test_the_butterfly_measures_the_wings_and_a_flat_smile_has_neither() -> None:
    bent, flat = (skew(STRIKES, smile(STRIKES, tilt=0.0, bend=b), FORWARD, YEARS) for b in (10.0, 0.0))
    assert bent.butterfly is not None and bent.butterfly > 0.0005
    assert bent.butterfly < 0.05
    assert flat.butterfly == pytest.approx(0.0, abs=1e-12)
    assert flat.risk_reversal == pytest.approx(0.0, abs=1e-12)
    assert flat.atm == pytest.approx(0.13)


def test_the_slope_is_the_derivative_at_the_forward() -> None:
    found = skew(STRIKES, smile(STRIKES), FORWARD, YEARS)
    assert found.slope == pytest.approx(-0.4, abs=1e-9)


def test_percentiles_compare_with_the_history_given() -> None:
    history = SkewHistory(risk_reversal=np.linspace(-0.05, 0.0, 50), butterfly=np.full(10, 1.0))
    found = skew(STRIKES, smile(STRIKES), FORWARD, YEARS, history)
    assert found.risk_reversal_percentile == 100.0
    assert found.butterfly_percentile == 0.0
    assert skew(STRIKES, smile(STRIKES), FORWARD, YEARS).risk_reversal_percentile is None


def test_a_chain_that_stops_before_25_delta_says_which_side_is_missing() -> None:
    upper = STRIKES[STRIKES >= 25_000.0 - 100]
    found = skew(upper, smile(upper), FORWARD, YEARS)
    assert found.put is found.risk_reversal is found.butterfly is None
    assert found.call is not None
    assert any("put" in reason for reason in found.missing)


@pytest.mark.parametrize(
    ("strike", "sigma", "forward", "years"),
    [
        (np.empty(0), np.empty(0), FORWARD, YEARS),
        (np.array([25_000.0]), np.array([0.13]), FORWARD, YEARS),
        (STRIKES, np.full(len(STRIKES), math.nan), FORWARD, YEARS),
        (STRIKES[::-1], smile(STRIKES), FORWARD, YEARS),
        (STRIKES, smile(STRIKES), math.nan, YEARS),
        (STRIKES, smile(STRIKES), FORWARD, -0.1),
    ],
)
def test_bad_input_abstains_with_one_reason(
    strike: FloatArray, sigma: FloatArray, forward: float, years: float
) -> None:
    found = skew(strike, sigma, forward, years)
    assert found.atm is found.put is found.call is found.slope is None
    assert len(found.missing) == 1


def test_a_hole_in_the_smile_is_bridged() -> None:
    sigma = smile(STRIKES)
    sigma[10:14] = math.nan
    whole = skew(STRIKES, smile(STRIKES), FORWARD, YEARS)
    holed = skew(STRIKES, sigma, FORWARD, YEARS)
    assert holed.risk_reversal == pytest.approx(whole.risk_reversal, abs=5e-4)
