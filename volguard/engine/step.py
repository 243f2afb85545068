"""The engine: one pure step per event. What it returns is all that happens."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from volguard.engine.baskets import close_late_fills, drive, unwind_entries
from volguard.engine.breakers import note_feed, note_order_word, rest_breakers
from volguard.engine.day_outlook import outlook_of
from volguard.engine.entries import seek_entries
from volguard.engine.exits import seek_exits
from volguard.engine.naked import watch_naked
from volguard.engine.observe import observe
from volguard.engine.orders import on_fill, on_update
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
from volguard.engine.unknown_orders import on_absent, seek_unknown, take_back, unknown_orders
from volguard.model.decision import TradingState
from volguard.model.errors import InvariantBroken
from volguard.model.event import (
    Alert,
    Event,
    FeedGap,
    HistoryLoaded,
    KillSwitchSeen,
    LinkChanged,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    OrderAbsent,
    OrderFilled,
    OrderUpdated,
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
        watch_naked(turn)
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
        is_paging = bool(desk.emergency and desk.book.positions)
        return is_paging or desk.naked is not None or bool(unknown_orders(desk))

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
            )
        if state.desk is None:
            raise InvariantBroken("the first event of a session must be its start")
        return state.desk


def _take(turn: Turn, event: Event) -> None:
    match event:
        case SessionStarted():
            # An empty book of our own needs no broker to agree with.
            move(turn, Word.RESTORED, "a new session starts with an empty book")
            move(turn, Word.AGREED, "paper book agrees by construction")
        case SessionResumed():
            turn.desk = replace(turn.desk, links_down=())  # a new process has new ties, and tells of them
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
            drive(turn, is_fresh=False)
        case OrderFilled():
            on_fill(turn, event)
            note_order_word(turn, event.tag)
            close_late_fills(turn)
            drive(turn, is_fresh=False)
        case OrderAbsent():
            on_absent(turn, event)
            drive(turn, is_fresh=False)
        case TimePassed():
            pass
        case KillSwitchSeen(present=present):
            _on_kill_switch(turn, present=present)
        case OperatorSpoke(command=command, text=text):
            if command is OperatorCommand.FLATTEN:
                _on_flatten(turn, text or "the operator asked to flatten")


def _on_snapshot(turn: Turn, event: MarketSnapshot) -> None:
    last = turn.desk.last_snapshot_at
    if last is not None and event.ts <= last:
        raise InvariantBroken(f"snapshot of {event.ts.isoformat()} is not later than {last.isoformat()}")
    scene = observe(turn, event.snapshot)
    note_feed(turn, is_good=True)
    apply_stops(turn, scene.stop_pnl_inr)
    cap_phase(turn)
    seek_exits(turn, scene)
    seek_entries(turn, scene)
    withdraw_entries(turn)
    drive(turn, is_fresh=True)


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
