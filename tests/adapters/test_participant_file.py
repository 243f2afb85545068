"""Who holds what comes from the exchange's file as it is: a blank day is no day, a bad cell is an error."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from volguard.adapters.history import FileHistory
from volguard.adapters.participant_file import read_participants
from volguard.model.errors import DataError
from volguard.model.market import ParticipantDay

HEAD = "date,client_type,Future Index Long,Future Index Short"


def write(folder: Path, *lines: str, name: str = "participant_oi.csv") -> Path:
    text = "\n".join((HEAD, *lines)) + "\n"
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["participant_oi.csv", "participant_oi.csv.gz"])
def test_only_foreign_investors_are_read_in_order_of_days(tmp_path: Path, name: str) -> None:
    lines = ("2025-08-28,FII,30,70.0", "2025-08-27,FII,20,80", "2025-08-28,Client,1,1")
    write(tmp_path, *lines, name=name)
    assert read_participants(tmp_path) == (
        ParticipantDay(day=date(2025, 8, 27), foreign_long=20, foreign_short=80),
        ParticipantDay(day=date(2025, 8, 28), foreign_long=30, foreign_short=70),
    )


def test_a_history_gives_what_was_known_before_the_day(tmp_path: Path) -> None:
    write(tmp_path, "2025-08-27,FII,20,80", "2025-08-28,FII,30,70")
    known = FileHistory(tmp_path).participants(date(2025, 8, 28))
    assert [one.day for one in known] == [date(2025, 8, 27)]


def test_a_day_published_without_figures_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "2025-08-27,FII,,", "2025-08-28,FII,30,70")
    assert [one.day for one in read_participants(tmp_path)] == [date(2025, 8, 28)]


def test_a_folder_without_the_file_has_nobody(tmp_path: Path) -> None:
    assert read_participants(tmp_path) == ()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("2025-08-28,FII,many,70",), "line 2, column Future Index Long: was 'many'"),
        (("2025-08-28,FII,-1,70",), "line 2, column Future Index Long: was '-1'"),
        (("28-08-2025,FII,1,70",), "line 2, column date: was '28-08-2025'"),
        (("2025-08-28,FII,1,2", "2025-08-28,FII,1,2"), "line 3, column date: 2025-08-28 is given twice"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, lines: tuple[str, ...], told: str) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(DataError) as caught:
        read_participants(tmp_path)
    assert str(path) in str(caught.value) and told in str(caught.value)
