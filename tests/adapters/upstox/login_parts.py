"""Builders of the login tests: a broker's login desk, in process or on a loopback port, and its tokens."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.adapters.upstox.client_parts import MovingClock, bad, good, upstox_settings
from tests.fakes import TS
from volguard.adapters.upstox.credentials import ApiCredentials, Secret
from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.adapters.upstox.token_store import StoredToken, TokenFile
from volguard.operations.token import TokenDesk

USER = "VG0001"
CODE = "mk404x"
CREDENTIALS = ApiCredentials(api_key=Secret(API_KEY), api_secret=Secret(API_SECRET))


def jwt(exp: object, **claims: object) -> str:
    """A token of the broker's form that says when it ends."""
    parts = ({"typ": "JWT", "alg": "HS256"}, {"sub": USER, "exp": exp, **claims})
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join((*texts, "c2lnbmF0dXJl"))


def stored_token(text: str = "token-one", now: datetime = TS, **changes: Any) -> StoredToken:
    """A token of the shipped account and address, made at `now`."""
    about = {"account": "paper", "base_url": upstox_settings().base_url, "user_id": USER, "user_name": "A"}
    return StoredToken.of(Secret(text), issued_at=now, **(about | changes))


@dataclass
class LoginBroker:
    """Takes each code once, knows its tokens, and answers any path as it was told to instead."""

    token: str = "token-one"
    app_secret: str = API_SECRET
    user_id: str = USER
    is_active: bool = True
    notifier_url: str = ""
    codes: set[str] = field(default_factory=lambda: {CODE})
    tokens: set[str] = field(default_factory=set)
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.seen.append((request.method, path))
        if path in self.answers:
            return self.answers[path]
        if path == "/lookalike/clock":
            return httpx.Response(200, json={"now": TS.isoformat(), "speed": 1.0})
        if path == "/v2/login/authorization/token":
            return self._exchange(dict(parse_qs(request.content.decode())))
        if path == f"/v3/login/auth/token/request/{API_KEY}":
            return self._request(json.loads(request.content))
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return bad(401, "UDAPI100050", "Invalid token used to access API")
        if path == "/v2/logout":
            self.tokens.clear()
            return good(True)
        return good(self._person() | {"exchanges": ["NSE", "NFO"]})

    def _exchange(self, form: dict[str, list[str]]) -> httpx.Response:
        if form["client_secret"] != [self.app_secret]:
            return bad(401, "UDAPI100069", "Invalid credentials")
        if form["code"][0] not in self.codes:
            return bad(401, "UDAPI100057", "Invalid Auth code")
        self.codes.discard(form["code"][0])
        self.tokens.add(self.token)
        return httpx.Response(200, json=self._person() | {"access_token": self.token})

    def _request(self, body: dict[str, str]) -> httpx.Response:
        if body["client_secret"] != self.app_secret:
            return bad(401, "UDAPI100069", "Invalid credentials")
        return good({"authorization_expiry": "1789546000000", "notifier_url": self.notifier_url})

    def _person(self) -> dict[str, Any]:
        return {"user_id": self.user_id, "user_name": "A TRADER", "is_active": self.is_active}


def desk_of(broker: LoginBroker, folder: Path, **changes: Any) -> TokenDesk:
    """The desk of the shipped account over a broker in this process."""
    settings: UpstoxSettings = upstox_settings(**changes)
    return TokenDesk(
        account="paper",
        settings=settings,
        file=TokenFile(folder, "paper", settings),
        clock=MovingClock(),
        transport=httpx.MockTransport(broker),
    )


@contextmanager
def on_a_port(broker: LoginBroker) -> Iterator[str]:
    """The broker on a loopback port; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://127.0.0.1{self.path}"
            answer = broker(httpx.Request(self.command, url, headers=dict(self.headers), content=body))
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def query_of(url: str) -> dict[str, str]:
    """The fields of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
