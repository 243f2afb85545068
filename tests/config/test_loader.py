"""Settings are read whole, checked, traced to their line and hashed, or refused with file, line and key."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import msgspec
import pytest

from tests.config.conftest import Change, Load, Refusal
from tests.config.sample_settings import (
    SECTIONS,
    BucketLimits,
    Contracts,
    Cycle,
    Ladder,
    Lot,
    PathText,
    Policy,
    Settings,
    TwoLadders,
)
from volguard.config import Root, Section, digest_of, load, restore, values_of
from volguard.model.errors import ConfigError

EXPECTED = Settings(
    strategy=Policy(
        require_vrp=True,
        delta_max=0.2,
        cycles=(Cycle.WEEKLY, Cycle.MONTHLY),
        widths=(100, 200),
        band=(0.5, 2.0),
        open_time=time(9, 15),
        account="paper",
        history=PathText("data/history"),
        mode="touch",
        since=None,
        ladder=Ladder(steps=4, wait_s=3.0),
    ),
    weekly=BucketLimits(trade_risk_inr_max=Decimal("20000.50"), trades_max=3),
    book={"NIFTY": BucketLimits(trade_risk_inr_max=Decimal(50000), trades_max=5)},
    contracts=Contracts(
        freeze={100: 1800},
        lot=(
            Lot(underlying="NIFTY", size=75, from_date=date(2024, 11, 20), weekdays=()),
            Lot(underlying="NIFTY", size=65, from_date=date(2026, 1, 1), weekdays=(1, 3)),
        ),
    ),
)


# --- what is read -----------------------------------------------------------------------------------


def test_tables_and_files_become_settings(load_sample: Load) -> None:
    """Nested tables, dotted tables, mappings, whole files and rows land in their classes, typed."""
    settings = load_sample().settings
    assert settings == EXPECTED
    assert type(settings.strategy.ladder.wait_s) is float
    assert type(settings.weekly.trade_risk_inr_max) is Decimal


def test_each_setting_knows_its_line(load_sample: Load) -> None:
    """`config show --origin`: every key with its file and line; a row of a table array is one entry."""
    assert load_sample().origins == {
        "book.NIFTY.trade_risk_inr_max": "config/limits.toml:6",
        "book.NIFTY.trades_max": "config/limits.toml:7",
        "bucket.weekly.trade_risk_inr_max": "config/limits.toml:2",
        "bucket.weekly.trades_max": "config/limits.toml:3",
        "contracts.freeze.100": "config/contracts.toml:1",
        "contracts.lot.0": "config/contracts.toml:3",
        "contracts.lot.1": "config/contracts.toml:9",
        "strategy.account": "config/volguard.toml:8",
        "strategy.band": "config/volguard.toml:6",
        "strategy.cycles": "config/volguard.toml:4",
        "strategy.delta_max": "config/volguard.toml:3",
        "strategy.history": "config/volguard.toml:9",
        "strategy.ladder.steps": "config/volguard.toml:13",
        "strategy.ladder.wait_s": "config/volguard.toml:14",
        "strategy.mode": "config/volguard.toml:10",
        "strategy.open_time": "config/volguard.toml:7",
        "strategy.require_vrp": "config/volguard.toml:2",
        "strategy.since": "config/volguard.toml:1",
        "strategy.widths": "config/volguard.toml:5",
    }


def test_each_setting_shows_its_value(load_sample: Load) -> None:
    """The rows of `config show` carry the value as the journal holds it."""
    values = {row.key: row.value for row in load_sample().rows}
    assert values["bucket.weekly.trade_risk_inr_max"] == "20000.5"
    assert values["contracts.freeze.100"] == 1800
    assert values["strategy.band"] == [0.5, 2.0]
    assert values["strategy.since"] is None
    assert values["contracts.lot.1"] == {
        "from_date": "2026-01-01",
        "size": 65,
        "underlying": "NIFTY",
        "weekdays": [1, 3],
    }


def test_packaged_defaults_say_so(root: Root) -> None:
    """A setting that comes from the package is not taken for one of the operator's own."""
    loaded = load(replace(root, is_packaged=True), settings_class=Settings, sections=SECTIONS)
    assert loaded.origins["strategy.require_vrp"] == "packaged default config/volguard.toml:2"


def test_the_order_of_keys_in_a_file_means_nothing(load_sample: Load, change: Change) -> None:
    """Mappings are sorted, so that no decision can hang on the order of lines."""
    change(
        "limits.toml",
        "[book.NIFTY]",
        "[book.ZETA]\ntrade_risk_inr_max = 1\ntrades_max = 1\n[book.ALPHA]\n"
        "trade_risk_inr_max = 1\ntrades_max = 1\n[book.NIFTY]",
    )
    assert list(load_sample().settings.book) == ["ALPHA", "NIFTY", "ZETA"]


