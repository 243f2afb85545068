"""Instrument files on this machine, one a day: which is today's, and fetching it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.whole_file import write_whole
from volguard.model.errors import DataError, TryLater
from volguard.model.instrument import Underlying
from volguard.nse.contracts import Contracts

FOLDER: Final = "instruments"
EXCHANGE: Final = "NSE"
REBUILT_AT: Final = time(6, 0)  # the broker makes the day's file by then


def instrument_path(data: Path, day: date) -> Path:
    """Where the instrument file of a day lies, below the data folder."""
    return data / FOLDER / f"{EXCHANGE}-{day.isoformat()}.json.gz"


def read_master(path: Path, underlying: Underlying, fetched_at: datetime | None = None) -> InstrumentMaster:
    """The master of a stored file. Raises DataError naming file, row and field."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", hint="volguard data instruments fetches it"
        ) from error
    return InstrumentMaster.of(content, underlying=underlying, source=str(path), fetched_at=fetched_at)


def todays_master(
    data: Path,
    fetch: Callable[[], bytes],
    *,
    underlying: Underlying,
    contracts: Contracts,
    now: datetime,
    note: Callable[[str], None],
) -> InstrumentMaster:
    """The master of today, fetched where it is not here yet; no older one stands in for it.

    Raises TryLater before the broker has made it, DataError where it disagrees with the dated rules: lots
    and freeze quantities decide how much is sold.
    """
    if now.time() < REBUILT_AT:
        raise TryLater(
            f"the instrument file of {now.date().isoformat()} is not made yet",
            hint=f"it is by {REBUILT_AT:%H:%M}",
        )
    path = instrument_path(data, now.date())
    if not path.is_file():
        note(f"fetching today's instrument file to {path}")
        content = fetch()
        InstrumentMaster.of(content, underlying=underlying, source=path.name)  # before it takes a place
        write_whole(path, content)
    master = read_master(path, underlying)
    differences = master.differences(contracts, now.date())
    if differences:
        raise DataError(
            f"{path} and the dated contract rules disagree: " + "; ".join(differences),
            hint="see who is right, mend config/contracts.toml or fetch the file again",
        )
    return master
