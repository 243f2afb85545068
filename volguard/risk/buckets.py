"""What each bucket may still put at risk, from the book alone: a fold, never a counter."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from volguard.model.book import ZERO, Book, Bucket, StructureKind, Trade
from volguard.model.proposal import Budget
from volguard.model.units import money
from volguard.risk.limits import BucketLimits, Limits


def bucket_capital_inr(account_inr: Decimal, limits: BucketLimits) -> Decimal:
    """The bucket's share of the account."""
    return money(account_inr * Decimal(str(limits.capital_share)))


def open_risk_inr(trades: tuple[Trade, ...]) -> Decimal:
    """What the live trades may still lose, costs included (reserved when they were approved)."""
    return sum((trade.reserved_inr for trade in trades), ZERO)


def capital_used_inr(trades: Iterable[Trade]) -> Decimal:
    """What the live trades bind: of each the larger of margin and loss."""
    return sum((trade.capital_used_inr for trade in trades), ZERO)


def budget_of(
    book: Book, bucket: Bucket, *, account_inr: Decimal, bucket_limits: BucketLimits, limits: Limits
) -> Budget:
    """The budget of one bucket: the least of its trade cap, its open risk and the account's."""
    live = book.live_trades
    mine = tuple(trade for trade in live if trade.bucket is bucket)
    capital = bucket_capital_inr(account_inr, bucket_limits)
    caps = [
        capital * Decimal(str(bucket_limits.trade_risk_share_max)),
        capital * Decimal(str(bucket_limits.open_risk_share_max)) - open_risk_inr(mine),
        account_inr * Decimal(str(limits.open_risk_share_max)) - open_risk_inr(live),
        capital - capital_used_inr(mine),
    ]
    if bucket_limits.trade_risk_inr_max > 0:
        caps.append(bucket_limits.trade_risk_inr_max)
    return Budget(
        bucket=bucket,
        capital_inr=capital,
        trade_risk_max_inr=money(max(min(caps), ZERO)),
        capital_free_inr=money(capital - capital_used_inr(mine)),
        open_trades=len(mine),
        open_trades_max=bucket_limits.open_trades_max,
        held=tuple((trade.legs[0].contract.expiry, kind) for trade in live for kind in _kinds(trade)),
    )


def _kinds(trade: Trade) -> tuple[StructureKind, ...]:
    # What is left of a condor keeps its place: a second condor of the expiry would double the side that is.
    return (trade.structure,) if trade.part_of is None else (trade.structure, trade.part_of)
