"""Login on the wire: token replies, which carry no envelope, the token request and its notice.

What is secret never shows in a `repr`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from volguard.adapters.upstox.times import parse_time
from volguard.adapters.upstox.wire_values import Word


class TokenReply(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """Reply to an exchanged code: who is logged in, and the token."""

    email: str | None = None
    exchanges: list[str] = []
    products: list[str] = []
    broker: str | None = None
    user_id: str
    user_name: str | None = None
    order_types: list[str] = []
    user_type: str | None = None
    poa: bool | None = None
    ddpi: bool | None = None
    is_active: bool | None = None
    access_token: str
    extended_token: str | None = None

    def __post_init__(self) -> None:
        require_token(self.access_token)

    def __repr__(self) -> str:
        return f"TokenReply(user_id={self.user_id!r}, access_token=<hidden>)"


class TokenRequestBody(msgspec.Struct, kw_only=True, frozen=True):
    """Body that asks the broker to have the token approved on the phone."""

    client_secret: str

    def __repr__(self) -> str:
        return "TokenRequestBody(client_secret=<hidden>)"


class TokenRequested(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of the token request's reply: until when it can be approved, where the token will be sent."""

    authorization_expiry: Word
    notifier_url: str

    @property
    def expires_at(self) -> datetime | None:
        """Aware IST. Raises ValueError on a form that is not known."""
        return parse_time(self.authorization_expiry)


class TokenNotice(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the broker posts to the notifier once the token is approved; a refusal is never posted."""

    client_id: str
    user_id: str
    access_token: str
    token_type: str | None = None
    expires_at: Word | None = None
    issued_at: Word | None = None
    message_type: str

    def __post_init__(self) -> None:
        require_token(self.access_token)
        if self.message_type != "access_token":
            raise ValueError("message_type must be access_token")

    def __repr__(self) -> str:
        return f"TokenNotice(client_id=<hidden>, user_id={self.user_id!r}, access_token=<hidden>)"


def require_token(token: str) -> None:
    """Raises ValueError, without showing it, on a token that could not go into a header."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("access_token is empty or holds characters that no header can carry")
