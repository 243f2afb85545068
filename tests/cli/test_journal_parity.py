"""`volguard journal parity`: the recorded day against itself, and an edited journal against what it was."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

from tests.cli.command import Day, needs_real_day, together
from tests.operations.parity_day import edit_row


@needs_real_day
def test_the_recorded_day_is_the_same_journaled_replayed_and_run_again(trading_day: Day) -> None:
    """Figures as the day's own report has them, no cause of any difference, exit 0; table and document."""
    words = ("journal", "parity", "--journal", str(trading_day.journal))
    done, table = together(((*words, "--json"), None), (words, None))
    assert (done.code, table.code) == (0, 0), done.err + table.err
    document = done.document
    assert document["schema"] == "volguard.journal_parity/1"
    columns = document["columns"]
    assert columns["journaled"] == columns["replayed"] == columns["run_again"]
    report = trading_day.document
    assert columns["journaled"]["fills"] == len(report["fills"])
    assert Decimal(columns["journaled"]["net_inr"]) == Decimal(report["net_pnl_inr"])
    assert Decimal(columns["journaled"]["charges_inr"]) == Decimal(report["charges_inr"])
    assert all(difference["pnl"]["causes"] == [] for difference in document["differences"].values())
    assert "backtest: not available: there is no backtest yet" in table.out
    assert table.out.count("every decision is the same, to the last figure") == 2
    assert "running the recorded market again" in table.err


@needs_real_day
def test_a_journal_whose_charges_were_edited_ends_with_exit_nine(trading_day: Day, tmp_path: Path) -> None:
    """12.50 more charges in one row: both columns are 12.50 better, and the cause says so."""
    path = Path(shutil.copy(trading_day.journal, tmp_path / "day.db"))

    def dearer(body: str) -> str:
        return re.sub(
            r'"charges_inr":"([0-9.]+)"',
            lambda found: f'"charges_inr":"{Decimal(found[1]) + Decimal("12.50")}"',
            body,
            count=1,
        )

    edit_row(path, "FillBooked", dearer)
    words = ("journal", "parity", "--journal", str(path))
    done, table = together(((*words, "--json"), None), (words, None))
    assert (done.code, table.code) == (9, 9), done.err + table.err
    for difference in done.document["differences"].values():
        assert difference["pnl"]["causes"] == [{"cause": "charges", "lines": 1, "inr": "12.50"}]
        assert difference["pnl"]["difference_inr"] == "12.50"
    assert re.search(r"difference of net P&L +\+12\.50\n", table.out)
    assert re.search(r"left unexplained +0\.00\n", table.out)
