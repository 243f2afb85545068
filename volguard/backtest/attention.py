"""What the market of a played day is watched for: what is held stays listed, what goes on is looked at often.

A daily record has a look every half an hour; an order that is under way then, or an exit that waits to be
seen again, would meet the next look at another price. While something is under way the market is asked again
after seconds, as a live feed would show it.
"""

from __future__ import annotations

from datetime import date

from volguard.engine.state import State
from volguard.model.book import Position
from volguard.model.instrument import OptionContract


class Attention:
    """Hears the state after each step; begins with nothing held and nothing under way."""

    def __init__(self) -> None:
        self._state = State()

    def note(self, state: State) -> None:
        """The state after a step, or at the end of a day."""
        self._state = state

    @property
    def held(self) -> tuple[Position, ...]:
        """All positions."""
        desk = self._state.desk
        return () if desk is None else desk.book.positions

    def filled_on(self, day: date) -> dict[OptionContract, int]:
        """Units of each contract that were bought or sold on a day."""
        filled: dict[OptionContract, int] = {}
        for trade in () if self._state.desk is None else self._state.desk.book.trades:
            for fill in trade.fills:
                if fill.ts.date() == day:
                    filled[fill.contract] = filled.get(fill.contract, 0) + fill.quantity
        return filled

    @property
    def is_close(self) -> bool:
        """Whether orders, baskets, rolls are under way, or an exit of a live trade waits to be confirmed."""
        desk = self._state.desk
        if desk is None:
            return False
        live = {trade.trade_id for trade in desk.book.live_trades}
        waits = any(one.trade_id in live for one in desk.confirmations)  # what was seen last of others stays
        return bool(desk.book.live_orders or desk.baskets or desk.rolls or waits)
