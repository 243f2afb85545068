"""Tables of the data commands: what a person must see is in them, and nothing foreign is read as markup."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, RenderableType

from volguard.report import data_tables


def shown(table: RenderableType) -> str:
    """What a terminal of 140 columns shows."""
    console = Console(file=io.StringIO(), width=140)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def list_document(**changes: Any) -> dict[str, Any]:
    file = {
        "path": "history/nifty_daily.csv",
        "kind": "daily",
        "instrument": "[red]NIFTY[/red]",
        "first": "2026-08-03",
        "last": "2026-09-15T15:29:00+05:30",
        "rows": 31,
        "digest": "abcdef0123456789",
        "fetched_at": "2026-09-16T18:00:00+05:30",
        "state": "changed",
    }
    return {"folder": "/data", "verified": True, "differing": 1, "files": [file | changes]}


def test_files_are_listed_with_their_state() -> None:
    """Span, rows, the head of the digest, the state; a name in brackets is a name."""
    text = shown(data_tables.list_table(list_document()))
    for part in ("history/nifty_daily.csv", "[red]NIFTY[/red]", "2026-09-15", "abcdef012345", "changed"):
        assert part in text
    assert "1 files in /data, 1 not as they were written" in text
    assert "not as they" not in shown(data_tables.list_table(list_document() | {"verified": False}))


def series(**changes: Any) -> dict[str, Any]:
    base = {
        "instrument": "NIFTY",
        "interval": "day",
        "first": "2026-08-01",
        "last": "2026-09-15",
        "checked_from": "2026-08-01",
        "begins": "2026-08-01",
        "bars": 31,
        "added": 30,
        "same": 1,
        "replaced": 0,
        "conflicts": [],
        "gaps": [],
        "short_days": [],
        "off_days": [],
    }
    return base | changes


def test_a_clean_history_is_one_line() -> None:
    """Nothing to look at: only the counts."""
    text = shown(data_tables.history_table({"series": [series()], "interrupted": False}))
    assert len(text.strip().splitlines()) == 2
    assert "NIFTY day" in text


def test_what_a_person_must_look_at_stands_below() -> None:
    """Gaps, thin days, bars of closed days, conflicts, what was not checked, and that it was cut short."""
    told = series(
        gaps=[f"2026-08-{day:02d}" for day in range(3, 14)],
        short_days=["2026-08-19"],
        off_days=["2026-08-16"],
        conflicts=[{"start": "2026-08-04", "text": "close: 1.0 is there, now 2.00"}],
        checked_from="2026-08-02",
        begins="2026-08-03",
    )
    unknown = series(instrument="INDIA_VIX", checked_from=None)
    text = " ".join(
        shown(data_tables.history_table({"series": [told, unknown], "interrupted": True})).split()
    )
    assert "NIFTY: trading days without a bar: 2026-08-03, 2026-08-04" in text and "and 3 more" in text
    assert "NIFTY: days with far fewer bars than usual: 2026-08-19" in text
    assert "NIFTY: days with bars and without a session: 2026-08-16" in text
    assert "NIFTY: kept against what came now: 2026-08-04 close: 1.0 is there, now 2.00" in text
    assert "NIFTY: the calendar knows the days from 2026-08-02 on" in text
    assert "NIFTY: begins on 2026-08-03" in text
    assert "INDIA_VIX: the calendar knows none of the days" in text
    assert "interrupted: the same command goes on from here" in text


def test_instruments_show_each_difference() -> None:
    """Agreement in a word, disagreement line by line."""
    one = {
        "underlying": "NIFTY",
        "options": 2000,
        "expiries": ["2026-09-22", "2030-12-26"],
        "differences": ["expiry 2026-09-22: lot size was 75 in the file, 65 by the rules"],
    }
    document = {"path": "/data/a.gz", "fetched": True, "underlyings": [one], "absent": ["BANKNIFTY"]}
    text = shown(data_tables.instruments_table(document))
    assert "fetched to /data/a.gz" in text and "1 differences" in text
    assert "BANKNIFTY: nothing of it in the file" in text
    assert "NIFTY: expiry 2026-09-22: lot size was 75 in the file, 65 by the rules" in text
    document = {
        "path": "/data/a.gz",
        "fetched": False,
        "underlyings": [one | {"differences": []}],
        "absent": [],
    }
    text = shown(data_tables.instruments_table(document))
    assert "there already: /data/a.gz" in text and "agree" in text


def test_an_import_shows_totals_years_and_faults() -> None:
    """Days by what became of them, each year's file, each fault with its file."""
    document = {
        "interrupted": False,
        "totals": {
            "files": 2,
            "refused": 1,
            "days_added": 1,
            "days_there": 0,
            "days_enriched": 0,
            "days_replaced": 0,
            "days_conflict": 1,
        },
        "years": [
            {
                "underlying": "NIFTY",
                "path": "bhavcopy/NIFTY/2024.parquet",
                "first": "2024-01-01",
                "last": "2024-01-02",
                "days": 2,
                "rows": 9000,
            }
        ],
        "files": [
            {
                "path": "a.csv",
                "trade_date": "2024-01-02",
                "days": {"NIFTY": {"fate": "conflict", "rows": 3, "reason": "oi: 1 is there, now 2"}},
                "faults": [],
            },
            {"path": "b.zip", "trade_date": None, "days": {}, "faults": ["line 2, column OPEN: [x]"]},
        ],
    }
    text = shown(data_tables.bhavcopy_table(document))
    assert "2 files, 1 refused; days: 1 added, 1 conflict" in text
    assert "bhavcopy/NIFTY/2024.parquet" in text and "9000" in text
    assert "a.csv: NIFTY 2024-01-02 conflict: oi: 1 is there, now 2" in text
    assert "b.zip: line 2, column OPEN: [x]" in text


