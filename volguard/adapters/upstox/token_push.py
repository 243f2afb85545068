"""A new token for a running session: sent over the socket beside its journal, taken without a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from volguard.adapters.control import send_token
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_store import StoredToken, decode_token, encode_token
from volguard.model.errors import TokenError

TAKEN: Final = "ok"


def push_token(journal: Path, stored: StoredToken) -> str | None:
    """Hand a token to the session of a journal: `ok ...` or `refused: ...`, None when none listens there.

    Raises VolguardError when one listens and does not answer.
    """
    return send_token(journal, encode_token(stored))


def is_taken(answer: str) -> bool:
    """Whether a session took the token."""
    return answer.startswith(TAKEN)


def token_taker(
    holder: TokenHolder,
    *,
    account: str,
    settings: UpstoxSettings,
    on_taken: Callable[[StoredToken], None] | None = None,
) -> Callable[[bytes], str]:
    """What a session's control socket does with a token that comes in; called on the socket's thread.

    `on_taken` hears of a token that now holds, to note that without the token itself.
    """

    def take(body: bytes) -> str:
        try:
            stored = decode_token(body, account=account, settings=settings, place="the token handed over")
            holder.replace(stored)
        except TokenError as error:
            return f"refused: {error.message}"
        if on_taken is not None:
            on_taken(stored)
        return (
            f"{TAKEN}: {stored.user_id} until {stored.expires_at:%H:%M} IST on {stored.expires_at:%d %b %Y}"
        )

    return take
