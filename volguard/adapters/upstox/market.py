"""The live market behind the MarketData port: the feed, and REST wherever the feed is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Final
from urllib.parse import urlsplit

from volguard.adapters.upstox.errands import Errands
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.feed_socket import Subscription
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.kept_socket import Kept, SocketPlan
from volguard.adapters.upstox.live_market import LiveMarket, LiveRules, Told
from volguard.adapters.upstox.quote_board import QuoteBoard, QuoteReport
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.adapters.upstox.universe import Reach, Universe, choose_universe
from volguard.model.broker import InstrumentKey
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract, Underlying
from volguard.model.market import Capabilities, SourceInfo
from volguard.nse.calendar import Session
from volguard.ports import Clock

KIND: Final = "upstox"
PULSE_S: Final = 1.0  # the session hears something at least so often, if only that there is nothing
LEVELS: Final = 2  # index and VIX, beside the contracts
QUOTES_PER_CALL: Final = 500
RECENTRE_SHARE: Final = 0.5  # of the reach: so far the index may move before other strikes are looked at
FAR_TURNS: Final = 3
MASTER_HINT: Final = "volguard data instruments fetches today's file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What a live market reaches the outside with.

    `fetch` gives full quotes by REST and `authorise` the feed's address, both raising ApiFailure;
    `token_generation` is raised with each new token; `note` tells the operator something.
    """

    clock: Clock
    fetch: Callable[[Sequence[InstrumentKey]], Iterable[QuoteReport]]
    authorise: Callable[[], str]
    connect: Callable[[SocketPlan], Kept]
    errands: Callable[[], Errands]
    token_generation: Callable[[], int]
    note: Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class _Run:
    # One reading of the market from first to last turn; `centre` is the level that strikes were chosen for.
    market: LiveMarket
    subscription: Subscription
    feed: Kept
    errands: Errands
    board: QuoteBoard | None = None
    centre: float = 0.0
    far_turns: int = 0

    def close(self) -> None:
        self.feed.close()
        self.errands.close()


