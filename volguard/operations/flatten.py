"""`volguard flatten`: the plan as it stands, and the run from the kill switch to a proven zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from volguard.adapters.alerts import Pager
from volguard.adapters.upstox.many_orders import SEGMENT
from volguard.execution.flatten import FlattenPlan, PlanInputs, make_plan
from volguard.measure.broker_net import BrokerEvidence, holdings, is_net_zero
from volguard.model.errors import TokenError, TryLater, VolguardError
from volguard.operations.flatten_desk import FlattenDesk
from volguard.operations.flatten_edge import FlattenEdge
from volguard.operations.flatten_loop import FlattenOutcome, FlattenRun, FlattenState
from volguard.operations.flatten_paper import PaperSession, tell_to_flatten, wait_until_flat
from volguard.operations.flatten_record import FlattenRecord
from volguard.operations.flatten_take_over import SendWord, TakenOver, take_over

LOOKS_MAX: Final = 3  # at the books before a plan is given up
CONFIRM_S: Final = 1.0  # between the two readings that prove zero
LOCK_WARNING: Final = (
    "the broker's own kill switch ends the access token and keeps the segment closed for 12 hours"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The broker's account at one moment; `plan` None: the books could not be read, for `troubles`."""

    plan: FlattenPlan | None
    is_zero: bool  # by two readings, with no order that may fill
    other_positions: tuple[str, ...]  # of other segments: not touched
    troubles: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flattened:
    """All that a run did. `broker` None: nothing was to be done there, or nobody is logged in."""

    broker: FlattenOutcome | None
    taken_over: TakenOver | None
    side_file: str | None
    papers: tuple[PaperSession, ...]
    broker_lock: str  # how the broker's kill switch was set; empty: it was not asked for

    @property
    def is_flat(self) -> bool:
        """Zero everywhere, proven."""
        at_broker = self.broker is None or self.broker.state is FlattenState.FLAT
        return at_broker and all(one.is_flat for one in self.papers)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenCall:
    """What the operator asked for; `stopped` is asked before anything is sent."""

    deadline_s: float
    say: Callable[[str], None]
    stopped: Callable[[], bool]
    send_word: SendWord


def look_at(desk: FlattenDesk, edge: FlattenEdge) -> Looked:
    """Read the account and plan; an empty account is read twice.

    Raises TokenError when the broker takes the token no more.
    """
    evidence = _books(edge)
    if evidence is None:
        if any(one.is_login for one in edge.readings.values()):
            raise TokenError("the broker does not take the access token", hint="volguard token")
        return Looked(plan=None, is_zero=False, other_positions=(), troubles=dict(edge.troubles))
    plan = plan_of(desk, edge, evidence)
    is_zero = plan.is_empty
    if is_zero:
        edge.clock.sleep(CONFIRM_S)
        again = edge.books(())
        is_zero = again is not None and is_net_zero(again.positions) and plan_of(desk, edge, again).is_empty
    others = tuple(
        f"{row.quantity:+d} {row.key}"
        for row in evidence.positions
        if row.quantity and not row.key.startswith(f"{SEGMENT}|")
    )
    return Looked(plan=plan, is_zero=is_zero, other_positions=others, troubles=dict(edge.troubles))


def plan_of(desk: FlattenDesk, edge: FlattenEdge, evidence: BrokerEvidence) -> FlattenPlan:
    """What a flatten would do with these books."""
    held = holdings(evidence.positions)
    return make_plan(
        PlanInputs(
            evidence=evidence,
            terms=edge.terms(held),
            sights=edge.sights(held),
            settings=desk.settings.execution,
            charges=desk.rules.charges,
            trade_date=evidence.read_at.date(),
            orders_per_second=desk.settings.flat_cost.orders_per_second,
        )
    )


