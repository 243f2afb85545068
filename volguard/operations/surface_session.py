"""The surface that a session has at a moment: calibrated when due, carried to each snapshot in between."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from volguard.config.settings import Settings
from volguard.measure.market_view import MarketView, reference_level, view_market
from volguard.operations.smile_view import smiles_of, surface_of
from volguard.pricing.fallback import carry_surface, is_due
from volguard.pricing.surface import Surface
from volguard.wiring import open_recording, rules_of


def surface_at(path: Path, view: MarketView, settings: Settings) -> Surface:
    """The surface of a recorded day at the snapshot of `view`, replayed from the first one of the file.

    By the rules of a session: calibrated again by age and by the level's move, a fit that fails replaced by
    an earlier one, the rest carried. Raises DataError, and ValueError when the file begins after `view`.
    """
    return surface_along(_views(path, view, settings), settings)


def surface_along(views: Iterable[MarketView], settings: Settings) -> Surface:
    """The surface at the last of successive views, oldest first. Raises ValueError when there is none."""
    fitted: Surface | None = None
    last: MarketView | None = None
    for last in views:
        if fitted is None or _must_fit(fitted, last, settings):
            fitted = surface_of(last, settings, previous=fitted)
    if fitted is None or last is None:
        raise ValueError("views were empty, must hold at least one")
    if fitted.ts == last.ts:
        return fitted
    # From the last fit itself: an expiry without quotes in between has not lost its smile.
    return carry_surface(fitted, smiles_of(last, settings), ts=last.ts, limits=settings.smile)


def _views(path: Path, last: MarketView, settings: Settings) -> Iterator[MarketView]:
    rules = rules_of(settings)
    market = open_recording(path, settings, rules)
    view: MarketView | None = None
    for snapshot in market.snapshots():
        if snapshot.ts > last.ts:
            break
        view = view_market(
            snapshot,
            view,
            trading_date=market.info.trading_date,
            capabilities=market.info.capabilities,
            rules=rules,
            settings=settings.quotes,
        )
        yield view


def _must_fit(fitted: Surface, view: MarketView, settings: Settings) -> bool:
    if view.listing.expiries != fitted.expiries:
        return True
    level, _ = reference_level(view)
    return is_due(fitted, ts=view.ts, level=math.nan if level is None else level, limits=settings.smile)
