"""The morning ritual: the login address out, the code or the approved token in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from volguard.adapters.loopback import loopback_address
from volguard.adapters.upstox import auth
from volguard.adapters.upstox.credentials import ApiCredentials, Secret
from volguard.adapters.upstox.login_wait import Operator, Patience, await_arrival, await_code
from volguard.adapters.upstox.notifier import NotifierListener, read_notice
from volguard.adapters.upstox.redirect import RedirectListener, read_pasted
from volguard.adapters.upstox.wire_login import TokenRequested
from volguard.model.errors import UsageError
from volguard.operations.token import (
    LoggedIn,
    TokenDesk,
    log_in_with_code,
    log_in_with_notice,
    log_in_with_token,
)

OFF_TERMINAL = "give what the browser ended on to: volguard token --code -"
BY_HAND = "hand over what the notifier received, or its access_token, with: volguard token --token -"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A token that waits for approval and will be posted elsewhere; `until` None: the broker did not say."""

    notifier_host: str
    until: datetime | None


def log_in_by_browser(
    desk: TokenDesk,
    credentials: ApiCredentials,
    operator: Operator,
    patience: Patience,
    *,
    browse: Callable[[str], bool] | None,
) -> LoggedIn:
    """Print the login address (`browse` opens it too), wait for the code, exchange it.

    The code comes by the redirect where its address is this machine's own, and by the terminal where there
    is one. Raises UsageError when it could come by neither, TokenError when it did not come or was refused.
    """
    redirect_uri, state = desk.settings.redirect_uri, auth.new_state()
    url = auth.login_url(
        desk.settings.base_url, api_key=credentials.api_key, redirect_uri=redirect_uri, state=state
    )
    listener = _listener(redirect_uri, state, operator, url)
    with closing(listener) if listener is not None else nullcontext():
        _announce(url, redirect_uri, operator, is_listening=listener is not None)
        if browse is not None and not browse(url):
            operator.say("no browser could be opened here: open the address yourself")
        code = await_code(listener, operator, patience, redirect_uri=redirect_uri, state=state)
    return log_in_with_code(desk, credentials, code)


def log_in_by_text(desk: TokenDesk, credentials: ApiCredentials, text: str) -> LoggedIn:
    """Exchange a code that was given as text: the code, or the whole address that the browser ended on."""
    code = read_pasted(text, redirect_uri=desk.settings.redirect_uri, state=None)
    return log_in_with_code(desk, credentials, code)


def log_in_by_given_token(
    desk: TokenDesk, read_credentials: Callable[[], ApiCredentials], text: str
) -> LoggedIn:
    """Store a token made elsewhere: the token itself, or the notice that a notifier received.

    Raises UsageError on text that is neither, TokenError when the broker does not take it.
    """
    given = text.strip()
    if given.startswith("{"):
        notice = read_notice(given.encode())
        if notice is None:
            raise UsageError("the text given is no notice of an approved token", hint=BY_HAND)
        return log_in_with_notice(desk, read_credentials(), notice)
    try:
        token = Secret(given)
    except ValueError:
        raise UsageError("the text given is no access token", hint=BY_HAND) from None
    return log_in_with_token(desk, token)


def log_in_by_phone(
    desk: TokenDesk, credentials: ApiCredentials, operator: Operator, patience: Patience
) -> LoggedIn | Requested:
    """Ask for a token that is approved in the broker's app; wait for it where its notifier is this machine's.

    Requested when the notifier is elsewhere. Raises TokenError when it is refused or does not come.
    """
    with closing(desk.connect(None)) as client:
        asked = auth.request_token(client, credentials)
    until = _until(asked)
    by = f" by {until:%H:%M} IST" if until is not None else ""
    operator.say(f"approve the request{by} in the Upstox app")
    if loopback_address(asked.notifier_url) is None:
        host = urlsplit(asked.notifier_url).hostname or "the app's notifier"
        operator.say(f"the token goes to {host}; {BY_HAND}")
        return Requested(notifier_host=host, until=until)
    with closing(NotifierListener(asked.notifier_url, credentials.api_key)) as listener:
        if desk.settings.is_rehearsal:
            operator.say(f"in this rehearsal: curl -X POST {desk.settings.base_url}/lookalike/approve")
        notice = await_arrival(listener.arrival, patience)
    return log_in_with_notice(desk, credentials, notice)


def _listener(redirect_uri: str, state: str, operator: Operator, url: str) -> RedirectListener | None:
    if loopback_address(redirect_uri) is None:
        if operator.terminal is None:
            operator.say(f"log in at:\n{url}")
            raise UsageError(
                f"{redirect_uri} cannot be listened on here, and there is no terminal to paste into",
                hint=OFF_TERMINAL,
            )
        return None
    try:
        return RedirectListener(redirect_uri, state)
    except UsageError as error:
        if operator.terminal is None:
            raise UsageError(error.message, hint=f"{error.hint}; or {OFF_TERMINAL}") from None
        operator.say(f"{error.message}: the redirect will not be caught, paste it instead")
        return None


def _announce(url: str, redirect_uri: str, operator: Operator, *, is_listening: bool) -> None:
    operator.say(f"log in at:\n{url}")
    if is_listening:
        operator.say(f"waiting for the redirect to {redirect_uri}")
    if operator.terminal is not None:
        either = "or paste" if is_listening else "then paste"
        operator.say(f"{either} here the address that the browser ended on, or its code:")


def _until(asked: TokenRequested) -> datetime | None:
    try:
        return asked.expires_at
    except ValueError:
        return None  # a form that is not known; the wait has its own end
