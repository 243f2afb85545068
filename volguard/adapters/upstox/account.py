"""What the broker has of the account, asked for and given as values: orders, trades, positions, money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.limiter import Priority
from volguard.adapters.upstox.order_words import recency_of
from volguard.adapters.upstox.wire import data_of
from volguard.adapters.upstox.wire_account import (
    BrokerageData,
    KillSwitchRow,
    MarginData,
    PositionRow,
    Profile,
    StaticIp,
    cash_of,
    charges_of,
    charges_query,
    funds_of,
    kill_switch_body,
    margin_body,
    margin_of,
    position_of,
)
from volguard.adapters.upstox.wire_funds import FundsData
from volguard.adapters.upstox.wire_order_bodies import DELIVERY, order_query
from volguard.adapters.upstox.wire_orders import ContractOf, OrderRow, TradeRow, order_of, trade_of
from volguard.model.broker import (
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CashOfDay,
    ChargesAnswer,
    Funds,
    InstrumentKey,
    MarginAnswer,
    MarginLine,
)
from volguard.model.instrument import Side

NO_SUCH_ORDER: Final = "UDAPI100010"
TOO_MANY_LEGS: Final = "UDAPI1102"


class AccountReads:
    """Questions about the account; each raises ApiFailure when it gets no answer that can be read.

    `contract_of` tells which of our contracts a key stands for, None for what is none of ours.
    """

    def __init__(self, client: UpstoxClient, contract_of: ContractOf) -> None:
        self._client = client
        self._contract_of = contract_of
        self._margin_lines_max = client.settings.margin_lines_max

    def orders(self) -> tuple[BrokerOrder, ...]:
        """Today's orders, whoever gave them, as they stand."""
        reply = self._client.call(endpoints.ORDER_BOOK)
        return self._orders(data_of(reply.content, list[OrderRow], endpoints.ORDER_BOOK))

    def order(self, order_id: str) -> BrokerOrder:
        """One order as it stands. Raises ApiFailure REJECT when the broker has none of that id."""
        reply = self._client.call(endpoints.ORDER_DETAILS, query=order_query(order_id=order_id))
        row = data_of(reply.content, OrderRow, endpoints.ORDER_DETAILS)
        return order_of(row, self._contract_of)

    def order_history(self, order_id: str) -> tuple[BrokerOrder, ...]:
        """Every state that one order went through, oldest first."""
        return self._history(order_query(order_id=order_id))

    def orders_of_tag(self, tag: str) -> tuple[BrokerOrder, ...]:
        """The latest state of each order with our tag; () when the broker has none."""
        try:
            images = self._history(order_query(tag=tag))
        except ApiFailure as failure:
            if failure.code != NO_SUCH_ORDER:
                raise
            return ()
        latest = {image.order_id: image for image in images if image.tag == tag}
        return tuple(latest[order_id] for order_id in sorted(latest))

    def trades(self) -> tuple[BrokerTrade, ...]:
        """Today's executions."""
        reply = self._client.call(endpoints.TRADES)
        return self._trades(data_of(reply.content, list[TradeRow], endpoints.TRADES))

    def trades_of(self, order_id: str) -> tuple[BrokerTrade, ...]:
        """The executions of one order."""
        reply = self._client.call(endpoints.ORDER_TRADES, query=order_query(order_id=order_id))
        return self._trades(data_of(reply.content, list[TradeRow], endpoints.ORDER_TRADES))

    def positions(self) -> tuple[BrokerPosition, ...]:
        """Positions of today, those that were closed among them."""
        reply = self._client.call(endpoints.POSITIONS)
        rows = data_of(reply.content, list[PositionRow], endpoints.POSITIONS)
        return tuple(position_of(row, self._contract_of) for row in rows)

    def funds(self) -> Funds:
        """Money for margin; from 00:00 to 05:30 IST the broker does not say (exit code 75)."""
        reply = self._client.call(endpoints.FUNDS)
        return funds_of(data_of(reply.content, FundsData, endpoints.FUNDS))

    def cash_of_day(self) -> CashOfDay:
        """Cash now, at the day's opening, and paid in and out; the same hours as `funds`."""
        reply = self._client.call(endpoints.FUNDS)
        return cash_of(data_of(reply.content, FundsData, endpoints.FUNDS))

    def margin(self, lines: Sequence[MarginLine]) -> MarginAnswer:
        """What the broker wants for these legs together.

        More legs than it takes at once are asked for in parts, in the given order. The sum of the parts
        knows no benefit between them: it is never too little.
        """
        required, final = Decimal(0), Decimal(0)
        rest = list(lines)
        while rest:
            part = rest[: self._margin_lines_max]
            answer = self._margin_of_part(part)
            if answer is None:
                continue  # too many at once: the part is smaller now
            required += answer.required_inr
            final += answer.final_inr
            rest = rest[len(part) :]
        return MarginAnswer(required_inr=required, final_inr=final)

    def charges(
        self, key: InstrumentKey, *, quantity: int, side: Side, price: Decimal, product: str = DELIVERY
    ) -> ChargesAnswer:
        """What the broker would charge for one order."""
        query = charges_query(key, quantity=quantity, product=product, side=side, price=price)
        reply = self._client.call(endpoints.BROKERAGE, query=query)
        return charges_of(data_of(reply.content, BrokerageData, endpoints.BROKERAGE))

    def profile(self) -> Profile:
        """Who is logged in."""
        return data_of(self._client.call(endpoints.PROFILE).content, Profile, endpoints.PROFILE)

    def static_ip(self) -> StaticIp:
        """From which addresses order writes are taken."""
        return data_of(self._client.call(endpoints.STATIC_IP).content, StaticIp, endpoints.STATIC_IP)

    def kill_switch(self) -> dict[str, bool]:
        """The broker's own kill switch: segment -> whether it is on."""
        reply = self._client.call(endpoints.KILL_SWITCH)
        rows = data_of(reply.content, list[KillSwitchRow], endpoints.KILL_SWITCH)
        return {row.segment: row.kill_switch_enabled for row in rows}

    def set_kill_switch(self, segment: str, *, enable: bool) -> dict[str, bool]:
        """Turn it, once; gives all segments as they stand then.

        The broker refuses with positions open, keeps it on for 12 hours, and wants a new login afterwards.
        """
        reply = self._client.call(
            endpoints.SET_KILL_SWITCH,
            body=kill_switch_body(segment, enable=enable),
            priority=Priority.EXIT,
        )
        rows = data_of(reply.content, list[KillSwitchRow], endpoints.SET_KILL_SWITCH)
        return {row.segment: row.kill_switch_enabled for row in rows}

    def _history(self, query: dict[str, str]) -> tuple[BrokerOrder, ...]:
        reply = self._client.call(endpoints.ORDER_HISTORY, query=query)
        rows = data_of(reply.content, list[OrderRow], endpoints.ORDER_HISTORY)
        return tuple(sorted(self._orders(rows), key=_age))

    def _margin_of_part(self, part: Sequence[MarginLine]) -> MarginAnswer | None:
        try:
            reply = self._client.call(endpoints.MARGIN, body=margin_body(part))
        except ApiFailure as failure:
            if failure.code != TOO_MANY_LEGS or len(part) == 1:
                raise
            self._margin_lines_max = len(part) // 2
            return None
        return margin_of(data_of(reply.content, MarginData, endpoints.MARGIN))

    def _orders(self, rows: Sequence[OrderRow]) -> tuple[BrokerOrder, ...]:
        return tuple(order_of(row, self._contract_of) for row in rows)

    def _trades(self, rows: Sequence[TradeRow]) -> tuple[BrokerTrade, ...]:
        return tuple(trade_of(row, self._contract_of) for row in rows)


def _age(image: BrokerOrder) -> tuple[str, object]:
    recency = recency_of(
        image.word, filled_quantity=image.filled_quantity, request_number=image.request_number
    )
    return image.order_id, recency
