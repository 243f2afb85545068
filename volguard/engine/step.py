"""The engine: one pure step per event. What it returns is all that happens."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from volguard.engine.adjusting import seek_rolls
from volguard.engine.adopt import adopt
from volguard.engine.baskets import close_late_fills, drive, unwind_entries
from volguard.engine.breakers import note_feed, note_order_word, rest_breakers
from volguard.engine.carried import carry
from volguard.engine.day_outlook import outlook_of
from volguard.engine.entries import on_answer, seek_entries
from volguard.engine.exits import seek_exits
from volguard.engine.naked import watch_flatten, watch_naked
from volguard.engine.observe import observe
from volguard.engine.orders import on_fill, on_update, put_order
from volguard.engine.proposals import on_margin, watch_proposals
from volguard.engine.reconciling import has_broker, may_send, on_book, seek_book
from volguard.engine.stale_exits import drop_stale_exits
from volguard.engine.state import Desk, EngineSettings, State, Step, Turn
from volguard.engine.supervisor import (
    Word,
    apply_stops,
    cap_phase,
    degrade,
    halt,
    link_cause,
    move,
    page_again,
    start_flatten,
)
from volguard.engine.taken_over import book_outside, take_over
from volguard.engine.unknown_orders import ask_off_again, on_absent, seek_unknown, take_back, unknown_orders
from volguard.engine.wishes import note_wish, seek_wishes
from volguard.model.decision import TradingState
from volguard.model.errors import InvariantBroken
from volguard.model.event import (
    Alert,
    BookCarried,
    BrokerBookRead,
    Cancel,
    ClosedElsewhere,
    Event,
    FeedGap,
    HistoryLoaded,
    KillSwitchSeen,
    LinkChanged,
    MarginAnswered,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    OrderAbsent,
    OrderFilled,
    OrderUpdated,
    ProposalAnswered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    Severity,
    StepFailed,
    TimePassed,
)
from volguard.nse.rules import Rules


class Engine:
    """Settings and rules, and the step function over them; holds no state of a session."""

    def __init__(self, settings: EngineSettings, rules: Rules) -> None:
        self.settings = settings
        self.rules = rules

    def step(self, state: State, event: Event) -> Step:
        """The next state and what to note and send. Raises InvariantBroken when the book does not add up."""
        desk = self._desk_for(state, event)
        turn = Turn(
            desk=replace(desk, now=event.ts),
            market=state.market,
            outlook=state.outlook,
            settings=self.settings,
            rules=self.rules,
        )
        rest_breakers(turn)
        _take(turn, event)
        seek_unknown(turn)
        ask_off_again(turn)
        seek_book(turn)
        watch_proposals(turn)
        watch_naked(turn)
        watch_flatten(turn)
        page_again(turn)
        return Step(
            state=State(desk=turn.desk, market=turn.market, outlook=turn.outlook),
            records=tuple(turn.records),
            effects=tuple(turn.effects),
        )

    def waits_for_time(self, state: State) -> bool:
        """Whether something must happen by time alone, without a look at the market."""
        desk = state.desk
        if desk is None:
            return False
        is_closing = bool(desk.emergency or desk.flatten_reason)
        is_paging = is_closing and bool(desk.book.positions or desk.book.live_orders)
        return (
            is_paging
            or bool(desk.pending)
            or desk.naked is not None
            or bool(unknown_orders(desk))
            or has_broker(desk)
        )

    def failed(self, state: State, event: Event, error: str) -> Step:
        """The step taken instead of one that raised: nothing changes but that trading is halted."""
        record = StepFailed(ts=event.ts, error=error)
        if state.desk is None:
            return Step(state=state, records=(record,), effects=())
        turn = Turn(
            desk=replace(state.desk, now=event.ts, failed=True),
            market=state.market,
            outlook=state.outlook,
            settings=self.settings,
            rules=self.rules,
        )
        turn.records.append(record)
        halt(turn, "step_failed", error)
        return Step(
            state=State(desk=turn.desk, market=turn.market, outlook=turn.outlook),
            records=tuple(turn.records),
            effects=tuple(turn.effects),
        )

    def _desk_for(self, state: State, event: Event) -> Desk:
        if isinstance(event, SessionStarted):
            if state.desk is not None:
                raise InvariantBroken(f"session {state.desk.session_id} is already running")
            return Desk(
                session_id=event.session_id,
                session_code=hashlib.blake2b(event.session_id.encode(), digest_size=4).hexdigest(),
                phase=event.phase,
                trading_date=event.trading_date,
                source=event.source,
                now=event.ts,
                account_inr=self.settings.account_inr,
                broker=event.broker,
                notes_signals=event.notes_signals,
                asks_margin=event.asks_margin,
            )
        if state.desk is None:
            raise InvariantBroken("the first event of a session must be its start")
        return state.desk


def _take(turn: Turn, event: Event) -> None:
    match event:
        case SessionStarted():
            move(turn, Word.RESTORED, "a new session starts with an empty book")
            if has_broker(turn.desk):
                turn.desk = replace(turn.desk, awaits_book=True)
            else:  # a book of our own needs no broker to agree with
                move(turn, Word.AGREED, "paper book agrees by construction")
        case SessionResumed():
            _on_resumed(turn)
        case SessionEnded():
            pass
        case HistoryLoaded():
            turn.outlook = outlook_of(event, turn.desk.trading_date, turn.settings, turn.rules)
            if turn.outlook.missing:
                text = f"no forecast today: {turn.outlook.missing}"
                turn.effects.append(
                    Alert(ts=turn.now, severity=Severity.WARNING, code="no_forecast", text=text)
                )
        case MarketSnapshot():
            _on_snapshot(turn, event)
        case FeedGap(last_ts=last_ts):
            degrade(turn, "feed_gap", _silence(last_ts, event.ts))
            note_feed(turn, is_good=False)
            withdraw_entries(turn)
            drive(turn, is_fresh=False)
        case LinkChanged():
            _on_link(turn, event)
        case OrderUpdated():
            before = on_update(turn, event)
            note_order_word(turn, event.tag)
            take_back(turn, before)
            drop_stale_exits(turn)
            drive(turn, is_fresh=False)
        case OrderFilled():
            sought = turn.desk.book.order(event.tag)
            on_fill(turn, event)
            note_order_word(turn, event.tag)
            if sought is not None:
                take_back(turn, sought)
            book_outside(turn)
            close_late_fills(turn)
            drop_stale_exits(turn)
            drive(turn, is_fresh=False)
        case OrderAbsent():
            on_absent(turn, event)
            drive(turn, is_fresh=False)
        case BrokerBookRead():
            on_book(turn, event)
            withdraw_entries(turn)
            drive(turn, is_fresh=False)
        case ClosedElsewhere():
            take_over(turn, event)
        case BookCarried():
            carry(turn, event)
        case TimePassed():
            pass
        case KillSwitchSeen(present=present):
            _on_kill_switch(turn, present=present)
        case OperatorSpoke():
            _on_word(turn, event)
        case MarginAnswered():
            on_margin(turn, event)
        case ProposalAnswered():
            on_answer(turn, event)
            drive(turn, is_fresh=False)


def _on_snapshot(turn: Turn, event: MarketSnapshot) -> None:
    last = turn.desk.last_snapshot_at
    if last is not None and event.ts <= last:
        raise InvariantBroken(f"snapshot of {event.ts.isoformat()} is not later than {last.isoformat()}")
    scene = observe(turn, event.snapshot)
    note_feed(turn, is_good=True)
    apply_stops(turn, scene.stop_pnl_inr)
    cap_phase(turn)
    seek_exits(turn, scene)
    watch_proposals(turn)
    seek_wishes(turn, scene)
    seek_rolls(turn, scene)
    seek_entries(turn, scene)
    withdraw_entries(turn)
    drop_stale_exits(turn)
    drive(turn, is_fresh=True)


def _on_resumed(turn: Turn) -> None:
    # A new process has new ties and tells of them; what happened meanwhile only the broker knows.
    turn.desk = replace(turn.desk, links_down=(), is_yielding=False, wishes=())
    if has_broker(turn.desk):
        turn.desk = replace(turn.desk, awaits_book=True, book_asked_at=None, mismatches=())
        if turn.desk.trading_state is not TradingState.HALTED:
            move(turn, Word.RESTARTED, "a new process reads the broker's book first")


def _on_word(turn: Turn, event: OperatorSpoke) -> None:
    match event.command:
        case OperatorCommand.FLATTEN:
            _on_flatten(turn, event.text or "the operator asked to flatten")
        case OperatorCommand.YIELD:
            _on_yield(turn, event.text or "the operator closes what is held by other means")
        case OperatorCommand.ADOPT:
            adopt(turn)
        case OperatorCommand.TRADE:
            note_wish(turn, event)


def _on_yield(turn: Turn, text: str) -> None:
    halt(turn, "operator_yield", text)
    turn.desk = replace(turn.desk, is_yielding=True)
    for order in turn.desk.book.live_orders:
        if order.state.may_fill:
            put_order(turn, replace(order, cancel_requested_at=turn.now), reason="operator_yield")
            turn.effects.append(Cancel(tag=order.request.tag, ts=turn.now, reason="operator_yield"))


def _on_link(turn: Turn, event: LinkChanged) -> None:
    down = set(turn.desk.links_down)
    if event.is_up:
        turn.desk = replace(turn.desk, links_down=tuple(sorted(down - {event.link})))
        code = f"{event.link.value.lower()}_up"
        turn.effects.append(Alert(ts=turn.now, severity=Severity.INFO, code=code, text=event.text))
        return  # new risk only after the clean dwell, as after any other cause
    turn.desk = replace(turn.desk, links_down=tuple(sorted(down | {event.link})))
    degrade(turn, link_cause(event.link), event.text)
    withdraw_entries(turn)
    drive(turn, is_fresh=False)


def withdraw_entries(turn: Turn) -> None:
    """Nothing that adds risk stays on the exchange unless trading is ACTIVE."""
    state = turn.desk.trading_state
    if state is not TradingState.ACTIVE:
        unwind_entries(turn, reason=f"trading state is {state.value}")


def _on_flatten(turn: Turn, text: str) -> None:
    halt(turn, "operator_flatten", text)  # or the next look at the market could open a new trade
    start_flatten(turn, "operator", text)
    if not may_send(turn.desk):
        said = "nothing is sent on a book that may not be the broker's: use `volguard flatten`, it reads his"
        turn.effects.append(
            Alert(ts=turn.now, severity=Severity.CRITICAL, code="flatten_withheld", text=said)
        )
    unwind_entries(turn, reason="operator")
    drive(turn, is_fresh=False)


def _on_kill_switch(turn: Turn, *, present: bool) -> None:
    turn.desk = replace(turn.desk, kill_switch=present)
    if not present:
        text = "the kill-switch file is gone; trading stays halted until the operator restarts it"
        turn.effects.append(Alert(ts=turn.now, severity=Severity.INFO, code="kill_switch_gone", text=text))
        return
    halt(turn, "kill_switch", "the kill-switch file is present")
    if turn.settings.limits.kill_switch_flattens:
        start_flatten(turn, "kill_switch", "the kill switch squares off, as configured")
    unwind_entries(turn, reason="kill_switch")
    drive(turn, is_fresh=False)


def _silence(last_ts: datetime, now: datetime) -> str:
    return f"no snapshot for {(now - last_ts).total_seconds():.0f} s since {last_ts:%H:%M:%S}"
