"""`volguard config show`: every setting as a session would use it, and where it came from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import PROJECT, volguard

FILES = ("volguard.toml", "limits.toml")


def leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    found: list[str] = []
    for key, value in table.items():
        found += leaves(value, (*path, key)) if isinstance(value, dict) else [".".join((*path, key))]
    return found


def settings(root: Path, *words: str) -> dict[str, Any]:
    done = volguard("config", "show", "--json", *words, root=root)
    assert done.code == 0, done.err
    assert done.document["schema"] == "volguard.config/1"
    return {row["key"]: row for row in done.document["settings"]} | {"": done.document}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    """The settings as shipped."""
    return settings(PROJECT)


@pytest.mark.parametrize("file", FILES)
def test_every_key_of_the_files_is_loaded_and_points_to_its_line(file: str, shipped: dict[str, Any]) -> None:
    """Each key written in the files is a setting in use; its origin is the very line it stands on."""
    text = (PROJECT / "config" / file).read_text()
    lines = text.splitlines()
    written = [key for key in leaves(tomllib.loads(text)) if not key.startswith("preset.")]
    assert written
    for key in written:
        place, _, number = shipped[key]["origin"].rpartition(":")
        assert place == f"config/{file}"
        assert lines[int(number) - 1].split("=")[0].strip() == key.rpartition(".")[2]


def test_lines_of_text_carry_value_and_origin() -> None:
    """With --origin each line of text ends in file and line; without it they are left out."""
    done = volguard("config", "show", "--origin", root=PROJECT)
    assert done.code == 0
    (line,) = [x for x in done.out.splitlines() if x.startswith("limits.hard_stop_share")]
    assert line.startswith("limits.hard_stop_share = 0.03  # config/limits.toml:")
    plain = volguard("config", "show", root=PROJECT)
    assert "#" not in next(x for x in plain.out.splitlines() if x.startswith("limits.hard_stop_share"))


def test_an_override_shows_its_origin_and_changes_the_hash(shipped: dict[str, Any]) -> None:
    """--set wins over the file, is named as the origin, and is part of the settings' hash."""
    changed = settings(PROJECT, "--set", "limits.hard_stop_share=0.025")
    row = changed["limits.hard_stop_share"]
    assert (row["value"], row["origin"]) == (0.025, "--set")
    assert changed[""]["settings_hash"] != shipped[""]["settings_hash"]
    same = settings(PROJECT, "--set", "limits.hard_stop_share=0.03")
    assert same[""]["settings_hash"] == shipped[""]["settings_hash"]


def test_a_preset_shows_its_origin(shipped: dict[str, Any]) -> None:
    """A preset's values come with the preset's name; an override wins over it."""
    key = "bucket_limits.weekly.trade_risk_inr_max"
    assert shipped[key]["value"] == "0"
    cautious = settings(PROJECT, "--preset", "cautious")
    assert cautious[key]["value"] == "8000"
    assert cautious[key]["origin"].startswith("preset cautious config/volguard.toml:")
    both = settings(PROJECT, "--preset", "cautious", "--set", f"{key}=5000")
    assert (both[key]["value"], both[key]["origin"]) == ("5000", "--set")


def test_without_a_root_the_packaged_defaults_are_used(tmp_path: Path, shipped: dict[str, Any]) -> None:
    """In a folder without configuration the packaged defaults serve, and say so."""
    done = volguard("config", "show", "--origin", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "packaged default config/limits.toml" in done.out
    assert f"settings_hash = {shipped['']['settings_hash']}" in done.out
