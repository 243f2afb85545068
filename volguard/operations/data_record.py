"""Records a live market into a chain file: parts while it runs, one file at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from volguard.adapters.chain_writer import columns_given_by
from volguard.adapters.manifest import FileKind
from volguard.adapters.recording import Recording, lock_of, recording_path, unmerged
from volguard.adapters.recording_merge import Merged, merge
from volguard.model.errors import DataError, LockHeld
from volguard.model.event import LinkChanged
from volguard.model.market import ChainSnapshot, SourceInfo
from volguard.model.units import seconds_between
from volguard.operations.data_desk import DataDesk
from volguard.ports import MarketData

SCHEMA: Final = "volguard.data_record/1"
MERGE_SCHEMA: Final = "volguard.data_merge/1"
FOLDER: Final = "recordings"
PART_S: Final = 60.0  # of market time: what a crash costs at most
SOURCE_NOTE: Final = "source"
CADENCE_NOTE: Final = "cadence_s"


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What one run of the recorder took; `refused` counts snapshots by the reason why they were left out."""

    info: SourceInfo
    began_after: datetime | None
    taken: int = 0
    parts: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    losses: int = 0  # times that a tie to the broker broke
    is_interrupted: bool = False
    merged: Merged | None = None


def record(market: MarketData, desk: DataDesk, *, until: datetime, part_s: float = PART_S) -> Recorded:
    """Record a market until a time, its end, or until stopped; then merge what is there of the day.

    A day that was begun before is gone on with. Whatever ends it, what was taken is written first. Raises
    LockHeld while another process records the day, DataError where the disk does not take it.
    """
    info = market.info
    path = recording_path(desk.data / FOLDER, info.underlying, info.trading_date)
    notes = {SOURCE_NOTE: info.label, CADENCE_NOTE: f"{info.capabilities.cadence_s:g}"}
    recording = Recording(path, optional=columns_given_by(info.capabilities), notes=notes)
    try:
        recorded = Recorded(info=info, began_after=recording.last_ts)
        desk.note(f"recording {info.label} to {path} until {until:%H:%M}, Ctrl-C ends it")
        if recording.last_ts is not None:
            desk.note(f"going on after {recording.last_ts:%H:%M:%S} of {path.name}")
        try:
            _listen(market, recording, recorded, desk, until=until, part_s=part_s)
        finally:
            recorded.parts += recording.write_part() is not None
        recorded.merged = _merged(path, desk, info.label)
        return recorded
    finally:
        recording.close()


def merge_all(desk: DataDesk) -> tuple[tuple[Merged, ...], tuple[str, ...]]:
    """Merge every recording that has parts; the files, and what could not be merged in words."""
    done: list[Merged] = []
    left: list[str] = []
    paths = unmerged(desk.data / FOLDER)
    for number, path in enumerate(paths):
        desk.progress(number, len(paths), path.name)
        try:
            lock = lock_of(path)
        except LockHeld as held:
            left.append(held.message)
            continue
        try:
            merged = _merged(path, desk, None)
        except DataError as error:
            left.append(error.message)
            continue
        finally:
            lock.release()
        if merged is not None:
            done.append(merged)
    return tuple(done), tuple(left)


def record_document(recorded: Recorded) -> dict[str, Any]:
    """A run of the recorder as JSON."""
    info = recorded.info
    return {
        "schema": SCHEMA,
        "underlying": info.underlying,
        "date": info.trading_date.isoformat(),
        "source": info.label,
        "cadence_s": info.capabilities.cadence_s,
        "continued_after": None if recorded.began_after is None else recorded.began_after.isoformat(),
        "snapshots_taken": recorded.taken,
        "parts": recorded.parts,
        "refused": dict(recorded.refused),
        "link_losses": recorded.losses,
        "interrupted": recorded.is_interrupted,
        "file": None if recorded.merged is None else merged_document(recorded.merged),
    }


def merged_document(merged: Merged) -> dict[str, Any]:
    """A merged recording as JSON."""
    return {
        "path": str(merged.path),
        "snapshots": merged.snapshots,
        "rows": merged.rows,
        "first": merged.first_ts.isoformat(),
        "last": merged.last_ts.isoformat(),
        "damaged_parts": [str(part) for part in merged.damaged],
    }


def _listen(
    market: MarketData,
    recording: Recording,
    recorded: Recorded,
    desk: DataDesk,
    *,
    until: datetime,
    part_s: float,
) -> None:
    began = desk.moment()
    part_began: datetime | None = None
    for told in market.snapshots(recording.last_ts):
        if desk.is_stopped() or told.ts >= until:
            recorded.is_interrupted = desk.is_stopped()
            return
        if isinstance(told, LinkChanged):
            recorded.losses += not told.is_up
            desk.note(f"{told.ts:%H:%M:%S} {told.link}: {told.text}")
        elif isinstance(told, ChainSnapshot):
            _take(told, recording, recorded, desk)
            done_s, all_s = seconds_between(began, told.ts), seconds_between(began, until)
            desk.progress(done_s, all_s, f"{told.ts:%H:%M:%S} {recorded.taken} snapshots")
        if not recording.waiting:
            part_began = None
            continue
        part_began = part_began or told.ts
        if seconds_between(part_began, told.ts) >= part_s:
            recorded.parts += _written(recording, desk)
            part_began = told.ts
    recorded.is_interrupted = desk.is_stopped()


def _take(snapshot: ChainSnapshot, recording: Recording, recorded: Recorded, desk: DataDesk) -> None:
    reason = recording.take(snapshot)
    if reason is None:
        recorded.taken += 1
        return
    if reason not in recorded.refused:
        desk.note(f"{snapshot.ts:%H:%M:%S} a snapshot is left out: {reason}")
    recorded.refused[reason] = recorded.refused.get(reason, 0) + 1


# A full disk may be freed while the market goes on: what waits is kept and tried again with the next part.
def _written(recording: Recording, desk: DataDesk) -> bool:
    try:
        return recording.write_part() is not None
    except DataError as error:
        desk.note(f"{error.message}; {recording.waiting} snapshots wait for the next try")
        return False


def _merged(path: Path, desk: DataDesk, source: str | None) -> Merged | None:
    merged = merge(path)
    if merged is not None:
        before = desk.manifest.entry_of(path)
        desk.manifest.record(
            path,
            kind=FileKind.RECORDING,
            instrument=path.stem.partition("-")[0],
            first=merged.first_ts.isoformat(),
            last=merged.last_ts.isoformat(),
            rows=merged.rows,
            source=source or (before.source if before is not None else "recording"),
            fetched_at=desk.moment(),
        )
    return merged
