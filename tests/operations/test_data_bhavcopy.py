"""Importing bhavcopies: many files at once, each used whole or refused, days kept once, cuts harmless."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.adapters.bhavcopy_samples import NEW_YEAR, legacy, udiff, udiff_line, zipped
from tests.operations.data_parts import Heard, desk_at
from volguard.adapters.manifest import FileState, Manifest
from volguard.model.errors import UsageError
from volguard.operations import data_bhavcopy
from volguard.operations.data_bhavcopy import Imported, import_bhavcopies, import_document

BOTH = ("BANKNIFTY", "NIFTY")


def made_up(folder: Path, number: int, *names: str, close: float = 100.0) -> Path:
    """A file of so many days after 20 December 2024: two strikes of each underlying."""
    day = date(2024, 12, 20) + timedelta(days=number)
    lines = [
        udiff_line(day, strike, name=name, close=close) for name in names or BOTH for strike in (24000, 24050)
    ]
    return udiff(folder, *lines, day=day)


def imported(data: Path, *paths: Path, force: bool = False, heard: Heard | None = None) -> Imported:
    return import_bhavcopies(paths, BOTH, desk_at(data, heard), force=force)


def rows(data: Path) -> dict[str, int]:
    """Rows of every year's file."""
    files = sorted((data / "bhavcopy").rglob("*.parquet"))
    return {path.relative_to(data / "bhavcopy").as_posix(): pq.read_table(path).num_rows for path in files}


def test_files_of_many_days_become_years_of_each_underlying(tmp_path: Path) -> None:
    """Days over a turn of the year, two underlyings: four files, each in the manifest with its span."""
    inbox, data = tmp_path / "in", tmp_path / "data"
    inbox.mkdir()
    for number in (0, 5, 11, 12, 20):
        made_up(inbox, number)
    result = imported(data, inbox)
    assert (result.exit_code, result.is_interrupted, result.refused) == (0, False, 0)
    assert rows(data) == {
        "BANKNIFTY/2024.parquet": 6,
        "BANKNIFTY/2025.parquet": 4,
        "NIFTY/2024.parquet": 6,
        "NIFTY/2025.parquet": 4,
    }
    manifest = Manifest(data)
    assert [(e.path, e.kind, e.first, e.last, e.rows) for e in manifest.entries()][2:] == [
        ("bhavcopy/NIFTY/2024.parquet", "bhavcopy", "2024-12-20", "2024-12-31", 6),
        ("bhavcopy/NIFTY/2025.parquet", "bhavcopy", "2025-01-01", "2025-01-09", 4),
    ]
    assert {manifest.state_of(entry) for entry in manifest.entries()} == {FileState.SAME}


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    """The same files once more: every day is there, no row more, and it is told so."""
    path = made_up(tmp_path, 0)
    imported(tmp_path / "data", path)
    again = import_document(imported(tmp_path / "data", path, zipped(path)), desk_at(tmp_path / "data"))
    assert again["totals"]["days_there"] == 4 and again["totals"]["days_added"] == 0
    assert rows(tmp_path / "data") == {"BANKNIFTY/2024.parquet": 2, "NIFTY/2024.parquet": 2}


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """One file is refused with line and column, the rest is imported, and the exit code is 2."""
    bad = made_up(tmp_path, 1)
    bad.write_text(bad.read_text().replace("24050.00", "24050.25"))
    result = imported(
        tmp_path / "data", made_up(tmp_path, 0), bad, tmp_path / "gone.csv", made_up(tmp_path, 2)
    )
    assert (result.exit_code, result.refused) == (2, 2)
    faults = [outcome.faults for outcome in result.outcomes]
    assert faults[1] == (
        "line 3, column StrkPric: '24050.25' is not a whole number",
        "line 5, column StrkPric: '24050.25' is not a whole number",
    )
    assert faults[2] == ("no such file",)
    assert rows(tmp_path / "data") == {"BANKNIFTY/2024.parquet": 4, "NIFTY/2024.parquet": 4}


