"""The price ladder: from passive to marketable, rung by rung, within a bound from mid."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from volguard.execution.settings import ExecutionSettings
from volguard.model.instrument import Side
from volguard.model.market import Quote
from volguard.model.order import Purpose, Urgency
from volguard.model.units import tick_above, tick_below

DOUBLINGS_MAX: Final = 32  # beyond any band; an exit that nobody fills may climb for thousands of rungs


def patience_s(urgency: Urgency, cadence_s: float, settings: ExecutionSettings) -> float:
    """Seconds of event time to wait at one rung: never less than one fresh snapshot takes."""
    by_urgency = {
        Urgency.LOW: settings.patience_low_s,
        Urgency.MEDIUM: settings.patience_medium_s,
        Urgency.HIGH: settings.patience_high_s,
    }
    return max(by_urgency[urgency], cadence_s)


def rungs(urgency: Urgency, cadence_s: float, settings: ExecutionSettings) -> int:
    """How many rungs fit into the basket's time: where snapshots are rare the first is marketable."""
    if urgency is Urgency.HIGH:
        return 1
    return max(1, math.floor(settings.basket_timeout_s / patience_s(urgency, cadence_s, settings)))


def ladder_price(
    quote: Quote,
    *,
    side: Side,
    purpose: Purpose,
    urgency: Urgency,
    rung: int,
    rung_count: int,
    tick: Decimal,
    settings: ExecutionSettings,
) -> Decimal | None:
    """The limit price of a rung, on the tick and inside its bound; None when it cannot be priced.

    Entries and patient exits walk from mid to the touch; the last rung is their bound, so that a touch that
    moves within it still fills. HIGH urgency starts at its bound and widens it with each rung up to the
    exchange's own band. One-sided: an exit alone may use the side that it needs.
    """
    touch = quote.ask if side is Side.BUY else quote.bid
    if quote.bid is None or quote.ask is None:
        return touch if purpose is Purpose.CLOSE else None
    if touch is None:
        return None
    mid = float(quote.bid + quote.ask) / 2.0
    reach = _reach(mid, purpose, urgency, rung, tick, settings)
    far = mid + side.sign * reach
    is_last = urgency is Urgency.HIGH or rung >= rung_count - 1
    wanted = far if is_last else mid + rung / (rung_count - 1) * (float(touch) - mid)
    if side is Side.BUY:
        return max(tick_below(min(wanted, far), tick), tick)
    return max(tick_above(max(wanted, far), tick), tick)


def price_band(
    quote: Quote | None, *, tick: Decimal, settings: ExecutionSettings
) -> tuple[Decimal, Decimal] | None:
    """Lowest and highest limit price that the exchange's protection leaves, both on the tick.

    Measured from mid; None without both sides.
    """
    if quote is None or quote.bid is None or quote.ask is None:
        return None
    mid = float(quote.bid + quote.ask) / 2.0
    band = _band(mid, settings)
    return max(tick_above(max(mid - band, 0.0), tick), tick), tick_below(mid + band, tick)


def _reach(
    mid: float, purpose: Purpose, urgency: Urgency, rung: int, tick: Decimal, settings: ExecutionSettings
) -> float:
    is_entry = purpose is Purpose.OPEN
    share = settings.entry_slippage_share if is_entry else settings.exit_slippage_share
    ticks = settings.entry_slippage_ticks if is_entry else settings.exit_slippage_ticks
    reach = max(share * mid, ticks * float(tick))
    if is_entry or urgency is not Urgency.HIGH:
        return reach
    return min(reach * 2.0 ** min(rung, DOUBLINGS_MAX), _band(mid, settings))


def _band(mid: float, settings: ExecutionSettings) -> float:
    return settings.band_inr if mid <= settings.band_switch_inr else settings.band_share * mid
