"""The access token of a running session: asked at each call, replaced while the session goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock

from volguard.adapters.upstox.token_store import Stamp, StoredToken, TokenFile
from volguard.model.errors import TokenError


class TokenHolder:
    """Gives the token that lives, None once it is dead; safe for threads.

    A dead one is looked for anew in its file whenever the file has changed. All tokens of one holder are
    the same person's.
    """

    def __init__(self, file: TokenFile, now: Callable[[], datetime]) -> None:
        """No token is no error here: `current` is None then, and `trouble` says why."""
        self._file, self._time_of = file, now
        self._lock = Lock()
        self._stored: StoredToken | None = None
        self._stamp: Stamp | None = None
        self._is_refused = False
        self._trouble = ""
        self._generation = 0
        with self._lock:
            self._read_again()

    def __repr__(self) -> str:
        return f"TokenHolder({self._file.path}, generation {self.generation})"

    def current(self) -> str | None:
        """The token to send now; None: nobody is logged in, or the token has died."""
        with self._lock:
            if not self._lives():
                self._read_again()
            return self._stored.token.reveal() if self._stored is not None and self._lives() else None

    @property
    def stored(self) -> StoredToken | None:
        """The token that was held last, dead or alive."""
        return self._stored

    @property
    def generation(self) -> int:
        """How many tokens there have been."""
        return self._generation

    @property
    def trouble(self) -> str:
        """Why there is no token, in words; empty while one lives."""
        with self._lock:
            if self._lives():
                return ""
            return "the broker no longer takes the access token" if self._is_refused else self._trouble

    def replace(self, stored: StoredToken) -> None:
        """Hold a new token from now on. Raises TokenError when it is dead or another person's."""
        with self._lock:
            self._take(stored)

    def refused(self, token: str) -> None:
        """The broker no longer takes this token: it counts as dead, unless a newer one is held already."""
        with self._lock:
            if self._stored is not None and self._stored.token.reveal() == token:
                self._is_refused = True

    def _lives(self) -> bool:
        return (
            self._stored is not None and not self._is_refused and not self._stored.is_expired(self._time_of())
        )

    def _read_again(self) -> None:
        stamp = self._file.stamp()
        if stamp is not None and stamp == self._stamp:
            if self._stored is not None and not self._is_refused:
                self._trouble = f"the access token expired at {self._stored.expires_at:%H:%M} IST"
            return
        self._stamp = stamp
        try:
            self._take(self._file.load(self._time_of()))
        except TokenError as error:
            self._trouble = error.message

    def _take(self, stored: StoredToken) -> None:
        held = self._stored
        if stored.is_expired(self._time_of()):
            raise TokenError("the token has expired", hint="volguard token")
        if held is not None and held.user_id != stored.user_id:
            raise TokenError(
                f"the token is of {stored.user_id}, the session is of {held.user_id}",
                hint=f"log in as {held.user_id}",
            )
        if held is not None and held.token == stored.token:
            if self._is_refused:
                raise TokenError("it is the token that the broker no longer takes", hint="volguard token")
            return
        self._stored, self._is_refused, self._trouble = stored, False, ""
        self._generation += 1
