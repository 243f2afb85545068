"""Fits the chain model to traded condors and to a recorded day, by robust least squares, deterministically.

Three kinds of residual, each relative and in units of RESIDUAL_SCALE: the logarithm of model over traded
volatility of each leg; the credit of each condor, which weighs as much as its four legs together; the
logarithm of model over recorded volatility of each out-of-the-money quote. The legs end within a week, so
that only the recorded day knows the wings and what comes after a week: together its quotes weigh as much as
RECORDED_AS_CONDORS condors. That one day's volatility may have been high or low, as every single day's is: a
shift of VIX since it was last known and one of near variance are fitted beside the parameters for that day,
given out, and used nowhere else. Residuals are bent by the pseudo-Huber function (soft L1), since stale last
trades are among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from volguard.backtest.chain_model import (
    BOUNDS,
    ChainModelParameters,
    MarketState,
    smiles,
)
from volguard.backtest.condor_legs import SIGNS, CondorPrices, Condors
from volguard.backtest.recorded_quotes import RecordedQuotes
from volguard.backtest.variance_clock import TimeLeft
from volguard.model.market import BoolArray, FloatArray
from volguard.pricing.black76 import price
from volguard.pricing.least_squares import minimise

RESIDUAL_SCALE: Final = 0.10
CREDIT_WEIGHT: Final = 2.0  # squared: the four legs
RECORDED_AS_CONDORS: Final = 10.0
_RESIDUALS_PER_CONDOR: Final = 16.0  # at entry and exit: four legs, and a credit that weighs as four
WING_FADE: Final = 0.3  # a quote z standard deviations out weighs 1 / (1 + WING_FADE z)
MID_MIN: Final = 0.5  # points: below, a tick is a tenth of the price
SPREAD_SHARE_MAX: Final = 0.15  # of the mid
STEPS_MAX: Final = 100
_STEP: Final = 1e-5
_NEAR_SHIFTS, _VIX_SHIFTS = (-2.0, 2.0), (-0.3, 0.3)  # bounds of the recorded day's logarithms

START: Final = ChainModelParameters(
    intraday_share=0.6,
    closed_day_share=0.3,
    near_share=1.7,
    range_power=1.0,
    reversion_per_session=0.1,
    return_beta=5.0,
    skew=0.12,
    curvature=0.25,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFit:
    """Parameters found; `recorded_near_shift` and `recorded_vix_shift` are logarithms of the recorded day's
    near variance and VIX over what the model makes of them, `cost` the sum of squared bent residuals."""

    parameters: ChainModelParameters
    recorded_near_shift: float
    recorded_vix_shift: float
    cost: float
    converged: bool


def fit_chain_model(condors: Condors, recorded: RecordedQuotes) -> ChainFit:
    """The parameters that fit both best; the same input gives the same bits."""
    problem = _Problem(condors, _fitted_rows(recorded))
    start = np.array([[getattr(START, name) for name in BOUNDS] + [0.0, 0.0]])
    bounds = np.array([*BOUNDS.values(), _NEAR_SHIFTS, _VIX_SHIFTS]).T
    solution = minimise(
        problem.rows,
        start,
        bounds[:1],
        bounds[1:],
        active=np.ones(1, dtype=np.bool_),
        steps_max=STEPS_MAX,
    )
    parameters, near_shift, vix_shift = _unpacked(solution.parameters[0])
    return ChainFit(
        parameters=parameters,
        recorded_near_shift=near_shift,
        recorded_vix_shift=vix_shift,
        cost=float(solution.cost[0]),
        converged=bool(solution.converged[0]),
    )


def condor_prices(parameters: ChainModelParameters, at: CondorPrices) -> tuple[FloatArray, FloatArray]:
    """Modelled prices of the legs in points and the volatilities behind them, each (days, 4)."""
    found = smiles(parameters, at.state, at.left)
    sigma = found.volatility(np.log(at.strike / at.forward), at.left.years)
    return price(at.forward, at.strike, at.left.years, sigma, at.is_call, at.discount), sigma


def recorded_volatility(parameters: ChainModelParameters, quotes: RecordedQuotes) -> FloatArray:
    """Modelled volatility of each recorded quote, shape (quotes,)."""
    found = smiles(parameters, quotes.state, quotes.left)
    return found.volatility(quotes.log_moneyness, quotes.left.years)


def is_clean(quotes: RecordedQuotes) -> BoolArray:
    """Quotes that say what an option is worth: out of the money, MID_MIN or more, tight, shape (quotes,)."""
    good: BoolArray = quotes.is_out_of_the_money & np.isfinite(quotes.sigma) & (quotes.mid >= MID_MIN)
    good &= quotes.spread <= SPREAD_SHARE_MAX * quotes.mid
    return good


class _Problem:
    # The Jacobian by central differences: nine parameters, and one pass costs a few milliseconds.
    def __init__(self, condors: Condors, recorded: _FittedRows) -> None:
        self._condors, self._recorded = condors, recorded

    def rows(self, at: FloatArray) -> FloatArray:
        point = at[0]
        steps = _STEP * np.maximum(np.abs(point), 0.1)
        rows = []
        for i, step in enumerate(steps.tolist()):
            up, down = point.copy(), point.copy()
            up[i] += step
            down[i] -= step
            rows.append((self._residuals(up) - self._residuals(down)) / (2.0 * step))
        rows.append(self._residuals(point))
        return np.stack(rows)[None]

    def _residuals(self, point: FloatArray) -> FloatArray:
        parameters, near_shift, vix_shift = _unpacked(point)
        parts = [self._recorded.residuals(parameters, near_shift, vix_shift)]
        for at in (self._condors.entry, self._condors.exit):
            value, sigma = condor_prices(parameters, at)
            parts.append(_bent(np.log(sigma / at.sigma)).ravel())
            parts.append(CREDIT_WEIGHT * _bent(value @ SIGNS / at.credit - 1.0))
        return np.nan_to_num(np.concatenate(parts), nan=0.0)  # a price without volatility says nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FittedRows:
    state: MarketState
    left: TimeLeft
    log_moneyness: FloatArray
    sigma: FloatArray

    def residuals(self, parameters: ChainModelParameters, near_shift: float, vix_shift: float) -> FloatArray:
        growth = float(np.exp(vix_shift))
        # near variance is told against VIX: R / VIX keeps the VIX that was known
        state = replace(
            self.state,
            vix=self.state.vix * growth,
            range_volatility=self.state.range_volatility * growth,
        )
        found = smiles(_shifted(parameters, near_shift), state, self.left)
        depth = np.abs(self.log_moneyness) / np.sqrt(found.theta)
        weight = np.sqrt(RECORDED_AS_CONDORS * _RESIDUALS_PER_CONDOR / len(self.sigma))
        modelled = found.volatility(self.log_moneyness, self.left.years)
        return np.asarray(weight / (1.0 + WING_FADE * depth) * _bent(np.log(modelled / self.sigma)))


def _shifted(parameters: ChainModelParameters, shift: float) -> ChainModelParameters:
    low, high = BOUNDS["near_share"]
    near = min(max(parameters.near_share * float(np.exp(shift)), low), high)
    return replace(parameters, near_share=near)


def _fitted_rows(quotes: RecordedQuotes) -> _FittedRows:
    good = is_clean(quotes)
    return _FittedRows(
        state=quotes.state.take(good),
        left=quotes.left.take(good),
        log_moneyness=quotes.log_moneyness[good],
        sigma=quotes.sigma[good],
    )


def _unpacked(point: FloatArray) -> tuple[ChainModelParameters, float, float]:
    *values, near_shift, vix_shift = point.tolist()
    clipped = {
        name: min(max(value, low), high)
        for (name, (low, high)), value in zip(BOUNDS.items(), values, strict=True)
    }
    return ChainModelParameters(**clipped), near_shift, vix_shift


# Soft L1: 2 (sqrt(1 + r^2) - 1) is the square of this.
def _bent(relative: FloatArray) -> FloatArray:
    residual = relative / RESIDUAL_SCALE
    return np.asarray(residual * np.sqrt(2.0 / (np.sqrt(1.0 + residual * residual) + 1.0)))
