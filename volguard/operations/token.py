"""The access token as the operator handles it: stored and checked, looked at, handed over, given back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Final

import httpx

from volguard.adapters.upstox import auth
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.credentials import ApiCredentials, Secret
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.rehearsal import clock_for
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.adapters.upstox.token_push import is_taken, push_token
from volguard.adapters.upstox.token_store import StoredToken, TokenFile
from volguard.adapters.upstox.wire_account import Profile
from volguard.adapters.upstox.wire_login import TokenNotice
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.broker import ErrorClass
from volguard.model.errors import ConfigError, TokenError, TryLater, UsageError, VolguardError
from volguard.ports import Clock

HINT: Final = "volguard token"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDesk:
    """What the token's errands work with; `clock` is the broker's time, the look-alike's in a rehearsal."""

    account: str
    settings: UpstoxSettings
    file: TokenFile
    clock: Clock
    transport: httpx.BaseTransport | None = None

    def connect(self, token: Secret | None) -> UpstoxClient:
        """A client that carries this token. Close it."""
        text = None if token is None else token.reveal()
        return UpstoxClient(self.settings, token=lambda: text, clock=self.clock, transport=self.transport)

    @property
    def read_clock(self) -> Callable[[], datetime]:
        """Tells the broker's time."""
        return self.clock.now


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A token that is stored; `doubt` says why the profile could not confirm it, empty when it did."""

    stored: StoredToken
    doubt: str


class TokenState(StrEnum):
    """How the stored token stands by the clock; the broker may have ended it before."""

    VALID = "valid"
    MISSING = "missing"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStatus:
    """The stored token, None when there is none, and the seconds that it has left."""

    state: TokenState
    stored: StoredToken | None
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAnswer:
    """What a running session said to the token."""

    journal: Path
    text: str
    is_taken: bool


def open_desk(
    settings: Settings, root: Root, *, stopping: Event, transport: httpx.BaseTransport | None = None
) -> TokenDesk:
    """The desk of an account. Raises TryLater when a rehearsal's look-alike is away, ConfigError when no
    root folder was found to keep a real token in."""
    upstox = settings.upstox
    if root.is_packaged and not upstox.is_rehearsal:
        raise ConfigError(
            f"no root folder at or above {root.path} to keep an access token in",
            hint="name the folder above config/ with --root or VOLGUARD_ROOT",
        )
    return TokenDesk(
        account=settings.account.name,
        settings=upstox,
        file=TokenFile(root.resolve("data"), settings.account.name, upstox),
        clock=clock_for(upstox, stopping, transport=transport),
        transport=transport,
    )


def log_in_with_code(desk: TokenDesk, credentials: ApiCredentials, code: Secret) -> LoggedIn:
    """Exchange a code, store the token, and ask the broker whose it is.

    A token whose profile cannot be asked for now stays stored: its code is used up. Raises TokenError when
    the login is refused or the broker does not take its own token, TryLater when no answer came.
    """
    with closing(desk.connect(None)) as client:
        reply = auth.exchange_code(client, credentials, redirect_uri=desk.settings.redirect_uri, code=code)
    if reply.is_active is False:
        raise _inactive(reply.user_id)
    token = Secret(reply.access_token)
    stored = _stored(desk, token, reply.user_id, reply.user_name)
    desk.file.save(stored)
    try:
        _require_same(reply.user_id, _profile(desk, token))
    except TryLater as error:
        return LoggedIn(stored=stored, doubt=error.message)
    except TokenError:
        desk.file.delete()
        raise
    return LoggedIn(stored=stored, doubt="")


def log_in_with_token(desk: TokenDesk, token: Secret) -> LoggedIn:
    """Store a token that was made elsewhere, once the broker has said whose it is.

    Raises TokenError when the broker does not take it, TryLater when it cannot be asked.
    """
    profile = _profile(desk, token)
    stored = _stored(desk, token, profile.user_id, profile.user_name)
    desk.file.save(stored)
    return LoggedIn(stored=stored, doubt="")


def log_in_with_notice(desk: TokenDesk, credentials: ApiCredentials, notice: TokenNotice) -> LoggedIn:
    """Store the token of a notice, once the broker has said that it is that user's.

    A notice carries no proof of who sent it. Raises TokenError when it is not for this app, or false.
    """
    if notice.client_id != credentials.api_key.reveal():
        raise TokenError("the notice is for another app", hint=auth.CHECK_KEYS)
    token = Secret(notice.access_token)
    profile = _profile(desk, token)
    _require_same(notice.user_id, profile)
    stored = _stored(desk, token, profile.user_id, profile.user_name)
    desk.file.save(stored)
    return LoggedIn(stored=stored, doubt="")


def status_of(desk: TokenDesk) -> TokenStatus:
    """How the stored token stands. Raises TokenError when its file cannot be used."""
    if desk.file.stamp() is None:
        return TokenStatus(state=TokenState.MISSING, stored=None, left_s=0.0)
    stored = desk.file.read()
    left_s = stored.left_s(desk.read_clock())
    state = TokenState.VALID if left_s > 0.0 else TokenState.EXPIRED
    return TokenStatus(state=state, stored=stored, left_s=left_s)


def live_token(desk: TokenDesk) -> StoredToken:
    """The stored token. Raises TokenError when it is missing or has expired."""
    return desk.file.load(desk.read_clock())


def push(desk: TokenDesk, journals: Sequence[Path]) -> tuple[PushAnswer, ...]:
    """Hand the stored token to the sessions of these journals; at least one takes it.

    Raises TokenError when there is no token, TryLater when no session runs, UsageError when none takes it.
    """
    stored = live_token(desk)
    answers = [answer for journal in journals if (answer := _handed(journal, stored)) is not None]
    if not answers:
        raise TryLater("no session is running that a token could be handed to", hint="volguard run")
    if not any(answer.is_taken for answer in answers):
        said = "; ".join(f"{answer.journal.name}: {answer.text}" for answer in answers)
        raise UsageError(f"no session took the token: {said}", hint="volguard status shows what runs")
    return tuple(answers)


def log_out(desk: TokenDesk) -> bool:
    """End the token at the broker, then take its file away; False when the broker no longer knew it.

    Raises TokenError when there is none, TryLater when the broker could not be told: the file stays.
    """
    stored = desk.file.read()
    with closing(desk.connect(stored.token)) as client:
        was_known = auth.log_out(client)
    desk.file.delete()
    return was_known


def _handed(journal: Path, stored: StoredToken) -> PushAnswer | None:
    try:
        text = push_token(journal, stored)
    except VolguardError as error:
        text = error.message
    return None if text is None else PushAnswer(journal=journal, text=text, is_taken=is_taken(text))


def _stored(desk: TokenDesk, token: Secret, user_id: str, user_name: str | None) -> StoredToken:
    return StoredToken.of(
        token,
        account=desk.account,
        base_url=desk.settings.base_url,
        user_id=user_id,
        user_name=user_name,
        issued_at=desk.read_clock(),
    )


def _profile(desk: TokenDesk, token: Secret) -> Profile:
    try:
        with closing(desk.connect(token)) as client:
            profile = auth.who_is(client)
    except ApiFailure as failure:
        if failure.error_class is ErrorClass.AUTH:
            raise TokenError(f"the broker does not take the token: {failure.message}", hint=HINT) from None
        raise TryLater(f"not confirmed: {failure.message}", hint=failure.hint) from None
    if not profile.is_active:
        raise _inactive(profile.user_id)
    return profile


def _require_same(user_id: str, profile: Profile) -> None:
    if profile.user_id != user_id:
        raise TokenError(
            f"the token came for {user_id} and is of {profile.user_id}", hint="log in again: volguard token"
        )


def _inactive(user_id: str) -> TokenError:
    return TokenError(f"the broker says that account {user_id} is not active", hint=auth.CHECK_APP)
