"""Recording a live market: whatever ends it, what was taken is a file that a replay reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.journal_samples import NIFTY, TS, small_snapshot
from tests.adapters.test_chain_writer import live_snapshot
from tests.adapters.test_recording import begun, recorded
from tests.operations.data_parts import Heard, ToldMarket, desk_at
from volguard.adapters import recording as recording_module
from volguard.adapters.chain_file import inspect_chain
from volguard.adapters.manifest import FileState, Manifest
from volguard.adapters.recording import parts_folder_of, parts_of
from volguard.adapters.replay import ReplayMarket
from volguard.model.errors import DataError, LockHeld
from volguard.model.event import Link, LinkChanged
from volguard.model.market import Capabilities, ChainSnapshot, Silence, SourceInfo
from volguard.operations.data_record import Recorded, merge_all, record, record_document

INFO = SourceInfo(
    kind="upstox",
    label="Upstox test",
    underlying=NIFTY,
    trading_date=TS.date(),
    capabilities=Capabilities(spot=True, vix=True, quote_time=True, depth=False, cadence_s=20.0),
    digest="d",
)
CLOSE = TS.replace(hour=15, minute=30)
DAY = 12  # snapshots of the sample's day


def shot(number: int, **changes: Any) -> ChainSnapshot:
    """A snapshot, three a minute."""
    return replace(live_snapshot(0), ts=TS + timedelta(seconds=20 * number), **changes)


def market(*told: object, at: Callable[[int], None] = lambda _number: None) -> ToldMarket:
    """A live market of the sample's day, or of these things."""
    things = told or tuple(shot(number) for number in range(DAY))
    return ToldMarket(info=INFO, told=things, at=at)  # type: ignore[arg-type]


def path_of(data: Path) -> Path:
    return data / "recordings" / "NIFTY-2025-08-29.parquet"


def moments(path: Path) -> list[int]:
    """Which snapshots of the sample's day a file holds."""
    shots = ReplayMarket(path, lot_size=lambda *_: 1, cadence_s=20.0).snapshots()
    return [round((snapshot.ts - TS).total_seconds() / 20) for snapshot in shots]


def run(data: Path, source: ToldMarket, heard: Heard | None = None, until: datetime = CLOSE) -> Recorded:
    return record(source, desk_at(data, heard, TS), until=until)


def test_a_day_becomes_one_file_that_a_replay_reads(tmp_path: Path) -> None:
    """All snapshots, in units, with the source's columns; the parts are gone and the manifest knows it."""
    result = run(tmp_path, market())
    assert (result.taken, result.is_interrupted, result.refused) == (DAY, False, {})
    assert result.parts == 4
    assert result.merged is not None and result.merged.snapshots == DAY
    assert moments(path_of(tmp_path)) == list(range(DAY))
    summary = inspect_chain(path_of(tmp_path))
    assert summary.problems == ()
    assert summary.metadata == {"cadence_s": "20", "quantity_unit": "units", "source": "Upstox test"}
    assert not parts_folder_of(path_of(tmp_path)).exists()
    (entry,) = Manifest(tmp_path).entries()
    assert (entry.path, entry.kind, entry.instrument, entry.source) == (
        *("recordings/NIFTY-2025-08-29.parquet", "recording", "NIFTY", "Upstox test"),
    )
    assert Manifest(tmp_path).state_of(entry) is FileState.SAME


def test_what_was_recorded_is_replayed_to_the_last_bit(tmp_path: Path) -> None:
    """Level, VIX and the age of each quote come back as the feed had them."""
    run(tmp_path, market())
    first = next(iter(ReplayMarket(path_of(tmp_path), lot_size=lambda *_: 1).snapshots()))
    assert (first.ts, first.underlying_ltp, first.vix) == (TS, 24510.35, 0.1175)
    assert first.quote_age_s is not None and first.quote_age_s[2] == 1.5


