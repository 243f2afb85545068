"""Many small bounded least-squares problems at once: Levenberg-Marquardt with a damping of its own for each.

K. Levenberg, 1944, and D. W. Marquardt, 1963, in the scaled form of J. J. More, "The Levenberg-Marquardt
algorithm", 1978: damping relative to the diagonal of J'J. A parameter on its bound that would leave it is
held there for the step; a step across a bound ends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from volguard.model.market import BoolArray, FloatArray

DAMPING_START: Final = 1e-3
DAMPING_MIN, DAMPING_MAX = 1e-12, 1e12
DAMPING_DOWN, DAMPING_UP = 0.05, 10.0
STEP_TOLERANCE: Final = 1e-9
COST_TOLERANCE: Final = 1e-9  # relative fall of the squared error below which nothing more is to be had

Model = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """n problems of p parameters: `parameters` (n, p), `cost` sum of squared residuals (n,).

    `normal` is J'J at the solution, (n, p, p); `is_held` parameters kept on a bound, (n, p); `converged`
    (n,).
    """

    parameters: FloatArray
    cost: FloatArray
    normal: FloatArray
    is_held: BoolArray
    converged: BoolArray


def minimise(
    model: Model,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    *,
    active: BoolArray,
    steps_max: int,
    gain_min: float = 0.0,
) -> Solution:
    """Minimise the squared residuals of n problems from `start`, within `lower` and `upper`, all (n, p).

    `model(parameters)` gives an array (n, p + 1, r): the Jacobian's columns as rows, then the residuals.
    A step that shortens the vector of residuals by no more than `gain_min` is the last: for problems with
    valleys so flat that the way along them is of no use.
    Problems that are not `active` (n,) stay at their start and do not converge.
    """
    count, size = start.shape
    diagonal = np.arange(size)
    at = np.clip(start, lower, upper)
    gram = _gram(model(at))
    damping = np.full(count, DAMPING_START)
    done, converged = ~active, np.zeros(count, dtype=np.bool_)
    for _ in range(steps_max):
        if done.all():
            break
        scaled, slope, scale = _scaled(gram, _held(at, gram, lower, upper))
        scaled[:, diagonal, diagonal] += damping[:, None]
        step = np.linalg.solve(scaled, -slope[:, :, None])[:, :, 0] / scale
        trial = np.clip(at + np.where(done[:, None], 0.0, step), lower, upper)
        trial_gram = _gram(model(trial))
        cost, trial_cost = gram[:, size, size], trial_gram[:, size, size]
        better = trial_cost <= cost
        settled = (np.abs(trial - at) <= STEP_TOLERANCE * (np.abs(at) + STEP_TOLERANCE)).all(axis=1)
        little = (cost - trial_cost <= COST_TOLERANCE * cost) | (
            np.sqrt(cost) - np.sqrt(trial_cost) <= gain_min
        )
        settled |= better & little & (damping < 1.0)
        at = np.where(better[:, None], trial, at)
        gram = np.where(better[:, None, None], trial_gram, gram)
        damping = np.clip(damping * np.where(better, DAMPING_DOWN, DAMPING_UP), DAMPING_MIN, DAMPING_MAX)
        converged |= settled & ~done
        done |= settled
    return Solution(
        parameters=at,
        cost=gram[:, size, size].copy(),
        normal=gram[:, :size, :size],
        is_held=_held(at, gram, lower, upper),
        converged=converged,
    )


def covariance(solution: Solution, freedom: FloatArray) -> FloatArray:
    """Covariance of the parameters, (n, p, p): residual variance times the inverse of J'J.

    `freedom` (n,): quotes less parameters. nan for a parameter held on its bound and where nothing converged
    or no degree of freedom is left.
    """
    count, size = solution.parameters.shape
    extended = np.zeros((count, size + 1, size + 1))
    extended[:, :size, :size] = solution.normal
    scaled, _, scale = _scaled(extended, solution.is_held)
    scaled[:, np.arange(size), np.arange(size)] += DAMPING_MIN  # two parallel columns must not raise
    variance = np.where(freedom > 0.0, solution.cost / np.maximum(freedom, 1.0), np.nan)
    result = np.linalg.inv(scaled) / (scale[:, :, None] * scale[:, None, :]) * variance[:, None, None]
    unknown = solution.is_held[:, :, None] | solution.is_held[:, None, :] | ~solution.converged[:, None, None]
    return np.where(unknown, np.nan, result)


def _gram(rows: FloatArray) -> FloatArray:
    # Jacobian and residuals in one product: J'J, J'r and r'r. A residual that is not finite is a cost too
    # high to accept.
    product = np.matmul(rows, rows.transpose(0, 2, 1))
    return np.asarray(np.nan_to_num(product, nan=np.inf, posinf=np.inf))


def _held(at: FloatArray, gram: FloatArray, lower: FloatArray, upper: FloatArray) -> BoolArray:
    slope = gram[:, :-1, -1]
    return np.asarray(((at <= lower) & (slope > 0.0)) | ((at >= upper) & (slope < 0.0)))


def _scaled(gram: FloatArray, held: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    # J'J with unit diagonal, rows and columns of held parameters replaced by those of the identity.
    size = held.shape[1]
    curvature = gram[:, np.arange(size), np.arange(size)]
    usable = np.isfinite(curvature) & (curvature > 0.0) & ~held
    scale = np.sqrt(np.where(usable, curvature, 1.0))
    scaled = np.where(
        usable[:, :, None] & usable[:, None, :],
        gram[:, :size, :size] / (scale[:, :, None] * scale[:, None, :]),
        0.0,
    )
    scaled[:, np.arange(size), np.arange(size)] = 1.0
    return scaled, np.where(usable, gram[:, :size, size] / scale, 0.0), scale
