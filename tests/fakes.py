"""Fakes and builders shared by the tests: the shipped settings, small chains, orders, a memory journal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from volguard.adapters.paper import PaperExchange
from volguard.config import Root, load
from volguard.config.settings import SECTIONS, Settings
from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.model.book import Leg
from volguard.model.decision import Approved, Phase
from volguard.model.event import AskMargin, Effect, Event, HistoryLoaded, LinkChanged, Record, SessionStarted
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.market import (
    COLUMNS,
    BoolArray,
    Capabilities,
    ChainSnapshot,
    DailyBar,
    Listing,
    Quote,
    Silence,
    SourceInfo,
    VarianceForecasts,
)
from volguard.model.order import Order, OrderRequest, OrderState, Purpose, Urgency
from volguard.model.units import IST
from volguard.nse.rules import Rules, make_rules
from volguard.ports import History, MarketData
from volguard.runner import Exchange, Pace, Runner, Watch, ignored
from volguard.volatility.forecast import ForecastReach, make_forecasts

ROOT = Path(__file__).resolve().parents[1]
NIFTY = Underlying("NIFTY")
EXPIRY = date(2026, 9, 22)
TS = datetime(2026, 9, 16, 10, 0, tzinfo=IST)
TRADING = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")


# --- settings and rules ------------------------------------------------------------------------------


@cache
def shipped(*overrides: str) -> Settings:
    """The settings that ship with the project, each override as on the command line."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    return load(root, overrides, settings_class=Settings, sections=SECTIONS).settings


@cache
def shipped_rules() -> Rules:
    """The exchange's rules as shipped."""
    settings = shipped()
    return make_rules(settings.calendar, settings.contracts, settings.charges, settings.margin)


def make_engine(*overrides: str) -> Engine:
    """An engine over the shipped settings."""
    return Engine(shipped(*overrides).engine, shipped_rules())


# --- contracts, quotes, orders -----------------------------------------------------------------------


def call(strike: int, expiry: date = EXPIRY) -> OptionContract:
    """A NIFTY call."""
    return OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=OptionType.CALL)


def put(strike: int, expiry: date = EXPIRY) -> OptionContract:
    """A NIFTY put."""
    return OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=OptionType.PUT)


CONDOR = (
    Leg(contract=put(24000), side=Side.BUY),
    Leg(contract=put(24200), side=Side.SELL),
    Leg(contract=call(24800), side=Side.SELL),
    Leg(contract=call(25000), side=Side.BUY),
)


def quote(bid: str | None, ask: str | None, contract: OptionContract = CONDOR[0].contract) -> Quote:
    """A touch with 10 lots on each side that is quoted."""
    return Quote(
        ts=TS,
        contract=contract,
        bid=Decimal(bid) if bid is not None else None,
        bid_qty=650 if bid is not None else 0,
        ask=Decimal(ask) if ask is not None else None,
        ask_qty=650 if ask is not None else 0,
    )


def request(**changes: Any) -> OrderRequest:
    """An order to buy one lot of a put; a limit price may be given as text."""
    if isinstance(changes.get("limit_price"), str):
        changes["limit_price"] = Decimal(changes["limit_price"])
    base = OrderRequest(
        tag="VG-1",
        trade_id="T001",
        contract=CONDOR[0].contract,
        side=Side.BUY,
        quantity=65,
        limit_price=Decimal("10.00"),
        purpose=Purpose.OPEN,
        urgency=Urgency.LOW,
    )
    return replace(base, **changes)


_reviews = itertools.count(1)


def approval(
    at: datetime = TS, *, valid_s: float = 30.0, sequence: int | None = None, **changes: Any
) -> Approved:
    """An approval of `request(**changes)`, with a review number of its own."""
    wanted = request(**changes)
    return Approved(
        request=wanted,
        worst_price=wanted.limit_price,
        quote_digest="q",
        review_sequence=next(_reviews) if sequence is None else sequence,
        approved_at=at,
        valid_until=at + timedelta(seconds=valid_s),
    )


def order(
    state: OrderState = OrderState.OPEN, *, at: datetime = TS, filled: int = 0, **changes: Any
) -> Order:
    """An order of `request(**changes)` in a state."""
    wanted = request(**changes)
    return Order(
        request=wanted,
        state=state,
        sent_at=at,
        limit_price=wanted.limit_price,
        priced_at=at,
        rung=0,
        filled_quantity=filled,
    )


Touch = tuple[float, int, float, int]


