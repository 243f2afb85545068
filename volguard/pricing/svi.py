"""SVI smiles: Gatheral's raw parametrisation of total variance, and its calibration without butterflies.

J. Gatheral, "A parsimonious arbitrage-free implied volatility parameterization", 2004:

    w(k) = sigma^2 t = a + b (rho (k - m) + sqrt((k - m)^2 + s^2)),  k = ln(K/F)

The start is the quasi-explicit one of S. De Marco and C. Martini (Zeliade, 2009): for given (m, s) the rest
is linear. Then all expiries are fitted together by Levenberg-Marquardt; where Durrleman's condition fails on
a grid wider than the quotes, it enters the fit as a penalty with analytic derivatives, and is repeated.
Inside, k is measured in standard deviations h = sigma_atm sqrt(t) and w in h^2, so that a day and a year look
alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from volguard.model.market import FloatArray, IntArray
from volguard.pricing.arbitrage import durrleman
from volguard.pricing.least_squares import Model, covariance, minimise
from volguard.pricing.smile import FitError, FitStatus, Smiles, StatusArray, fit_error

STRIKES_MIN: Final = 7
STEPS_MAX: Final = 60
GRID_POINTS: Final = 61
GRID_REACH_MIN: Final = 5.0  # standard deviations on each side that the butterfly check covers at least
PENALTIES: Final = (0.1, 10.0)
GAIN_MIN: Final = 1e-5  # of the length of the residuals: 1e-4 volatility points on fifty quotes
BUTTERFLY_MARGIN: Final = 2e-3  # of g: where the penalty begins
BUTTERFLY_TOLERANCE: Final = 1e-9
_RHO_MAX: Final = 0.999
_S_MIN, _S_MAX = 0.02, 100.0
_LEVEL_MIN, _LEVEL_MAX = 1e-3, 50.0
_BEND_MIN, _BEND_MAX = 1e-6, 100.0
NET_ROUNDS: Final = 7
_NET_CENTRE: Final = (0.0, 0.7)  # M in standard deviations, ln S
_NET_STEP: Final = np.array([0.75, 1.15])
_NET: Final = np.stack(np.meshgrid(np.arange(-2.0, 3.0), np.arange(-2.0, 3.0)), axis=-1).reshape(-1, 2)
_RIDGE: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SviFits:
    """One calibration per expiry, shape (n,), nan where `status` (uint8 of FitStatus) says why there is none.

    a, b, rho, m, s as in the module (total variance; m and s in log-moneyness); `covariance` (n, 5, 5) in
    that order, nan where a bound or the penalty took part; `butterfly` the smallest g of Durrleman's
    condition on the grid of the fit.
    """

    a: FloatArray
    b: FloatArray
    rho: FloatArray
    m: FloatArray
    s: FloatArray
    covariance: FloatArray
    butterfly: FloatArray
    error: FitError
    status: StatusArray

    def total_variance(self, expiry: int | IntArray, k: ArrayLike) -> FloatArray:
        """w(k) by the fit of `expiry` (position), broadcast shape; nan where there is none."""
        return svi_total_variance(
            k,
            a=self.a[expiry],
            b=self.b[expiry],
            rho=self.rho[expiry],
            m=self.m[expiry],
            s=self.s[expiry],
        )


def svi_total_variance(
    k: ArrayLike, *, a: ArrayLike, b: ArrayLike, rho: ArrayLike, m: ArrayLike, s: ArrayLike
) -> FloatArray:
    """Raw SVI total variance w(k), broadcast shape; nan for nan and where it is not above zero."""
    a, b, rho, m, s = (np.asarray(value, dtype=np.float64) for value in (a, b, rho, m, s))
    with np.errstate(all="ignore"):
        apart = np.asarray(k, dtype=np.float64) - m
        w = a + b * (rho * apart + np.sqrt(apart * apart + s * s))
        return np.asarray(np.where(w > 0.0, w, np.nan))


def calibrate_svi(smiles: Smiles) -> SviFits:
    """Fit every expiry at once to its liquid strikes, by weight, free of butterflies; never raises."""
    status = smiles.status_for(STRIKES_MIN)
    chosen = np.flatnonzero(status == FitStatus.OK)
    raw, spread = np.full((len(smiles), 5), np.nan), np.full((len(smiles), 5, 5), np.nan)
    butterfly = np.full(len(smiles), np.nan)
    if len(chosen):
        with np.errstate(all="ignore"):
            fit = _calibrate(smiles.chosen(chosen))
        status[chosen], butterfly[chosen] = fit[0], fit[1]
        good = chosen[fit[0] <= FitStatus.AT_BOUND]
        raw[good], spread[good] = fit[2][fit[0] <= FitStatus.AT_BOUND], fit[3][fit[0] <= FitStatus.AT_BOUND]
    a, b, rho, m, s = raw.T
    at = {name: values[:, None] for name, values in (("a", a), ("b", b), ("rho", rho), ("m", m), ("s", s))}
    with np.errstate(all="ignore"):
        fitted = np.sqrt(svi_total_variance(smiles.k, **at) / smiles.years[:, None])
    error = fit_error(smiles, fitted)
    return SviFits(
        a=a, b=b, rho=rho, m=m, s=s, covariance=spread, butterfly=butterfly, error=error, status=status
    )


def _calibrate(smiles: Smiles) -> tuple[StatusArray, FloatArray, FloatArray, FloatArray]:
    problem = _Problem.of(smiles)
    lower, upper = problem.bounds()
    every = np.ones(len(smiles), dtype=np.bool_)
    solution = minimise(
        problem.model(0.0),
        problem.start(),
        lower,
        upper,
        active=every,
        steps_max=STEPS_MAX,
        gain_min=GAIN_MIN,
    )
    at, converged = solution.parameters, solution.converged
    best = covariance(solution, smiles.is_liquid.sum(axis=1) - 5.0)
    held = solution.is_held.any(axis=1)
    for penalty in PENALTIES:
        bad = problem.butterfly(at) < 0.0
        if not bad.any():
            break
        again = minimise(
            problem.model(penalty), at, lower, upper, active=bad, steps_max=STEPS_MAX, gain_min=GAIN_MIN
        )
        at = np.where(bad[:, None], again.parameters, at)
        converged = np.where(bad, again.converged, converged)
        held = np.where(bad, again.is_held.any(axis=1), held)
        best[bad] = np.nan  # the penalty is no quote: its curvature says nothing of the parameters' error
    butterfly = problem.butterfly(at)
    status = np.where(held, np.uint8(FitStatus.AT_BOUND), np.uint8(FitStatus.OK))
    status[~(butterfly >= -BUTTERFLY_TOLERANCE)] = FitStatus.BUTTERFLY
    status[~converged] = FitStatus.NOT_CONVERGED
    h = problem.h[:, 0]
    unit = np.stack((h * h, h, np.ones_like(h), h, h), axis=1)
    raw, chain = _raw(at)
    turn = chain[:, :5, :5] * unit[:, None, :]
    return status, butterfly, raw * unit, np.matmul(turn.transpose(0, 2, 1), np.matmul(best, turn))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    # Scaled quotes of n expiries: x = k/h, v = w/h^2; `weight` turns an error of v into one of volatility.
    h: FloatArray
    x: FloatArray
    v: FloatArray
    weight: FloatArray
    grid: FloatArray

    @classmethod
    def of(cls, smiles: Smiles) -> _Problem:
        root_t = np.sqrt(smiles.years)[:, None]
        h = smiles.atm_sigma[:, None] * root_t
        used = smiles.is_liquid
        x = np.where(used, smiles.k / h, 0.0)
        sigma = np.where(used, smiles.sigma, smiles.atm_sigma[:, None])
        v = np.where(used, (sigma * root_t / h) ** 2, 0.0)
        weight = np.sqrt(smiles.weight) * smiles.atm_sigma[:, None] ** 2 / (2.0 * sigma)
        reach = np.maximum(GRID_REACH_MIN, 1.5 * np.abs(x).max(axis=1, keepdims=True))
        return cls(h=h, x=x, v=v, weight=weight, grid=reach * np.linspace(-1.0, 1.0, GRID_POINTS))

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        count = len(self.h)
        low, high = self.x.min(axis=1), self.x.max(axis=1)
        lower = np.tile([_LEVEL_MIN, _BEND_MIN, -_RHO_MAX, 0.0, np.log(_S_MIN)], (count, 1))
        upper = np.tile([_LEVEL_MAX, _BEND_MAX, _RHO_MAX, 0.0, np.log(_S_MAX)], (count, 1))
        lower[:, 3], upper[:, 3] = low, high
        return lower, upper

    def start(self) -> FloatArray:
        # The best (M, ln S) of a net that halves around its best point, round by round.
        centre = np.tile(_NET_CENTRE, (len(self.h), 1))
        every = np.arange(len(self.h))
        for half in range(NET_ROUNDS):
            net = centre[:, None, :] + _NET_STEP * _NET / 2.0**half
            net[..., 1] = np.clip(net[..., 1], np.log(_S_MIN), np.log(_S_MAX))
            line, missed = self._line(net[..., 0], np.exp(net[..., 1]))
            best = missed.argmin(axis=1)
            centre = net[every, best]
        c0, c1, c2 = line[every, best].T
        m, log_s = centre.T
        return np.stack((c0 + c2, c2 / np.exp(2.0 * log_s), c1 / c2, m, log_s), axis=1)

    def _line(self, m: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        # For given M and S (n, q): v = c0 + c1 u + c2 sqrt(u^2 + 1), u = (x - M)/S, by linear least squares
        # kept within what is a smile (n, q, 3), and its squared error (n, q).
        u = (self.x[:, None, :] - m[:, :, None]) / s[:, :, None]
        weight = self.weight[:, None, :]
        rows = np.empty((*u.shape[:2], 4, u.shape[2]))
        rows[:, :, 0] = weight
        rows[:, :, 1] = weight * u
        rows[:, :, 2] = weight * np.sqrt(u * u + 1.0)
        rows[:, :, 3] = weight * self.v[:, None, :]
        gram = np.matmul(rows, rows.transpose(0, 1, 3, 2))
        square, target = gram[..., :3, :3], gram[..., :3, 3:]
        ridge = _RIDGE * np.trace(square, axis1=2, axis2=3)[:, :, None, None] * np.eye(3)
        line = np.linalg.solve(square + ridge, target)
        line[..., 2, 0] = np.maximum(line[..., 2, 0], _BEND_MIN * s * s)
        line[..., 1, 0] = np.clip(line[..., 1, 0], -0.95 * line[..., 2, 0], 0.95 * line[..., 2, 0])
        missed = np.matmul(line.swapaxes(2, 3), np.matmul(square, line) - 2.0 * target)
        return line[..., 0], missed[..., 0, 0]

    def model(self, penalty: float) -> Model:
        quoted = self.weight * self.v

        def rows(parameters: FloatArray) -> FloatArray:
            raw, chain = _raw(parameters)
            values: FloatArray = np.matmul(chain, _value_rows(raw, self.x) * self.weight[:, None, :])
            values[:, 5] -= quoted
            if penalty == 0.0:
                return values
            g = np.matmul(chain, _butterfly_rows(raw, self.grid, self.h))
            g[:, 5] -= BUTTERFLY_MARGIN
            g *= penalty * (g[:, 5:6] < 0.0)
            return np.concatenate((values, g), axis=2)

        return rows

    def butterfly(self, parameters: FloatArray) -> FloatArray:
        # Smallest g on the grid; a variance that is not positive is worse than any.
        raw = _raw(parameters)[0]
        v = _value_rows(raw, self.grid)[:, 5]
        g = _butterfly_rows(raw, self.grid, self.h)[:, 5]
        return np.asarray(np.where(v > 0.0, g, -np.inf).min(axis=1))


def _raw(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Raw (A, B, rho, M, S) from (C, D, rho, M, ln S) with C = A + B S and D = B / S, the value and the bend
    # of the parabola that a smile with a large S all but is: along it A and B run off, C and D stand.
    # And the matrix (n, 6, 6) that turns derivatives by the former (value last) into those by the latter.
    c, d, rho, m, log_s = parameters.T
    s = np.exp(log_s)
    chain = np.zeros((len(parameters), 6, 6))
    chain[:, np.arange(6), np.arange(6)] = 1.0
    chain[:, 1, 0], chain[:, 1, 1] = -s * s, s
    chain[:, 4, 0], chain[:, 4, 1], chain[:, 4, 4] = -2.0 * d * s * s, d * s, s
    return np.stack((c - d * s * s, d * s, rho, m, s), axis=1), chain


def _value_rows(parameters: FloatArray, x: FloatArray) -> FloatArray:
    # Derivatives of v by (A, B, rho, M, S), then v, shape (n, 6, m).
    a, b, rho, m, s = (parameters[:, i : i + 1] for i in range(5))
    u = x - m
    root = np.sqrt(u * u + s * s)
    out = np.empty((len(parameters), 6, x.shape[1]))
    out[:, 0] = 1.0
    out[:, 1] = rho * u + root
    out[:, 2] = b * u
    out[:, 3] = -b * (rho + u / root)
    out[:, 4] = b * s / root
    out[:, 5] = a + b * out[:, 1]
    return out


def _butterfly_rows(parameters: FloatArray, x: FloatArray, h: FloatArray) -> FloatArray:
    # Derivatives of g by (A, B, rho, M, S), then g. In scaled units w' = h v' and w'' = v''.
    _, b, rho, m, s = (parameters[:, i : i + 1] for i in range(5))
    by_v = _value_rows(parameters, x)
    u = x - m
    root = np.sqrt(u * u + s * s)
    cube = root * root * root
    zero = np.zeros_like(u)
    lean = rho + u / root
    v, slope, bend = np.maximum(by_v[:, 5], 1e-6), b * lean, b * s * s / cube
    by_slope = np.stack((zero, lean, b + zero, -bend, -b * u * s / cube), axis=1)
    to_fifth = 3.0 * b * s * s / (cube * root * root)
    by_bend = np.stack((zero, s * s / cube, zero, to_fifth * u, 2.0 * b * s / cube - to_fifth * s), axis=1)
    bowl = 1.0 - 0.5 * x * slope / v
    g_v = bowl * x * slope / (v * v) + 0.25 * (slope / v) ** 2
    g_slope = -bowl * x / v - 0.5 * slope / v - 0.125 * h * h * slope
    g = durrleman(h * x, h * h * v, h * slope, bend)
    rows = g_v[:, None] * by_v[:, :5] + g_slope[:, None] * by_slope + 0.5 * by_bend
    return np.concatenate((rows, g[:, None]), axis=1)
