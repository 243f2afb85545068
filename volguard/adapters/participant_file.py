"""Who held which side at each day's close: the exchange's participant-wise open interest as one CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from volguard.adapters.volatility_files import csv_rows, date_cell, fault
from volguard.model.market import ParticipantDay

NAMES: Final = ("participant_oi.csv", "participant_oi.csv.gz")
CLIENT_COLUMN: Final = "client_type"
LONG_COLUMN: Final = "Future Index Long"
SHORT_COLUMN: Final = "Future Index Short"
FOREIGN: Final = "FII"


def read_participants(folder: Path) -> tuple[ParticipantDay, ...]:
    """Index futures of foreign investors, ascending; () where the folder has no such file.

    A day whose cells are empty was published without figures and is left out. Raises DataError naming file,
    line and column: a missing column, a bad date or number, a day given twice.
    """
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        return ()
    days: dict[str, ParticipantDay] = {}
    for line, row in csv_rows(path, ("date", CLIENT_COLUMN, LONG_COLUMN, SHORT_COLUMN)):
        if row[CLIENT_COLUMN] != FOREIGN or not (row[LONG_COLUMN] and row[SHORT_COLUMN]):
            continue
        if row["date"] in days:
            raise fault(path, line, "date", f"{row['date']} is given twice for {FOREIGN}")
        days[row["date"]] = ParticipantDay(
            day=date_cell(path, line, "date", row["date"]),
            foreign_long=_contracts(path, line, LONG_COLUMN, row[LONG_COLUMN]),
            foreign_short=_contracts(path, line, SHORT_COLUMN, row[SHORT_COLUMN]),
        )
    return tuple(sorted(days.values(), key=lambda one: one.day))


def _contracts(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise fault(path, line, column, f"was {text!r}, must be a number of contracts")
    return value
