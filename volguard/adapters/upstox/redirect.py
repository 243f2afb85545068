"""The way back from the login page: a loopback listener, or what the operator pastes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from volguard.adapters.loopback import Arrival, LoopbackListener, Page, Visit, loopback_address
from volguard.adapters.upstox.auth import DIALOG_PATH, refusal_of_code
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.wire_errors import plain
from volguard.model.errors import TokenError, UsageError

CODE: Final = re.compile(r"[A-Za-z0-9._~-]{1,512}")
UDAPI: Final = re.compile(r"UDAPI\d+")
ERROR_FIELDS: Final = ("error", "error_code", "errorCode", "error_description", "message")
DONE: Final = "volguard has it. You may close this window; the terminal says how it went."
REFUSED: Final = "The login was refused. You may close this window; the terminal says why."
FOREIGN: Final = "This is not the login that volguard waits for: open the address it printed last."

Outcome = Secret | TokenError


class RedirectListener:
    """Waits on the redirect address for the code of one login; `arrival` has it, or why there is none."""

    def __init__(self, redirect_uri: str, state: str) -> None:
        """Listens at once. Raises UsageError when the address is not this machine's own, or is taken."""
        address = loopback_address(redirect_uri)
        if address is None:
            raise UsageError(f"upstox.redirect_uri was {redirect_uri}, which cannot be listened on here")
        self._path = urlsplit(redirect_uri).path or "/"
        self._state = state
        self.arrival: Arrival[Outcome] = Arrival()
        try:
            self._listener = LoopbackListener(address, self._answer)
        except UsageError:
            self.arrival.close()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        self.arrival.close()

    def _answer(self, visit: Visit) -> Page:
        if visit.path != self._path or visit.method != "GET":
            return Page(status=404, text="Nothing is here.")
        fields = _fields(visit.query)
        if fields.get("state") != self._state:  # not ours: the wait goes on
            said = _said(fields)
            return Page(status=400, text=f"{FOREIGN} The page said: {said}" if said else FOREIGN)
        outcome = _outcome(fields)
        if outcome is None:
            return Page(status=400, text="The login page sent neither a code nor a reason.")
        self.arrival.put(outcome)
        is_refusal = isinstance(outcome, TokenError)
        return Page(status=400 if is_refusal else 200, text=REFUSED if is_refusal else DONE)


def read_pasted(text: str, *, redirect_uri: str, state: str | None) -> Secret:
    """The code in what the operator gave: the code itself, or the whole address the browser ended on.

    `state` of the login that was opened; None when another process opened it. Raises UsageError on anything
    else, which it never quotes, and TokenError when the address says that the login was refused.
    """
    given = text.strip()
    if CODE.fullmatch(given):
        return Secret(given)
    parts = urlsplit(redirect_uri)
    try:
        seen = urlsplit(given)
        where = (seen.scheme, seen.netloc, seen.path or "/")
    except ValueError:
        raise UsageError("what was pasted is no address", hint=_paste_hint(redirect_uri)) from None
    if seen.path == DIALOG_PATH:
        raise UsageError(
            "what was pasted is the login address itself",
            hint=f"log in there first; then paste the address that begins with {redirect_uri}",
        )
    if where != (parts.scheme, parts.netloc, parts.path or "/"):
        raise UsageError(
            f"what was pasted is neither a code nor an address at {redirect_uri}",
            hint=_paste_hint(redirect_uri),
        )
    fields = _fields(seen.query)
    if state is not None and fields.get("state") != state:
        raise UsageError(
            "what was pasted belongs to another login", hint="open the login address that was printed last"
        )
    outcome = _outcome(fields)
    if outcome is None:
        raise UsageError("the pasted address holds no code", hint=_paste_hint(redirect_uri))
    if isinstance(outcome, TokenError):
        raise outcome
    return outcome


def _fields(query: str) -> dict[str, str]:
    try:
        return {name: values[0] for name, values in parse_qs(query, max_num_fields=20).items()}
    except ValueError:
        return {}


def _outcome(fields: Mapping[str, str]) -> Outcome | None:
    code = fields.get("code", "")
    if CODE.fullmatch(code):
        return Secret(code)
    said = _said(fields)
    if not said:
        return None
    number = UDAPI.search(said)
    return refusal_of_code(number.group() if number else "", said, "open the login address again")


def _said(fields: Mapping[str, str]) -> str:
    return " ".join(plain(fields[name]) for name in ERROR_FIELDS if name in fields)


def _paste_hint(redirect_uri: str) -> str:
    return f"after the login the browser shows an address that begins with {redirect_uri}: paste all of it"
