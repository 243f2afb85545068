"""Where the money came from: closed trades by regime, bucket, structure and reason of exit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from volguard.backtest.trades import ClosedTrade, TradeStatistics, trade_statistics


class Dimension(StrEnum):
    """What trades are told apart by; the value names the field of ClosedTrade."""

    REGIME = "regime"
    BUCKET = "bucket"
    STRUCTURE = "structure"
    EXIT_REASON = "exit_reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The trades of one kind together."""

    name: str
    of_trades: TradeStatistics


def groups(trades: Sequence[ClosedTrade], dimension: Dimension) -> tuple[Group, ...]:
    """A group for each name met, sorted by it; every trade is in exactly one."""
    kinds: dict[str, list[ClosedTrade]] = {}
    for trade in trades:
        kinds.setdefault(str(getattr(trade, dimension.value)), []).append(trade)
    return tuple(Group(name=name, of_trades=trade_statistics(kinds[name])) for name in sorted(kinds))


def session_shares(regimes: Sequence[str]) -> Mapping[str, float]:
    """Share of the sessions spent in each regime, sorted by name; nothing without sessions."""
    counts = Counter(regimes)
    return {name: counts[name] / len(regimes) for name in sorted(counts)}
