"""Logging in: the dialog, the code that works once, the token that is approved elsewhere; logging out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from volguard.adapters.upstox.times import ms_of
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import HTML, CallRefused, json_response, success
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.tokens import Mint, Tokens, next_death

EXCHANGES: Final = ("NSE", "NFO", "BSE", "BFO", "CDS", "BCD", "MCX", "NSCOM")
PRODUCTS: Final = ("I", "D", "CO", "MTF")
ORDER_TYPES: Final = ("MARKET", "LIMIT", "SL", "SL-M")
AUTHORIZATION_CODE: Final = "authorization_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the broker posts to the app's notifier once the user has approved a token request."""

    url: str
    payload: dict[str, Any]

    def __repr__(self) -> str:
        return f"Notice(url={self.url!r})"  # the payload holds a token


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    redirect_uri: str


class Login:
    """Answers the calls that need no token, and the logout."""

    def __init__(self, options: LookAlikeOptions, tokens: Tokens, mint: Mint) -> None:
        self._options, self._tokens, self._mint = options, tokens, mint
        self._codes: dict[str, _Code] = {}
        self._asked_at: list[datetime] = []  # token requests that wait for the user
        self.notices: list[Notice] = []

    # --- the dialog -------------------------------------------------------------------------------

    def dialog(self, call: Call) -> Response:
        """GET shows the page, or with approve=auto does as its button does; POST is the button."""
        query = {name: call.query(name) for name in ("client_id", "redirect_uri", "response_type", "state")}
        self._check_app(query)
        if call.request.method == "POST" or call.query("approve") == "auto":
            return self._approved(query)
        return self._page()

    def _check_app(self, query: Mapping[str, str]) -> None:
        if not query["redirect_uri"]:
            raise CallRefused("UDAPI1018")
        known = query["client_id"] == self._options.api_key
        if not known or query["redirect_uri"] not in self._options.redirect_uris:
            raise CallRefused("UDAPI100068")
        if query["response_type"] != "code":
            raise CallRefused("UDAPI100036")

    def _approved(self, query: Mapping[str, str]) -> Response:
        code = self._mint.code()
        self._codes[code] = _Code(redirect_uri=query["redirect_uri"])
        answer = {"code": code, **({"state": query["state"]} if query["state"] else {})}
        joint = "&" if "?" in query["redirect_uri"] else "?"
        location = f"{query['redirect_uri']}{joint}{urlencode(answer)}"
        return Response(status=302, body=b"", content_type=HTML, headers={"location": location})

    def _page(self) -> Response:
        # The form posts to the address of the page itself, whatever leads to it.
        html = (
            "<!DOCTYPE html><html><head><title>Rehearsal login</title></head><body>"
            "<h1>Rehearsal login</h1><p>This is a look-alike on this machine, not the broker: "
            "it asks for no password.</p>"
            f"<p>Account {escape(self._options.account)}, {escape(self._options.user_name)}</p>"
            '<form method="post"><button type="submit">Login</button></form></body></html>'
        )
        return Response(status=200, body=html.encode(), content_type=HTML)

    # --- code to token ----------------------------------------------------------------------------

    def exchange_code(self, call: Call) -> Response:
        """Give a token for a code; a code is used up whatever comes of it."""
        form = {name: values[0] for name, values in parse_qs(call.request.body.decode("latin-1")).items()}
        for name, code in (
            *(("client_id", "UDAPI1017"), ("redirect_uri", "UDAPI1018"), ("code", "UDAPI1022")),
            *(("grant_type", "UDAPI1023"), ("client_secret", "UDAPI1024")),
        ):
            if not form.get(name):
                raise CallRefused(code)
        held = self._codes.pop(form["code"], None)
        if (form["client_id"], form["client_secret"]) != (self._options.api_key, self._options.api_secret):
            raise CallRefused("UDAPI100069")
        if held is None:
            raise CallRefused("UDAPI100057")
        if form["redirect_uri"] != held.redirect_uri:
            raise CallRefused("UDAPI100068")
        if form["grant_type"] != AUTHORIZATION_CODE:
            raise CallRefused("UDAPI100036")
        token = self._tokens.issue(call.now)
        return json_response({**self.profile(), "access_token": token, "extended_token": None})

    def profile(self) -> dict[str, Any]:
        """Who the account is."""
        options = self._options
        return {
            "email": options.email,
            "exchanges": list(EXCHANGES),
            "products": list(PRODUCTS),
            "broker": "UPSTOX",
            "user_id": options.account,
            "user_name": options.user_name,
            "order_types": list(ORDER_TYPES),
            "user_type": "individual",
            "poa": False,
            "ddpi": False,
            "is_active": True,
        }

    def user_profile(self, _call: Call) -> Response:
        """Who is logged in."""
        return success(self.profile())

    def log_out(self, call: Call) -> Response:
        """The token of the call dies."""
        if call.token is not None:
            self._tokens.revoke(call.token)
        return success(True)

    # --- token request ----------------------------------------------------------------------------

    def request_token(self, call: Call) -> Response:
        """Ask the user for a token; approval sends it to the notifier."""
        body = call.json()
        secret = body.get("client_secret") if isinstance(body, dict) else None
        if not secret:
            raise CallRefused("UDAPI1024")
        if call.path["client_id"] != self._options.api_key or secret != self._options.api_secret:
            raise CallRefused("UDAPI100069")
        self._asked_at.append(call.now)
        return success(
            {
                "authorization_expiry": str(ms_of(next_death(call.now))),
                "notifier_url": self._options.notifier_url,
            }
        )

    def approve(self, now: datetime) -> int:
        """The user taps "approve" on every request that waits; gives how many."""
        count, self._asked_at = len(self._asked_at), []
        for _ in range(count):
            token = self._tokens.issue(now)
            payload = {
                "client_id": self._options.api_key,
                "user_id": self._options.account,
                "access_token": token,
                "token_type": "Bearer",
                "expires_at": str(ms_of(self._tokens.expiry(token))),
                "issued_at": str(ms_of(now)),
                "message_type": "access_token",
            }
            self.notices.append(Notice(url=self._options.notifier_url, payload=payload))
        return count

    def approve_due(self, now: datetime) -> None:
        """Approve by itself what has waited for as long as the options say."""
        after_s = self._options.approve_after_s
        if after_s is None or not self._asked_at:
            return
        if self._asked_at[0] + timedelta(seconds=after_s) <= now:
            self.approve(now)