class UpstoxMarket:
    """One day's live market of an underlying, from the open to the close of `session`.

    `held` names the contracts that must be in sight; it is asked whenever contracts are chosen. Close it.
    """

    def __init__(
        self,
        settings: UpstoxSettings,
        *,
        underlying: Underlying,
        account: str,
        master: InstrumentMaster,
        session: Session,
        edge: Edge,
        held: Callable[[], Iterable[OptionContract]],
    ) -> None:
        self._settings = settings
        self._underlying = underlying
        self._account = account
        self._master = master
        self._session = session
        self._edge = edge
        self._held = held
        self._now = edge.clock.now
        self._run: _Run | None = None

    @property
    def info(self) -> SourceInfo:
        """The account, or the look-alike's address; the same digest for the same day and address."""
        settings = self._settings
        where = urlsplit(settings.base_url).netloc
        told = (self._underlying, self._session.day.isoformat(), settings.base_url, settings.cadence_s)
        return SourceInfo(
            kind=KIND,
            label=f"look-alike {where}" if settings.is_rehearsal else f"Upstox {self._account}",
            underlying=self._underlying,
            trading_date=self._session.day,
            capabilities=Capabilities(
                spot=True, vix=True, quote_time=True, depth=False, cadence_s=settings.cadence_s
            ),
            digest=blake2b("|".join(map(str, told)).encode(), digest_size=32).hexdigest(),
        )

    def snapshots(self, after: datetime | None = None) -> Iterator[Told]:
        """Snapshots strictly later than `after`, silences and link changes, until the close.

        Begins before the open with silence alone. Whatever the network does, something is told about every
        second of the session's clock.
        """
        run = self._run = self._begin(after)
        try:
            while not run.market.is_over(self._now()):
                self._send_for_quotes(run)
                self._follow(run)
                yield from run.market.turn(self._now())
                for note in run.market.drain_notes():
                    self._edge.note(note)
                self._edge.clock.sleep(min(PULSE_S, run.market.seconds_to_slot(self._now())))
        finally:
            run.close()

    @property
    def figures(self) -> Mapping[str, int]:
        """Counts of what came in and went wrong since the session began, for a status line."""
        run = self._run
        if run is None or run.board is None:
            return {}
        return {**asdict(run.board.counts), **asdict(run.market.counts)}

    def close(self) -> None:
        """Let the feed and the thread for quotes go, within a second or so."""
        if self._run is not None:
            self._run.close()

    def _begin(self, after: datetime | None) -> _Run:
        market = LiveMarket(
            self._rules(),
            first_keys=(self._master.index_key, self._master.vix_key),
            token_generation=self._edge.token_generation,
            after=after,
        )
        subscription = Subscription(keys_max=self._settings.full_keys_max)
        return _Run(
            market=market,
            subscription=subscription,
            feed=self._edge.connect(self._plan(market, subscription)),
            errands=self._edge.errands(),
        )

    def _rules(self) -> LiveRules:
        return LiveRules(
            windows=self._session.windows,
            cadence_s=self._settings.cadence_s,
            verify_s=self._settings.verify_s,
            stall_s=self._settings.stall_s,
        )

    def _plan(self, market: LiveMarket, subscription: Subscription) -> SocketPlan:
        return SocketPlan(
            name="market feed",
            authorise=self._edge.authorise,
            hello=subscription.hello,
            changes=subscription.changes,
            on_message=lambda message: market.on_frame(message, self._now()),
            on_news=market.on_news,
            must_speak=lambda: market.is_open(self._now()),
            stall_s=self._settings.stall_s,
            token_generation=self._edge.token_generation,
        )

    # The answer comes in another thread: the session never waits for the network.
    def _send_for_quotes(self, run: _Run) -> None:
        if run.errands.is_free and (keys := run.market.wanted(self._now())):
            run.errands.run(partial(self._ask, run.market, keys))

    def _ask(self, market: LiveMarket, keys: Sequence[InstrumentKey]) -> None:
        try:
            for start in range(0, len(keys), QUOTES_PER_CALL):
                reports = self._edge.fetch(keys[start : start + QUOTES_PER_CALL])
                market.on_quotes(reports, self._now())
        except ApiFailure as failure:
            market.on_failure(failure)

    # Strikes are chosen once the level is known, and anew when the index has left the middle of them for more
    # than a moment: a single wrong tick moves nothing.
    def _follow(self, run: _Run) -> None:
        level = run.market.level
        if level is None:
            return
        if run.board is None:
            self._look_around(run, level)
            run.feed.start()
            return
        is_far = abs(level / run.centre - 1.0) > RECENTRE_SHARE * self._settings.strike_reach_share
        run.far_turns = run.far_turns + 1 if is_far else 0
        if run.far_turns == FAR_TURNS:
            self._look_around(run, level)

    def _look_around(self, run: _Run, level: float) -> None:
        try:
            universe = self._universe(level)
        except ValueError as nothing:
            if run.board is None:
                raise DataError(f"instruments: {nothing}", hint=MASTER_HINT) from nothing
            self._edge.note(f"strikes stay as they are: {nothing}")
            return
        run.centre, run.far_turns = level, 0
        run.board = QuoteBoard(
            universe.listing,
            universe.keys,
            index_key=self._master.index_key,
            vix_key=self._master.vix_key,
            level_age_max_s=self._settings.stall_s,
            before=run.board,
        )
        run.market.open_board(run.board, self._now())
        run.subscription.look_at(run.board.keys)
        self._edge.note(
            f"{len(universe.listing)} contracts of {len(universe.listing.expiries)} expiries around "
            f"{level:.2f} are looked at" + (f", {universe.left_out} left out" if universe.left_out else "")
        )

    def _universe(self, level: float) -> Universe:
        return choose_universe(
            (instrument.contract for instrument in self._master.options),
            underlying=self._underlying,
            level=level,
            trading_date=self._session.day,
            reach=Reach(
                expiries_max=self._settings.expiries_max,
                strike_share=self._settings.strike_reach_share,
                contracts_max=self._settings.full_keys_max - LEVELS,
            ),
            held=self._held(),
            key_of=self._master.key_of,
        )
