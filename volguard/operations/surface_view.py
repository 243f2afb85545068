"""The surface of one snapshot: volatility by expiry and standardised moneyness, sources and checks."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from volguard.config.settings import Settings
from volguard.measure.market_view import MarketView
from volguard.operations.smile_view import known, source_reason, status_text, surface_of
from volguard.pricing.fallback import BUTTERFLY_TOLERANCE, fit_butterfly
from volguard.pricing.slices import SmileSource
from volguard.pricing.surface import Surface

SCHEMA: Final = "volguard.surface/1"
# ln(K/F) in standard deviations at the money of the expiry.
MONEYNESS: Final = (-3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


def surface_document(view: MarketView, settings: Settings, surface: Surface | None = None) -> dict[str, Any]:
    """All expiries of a snapshot; a volatility is None where the smile does not reach.

    `surface`: that of a session at this snapshot (see surface_session); None: calibrated on it alone.
    """
    if surface is None:
        surface = surface_of(view, settings)
    count = len(surface.expiries)
    sabr = fit_butterfly(surface.sabr, surface.smiles)
    return {
        "schema": SCHEMA,
        "ts": view.ts.isoformat(),
        "underlying": view.listing.underlying,
        "moneyness": list(MONEYNESS),
        "expiries": [_expiry(surface, i, float(sabr[i]), settings) for i in range(count)],
        "checks": _checks(surface),
    }


def _expiry(surface: Surface, i: int, sabr: float, settings: Settings) -> dict[str, Any]:
    years = float(surface.smiles.years[i])
    forward = float(surface.smiles.forward[i])
    atm = float(surface.expiry_sigma(forward, i))
    with np.errstate(all="ignore"):
        strike = forward * np.exp(np.array(MONEYNESS) * atm * math.sqrt(max(years, 0.0)))
    growth = surface.calendar[i] if i < len(surface.calendar) else None
    return {
        "expiry": surface.expiries[i].isoformat(),
        "days": known(years * 365.0),
        "forward": known(forward),
        "atm_iv": known(atm),
        "source": SmileSource(int(surface.source[i])).name,
        "reason": source_reason(surface, i, settings.smile.near_error_max_pt),
        "age_s": known(surface.age_s[i]),
        "sabr_status": status_text(surface.sabr.status[i]),
        "sabr_near_rms_pt": known(surface.sabr.error.near_rms_pt[i]),
        "sabr_butterfly": known(sabr),
        "svi_status": status_text(surface.svi.status[i]),
        "svi_near_rms_pt": known(surface.svi.error.near_rms_pt[i]),
        "svi_butterfly": known(surface.svi.butterfly[i]),
        "butterfly": known(surface.butterfly[i]),
        "calendar_growth": known(growth),
        "forward_variance": _forward_variance(surface, i),
        "iv": [known(sigma) for sigma in surface.expiry_sigma(strike, i)],
    }


def _forward_variance(surface: Surface, i: int) -> float | None:
    # Per year, from the known expiry before (or today) to this one.
    if not surface.is_known[i]:
        return None
    before = [j for j in range(i) if surface.is_known[j]]
    start = float(surface.smiles.years[before[-1]]) if before else 0.0
    return known(surface.forward_variance(start, surface.smiles.years[i]))


def _checks(surface: Surface) -> dict[str, Any]:
    names = [expiry.isoformat() for expiry in surface.expiries]
    butterflies = [names[i] for i in np.flatnonzero(surface.butterfly < -BUTTERFLY_TOLERANCE).tolist()]
    falling = [names[i + 1] for i in np.flatnonzero(surface.calendar < 0.0).tolist()]
    unchecked = [names[i] for i in np.flatnonzero(np.isnan(surface.butterfly)).tolist()]
    return {
        "butterfly_arbitrage": butterflies,
        "butterfly_unchecked": unchecked,  # no fitted smile to check
        "calendar_arbitrage": falling,  # somewhere near the forward less variance than the expiry before
        "calendar_unchecked": int(np.isnan(surface.calendar).sum()),
    }
