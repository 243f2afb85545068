"""The smile of one expiry: quoted volatilities beside the SABR and the SVI fit, with what is left over."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

import numpy as np

from volguard.config.settings import Settings
from volguard.measure.market_view import MarketView, reference_level
from volguard.model.errors import UsageError
from volguard.model.market import BoolArray
from volguard.model.units import figure
from volguard.pricing.fallback import BUTTERFLY_TOLERANCE, build_surface, fit_butterfly
from volguard.pricing.quote_flags import QuoteFlag
from volguard.pricing.sabr import SabrFits
from volguard.pricing.slices import SmileSource
from volguard.pricing.smile import POINT, FitError, FitStatus, Smiles, quoted_smiles
from volguard.pricing.surface import Surface
from volguard.pricing.svi import SviFits
from volguard.wiring import rules_of

SCHEMA: Final = "volguard.smile/1"
# A wide or bent quote keeps its small weight; these are no prices at all.
NO_PRICE: Final = (
    QuoteFlag.NO_BID
    | QuoteFlag.NO_ASK
    | QuoteFlag.CROSSED
    | QuoteFlag.BOUNDS
    | QuoteFlag.STALE
    | QuoteFlag.JUMP
)
SABR_PARAMETERS: Final = ("alpha", "rho", "nu")
SVI_PARAMETERS: Final = ("a", "b", "rho", "m", "s")


def surface_of(view: MarketView, settings: Settings, *, previous: Surface | None = None) -> Surface:
    """The surface of one snapshot, every expiry calibrated; fits of `previous` stand in where one fails."""
    level, _ = reference_level(view)
    return build_surface(
        view.listing.expiries,
        smiles_of(view, settings),
        ts=view.ts,
        level=math.nan if level is None else level,
        previous=previous,
        limits=settings.smile,
    )


def smiles_of(view: MarketView, settings: Settings) -> Smiles:
    """The quoted smiles of every expiry of a snapshot, quotes that are no prices left out."""
    listing, snapshot = view.listing, view.snapshot
    return quoted_smiles(
        listing,
        bid=snapshot.bid,
        ask=snapshot.ask,
        iv=view.iv,
        usable=(view.flags & int(NO_PRICE)) == 0,
        forward=view.forwards.forward,
        discount=view.forwards.discount,
        years=view.years,
        tick=float(rules_of(settings).contracts.tick(listing.underlying, view.ts.date())),
    )


def smile_document(
    view: MarketView, expiry: date | None, settings: Settings, surface: Surface | None = None
) -> dict[str, Any]:
    """Strikes, fits and residuals of one expiry (None: the nearest). Raises UsageError when not listed.

    `surface`: that of a session at this snapshot (see surface_session); None: calibrated on it alone.
    Residuals are fit minus quote, in volatility points and in ticks of the price.
    """
    i = expiry_position(view, expiry)
    if surface is None:
        surface = surface_of(view, settings)
    smiles = surface.smiles
    return {
        "schema": SCHEMA,
        "ts": view.ts.isoformat(),
        "underlying": view.listing.underlying,
        "expiry": surface.expiries[i].isoformat(),
        "days": known(view.years[i] * 365.0),
        "forward": known(smiles.forward[i]),
        "atm_iv": known(smiles.atm_sigma[i]),
        "source": SmileSource(int(surface.source[i])).name,
        "fitted_at": fitted_at(surface, i),
        "reason": source_reason(surface, i, settings.smile.near_error_max_pt),
        "butterfly": known(surface.butterfly[i]),
        "liquid_strikes": int(smiles.is_liquid[i].sum()),
        "sabr": _sabr(surface, i),
        "svi": _svi(surface, i),
        "strikes": _strikes(surface, i),
    }


def expiry_position(view: MarketView, expiry: date | None) -> int:
    """Position of an expiry (None: the first) in the listing. Raises UsageError when it is not listed."""
    listed = view.listing.expiries
    if expiry is None:
        return 0
    if expiry not in listed:
        names = ", ".join(day.isoformat() for day in listed)
        raise UsageError(f"expiry {expiry.isoformat()} is not listed; listed are {names}")
    return listed.index(expiry)


def source_reason(surface: Surface, i: int, near_error_max_pt: float) -> str | None:
    """Why the smile of an expiry is not the SABR fit; None where it is."""
    source = SmileSource(int(surface.source[i]))
    if source is SmileSource.SABR:
        return None
    sabr, svi = (
        _set_aside(fits, surface.smiles, i, near_error_max_pt) for fits in (surface.sabr, surface.svi)
    )
    if source is SmileSource.SVI:
        return f"SABR {sabr or _farther(surface, i)}"
    return f"SABR {sabr or _not_carried(surface, i)}; SVI {svi or _not_carried(surface, i)}"


def fitted_at(surface: Surface, i: int) -> str | None:
    """When the fit that draws the smile of an expiry was calibrated; None where no fit draws it."""
    fitted = surface.slices.fitted_ts[i]
    return None if fitted is None else fitted.isoformat()


def known(value: Any) -> float | None:
    """A figure as documents hold it: nine digits, None for what is absent or not finite."""
    if value is None:
        return None
    number = float(value)
    return figure(number) if math.isfinite(number) else None


def status_text(status: Any) -> str:
    """How a fit ended, in lower-case words."""
    return FitStatus(int(status)).name.lower().replace("_", " ")


def _set_aside(fits: SabrFits | SviFits, smiles: Smiles, i: int, limit: float) -> str | None:
    # What makes a fit inadmissible; None where nothing does.
    if fits.status[i] > FitStatus.AT_BOUND:
        return status_text(fits.status[i])
    error = float(fits.error.near_rms_pt[i])
    if not error <= limit:
        return f"near error was {error:.3f} points, limit {limit:g}"
    butterfly = float(fit_butterfly(fits, smiles)[i])
    return None if butterfly >= -BUTTERFLY_TOLERANCE else f"has a butterfly: g was {butterfly:.4f}"


def _not_carried(surface: Surface, i: int) -> str:
    # An admissible fit draws its smile until a later snapshot cannot place it, or its age ends it.
    reason = surface.reason[i]
    return "fit is too old" if reason <= FitStatus.AT_BOUND else status_text(reason)


def _farther(surface: Surface, i: int) -> str:
    sabr, svi = (float(fits.error.near_rms_pt[i]) for fits in (surface.sabr, surface.svi))
    return f"near error was {sabr:.3f} points, SVI's {svi:.3f}"


def _sabr(surface: Surface, i: int) -> dict[str, Any]:
    fits = surface.sabr
    return {
        "status": status_text(fits.status[i]),
        "beta": fits.beta,
        **_parameters(fits, SABR_PARAMETERS, i),
        "butterfly": known(fit_butterfly(fits, surface.smiles)[i]),
        "error": _error(fits.error, i),
    }


def _svi(surface: Surface, i: int) -> dict[str, Any]:
    fits = surface.svi
    return {
        "status": status_text(fits.status[i]),
        **_parameters(fits, SVI_PARAMETERS, i),
        "butterfly": known(fits.butterfly[i]),
        "error": _error(fits.error, i),
    }


def _parameters(fits: SabrFits | SviFits, names: tuple[str, ...], i: int) -> dict[str, Any]:
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diagonal(fits.covariance[i]))
    return {
        **{name: known(getattr(fits, name)[i]) for name in names},
        "stderr": {name: known(error) for name, error in zip(names, errors, strict=True)},
    }


def _error(error: FitError, i: int) -> dict[str, float | None]:
    return {name: known(getattr(error, name)[i]) for name in FitError.__slots__}


def _strikes(surface: Surface, i: int) -> list[dict[str, Any]]:
    smiles = surface.smiles
    strike, k = smiles.strike[i], smiles.k[i]
    t = float(smiles.years[i])
    with np.errstate(all="ignore"):
        sabr = surface.sabr.sigma(i, smiles.forward[i], strike, t)
        svi = np.sqrt(surface.svi.total_variance(i, k) / t)
        per_tick = smiles.vega[i] / smiles.tick
    fits = {"sabr": sabr, "svi": svi}
    is_row: BoolArray = np.isfinite(strike)
    rows = []
    for j in np.flatnonzero(is_row).tolist():
        row: dict[str, Any] = {
            "strike": round(float(strike[j])),
            "iv": known(smiles.sigma[i, j]),
            "iv_error": known(smiles.sigma_error[i, j]),
            "is_liquid": bool(smiles.is_liquid[i, j]),
        }
        for name, sigma in fits.items():
            apart = sigma[j] - smiles.sigma[i, j]
            row[name] = known(sigma[j])
            row[f"{name}_residual_pt"] = known(apart / POINT)
            row[f"{name}_residual_ticks"] = known(apart * per_tick[j])
        rows.append(row)
    return rows
