"""`volguard status` when no session runs: how the newest journal stands."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import Day, cut_short, volguard


def test_an_ended_session_is_told_from_its_journal(short_day: Day) -> None:
    """Not running, ended with the market, with the counts and the result that the day's document has."""
    done = volguard("status", "--json", root=short_day.root)
    assert done.code == 0, done.err
    told, day = done.document, short_day.document
    assert (told["schema"], told["running"], told["ended"]) == ("volguard.status/1", False, "market_over")
    for key in ("session_id", "snapshots", "decisions", "phase"):
        assert told[key] == day[key]
    assert told["pnl_net_inr"] == day["net_pnl_inr"]
    assert told["journal"] == {"path": str(short_day.journal), "rows": day["journal"]["rows"]}


def test_words_say_that_it_does_not_run(short_day: Day) -> None:
    """Without --json the same in words."""
    done = volguard("status", root=short_day.root)
    assert done.out.startswith(f"session {short_day.document['session_id']} is not running")
    assert "ended: market_over" in done.out


def test_a_crashed_session_has_not_ended(short_day: Day, fresh_root: Path) -> None:
    """After a crash the journal says that the session never ended."""
    cut_short(short_day, fresh_root, short_day.rows("MarketSnapshot")[-1][0] - 1)
    done = volguard("status", "--json", root=fresh_root)
    assert (done.document["running"], done.document["ended"]) == (False, None)
