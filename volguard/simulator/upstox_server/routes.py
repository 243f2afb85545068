"""Every call that the look-alike knows: method, path, who answers, and the gates before the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from volguard.simulator.upstox_server.call import Handler
from volguard.simulator.upstox_server.limits import RateClass

PLACE: Final = re.compile(r"\{(\w+)\}")
# The seven calls of the sandbox.
SANDBOX_PATHS: Final = frozenset(
    {
        *("/v2/order/place", "/v2/order/modify", "/v2/order/cancel", "/v2/order/multi/place"),
        *("/v3/order/place", "/v3/order/modify", "/v3/order/cancel"),
    }
)


class Hours(StrEnum):
    """Which service hours a call keeps."""

    ALWAYS = "always"
    ORDERS = "orders"
    FUNDS = "funds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call. `wants_order_host`: the broker's fast host is where it belongs."""

    name: str
    method: str
    path: str
    handler: Handler
    needs_token: bool = True
    is_write: bool = False  # of orders: counted in their budget, from a registered address alone
    is_login: bool = False
    wants_order_host: bool = False
    hours: Hours = Hours.ALWAYS

    @property
    def rate_class(self) -> RateClass:
        """Its budget."""
        return RateClass.ORDER if self.is_write else RateClass.STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A route with the values of its places."""

    route: Route
    path: Mapping[str, str] = field(default_factory=dict)


class RouteTable:
    """Finds routes: exact paths first, then those with places, in the order given."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Found]] = {}
        self._placed: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if PLACE.search(route.path):
                pattern = PLACE.sub(r"(?P<\1>[^/]+)", route.path.replace(".", r"\."))
                self._placed.append((re.compile(pattern), route))
            else:
                self._exact.setdefault(route.path, {})[route.method] = Found(route=route)

    def find(self, method: str, path: str) -> Found | bool:
        """The route; True when the path is known with other methods, False when it is not at all."""
        by_method = self._exact.get(path)
        if by_method is not None:
            return by_method.get(method, True)
        is_known = False
        for pattern, route in self._placed:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return Found(route=route, path=match.groupdict())
            is_known = True
        return is_known
