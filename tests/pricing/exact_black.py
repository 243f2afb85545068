"""Black-76 in 50 digits and more, written plainly: what the fast code is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

DIGITS = 160  # derivatives of prices around 1e-60 still carry 50 digits


def mills_ratio(x: float) -> Any:
    """(1 - Phi(x)) / phi(x)."""
    at = mp.mpf(x)
    return mp.exp(at * at / 2) * mp.erfc(at / mp.sqrt(2)) * mp.sqrt(mp.pi / 2)


def spot_price(spot: Any, strike: Any, t: Any, sigma: Any, rate: Any, is_call: bool) -> Any:
    """Discounted price with F = S exp(r t), D = exp(-r t)."""
    discount = mp.exp(-rate * t)
    forward = spot / discount
    s = sigma * mp.sqrt(t)
    d1 = mp.log(forward / strike) / s + s / 2
    d2 = d1 - s
    if is_call:
        return discount * (forward * mp.ncdf(d1) - strike * mp.ncdf(d2))
    return discount * (strike * mp.ncdf(-d2) - forward * mp.ncdf(-d1))


def price(forward: float, strike: float, t: float, sigma: float, is_call: bool, discount: float) -> Any:
    """Discounted price of exactly these doubles."""
    with mp.workdps(DIGITS):
        point = _Point(forward, strike, t, sigma, discount)
        return spot_price(point.spot, point.strike, point.t, point.sigma, point.rate, is_call)


def greeks(
    forward: float, strike: float, t: float, sigma: float, is_call: bool, discount: float
) -> dict[str, Any]:
    """Every field of black76.Greeks by numerical differentiation of the price, at constant spot and rate."""
    with mp.workdps(DIGITS):
        p = _Point(forward, strike, t, sigma, discount)

        def value(spot: Any, strike: Any, t: Any, sigma: Any, rate: Any) -> Any:
            return spot_price(spot, strike, t, sigma, rate, is_call)

        def by(order: tuple[int, ...]) -> Any:
            return _derivative(value, (p.spot, p.strike, p.t, p.sigma, p.rate), order)

        dual = by((0, 1, 0, 0, 0))
        return {
            "price": value(p.spot, p.strike, p.t, p.sigma, p.rate),
            "delta": by((1, 0, 0, 0, 0)),
            "forward_delta": by((1, 0, 0, 0, 0)) * p.discount,
            "gamma": by((2, 0, 0, 0, 0)),
            "vega_per_pt": by((0, 0, 0, 1, 0)) / 100,
            "theta_per_day": -by((0, 0, 1, 0, 0)) / 365,
            "rho_per_pt": by((0, 0, 0, 0, 1)) / 100,
            "vanna_per_pt": by((1, 0, 0, 1, 0)) / 100,
            "charm_per_day": -by((1, 0, 1, 0, 0)) / 365,
            "volga_per_pt": by((0, 0, 0, 2, 0)) / 10_000,
            "dual_delta": dual,
            "probability_itm": abs(dual) / p.discount,
        }


class _Point:
    def __init__(self, forward: float, strike: float, t: float, sigma: float, discount: float) -> None:
        self.strike, self.t, self.sigma = mp.mpf(strike), mp.mpf(t), mp.mpf(sigma)
        self.discount = mp.mpf(discount)
        self.spot = mp.mpf(forward) * self.discount
        self.rate = -mp.log(self.discount) / self.t


def _derivative(function: Callable[..., Any], at: tuple[Any, ...], order: tuple[int, ...]) -> Any:
    return mp.diff(function, at, order)