def test_windows_line_ends_are_read(load_sample: Load, root: Root) -> None:
    """A file saved with CRLF has the same values and lines."""
    path = root.config_dir / "volguard.toml"
    before = load_sample()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_sample() == before


# --- digest and journal -----------------------------------------------------------------------------


def test_the_digest_is_of_the_values_alone(load_sample: Load, root: Root, change: Change) -> None:
    """Comments, order, spelling of a number and the folder do not change it; a value does."""
    before = load_sample()
    change("limits.toml", "20000.50\ntrades_max = 3", "20_000.5 # rupees\ntrades_max = +3")
    change("volguard.toml", "require_vrp = true\ndelta_max = 0.20", "delta_max = 2e-1\nrequire_vrp = true")
    moved = load(replace(root, is_packaged=True), settings_class=Settings, sections=SECTIONS)
    assert (moved.digest, moved.values) == (before.digest, before.values)
    assert moved.origins != before.origins
    assert load_sample("strategy.delta_max=0.21").digest != before.digest


def test_the_digest_is_pinned(load_sample: Load) -> None:
    """The same settings have the same digest in every version and on every machine."""
    assert load_sample().digest == "fa31833340751791d023889eaa19f3fde92d050e51cb29ee6e7656871fb34ef1"


def test_settings_come_back_from_the_journal(load_sample: Load) -> None:
    """Through JSON and back they are the very same, with the same digest."""
    loaded = load_sample("book.NIFTY.trade_risk_inr_max=0.00000010", "strategy.since=2026-09-16")
    journaled = msgspec.json.decode(msgspec.json.encode(loaded.values))
    settings = restore(journaled, Settings)
    assert settings == loaded.settings
    assert digest_of(values_of(settings)) == digest_of(journaled) == loaded.digest
    assert loaded.values["book"]["NIFTY"]["trade_risk_inr_max"] == "0.0000001"


def test_settings_of_another_version_are_refused(load_sample: Load) -> None:
    """A key that is gone, or one that is new, is never passed over in a replay."""
    values = msgspec.json.decode(msgspec.json.encode(load_sample().values))
    with pytest.raises(ConfigError) as caught:
        restore({**values, "weekly": {**values["weekly"], "old": 1}}, Settings)
    assert caught.value.message == "settings in the journal hold keys that this version lacks"
    del values["weekly"]["trades_max"]
    with pytest.raises(ConfigError) as caught:
        restore(values, Settings)
    assert caught.value.message == (
        "settings in the journal do not fit this version: "
        "Object missing required field `trades_max` - at `$.weekly`"
    )
    assert caught.value.hint == "use the version of volguard that wrote the journal"


# --- what is refused --------------------------------------------------------------------------------


def test_a_missing_file_is_named(refusal: Refusal, root: Root) -> None:
    """No setting has a default outside its file."""
    (root.config_dir / "limits.toml").unlink()
    error = refusal()
    assert error.message == f"config/limits.toml is missing from {root.config_dir}"
    assert error.hint == (
        "restore limits.toml from the repository's config folder; no setting has a default outside it"
    )


def test_a_file_that_cannot_be_read_is_named(refusal: Refusal, root: Root) -> None:
    """A folder in the place of a file."""
    (root.config_dir / "limits.toml").unlink()
    (root.config_dir / "limits.toml").mkdir()
    assert refusal().message == "config/limits.toml cannot be read: Is a directory"