def require_open(desk: FlattenDesk, edge: FlattenEdge) -> None:
    """Raises TryLater while the exchange is closed: an order would wait for the next open, at today's price.

    A calendar that does not cover the date stops nobody.
    """
    read_clock = edge.now
    now = read_clock()
    try:
        session = desk.rules.calendar.session(now.date())
        is_open = session is not None and any(start <= now < end for start, end in session.windows)
    except VolguardError:
        return
    if not is_open:
        raise TryLater(
            f"the exchange is closed at {now:%H:%M} on {now:%a %d %b %Y}: nothing was sent",
            hint="volguard flatten --plan shows what would be done; data/KILL_SWITCH stops new risk",
        )


def flatten(desk: FlattenDesk, call: FlattenCall, *, touch_broker: bool) -> Flattened:
    """Close everything: paper sessions are told first, then the broker's account is worked down to zero."""
    tell_to_flatten(desk.papers, call.send_word, call.say)
    outcome, taken, path = None, None, None
    edge = desk.edge
    if edge is not None and touch_broker:
        record = FlattenRecord(desk.journal, edge.now, call.say)
        path = None if record.path is None else str(record.path)
        try:
            taken = take_over(
                desk.kill_switch,
                desk.journal,
                record,
                desk.machine,
                send_word=call.send_word,
                stopped=call.stopped,
            )
            try:
                outcome = _at_broker(desk, edge, record, call)
            finally:
                taken.release()
        finally:
            record.close()
    papers = wait_until_flat(desk.papers, desk.machine, deadline_s=call.deadline_s, stopped=call.stopped)
    done = Flattened(broker=outcome, taken_over=taken, side_file=path, papers=papers, broker_lock="")
    if not done.is_flat and not call.stopped():
        Pager(desk.settings.alerts, call.say).page(f"volguard flatten: {not_flat_words(done)}")
    return done


def lock_broker(edge: FlattenEdge, say: Callable[[str], None]) -> str:
    """Set the broker's own kill switch, after its positions have read zero twice. Gives how it went.

    Raises ApiFailure where it was not set, or where that is not known.
    """
    say(f"setting it: {LOCK_WARNING}")
    after = edge.reads.set_kill_switch(SEGMENT, enable=True)
    return "on" if after.get(SEGMENT) else "asked for; the broker does not say that it is on"


def not_flat_words(done: Flattened) -> str:
    """What remains, and why, on one line."""
    parts = []
    broker = done.broker
    if broker is not None and broker.state is FlattenState.NOT_KNOWN:
        why = "; ".join(broker.troubles.values()) or "zero was not proven by two readings"
        parts.append(f"whether the account is flat is not known: {why}")
    if broker is not None and broker.state is not FlattenState.FLAT:
        parts += [
            f"{one.holding.quantity:+d} {one.holding.name} ({one.why})"
            for one in sorted(broker.remaining, key=lambda one: one.is_cover)
        ]
        count = len(broker.working)
        if count:
            parts.append(f"{count} order{'s' if count > 1 else ''} still at work at the broker")
    for one in done.papers:
        if not one.is_flat:
            held = ", ".join(one.held or ()) or one.trouble or "not known"
            parts.append(f"paper session {one.journal.name}: {held}")
    return "not flat: " + "; ".join(parts)


def _at_broker(
    desk: FlattenDesk, edge: FlattenEdge, record: FlattenRecord, call: FlattenCall
) -> FlattenOutcome:
    read_clock = edge.now
    run = FlattenRun(
        edge,
        desk.settings.execution,
        desk.settings.flatten,
        record,
        f"FL{read_clock():%m%d%H%M%S}",
        call.deadline_s,
        call.stopped,
        Pager(desk.settings.alerts, call.say).page,
    )
    return run.run()


def _books(edge: FlattenEdge) -> BrokerEvidence | None:
    for number in range(LOOKS_MAX):
        if number:
            edge.clock.sleep(CONFIRM_S)
        evidence = edge.books(())
        if evidence is not None or any(one.is_login for one in edge.readings.values()):
            return evidence
    return None
