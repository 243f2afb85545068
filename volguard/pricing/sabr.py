"""SABR smiles: the lognormal volatility of Hagan, Kumar, Lesniewski and Woodward, and its calibration.

"Managing smile risk", Wilmott, September 2002, eq. 2.17, for a forward F, strike K, t years to expiry:

    sigma = a / q * z/x(z) * (1 + t ((1-beta)^2/24 a^2 + rho beta nu a / 4 + (2 - 3 rho^2)/24 nu^2))
    a = alpha (F K)^((beta-1)/2),  L = ln(F/K),  q = 1 + (1-beta)^2/24 L^2 + (1-beta)^4/1920 L^4
    z = nu L / a,  x(z) = ln((S + z - rho) / (1 - rho)),  S = sqrt(1 - 2 rho z + z^2)

x is odd under (z, rho) -> (-z, -rho), so that it is taken at |z|, where log1p leaves no cancellation; at the
money z/x(z) -> 1. alpha is a volatility (decimal per year at beta 1), nu a volatility of volatility, rho a
correlation. All expiries are calibrated together, with analytic derivatives, in units of the forward: the
bounds of alpha are those of the volatility alpha F^(beta-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from volguard.model.market import FloatArray, IntArray
from volguard.pricing.least_squares import Model, covariance, minimise
from volguard.pricing.smile import FitError, FitStatus, Smiles, StatusArray, fit_error

ALPHA_MIN, ALPHA_MAX = 0.001, 3.0
RHO_MIN, RHO_MAX = -0.999, 0.999
NU_MIN, NU_MAX = 0.001, 10.0
STRIKES_MIN: Final = 5
STEPS_MAX: Final = 60
_LOWER: Final = np.array([ALPHA_MIN, RHO_MIN, NU_MIN])
_UPPER: Final = np.array([ALPHA_MAX, RHO_MAX, NU_MAX])
_SMALL_Z: Final = 1e-4  # below it d(z/x)/d(rho) is taken from its series: both are then right to 1e-12
_RIDGE: Final = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SabrFits:
    """One calibration per expiry, shape (n,), nan where `status` (uint8 of FitStatus) says why there is none.

    `covariance` (n, 3, 3) of (alpha, rho, nu), nan for a parameter on its bound; `error` as in FitError.
    """

    alpha: FloatArray
    rho: FloatArray
    nu: FloatArray
    beta: float
    covariance: FloatArray
    error: FitError
    status: StatusArray

    def sigma(
        self, expiry: int | IntArray, forward: ArrayLike, strike: ArrayLike, t: ArrayLike
    ) -> FloatArray:
        """Volatility of strikes by the fit of `expiry` (position), broadcast shape; nan without one."""
        alpha, rho, nu = self.alpha[expiry], self.rho[expiry], self.nu[expiry]
        return sabr_sigma(forward, strike, t, alpha=alpha, rho=rho, nu=nu, beta=self.beta)


def sabr_sigma(
    forward: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    *,
    alpha: ArrayLike,
    rho: ArrayLike,
    nu: ArrayLike,
    beta: float = 1.0,
) -> FloatArray:
    """Hagan's lognormal volatility, decimal per year, broadcast shape.

    nan where an input is not finite, forward, strike or alpha not above zero, t or nu negative, |rho| >= 1,
    or where the expansion leaves its range and gives no positive volatility.
    """
    inputs = [np.asarray(value, dtype=np.float64) for value in (forward, strike, t, alpha, rho, nu)]
    forward, strike, t, alpha, rho, nu = inputs
    good = (np.minimum(np.minimum(forward, strike), alpha) > 0.0) & (np.minimum(t, nu) >= 0.0)
    good = good & (np.abs(rho) < 1.0) & np.isfinite(forward + strike + t + alpha + nu)
    with np.errstate(all="ignore"):
        gap = np.log(forward / strike)
        a = alpha * (forward * strike) ** (0.5 * (beta - 1.0))
        ratio = _z_over_x(nu * gap / a, rho)[0]
        sigma = a / _denominator(gap, beta) * ratio * (1.0 + t * _drift(a, rho, nu, beta))
    return np.asarray(np.where(good & (sigma > 0.0), sigma, np.nan))


def calibrate_sabr(smiles: Smiles, *, beta: float = 1.0) -> SabrFits:
    """Fit alpha, rho and nu of every expiry at once to its liquid strikes, by weight; never raises."""
    status = smiles.status_for(STRIKES_MIN)
    active = status == FitStatus.OK
    with np.errstate(all="ignore"):
        bounds = (np.broadcast_to(bound, (len(smiles), 3)) for bound in (_LOWER, _UPPER))
        model, start = _model(smiles, beta), _start(smiles, beta)
        start = np.where(active[:, None], start, _LOWER)
        solution = minimise(model, start, *bounds, active=active, steps_max=STEPS_MAX)
        status[active & ~solution.converged] = FitStatus.NOT_CONVERGED
        status[active & solution.converged & solution.is_held.any(axis=1)] = FitStatus.AT_BOUND
        fitted = np.where((status <= FitStatus.AT_BOUND)[:, None], solution.parameters, np.nan)
        freedom = smiles.is_liquid.sum(axis=1) - 3.0
        unit = np.stack((smiles.forward ** (1.0 - beta), *np.ones((2, len(smiles)))), axis=1)
        alpha, rho, nu = (fitted * unit).T
        by_row = {"alpha": alpha[:, None], "rho": rho[:, None], "nu": nu[:, None]}
        at_quotes = sabr_sigma(
            smiles.forward[:, None], smiles.strike, smiles.years[:, None], **by_row, beta=beta
        )
        return SabrFits(
            alpha=alpha,
            rho=rho,
            nu=nu,
            beta=beta,
            covariance=covariance(solution, freedom) * unit[:, :, None] * unit[:, None, :],
            error=fit_error(smiles, at_quotes),
            status=status,
        )


def _z_over_x(z: FloatArray, rho: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    # z/x(z), S, |z| and rho seen from the side of |z|.
    size = np.abs(z)
    lean = np.copysign(rho, rho * z)
    root = np.sqrt((size - lean) ** 2 + (1.0 - lean) * (1.0 + lean))
    x = np.log1p(size * (1.0 + (size - 2.0 * lean) / (root + 1.0)) / (1.0 - lean))
    ratio = np.where(size > 0.0, size / x, 1.0)
    return ratio, root, size, lean


def _denominator(gap: FloatArray, beta: float) -> FloatArray:
    square = ((1.0 - beta) * gap) ** 2
    return np.asarray(1.0 + square / 24.0 + square * square / 1920.0)


def _drift(a: FloatArray, rho: FloatArray, nu: FloatArray, beta: float) -> FloatArray:
    own = (1.0 - beta) ** 2 / 24.0 * a * a
    return np.asarray(own + 0.25 * beta * rho * nu * a + (2.0 - 3.0 * rho * rho) / 24.0 * nu * nu)


def _model(smiles: Smiles, beta: float) -> Model:
    # Weighted residuals and their derivatives by alpha, rho, nu. With g = z/x(z): z dg/dz = g (1 - g/S).
    weight = np.sqrt(smiles.weight)
    gap = np.where(weight > 0.0, -smiles.k, 0.0)
    quoted = np.where(weight > 0.0, smiles.sigma, 0.0)
    power = np.exp(-0.5 * (beta - 1.0) * gap)  # (F K)^((beta-1)/2) in units of the forward
    by_denominator = weight / _denominator(gap, beta)
    t = np.where(np.isfinite(smiles.years), smiles.years, 0.0)[:, None]
    own = (1.0 - beta) ** 2 / 12.0

    def rows(parameters: FloatArray) -> FloatArray:
        alpha, rho, nu = parameters[:, 0:1], parameters[:, 1:2], parameters[:, 2:3]
        a = alpha * power
        z = nu * gap / a
        g, root, size, lean = _z_over_x(z, rho)
        along = g * (1.0 - g / root)
        x_by_rho = 1.0 / (1.0 - lean) - (size + root) / (root * (root + size - lean))
        by_rho = np.where(size > _SMALL_Z, -g * g * x_by_rho / z, -0.5 * z * (1.0 + rho * z))
        mixed = (0.25 * beta) * a
        growth = 1.0 + t * (0.5 * own * a * a + rho * nu * mixed + (2.0 - 3.0 * rho * rho) / 24.0 * nu * nu)
        level, g_t = by_denominator * a, g * t
        out = np.empty((len(parameters), 4, gap.shape[1]))
        out[:, 0] = level / alpha * ((g - along) * growth + g_t * (own * a * a + rho * nu * mixed))
        out[:, 1] = level * (by_rho * growth + g_t * (nu * mixed - 0.25 * rho * nu * nu))
        out[:, 2] = level * (along / nu * growth + g_t * (rho * mixed + (2.0 - 3.0 * rho * rho) / 12.0 * nu))
        out[:, 3] = level * g * growth - weight * quoted
        return out

    return rows


def _start(smiles: Smiles, beta: float) -> FloatArray:
    # A parabola in k near the forward: alpha + rho nu/2 k + (2 - 3 rho^2) nu^2/(12 alpha) k^2 to leading
    # order at beta 1; a smaller beta adds a slope of -(1 - beta) a / 2.
    width = np.maximum(smiles.atm_sigma * np.sqrt(smiles.years), 1e-6)[:, None]
    used = smiles.weight > 0.0
    x = np.where(used, smiles.k / width, 0.0)
    weight = np.where(used, np.sqrt(smiles.weight) * np.exp(-0.25 * x * x), 0.0)
    rows = np.stack((weight, weight * x, weight * x * x, weight * np.where(used, smiles.sigma, 0.0)), axis=1)
    gram = np.matmul(rows, rows.transpose(0, 2, 1))
    gram[:, np.arange(3), np.arange(3)] += _RIDGE
    bent = np.linalg.solve(np.nan_to_num(gram[:, :3, :3]) + _RIDGE * np.eye(3), gram[:, :3, 3:])[:, :, 0]
    level = np.maximum(bent[:, 0], 1e-3)
    slope = bent[:, 1] / width[:, 0] + 0.5 * (1.0 - beta) * level
    bend = bent[:, 2] / width[:, 0] ** 2
    nu = np.sqrt(np.maximum(6.0 * (level * bend + slope * slope), (2.5 * slope) ** 2))
    nu = np.clip(nu, 0.1, 0.9 * NU_MAX)
    return np.stack((level, np.clip(2.0 * slope / nu, -0.9, 0.9), nu), axis=1)