def test_a_file_of_another_encoding_is_named(refusal: Refusal, root: Root) -> None:
    """TOML is UTF-8."""
    (root.config_dir / "limits.toml").write_bytes(b"# \xff\n")
    assert refusal().message == "config/limits.toml: byte 2 is not UTF-8"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trades_max = 3", "trades_max 3", "3: not valid TOML: Expected '=' after a key in a key/value pair"),
        ("trades_max = 3", "trades_max = 3\ntrades_max = 3", "4: not valid TOML: Cannot overwrite a value"),
        ("trades_max = 5\n", "trades_max =", "7: not valid TOML: Invalid value"),
    ],
)
def test_a_syntax_error_has_its_line(
    change: Change, refusal: Refusal, old: str, new: str, message: str
) -> None:
    """Also where the fault is the end of the file."""
    change("limits.toml", old, new)
    assert refusal().message == f"config/limits.toml:{message}"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "volguard.toml",
            "require_vrp",
            "require_vpr",
            "config/volguard.toml:2: unknown key strategy.require_vpr, nearest known is strategy.require_vrp",
        ),
        (
            "volguard.toml",
            "steps = 4",
            "steps = 4\nzzz = 1",
            "config/volguard.toml:14: unknown key strategy.ladder.zzz, "
            "nearest known is strategy.ladder.steps",
        ),
        (
            "volguard.toml",
            "[strategy.ladder]",
            "[stratgey]\na = 1\n[strategy.ladder]",
            "config/volguard.toml:12: unknown key stratgey, nearest known is strategy",
        ),
        (
            "limits.toml",
            "[book.NIFTY]",
            "[bucket.wekly]\n[book.NIFTY]",
            "config/limits.toml:5: unknown key bucket.wekly, nearest known is bucket.weekly",
        ),
        (
            "limits.toml",
            "[book.NIFTY]",
            "[qqq]\n[book.NIFTY]",
            "config/limits.toml:5: unknown key qqq, known are book, bucket",
        ),
        (
            "contracts.toml",
            "size = 65",
            "size = 65\nsizes = 1",
            "config/contracts.toml:12: unknown key contracts.lot.1.sizes, "
            "nearest known is contracts.lot.1.size",
        ),
        (
            "contracts.toml",
            "freeze =",
            "tick = 5\nfreeze =",
            "config/contracts.toml:1: unknown key contracts.tick, nearest known is contracts.lot",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known(
    change: Change, refusal: Refusal, file: str, old: str, new: str, message: str
) -> None:
    """A misspelt limit must not be a limit that is not there."""
    change(file, old, new)
    assert refusal().message == message


@pytest.mark.parametrize(
    ("file", "old", "message", "hint"),
    [
        (
            "volguard.toml",
            "require_vrp = true\n",
            "config/volguard.toml:1: missing key strategy.require_vrp",
            "every setting is written out; add require_vrp (true or false)",
        ),
        (
            "limits.toml",
            "trade_risk_inr_max = 20000.50\n",
            "config/limits.toml:1: missing key bucket.weekly.trade_risk_inr_max",
            "every setting is written out; add trade_risk_inr_max (a number)",
        ),
        (
            "contracts.toml",
            "weekdays = [1, 3]\n",
            "config/contracts.toml:9: missing key contracts.lot.1.weekdays",
            "every setting is written out; add weekdays (an array)",
        ),
        (
            "contracts.toml",
            "freeze = { 100 = 1800 }\n",
            "config/contracts.toml: missing key contracts.freeze",
            "every setting is written out; add freeze (a table)",
        ),
        (
            "limits.toml",
            "[bucket.weekly]\ntrade_risk_inr_max = 20000.50\ntrades_max = 3\n",
            "config/limits.toml: missing table [bucket.weekly]",
            "every setting is written out; restore the table from the repository's config folder",
        ),
    ],
)
def test_a_missing_key_is_refused(
    change: Change, refusal: Refusal, file: str, old: str, message: str, hint: str
) -> None:
    """Nothing is assumed for a key that is not written."""
    change(file, old, "")
    error = refusal()
    assert (error.message, error.hint) == (message, hint)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("volguard.toml", "= true", '= "yes"', '2: strategy.require_vrp was "yes", must be true or false'),
        ("volguard.toml", "= true", "= 1", "2: strategy.require_vrp was 1, must be true or false"),
        ("volguard.toml", "= 0.20", "= true", "3: strategy.delta_max was true, must be a number"),
        ("volguard.toml", "= 0.20", "= nan", "3: strategy.delta_max was NaN, must be finite"),
        (
            "volguard.toml",
            'cycles = ["WEEKLY", "MONTHLY"]',
            'cycles = [\n"WEEKLY",\n"YEARLY"]',
            '6: strategy.cycles.1 was "YEARLY", must be one of WEEKLY, MONTHLY',
        ),
        ("volguard.toml", "[100, 200]", "100", "5: strategy.widths was 100, must be an array"),
        ("volguard.toml", "[100, 200]", "[1.0]", "5: strategy.widths.0 was 1.0, must be a whole number"),
        ("volguard.toml", "[0.5, 2]", "[1]", "6: strategy.band was an array, must be an array of 2, not 1"),
        (
            "volguard.toml",
            "09:15:00",
            '"nine"',
            '7: strategy.open_time was "nine", must be a time such as 09:15:00',
        ),
        ("volguard.toml", '"paper"', "[]", "8: strategy.account was an array, must be text"),
        ("volguard.toml", '"data/history"', "{}", "9: strategy.history was a table, must be text"),
        ("volguard.toml", '"touch"', '"last"', '10: strategy.mode was "last", must be one of touch, mid'),
        (
            "volguard.toml",
            'mode = "touch"',
            'mode = "touch"\nsince = 5',
            "11: strategy.since was 5, must be a date such as 2026-09-16",
        ),
        (
            "volguard.toml",
            "[strategy.ladder]\nsteps = 4\nwait_s = 3",
            "ladder = 3",
            "12: strategy.ladder was 3, must be a table",
        ),
        (
            "limits.toml",
            '"50000"',
            '"fifty"',
            '6: book.NIFTY.trade_risk_inr_max was "fifty", must be a number',
        ),
        (
            "limits.toml",
            "20000.50",
            "inf",
            "2: bucket.weekly.trade_risk_inr_max was Infinity, must be finite",
        ),
        (
            "limits.toml",
            "[bucket.weekly]\ntrade_risk_inr_max = 20000.50\ntrades_max = 3",
            "bucket = 7",
            "1: bucket was 7, must be a table",
        ),
        ("contracts.toml", "100 = 1800", "x = 1", "1: key x of contracts.freeze must be a whole number"),
        (
            "contracts.toml",
            "100 = 1800",
            "0100 = 1",
            "1: key 0100 of contracts.freeze must be a whole number",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(
    change: Change, refusal: Refusal, file: str, old: str, new: str, message: str
) -> None:
    """The message names file, line, key, the value seen and what is expected."""
    change(file, old, new)
    assert refusal().message == f"config/{file}:{message}"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("volguard.toml", "= 0.20", "= -0.2", "3: strategy.delta_max was -0.2, must be in (0, 1)"),
        ("volguard.toml", "steps = 4", "steps = 10", "13: strategy.ladder.steps was 10, must be at most 9"),
        ("volguard.toml", "[0.5, 2]", "[3, 2]", "1: strategy: low end of the band lies above its high end"),
        ("contracts.toml", "size = 65", "size = 0", "11: contracts.lot.1.size was 0, must be above 0"),
        (
            "contracts.toml",
            "2026-01-01",
            "2020-01-01",
            "12: contracts.lot.1.from_date was 2020-01-01, must be later than the row above",
        ),
        (
            "limits.toml",
            "trades_max = 3",
            "trades_max = 1",
            "3: bucket.weekly.trades_max was 1, must be at least one a cycle",
        ),
    ],
)
def test_a_value_out_of_range_is_refused_on_its_line(
    change: Change, refusal: Refusal, file: str, old: str, new: str, message: str
) -> None:
    """The classes' own checks, those across fields and across sections, lead back to the line."""
    change(file, old, new)
    assert refusal().message == f"config/{file}:{message}"


