"""What the rehearsal runs on: made-up markets around their worst hour, and the settings that it is given.

A seed names a session whole: its market, how much capital, how near the stops, what is told wrong and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.config.loader import Loaded, load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.engine.step import Engine
from volguard.model.decision import Phase
from volguard.model.event import PAPER, HistoryLoaded, SessionStarted
from volguard.model.instrument import Underlying
from volguard.model.market import COLUMNS, BoolArray, ChainSnapshot, Listing, SourceInfo
from volguard.nse.rules import Rules
from volguard.simulator.exchange import Exchange, ExchangeSettings
from volguard.simulator.fault_session import FaultDay, FaultResult, run_fault_session
from volguard.simulator.lies import ORDINARY_RATES, Liar, Lie, Schedule
from volguard.strategy.select import choose_expiry
from volguard.volatility.forecast import MONTH_SESSIONS, ForecastReach, make_forecasts
from volguard.wiring.sources import SourceRequest, open_source, opening_time, rules_of

CADENCE_S: Final = 60.0
LOOKS: Final = 45
FIRST_LOOK: Final = 8  # before a quarter past nine and a few minutes nothing is entered
LAST_FIRST_LOOK: Final = 320  # nor in the late afternoon
ENTRY_LOOKS: Final = 9  # of a session, until its first trades are on
CALM_FACTOR: Final = 4.0  # a move while trades are entered keeps them from being entered
SCENARIOS: Final = ("crash", "spike", "crash", "calm", "trend")
PACES: Final = {"crash": 3}  # looks of the day to one of the session
MARKET_SEEDS: Final = 2
CAPITAL_FACTORS: Final = (1, 12, 40)  # one lot, several, and more than the freeze quantity
TIGHT_STOPS: Final = ("limits.soft_stop_share=0.0015", "limits.hard_stop_share=0.003")
# Each kind of lie also by itself, often enough to be met in any session that trades.
ALONE: Final = {lie: min(0.7, 10.0 * rate) for lie, rate in ORDINARY_RATES.items()} | {
    Lie.CRASH: 0.01,
    Lie.BOOK_UNREAD: 0.4,
}
# What makes a session ask for it at all: a basket that is unwound, an order that nobody knows of.
OCCASIONS: Final[dict[Lie, dict[Lie, float]]] = {
    Lie.CANCEL_LOST: {Lie.REJECTED: 0.2, Lie.ARRIVES_LATE: 0.3},
    Lie.CANCEL_RACE: {Lie.REJECTED: 0.3},
    Lie.QUERY_LOST: {Lie.REQUEST_LOST: 0.4},
    Lie.BOOK_STALE: {Lie.ARRIVES_LATE: 0.7},
    Lie.ARRIVES_LATE: {Lie.CANCEL_RACE: 0.9, Lie.LEG_FROZEN: 0.1, Lie.THIN_BOOK: 0.3},
    Lie.WORD_LATE: {Lie.REJECTED: 0.2, Lie.ARRIVES_LATE: 0.3, Lie.THIN_BOOK: 0.5},
    Lie.FILL_LATE: {Lie.THIN_BOOK: 0.7, Lie.TAKEN_OFF: 0.4},
    Lie.TAKEN_OFF: {Lie.THIN_BOOK: 0.7, Lie.FILL_LATE: 0.5},
    Lie.BOOK_UNREAD: {Lie.CRASH: 0.03},
    Lie.CRASH: {Lie.WORD_LATE: 0.3},
}
BOOK_LIES: Final = (Lie.BOOK_UNREAD, Lie.POSITIONS_STALE, Lie.OUTSIDE_TRADE)
# So that a session trades whatever the volatility of its day.
TRADING: Final = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The setting of one session: its market, its means, and whether the broker's books can be read."""

    scenario: str
    market_seed: int
    capital_factor: int
    has_tight_stops: bool
    reads_books: bool
    looks: int = LOOKS


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """One session of a seed: what may be told wrong, how often, and where the process ends besides."""

    seed: int
    occasion: Occasion
    rates: dict[Lie, float] = field(default_factory=lambda: dict(ORDINARY_RATES))
    schedule: Schedule | None = None
    crash_at: int | None = None


