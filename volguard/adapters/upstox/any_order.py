"""Orders of the account that are not of this process: taken off by the broker's own number."""

from __future__ import annotations

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.limiter import Priority
from volguard.adapters.upstox.wire_order_bodies import cancel_query


def cancel_order(client: UpstoxClient, order_id: str, *, patience_s: float = 2.0) -> None:
    """Ask for the end of an order, whoever gave it; its status tells later whether it came.

    Raises ApiFailure, InvariantBroken on a number that cannot be one.
    """
    client.call(endpoints.CANCEL, query=cancel_query(order_id), priority=Priority.EXIT, patience_s=patience_s)