def chain(ts: datetime, quotes: Mapping[OptionContract, Touch]) -> ChainSnapshot:
    """A snapshot of a few contracts of one expiry: (bid, size, ask, size) each, nan where nobody quotes."""
    contracts = sorted(quotes, key=lambda c: (c.expiry, c.strike, c.option_type is OptionType.PUT))
    expiries = tuple(sorted({c.expiry for c in contracts}))
    counts = [sum(c.expiry == day for c in contracts) for day in expiries]
    columns = [np.array([quotes[c][i] for c in contracts]) for i in range(4)]
    nowhere = np.full(len(contracts), np.nan)
    return ChainSnapshot(
        ts=ts,
        listing=Listing(
            underlying=NIFTY,
            expiries=expiries,
            offsets=np.cumsum([0, *counts]),
            strike=np.array([float(c.strike) for c in contracts]),
            is_call=np.array([c.option_type is OptionType.CALL for c in contracts]),
        ),
        bid=columns[0].astype(float),
        bid_qty=columns[1].astype(np.int64),
        ask=columns[2].astype(float),
        ask_qty=columns[3].astype(np.int64),
        ltp=nowhere.copy(),
        volume=np.zeros(len(contracts), dtype=np.int64),
        oi=np.zeros(len(contracts), dtype=np.int64),
        vendor_iv=nowhere.copy(),
    )


def paper(
    *,
    delay_s: float = 0.25,
    cadence_s: float = 15.0,
    lot: int = 65,
    slippage: str = "0",
    late_looks: int = 0,
) -> PaperExchange:
    """A paper exchange that tolerates gaps of three cadences."""
    return PaperExchange(
        delay_s=delay_s,
        cadence_s=cadence_s,
        gap_cadences=3.0,
        lot_size=lambda _expiry: lot,
        slippage=Decimal(slippage),
        late_looks=late_looks,
    )


# --- markets -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FakeMarket:
    """Given snapshots behind the MarketData port; `between` is what a live source says besides."""

    info: SourceInfo
    shots: tuple[ChainSnapshot, ...]
    between: tuple[Silence | LinkChanged, ...] = ()

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        """Those later than `after`, in time order."""
        said = sorted((*self.shots, *self.between), key=lambda seen: seen.ts)
        return (seen for seen in said if after is None or seen.ts > after)


@dataclass(frozen=True, kw_only=True)
class Day:
    """A made-up session cut to a few snapshots, with the history that leads to it."""

    market: FakeMarket
    history: HistoryLoaded


@cache
def _forecasts(index: tuple[DailyBar, ...]) -> VarianceForecasts:
    # One fit for all cuts of one day.
    settings = shipped()
    reach = ForecastReach(sessions_max=45, past_sessions=settings.iv_rv.history_sessions)
    return make_forecasts(index, settings.models, reach)


@cache
def simulated(
    *,
    seed: int = 1,
    scenario: str = "calm",
    cadence_s: float = 300.0,
    start: int = 0,
    stop: int | None = None,
) -> Day:
    """Snapshots `start` to `stop` of a simulated session, with the expiries that are traded alone."""
    from volguard.wiring import SourceRequest, open_source

    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    asked = SourceRequest(seed=seed, scenario=scenario, cadence_s=cadence_s)
    source = open_source(asked, shipped(), root, shipped_rules())
    market: MarketData = source.market
    history: History | None = source.history
    assert history is not None
    day = market.info.trading_date
    return Day(
        market=FakeMarket(info=market.info, shots=_few_expiries(_looks(market)[start:stop])),
        history=HistoryLoaded(
            ts=TS.replace(hour=9, minute=15),
            underlying=NIFTY,
            origin="simulator",
            index=history.daily(NIFTY, day),
            vix=history.daily("INDIA_VIX", day),
            forecasts=_forecasts(history.daily(NIFTY, day)),
        ),
    )


def _looks(market: MarketData) -> tuple[ChainSnapshot, ...]:
    return tuple(seen for seen in market.snapshots() if isinstance(seen, ChainSnapshot))


# The nearest two and the monthly one in five weeks: a sixth of the rows, the same trades.
_EXPIRIES = (0, 1, 5)


def _few_expiries(shots: tuple[ChainSnapshot, ...]) -> tuple[ChainSnapshot, ...]:
    whole = shots[0].listing
    rows = np.isin(whole.expiry_index, _EXPIRIES)
    counts = np.diff(whole.offsets)[list(_EXPIRIES)]
    listing = Listing(
        underlying=whole.underlying,
        expiries=tuple(whole.expiries[i] for i in _EXPIRIES),
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        strike=whole.strike[rows],
        is_call=whole.is_call[rows],
    )
    return tuple(_only(shot, listing, rows) for shot in shots)


