"""Merging makes one file that a replay reads, from whatever a recording's cuts have left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.adapters.journal_samples import small_listing
from tests.adapters.test_chain_writer import ALL, live_snapshot, rotten
from tests.adapters.test_recording import recorded
from volguard.adapters import recording_merge
from volguard.adapters.chain_file import inspect_chain
from volguard.adapters.recording import parts_folder_of, parts_of, write_snapshots
from volguard.adapters.recording_merge import merge
from volguard.adapters.replay import ReplayMarket
from volguard.model.errors import DataError
from volguard.model.market import ChainSnapshot


def replayed(path: Path) -> list[ChainSnapshot]:
    return list(ReplayMarket(path, lot_size=lambda *_: 1, cadence_s=60.0).snapshots())


def minutes(path: Path) -> list[int]:
    """Which of the sample's minutes a merged file holds."""
    return [round((shot.ts - live_snapshot(0).ts).total_seconds() / 60) for shot in replayed(path)]


def test_parts_become_one_file_and_go(tmp_path: Path) -> None:
    """All moments in order, the parts and their folder gone, the counts told."""
    for numbers in ((0, 1), (2,), (4, 5)):
        path = recorded(tmp_path, *numbers)
    merged = merge(path)
    assert merged is not None
    assert (merged.path, merged.snapshots, merged.rows, merged.damaged) == (path, 5, 60, ())
    assert (merged.first_ts, merged.last_ts) == (live_snapshot(0).ts, live_snapshot(5).ts)
    assert minutes(path) == [0, 1, 2, 4, 5]
    assert not parts_folder_of(path).exists()
    assert inspect_chain(path).problems == ()
    assert inspect_chain(path).metadata == {"quantity_unit": "units", "source": "test"}


def test_later_parts_join_a_merged_file(tmp_path: Path) -> None:
    """A second merge of the day adds what came since, and a third without parts changes nothing."""
    first = merge(recorded(tmp_path, 0, 1))
    second = merge(recorded(tmp_path, 2))
    assert first is not None and second is not None
    assert (first.snapshots, second.snapshots) == (2, 3)
    third = merge(second.path)
    assert third == second
    assert minutes(second.path) == [0, 1, 2]


@pytest.mark.parametrize("cut", ["before the rename", "after the rename"])
def test_a_merge_that_is_cut_is_done_again(tmp_path: Path, cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before or after the new file takes its name, the next merge ends with each moment once."""
    recorded(tmp_path, 0, 1)
    path = recorded(tmp_path, 2, 3)
    kept = {part: part.read_bytes() for _, part in parts_of(path)}
    if cut == "before the rename":
        monkeypatch.setattr(recording_merge, "ReplayMarket", _killed)
        with pytest.raises(KeyboardInterrupt):
            merge(path)
        assert not path.exists()
        monkeypatch.undo()
    else:
        merge(path)
        parts_folder_of(path).mkdir()
        for part, content in kept.items():
            part.write_bytes(content)
    assert len(parts_of(path)) == 2
    merged = merge(path)
    assert merged is not None and merged.snapshots == 4
    assert minutes(path) == [0, 1, 2, 3]
    assert parts_of(path) == []


def _killed(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


def test_a_torn_part_is_named_and_kept(tmp_path: Path) -> None:
    """Parts cut at any byte, or rotten inside, are left where they are; all others are merged."""
    recorded(tmp_path, 0)
    path = recorded(tmp_path, 1)
    torn = parts_of(path)[1][1]
    whole = torn.read_bytes()
    for content in (b"", whole[:4], whole[: len(whole) // 2], whole[:-1], rotten(torn)):
        torn.write_bytes(content)
        merged = merge(path)
        assert merged is not None
        assert (merged.snapshots, merged.damaged) == (1, (torn,))
        assert torn.read_bytes() == content
        assert minutes(path) == [0]


def test_nothing_but_torn_parts_is_an_error(tmp_path: Path) -> None:
    """Where no part can be read there is nothing to merge, and the folder is named."""
    path = recorded(tmp_path, 0)
    parts_of(path)[0][1].write_bytes(b"PAR1")
    with pytest.raises(DataError, match="none of its 1 parts can be read"):
        merge(path)
    assert not path.exists()


def test_a_recording_that_was_never_begun_is_nothing(tmp_path: Path) -> None:
    """No file and no parts: nothing to merge, and nothing is made."""
    assert merge(tmp_path / "NIFTY-2025-08-29.parquet") is None
    assert list(tmp_path.iterdir()) == []


def test_a_torn_merged_file_stops_the_merge(tmp_path: Path) -> None:
    """A merged file that is damaged is not written over: it may be mended from elsewhere."""
    path = recorded(tmp_path, 0)
    merge(path)
    path.write_bytes(path.read_bytes()[:-4])
    recorded(tmp_path, 1)
    with pytest.raises(DataError, match="not a whole Parquet file"):
        merge(path)
    assert len(parts_of(path)) == 1


def test_what_a_replay_would_refuse_is_not_merged(tmp_path: Path) -> None:
    """A part that holds an impossible value keeps the old file and all parts as they are."""
    path = recorded(tmp_path, 0)
    merge(path)
    before = path.read_bytes()
    part = parts_folder_of(path) / "part-0001.parquet"
    part.parent.mkdir()
    write_snapshots(part, [live_snapshot(1, vix=-0.5)], optional=ALL, notes={})
    with pytest.raises(DataError, match="column vix: negative value"):
        merge(path)
    assert path.read_bytes() == before and part.exists()


def test_parts_of_other_columns_and_contracts_join(tmp_path: Path) -> None:
    """A column that one part lacks is absent in its rows alone; strikes may come and go."""
    path = recorded(tmp_path, 0)
    wider = small_listing((24300.0, 24400.0, 24500.0, 24600.0))
    part = parts_folder_of(path) / "part-0002.parquet"
    shot = replace(live_snapshot(1, listing=wider, quote_age_s=None), vix=None)
    write_snapshots(part, [shot], optional=("underlying_ltp",), notes={})
    merge(path)
    first, second = replayed(path)
    assert (first.vix, second.vix) == (0.1175, None)
    assert (len(first.listing), len(second.listing)) == (12, 16)
    assert second.underlying_ltp == 24511.35


def test_row_groups_of_a_merged_file_are_large(tmp_path: Path) -> None:
    """Hundreds of small parts become few row groups: a replay reads them at speed."""
    for number in range(30):
        path = recorded(tmp_path, number)
    merge(path)
    with pq.ParquetFile(path) as file:
        assert file.num_row_groups == 1
