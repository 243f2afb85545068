"""A session put together: engine, journal, market, exchange, screen; opened, locked, recovered."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from volguard.adapters.alerts import AlertSettings
from volguard.adapters.background_pager import BackgroundPager
from volguard.adapters.clock import SystemClock
from volguard.adapters.code_version import code_version
from volguard.adapters.control import ControlServer, Words
from volguard.adapters.frames import Frames
from volguard.adapters.history import FileHistory
from volguard.adapters.interrupt import StopRequest
from volguard.adapters.journal_files import next_session_path, session_paths
from volguard.adapters.journal_open import connect_read_only, stored_schema
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.paper import PaperExchange
from volguard.adapters.recovery import Beginning, beginning_of, recover_state
from volguard.adapters.screen_delays import ScreenDelays
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.config.kill_switch import kill_switch_path
from volguard.config.loader import Loaded, restore
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.proposals import PROPOSAL_ALERT
from volguard.engine.state import State, Step
from volguard.engine.status import alerts_in, proposed_in
from volguard.engine.step import Engine
from volguard.model.decision import Phase
from volguard.model.errors import RiskRefused, UsageError
from volguard.model.event import PAPER, BookCarried, Event, HistoryLoaded, SessionResumed, SessionStarted
from volguard.model.instrument import OptionContract
from volguard.model.market import SourceInfo
from volguard.model.proposal import Answer
from volguard.nse.rules import Rules
from volguard.ports import MarketData, Screen
from volguard.runner import Exchange, Outcome, Pace, Runner, Watch, ignored
from volguard.volatility.forecast import MONTH_SESSIONS, ForecastReach, make_forecasts
from volguard.volatility.positioning import foreign_stand
from volguard.wiring.live import carried_book, closed_elsewhere, day_journal_path
from volguard.wiring.sources import Source, SourceRequest, open_source, opening_time, past_rules_of, rules_of

VIX_NAME: Final = "INDIA_VIX"
UPSTOX: Final = "upstox"
HISTORY_SESSIONS_MAX: Final = 600  # more than any window of the engine looks back


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """One run as the operator asked for it; `speed` None is as fast as possible."""

    phase: Phase
    source: SourceRequest
    speed: float | None
    new_session: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a session needs of the process it runs in; `note` says things to the operator."""

    screen: Screen
    stop: StopRequest
    note: Callable[[str], None]
    answers: Callable[[], Iterable[Answer]] | None = None  # to proposals; None: nobody is asked
    delays: ScreenDelays | None = None  # None: there is no screen to be late on


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session ready to run; `run` once, then `close`."""

    path: Path
    engine: Engine
    journal: SqliteJournal
    runner: Runner
    opening: tuple[Event, ...]
    state: State
    frames: Frames
    screen: Screen
    opened: ExitStack  # all that must be let go: socket, journal, market

    def run(self) -> Outcome:
        """Run to the end of the market or until stopped. Raises JournalWriteFailed."""
        outcome = self.runner.run(self.opening, self.state)
        self.frames.finish()
        return outcome

    def close(self) -> None:
        """Let the terminal, the socket, the market and the journal go."""
        self.screen.close()
        self.opened.close()


def check_time(path: Path, state: State, began_at: datetime | None) -> None:
    """Raises UsageError when a live market's clock is behind the journal that would be continued.

    Time would stand still until it has caught up, and what is held would go unwatched meanwhile.
    """
    if state.desk is None or began_at is None or began_at >= state.desk.now:
        return
    raise UsageError(
        f"{path.name} goes to {state.desk.now:%H:%M:%S}, the clock says {began_at:%H:%M:%S}",
        hint="check the clock of this machine; after a rehearsal on an earlier hour --new-session",
    )


class HeldContracts:
    """The contracts that are held now: a live market keeps them in sight."""

    def __init__(self) -> None:
        self._state = State()

    def note(self, state: State) -> None:
        """The state after a step."""
        self._state = state

    def contracts(self) -> tuple[OptionContract, ...]:
        """Contracts of all positions, and of all orders that may still fill."""
        desk = self._state.desk
        if desk is None:
            return ()
        held = [position.contract for position in desk.book.positions]
        working = [order.request.contract for order in desk.book.live_orders]
        return tuple(sorted({*held, *working}))


def engine_of(reader: JournalReader) -> Engine:
    """The engine that wrote a journal, from the settings in its first row."""
    started = beginning_of(reader).started
    settings = restore(started.settings, Settings)
    rules = past_rules_of(settings) if started.source.is_made_of_past else rules_of(settings)
    return Engine(settings.engine, rules)


def open_session(
    request: SessionRequest, loaded: Loaded[Settings], root: Root, around: Surroundings
) -> Session:
    """Everything a run needs, opened and locked; an unfinished session of the same kind is continued.

    Raises RiskRefused while the kill switch is on, LockHeld when the session runs elsewhere.
    """
    settings = loaded.settings
    kill_switch = KillSwitchFile(kill_switch_path(root, settings))
    if kill_switch.is_present():
        hint = "remove the file when you have looked at the book"
        raise RiskRefused(f"the kill switch {kill_switch.path} is on", hint=hint)
    rules = rules_of(settings)
    held = HeldContracts()
    with ExitStack() as opened:
        source = _open_market(request, settings, root, rules, held, around)
        opened.callback(source.close)
        started = started_of(request.phase, loaded, source, rules)
        path = _path_of(request, settings, root, started, around.note)
        engine = Engine(settings.engine, rules)
        journal = SqliteJournal.open(path, create=True)
        opened.callback(journal.close)
        state = recover_state(journal, engine) if journal.head[0] else State()
        check_time(path, state, source.began_at)
        held.note(state)
        exchange = _exchange_of(settings, source, rules, state)
        words = Words(is_paper=source.broker is None, is_answered=around.answers is not None)
        control = ControlServer(path, on_token=source.on_token, on_word=words.take)
        if not control.start() and source.broker is not None:
            raise UsageError(
                f"no socket can be made beside {path}: this session could not be told to step aside",
                hint="a root with a shorter path, --root or VOLGUARD_ROOT",
            )
        opened.callback(control.close)
        # Steps and frames take this machine's time, at whatever speed a look-alike runs.
        clock = SystemClock(around.stop.event)
        pager = BackgroundPager(alerts_for(request, settings))
        opened.callback(pager.close)
        frames = Frames(engine, around.screen, control.publish, clock.monotonic_s, pager.failures)
        return Session(
            path=path,
            engine=engine,
            journal=journal,
            runner=Runner(
                engine=engine,
                journal=journal,
                source=source.market,
                exchange=exchange,
                clock=clock,
                watch=Watch(
                    stop_requested=around.stop.is_set,
                    kill_switch_present=kill_switch.is_present,
                    words=words.drain,
                    answers=around.answers or tuple,
                ),
                pace=Pace(speed=request.speed),
                checkpoint_s=settings.journal.checkpoint_s,
                gap_cadences=settings.quotes.gap_cadences,
                show=_shown(frames, held, pager, around.delays),
                ask_margin=None if source.broker is None else source.broker.ask_margin,
                arrived=around.delays.arrived if around.delays is not None else ignored,
            ),
            opening=(
                *_opening(
                    state,
                    replace(started, session_id=session_id_of(path, started)),
                    journal,
                    lambda: history_of_session(settings, source, rules, started.ts, around.note),
                ),
                *closed_elsewhere(path, state),
                *_carried(path, state, started, around.note),
            ),
            state=state,
            frames=frames,
            screen=around.screen,
            opened=opened.pop_all(),
        )


def session_id_of(path: Path, started: SessionStarted) -> str:
    """The name of a new session, of which its tags are made.

    An account's journal keeps its name: two sessions of one day must never share a tag, or an order of the
    first would pass for one of the second.
    """
    if started.broker == PAPER:
        return path.stem
    return f"{path.stem}-{started.ts:%Y%m%dT%H%M%S%f}"


def _carried(
    path: Path, state: State, started: SessionStarted, note: Callable[[str], None]
) -> tuple[BookCarried, ...]:
    if started.broker == PAPER or state.desk is not None:
        return ()
    return carried_book(path, started, note)


def _path_of(
    request: SessionRequest,
    settings: Settings,
    root: Root,
    started: SessionStarted,
    note: Callable[[str], None],
) -> Path:
    if started.broker == PAPER:
        return _journal_path(root.resolve("journal"), started, request.new_session, note)
    return day_journal_path(root, settings, started, note)


def _exchange_of(settings: Settings, source: Source, rules: Rules, state: State) -> Exchange:
    if source.broker is None:
        return _paper(settings, source.market, rules, state)
    if state.desk is not None:
        source.broker.restore(state.desk.book.orders, state.desk.fill_ids)
    return source.broker


def _open_market(
    request: SessionRequest,
    settings: Settings,
    root: Root,
    rules: Rules,
    held: HeldContracts,
    around: Surroundings,
) -> Source:
    if not request.source.is_live:
        return open_source(request.source, settings, root, rules)
    from volguard.wiring.upstox import open_live

    return open_live(
        settings,
        root,
        rules,
        history=request.source.history,
        takes_orders=request.phase is not Phase.SHADOW,
        held=held.contracts,
        stopping=around.stop.event,
        note=around.note,
    )


def alerts_for(request: SessionRequest, settings: Settings) -> AlertSettings:
    """Who is called when a proposal arrives: of a recorded day nobody, it is over."""
    is_asked = request.phase is Phase.SEMI_AUTO and request.source.replay is None
    return settings.alerts if is_asked else replace(settings.alerts, command=())


def _shown(
    frames: Frames, held: HeldContracts, pager: BackgroundPager, delays: ScreenDelays | None
) -> Callable[[State, Step], None]:
    def show(state: State, step: Step) -> None:
        held.note(state)
        for proposal_id in proposed_in(step):
            if delays is not None and _is_next(state, proposal_id):
                delays.proposed(proposal_id)
        for alert in alerts_in(step):
            if alert.code == PROPOSAL_ALERT:
                pager.page(f"volguard {alert.ts:%H:%M:%S} {alert.text}")
        frames(state, step)

    return show


def _is_next(state: State, proposal_id: str) -> bool:
    pending = () if state.desk is None else state.desk.pending
    return bool(pending) and pending[0].card.proposal_id == proposal_id


def platform_text() -> str:
    """What a replay must share to be comparable: machine, Python and NumPy."""
    import numpy

    return (
        f"{platform.system()} {platform.machine()} python {platform.python_version()} "
        f"numpy {numpy.__version__}"
    )


def started_of(phase: Phase, loaded: Loaded[Settings], source: Source, rules: Rules) -> SessionStarted:
    """The first event of a session on a market; its session has no name yet."""
    info = source.market.info
    return SessionStarted(
        ts=source.began_at or opening_time(rules, info.trading_date),
        session_id="",
        phase=phase,
        source=info,
        trading_date=info.trading_date,
        code_version=code_version(),
        platform=platform_text(),
        seed=source.seed,
        settings=loaded.values,
        settings_origins=loaded.origins,
        settings_hash=loaded.digest,
        broker=PAPER if source.broker is None else UPSTOX,
        notes_signals=True,
        asks_margin=True,
    )


def forecast_reach(settings: Settings) -> ForecastReach:
    """How far ahead the forecasts of a session go: to the last expiry that a bucket may trade."""
    days = max(
        (bucket.expiry_days_max for bucket in settings.bucket.values() if bucket.is_enabled), default=1
    )
    return ForecastReach(
        sessions_max=max(days, MONTH_SESSIONS), past_sessions=settings.iv_rv.history_sessions
    )


def history_of_session(
    settings: Settings, source: Source, rules: Rules, opened: datetime, note: Callable[[str], None]
) -> HistoryLoaded:
    """What a session is told of the days before it; the models are fitted to all of them."""
    info, history = source.market.info, source.history
    index = history.daily(info.underlying, info.trading_date) if history is not None else ()
    vix = history.daily(VIX_NAME, info.trading_date) if history is not None else ()
    held = history.participants(info.trading_date) if isinstance(history, FileHistory) else ()
    if len(index) >= settings.models.fit_sessions_min:
        note(f"fitting the volatility models to {len(index)} sessions of history")
    return HistoryLoaded(
        ts=opened,
        underlying=info.underlying,
        origin=history.origin if history is not None else "none",
        index=index[-HISTORY_SESSIONS_MAX:],
        vix=vix[-HISTORY_SESSIONS_MAX:],
        forecasts=make_forecasts(index, settings.models, forecast_reach(settings)),
        foreign=foreign_stand(held, rules.calendar.previous_trading_day(info.trading_date)) if held else None,
    )


def _journal_path(
    folder: Path, started: SessionStarted, new_session: bool, note: Callable[[str], None]
) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"journal folder {folder} cannot be made: {error.strerror}") from error
    kind, day = started.source.kind, started.trading_date
    fresh = next_session_path(folder, kind, day)
    known = session_paths(folder, kind, day)
    if new_session or not known:
        return fresh
    if not _has_begun(known[-1]):
        return known[-1]  # killed before its first row
    latest, before = _latest_of(known, started.source)
    if before.ended not in (None, "interrupted"):
        return fresh
    old = before.started
    same = (old.source, old.settings_hash, old.seed, old.phase, old.code_version) == (
        started.source,
        started.settings_hash,
        started.seed,
        started.phase,
        started.code_version,
    )
    if not same:
        note(f"{latest.name} is unfinished but ran on other input or settings: starting {fresh.name}")
        return fresh
    note(f"continuing {latest.name}; --new-session starts afresh")
    return latest


# The newest of this very source, else the newest: a rehearsal between two halves of a day hides no book.
def _latest_of(known: Sequence[Path], source: SourceInfo) -> tuple[Path, Beginning]:
    newest: tuple[Path, Beginning] | None = None
    for path in reversed(known):
        if not _has_begun(path):
            continue
        with JournalReader.open(path) as reader:
            before = beginning_of(reader)
        if before.started.source == source:
            return path, before
        newest = newest or (path, before)
    if newest is None:
        raise ValueError("there was no journal that has begun")
    return newest


def _has_begun(path: Path) -> bool:
    with closing(connect_read_only(path)) as connection:
        if stored_schema(path, connection) is None:
            return False
    with JournalReader.open(path) as reader:
        return reader.head[0] > 0


def _opening(
    state: State, started: SessionStarted, journal: SqliteJournal, history: Callable[[], HistoryLoaded]
) -> tuple[Event, ...]:
    if state.desk is None:
        return started, history()
    resumed = SessionResumed(ts=state.desk.now, code_version=code_version(), from_seq=journal.head[0])
    # Killed between its first two events, a session has not been told its history yet.
    is_told = next(journal.rows(kinds=(HistoryLoaded.__name__,), limit=1), None) is not None
    return (resumed,) if is_told else (resumed, history())


def paper_exchange(settings: Settings, info: SourceInfo, rules: Rules) -> PaperExchange:
    """The paper exchange of a session."""
    return PaperExchange.of_session(
        info,
        rules.contracts,
        delay_s=settings.paper.paper_delay_ms / 1000.0,
        gap_cadences=settings.quotes.gap_cadences,
    )


def _paper(settings: Settings, market: MarketData, rules: Rules, state: State) -> PaperExchange:
    exchange = paper_exchange(settings, market.info, rules)
    if state.desk is not None:
        book = state.desk.book
        fills = [fill for trade in book.trades for fill in trade.fills]
        exchange.restore(book.orders, fills, state.desk.last_snapshot_at)
    return exchange
