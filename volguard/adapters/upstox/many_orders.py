"""The broker's own sweeps: cancel everything, exit everything; each asked for once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.endpoints import Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.limiter import Priority
from volguard.adapters.upstox.wire import WireError, whole_of
from volguard.adapters.upstox.wire_orders import ManyOrders

SEGMENT: Final = "NSE_FO"
# Each is said both for "there is none" and for "there are too many": only the book tells which.
NOTHING_OR_TOO_MANY: Final = ("UDAPI1108", "UDAPI1109", "UDAPI1111")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Orders that were cancelled, or made to exit, and what could not be."""

    order_ids: tuple[str, ...] = ()
    failed: tuple[WireError, ...] = ()


def cancel_all(client: UpstoxClient, reads: AccountReads, *, tag: str | None = None) -> Swept:
    """Ask for the end of every open order of the segment, or of one tag.

    Raises ApiFailure; one whose outcome is open may have cancelled any of them.
    """
    try:
        return _sweep(client, endpoints.MULTI_CANCEL, tag)
    except ApiFailure as failure:
        if failure.code not in NOTHING_OR_TOO_MANY or any(_may_fill(reads, tag)):
            raise
        return Swept()


def exit_all(client: UpstoxClient, reads: AccountReads, *, tag: str | None = None) -> Swept:
    """Have the broker close every position of the segment with market orders, in an order of its own.

    A last resort: it knows no hedges, and `tag` reaches intraday positions alone. Raises ApiFailure; one
    whose outcome is open may have made orders.
    """
    try:
        return _sweep(client, endpoints.EXIT_ALL, tag, body={})
    except ApiFailure as failure:
        if failure.code not in NOTHING_OR_TOO_MANY or any(held.quantity for held in reads.positions()):
            raise
        return Swept()


def _sweep(client: UpstoxClient, endpoint: Endpoint, tag: str | None, body: object = None) -> Swept:
    query = {"segment": SEGMENT, **({"tag": tag} if tag else {})}
    reply = client.call(endpoint, query=query, body=body, priority=Priority.EXIT)
    answer = whole_of(reply.content, ManyOrders, endpoint)
    return Swept(order_ids=answer.order_ids, failed=answer.failed)


def _may_fill(reads: AccountReads, tag: str | None) -> list[str]:
    return [
        order.order_id
        for order in reads.orders()
        if (order.state is None or order.state.may_fill) and tag in (None, order.tag)
    ]
