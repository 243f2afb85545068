"""Access tokens, login codes and socket tickets: made from the seed, dead when they should be."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from volguard.model.units import IST

TOKENS_DIE_AT: Final = time(3, 30)
CODE_LENGTH: Final = 6
ISSUER: Final = "udapi-gateway-service"
BEARER: Final = "Bearer "


def next_death(now: datetime) -> datetime:
    """The next 03:30 IST strictly after a moment."""
    today = datetime.combine(now.astimezone(IST).date(), TOKENS_DIE_AT, tzinfo=IST)
    return today if now < today else today + timedelta(days=1)


class Mint:
    """Draws identifiers: the same seed gives the same ones, in the same order."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0

    def draw(self, purpose: str, size: int = 16) -> bytes:
        """Bytes that no other drawing gives."""
        self._count += 1
        text = f"{self._seed}|{purpose}|{self._count}"
        return hashlib.blake2b(text.encode(), digest_size=size).digest()

    def uuid(self, purpose: str) -> str:
        """A UUID."""
        return str(UUID(bytes=self.draw(purpose), version=4))

    def code(self) -> str:
        """A short login code, as the redirect carries it."""
        return base64.b32encode(self.draw("login code")).decode().lower()[:CODE_LENGTH]


class Tokens:
    """Tokens that were given out; one dies at 03:30 IST, at a logout, or with all others."""

    def __init__(self, *, account: str, has_plus: bool, mint: Mint) -> None:
        self._account, self._has_plus, self._mint = account, has_plus, mint
        self._expires_at: dict[str, datetime] = {}

    def issue(self, now: datetime) -> str:
        """A new token; older ones stay alive."""
        expires_at = next_death(now)
        head = {"typ": "JWT", "kid": "sk_v1.0", "alg": "HS256"}
        body = {
            "sub": self._account,
            "jti": self._mint.draw("token id", 12).hex(),
            "isMultiClient": False,
            "isPlusPlan": self._has_plus,
            "iat": int(now.timestamp()),
            "iss": ISSUER,
            "exp": int(expires_at.timestamp()),
        }
        parts = [msgspec.json.encode(head), msgspec.json.encode(body), self._mint.draw("signature", 32)]
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        self._expires_at[token] = expires_at
        return token

    def expiry(self, token: str) -> datetime:
        """When a token that was issued here dies. Raises KeyError for another."""
        return self._expires_at[token]

    def is_alive(self, token: str | None, now: datetime) -> bool:
        """Whether a token opens anything now."""
        expires_at = self._expires_at.get(token) if token is not None else None
        return expires_at is not None and now < expires_at

    def revoke(self, token: str) -> None:
        """One token dies."""
        self._expires_at.pop(token, None)

    def revoke_all(self) -> None:
        """Every token dies."""
        self._expires_at.clear()


def bearer_of(authorization: str | None) -> str | None:
    """The token in an Authorization header; None when it carries none."""
    if authorization is None or not authorization.startswith(BEARER):
        return None
    return authorization.removeprefix(BEARER).strip() or None


class TicketKind(StrEnum):
    """Which socket a ticket opens."""

    MARKET = "market"
    PORTFOLIO = "portfolio"


PATHS: Final = {
    TicketKind.MARKET: "/market-data-feeder/v3/upstox-developer-api/feeds",
    TicketKind.PORTFOLIO: "/portfolio-stream-feeder/v2/upstox-developer-api/feeds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Opens one socket once; the socket lives as long as the token it was made under."""

    kind: TicketKind
    token: str = field(repr=False)
    update_types: tuple[str, ...]
    request_id: str


class Tickets:
    """Tickets that were given out and not used."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._unused: dict[str, Ticket] = {}

    def address(self, base_url: str, kind: TicketKind, token: str, update_types: tuple[str, ...]) -> str:
        """The address of a socket, with a code that works once."""
        ticket = Ticket(
            kind=kind, token=token, update_types=update_types, request_id=self._mint.uuid("socket request")
        )
        code = self._mint.uuid("socket code")
        self._unused[code] = ticket
        query = {"requestId": ticket.request_id, "code": code}
        if kind is TicketKind.PORTFOLIO:
            query["update_types"] = ",".join(update_types)
        return f"{base_url}{PATHS[kind]}?{urlencode(query)}"

    def redeem(self, code: str) -> Ticket | None:
        """The ticket of a code; None when it was never given, or used."""
        return self._unused.pop(code, None)
