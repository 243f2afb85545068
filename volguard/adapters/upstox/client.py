"""HTTP to the broker: one request at a time, counted first; reads are repeated, a write never is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from volguard import __version__
from volguard.adapters.upstox.endpoints import Band, Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.health import BrokerHealth
from volguard.adapters.upstox.limiter import Limiter, Priority
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.adapters.upstox.wire_errors import OPEN_OUTCOME_HINT, failure_of
from volguard.model.broker import ErrorClass
from volguard.model.units import IST
from volguard.ports import Clock

USER_AGENT: Final = f"volguard/{__version__}"  # plain and stable: odd ones are refused at the door
IPV4: Final = "0.0.0.0"  # the order host's IPv6 address is known to hang
CONNECTIONS_MAX: Final = 8
BACKOFF_S: Final = 0.5  # before the second attempt, doubled for each further one
BACKOFF_MAX_S: Final = 8.0
UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
PASSING: Final = (ErrorClass.RATE, ErrorClass.SERVER, ErrorClass.NETWORK)
READ_ONLY_TOKEN: Final = "UDAPI100067"  # it lives, but not for this call
MASK: Final = "***"
SECRET_LENGTH_MIN: Final = 4  # shorter ones would mask ordinary words


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the broker answered with a good status (207 too: its lines must be read one by one)."""

    status: int
    content: bytes
    server_time: datetime | None  # to the second, IST; None: no readable Date header


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    # One request as asked for; `secrets` are texts of its own that no message may show.
    endpoint: Endpoint
    url: str
    content: bytes | None
    content_type: str | None
    secrets: tuple[str, ...]
    priority: Priority
    lines: int
    patience_s: float | None