@pytest.mark.parametrize("cut", range(DAY + 1))
def test_ctrl_c_at_any_moment_leaves_a_whole_file(tmp_path: Path, cut: int) -> None:
    """Stopped after any number of snapshots, all of them are in one file; the next run adds the others."""
    first = run(tmp_path, market(), Heard(stop_after=cut))
    assert first.is_interrupted is (cut <= DAY)
    path = path_of(tmp_path)
    assert (moments(path) if path.exists() else []) == list(range(cut))
    second_market = market()
    second = run(tmp_path, second_market)
    assert second.taken == DAY - cut
    assert moments(path) == list(range(DAY))
    assert second_market.asked_after == [shot(cut - 1).ts if cut else None]
    assert second.began_after == (shot(cut - 1).ts if cut else None)


@pytest.mark.parametrize("step", range(DAY))
def test_a_process_that_is_killed_loses_at_most_its_last_minute(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any snapshot, with no time to write, whole minutes are there for the next run."""
    is_dead = False
    write = recording_module.write_snapshots

    def at(number: int) -> None:
        nonlocal is_dead
        if number == step:
            is_dead = True
            raise SystemExit

    def alive(path: Path, shots: list[ChainSnapshot], **more: Any) -> None:
        if is_dead:
            raise SystemExit
        write(path, shots, **more)

    monkeypatch.setattr(recording_module, "write_snapshots", alive)
    with pytest.raises(SystemExit):
        run(tmp_path, market(at=at))
    monkeypatch.undo()
    path = path_of(tmp_path)
    whole_minutes = max(0, step - 1) // 3
    assert (path.exists(), len(parts_of(path))) == (False, whole_minutes)
    run(tmp_path, market(*(shot(number) for number in range(step, DAY))))
    kept = 3 * whole_minutes + 1 if whole_minutes else 0
    assert moments(path) == [*range(kept), *range(step, DAY)]


def test_no_moment_is_recorded_twice(tmp_path: Path) -> None:
    """A source that repeats or goes back in time is heard once; the rest is counted and told once."""
    heard = Heard()
    result = run(tmp_path, market(shot(0), shot(1), shot(1), shot(0), shot(2)), heard)
    assert moments(path_of(tmp_path)) == [0, 1, 2]
    assert result.taken == 3
    assert result.refused == {f"not later than {shot(1).ts:%H:%M:%S}": 2}
    assert sum("left out" in note for note in heard.notes) == 1


def test_an_impossible_snapshot_does_not_spoil_the_day(tmp_path: Path) -> None:
    """What a replay would refuse is left out with its reason, and the file is fit."""
    result = run(tmp_path, market(shot(0), shot(1, vix=-1.0), shot(2)))
    assert result.refused == {"column vix: -1.0": 1}
    assert moments(path_of(tmp_path)) == [0, 2]


def test_the_operator_hears_where_it_goes_and_how_far_it_is(tmp_path: Path) -> None:
    """The file and the end are told at the start, the share of the time with each snapshot."""
    heard = Heard()
    run(tmp_path, market(), heard, until=TS + timedelta(minutes=10))
    assert heard.notes == [f"recording Upstox test to {path_of(tmp_path)} until 09:32, Ctrl-C ends it"]
    assert heard.progress[0] == (0.0, 600.0, "09:22:45 1 snapshots")
    assert heard.progress[-1] == (220.0, 600.0, "09:26:25 12 snapshots")


def test_recording_ends_at_its_time(tmp_path: Path) -> None:
    """Nothing at or after the end is taken, whatever the source goes on to tell."""
    result = run(tmp_path, market(), until=shot(5).ts)
    assert (result.is_interrupted, moments(path_of(tmp_path))) == (False, [0, 1, 2, 3, 4])


def test_silence_and_broken_ties_are_heard(tmp_path: Path) -> None:
    """A tie that breaks is told and counted; silence writes what waits when its minute is over."""
    heard = Heard()
    lost = LinkChanged(ts=shot(1).ts, link=Link.FEED, is_up=False, text="no frame for 16 s")
    back = LinkChanged(ts=shot(2).ts, link=Link.FEED, is_up=True, text="frames come again")
    silences = [Silence(ts=shot(number).ts) for number in range(1, 9)]
    result = run(tmp_path, market(shot(0), lost, back, *silences), heard)
    assert (result.losses, result.parts, result.taken) == (1, 1, 1)
    assert heard.notes[1:] == [
        f"{shot(1).ts:%H:%M:%S} {Link.FEED}: no frame for 16 s",
        f"{shot(2).ts:%H:%M:%S} {Link.FEED}: frames come again",
    ]


def test_a_full_disk_is_told_and_tried_again(tmp_path: Path) -> None:
    """While parts cannot be written the recording goes on; freed in time, nothing is lost."""
    heard = Heard()
    folder = parts_folder_of(path_of(tmp_path))
    folder.parent.mkdir()
    folder.write_bytes(b"in the way")

    def at(number: int) -> None:
        if number == 8:
            folder.unlink()

    result = run(tmp_path, market(at=at), heard)
    assert any("cannot be written" in note and "wait for the next try" in note for note in heard.notes)
    assert (result.taken, moments(path_of(tmp_path))) == (DAY, list(range(DAY)))


def test_a_disk_that_stays_full_is_an_error(tmp_path: Path) -> None:
    """What could not be written to the end is no success."""
    folder = parts_folder_of(path_of(tmp_path))
    folder.parent.mkdir()
    folder.write_bytes(b"in the way")
    with pytest.raises(DataError, match="cannot be written"):
        run(tmp_path, market())


def test_a_source_that_fails_leaves_what_it_gave(tmp_path: Path) -> None:
    """An error of the market is passed on after what it gave was written; data merge makes the file."""

    def at(number: int) -> None:
        if number == 5:
            raise DataError("the feed told nonsense")

    with pytest.raises(DataError, match="nonsense"):
        run(tmp_path, market(at=at))
    merged, left = merge_all(desk_at(tmp_path))
    assert left == () and [one.snapshots for one in merged] == [5]
    assert moments(path_of(tmp_path)) == [0, 1, 2, 3, 4]


def test_two_recorders_of_a_day_exclude_each_other(tmp_path: Path) -> None:
    """While one process records a day another one is refused; merging it is refused too."""
    held = begun(tmp_path / "recordings")
    held.take(live_snapshot(0))
    held.write_part()
    with pytest.raises(LockHeld):
        run(tmp_path, market())
    merged, left = merge_all(desk_at(tmp_path))
    assert merged == () and "in use by process" in left[0]
    held.close()
    merged, left = merge_all(desk_at(tmp_path))
    assert (len(merged), left) == (1, ())


def test_merging_goes_on_past_a_broken_recording(tmp_path: Path) -> None:
    """A recording that cannot be merged is told, the others are done."""
    folder = tmp_path / "recordings"
    path = recorded(folder, 0)
    broken = folder / "BANKNIFTY-2025-08-29"
    broken.mkdir()
    (broken / "part-0001.parquet").write_bytes(b"torn")
    merged, left = merge_all(desk_at(tmp_path))
    assert [one.path for one in merged] == [path]
    assert len(left) == 1 and "none of its 1 parts can be read" in left[0]


def test_a_market_without_a_snapshot_leaves_no_file(tmp_path: Path) -> None:
    """A day of silence is no recording."""
    result = run(tmp_path, market(Silence(ts=TS)))
    assert (result.taken, result.merged) == (0, None)
    assert not path_of(tmp_path).exists()
    assert record_document(result)["file"] is None


def test_the_document_tells_what_was_recorded(tmp_path: Path) -> None:
    """Counts, reasons, the file with its span."""
    document = record_document(run(tmp_path, market()))
    assert document["schema"] == "volguard.data_record/1"
    assert (document["snapshots_taken"], document["source"], document["interrupted"]) == (
        *(DAY, "Upstox test", False),
    )
    assert document["file"]["snapshots"] == DAY
    assert document["file"]["first"] == TS.isoformat()


def test_a_source_that_cannot_tell_times_has_no_such_column(tmp_path: Path) -> None:
    """What the source can never give has no column in the file."""
    bare = replace(
        INFO, capabilities=Capabilities(spot=False, vix=False, quote_time=False, depth=False, cadence_s=60.0)
    )
    told = tuple(small_snapshot(number) for number in range(3))
    record(ToldMarket(info=bare, told=told), desk_at(tmp_path, now=TS), until=CLOSE)
    assert {"vix", "quote_ts", "underlying_ltp"}.isdisjoint(inspect_chain(path_of(tmp_path)).columns)
