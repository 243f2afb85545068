"""`volguard chain show`: one snapshot, priced, from a file or from the newest journal."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from tests.cli.command import CHAIN, Day, Done, needs_real_day, together

pytestmark = needs_real_day

REPLAY = ("chain", "show", "--replay", "../shared/data/nifty_chain_2025-08-29.parquet")
WEEKLY = "2025-09-02"
AT_11_15 = ("--at", "11:15", "--expiry", WEEKLY)
REFUSED = (
    (("--expiry", "2025-09-03"), "expiry 2025-09-03 is not listed; listed are 2025-09-02, 2025-09-09"),
    (("--at", "25:00"), "--at was 25:00, must be HH:MM or HH:MM:SS"),
    (("--at", "09:00"), "no snapshot up to 09:00"),
    (("--expiry", "tuesday"), "tuesday"),
)


@pytest.fixture(scope="module")
def shown(waiting_day: Day) -> list[Done]:
    """The weekly chain at 11:15 from the file, from the journal, as a table, and what must be refused."""
    root = waiting_day.root
    journal = ("chain", "show", *AT_11_15)
    calls = ((*REPLAY, *AT_11_15, "--json"), (*journal, "--json"), journal, ("chain", "show", "--json"))
    refused = (("chain", "show", *words, "--json") for words, _ in REFUSED)
    return together(*((words, root) for words in (*calls, *refused)))


@pytest.fixture(scope="module")
def ladder(shown: list[Done]) -> Any:
    """The weekly chain as it was at 11:15, priced from the file."""
    assert shown[0].code == 0, shown[0].err
    return shown[0].document


@pytest.fixture(scope="module")
def quotes() -> pd.DataFrame:
    """The file's own weekly quotes, by snapshot, strike and type."""
    frame = pd.read_parquet(CHAIN).astype({"option_type": str})
    weekly = frame[frame["expiry"] == date.fromisoformat(WEEKLY)]
    return weekly.set_index(["ts", "strike", "option_type"]).sort_index()


def test_the_ladder_shows_the_last_snapshot_up_to_the_time(ladder: Any, quotes: pd.DataFrame) -> None:
    """--at picks the newest snapshot that is not later; bids, asks and sizes are the file's."""
    limit = pd.Timestamp("2025-08-29 11:15", tz="Asia/Kolkata")
    times = quotes.index.get_level_values("ts").unique()
    chosen = pd.Timestamp(ladder["ts"]).tz_convert("Asia/Kolkata")
    assert chosen == times[times <= limit].max()
    assert (ladder["schema"], ladder["expiry"]) == ("volguard.chain/1", WEEKLY)
    assert [row["strike"] for row in ladder["strikes"]] == sorted(
        quotes.loc[chosen].index.get_level_values("strike").unique()
    )
    for row in ladder["strikes"]:
        for side, kind in (("call", "CE"), ("put", "PE")):
            quote = quotes.loc[(chosen, row["strike"], kind)]
            assert row[side]["bid"] == (pytest.approx(quote["bid"]) if quote["bid"] > 0 else None)
            assert row[side]["ask"] == (pytest.approx(quote["ask"]) if quote["ask"] > 0 else None)
            if quote["bid"] > 0 and quote["ask"] > 0:
                assert (row[side]["bid_qty"], row[side]["ask_qty"]) == (quote["bid_qty"], quote["ask_qty"])


def test_the_ladder_is_priced_off_the_forward(ladder: Any, quotes: pd.DataFrame) -> None:
    """The forward obeys put-call parity at the money, and volatilities are near the exchange's own."""
    near = min(ladder["strikes"], key=lambda row: abs(row["strike"] - ladder["forward"]))
    middle = {side: (near[side]["bid"] + near[side]["ask"]) / 2.0 for side in ("call", "put")}
    parity = near["strike"] + (middle["call"] - middle["put"]) / ladder["discount"]
    assert ladder["forward"] == pytest.approx(parity, abs=1.5)
    assert 0.99 < ladder["discount"] <= 1.0
    chosen = pd.Timestamp(ladder["ts"]).tz_convert("Asia/Kolkata")
    told = quotes.loc[(chosen, near["strike"], "CE"), "iv"] / 100.0
    assert near["call"]["iv"] == pytest.approx(told, abs=0.02)
    assert ladder["atm_iv"] == pytest.approx(near["call"]["iv"], abs=0.005)
    assert ladder["straddle"] == pytest.approx(sum(middle.values()), rel=0.1)


def test_greeks_obey_parity(ladder: Any) -> None:
    """Near the money a call's delta less the put's is the discount factor; gamma, vega are positive."""
    priced = [row for row in ladder["strikes"] if abs(row["strike"] - ladder["forward"]) < 200.0]
    assert priced
    for row in priced:
        call, put = row["call"], row["put"]
        assert call["delta"] - put["delta"] == pytest.approx(ladder["discount"], abs=0.01)
        for option in (call, put):
            assert option["gamma"] > 0.0
            assert option["vega_per_pt"] > 0.0
            assert option["theta_per_day"] < 0.0


def test_the_table_says_the_same(ladder: Any, shown: list[Done]) -> None:
    """Without --json the ladder is a table of the same figures, never cut by a pipe's width."""
    done = shown[2]
    assert done.code == 0, done.err
    assert f"NIFTY {WEEKLY}" in done.out
    assert f"{ladder['forward']:,.2f}" in done.out
    assert f"{ladder['atm_iv'] * 100.0:.2f} %" in done.out
    near = min(ladder["strikes"], key=lambda row: abs(row["strike"] - ladder["forward"]))
    line = next(text for text in done.out.splitlines() if str(near["strike"]) in text)
    for figure in (near["call"]["bid"], near["put"]["ask"]):
        assert f"{figure:,.2f}" in line
    assert "…" not in done.out


def test_a_journal_shows_the_same_chain(ladder: Any, shown: list[Done]) -> None:
    """Without a file the newest journal gives the chain as the session saw it."""
    assert shown[1].code == 0, shown[1].err
    told = shown[1].document
    for key in ("ts", "expiry", "forward", "discount", "atm_iv", "straddle"):
        assert told[key] == ladder[key]
    assert [row["strike"] for row in told["strikes"]] == [row["strike"] for row in ladder["strikes"]]


def test_without_options_it_is_the_last_snapshot_of_the_nearest_expiry(shown: list[Done]) -> None:
    """Left to itself the command shows the end of the day and the nearest expiry."""
    told = shown[3].document
    assert (told["expiry"], told["ts"][:19]) == (WEEKLY, "2025-08-29T15:27:27")


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda n: " ".join(REFUSED[n][0]))
def test_what_is_not_there_is_refused(number: int, shown: list[Done]) -> None:
    """An expiry that is not listed or a time without a snapshot is refused, naming what there is."""
    done = shown[4 + number]
    assert (done.code, done.out) == (2, "")
    assert REFUSED[number][1] in done.error["error"]
