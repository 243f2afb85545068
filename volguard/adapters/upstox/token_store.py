"""The access token at rest: one file of mode 0600 per account, another one per look-alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from volguard.adapters.private_file import NotPrivate, read_private, write_private
from volguard.adapters.upstox.auth import expiry_of, next_expiry
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.model.errors import ConfigError, TokenError
from volguard.model.units import IST

SCHEMA: Final = "volguard.access_token/1"
HINT: Final = "volguard token"
EXPIRY_SLACK: Final = timedelta(minutes=5)  # a token's own end may differ so much from 03:30
Stamp = tuple[int, int, int, int]

Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class TokenKind(StrEnum):
    """What a token is good for."""

    ACCESS = "access"  # everything, until 03:30 IST
    LONG_LIVED = "long_lived"  # for months, reads alone: the broker refuses its orders


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """A token with whose it is, where it counts and when it dies; times in IST."""

    token: Secret
    account: str
    base_url: str
    user_id: str
    user_name: str | None
    kind: TokenKind
    issued_at: datetime
    expires_at: datetime

    @classmethod
    def of(
        cls,
        token: Secret,
        *,
        account: str,
        base_url: str,
        user_id: str,
        user_name: str | None,
        issued_at: datetime,
    ) -> StoredToken:
        """A token that has just come. Raises TokenError when it is dead already."""
        expires_at = expiry_of(token, issued_at)
        if expires_at <= issued_at:
            raise TokenError(
                f"the token that came died at {expires_at:%H:%M} IST on {expires_at:%d %b %Y}, "
                f"now is {issued_at:%H:%M} on {issued_at:%d %b %Y}",
                hint="check the clock of this machine, then volguard token",
            )
        is_long = expires_at > next_expiry(issued_at) + EXPIRY_SLACK
        return cls(
            token=token,
            account=account,
            base_url=base_url.rstrip("/"),
            user_id=user_id,
            user_name=user_name,
            kind=TokenKind.LONG_LIVED if is_long else TokenKind.ACCESS,
            issued_at=issued_at.astimezone(IST),
            expires_at=expires_at,
        )

    def left_s(self, now: datetime) -> float:
        """Seconds it has left; 0 when it is dead."""
        return max(0.0, (self.expires_at - now).total_seconds())

    def is_expired(self, now: datetime) -> bool:
        """Whether it is dead by the clock; the broker may have ended it before."""
        return now >= self.expires_at


class _Row(msgspec.Struct, kw_only=True, frozen=True):
    schema: str
    account: str
    base_url: str
    user_id: str
    user_name: str | None
    kind: TokenKind
    issued_at: Aware
    expires_at: Aware
    access_token: str

    def __repr__(self) -> str:
        return "_Row(***)"


def encode_token(stored: StoredToken) -> bytes:
    """A token as JSON, with the secret in it: for its file and for a session's socket alone."""
    return msgspec.json.encode(
        _Row(
            schema=SCHEMA,
            account=stored.account,
            base_url=stored.base_url,
            user_id=stored.user_id,
            user_name=stored.user_name,
            kind=stored.kind,
            issued_at=stored.issued_at,
            expires_at=stored.expires_at,
            access_token=stored.token.reveal(),
        )
    )


def decode_token(content: bytes, *, account: str, settings: UpstoxSettings, place: str) -> StoredToken:
    """A token of this account and address, dead or alive; `place` names where it came from.

    Raises TokenError when it cannot be read, or belongs to another account or address.
    """
    try:
        row = msgspec.json.decode(content, type=_Row)
        token = Secret(row.access_token)
    except (msgspec.MsgspecError, ValueError):
        raise TokenError(f"{place} is torn or is no token", hint=HINT) from None
    for name, seen, wanted in (
        ("schema", row.schema, SCHEMA),
        ("account", row.account, account),
        ("base_url", row.base_url, settings.base_url.rstrip("/")),
    ):
        if seen != wanted:
            raise TokenError(f"{name} of {place} was {seen!r}, must be {wanted!r}", hint=HINT)
    return StoredToken(
        token=token,
        account=row.account,
        base_url=row.base_url,
        user_id=row.user_id,
        user_name=row.user_name,
        kind=row.kind,
        issued_at=row.issued_at.astimezone(IST),
        expires_at=row.expires_at.astimezone(IST),
    )


class TokenFile:
    """Where the token of an account lies; a rehearsal has a file of its own, never the real one's."""

    def __init__(self, folder: Path, account: str, settings: UpstoxSettings) -> None:
        self._account, self._settings = account, settings
        self.path = folder / f".token-{account}{_rehearsal_part(settings)}.json"

    def read(self) -> StoredToken:
        """What is stored, dead or alive.

        Raises TokenError: none there, others may read it, torn, of another account or address.
        """
        try:
            content = read_private(self.path)
        except FileNotFoundError:
            raise TokenError(f"no access token for account {self._account}", hint=HINT) from None
        except NotPrivate as error:
            raise TokenError(error.message, hint=f"{error.hint}, and {HINT} for a new one") from None
        except ConfigError as error:
            raise TokenError(error.message, hint=error.hint or HINT) from None
        return decode_token(
            content, account=self._account, settings=self._settings, place=f"token file {self.path}"
        )

    def load(self, now: datetime) -> StoredToken:
        """A token that lives. Raises TokenError, also when it has expired."""
        stored = self.read()
        if stored.is_expired(now):
            raise TokenError(
                f"the access token of {stored.user_id} expired at {stored.expires_at:%H:%M} IST "
                f"on {stored.expires_at:%d %b %Y}",
                hint=HINT,
            )
        return stored

    def save(self, stored: StoredToken) -> None:
        """Put a token there, whole or not at all. Raises ConfigError when the folder cannot be written."""
        write_private(self.path, encode_token(stored))

    def delete(self) -> bool:
        """Take it away; False when there was none."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True

    def stamp(self) -> Stamp | None:
        """Changes whenever the file or its mode does; None when there is none."""
        try:
            seen = self.path.stat()
        except OSError:
            return None
        return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_size


def _rehearsal_part(settings: UpstoxSettings) -> str:
    if not settings.is_rehearsal:
        return ""
    parts = urlsplit(settings.base_url)
    host = re.sub(r"[^A-Za-z0-9.]", "_", parts.hostname or "")
    return f"-{host}-{parts.port or (443 if parts.scheme == 'https' else 80)}"