class UpstoxClient:
    """All calls to the broker; safe for threads. Close it."""

    def __init__(
        self,
        settings: UpstoxSettings,
        *,
        token: Callable[[], str | None],
        clock: Clock,
        limiter: Limiter | None = None,
        transport: httpx.BaseTransport | None = None,
        on_token_refused: Callable[[str], None] | None = None,
    ) -> None:
        """`token` is asked at each call, so that a new one counts at once; None: nobody is logged in.

        `on_token_refused` gets a token that the broker no longer takes for a read. A refused write says
        less: sent from an address that is not registered it fails in the same words.
        """
        self._settings = settings
        self._token = token
        self._on_token_refused = on_token_refused
        self._clock, self._read_clock = clock, clock.now
        self._limiter = limiter or Limiter(settings.rate, clock)
        self._health = BrokerHealth()
        self._health_lock = Lock()
        self._http = httpx.Client(
            transport=transport or _transport(settings),
            timeout=_timeout(settings),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"UpstoxClient({self._settings.base_url})"

    @property
    def settings(self) -> UpstoxSettings:
        """What it was made with."""
        return self._settings

    @property
    def limiter(self) -> Limiter:
        """The budget that every call is counted in."""
        return self._limiter

    @property
    def health(self) -> BrokerHealth:
        """What the last reads came to."""
        return self._health

    def call(
        self,
        endpoint: Endpoint,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        priority: Priority = Priority.NORMAL,
        lines: int = 1,
        patience_s: float | None = None,
    ) -> Reply:
        """Ask once (a read: again after a passing failure) and give the answer of a good status.

        `lines`: orders inside one request; `patience_s`: the longest wait for the rate budget. Raises
        ApiFailure, whose text never shows a secret.
        """
        asked = _Call(
            endpoint=endpoint,
            url=_url(self._settings.hosts[endpoint.host], endpoint, path or {}, query or {}),
            content=_content(body, form),
            content_type=_content_type(body, form),
            secrets=_secrets(endpoint, body, form),
            priority=priority,
            lines=lines,
            patience_s=patience_s,
        )
        return self._send(asked) if endpoint.is_write else self._read(asked)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _read(self, asked: _Call) -> Reply:
        retrying = Retrying(
            stop=stop_after_attempt(self._settings.read_attempts),
            wait=wait_exponential(multiplier=BACKOFF_S, max=BACKOFF_MAX_S),
            retry=retry_if_exception(_is_passing),
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            reply = retrying(self._send, asked)
        except ApiFailure as failure:
            self._polled(failure)
            raise
        self._polled(None)
        return reply

    def _polled(self, failure: ApiFailure | None) -> None:
        with self._health_lock:
            self._health = self._health.after(self._read_clock(), failure)

    def _send(self, asked: _Call) -> Reply:
        endpoint = asked.endpoint
        token = self._bearer(endpoint) if endpoint.needs_token else None
        headers = {"Content-Type": asked.content_type} if asked.content_type else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._limiter.wait(endpoint, asked.priority, lines=asked.lines, patience_s=asked.patience_s)
        request = self._http.build_request(endpoint.method, asked.url, headers=headers, content=asked.content)
        try:
            response = self._http.send(request)
        except httpx.HTTPError as error:
            failure = _network_failure(endpoint, asked.url, error)
        else:
            refused = failure_of(endpoint, response.status_code, response.content)
            if refused is None:
                return Reply(
                    status=response.status_code,
                    content=response.content,
                    server_time=_server_time(response.headers.get("Date")),
                )
            failure = _masked(refused, (*asked.secrets, *((token,) if token else ())))
            self._tell_of_token(endpoint, token, failure)
        raise failure  # outside the handler: what is chained to it could show the request

    def _tell_of_token(self, endpoint: Endpoint, token: str | None, failure: ApiFailure) -> None:
        is_dead = failure.error_class is ErrorClass.AUTH and failure.code != READ_ONLY_TOKEN
        if self._on_token_refused is not None and token and is_dead and not endpoint.is_write:
            self._on_token_refused(token)

    def _bearer(self, endpoint: Endpoint) -> str:
        token = self._token()
        if token and token.isascii() and token.isprintable() and " " not in token:
            return token
        raise ApiFailure(
            f"{endpoint.name} was not sent: "
            + ("the access token cannot be read" if token else "there is no access token, or it has expired"),
            error_class=ErrorClass.AUTH,
            endpoint=endpoint.name,
            was_sent=False,
            is_write=endpoint.is_write,
            hint="volguard token",
        )


def _url(base: str, endpoint: Endpoint, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    places = {name: quote(value, safe="") for name, value in path.items()}
    address = base.rstrip("/") + endpoint.path.format(**places)
    return f"{address}?{urlencode(query, quote_via=quote, safe='')}" if query else address


def _content(body: object, form: Mapping[str, str] | None) -> bytes | None:
    if form is not None:
        return urlencode(form).encode()
    return None if body is None else msgspec.json.encode(body)


def _content_type(body: object, form: Mapping[str, str] | None) -> str | None:
    if form is not None:
        return "application/x-www-form-urlencoded"
    return None if body is None else "application/json"


def _transport(settings: UpstoxSettings) -> httpx.HTTPTransport:
    hosts = [urlsplit(url).hostname or "" for url in settings.hosts.values()]
    return httpx.HTTPTransport(
        local_address=None if any(":" in host for host in hosts) else IPV4,
        limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
        retries=0,
    )


def _timeout(settings: UpstoxSettings) -> httpx.Timeout:
    return httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)


def _server_time(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        told = parsedate_to_datetime(header)
    except ValueError:
        return None
    return told.astimezone(IST) if told.tzinfo is not None else None


def _is_passing(error: BaseException) -> bool:
    # A rate budget of our own that has no room is no reason to ask sooner.
    if not isinstance(error, ApiFailure) or error.error_class not in PASSING:
        return False
    return error.was_sent or error.error_class is ErrorClass.NETWORK


def _network_failure(endpoint: Endpoint, url: str, error: httpx.HTTPError) -> ApiFailure:
    # The library's own text is left out: it may quote headers.
    was_sent = not isinstance(error, UNSENT)
    is_garbled = isinstance(error, httpx.DecodingError)
    is_open = endpoint.is_write and was_sent
    where = urlsplit(url).hostname
    what = "an answer that cannot be unpacked" if is_garbled else "no answer"
    return ApiFailure(
        f"{endpoint.name}: {what} from {where} ({type(error).__name__})"
        + ("" if was_sent else "; nothing was sent"),
        error_class=ErrorClass.UNKNOWN if is_garbled else ErrorClass.NETWORK,
        endpoint=endpoint.name,
        was_sent=was_sent,
        is_write=endpoint.is_write,
        hint=OPEN_OUTCOME_HINT if is_open else "check the network of this machine, then try again",
    )


def _secrets(endpoint: Endpoint, body: object, form: Mapping[str, str] | None) -> tuple[str, ...]:
    # Of a login every value sent may be one: codes and secrets; a broker that echoes them must not be quoted.
    if endpoint.band is not Band.LOGIN:
        return ()
    given = msgspec.to_builtins(body) if body is not None else {}
    values = [*(form or {}).values(), *(given.values() if isinstance(given, dict) else ())]
    return tuple(value for value in values if isinstance(value, str) and len(value) >= SECRET_LENGTH_MIN)


def _masked(failure: ApiFailure, secrets: tuple[str, ...]) -> ApiFailure:
    text = failure.message
    for secret in secrets:
        text = text.replace(secret, MASK)
    if text != failure.message:
        failure.message, failure.args = text, (text,)
    return failure
