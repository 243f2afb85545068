"""The tables of modelled chains are read like every other dated table, and apart from the settings."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.chains import ROOT
from volguard.config.chain_model import load_chain_model
from volguard.config.roots import Root, find_root
from volguard.config.settings import SECTIONS
from volguard.model.errors import ConfigError, DateNotCovered


def changed(folder: Path, old: str, new: str) -> Root:
    """A root whose chain_model.toml has one text replaced."""
    shutil.copytree(ROOT / "config", folder / "config")
    path = folder / "config" / "chain_model.toml"
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))
    return find_root(folder, {}, folder)


def test_the_shipped_file_loads_with_its_origins() -> None:
    """Every value has a place, and the digest is of the values alone."""
    loaded = load_chain_model(find_root(ROOT, {}, ROOT))
    assert loaded.origins["chain_model.smile.skew"].startswith("config/chain_model.toml:")
    assert loaded.settings.chain_model.fitted_on.recorded_day == date(2025, 8, 29)
    assert len(loaded.digest) == 64


def test_it_is_no_part_of_the_settings_of_a_session() -> None:
    """A model fitted again must not restart the evidence of live sessions."""
    assert "chain_model.toml" not in {section.file for section in SECTIONS}


def test_the_carry_is_dated() -> None:
    """One row a year from 2012 to 2025; outside, and in a gap, nothing is assumed."""
    carry = load_chain_model(find_root(ROOT, {}, ROOT)).settings.chain_model.carry_timeline
    assert carry.at(date(2020, 3, 23)).per_year == 0.018
    assert carry.at(date(2012, 1, 1)).per_year == 0.064
    for day in (date(2011, 12, 31), date(2026, 1, 1)):
        with pytest.raises(DateNotCovered, match=r"chain_model\.carry"):
            carry.at(day)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("skew = 0.1", "skew = 1.1", "config/chain_model.toml:"),
        ("skew = 0.1", "skewness = 0.1", "unknown key chain_model.smile.skewness"),
        ("valid_from = 2016-01-01", "valid_from = 2016-01-02", "gap after 2015-12-31"),
        ("spread_share = 0.00166", "spread_share = 1.5", "spread_share was 1.5"),
        ('cycle = "W", rank = 1', 'cycle = "W", rank = 2', r"ranks \[0, 2, 2, 3\]"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Out of range, unknown, or leaving a gap: place, key and value are in the message."""
    with pytest.raises(ConfigError, match=told):
        load_chain_model(changed(tmp_path, old, new))
