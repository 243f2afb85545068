"""One call on its way through the look-alike: the request with what routing has found out about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from volguard.simulator.upstox_server.envelope import CallRefused
from volguard.simulator.upstox_server.messages import Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request at a moment; `path` holds the values of the route's places, `token` is alive or None."""

    request: Request
    now: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None

    def query(self, name: str) -> str:
        """A query value, empty when it is not given."""
        return self.request.query.get(name, "").strip()

    def json(self) -> Any:
        """The body as JSON. Raises CallRefused when it is none."""
        try:
            return msgspec.json.decode(self.request.body)
        except msgspec.MsgspecError as error:
            raise CallRefused("UDAPI100036") from error


Handler = Callable[[Call], Response]
