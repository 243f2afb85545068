"""The broker as a flatten sees it: books, prices and contract rules, each of which may fail by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.wire_quotes import DepthLevel, FullQuote
from volguard.execution.flatten import ContractTerms, Sight
from volguard.measure.broker_net import BrokerEvidence, DoubtfulOrder, Holding, holdings
from volguard.measure.flat_cost import Depth, Level
from volguard.measure.witnesses import Witnesses
from volguard.model.broker import BrokerPosition, ErrorClass, InstrumentKey
from volguard.model.errors import DateNotCovered, InvariantBroken
from volguard.model.units import tick_price
from volguard.nse.contracts import Contracts
from volguard.ports import Clock

NO_DEPTH: Final = Depth()
AnswerT = TypeVar("AnswerT")
ORDERS, POSITIONS, QUOTES = "orders", "positions", "quotes"


@dataclass(slots=True, kw_only=True)
class Reading:
    """How one kind of question fares: how often it failed in a row, and why the last time."""

    failures: int = 0
    answered: int = 0
    trouble: str = ""
    is_login: bool = False

    def note(self, error: ApiFailure | InvariantBroken | None) -> None:
        """What the last question came to."""
        if error is None:
            self.failures, self.trouble, self.is_login = 0, "", False
            self.answered += 1
            return
        self.failures += 1
        self.trouble = error.message
        self.is_login = isinstance(error, ApiFailure) and error.error_class is ErrorClass.AUTH


@dataclass(slots=True, kw_only=True)
class FlattenEdge:
    """All that a flatten asks the broker. Without an instrument file `broker` is None: no order of ours."""

    client: UpstoxClient
    clock: Clock
    master: InstrumentMaster | None
    contracts: Contracts
    broker: UpstoxBroker | None = None
    readings: dict[str, Reading] = field(
        default_factory=lambda: {name: Reading() for name in (ORDERS, POSITIONS, QUOTES)}
    )
    witnesses: Witnesses = field(default_factory=Witnesses.none)
    last_positions: tuple[BrokerPosition, ...] | None = None
    _sights: dict[InstrumentKey, Sight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.master is not None:
            self.broker = UpstoxBroker(self.client, self.master, self.clock)

    @property
    def now(self) -> Callable[[], datetime]:
        """Tells the broker's time."""
        return self.clock.now

    @property
    def reads(self) -> AccountReads:
        """Questions about the account."""
        master = self.master
        return AccountReads(self.client, master.contract_of if master is not None else lambda _key: None)

    def books(self, in_doubt: tuple[DoubtfulOrder, ...]) -> BrokerEvidence | None:
        """Orders, then positions; None when either cannot be read: nothing is proven then."""
        read_clock = self.now
        read_at = read_clock()
        orders = self._ask(ORDERS, self.reads.orders)
        positions = self._ask(POSITIONS, self.reads.positions)
        if positions is not None:
            self.last_positions = positions
        if orders is None or positions is None:
            return None
        self.witnesses = self.witnesses.after(positions, orders, read_at)
        return BrokerEvidence(
            read_at=read_at,
            orders=orders,
            positions=positions,
            in_doubt=in_doubt,
            offsets=self.witnesses.offsets,
        )

    def sights(self, held: Iterable[Holding]) -> dict[InstrumentKey, Sight]:
        """What the market shows of positions: full quotes; where they fail, the broker's last price.

        A last price comes with the positions, so it was read with them.
        """
        wanted = [one for one in held if one.contract is not None]
        read_clock = self.now
        keys = [one.key for one in wanted]
        answer = self._ask(QUOTES, lambda: MarketReads(self.client).quotes(keys)) if keys else None
        found = answer.found if answer is not None else {}
        seen = {}
        for one in wanted:
            tick = self._tick(one)
            if tick is None:
                continue
            sight = sight_of(found.get(one.key), tick, read_clock(), fallback=one.last_price)
            if sight is not None:
                seen[one.key] = sight
        return seen

    def terms(self, held: Iterable[Holding]) -> dict[InstrumentKey, ContractTerms]:
        """Lot, freeze and tick as the instrument file has them; the smaller freeze where our rules differ."""
        found = {}
        read_clock = self.now
        for one in held:
            listed = (
                self.master.instrument(one.contract)
                if self.master is not None and one.contract is not None
                else None
            )
            if listed is None:
                continue
            freeze = listed.freeze_quantity
            try:
                ours = self.contracts.freeze_quantity(listed.contract.underlying, read_clock().date())
                freeze = min(freeze, ours)
            except DateNotCovered:
                pass  # the broker's own figure is what it enforces
            found[one.key] = ContractTerms(lot_size=listed.lot_size, freeze_quantity=freeze, tick=listed.tick)
        return found

    @property
    def known_holdings(self) -> tuple[Holding, ...] | None:
        """What the last reading of the positions held; None: they were never read."""
        return None if self.last_positions is None else holdings(self.last_positions)

    @property
    def troubles(self) -> dict[str, str]:
        """Questions that get no answer now, and why."""
        return {name: one.trouble for name, one in self.readings.items() if one.trouble}

    def _tick(self, holding: Holding) -> Decimal | None:
        if self.master is None or holding.contract is None:
            return None
        listed = self.master.instrument(holding.contract)
        return None if listed is None else listed.tick

    def _ask(self, name: str, question: Callable[[], AnswerT]) -> AnswerT | None:
        try:
            answer = question()
        except (ApiFailure, InvariantBroken) as error:
            self.readings[name].note(error)
            return None
        self.readings[name].note(None)
        return answer


def sight_of(
    quote: FullQuote | None, tick: Decimal, read_at: datetime, *, fallback: Decimal | None
) -> Sight | None:
    """What a full quote shows, on the tick; its last price, else the one of the position."""
    depth, last = NO_DEPTH, fallback if fallback is not None and fallback > 0 else None
    if quote is not None:
        if quote.depth is not None:
            depth = Depth(bids=_levels(quote.depth.buy, tick), asks=_levels(quote.depth.sell, tick))
        if quote.last_price > 0:
            last = tick_price(quote.last_price, tick)
    if last is None and not depth.bids and not depth.asks:
        return None
    return Sight(read_at=read_at, depth=depth, last=None if last is None else tick_price(float(last), tick))


def _levels(levels: Iterable[DepthLevel], tick: Decimal) -> tuple[Level, ...]:
    return tuple(
        Level(price=tick_price(level.price, tick), quantity=level.quantity)
        for level in levels
        if level.price > 0 and level.quantity > 0
    )


def mids_of(sights: Mapping[InstrumentKey, Sight]) -> dict[InstrumentKey, Decimal]:
    """Mid of each contract that both sides quote."""
    mids = {}
    for key, sight in sights.items():
        if sight.depth.bids and sight.depth.asks:
            bid = max(level.price for level in sight.depth.bids)
            ask = min(level.price for level in sight.depth.asks)
            mids[key] = (bid + ask) / 2
    return mids