def plan_of(seed: int) -> SessionPlan:
    """The session that a seed names: an even one with everything in it, an odd one with one kind of lie."""
    if seed % 2:
        kinds = list(Lie)[::-1]  # the rarest came last to the list
        return alone(kinds[seed // 2 % len(kinds)], seed)
    number = seed // 2
    return SessionPlan(
        seed=seed,
        occasion=Occasion(
            scenario=SCENARIOS[number % 5],
            market_seed=1 + number // 5 % MARKET_SEEDS,
            capital_factor=CAPITAL_FACTORS[number % 3],
            has_tight_stops=number % 7 in (3, 6),
            reads_books=number // 2 % 4 != 3,
        ),
    )


def alone(lie: Lie, seed: int) -> SessionPlan:
    """A session in a crash with one kind of lie, or with what leads to it, told often."""
    return SessionPlan(
        seed=seed,
        occasion=Occasion(
            scenario="crash",
            market_seed=1 + seed // 3 % MARKET_SEEDS,
            capital_factor=CAPITAL_FACTORS[seed % 3],
            has_tight_stops=seed % 2 == 1,
            reads_books=lie in BOOK_LIES or (list(Lie).index(lie) + seed) % 2 == 0,
        ),
        rates=OCCASIONS.get(lie, {}) | {lie: ALONE[lie]},
    )


class DrillDays:
    """Markets and engines of a configuration, each made once. Raises ConfigError on a bad one."""

    def __init__(self, root: Root, overrides: Sequence[str] = (), preset: str | None = None) -> None:
        self._root, self._overrides, self._preset = root, tuple(overrides), preset
        self.given = self._load(())
        self._days: dict[tuple[str, int], FaultDay] = {}
        self._engines: dict[tuple[str, ...], Engine] = {}

    def run(self, plan: SessionPlan) -> FaultResult:
        """One session."""
        occasion = plan.occasion
        engine = self.engine(self.changes(occasion))
        day = self.day(occasion.scenario, occasion.market_seed, reads_books=occasion.reads_books)
        day = replace(day, shots=day.shots[: occasion.looks])
        capital_inr = engine.settings.account_inr
        return run_fault_session(
            engine,
            day,
            liar=Liar(seed=plan.seed, rates=plan.rates, schedule=plan.schedule),
            exchange=_exchange(engine.rules, day.info, capital_inr),
            capital_inr=capital_inr,
            crash_at=plan.crash_at,
        )

    def changes(self, occasion: Occasion) -> tuple[str, ...]:
        """What is set besides the user's configuration for such a session."""
        capital = self.given.settings.account.capital_inr * occasion.capital_factor
        size = (f'account.capital_inr="{capital}"',) if occasion.capital_factor != 1 else ()
        return (*TRADING, *size, *(TIGHT_STOPS if occasion.has_tight_stops else ()))

    def engine(self, changes: tuple[str, ...]) -> Engine:
        """The engine of the configuration with some settings changed."""
        if changes not in self._engines:
            settings = self._load(changes).settings
            self._engines[changes] = Engine(settings.engine, rules_of(settings))
        return self._engines[changes]

    def day(self, scenario: str, market_seed: int, *, reads_books: bool = True) -> FaultDay:
        """The worst hour of a made-up day, with what a session is told first."""
        key = (scenario, market_seed)
        if key not in self._days:
            self._days[key] = self._make_day(scenario, market_seed)
        day = self._days[key]
        started, *others = day.opening
        if not isinstance(started, SessionStarted):
            raise ValueError(f"a session began with {type(started).__name__}, must with SessionStarted")
        broker = "simulator" if reads_books else PAPER
        return replace(day, opening=(replace(started, broker=broker), *others))

    def _load(self, changes: tuple[str, ...]) -> Loaded[Settings]:
        overrides = (*self._overrides, *changes)
        return load(self._root, overrides, settings_class=Settings, sections=SECTIONS, preset=self._preset)

    def _make_day(self, scenario: str, market_seed: int) -> FaultDay:
        settings = self.given.settings
        rules = rules_of(settings)
        asked = SourceRequest(seed=market_seed, scenario=scenario, cadence_s=CADENCE_S)
        source = open_source(asked, settings, self._root, rules)
        info = source.market.info
        whole = tuple(seen for seen in source.market.snapshots() if isinstance(seen, ChainSnapshot))
        shots = _traded_only(_worst_hour(whole, PACES.get(scenario, 1)), settings, rules, info)
        underlying = Underlying(settings.market.underlying)
        opened = opening_time(rules, info.trading_date)
        index = source.history.daily(underlying, info.trading_date) if source.history is not None else ()
        vix = source.history.daily("INDIA_VIX", info.trading_date) if source.history is not None else ()
        days_max = max((b.expiry_days_max for b in settings.bucket.values()), default=1)
        reach = ForecastReach(
            sessions_max=max(days_max, MONTH_SESSIONS), past_sessions=settings.iv_rv.history_sessions
        )
        history = HistoryLoaded(
            ts=opened,
            underlying=underlying,
            origin="simulator",
            index=index,
            vix=vix,
            forecasts=make_forecasts(index, settings.models, reach),
        )
        expiry = shots[0].listing.expiries[0]
        return FaultDay(
            lot_size=rules.contracts.lot_size(underlying, info.trading_date, expiry),
            info=info,
            shots=shots,
            opening=(_started(self.given, info, opened, market_seed), history),
        )


def _started(loaded: Loaded[Settings], info: SourceInfo, opened: datetime, seed: int) -> SessionStarted:
    return SessionStarted(
        ts=opened,
        session_id=f"drill {info.label}",
        phase=Phase.SHADOW,
        source=info,
        trading_date=info.trading_date,
        code_version="drill",
        platform="drill",
        seed=seed,
        settings={},
        settings_origins={},
        settings_hash=loaded.digest,
    )


def _exchange(rules: Rules, info: SourceInfo, capital_inr: Decimal) -> Exchange:
    return Exchange(
        rules=rules,
        underlying=info.underlying,
        trading_date=info.trading_date,
        settings=ExchangeSettings(gap_s=3.0 * CADENCE_S),
        capital_inr=capital_inr,
    )


# Entries come first, then the largest move that the day has for them; a crash runs faster than it did.
def _worst_hour(shots: tuple[ChainSnapshot, ...], pace: int) -> tuple[ChainSnapshot, ...]:
    levels = np.log([shot.underlying_ltp if shot.underlying_ltp is not None else np.nan for shot in shots])
    offsets = np.array(
        [i if i < ENTRY_LOOKS else ENTRY_LOOKS + pace * (i - ENTRY_LOOKS) for i in range(LOOKS)]
    )
    starts = range(FIRST_LOOK, min(LAST_FIRST_LOOK, len(shots) - int(offsets[-1])))
    if not starts:
        raise ValueError(f"a day of {len(shots)} looks is too short for {offsets[-1]}")
    courses = [levels[start + offsets] for start in starts]
    worths = [
        abs(course[-1] - course[ENTRY_LOOKS]) - CALM_FACTOR * np.ptp(course[:ENTRY_LOOKS])
        for course in courses
    ]
    first = starts[int(np.argmax(np.nan_to_num(worths, nan=-1.0)))]
    opened = shots[first].ts
    return tuple(
        replace(shots[first + offset], ts=opened + timedelta(seconds=CADENCE_S * i))
        for i, offset in enumerate(offsets.tolist())
    )


def _traded_only(
    shots: tuple[ChainSnapshot, ...], settings: Settings, rules: Rules, info: SourceInfo
) -> tuple[ChainSnapshot, ...]:
    # The expiries that a bucket would choose, and the nearest: the same trades on a fraction of the rows.
    whole = shots[0].listing
    underlying = Underlying(settings.market.underlying)
    listed = tuple((day, rules.contracts.is_monthly(underlying, day)) for day in whole.expiries[:8])
    taken = {
        choose_expiry(listed, info.trading_date, policy, frozenset())
        for policy in settings.engine.buckets.values()
        if policy.is_enabled
    }
    kept = [i for i, day in enumerate(whole.expiries) if i < 2 or day in taken]
    rows = np.isin(whole.expiry_index, kept)
    listing = Listing(
        underlying=whole.underlying,
        expiries=tuple(whole.expiries[i] for i in kept),
        offsets=np.concatenate([[0], np.cumsum(np.diff(whole.offsets)[kept])]),
        strike=whole.strike[rows],
        is_call=whole.is_call[rows],
    )
    return tuple(_cut(shot, listing, rows) for shot in shots)


def _cut(shot: ChainSnapshot, listing: Listing, rows: BoolArray) -> ChainSnapshot:
    columns = {name: getattr(shot, name)[rows] for name in COLUMNS}
    ages = shot.quote_age_s[rows] if shot.quote_age_s is not None else None
    return replace(shot, listing=listing, quote_age_s=ages, **columns)
