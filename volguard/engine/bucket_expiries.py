"""Which expiry each enabled bucket trades on the market of now."""

from __future__ import annotations

from datetime import date

from volguard.engine.state import Turn
from volguard.model.book import Bucket
from volguard.strategy.select import choose_expiry


def bucket_expiries(turn: Turn) -> dict[Bucket, date | None]:
    """Expiry of each enabled bucket; the weekly bucket skips what the monthly one would hold."""
    view = turn.market
    if view is None:
        return {}
    contracts, underlying = turn.rules.contracts, view.listing.underlying
    listed = tuple((day, contracts.is_monthly(underlying, day)) for day in view.listing.expiries[:8])
    chosen: dict[Bucket, date | None] = {}
    taken: frozenset[date] = frozenset()
    # Monthly first, so that in a month-end week both do not sell the same expiry.
    for bucket in (Bucket.MONTHLY, Bucket.WEEKLY, Bucket.INTRADAY):
        policy = turn.settings.buckets.get(bucket)
        if policy is None or not policy.is_enabled:
            continue
        expiry = choose_expiry(listed, turn.desk.trading_date, policy, taken)
        chosen[bucket] = expiry
        if bucket is Bucket.MONTHLY:
            held = _held_expiries(turn, bucket)
            taken = held | ({expiry} if expiry is not None else frozenset())
    return {bucket: chosen[bucket] for bucket in Bucket if bucket in chosen}


def _held_expiries(turn: Turn, bucket: Bucket) -> frozenset[date]:
    return frozenset(
        trade.legs[0].contract.expiry for trade in turn.desk.book.live_trades if trade.bucket is bucket
    )