def test_sections_must_cover_the_settings(root: Root) -> None:
    """A field without a section, or two sections in one table, is a fault of the program."""
    with pytest.raises(TypeError, match=r"sections were .* must be"):
        load(root, settings_class=Settings, sections=SECTIONS[:-1])
    twice = (*SECTIONS[:2], Section(name="book", file="limits.toml", table="bucket.weekly"), SECTIONS[3])
    with pytest.raises(TypeError, match=r"two of the sections .* are written in the same table"):
        load(root, settings_class=Settings, sections=twice)


def test_a_whole_file_may_leave_a_table_to_another_section(root: Root) -> None:
    """One file serves two sections: a table of its own, and all the rest."""
    (root.config_dir / "limits.toml").write_text(
        "steps = 1\nwait_s = 2\n[breaker.fast]\nsteps = 3\nwait_s = 4\n"
    )
    sections = (
        Section(name="rest", file="limits.toml"),
        Section(name="fast", file="limits.toml", table="breaker.fast"),
    )
    loaded = load(root, ["breaker.fast.steps=9"], settings_class=TwoLadders, sections=sections)
    assert loaded.settings == TwoLadders(rest=Ladder(steps=1, wait_s=2.0), fast=Ladder(steps=9, wait_s=4.0))
    assert loaded.origins == {
        "breaker.fast.steps": "--set",
        "breaker.fast.wait_s": "config/limits.toml:5",
        "rest.steps": "config/limits.toml:1",
        "rest.wait_s": "config/limits.toml:2",
    }


def test_the_loader_is_light() -> None:
    """Importing it brings in neither numpy nor the other heavy libraries."""
    script = (
        "import sys, volguard.config.loader\n"
        "print([name for name in ('numpy', 'pyarrow', 'rich', 'typer', 'difflib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
