"""Concentration: trades that one move of one expiry would hurt together count as one.

A trade belongs to the side of each option that it is short: short puts are hurt by a fall, short calls by a
rise, and an iron condor stands on both sides with all it can lose. Trades without a short stand on the side
of what they hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.model.book import Trade
from volguard.model.instrument import OptionType, Side, Underlying
from volguard.model.market import DailyBar, FloatArray
from volguard.model.units import figure, money, rupees
from volguard.risk.buckets import open_risk_inr
from volguard.volatility.realized import log_returns

CORRELATION_SESSIONS: Final = 20
# 21 common sessions span about 30 calendar days; beyond this the two histories hardly overlap, or are old.
SPAN_DAYS_MAX: Final = 45


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GroupKey:
    """What makes trades one: underlying, expiry and the side that is short."""

    underlying: Underlying
    expiry: date
    option_type: OptionType


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationGroup:
    """Live trades that count as one, and what they may lose together, costs included."""

    key: GroupKey
    trade_ids: tuple[str, ...]
    open_risk_inr: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Correlation in [-1, 1] of daily log returns over `sessions`; None, and why, where it is not known."""

    value: float | None
    sessions: int
    until: date | None  # the last common session
    reason: str = ""


def concentration_groups(trades: Iterable[Trade]) -> tuple[ConcentrationGroup, ...]:
    """The groups of the live trades, sorted by key; a trade on both sides is in both, at its whole risk."""
    members: dict[GroupKey, list[Trade]] = {}
    for trade in trades:
        if trade.state.is_live:
            for key in group_keys(trade):
                members.setdefault(key, []).append(trade)
    return tuple(
        ConcentrationGroup(
            key=key,
            trade_ids=tuple(trade.trade_id for trade in held),
            open_risk_inr=open_risk_inr(tuple(held)),
        )
        for key, held in sorted(members.items())
    )


def group_keys(trade: Trade) -> tuple[GroupKey, ...]:
    """The groups that a trade belongs to, sorted; empty only for a trade without legs."""
    shorts = [leg for leg in trade.legs if leg.side is Side.SELL]
    contracts = [leg.contract for leg in shorts or trade.legs]
    found = {
        GroupKey(underlying=one.underlying, expiry=one.expiry, option_type=one.option_type)
        for one in contracts
    }
    return tuple(sorted(found))


def correlated_risk_inr(
    group: ConcentrationGroup,
    groups: Sequence[ConcentrationGroup],
    correlation: Callable[[Underlying, Underlying], Correlation],
) -> Decimal:
    """A group's open risk with that of other underlyings' groups of the same expiry and side.

    Each counts by its correlation; a negative one gives no relief, one that is not known counts whole.
    """
    total = group.open_risk_inr
    for other in groups:
        if other.key.underlying == group.key.underlying or not _is_same_side(other.key, group.key):
            continue
        value = correlation(group.key.underlying, other.key.underlying).value
        weight = 1.0 if value is None else max(value, 0.0)
        total += rupees(weight * float(other.open_risk_inr))
    return money(total)


def correlation_of(one: Sequence[DailyBar], other: Sequence[DailyBar], *, as_of: date) -> Correlation:
    """Correlation of the last 20 returns between sessions that both have, before `as_of`.

    None without 21 common sessions within 45 calendar days, where a close is not a positive number, and where
    a series did not move.
    """
    closes = _common_closes(one, other, as_of)
    until = closes[-1][0] if closes else None
    found = len(closes) - 1 if closes else 0
    if found < CORRELATION_SESSIONS:
        return _unknown(f"{max(found, 0)} common returns, {CORRELATION_SESSIONS} are needed", until)
    closes = closes[-CORRELATION_SESSIONS - 1 :]
    span = (as_of - closes[0][0]).days
    if span > SPAN_DAYS_MAX:
        return _unknown(f"the last common sessions reach back {span} days, limit {SPAN_DAYS_MAX}", until)
    pairs = np.array([(first, second) for _, first, second in closes], dtype=np.float64)
    if not (np.isfinite(pairs).all() and (pairs > 0.0).all()):
        return _unknown("a close is not a positive number", until)
    value = _pearson(log_returns(pairs[:, 0]), log_returns(pairs[:, 1]))
    if value is None:
        return _unknown("one of the two did not move", until)
    return Correlation(value=value, sessions=CORRELATION_SESSIONS, until=until)


def _is_same_side(one: GroupKey, other: GroupKey) -> bool:
    return one.expiry == other.expiry and one.option_type is other.option_type


def _common_closes(
    one: Sequence[DailyBar], other: Sequence[DailyBar], as_of: date
) -> list[tuple[date, float, float]]:
    second = {bar.day: bar.close for bar in other}
    first = {bar.day: bar.close for bar in one}
    return [(day, first[day], second[day]) for day in sorted(first) if day in second and day < as_of]


def _pearson(one: FloatArray, other: FloatArray) -> float | None:
    x, y = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    if not scale > 1e-18:  # a rounding residue of a flat line is no movement
        return None
    return figure(float(np.clip(x @ y / scale, -1.0, 1.0)))


def _unknown(reason: str, until: date | None) -> Correlation:
    return Correlation(value=None, sessions=0, until=until, reason=reason)
