"""What a chain shows beside its quotes: interest, walls, skew, term structure, the model-free VIX."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

import numpy as np

from volguard.config.settings import Settings
from volguard.measure.chain_vix import by_strike, chain_vix
from volguard.measure.market_view import MarketView, at_the_money, reference_level
from volguard.operations.smile_view import expiry_position, known
from volguard.volatility.chain_metrics import ExpiryRows, Wall, chain_metrics
from volguard.volatility.skew import skew
from volguard.volatility.term_structure import term_structure
from volguard.volatility.vix import ExpiryStrip, StripVariance
from volguard.wiring import rules_of

SCHEMA: Final = "volguard.metrics/1"
SKEW_FIELDS: Final = (
    *("put", "call", "put_strike", "call_strike"),
    *("risk_reversal", "butterfly", "slope"),
)


def metrics_document(view: MarketView, expiry: date | None, settings: Settings) -> dict[str, Any]:
    """Figures of one expiry (None: of all), term structure and VIX of the chain. Raises UsageError.

    A figure that the chain does not give is None, with its reason under `missing`.
    """
    listed = view.listing.expiries
    chosen = listed if expiry is None else (listed[expiry_position(view, expiry)],)
    level, origin = reference_level(view)
    return {
        "schema": SCHEMA,
        "ts": view.ts.isoformat(),
        "underlying": view.listing.underlying,
        "level": known(level),
        "level_origin": origin,
        "expiries": [_expiry(view, day, math.nan if level is None else level) for day in chosen],
        "term": _term(view),
        "vix": _vix(view, settings),
    }


def _expiry(view: MarketView, expiry: date, spot: float) -> dict[str, Any]:
    listing, snapshot = view.listing, view.snapshot
    i, rows = listing.expiries.index(expiry), listing.rows_of(expiry)
    forward = float(view.forwards.forward[i])
    metrics = chain_metrics(
        ExpiryRows(
            strike=listing.strike[rows],
            is_call=listing.is_call[rows],
            mid=view.mid[rows],
            gamma=view.greeks.gamma[rows],
            oi=snapshot.oi[rows].astype(np.float64),
            volume=snapshot.volume[rows].astype(np.float64),
            forward=forward,
            spot=spot,
        )
    )
    strikes = np.unique(listing.strike[rows])
    sigma = by_strike(strikes, listing.strike[rows], view.sigma[rows], listing.is_call[rows])
    lean = skew(strikes, sigma, forward, float(view.years[i]))
    level = at_the_money(view, expiry)
    return {
        "expiry": expiry.isoformat(),
        "days": known(view.years[i] * 365.0),
        "forward": known(forward),
        "atm_strike": known(metrics.atm_strike),
        "atm_iv": known(level.sigma) if level is not None else None,
        "straddle": known(metrics.straddle),
        "pcr_oi": known(metrics.pcr_oi),
        "pcr_volume": known(metrics.pcr_volume),
        "max_pain": known(metrics.max_pain),
        "call_wall": _wall(metrics.call_wall),
        "put_wall": _wall(metrics.put_wall),
        "wall_distance": known(metrics.wall_distance(spot)),
        "gamma_exposure_inr_per_pct": known(metrics.gamma_exposure_inr_per_pct),
        "gamma_gross_inr_per_pct": known(metrics.gamma_gross_inr_per_pct),
        "skew": {name: known(getattr(lean, name)) for name in SKEW_FIELDS},
        "interest": _interest(view, rows),
        "missing": [*metrics.missing, *lean.missing],
    }


def _interest(view: MarketView, rows: slice) -> list[dict[str, Any]]:
    # Units by strike; None where that side is not listed.
    strike, is_call = view.listing.strike[rows], view.listing.is_call[rows]
    oi, strikes = view.snapshot.oi[rows].astype(np.float64), np.unique(strike)
    sides = (by_strike(strikes, strike, oi, mine) for mine in (is_call, ~is_call))
    columns = zip(strikes.tolist(), *sides, strict=True)
    return [{"strike": at, "call_oi": known(call), "put_oi": known(put)} for at, call, put in columns]


def _term(view: MarketView) -> dict[str, Any]:
    levels = [at_the_money(view, expiry) for expiry in view.listing.expiries]
    sigma = [None if at is None else at.sigma for at in levels]
    term = term_structure(view.years, np.array(sigma, dtype=np.float64))  # None becomes nan
    listed = zip(view.listing.expiries, view.years, sigma, strict=True)
    return {
        "expiries": [
            {"expiry": expiry.isoformat(), "days": known(years * 365.0), "iv": known(iv)}
            for expiry, years, iv in listed
        ],
        "points": [
            {"days": point.days, "iv": known(point.volatility), "reason": point.reason}
            for point in term.points
        ],
        "shape": term.shape.value,
        "slope": known(term.slope),
        "slope_per_30_days": known(term.slope_per_30_days),
        "curvature": known(term.curvature),
        "forwards": [
            {
                "from_days": known(step.from_days),
                "to_days": known(step.to_days),
                "variance": known(step.variance),
                "iv": known(step.volatility),
            }
            for step in term.forward_variances
        ],
    }


def _vix(view: MarketView, settings: Settings) -> dict[str, Any]:
    chain = chain_vix(view, rules_of(settings).contracts)
    if chain.value is None:
        return {"value": None, "status": f"{len(chain.expiries)} monthly expiries are listed, needs 2"}
    parts = (chain.value.near, chain.value.next)
    near, next_ = (_strip_document(*each) for each in zip(chain.expiries, chain.strips, parts, strict=True))
    return {
        "value": known(100.0 * chain.value.volatility),
        "status": chain.value.status.value,
        "near": near,
        "next": next_,
    }


def _strip_document(expiry: date, strip: ExpiryStrip, part: StripVariance) -> dict[str, Any]:
    return {
        "expiry": expiry.isoformat(),
        "iv": known(math.sqrt(part.variance)) if part.variance > 0.0 else None,
        "rate": known(strip.rate),
        "strikes_used": part.strikes_used,
        "strikes_replaced": part.strikes_replaced,
        "status": part.status.value,
    }


def _wall(wall: Wall | None) -> dict[str, Any] | None:
    return None if wall is None else {"strike": wall.strike, "oi": wall.oi, "share": known(wall.share)}
