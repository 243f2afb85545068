"""Models of the variance of an index's sessions: each a fitted value that forecasts and steps a session on.

Variances are decimals per session, returns log returns from close to close. Fitting is in `models`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

import numpy as np

from volguard.model.market import FloatArray

HAR_SPANS: Final = (1, 5, 22)  # Corsi's day, week and month
TAIL_SIGMAS: Final = 14.0  # where the Student-t is cut: its exponential moments do not exist
TAIL_POINTS: Final = 2801


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one session adds: its close-to-close log return and its range-based variance."""

    log_return: float
    range_variance: float


class VarianceModel(Protocol):
    """A fitted model in its state after some session; immutable."""

    def total_variance(self, sessions: float) -> float:
        """Expected variance of the log level over the next sessions (fractions allowed); nan out of reach."""
        ...

    def after(self, session: Session) -> Self:
        """The same parameters one session later."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Garch:
    """Zero-mean GARCH(1,1) or GJR; per session, decimal. Bollerslev (1986); Glosten et al. (1993)."""

    omega: float
    alpha: float
    gamma: float  # added weight of a negative return; 0 for GARCH
    beta: float
    next_variance: float

    @property
    def persistence(self) -> float:
        """Share of a variance shock left a session later, returns being symmetric."""
        return self.alpha + 0.5 * self.gamma + self.beta

    def total_variance(self, sessions: float) -> float:
        """Sum of the expected variances of the next sessions."""
        path = np.empty(max(1, math.ceil(sessions)))
        variance = self.next_variance
        for i in range(len(path)):
            path[i] = variance
            variance = self.omega + self.persistence * variance
        return _total(path, sessions)

    def after(self, session: Session) -> Garch:
        """The model one session later."""
        weight = self.alpha + (self.gamma if session.log_return < 0.0 else 0.0)
        variance = self.omega + weight * session.log_return**2 + self.beta * self.next_variance
        return replace(self, next_variance=variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Egarch:
    """Zero-mean EGARCH(1,1) with Student-t shocks, Nelson (1991).

    ln h' = omega + alpha (|z| - sqrt(2/pi)) + gamma z + beta ln h. Expected variances use
    E[exp(beta^i g(z))] over the Student-t cut at TAIL_SIGMAS; `shocks` is its running product.
    """

    omega: float
    alpha: float
    gamma: float
    beta: float
    dof: float
    next_log_variance: float

    def total_variance(self, sessions: float) -> float:
        """Sum of the expected variances of the next sessions."""
        steps = max(1, math.ceil(sessions))
        power = np.asarray(self.beta ** np.arange(steps), dtype=np.float64)
        drift = self.omega * np.concatenate(([0.0], np.cumsum(power[:-1])))
        with np.errstate(over="ignore"):  # beyond what a number holds it is infinite: not known
            return _total(np.exp(drift + power * self.next_log_variance + self._shocks(power)), sessions)

    def after(self, session: Session) -> Egarch:
        """The model one session later."""
        z = session.log_return / math.exp(0.5 * self.next_log_variance)
        return replace(
            self,
            next_log_variance=self.omega + float(self._news(z)) + self.beta * self.next_log_variance,
        )

    def _news(self, z: FloatArray | float) -> FloatArray:
        return np.asarray(self.alpha * (np.abs(z) - math.sqrt(2.0 / math.pi)) + self.gamma * z)

    def _shocks(self, power: FloatArray) -> FloatArray:
        z = np.linspace(-TAIL_SIGMAS, TAIL_SIGMAS, TAIL_POINTS)
        weight = (1.0 + z * z / (self.dof - 2.0)) ** (-(self.dof + 1.0) / 2.0)
        with np.errstate(over="ignore"):
            moments = np.log(np.exp(np.outer(power[:-1], self._news(z))) @ (weight / weight.sum()))
        return np.concatenate(([0.0], np.cumsum(moments)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Har:
    """HAR-RV, Corsi (2009), regressed directly on each horizon's mean variance.

    `scale` turns the range-based variance into that of closes; a forecast outside the range of its own
    sample is nan (the insanity filter of Swanson and White, 1997).
    """

    horizons: tuple[int, ...]
    coefficients: tuple[FloatArray, ...]
    bounds: tuple[tuple[float, float], ...]
    scale: float
    recent: tuple[float, ...]  # range-based variances, oldest first

    def total_variance(self, sessions: float) -> float:
        """Variance over the sessions, linear between the horizons fitted; nan beyond the largest."""
        if sessions > self.horizons[-1]:
            return math.nan
        features = har_features(np.array(self.recent))[-1]
        totals = [0.0]
        for horizon, weights, (low, high) in zip(self.horizons, self.coefficients, self.bounds, strict=True):
            mean = float(features @ weights)
            totals.append(horizon * mean * self.scale if low <= mean <= high else math.nan)
        return float(np.interp(sessions, (0, *self.horizons), totals))

    def after(self, session: Session) -> Har:
        """The model one session later."""
        return replace(self, recent=(*self.recent[1:], session.range_variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ewma:
    """RiskMetrics (1996), eq. 5.3: the same variance for each session to come."""

    lambda_: float
    variance: float

    def total_variance(self, sessions: float) -> float:
        """The current variance times the sessions."""
        return self.variance * sessions

    def after(self, session: Session) -> Ewma:
        """The model one session later."""
        return replace(
            self, variance=self.lambda_ * self.variance + (1.0 - self.lambda_) * session.log_return**2
        )


def har_features(ranges: FloatArray) -> FloatArray:
    """One row per session from the 22nd on: a constant and the mean variance of the last 1, 5 and 22."""
    last = HAR_SPANS[-1]
    sums = np.concatenate(([0.0], np.cumsum(ranges)))
    ends = np.arange(last, len(ranges) + 1)
    return np.column_stack(
        [np.ones(len(ends)), *((sums[ends] - sums[ends - span]) / span for span in HAR_SPANS)]
    )


def _total(path: FloatArray, sessions: float) -> float:
    whole = min(int(sessions), len(path))
    part = sessions - whole
    return float(path[:whole].sum()) + (part * float(path[whole]) if part > 0.0 else 0.0)
