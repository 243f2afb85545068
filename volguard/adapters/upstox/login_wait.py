"""Waiting for the operator: for the redirect, for a pasted line, for the approval on the phone."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from volguard.adapters.loopback import Arrival
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.redirect import RedirectListener, read_pasted
from volguard.model.errors import TokenError, UsageError

T = TypeVar("T")
LINE_BYTES_MAX: Final = 8192
HINT: Final = "volguard token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the operator is waited for, by a clock that never goes back."""

    timeout_s: float
    monotonic_s: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who is waited for: `terminal` is the descriptor that lines are typed into, None without one."""

    say: Callable[[str], None]
    terminal: int | None


def await_code(
    listener: RedirectListener | None,
    operator: Operator,
    patience: Patience,
    *,
    redirect_uri: str,
    state: str,
) -> Secret:
    """The code, from the redirect or from the terminal, whichever is first; a bad paste may be mended.

    Raises TokenError when the login was refused or the time is over, UsageError when the terminal is closed
    and nothing else can bring a code.
    """
    typed = operator.terminal
    deadline_s = patience.monotonic_s() + patience.timeout_s
    while listener is not None or typed is not None:
        ready = _ready(_watched(listener, typed), deadline_s, patience)
        if listener is not None and listener.arrival in ready:
            return _settled(listener.arrival)
        line = os.read(typed, LINE_BYTES_MAX) if typed is not None else b""
        if not line:
            typed = None  # closed
        elif text := line.decode(errors="replace").strip():
            code = _pasted(text, operator, redirect_uri, state)
            if code is not None:
                return code
    raise UsageError("the terminal was closed before a code was given", hint=HINT)


def await_arrival(arrival: Arrival[T], patience: Patience) -> T:
    """What arrives. Raises TokenError when the time is over."""
    _ready([arrival], patience.monotonic_s() + patience.timeout_s, patience)
    value = arrival.value
    if value is None:
        raise TokenError("nothing arrived", hint=HINT)
    return value


def _watched(listener: RedirectListener | None, typed: int | None) -> list[Arrival[Any] | int]:
    caught = [] if listener is None else [listener.arrival]
    return [*caught, *([] if typed is None else [typed])]


def _ready(watched: Sequence[Arrival[Any] | int], deadline_s: float, patience: Patience) -> list[object]:
    left_s = deadline_s - patience.monotonic_s()
    ready, _, _ = select.select(watched, [], [], max(0.0, left_s))
    if not ready:
        raise TokenError(
            f"no login within {patience.timeout_s:g} seconds", hint=f"{HINT}, with a longer --timeout"
        )
    return list(ready)


def _settled(arrival: Arrival[Secret | TokenError]) -> Secret:
    outcome = arrival.value
    if isinstance(outcome, Secret):
        return outcome
    raise outcome if outcome is not None else TokenError("the redirect brought nothing", hint=HINT)


def _pasted(text: str, operator: Operator, redirect_uri: str, state: str) -> Secret | None:
    try:
        return read_pasted(text, redirect_uri=redirect_uri, state=state)
    except UsageError as error:
        operator.say(f"{error.message}; {error.hint}")
        return None
