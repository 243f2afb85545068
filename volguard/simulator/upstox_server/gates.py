"""What a request passes before and after its desk: route, budget, faults, token, address, service hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import Final

import msgspec

from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, failure, page
from volguard.simulator.upstox_server.faults import FaultName, Faults
from volguard.simulator.upstox_server.limits import RateGate
from volguard.simulator.upstox_server.messages import Fate, Request, Response
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.routes import SANDBOX_PATHS, Found, Hours, Route, RouteTable
from volguard.simulator.upstox_server.safety import StaticIp
from volguard.simulator.upstox_server.tokens import Tokens, bearer_of

SERVICES_OPEN_AT: Final = time(5, 30)
GATEWAY: Final = ((502, "Bad gateway"), (503, "Service Temporarily Unavailable"), (504, "Gateway time-out"))
ORDER_HOST: Final = "order"


class Gates:
    """Answers requests; everything about a call that is not its desk's business."""

    def __init__(
        self,
        *,
        routes: RouteTable,
        gate: RateGate,
        tokens: Tokens,
        static_ip: StaticIp,
        options: LookAlikeOptions,
        faults: Faults,
    ) -> None:
        self._routes, self._gate, self._tokens = routes, gate, tokens
        self._static_ip, self._options, self._faults = static_ip, options, faults
        self.requests = 0
        self.misrouted = 0

    @property
    def rate_violations(self) -> int:
        """Requests over a budget."""
        return self._gate.violations

    def answer(self, request: Request, now: datetime) -> Response:
        """The response, with what faults make of it."""
        self.requests += 1
        found = self._routes.find(request.method, request.path)
        if isinstance(found, bool):
            return failure("UDAPI10000") if found else failure("UDAPI100060")
        route = found.route
        if route.wants_order_host is not (request.host == ORDER_HOST) and route.is_write:
            self.misrouted += 1
        struck = self._before(route, now)
        if struck is not None:
            return struck
        try:
            response = self._passed(request, found, now)
        except CallRefused as refused:
            response = failure(refused.code, refused.status, **refused.beside)
        return self._after(route, response, now)

    def _passed(self, request: Request, found: Found, now: datetime) -> Response:
        route = found.route
        lines = self._lines(route, request)
        if not route.is_login and not self._gate.admits(route.rate_class, route.name, now, lines=lines):
            raise CallRefused("UDAPI10005")
        token = bearer_of(request.headers.get("authorization"))
        is_alive = self._tokens.is_alive(token, now)
        if route.needs_token and not is_alive:
            raise CallRefused("UDAPI100050")
        if self._options.is_sandbox and not route.is_login and request.path not in SANDBOX_PATHS:
            raise CallRefused("UDAPI100060")
        if route.is_write and self._static_ip.refuses(request):
            raise CallRefused("UDAPI1154", status=self._options.static_ip_status)
        self._check_hours(route, now)
        call = Call(request=request, now=now, path=found.path, token=token if is_alive else None)
        return route.handler(call)

    def _lines(self, route: Route, request: Request) -> int:
        if not self._options.counts_lines or route.name != "multi_place":
            return 1
        try:
            body = msgspec.json.decode(request.body)
        except msgspec.MsgspecError:
            return 1
        return max(1, len(body)) if isinstance(body, list) else 1

    def _check_hours(self, route: Route, now: datetime) -> None:
        if route.hours is Hours.ALWAYS or now.time() >= SERVICES_OPEN_AT:
            return
        if route.hours is Hours.FUNDS:
            raise CallRefused("UDAPI100072")
        raise CallRefused("UDAPI100074", status=self._options.order_window_status)

    # --- faults -----------------------------------------------------------------------------------

    def _before(self, route: Route, now: datetime) -> Response | None:
        # Nothing of the call is done when one of these strikes.
        if self._faults.is_quiet:
            return None
        if self._strikes(FaultName.HTML_403, route, now):
            return page(403, "Access denied", "<h1>Error 1010</h1><p>error code: 1010</p>")
        if self._strikes(FaultName.EMPTY_400, route, now):
            return Response(status=400, body=b"")
        if self._strikes(FaultName.SERVER_ERROR_BEFORE, route, now):
            return self._gateway_page(FaultName.SERVER_ERROR_BEFORE)
        if self._strikes(FaultName.RATE_LIMIT, route, now):
            return failure("UDAPI10005")
        if self._strikes(FaultName.RATE_LIMIT_IN_200, route, now):
            return failure("UDAPI10005", 200)
        return None

    def _after(self, route: Route, response: Response, now: datetime) -> Response:
        # The call is done; these decide what is heard of it.
        if self._faults.is_quiet:
            return response
        if self._strikes(FaultName.SERVER_ERROR_AFTER, route, now):
            response = self._gateway_page(FaultName.SERVER_ERROR_AFTER)
        if self._strikes(FaultName.LATENCY, route, now):
            response = replace(response, delay_s=self._faults.size_of(FaultName.LATENCY))
        if self._strikes(FaultName.DROPPED_REPLY, route, now):
            response = replace(response, fate=Fate.DROPPED)
        return response

    def _gateway_page(self, name: FaultName) -> Response:
        choice = self._faults.choose(name, len(GATEWAY) + 1)
        if choice == len(GATEWAY):
            return failure("UDAPI100500")
        status, title = GATEWAY[choice]
        return page(status, f"{status} {title}", f"<center><h1>{status} {title}</h1></center>")

    def _strikes(self, name: FaultName, route: Route, now: datetime) -> bool:
        # A login is spared unless a rule names it: a rehearsal must be able to begin.
        if route.is_login and not self._faults.names(name, route.name):
            return False
        return self._faults.strikes(name, now, route.name)