def chain_document(count: int, spot: float | None = 24510.0) -> dict[str, Any]:
    side = {"iv": 0.1234, "oi": 123456, "bid": 10.0, "ask": None}
    strikes = [
        {"strike": 24000 + 50 * number, "call": side, "put": None if number == 0 else side}
        for number in range(count)
    ]
    return {
        "underlying": "NIFTY",
        "expiry": "2026-09-22",
        "spot": spot,
        "received_at": "2026-09-16T11:15:00+05:30",
        "strikes": strikes,
    }


def test_the_chain_shows_the_strikes_around_the_level() -> None:
    """So many either side of the level, both sides of each, n/a for what nobody quotes."""
    text = shown(data_tables.current_chain_table(chain_document(30), 2))
    assert [line.split()[5] for line in text.splitlines()[2:]] == [
        "24400",
        "24450",
        "24500",
        "24550",
        "24600",
    ]
    assert "NIFTY 2026-09-22  level 24,510.00  received 11:15:00" in text
    assert "12.34 %" in text and "123,456" in text and "n/a" in text


def test_the_whole_chain_is_shown_when_asked_for_or_without_a_level() -> None:
    """Zero means all strikes, and so does a chain that tells no level; a strike may have one side."""
    for document, strikes in ((chain_document(30), 0), (chain_document(30, spot=None), 2)):
        text = shown(data_tables.current_chain_table(document, strikes))
        assert len(text.strip().splitlines()) == 32
        assert text.splitlines()[2].split()[-4:] == ["n/a", "n/a", "n/a", "n/a"]


FILE = {
    "path": "/data/recordings/NIFTY-2026-09-16.parquet",
    "snapshots": 100,
    "rows": 80_000,
    "first": "2026-09-16T09:15:03+05:30",
    "last": "2026-09-16T09:20:00+05:30",
    "damaged_parts": ["/data/part-0003.parquet"],
}


def test_a_recording_tells_its_file_and_its_troubles() -> None:
    """Snapshots, the file's span, what was left out, lost ties, damaged parts, the interruption."""
    document = {
        "underlying": "NIFTY",
        "date": "2026-09-16",
        "source": "Upstox test",
        "snapshots_taken": 100,
        "refused": {"column vix: -1.0": 3},
        "link_losses": 2,
        "interrupted": True,
        "file": FILE,
    }
    text = " ".join(shown(data_tables.record_table(document)).split())
    assert "NIFTY 2026-09-16 from Upstox test: 100 snapshots taken" in text
    assert "3 left out: column vix: -1.0" in text and "broke 2 times" in text
    assert "NIFTY-2026-09-16.parquet: 100 snapshots, 80000 rows, 09:15:03 to 09:20:00" in text
    assert "damaged and not in it: /data/part-0003.parquet" in text and "interrupted" in text
    quiet = document | {"refused": {}, "link_losses": 0, "interrupted": False, "file": None}
    assert len(shown(data_tables.record_table(quiet)).strip().splitlines()) == 1


def test_a_merge_tells_what_was_made_and_what_was_left() -> None:
    """Files made, recordings left with the reason, or that there was nothing."""
    text = " ".join(shown(data_tables.merge_table({"files": [FILE], "left": ["a is in use"]})).split())
    assert "100 snapshots" in text and "left: a is in use" in text
    assert "nothing to merge" in shown(data_tables.merge_table({"files": [], "left": []}))
