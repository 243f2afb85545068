"""How volguard reaches Upstox, and how much it asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from volguard.adapters.upstox.endpoints import Host
from volguard.model.errors import UsageError

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
REHEARSAL_FOLDER: Final = "rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBand:
    """What one class of calls may take in any second, minute and half hour; the reserve is for exits."""

    per_second: int
    per_minute: int
    per_half_hour: int
    exit_share: float

    def __post_init__(self) -> None:
        for name in ("per_second", "per_minute", "per_half_hour"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} was {getattr(self, name)}, must be at least 1")
        if not 0.0 <= self.exit_share < 1.0:
            raise ValueError(f"exit_share was {self.exit_share}, must be in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstoxSettings:
    """Addresses, budgets and patience of the Upstox adapter; times in seconds."""

    base_url: str
    order_url: str
    assets_url: str
    redirect_uri: str
    cadence_s: float  # between snapshots of a live session
    expiries_max: int  # nearest ones that are subscribed
    strike_reach_share: float  # of the index, either side
    stall_s: float  # a feed without a frame for so long, in market hours, is dead
    verify_s: float  # a quote that no frame has touched for so long is asked for
    connect_timeout_s: float
    read_timeout_s: float
    read_attempts: int
    multi_lines_max: int
    margin_lines_max: int
    full_keys_max: int
    reconnect_failures_max: int  # within the window: the circuit opens
    reconnect_window_s: float
    reconnect_rest_s: float
    rate: Mapping[str, RateBand]

    def __post_init__(self) -> None:
        for name in ("base_url", "order_url", "assets_url"):
            _check_url(name, getattr(self, name))
        for name in (
            *("cadence_s", "strike_reach_share", "stall_s", "verify_s", "connect_timeout_s"),
            *("read_timeout_s", "reconnect_window_s", "reconnect_rest_s"),
        ):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} was {getattr(self, name)}, must be above 0")
        for name in (
            *("expiries_max", "read_attempts", "multi_lines_max", "margin_lines_max"),
            *("full_keys_max", "reconnect_failures_max"),
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} was {getattr(self, name)}, must be at least 1")
        for band in ("order", "standard", "login"):
            if band not in self.rate:
                raise ValueError(f"rate had no {band}, known are order, standard and login")

    @property
    def hosts(self) -> Mapping[Host, str]:
        """Address of each host."""
        return {Host.API: self.base_url, Host.ORDER: self.order_url, Host.ASSETS: self.assets_url}

    @property
    def is_rehearsal(self) -> bool:
        """Whether all calls stay on this machine: a look-alike, not the broker."""
        return all(urlsplit(url).hostname in LOOPBACK for url in self.hosts.values())


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return
    raise ValueError(f"{name} was {url!r}, must be https://, or http:// on this machine alone")


def _hostname_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def rehearsal_overrides(base_url: str) -> list[str]:
    """Overrides that send every call to one address on this machine: `--base-url` of the command line.

    Raises UsageError for any other address: it would be given the operator's own key, secret and token.
    """
    url = base_url.rstrip("/")
    if _hostname_of(url) not in LOOPBACK:
        raise UsageError(
            f"--base-url was {base_url!r}, must be on this machine",
            hint="it is for a rehearsal, on the address that volguard simulator serve printed",
        )
    return [
        f'upstox.base_url="{url}"',
        f'upstox.order_url="{url}/hft"',
        f'upstox.assets_url="{url}/assets"',
    ]


def data_folder(data: Path, settings: UpstoxSettings) -> Path:
    """Where fetched data lies: what a look-alike says never mixes with what the broker said."""
    return data / REHEARSAL_FOLDER if settings.is_rehearsal else data