def _only(shot: ChainSnapshot, listing: Listing, rows: BoolArray) -> ChainSnapshot:
    ages = shot.quote_age_s[rows] if shot.quote_age_s is not None else None
    columns = {name: getattr(shot, name)[rows] for name in COLUMNS}
    return replace(shot, listing=listing, quote_age_s=ages, **columns)


def source_info(cadence_s: float = 15.0) -> SourceInfo:
    """A source that gives nothing but quotes."""
    return SourceInfo(
        kind="replay",
        label="day.parquet",
        underlying=NIFTY,
        trading_date=TS.date(),
        capabilities=Capabilities(spot=False, vix=False, quote_time=False, depth=False, cadence_s=cadence_s),
        digest="d",
    )


def session_started(info: SourceInfo | None = None, phase: Phase = Phase.SHADOW) -> SessionStarted:
    """The first event of a session on a source."""
    where = source_info() if info is None else info
    return SessionStarted(
        ts=TS.replace(hour=9, minute=15),
        session_id="s-1",
        phase=phase,
        source=where,
        trading_date=where.trading_date,
        code_version="test",
        platform="test",
        seed=1,
        settings={},
        settings_origins={},
        settings_hash="h",
    )


def opening(day: Day) -> tuple[Event, ...]:
    """Start and history."""
    return session_started(day.market.info), day.history


# --- the edge ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class FakeClock:
    """Counts; sleeping is noted, never done."""

    slept_s: list[float] = field(default_factory=list)
    ticks: float = 0.0

    def now(self) -> datetime:
        """A fixed moment."""
        return TS

    def sleep(self, seconds: float) -> None:
        """Note it."""
        self.slept_s.append(seconds)

    def monotonic_s(self) -> float:
        """One millisecond later each time."""
        self.ticks += 0.001
        return self.ticks


@dataclass(slots=True)
class MemoryJournal:
    """Keeps what it is given; `on_commit` may raise as a full disk would."""

    log: list[str] = field(default_factory=list)
    steps: list[tuple[Event, tuple[Record, ...], tuple[Effect, ...], bool]] = field(default_factory=list)
    checkpoints: list[tuple[datetime, Any]] = field(default_factory=list)
    on_commit: Callable[[Event], None] = lambda _event: None
    staged: Event | None = None

    def append(self, event: Event) -> int:
        """Stage."""
        assert self.staged is None
        self.staged = event
        self.log.append(f"append {type(event).__name__}")
        return len(self.steps) + 1

    def commit(
        self, seq: int, records: Sequence[Record], effects: Sequence[Effect], *, durable: bool
    ) -> None:
        """Keep the staged event with what it caused."""
        assert self.staged is not None and seq == len(self.steps) + 1
        self.on_commit(self.staged)
        self.log.append(f"commit {type(self.staged).__name__}")
        self.steps.append((self.staged, tuple(records), tuple(effects), durable))
        self.staged = None

    def checkpoint(self, ts: datetime, state: Any) -> None:
        """Keep the state."""
        self.log.append("checkpoint")
        self.checkpoints.append((ts, state))

    @property
    def events(self) -> list[Event]:
        """What was told."""
        return [step[0] for step in self.steps]

    @property
    def records(self) -> list[Record]:
        """What was noted."""
        return [record for step in self.steps for record in step[1]]

    @property
    def effects(self) -> list[Effect]:
        """What was sent."""
        return [effect for step in self.steps for effect in step[2]]


NOTHING_HAPPENS = Watch(stop_requested=lambda: False, kill_switch_present=lambda: False)


def make_runner(
    market: MarketData,
    journal: Any,
    *,
    engine: Engine,
    exchange: Exchange | None = None,
    watch: Watch = NOTHING_HAPPENS,
    clock: FakeClock | None = None,
    speed: float | None = None,
    checkpoint_s: float = 1800.0,
    show: Callable[[State, Step], None] = lambda _state, _step: None,
    arrived: Callable[[float], None] = ignored,
    ask_margin: Callable[[AskMargin], None] | None = None,
) -> Runner:
    """A runner over a market with everything else faked."""
    return Runner(
        engine=engine,
        journal=journal,
        source=market,
        exchange=paper(cadence_s=market.info.capabilities.cadence_s) if exchange is None else exchange,
        clock=FakeClock() if clock is None else clock,
        watch=watch,
        pace=Pace(speed=speed),
        checkpoint_s=checkpoint_s,
        gap_cadences=3.0,
        show=show,
        arrived=arrived,
        ask_margin=ask_margin,
    )