def test_a_day_that_contradicts_what_is_there_is_exit_3(tmp_path: Path) -> None:
    """Other figures are named and kept; forced, they take the place and all is well."""
    data = tmp_path / "data"
    imported(data, made_up(tmp_path, 0))
    other = made_up(tmp_path, 0, close=101.0)
    result = imported(data, other)
    assert result.exit_code == 3
    reason = result.outcomes[0].days["NIFTY"].reason
    assert reason == "2024-12-31 24000 CE, open: 100.0 is there, now 101.0"
    assert imported(data, other, force=True).exit_code == 0
    closes = pq.read_table(data / "bhavcopy" / "NIFTY" / "2024.parquet")["close"].to_pylist()
    assert closes == [101.0, 101.0]


def test_folders_give_their_csv_and_zip_files(tmp_path: Path) -> None:
    """A folder stands for its files by name; other files in it are left alone."""
    inbox = tmp_path / "in"
    inbox.mkdir()
    zipped(legacy(inbox)).rename(inbox / "A.ZIP")
    (inbox / "notes.txt").write_text("mine")
    result = imported(tmp_path / "data", inbox)
    assert [outcome.path.name for outcome in result.outcomes] == ["A.ZIP", "fo01JAN2024bhav.csv"]
    assert result.outcomes[0].read is not None and result.outcomes[0].read.trade_date == NEW_YEAR


def test_nothing_to_import_is_refused(tmp_path: Path) -> None:
    """An empty folder is most likely the wrong one."""
    with pytest.raises(UsageError, match=r"no .csv or .zip file"):
        imported(tmp_path / "data", tmp_path)


@pytest.mark.parametrize("cut", range(6))
def test_cut_after_any_file_the_next_run_ends_the_same(
    tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after any number of files, what was read is stored, and a second run makes it whole."""
    monkeypatch.setattr(data_bhavcopy, "FILES_HELD", 2)
    paths = [made_up(tmp_path, number) for number in range(5)]
    data = tmp_path / "data"
    first = imported(data, *paths, heard=Heard(stop_after=cut))
    assert first.is_interrupted is (cut < 5)
    assert sum(rows(data).values()) == 4 * len(first.outcomes) == 4 * min(cut, 5)
    second = imported(data, *paths)
    assert (second.is_interrupted, second.exit_code) == (False, 0)
    assert rows(data) == {"BANKNIFTY/2024.parquet": 10, "NIFTY/2024.parquet": 10}


def test_a_killed_run_costs_what_was_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed without warning between two files, each stored year is whole and the next run adds the rest."""
    monkeypatch.setattr(data_bhavcopy, "FILES_HELD", 2)
    paths = [made_up(tmp_path, number) for number in range(5)]
    read = data_bhavcopy.read_bhavcopy

    def killed(path: Path, underlyings: tuple[str, ...]) -> object:
        if path == paths[3]:
            raise KeyboardInterrupt
        return read(path, underlyings)

    monkeypatch.setattr(data_bhavcopy, "read_bhavcopy", killed)
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path / "data", *paths)
    monkeypatch.undo()
    assert rows(tmp_path / "data") == {"BANKNIFTY/2024.parquet": 4, "NIFTY/2024.parquet": 4}
    assert imported(tmp_path / "data", *paths).exit_code == 0
    assert rows(tmp_path / "data") == {"BANKNIFTY/2024.parquet": 10, "NIFTY/2024.parquet": 10}


def test_a_damaged_year_refuses_its_files_alone(tmp_path: Path) -> None:
    """A torn year of one underlying is told for the files that needed it; the other is imported."""
    data = tmp_path / "data"
    imported(data, made_up(tmp_path, 0))
    year = data / "bhavcopy" / "NIFTY" / "2024.parquet"
    year.write_bytes(year.read_bytes()[:-5])
    result = imported(data, made_up(tmp_path, 1))
    assert result.exit_code == 2
    assert "2024.parquet: cannot be read" in result.outcomes[0].faults[0]
    assert pq.read_table(data / "bhavcopy" / "BANKNIFTY" / "2024.parquet").num_rows == 4


def test_progress_tells_the_file_at_hand(tmp_path: Path) -> None:
    """Before each file its number and name are told."""
    heard = Heard()
    paths = [made_up(tmp_path, number) for number in range(2)]
    imported(tmp_path / "data", *paths, heard=heard)
    assert heard.progress == [(0, 2, paths[0].name), (1, 2, paths[1].name)]
