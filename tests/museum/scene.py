"""A session against a broker whose every word the test says: nothing is heard that the test does not tell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from tests.fakes import TRADING, Day, make_engine, opening, simulated
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.model.book import Trade
from volguard.model.broker import BrokerView
from volguard.model.decision import Approved
from volguard.model.event import (
    PAPER,
    Alert,
    BrokerBookRead,
    Cancel,
    Effect,
    Event,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    OrderAbsent,
    OrderFilled,
    OrderUpdated,
    Place,
    Record,
    SessionStarted,
)
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order, OrderRequest, OrderState, Purpose

ENGINE = make_engine(*TRADING, "bucket.monthly.is_enabled=false", "account.capital_inr=10000000")


def crash_day() -> Day:
    """A day that trades in the morning, a look every five minutes."""
    return simulated(seed=1, scenario="crash")


@dataclass
class Scene:
    """The engine on a simulated day, stopped between two looks; `effects` are all that left so far."""

    engine: Engine = ENGINE
    state: State = field(default_factory=State)
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    looks: int = 2
    _fills: int = 0

    @classmethod
    def opened(cls, engine: Engine = ENGINE, *, broker: str = PAPER) -> Scene:
        """A session that has started and looked at nothing yet; a broker's own book was read as empty."""
        scene = cls(engine=engine)
        started, history = opening(crash_day())
        assert isinstance(started, SessionStarted)
        scene.tell(replace(started, broker=broker))
        scene.tell(history)
        if broker != PAPER:
            scene.read(BrokerView(orders=(), trades=(), positions=()))
        return scene

    @classmethod
    def entering(cls, engine: Engine = ENGINE, *, broker: str = PAPER) -> Scene:
        """A session that has just sent the hedges of its first trade."""
        scene = cls.opened(engine, broker=broker)
        while not scene.placed():
            scene.look()
        return scene

    @classmethod
    def holding(cls, engine: Engine = ENGINE, *, broker: str = PAPER) -> Scene:
        """A session whose first trade is filled whole; nothing is under way."""
        scene = cls.entering(engine, broker=broker)
        while scene.alive():
            scene.fill_all()
            if scene.desk.baskets:
                scene.look()
        return scene

    # --- what happens -----------------------------------------------------------------------------

    def tell(self, event: Event) -> tuple[Effect, ...]:
        """One event; what it made the engine send."""
        step = self.engine.step(self.state, event)
        self.state = step.state
        self.events.append(event)
        self.effects += step.effects
        self.records += step.records
        return step.effects

    def look(self) -> tuple[Effect, ...]:
        """The next look at the market."""
        shot = crash_day().market.shots[self.looks]
        self.looks += 1
        return self.tell(MarketSnapshot(ts=shot.ts, snapshot=shot))

    def word(self, tag: str, state: OrderState, filled: int = 0) -> tuple[Effect, ...]:
        """The broker's word on an order, a second later."""
        return self.tell(
            OrderUpdated(
                ts=self.soon(), tag=tag, state=state, filled_quantity=filled, broker_order_id=f"B-{tag}"
            )
        )

    def fill(self, tag: str, quantity: int | None = None, price: Decimal | None = None) -> tuple[Effect, ...]:
        """An execution, of all that is open unless a quantity is given."""
        order = self.order(tag)
        self._fills += 1
        return self.tell(
            OrderFilled(
                ts=self.soon(),
                tag=tag,
                fill_id=f"F{self._fills}",
                quantity=order.open_quantity if quantity is None else quantity,
                price=order.limit_price if price is None else price,
            )
        )

    def absent(self, tag: str, seconds: float = 1.0) -> tuple[Effect, ...]:
        """A reading of the broker's book without the order."""
        return self.tell(OrderAbsent(ts=self.soon(seconds), tag=tag))

    def read(self, view: BrokerView, seconds: float = 10.0) -> tuple[Effect, ...]:
        """A reading of the broker's whole book."""
        return self.tell(BrokerBookRead(ts=self.soon(seconds), view=view))

    def flatten(self) -> tuple[Effect, ...]:
        """The operator's word to close everything."""
        return self.tell(OperatorSpoke(ts=self.soon(), command=OperatorCommand.FLATTEN))

    def fill_all(self) -> None:
        """Everything that is out is filled whole."""
        for order in self.alive():
            self.fill(order.request.tag)

    def restarted(self) -> Scene:
        """What another process makes of the journal alone."""
        fresh = Scene(engine=self.engine, looks=self.looks)
        for event in self.events:
            fresh.tell(event)
        return fresh

    # --- what is there ----------------------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        assert self.state.desk is not None
        return self.state.desk

    def soon(self, seconds: float = 1.0) -> datetime:
        return self.desk.now + timedelta(seconds=seconds)

    def order(self, tag: str) -> Order:
        found = self.desk.book.order(tag)
        assert found is not None, tag
        return found

    def alive(self) -> tuple[Order, ...]:
        return self.desk.book.live_orders

    def units(self) -> dict[OptionContract, int]:
        """What is held, signed."""
        return {position.contract: position.quantity for position in self.desk.book.positions}

    def trade(self) -> Trade:
        """The first trade."""
        return self.desk.book.trades[0]

    def placed(
        self, *, since: int = 0, purpose: Purpose | None = None, side: Side | None = None
    ) -> list[OrderRequest]:
        """Orders that left, from the effect of that number on."""
        return [
            effect.approved.request
            for effect in self.effects[since:]
            if isinstance(effect, Place)
            and purpose in (None, effect.approved.request.purpose)
            and side in (None, effect.approved.request.side)
        ]

    def cancelled(self, *, since: int = 0) -> list[str]:
        """Tags of the cancels that left."""
        return [effect.tag for effect in self.effects[since:] if isinstance(effect, Cancel)]

    def alerts(self, *, since: int = 0) -> list[str]:
        """Codes of the alerts."""
        return [effect.code for effect in self.effects[since:] if isinstance(effect, Alert)]


def again(approved: Approved) -> Approved:
    """The same order under a review of its own: what a blind retry would send."""
    return replace(approved, review_sequence=approved.review_sequence + 1)
