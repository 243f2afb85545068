"""Static arbitrage in smiles: Durrleman's condition within an expiry, rising total variance between expiries.

With w(k) = sigma^2 t at log-moneyness k = ln(K/F), the density of the smile is not negative where

    g(k) = (1 - k w'/(2 w))^2 - w'^2/4 (1/w + 1/4) + w''/2 >= 0

(V. Durrleman, 2005; J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", 2014, eq. 2.1),
and no calendar spread is free where w at fixed k does not fall with t (the same, lemma 2.1).
"""

from __future__ import annotations

import numpy as np

from volguard.model.market import FloatArray


def durrleman(k: FloatArray, w: FloatArray, slope: FloatArray, bend: FloatArray) -> FloatArray:
    """g(k) from total variance and its two derivatives by k, broadcast shape; nan for nan, never raises."""
    with np.errstate(all="ignore"):
        bowl = 1.0 - 0.5 * k * slope / w
        return np.asarray(bowl * bowl - 0.25 * slope * slope * (1.0 / w + 0.25) + 0.5 * bend)


def durrleman_of_grid(k: FloatArray, w: FloatArray) -> FloatArray:
    """g at the inner points of any smile given on an evenly spaced grid of k, by central differences.

    `k` and `w` have shape (..., m), the result (..., m - 2). The step should be about a hundredth of
    sigma sqrt(t): the error falls with its square.
    """
    step = k[..., 1:2] - k[..., :1]
    with np.errstate(all="ignore"):
        slope = (w[..., 2:] - w[..., :-2]) / (2.0 * step)
        bend = (w[..., 2:] - 2.0 * w[..., 1:-1] + w[..., :-2]) / (step * step)
    return durrleman(k[..., 1:-1], w[..., 1:-1], slope, bend)


def calendar_gap(w_near: FloatArray, w_far: FloatArray) -> FloatArray:
    """Smallest growth of total variance from a nearer to a farther expiry over common points k.

    Shapes (..., m) to (...). Negative: a calendar arbitrage; nan where no point has both.
    """
    growth = w_far - w_near
    least = np.where(np.isnan(growth), np.inf, growth).min(axis=-1, initial=np.inf)
    return np.asarray(np.where(np.isinf(least), np.nan, least))
