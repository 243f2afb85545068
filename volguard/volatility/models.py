"""The full set of volatility models, each forecasting the total variance over the next n sessions.

GARCH-t, GJR-t and EGARCH-t (fitted by `arch`, imported only when a fit is asked for), HAR-RV by least squares
on the range-based variance of each session, and RiskMetrics' EWMA. The forecast is the median of the models
that converged; dispersion is the highest minus the lowest. Variances are decimals, returns log returns.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.volatility.realized import SESSIONS_PER_YEAR, Ohlc, log_returns, range_variance
from volguard.volatility.variance_models import (
    HAR_SPANS,
    Egarch,
    Ewma,
    Garch,
    Har,
    Session,
    VarianceModel,
    har_features,
)

EGARCH_REACTION_MAX: Final = 1.0  # real ones lie below a half
PERCENT: Final = 100.0  # `arch` converges on returns in percent, not on decimals


class Model(StrEnum):
    """The models of the full set."""

    GARCH_T = "garch_t"
    GJR_T = "gjr_t"
    EGARCH_T = "egarch_t"
    HAR_RV = "har_rv"
    EWMA = "ewma"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How the set is fitted, windows in sessions, and the tails of P."""

    ewma_lambda: float
    fit_sessions: int  # the last so many are fitted
    fit_sessions_min: int  # with fewer, no model is fitted
    student_t_dof: float

    def __post_init__(self) -> None:
        if not 0.5 <= self.ewma_lambda < 1.0:
            raise ValueError(f"ewma_lambda was {self.ewma_lambda}, must be in [0.5, 1)")
        if not 250 <= self.fit_sessions_min <= self.fit_sessions:
            raise ValueError(
                f"fit_sessions_min was {self.fit_sessions_min}, must be in [250, fit_sessions "
                f"{self.fit_sessions}]"
            )
        if self.student_t_dof <= 2.0:
            raise ValueError(f"student_t_dof was {self.student_t_dof}, must exceed 2 (finite variance)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSet:
    """Models that converged, and why each of the others is left out."""

    models: Mapping[Model, VarianceModel]
    left_out: Mapping[Model, str]

    def after(self, session: Session) -> FittedSet:
        """The set one session later, parameters kept."""
        return replace(self, models={name: model.after(session) for name, model in self.models.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonForecast:
    """Forecast over `sessions`: total variance, and volatility per 252 sessions; by model for display.

    `volatility` is the median of `models` (those that converged), `dispersion` highest minus lowest.
    """

    sessions: float
    variance: float
    volatility: float
    dispersion: float
    models: Mapping[Model, float]
    left_out: Mapping[Model, str]

    def converged(self, model: Model) -> bool:
        """Whether a model is part of the forecast."""
        return model in self.models


def fit_models(bars: Ohlc, settings: ModelSettings, *, sessions_max: float) -> FittedSet:
    """Fit the set on the last bars, good for horizons up to `sessions_max` sessions. Deterministic."""
    returns = log_returns(bars.close)[-settings.fit_sessions :]
    ranges = range_variance(bars)[1:][-settings.fit_sessions :]
    if len(returns) < settings.fit_sessions_min or not np.all(np.isfinite(returns)):
        reason = f"{np.count_nonzero(np.isfinite(returns))} sessions, needs {settings.fit_sessions_min}"
        return FittedSet(models={}, left_out=dict.fromkeys(Model, reason))
    outcomes: dict[Model, VarianceModel | str] = {
        Model.GARCH_T: _fit_garch(returns, asymmetric=False),
        Model.GJR_T: _fit_garch(returns, asymmetric=True),
        Model.EGARCH_T: _fit_egarch(returns),
        Model.HAR_RV: fit_har(returns, ranges, (1, *_ladder(sessions_max))),
        Model.EWMA: _start_ewma(returns, settings.ewma_lambda),
    }
    return FittedSet(
        models={name: found for name, found in outcomes.items() if not isinstance(found, str)},
        left_out={name: found for name, found in outcomes.items() if isinstance(found, str)},
    )


def forecast_over(fitted: FittedSet, sessions: float, gone: float = 0.0) -> HorizonForecast | None:
    """The set's forecast of the next `sessions`; None when no model reaches it or there is no time left.

    `gone`: the share of its variance that the session after the last close has behind it already.
    """
    if not sessions > 0.0:
        return None
    variances = {
        name: model.total_variance(gone + sessions) - (model.total_variance(gone) if gone > 0.0 else 0.0)
        for name, model in fitted.models.items()
    }
    return median_forecast(variances, fitted.left_out, sessions)


def median_forecast(
    variances: Mapping[Model, float], left_out: Mapping[Model, str], sessions: float
) -> HorizonForecast | None:
    """The median of total variances over `sessions`, those that are known; None without any."""
    if not sessions > 0.0:
        return None
    levels: dict[Model, float] = {}
    left_out = dict(left_out)
    for name, variance in variances.items():
        if math.isfinite(variance) and variance > 0.0:
            levels[name] = math.sqrt(variance * SESSIONS_PER_YEAR / sessions)
        else:
            left_out[name] = "its forecast lies outside what its sample has seen"
    if not levels:
        return None
    volatility = median(levels.values())
    return HorizonForecast(
        sessions=sessions,
        variance=volatility**2 * sessions / SESSIONS_PER_YEAR,
        volatility=volatility,
        dispersion=max(levels.values()) - min(levels.values()),
        models=levels,
        left_out=left_out,
    )


def fit_har(returns: FloatArray, ranges: FloatArray, horizons: tuple[int, ...]) -> Har | str:
    """HAR-RV by least squares on range-based variances, or why it cannot be; columns by session."""
    if not np.all(np.isfinite(ranges)):
        return f"{np.count_nonzero(~np.isfinite(ranges))} sessions without open, high and low"
    if len(ranges) < 4 * max(*horizons, HAR_SPANS[-1]):
        return f"{len(ranges)} sessions, too few for {max(horizons)} ahead"
    features = har_features(ranges)
    coefficients: list[FloatArray] = []
    bounds: list[tuple[float, float]] = []
    for horizon in horizons:
        ahead = np.lib.stride_tricks.sliding_window_view(ranges[HAR_SPANS[-1] :], horizon).mean(axis=1)
        weights, _, rank, _ = np.linalg.lstsq(features[: len(ahead)], ahead, rcond=None)
        if rank < features.shape[1]:
            return "its regressors are collinear"
        coefficients.append(weights)
        bounds.append((float(ahead.min()), float(ahead.max())))
    return Har(
        horizons=horizons,
        coefficients=tuple(coefficients),
        bounds=tuple(bounds),
        scale=float(returns @ returns) / float(ranges.sum()),
        recent=tuple(ranges[-HAR_SPANS[-1] :].tolist()),
    )


def _fit_garch(returns: FloatArray, *, asymmetric: bool) -> Garch | str:
    found = _fit_by_arch(returns, "GARCH", 1 if asymmetric else 0)
    if isinstance(found, str):
        return found
    parameters, variance = found
    omega, *weights = parameters
    alpha, gamma, beta = weights[:3] if asymmetric else (weights[0], 0.0, weights[1])
    model = Garch(
        omega=omega / PERCENT**2, alpha=alpha, gamma=gamma, beta=beta, next_variance=variance / PERCENT**2
    )
    if model.persistence >= 1.0:
        return f"variance does not revert: persistence was {model.persistence:.4f}"
    return model.after(Session(log_return=float(returns[-1]), range_variance=math.nan))


def _fit_egarch(returns: FloatArray) -> Egarch | str:
    found = _fit_by_arch(returns, "EGARCH", 1)
    if isinstance(found, str):
        return found
    (omega, alpha, gamma, beta, dof), variance = found
    if not (abs(beta) < 1.0 and dof > 2.0):
        return f"variance does not revert: beta was {beta:.4f}"
    reaction = abs(alpha) + abs(gamma)
    if reaction > EGARCH_REACTION_MAX:  # the optimiser calls such a fit converged; two shocks of it overflow
        return f"one standard shock moves log variance by {reaction:.2f}, at most {EGARCH_REACTION_MAX:.2f}"
    # ln h of percent returns lies ln(100^2) above that of decimals.
    shift = 2.0 * math.log(PERCENT)
    model = Egarch(
        omega=omega - (1.0 - beta) * shift,
        alpha=alpha,
        gamma=gamma,
        beta=beta,
        dof=dof,
        next_log_variance=math.log(variance) - shift,
    )
    return model.after(Session(log_return=float(returns[-1]), range_variance=math.nan))


def _fit_by_arch(returns: FloatArray, kind: str, leverage: int) -> tuple[list[float], float] | str:
    # Parameters, and the variance of the last session, both for returns in percent.
    from arch import arch_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = arch_model(returns * PERCENT, mean="Zero", vol=kind, p=1, o=leverage, q=1, dist="t")  # type: ignore[arg-type]
        result = model.fit(disp="off", show_warning=False)
    parameters = [float(value) for value in result.params]
    variance = float(np.asarray(result.conditional_volatility)[-1]) ** 2
    if result.convergence_flag != 0:
        return f"the optimiser stopped with flag {result.convergence_flag}"
    if not (all(map(math.isfinite, parameters)) and 0.0 < variance < math.inf):
        return "the fit has no finite parameters"
    return parameters, variance


def _start_ewma(returns: FloatArray, lambda_: float) -> Ewma:
    weight = (1.0 - lambda_) * lambda_ ** np.arange(len(returns) - 1, -1, -1.0)
    start = float(returns @ returns) / len(returns)
    left = lambda_ ** len(returns)
    return Ewma(lambda_=lambda_, variance=float(weight @ returns**2) + left * start)


def _ladder(sessions_max: float) -> tuple[int, ...]:
    # Horizons that HAR is fitted at beside 1: each of the first ten sessions, then every fifth, to the last.
    last = max(2, math.ceil(sessions_max))
    return tuple(h for h in range(2, last + 1) if h <= 10 or h % 5 == 0 or h == last)
