"""Fetches the broker's instrument file of the day, compares it with the dated rules, keeps the last few."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from volguard.adapters.manifest import FileKind
from volguard.adapters.upstox.instrument_files import (
    EXCHANGE,
    FOLDER,
    REBUILT_AT,
    instrument_path,
    read_master,
)
from volguard.adapters.upstox.instruments import UNDERLYING_KEYS, InstrumentMaster
from volguard.adapters.upstox.wire_instruments import rows_of
from volguard.adapters.whole_file import write_whole
from volguard.model.errors import GateFailed, TryLater
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules
from volguard.operations.data_desk import DataDesk

SCHEMA: Final = "volguard.data_instruments/1"
KEPT: Final = 10
_NAME: Final = re.compile(rf"{EXCHANGE}-\d{{4}}-\d{{2}}-\d{{2}}\.json\.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a file lists of one underlying, and where it disagrees with the dated rules."""

    underlying: Underlying
    options: int
    expiries: tuple[date, ...]
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsFetched:
    """The day's file: whether it was fetched now, what it lists, which older files were dropped.

    `absent`: underlyings of the rules, not traded here, of which the file lists nothing.
    """

    path: Path
    day: date
    is_new: bool
    listed: tuple[Listed, ...]
    absent: tuple[Underlying, ...]
    dropped: tuple[Path, ...]

    @property
    def exit_code(self) -> int:
        """3 where the file and the dated rules disagree, else 0."""
        return GateFailed.exit_code if any(one.differences for one in self.listed) else 0


def fetch_instruments(
    desk: DataDesk,
    fetch: Callable[[], bytes],
    traded: Underlying,
    others: Sequence[Underlying],
    rules: Rules,
    *,
    source: str,
    force: bool,
    kept: int = KEPT,
) -> InstrumentsFetched:
    """Have today's file at `instruments/NSE-<date>.json.gz`; one that is there is not fetched again.

    A file that disagrees with the rules, on what is traded or on another underlying that it lists, is kept
    all the same: who is right is for a person to see. Raises TryLater before the broker has made it,
    DataError where it cannot be read or lacks what is traded (then nothing is kept).
    """
    day = desk.moment().date()
    path = instrument_path(desk.data, day)
    is_new = force or not path.is_file()
    if is_new:
        _fetch(desk, fetch, traded, path, source)
    content = path.read_bytes()
    rows = rows_of(content, path.name)
    present = [name for name in others if any(row.is_on(UNDERLYING_KEYS[name], name) for row in rows)]
    names = (traded, *present)
    masters = [InstrumentMaster.of(content, underlying=name, source=path.name) for name in names]
    return InstrumentsFetched(
        path=path,
        day=day,
        is_new=is_new,
        listed=tuple(_listed(master, rules, day) for master in masters),
        absent=tuple(name for name in others if name not in present),
        dropped=_drop_old(desk, kept) if is_new else (),
    )


def master_of_today(
    desk: DataDesk, fetch: Callable[[], bytes], underlying: Underlying, source: str
) -> InstrumentMaster:
    """The instruments of an underlying, from today's file, which is fetched where it is not here yet."""
    path = instrument_path(desk.data, desk.moment().date())
    if not path.is_file():
        _fetch(desk, fetch, underlying, path, source)
    return read_master(path, underlying)


def instruments_document(fetched: InstrumentsFetched, desk: DataDesk) -> dict[str, Any]:
    """What was fetched and compared, as JSON."""
    return {
        "schema": SCHEMA,
        "path": str(fetched.path),
        "date": fetched.day.isoformat(),
        "fetched": fetched.is_new,
        "agrees": fetched.exit_code == 0,
        "underlyings": [
            {
                "underlying": one.underlying,
                "options": one.options,
                "expiries": [expiry.isoformat() for expiry in one.expiries],
                "differences": list(one.differences),
            }
            for one in fetched.listed
        ],
        "absent": list(fetched.absent),
        "dropped": [desk.place(path) for path in fetched.dropped],
    }


def other_underlyings(traded: str, names: Iterable[str]) -> tuple[Underlying, ...]:
    """Those of the dated rules beside the traded one, whose key at the broker is known."""
    known = sorted({name for name in names if name in UNDERLYING_KEYS and name != traded})
    return tuple(Underlying(name) for name in known)


# Read before it takes its place: what cannot be read never lies there.
def _fetch(desk: DataDesk, fetch: Callable[[], bytes], traded: Underlying, path: Path, source: str) -> None:
    moment = desk.moment()
    day = moment.date()
    if moment.time() < REBUILT_AT:
        raise TryLater(
            f"the instrument file of {day.isoformat()} is not made yet", hint=f"it is by {REBUILT_AT:%H:%M}"
        )
    desk.progress(0, 1, f"{EXCHANGE} instrument file")
    content = fetch()
    InstrumentMaster.of(content, underlying=traded, source=path.name)
    write_whole(path, content)
    desk.manifest.record(
        path,
        kind=FileKind.INSTRUMENTS,
        instrument=EXCHANGE,
        first=day.isoformat(),
        last=day.isoformat(),
        rows=len(rows_of(content, path.name)),
        source=source,
        fetched_at=moment,
    )


# On a day without trading the rules are asked for the next one.
def _listed(master: InstrumentMaster, rules: Rules, day: date) -> Listed:
    calendar = rules.calendar
    trading_date = day if calendar.is_trading_day(day) else calendar.next_trading_day(day)
    return Listed(
        underlying=master.underlying,
        options=len(master.options),
        expiries=master.expiries,
        differences=master.differences(rules.contracts, trading_date),
    )


def _drop_old(desk: DataDesk, kept: int) -> tuple[Path, ...]:
    folder = desk.data / FOLDER
    files = sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))
    old = tuple(files[:-kept])
    for file in old:
        file.unlink(missing_ok=True)
        desk.manifest.forget(file)
    return old
