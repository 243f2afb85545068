"""Collect a session's day from its journal: everything the report is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeVar

from volguard.adapters.journal_codec import decode
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of
from volguard.adapters.sent_orders import sent_orders
from volguard.engine.state import State
from volguard.measure.touch import closing_price
from volguard.model.errors import JournalDamaged
from volguard.model.event import Alert, DecisionMade, FeedGap, MarketSeen, SignalsNoted, StateChanged
from volguard.model.instrument import OptionContract
from volguard.nse.rules import Rules
from volguard.report.day import DayInputs, JournalInfo
from volguard.report.refused_gather import refused_day

T = TypeVar("T")
WANTED: Final = (DecisionMade, MarketSeen, StateChanged, Alert, FeedGap, SignalsNoted)


def gather_day(
    reader: JournalReader,
    state: State,
    rules: Rules,
    *,
    step_ms: Sequence[float],
    screen_ms: Sequence[float] | None = None,
) -> DayInputs:
    """The day's values. `step_ms`, `screen_ms` are this process's own: times are not journaled."""
    desk = state.desk
    if desk is None:
        raise JournalDamaged(f"journal {reader.path} holds no session")
    beginning = beginning_of(reader)
    found: dict[str, list[object]] = {kind.__name__: [] for kind in WANTED}
    digest = hashlib.blake2b(digest_size=32)
    for row in reader.rows(kinds=tuple(found)):
        if row.kind == DecisionMade.__name__:
            digest.update(row.body.encode() + b"\n")
        found[row.kind].append(decode(row.kind, row.body))
    seq, head = reader.head
    decisions = tuple(made.decision for made in _of(found, DecisionMade))
    seen = tuple(_of(found, MarketSeen))
    halted = [c.reason for c in _of(found, StateChanged) if c.trading_state.value == "HALTED"]
    return DayInputs(
        session=beginning.started,
        book=desk.book,
        sent=sent_orders(reader),
        marks=_marks(state, rules),
        seen=seen,
        decisions=decisions,
        state_changes=tuple(_of(found, StateChanged)),
        alerts=tuple(_of(found, Alert)),
        gaps=tuple(_of(found, FeedGap)),
        step_ms=tuple(step_ms),
        screen_ms=None if screen_ms is None else tuple(screen_ms),
        decisions_hash=digest.hexdigest(),
        journal=JournalInfo(path=str(reader.path), rows=seq, head_hash=head),
        end_reason=beginning.ended,
        halted_reason=halted[-1] if halted else None,
        refused=refused_day(reader, beginning.started, rules, decisions, seen),
        signals=next(reversed(_of(found, SignalsNoted)), None),
    )


def _of(found: dict[str, list[object]], kind: type[T]) -> list[T]:
    return [value for value in found[kind.__name__] if isinstance(value, kind)]


def _marks(state: State, rules: Rules) -> dict[OptionContract, Decimal | None]:
    desk, view = state.desk, state.market
    if desk is None or view is None:
        return {}
    tick = rules.contracts.tick(view.listing.underlying, desk.trading_date)
    return {
        position.contract: closing_price(view, position.contract, position.quantity, tick)
        for position in desk.book.positions
    }
