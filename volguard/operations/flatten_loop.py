"""The flatten itself: read both books, take off what adds, close what is held, until it is all zero twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.many_orders import exit_all
from volguard.execution.flatten import ContractTerms, Sight, unorderable, would_strip
from volguard.execution.settings import ExecutionSettings, FlattenSettings
from volguard.measure.broker_net import (
    DERIVATIVES,
    BrokerEvidence,
    Holding,
    group_of,
    holdings,
    is_net_zero,
    pending_units,
)
from volguard.measure.witnesses import Witnesses
from volguard.model.broker import BrokerOrder, InstrumentKey
from volguard.operations.flatten_cancels import Cancels, order_words
from volguard.operations.flatten_edge import POSITIONS, QUOTES, FlattenEdge
from volguard.operations.flatten_orders import OwnOrders, unfilled_reason
from volguard.operations.flatten_record import FlattenRecord

ZERO_READS: Final = 2
SWEEPS_MAX: Final = 3
SWEEP_PATIENCE_S: Final = 6.0  # nothing else is sent while the broker's own exits may still fill
REFUSALS_TO_SWEEP: Final = 4  # of orders in one contract, in a row


class FlattenState(StrEnum):
    """How a flatten ended."""

    FLAT = "flat"
    NOT_FLAT = "not_flat"
    NOT_KNOWN = "not_known"  # the positions could not be read: nothing is proven
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """A position that is still there, and why; `is_cover`: a long that was kept for a short that remains."""

    holding: Holding
    why: str
    is_cover: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenOutcome:
    """What was reached; `remaining` and `working` as last read, `troubles` what never answered at the end."""

    state: FlattenState
    remaining: tuple[Remaining, ...]
    working: tuple[BrokerOrder, ...]
    troubles: Mapping[str, str]
    orders_sent: int
    sweeps: int
    paid_inr: Decimal
    seconds: float


@dataclass(slots=True)
class FlattenRun:
    """One run against the broker; `stopped` is asked before anything is sent."""

    edge: FlattenEdge
    settings: ExecutionSettings
    pace: FlattenSettings
    record: FlattenRecord
    session: str
    deadline_s: float
    stopped: Callable[[], bool]
    page: Callable[[str], object]
    own: OwnOrders | None = None
    cancels: Cancels = field(init=False)
    zero_reads: int = 0
    sweeps: int = 0
    swept_at_s: float | None = None
    is_sweeping: bool = False
    evidence: BrokerEvidence | None = None
    began_s: float = 0.0
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cancels = Cancels(self.edge, self.record)
        if self.edge.broker is not None:
            self.own = OwnOrders(self.edge, self.edge.broker, self.settings, self.record, self.session)

    def run(self) -> FlattenOutcome:
        """Until flat is proven, the deadline passes, or the operator stops it."""
        self.began_s = self.edge.clock.monotonic_s()
        while True:
            if self._round():
                return self._outcome(FlattenState.FLAT)
            if self.stopped():
                return self._outcome(FlattenState.INTERRUPTED)
            if self._elapsed_s() >= self.deadline_s:
                return self._outcome(self._end_state())
            self.edge.clock.sleep(self.pace.poll_s)

    # --- one round --------------------------------------------------------------------------------

    def _round(self) -> bool:
        own = self.own
        if own is not None:
            own.seek()
            own.hear()
        books = self.edge.books(own.in_doubt() if own is not None else ())
        if books is None:
            self._say_unread()  # it disproves nothing, and proves nothing
            return False
        self.evidence = books
        if proves_zero(books, self.edge.witnesses):
            self.zero_reads += 1
            self.record.tell("ReadZero", {"readings": self.zero_reads})
            return self.zero_reads >= ZERO_READS
        self.zero_reads = 0
        if not self.stopped() and self._elapsed_s() < self.deadline_s:
            self._act(books)
        return False

    def _act(self, books: BrokerEvidence) -> None:
        held = holdings(books.positions)
        if self.is_sweeping:
            self._sweep(books, held)
            return
        self.cancels.adding(books)
        if self.swept_at_s is not None and self._since(self.swept_at_s) < SWEEP_PATIENCE_S:
            return
        sights, terms = self.edge.sights(held), self.edge.terms(held)
        self._say_dead_quotes()
        if self.own is not None:
            tags = tuple(self.own.sent)
            self.cancels.in_the_way(books, sights, tags)
            books = self.own.close(books, terms, sights)
            self.own.climb(books, terms, sights)
        self._consider_sweep(held, terms, sights)

    # --- the last resort --------------------------------------------------------------------------

    def _consider_sweep(
        self,
        held: tuple[Holding, ...],
        terms: Mapping[InstrumentKey, ContractTerms],
        sights: Mapping[InstrumentKey, Sight],
    ) -> None:
        since_s = self._elapsed_s() if self.swept_at_s is None else self._since(self.swept_at_s)
        beyond = self._beyond_orders(held, terms, sights)
        is_hopeless = bool(beyond) and set(beyond) == set(held) and self.swept_at_s is None
        budget_s = min(self.pace.order_budget_s, self.deadline_s / 2.0)
        if not beyond or self.sweeps >= SWEEPS_MAX or (since_s < budget_s and not is_hopeless):
            return
        stripped = would_strip(held, beyond)
        if stripped:
            names = ", ".join(one.name for one in stripped)
            self._say_once(
                "ExitAllWithheld",
                f"the broker's exit-all is withheld: it would sell {names}, which covers a short "
                "whose own exit rests",
            )
            return
        names = ", ".join(f"{one.quantity:+d} {one.name}" for one in beyond)
        self.record.tell(
            "ExitAllDecided", {"for": [one.key for one in beyond]}, f"no order of ours closes {names}"
        )
        self.is_sweeping = True

    def _beyond_orders(
        self,
        held: tuple[Holding, ...],
        terms: Mapping[InstrumentKey, ContractTerms],
        sights: Mapping[InstrumentKey, Sight],
    ) -> tuple[Holding, ...]:
        # What our orders cannot even try: none can be made, none is taken, or none could be priced rightly.
        never = {one.holding for one in unorderable(held, terms)}
        quotes = self.edge.readings[QUOTES]
        is_blind = quotes.failures > 0 and quotes.answered == 0
        beyond = []
        for one in held:
            trouble = self.own.troubles.get(one.key) if self.own is not None else None
            is_refused = trouble is not None and trouble.refusals >= REFUSALS_TO_SWEEP
            is_old = self._elapsed_s() >= min(self.pace.order_budget_s, self.deadline_s / 2.0)
            # A long that is held back for its short goes the way that its short goes.
            if one in never or is_refused or (is_old and (is_blind or one.key not in sights)):
                beyond.append(one)
        groups = {group_of(one.contract) for one in beyond if one.contract and one.quantity < 0}
        covering = [
            one
            for one in held
            if one.quantity > 0 and one.contract and group_of(one.contract) in groups and one not in beyond
        ]
        shorts_all_beyond = {
            group: all(
                one in beyond
                for one in held
                if one.quantity < 0 and one.contract and group_of(one.contract) == group
            )
            for group in groups
        }
        return (
            *beyond,
            *(one for one in covering if one.contract and shorts_all_beyond[group_of(one.contract)]),
        )

    def _sweep(self, books: BrokerEvidence, held: tuple[Holding, ...]) -> None:
        if not held:
            self.is_sweeping = False
            return
        if not self.cancels.everything(books):
            return  # an exit of ours and one of the broker's would close the same twice
        self.is_sweeping = False
        self.sweeps += 1
        self.swept_at_s = self.edge.clock.monotonic_s()
        self.record.tell(
            "ExitAllSent",
            {"positions": [one.key for one in held], "number": self.sweeps},
            f"the broker's exit-all for {len(held)} positions: in an order of its own, at market",
        )
        try:
            swept = exit_all(self.edge.client, self.edge.reads)
        except ApiFailure as failure:
            what = "whether it happened is not known" if failure.is_outcome_open else "refused"
            self.record.tell(
                "ExitAllFailed",
                {"error": failure.message, "is_open": failure.is_outcome_open},
                f"the broker's exit-all: {what}: {failure.message}",
            )
            return
        self.record.tell(
            "ExitAllAnswered",
            {"order_ids": swept.order_ids, "failed": [error.message for error in swept.failed]},
            f"the broker's exit-all made {len(swept.order_ids)} orders, {len(swept.failed)} failed",
        )

    def _end_state(self) -> FlattenState:
        # Something is there for certain, or nobody knows.
        seen = self.evidence
        is_read = self.edge.readings[POSITIONS].failures == 0 and self.edge.last_positions is not None
        held = is_read and bool(self.edge.known_holdings)
        alive = seen is not None and any(pending_units(order) for order in seen.orders)
        return FlattenState.NOT_FLAT if held or (is_read and alive) else FlattenState.NOT_KNOWN

    # --- what is said -----------------------------------------------------------------------------

    def _say_unread(self) -> None:
        for name, trouble in self.edge.troubles.items():
            self._say_once("Unread", f"the {name} cannot be read: {trouble}")
        if any(one.is_login for one in self.edge.readings.values()) and "login" not in self._said:
            self._said.add("login")
            self.page(
                "flatten: the broker no longer takes the access token; run volguard token elsewhere now"
            )

    def _say_dead_quotes(self) -> None:
        reading = self.edge.readings[QUOTES]
        if reading.trouble:
            self._say_once(
                "QuotesDead",
                f"no quotes ({reading.trouble}): prices are measured from the broker's last prices",
            )

    def _say_once(self, kind: str, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            self.record.tell(kind, {"words": words}, words)

    # --- the end ----------------------------------------------------------------------------------

    def _outcome(self, state: FlattenState) -> FlattenOutcome:
        held = self.edge.known_holdings or ()
        terms = self.edge.terms(held)
        reasons = {one.holding: one.why for one in unorderable(held, terms)}
        shorts = {group_of(one.contract): one for one in held if one.quantity < 0 and one.contract}
        remaining = []
        for one in held:
            why = reasons.get(one) or (unfilled_reason(self.own, one) if self.own is not None else "")
            is_cover = (
                not why and one.quantity > 0 and one.contract is not None and group_of(one.contract) in shorts
            )
            if is_cover and one.contract is not None:
                why = f"kept: it covers {shorts[group_of(one.contract)].name}"
            why = why or "no order of ours closed it in time"
            remaining.append(Remaining(holding=one, why=why, is_cover=is_cover))
        orders = self.evidence.orders if self.evidence is not None else ()
        working = tuple(order for order in orders if pending_units(order))
        troubles = dict(self.edge.troubles)
        if self.cancels.trouble:
            troubles["cancels"] = self.cancels.trouble
        outcome = FlattenOutcome(
            state=state,
            remaining=() if state is FlattenState.FLAT else tuple(remaining),
            working=() if state is FlattenState.FLAT else working,
            troubles=troubles,
            orders_sent=len(self.own.sent) if self.own is not None else 0,
            sweeps=self.sweeps,
            paid_inr=self.own.paid_inr if self.own is not None else Decimal(0),
            seconds=self._elapsed_s(),
        )
        self.record.tell(
            "FlattenEnded",
            {
                "state": state,
                "remaining": [
                    {
                        "key": one.holding.key,
                        "name": one.holding.name,
                        "quantity": one.holding.quantity,
                        "why": one.why,
                    }
                    for one in outcome.remaining
                ],
                "working": [order_words(order) for order in outcome.working],
                "troubles": troubles,
            },
        )
        return outcome

    def _elapsed_s(self) -> float:
        return self._since(self.began_s)

    def _since(self, at_s: float) -> float:
        return self.edge.clock.monotonic_s() - at_s


def proves_zero(books: BrokerEvidence, witnesses: Witnesses) -> bool:
    """One reading's proof: positions are zero, the orders say so too, and nothing lives to change it."""
    alive = any(pending_units(order) and order.key.startswith(DERIVATIVES) for order in books.orders)
    return is_net_zero(books.positions) and not alive and not at_odds(witnesses) and not _unbooked(books)


def at_odds(witnesses: Witnesses) -> tuple[InstrumentKey, ...]:
    """Derivatives of which the positions say one thing and the executions another."""
    return tuple(key for key, _ in witnesses.disagreeing if key.startswith(DERIVATIVES))


def _unbooked(books: BrokerEvidence) -> bool:
    # An order in doubt that no book shows may yet fill.
    booked = {order.tag for order in books.orders if order.tag}
    return any(doubt.tag not in booked for doubt in books.in_doubt)
