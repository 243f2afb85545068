"""The parity report of a day: alike when nothing differs, each planted difference found with its rupees."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.operations.parity_day import DearBroker, edit_row, flatten_after, write_day
from volguard.adapters.journal_codec import decode
from volguard.adapters.journal_reader import JournalReader
from volguard.model.book import Fill
from volguard.model.decision import Phase
from volguard.model.errors import DataError, UsageError
from volguard.operations.parity import is_replayed_alike, parity_document
from volguard.operations.parity_accounts import as_journaled
from volguard.report.parity_tables import parity_table


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day filled by the paper exchange."""
    return write_day(tmp_path_factory.mktemp("plain") / "day.db")


@pytest.fixture(scope="module")
def report(plain: Path) -> Any:
    """Its parity report."""
    return parity_document(plain, str)


def fills_of(path: Path) -> list[Fill]:
    with JournalReader.open(path) as reader:
        return [decode(row.kind, row.body).fill for row in reader.rows(kinds=("FillBooked",))]


def parity_of(path: Path) -> Any:
    return parity_document(path, str)


def by_cause(difference: Any) -> dict[str, Decimal]:
    """Rupees by cause; they sum to the reported difference and nothing is left."""
    pnl = difference["pnl"]
    assert pnl["missing"] is None
    assert Decimal(pnl["unexplained_inr"]) == 0
    found = {one["cause"]: Decimal(one["inr"]) for one in pnl["causes"]}
    assert sum(found.values(), Decimal(pnl["rounding_inr"])) == Decimal(pnl["difference_inr"])
    return found


def copy_of(plain: Path, folder: Path) -> Path:
    return Path(shutil.copy(plain, folder / "day.db"))


def shown(document: Any) -> str:
    out = StringIO()
    Console(file=out, width=160).print(parity_table(document))
    return out.getvalue()


def test_an_untouched_day_is_the_same_three_times(report: Any, plain: Path) -> None:
    """Decisions, orders, fills, charges and P&L agree in all three columns; there is no backtest."""
    columns = report["columns"]
    assert columns["journaled"] == columns["replayed"] == columns["run_again"]
    assert columns["backtest"] == {"missing": "not available: there is no backtest yet"}
    fills = fills_of(plain)
    assert columns["journaled"]["fills"] == len(fills) >= 8
    assert columns["journaled"]["units"] == sum(fill.quantity for fill in fills)
    assert Decimal(columns["journaled"]["charges_inr"]) == round(sum(f.charges_inr for f in fills), 2)
    for difference in report["differences"].values():
        assert difference["decisions"] == {"identical": True, "first": None, "first_other_act": None}
        assert by_cause(difference) == {}
    assert is_replayed_alike(report)
    text = shown(report)
    assert text.count("every decision is the same, to the last figure") == 2
    assert "backtest: not available" in text


def test_a_broker_that_fills_dearer_is_a_difference_of_fill_prices(tmp_path: Path) -> None:
    """Each unit 0.25 worse than on paper: run again is better by exactly that, and the replay is alike."""
    path = write_day(tmp_path / "day.db", DearBroker(Decimal("0.25")))
    document = parity_of(path)
    again = document["differences"]["run_again"]
    units = sum(fill.quantity for fill in fills_of(path))
    found = by_cause(again)
    assert found["fill_price"] == units * Decimal("0.25")
    assert set(found) <= {"fill_price", "charges"}  # charges are on what was paid
    assert by_cause(document["differences"]["replayed"]) == {} and is_replayed_alike(document)
    assert "filled at another price" in shown(document)


def test_a_broker_that_is_slower_is_a_difference_of_time(tmp_path: Path) -> None:
    """Orders reach the exchange one look later than on paper: what was filled later is for the time."""
    path = write_day(tmp_path / "day.db", DearBroker(Decimal(0), delay_s=301.0))
    document = parity_of(path)
    found = by_cause(document["differences"]["run_again"])
    lines = [
        line for line in document["differences"]["run_again"]["pnl"]["lines"] if line["cause"] == "fill_time"
    ]
    assert found["fill_time"] == sum(Decimal(line["inr"]) for line in lines) != 0
    for line in lines:
        side, units, _, price, at, _, other_price, other_at = line["text"].split()
        sign = {"BUY": 1, "SELL": -1}[side]
        assert Decimal(line["inr"]) == sign * int(units) * (Decimal(price) - Decimal(other_price))
        assert other_at < at  # on paper it was filled before


def test_a_word_of_the_operator_is_a_decision_that_the_run_does_not_have(tmp_path: Path) -> None:
    """FLATTEN in the journal: its exits are orders that the run alone never sent, and the row is named."""
    path = write_day(tmp_path / "day.db", watch=flatten_after(9))
    document = parity_of(path)
    assert document["columns"]["journaled"]["by_action"]["FLATTEN"] >= 1
    again = document["differences"]["run_again"]
    found = by_cause(again)
    assert "decision" in found
    first = again["decisions"]["first_other_act"]
    with JournalReader.open(path) as reader:
        row = next(iter(reader.rows(after=first["row"] - 1, limit=1)))
    assert row.kind == "DecisionMade" and first["journaled"]["action"] in row.body
    assert is_replayed_alike(document)  # the word is an event: the replay hears it too
    assert "orders that one alone sent" in shown(document)


