"""What a played day tells while it runs: its decisions and fills, and how its market looked."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from datetime import datetime
from typing import Final

from volguard.adapters.journal_codec import encode
from volguard.backtest.attention import Attention
from volguard.backtest.held_legs import HeldLegs
from volguard.engine.held_risk import margin_inputs
from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.measure.book_risk import book_margin
from volguard.measure.margin import Margin
from volguard.measure.market_view import MarketView
from volguard.model.book import Fill
from volguard.model.decision import Decision
from volguard.model.event import (
    Alert,
    DecisionMade,
    Effect,
    FillBooked,
    MarketSeen,
    Record,
    StepFailed,
)
from volguard.model.market import ChainSnapshot

HASH_BYTES: Final = 32  # of the decisions, as the day's report counts them


class DayLog:
    """What a played day tells, as `hear` is told it."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.fills: list[Fill] = []
        self.alerts: list[Alert] = []
        self.seen: list[MarketSeen] = []
        self.failures: list[str] = []
        self.digest = hashlib.blake2b(digest_size=HASH_BYTES)

    def hear(self, said: Record | Effect) -> None:
        """Keep what is told of a day afterwards."""
        match said:
            case DecisionMade(decision=decision):
                self.decisions.append(decision)
                self.digest.update(encode(said)[1] + b"\n")
            case FillBooked(fill=fill):
                self.fills.append(fill)
            case MarketSeen():
                self.seen.append(said)
            case StepFailed(error=error):
                self.failures.append(error)
            case Alert():
                self.alerts.append(said)


class Watched:
    """What is told of a day look by look, beside its journal."""

    def __init__(self, engine: Engine, legs: HeldLegs, log: DayLog, attention: Attention) -> None:
        self._engine, self._legs, self._log, self._attention = engine, legs, log, attention
        self._told = 0  # fills whose look has come
        self._looks: list[ChainSnapshot] = []
        self.margin_inr: float | None = 0.0

    def look_at(self, ts: datetime) -> ChainSnapshot | None:
        """The last look up to a moment."""
        number = bisect_right(self._looks, ts, key=lambda look: look.ts)
        return self._looks[number - 1] if number else None

    def trade(self, view: MarketView, *, all_of_them: bool = False) -> None:
        """Tell of fills whose look has come; at the end of the day of all that are left."""
        fresh = [fill for fill in self._log.fills[self._told :] if all_of_them or fill.ts <= view.ts]
        self._legs.traded(view, fresh)
        self._told += len(fresh)

    def show(self, state: State, step: Step) -> None:  # noqa: ARG002 - the runner's
        """After each step: what is held, what it needs, and whether the market must be looked at again."""
        self._attention.note(state)
        view, desk = state.market, state.desk
        if view is None or desk is None or view.ts != desk.now:
            return
        if not self._looks or self._looks[-1] is not view.snapshot:
            self._looks.append(view.snapshot)
        self.trade(view)
        if desk.book.positions and self.margin_inr is not None:
            inputs = margin_inputs(desk, state.outlook, self._engine.rules)
            found = book_margin(view, desk.book.positions, inputs)
            needed = float(found.total_inr) if isinstance(found, Margin) else None
            self.margin_inr = None if needed is None else max(needed, self.margin_inr)
