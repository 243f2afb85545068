"""The broker's margin calculator, asked about what is proposed; what he does not say is not known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Final

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire_order_bodies import DELIVERY
from volguard.model.book import Position
from volguard.model.broker import InstrumentKey, MarginLine
from volguard.model.errors import InvariantBroken
from volguard.model.event import AskMargin, MarginAnswered
from volguard.model.instrument import OptionContract

NO_FIGURE: Final = "the broker named no margin above 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    proposal_id: str
    margin_inr: Decimal | None
    missing: str


class MarginReader:
    """Asks when it was wanted; safe for one who wants and drains and another who asks."""

    def __init__(self, reads: AccountReads, key_of: Callable[[OptionContract], InstrumentKey | None]) -> None:
        self._reads = reads
        self._key_of = key_of
        self._lock = Lock()
        self._wanted: deque[AskMargin] = deque()
        self._said: deque[_Said] = deque()

    @property
    def is_due(self) -> bool:
        """Whether something is wanted and not asked yet."""
        return bool(self._wanted)

    def want(self, question: AskMargin) -> None:
        """Want one answer."""
        self._wanted.append(question)

    def ask(self) -> None:
        """Ask what is wanted; a failure is an answer too, with its reason."""
        while self._wanted:
            question = self._wanted.popleft()
            said = self._answer(question)
            with self._lock:
                self._said.append(said)

    def drain(self, ts: datetime) -> tuple[MarginAnswered, ...]:
        """Each answer once, as heard at a moment."""
        with self._lock:
            said = tuple(self._said)
            self._said.clear()
        return tuple(
            MarginAnswered(ts=ts, proposal_id=one.proposal_id, margin_inr=one.margin_inr, missing=one.missing)
            for one in said
        )

    def _answer(self, question: AskMargin) -> _Said:
        margin, missing = None, ""
        lines = self._lines(question.positions)
        if lines is None:
            missing = "a leg is not in the broker's instrument file"
        else:
            try:
                margin = self._reads.margin(lines).final_inr
            except (ApiFailure, InvariantBroken) as failure:
                missing = failure.message
        if margin is not None and margin <= 0:
            margin, missing = None, NO_FIGURE
        return _Said(proposal_id=question.proposal_id, margin_inr=margin, missing=missing)

    def _lines(self, positions: Sequence[Position]) -> tuple[MarginLine, ...] | None:
        keys = [self._key_of(position.contract) for position in positions]
        known = [key for key in keys if key is not None]
        if len(known) < len(positions):
            return None
        return tuple(
            MarginLine(key=key, quantity=position.quantity, product=DELIVERY)
            for key, position in zip(known, positions, strict=True)
        )
