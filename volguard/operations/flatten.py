"""`volguard flatten`: the plan as it stands, and the run from the kill switch to a proven zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Final

from volguard.adapters.alerts import Pager
from volguard.adapters.upstox.many_orders import SEGMENT
from volguard.execution.flatten import FlattenPlan, PlanInputs, make_plan
from volguard.measure.broker_net import BrokerEvidence, holdings
from volguard.model.errors import TokenError, TryLater, VolguardError
from volguard.operations.flatten_desk import FlattenDesk, alone
from volguard.operations.flatten_edge import FlattenEdge
from volguard.operations.flatten_loop import FlattenOutcome, FlattenRun, FlattenState, at_odds, proves_zero
from volguard.operations.flatten_paper import PaperSession, tell_to_flatten, wait_until_flat
from volguard.operations.flatten_record import FlattenRecord
from volguard.operations.flatten_take_over import (
    SendWord,
    TakenOver,
    leave_it_to_the_session,
    put_switch,
    take_over,
)

LOOKS_MAX: Final = 3  # at the books before a plan is given up
RANDOM_BYTES: Final = 3  # of a run's name: a whole tag must stay within 40 characters
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
    """All that a run did. `broker` None: nobody could look at the account."""

    broker: FlattenOutcome | None
    taken_over: TakenOver
    side_file: str | None
    papers: tuple[PaperSession, ...]
    broker_lock: str = ""  # how the broker's kill switch was set; empty: it was not asked for

    @property
    def is_flat(self) -> bool:
        """Zero everywhere, proven: never of an account that was not read."""
        at_broker = self.broker is not None and self.broker.state is FlattenState.FLAT
        return at_broker and all(one.is_flat for one in self.papers)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenCall:
    """What the operator asked for; `stopped` is asked before anything is sent."""

    deadline_s: float
    say: Callable[[str], None]
    stopped: Callable[[], bool]
    send_word: SendWord


def look_at(desk: FlattenDesk, edge: FlattenEdge) -> Looked:
    """Read the account and plan; an empty account is read twice, and proven as a run proves it.

    Raises TokenError when the broker takes the token no more.
    """
    evidence = _books(edge)
    if evidence is None:
        if any(one.is_login for one in edge.readings.values()):
            raise TokenError("the broker does not take the access token", hint="volguard token")
        return Looked(plan=None, is_zero=False, other_positions=(), troubles=dict(edge.troubles))
    plan = plan_of(desk, edge, evidence)
    is_zero = proves_zero(evidence, edge.witnesses)
    if is_zero:
        edge.clock.sleep(CONFIRM_S)
        again = edge.books(())
        is_zero = again is not None and proves_zero(again, edge.witnesses)
    others = tuple(
        f"{row.quantity:+d} {row.key}"
        for row in evidence.positions
        if row.quantity and not row.key.startswith(f"{SEGMENT}|")
    )
    troubles = dict(edge.troubles)
    odds = at_odds(edge.witnesses)
    if odds:
        troubles["books"] = f"positions and executions do not agree on {', '.join(odds)}: one of them is late"
    return Looked(plan=plan, is_zero=is_zero, other_positions=others, troubles=troubles)


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
            hint=f"volguard flatten --plan shows what would be done; {desk.kill_switch.path} stops new risk",
        )


def flatten(desk: FlattenDesk, call: FlattenCall) -> Flattened:
    """Close everything: kill switch, paper sessions, then the broker's account is worked down to zero.

    An account that is flat already is proven so with the kill switch on and no session at work. Without a
    login what runs is told to flatten. Raises LockHeld while another flatten works on the account.
    """
    with alone(desk, call.say):
        record = FlattenRecord(
            desk.journal, desk.machine.now if desk.edge is None else desk.edge.now, call.say
        )
        try:
            outcome, taken = _close(desk, record, call)
        finally:
            record.close()
        papers = wait_until_flat(desk.papers, desk.machine, deadline_s=call.deadline_s, stopped=call.stopped)
    side_file = None if record.path is None else str(record.path)
    done = Flattened(broker=outcome, taken_over=taken, side_file=side_file, papers=papers)
    if not done.is_flat and not call.stopped():
        Pager(desk.settings.alerts, call.say).page(f"volguard flatten: {not_flat_words(done)}")
    return done


def no_login_error(desk: FlattenDesk, done: Flattened) -> VolguardError:
    """The trouble with the login, with what was done all the same and what was not."""
    trouble = desk.no_login or TokenError("nobody is logged in at the broker", hint="volguard token")
    words = [
        f"{trouble.message}: the account was not read, nothing was closed there by this command",
        f"kill switch {done.taken_over.kill_switch}",
        f"session of {desk.journal.name}: {done.taken_over.session}",
        *(f"paper session {one.journal.name}: {_paper_words(one)}" for one in done.papers),
    ]
    hint = f"{trouble.hint}, then volguard flatten again; or close it in the broker's own app"
    return type(trouble)("; ".join(words), hint=hint.removeprefix(", then "))


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
    if broker is None:
        parts.append("the account was not read: nobody is logged in")
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
    parts += [
        f"paper session {one.journal.name}: {_paper_words(one)}" for one in done.papers if not one.is_flat
    ]
    return "not flat: " + "; ".join(parts)


def run_name(now: datetime) -> str:
    """What the tags of a run begin with: its second, and a part that no other run of that second has."""
    return f"FL{now:%m%d%H%M%S}{token_hex(RANDOM_BYTES)}"


def _paper_words(one: PaperSession) -> str:
    return "flat" if one.is_flat else ", ".join(one.held or ()) or one.trouble or "not known"


def _close(
    desk: FlattenDesk, record: FlattenRecord, call: FlattenCall
) -> tuple[FlattenOutcome | None, TakenOver]:
    switched = put_switch(desk.kill_switch, record)
    tell_to_flatten(desk.papers, call.send_word, call.say)
    edge = desk.edge
    if edge is None:
        return None, leave_it_to_the_session(switched, desk.journal, record, send_word=call.send_word)
    taken = take_over(
        switched, desk.journal, record, desk.machine, send_word=call.send_word, stopped=call.stopped
    )
    try:
        return _at_broker(desk, edge, record, call), taken
    finally:
        taken.release()


def _at_broker(
    desk: FlattenDesk, edge: FlattenEdge, record: FlattenRecord, call: FlattenCall
) -> FlattenOutcome:
    read_clock = edge.now
    name = run_name(read_clock())
    record.tell("FlattenBegan", {"tags_begin": name, "deadline_s": call.deadline_s})
    run = FlattenRun(
        edge,
        desk.settings.execution,
        desk.settings.flatten,
        record,
        name,
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
