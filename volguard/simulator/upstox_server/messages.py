"""What goes in and out of the look-alike, whatever carries it: a socket, or a call in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a reply on its way."""

    DELIVERED = "delivered"
    DROPPED = "dropped"  # the work is done, the caller never hears of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `host` is api, order or assets, header names are lower case, query is decoded."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response; `delay_s` is to be waited for, in the server's own time, before it is sent."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    fate: Fate = Fate.DELIVERED
    delay_s: float = 0.0
