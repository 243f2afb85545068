"""Where calls go and how many: addresses that could leak, and budgets that make no sense, are refused."""

from __future__ import annotations

import pytest

from tests.fakes import shipped
from volguard.adapters.upstox.endpoints import Host
from volguard.adapters.upstox.settings import rehearsal_overrides
from volguard.model.errors import ConfigError, UsageError


def test_the_shipped_addresses_are_the_broker_s() -> None:
    """Orders go to the fast host, files to the assets host, all over TLS."""
    hosts = shipped().upstox.hosts
    assert hosts[Host.API] == "https://api.upstox.com"
    assert hosts[Host.ORDER] == "https://api-hft.upstox.com"
    assert hosts[Host.ASSETS] == "https://assets.upstox.com"
    assert not shipped().upstox.is_rehearsal


def test_a_rehearsal_sends_every_call_to_this_machine() -> None:
    """One option moves all three addresses; one left behind is no rehearsal."""
    overrides = rehearsal_overrides("http://127.0.0.1:8765/")
    settings = shipped(*overrides).upstox
    assert settings.hosts == {
        Host.API: "http://127.0.0.1:8765",
        Host.ORDER: "http://127.0.0.1:8765/hft",
        Host.ASSETS: "http://127.0.0.1:8765/assets",
    }
    assert settings.is_rehearsal
    for left_out in range(3):
        some = [override for i, override in enumerate(overrides) if i != left_out]
        assert not shipped(*some).upstox.is_rehearsal


@pytest.mark.parametrize(
    "url",
    ["https://api.upstox.com", "https://localhost.example", "https://127.0.0.1@example", "https://[", ""],
)
def test_a_rehearsal_never_leaves_this_machine(url: str) -> None:
    """An address elsewhere would be given the operator's own key and secret: `--base-url` refuses it."""
    with pytest.raises(UsageError, match=r"--base-url was .*, must be on this machine"):
        rehearsal_overrides(url)


@pytest.mark.parametrize("key", ["base_url", "order_url", "assets_url"])
@pytest.mark.parametrize("url", ["http://api.upstox.com", "ftp://127.0.0.1", "api.upstox.com", ""])
def test_a_token_never_travels_in_the_clear(key: str, url: str) -> None:
    """Plain HTTP is for this machine alone; anything that is no address is refused by name."""
    with pytest.raises(ConfigError, match=key):
        shipped(f'upstox.{key}="{url}"')


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("upstox.cadence_s=0", "cadence_s"),
        ("upstox.stall_s=-1", "stall_s"),
        ("upstox.read_attempts=0", "read_attempts"),
        ("upstox.full_keys_max=0", "full_keys_max"),
        ("upstox.rate.order.per_second=0", "per_second"),
        ("upstox.rate.order.exit_share=1.0", "exit_share"),
    ],
)
def test_budgets_and_patience_are_checked(override: str, name: str) -> None:
    """A value that would switch a guard off is refused by name."""
    with pytest.raises(ConfigError, match=name):
        shipped(override)
