"""A preset and `--set` change single settings, say so as their origin, and are checked like a file."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.config.conftest import Change, Load, Refusal

# --- --set ------------------------------------------------------------------------------------------


def test_an_override_wins_over_the_file(load_sample: Load) -> None:
    """Its origin is --set; its neighbours keep theirs."""
    loaded = load_sample("strategy.require_vrp=false", "strategy.ladder.steps = 5")
    assert (loaded.settings.strategy.require_vrp, loaded.settings.strategy.ladder.steps) == (False, 5)
    assert loaded.origins["strategy.require_vrp"] == loaded.origins["strategy.ladder.steps"] == "--set"
    assert loaded.origins["strategy.ladder.wait_s"] == "config/volguard.toml:14"


def test_the_last_override_wins(load_sample: Load) -> None:
    """They are applied from left to right."""
    assert load_sample("strategy.delta_max=0.3", "strategy.delta_max=0.4").settings.strategy.delta_max == 0.4


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("paper two", "paper two"),
        ('"quoted"', "quoted"),
        ("7", "7"),
        ("0.10", "0.10"),
        ("true", "true"),
        ("a=b", "a=b"),
        ("", ""),
        ('1\nmode = "mid"', '1\nmode = "mid"'),
    ],
)
def test_what_is_not_toml_is_text(load_sample: Load, text: str, account: str) -> None:
    """Text needs no quotes on a command line, even where it looks like a number."""
    assert load_sample(f"strategy.account={text}").settings.strategy.account == account


def test_values_are_read_as_toml(load_sample: Load) -> None:
    """Arrays, dates, decimals and whole tables."""
    loaded = load_sample(
        "strategy.widths=[50, 150]",
        "strategy.since=2026-09-16",
        "bucket.weekly={ trade_risk_inr_max = 12.30, trades_max = 2 }",
    )
    assert loaded.settings.strategy.widths == (50, 150)
    assert loaded.settings.strategy.since == date(2026, 9, 16)
    assert loaded.settings.weekly.trade_risk_inr_max == Decimal("12.30")
    assert loaded.origins["bucket.weekly.trades_max"] == "--set"


def test_one_figure_of_a_row_can_be_set(load_sample: Load) -> None:
    """It shows beside its row, with its own origin."""
    loaded = load_sample("contracts.lot.1.size=30")
    assert [lot.size for lot in loaded.settings.contracts.lot] == [75, 30]
    assert loaded.origins["contracts.lot.1"] == "config/contracts.toml:9"
    assert loaded.origins["contracts.lot.1.size"] == "--set"
    assert {row.key: row.value for row in loaded.rows}["contracts.lot.1.size"] == 30


def test_a_whole_row_can_be_set(load_sample: Load) -> None:
    """As an inline table."""
    row = '{ underlying = "NIFTY", size = 20, from_date = 2027-01-01, weekdays = [] }'
    loaded = load_sample(f"contracts.lot.1={row}")
    assert loaded.settings.contracts.lot[1].size == 20
    assert loaded.origins["contracts.lot.1"] == "--set"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("strategy.require_vrp", "--set was strategy.require_vrp, must be key=value"),
        ("=5", "--set was =5, must be key=value"),
        (
            "strategy.require_vpr=false",
            "--set: unknown key strategy.require_vpr, nearest known is strategy.require_vrp",
        ),
        ("stratgy.delta_max=1", "--set: unknown key stratgy.delta_max, nearest known is strategy.delta_max"),
        ("require_vrp=false", "--set: unknown key require_vrp, nearest known is strategy.require_vrp"),
        ("bucket={}", "--set: unknown key bucket, nearest known is bucket.weekly"),
        ("strategy.require_vrp.x=1", "--set: strategy.require_vrp was true, must be a table"),
        (
            "contracts.lot.2.size=1",
            "--set: unknown key contracts.lot.2, contracts.lot has 2 rows, numbered from 0",
        ),
        (
            "contracts.lot.first.size=1",
            "--set: unknown key contracts.lot.first, contracts.lot has 2 rows, numbered from 0",
        ),
        ("strategy.require_vrp=maybe", '--set: strategy.require_vrp was "maybe", must be true or false'),
        ("strategy.ladder.steps=2.5", "--set: strategy.ladder.steps was 2.5, must be a whole number"),
        ("strategy.ladder=2", "--set: strategy.ladder was 2, must be a table"),
        ("strategy.delta_max=1.5", "--set: strategy.delta_max was 1.5, must be in (0, 1)"),
        ("contracts.lot.0.size=-75", "--set: contracts.lot.0.size was -75, must be above 0"),
        ("book.BANKNIFTY.trades_max=1", "--set: missing key book.BANKNIFTY.trade_risk_inr_max"),
    ],
)
def test_a_bad_override_is_refused(refusal: Refusal, override: str, message: str) -> None:
    """With the key, the value seen and what is expected, as for a file."""
    assert refusal(override).message == message


# --- preset -----------------------------------------------------------------------------------------


def test_a_preset_changes_what_it_names(load_sample: Load) -> None:
    """Its keys may be quoted or not; the origin names preset, file and line."""
    loaded = load_sample(preset="cautious")
    assert loaded.settings.weekly.trade_risk_inr_max == 8000
    assert loaded.settings.strategy.delta_max == 0.1
    assert loaded.origins["bucket.weekly.trade_risk_inr_max"] == "preset cautious config/volguard.toml:17"
    assert loaded.origins["strategy.delta_max"] == "preset cautious config/volguard.toml:18"
    assert loaded.origins["bucket.weekly.trades_max"] == "config/limits.toml:3"


def test_an_override_wins_over_a_preset(load_sample: Load) -> None:
    """The order is file, preset, --set."""
    loaded = load_sample("strategy.delta_max=0.15", preset="cautious")
    assert (loaded.settings.strategy.delta_max, loaded.origins["strategy.delta_max"]) == (0.15, "--set")


def test_a_preset_that_is_not_chosen_changes_nothing(load_sample: Load, change: Change) -> None:
    """Neither settings nor digest."""
    before = load_sample()
    change("volguard.toml", "= 8000", "= 9000")
    assert load_sample().digest == before.digest


def test_an_unknown_preset_is_refused(refusal: Refusal) -> None:
    """With the nearest one and where presets are written."""
    error = refusal(preset="cautios")
    assert error.message == "--preset was cautios, nearest known is cautious"
    assert error.hint == "presets are the [preset.NAME] tables of config/volguard.toml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "strategy.delta_max = 0.10",
            "strategy.delta_mx = 0.10",
            "preset cautious config/volguard.toml:18: unknown key strategy.delta_mx, "
            "nearest known is strategy.delta_max",
        ),
        (
            "= 8000",
            '= "low"',
            'preset cautious config/volguard.toml:17: bucket.weekly.trade_risk_inr_max was "low", '
            "must be a number",
        ),
        (
            "= 0.10",
            "= 7",
            "preset cautious config/volguard.toml:18: strategy.delta_max was 7.0, must be in (0, 1)",
        ),
    ],
)
def test_a_bad_preset_is_refused(change: Change, refusal: Refusal, old: str, new: str, message: str) -> None:
    """On its own line."""
    change("volguard.toml", old, new)
    assert refusal(preset="cautious").message == message