def test_proposals_that_nobody_answered_are_decisions_that_the_run_takes(tmp_path: Path) -> None:
    """A SEMI_AUTO day without an answer trades nothing; run again in SHADOW it does: all is decision."""
    path = write_day(tmp_path / "day.db", phase=Phase.SEMI_AUTO)
    document = parity_of(path)
    assert document["phase"] == "SEMI_AUTO"
    assert document["columns"]["journaled"]["orders"] == 0
    again = document["differences"]["run_again"]
    assert again["decisions"]["first_other_act"]["journaled"]["action"] == "PROPOSE"
    found = by_cause(again)
    assert set(found) == {"decision"}
    net = Decimal(document["columns"]["run_again"]["net_inr"])
    assert net == Decimal(again["pnl"]["difference_inr"]) != 0
    assert is_replayed_alike(document)


def test_charges_that_were_edited_are_found_to_the_paisa(plain: Path, tmp_path: Path) -> None:
    """A FillBooked row with 7.25 more charges: the replay, by the schedule, is 7.25 better."""
    path = copy_of(plain, tmp_path)

    def dearer(body: str) -> str:
        return re.sub(
            r'"charges_inr":"([0-9.]+)"',
            lambda m: f'"charges_inr":"{Decimal(m[1]) + Decimal("7.25")}"',
            body,
            count=1,
        )

    edit_row(path, "FillBooked", dearer)
    document = parity_of(path)
    assert by_cause(document["differences"]["replayed"]) == {"charges": Decimal("7.25")}
    assert not is_replayed_alike(document)


def test_a_price_that_was_edited_is_found_to_the_paisa(plain: Path, tmp_path: Path) -> None:
    """A booked price 1 rupee off the execution: the replay books the execution's, per unit of the fill."""
    path = copy_of(plain, tmp_path)
    first = fills_of(plain)[0]
    edit_row(
        path,
        "FillBooked",
        lambda body: body.replace(f'"price":"{first.price}"', f'"price":"{first.price + 1}"', 1),
    )
    found = by_cause(parity_of(path)["differences"]["replayed"])
    assert found == {"fill_price": first.side.sign * first.quantity * Decimal(1)}


def test_a_quantity_that_was_edited_is_found_to_the_paisa(plain: Path, tmp_path: Path) -> None:
    """A booked quantity one lot too large: the replay lacks that lot, worth the mark less its price."""
    path = copy_of(plain, tmp_path)
    last = fills_of(plain)[-1]
    edit_row(
        path,
        "FillBooked",
        lambda body: (
            body.replace(f'"quantity":{last.quantity}', f'"quantity":{last.quantity + 65}')
            if last.fill_id in body
            else body
        ),
    )
    with JournalReader.open(path) as reader:
        marks = as_journaled(reader).account.marks
    mark = marks[last.contract]
    assert mark is not None
    found = by_cause(parity_of(path)["differences"]["replayed"])
    assert found == {"fill_quantity": -last.side.sign * 65 * (mark - last.price)}


def test_a_decision_that_was_edited_is_named_by_its_row(plain: Path, tmp_path: Path) -> None:
    """A reason rewritten in the journal: the first difference is that row, with both words."""
    path = copy_of(plain, tmp_path)
    row = edit_row(path, "DecisionMade", lambda body: body.replace('"action":"WAIT"', '"action":"REFUSED"'))
    document = parity_of(path)
    decisions = document["differences"]["replayed"]["decisions"]
    assert (decisions["identical"], decisions["first"]["row"]) == (False, row)
    assert decisions["first"]["journaled"]["action"] == "REFUSED"
    assert decisions["first"]["other"]["action"] == "WAIT"
    assert decisions["first"]["differs"] == ["action"]
    assert decisions["first_other_act"]["row"] == row
    assert by_cause(document["differences"]["replayed"]) == {}
    assert not is_replayed_alike(document)
    assert f"row {row}" in shown(document)


def test_a_figure_that_was_edited_is_no_other_act(plain: Path, tmp_path: Path) -> None:
    """Another figure in a decision is a difference, and said to be one of figures alone."""
    path = copy_of(plain, tmp_path)
    edit_row(path, "DecisionMade", lambda body: re.sub(r'"text":"', '"text":"~', body, count=1))
    decisions = parity_of(path)["differences"]["replayed"]["decisions"]
    assert decisions["first"]["differs"] == ["text"]
    assert decisions["first_other_act"] is None


def test_an_execution_that_nobody_ordered_breaks_the_replay_off(plain: Path, tmp_path: Path) -> None:
    """An OrderFilled of an unknown tag cannot be stepped: the replay says at which row, and has no P&L."""
    path = copy_of(plain, tmp_path)
    tag = fills_of(plain)[0].tag
    row = edit_row(path, "OrderFilled", lambda body: body.replace(f'"tag":"{tag}"', '"tag":"VG-nobody"'))
    document = parity_of(path)
    missing = document["differences"]["replayed"]["pnl"]["missing"]
    assert missing.startswith(f"row {row} (OrderFilled) raises")
    assert document["columns"]["replayed"]["missing"] == missing
    assert not is_replayed_alike(document)
    assert "P&L: not compared" in shown(document)


def test_a_journal_without_a_market_is_refused(plain: Path, tmp_path: Path) -> None:
    """A session that never saw the market has no day to run again; one without history says so."""
    for kinds, said, error in (
        (("SessionStarted", "HistoryLoaded"), "holds no market data", DataError),
        (("SessionStarted",), "ends before its history was loaded", UsageError),
    ):
        path = copy_of(plain, tmp_path)
        with closing(sqlite3.connect(path)) as connection, connection:
            marks = ",".join("?" * len(kinds))
            connection.execute(f"DELETE FROM events WHERE kind NOT IN ({marks})", kinds)
        with pytest.raises(error, match=said):
            parity_of(path)
