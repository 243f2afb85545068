"""The offline checks one by one: the figures they show, the limits they hold them against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from tests.operations.validate_scenes import figures, row_of, scene_in
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.instrument_files import instrument_path
from volguard.adapters.upstox.token_store import TokenKind
from volguard.model.units import IST
from volguard.nse.dated import ONE_DAY
from volguard.operations.validate_checks_access import newest_master
from volguard.operations.validate_row import Row, Verdict
from volguard.operations.validate_scene import Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("scene")) as made:
        yield made


def test_limits_that_contradict_one_another_are_named_with_both_figures(scene: Scene) -> None:
    """A trade may not risk more than all trades together: both limits stand in the reason."""
    row = row_of(scene.context(None, "bucket_limits.weekly.trade_risk_share_max=0.2"), "limits")
    assert row.verdict is Verdict.FAIL
    assert row.finding.reason == (
        "weekly.trade_risk_share_max was 0.2, limit weekly.open_risk_share_max 0.05"
    )
    assert figures(row)["weekly.trade_risk_share_max"] == ("0.2", "weekly.open_risk_share_max 0.05")


def test_orders_may_not_be_sent_faster_than_the_broker_takes_them(scene: Scene) -> None:
    """Our order rate is held against the broker's budget, from another file."""
    row = row_of(scene.context(None, "limits.orders_per_second_max=11"), "limits")
    assert (row.verdict, "upstox.rate.order.per_second 10" in row.finding.reason) == (Verdict.FAIL, True)


def test_the_calendar_looks_ahead_on_a_day_without_a_session(scene: Scene) -> None:
    """On a holiday the next session is the one that is checked; an unknown special session fails."""
    holiday = row_of(scene.context(at=datetime(2026, 9, 14, 10, tzinfo=IST)), "calendar")
    assert holiday.verdict is Verdict.PASS
    assert figures(holiday)["today"] == ("no session", "")
    assert figures(holiday)["sessions"][0].startswith("15 Sep 09:15-15:40, 16 Sep")
    muhurat = row_of(scene.context(at=datetime(2026, 11, 8, 10, tzinfo=IST)), "calendar")
    assert muhurat.verdict is Verdict.FAIL
    assert "the times of the muhurat session" in muhurat.finding.reason


def test_charges_show_what_a_sale_would_cost(scene: Scene) -> None:
    """The row is no look at dates alone: a lot is charged at the day's rates."""
    # brokerage 20, STT 0.15 % of 6,500, exchange, SEBI and IPFT about 2.3, GST 18 % of fees
    shown = figures(row_of(scene.context(), "charges"))
    assert shown["sale of 65 units at 100"] == ("36.08 rupees of charges", "")
    assert shown["charges checked until"] == ("2026-12-31", "2026-09-26 or later")


def test_contracts_show_lot_freeze_tick_and_step(scene: Scene) -> None:
    """What orders are made of is shown for the day, so that a person can compare it."""
    shown = figures(row_of(scene.context(), "contracts"))
    assert shown["lot"] == ("65 units", "")
    assert shown["freeze"] == ("1800 units", "")
    assert shown["tick"] == ("0.05 rupees", "")
    assert shown["strike step"] == ("50 points", "")


def test_events_say_which_kinds_nobody_lists(scene: Scene) -> None:
    """Kinds without any row are told apart from kinds whose list has ended."""
    row = row_of(scene.context(), "events")
    assert row.verdict is Verdict.WARN
    assert row.finding.reason.startswith("not known up to 2026-10-31: rbi;")
    assert figures(row)["kinds that nobody lists"] == ("data, global, results", "")


def test_secrets_are_found_and_never_shown(scene: Scene) -> None:
    """Where key and secret come from is told, what they are is not."""
    environ = {"VOLGUARD_UPSTOX_API_KEY": "key-from-outside"}
    row = row_of(scene.context(environ=environ), "secrets")
    found = figures(row)["found"][0]
    assert row.verdict is Verdict.PASS
    assert "API_KEY from the environment" in found and ".env" in found
    assert "key-from-outside" not in repr(row) and "rehearsal" not in repr(row)


def test_a_file_of_secrets_that_others_may_read_is_named_with_its_mend(scene: Scene) -> None:
    """The mode that was seen, the mode it must have, and the command that sets it."""
    folder = scene.folder()
    (folder / ".env").chmod(0o640)
    row = row_of(scene.context(folder), "secret_files")
    assert row.verdict is Verdict.FAIL
    assert figures(row)[str(folder / ".env")] == ("0640", "0600 or tighter")
    assert row.finding.mend.startswith(f"chmod 600 {folder / '.env'}")


def test_the_token_is_told_by_its_life_and_never_by_its_text(scene: Scene) -> None:
    """Whose it is and when it dies, against the session's close."""
    row = row_of(scene.context(), "token")
    assert row.verdict is Verdict.PASS
    shown = figures(row)
    assert shown["logged in"] == ("VG0001", "")
    assert shown["dies"] == ("17 Sep 2026 03:30 IST, in 17.5 hours", "")
    assert shown["session's close"] == ("16 Sep 2026 15:40 IST", "")
    assert scene.stand_in().token not in repr(row)


def test_a_token_that_only_reads_warns(scene: Scene) -> None:
    """A token of months opens no order: the broker refuses it there."""
    folder = scene.folder()
    stored = scene.stand_in().stored_token(scene.settings)
    long_lived = replace(stored, kind=TokenKind.LONG_LIVED, expires_at=scene.at + timedelta(days=300))
    scene.write_token(folder, long_lived)
    row = row_of(scene.context(folder), "token")
    assert row.verdict is Verdict.WARN
    assert "orders" in row.finding.reason


def test_a_token_of_the_evening_does_not_reach_the_next_session(scene: Scene) -> None:
    """After the close today's token still lives, and dies before the next session opens."""
    at = datetime.combine(scene.day, time(18), tzinfo=IST) + 2 * ONE_DAY  # a Friday: the next is a Monday
    folder = scene.folder()
    stored = scene.stand_in().stored_token(scene.settings)
    scene.write_token(
        folder, replace(stored, token=Secret("evening"), issued_at=at, expires_at=at + timedelta(hours=9.5))
    )
    saturday = row_of(scene.context(folder, at=at + timedelta(hours=8)), "token")
    assert saturday.verdict is Verdict.WARN
    assert saturday.finding.mend == "volguard token on the morning of 21 Sep"


def test_the_newest_master_is_found_by_its_name(tmp_path: Path) -> None:
    """The date in the name counts, other files in the folder do not."""
    assert newest_master(tmp_path / "absent") is None
    for name in ("NSE-2026-09-15.json.gz", "NSE-2026-09-16.json.gz", "BSE-2026-09-17.json.gz", "notes.txt"):
        (tmp_path / name).touch()
    found = newest_master(tmp_path)
    assert found is not None
    assert found[1].name == "NSE-2026-09-16.json.gz"


def test_an_old_master_stops_a_live_session_alone(scene: Scene) -> None:
    """Yesterday's contracts warn at the desk, and fail once the broker is asked."""
    folder = scene.folder()
    today = instrument_path(folder / "data", scene.day)
    today.rename(instrument_path(folder / "data", scene.earlier_days(1)[0]))
    assert row_of(scene.context(folder), "instruments").verdict is Verdict.WARN
    assert row_of(scene.live_context(folder=folder), "instruments").verdict is Verdict.FAIL


def test_a_friday_master_is_fresh_on_a_sunday(scene: Scene) -> None:
    """No file is made on a day without a session."""
    folder = scene.folder()
    friday = scene.day + 2 * ONE_DAY
    instrument_path(folder / "data", scene.day).rename(instrument_path(folder / "data", friday))
    row = row_of(scene.context(folder, at=scene.at + 4 * ONE_DAY), "instruments")
    assert figures(row)["of"] == ("2026-09-18", "2026-09-18 or later")


def test_history_is_told_by_its_end_and_its_length(scene: Scene) -> None:
    """Both series against the session before and what models and signal need."""
    row = row_of(scene.context(), "history")
    assert row.verdict is Verdict.PASS
    shown = figures(row)
    assert shown["NIFTY ends"] == ("2026-09-15", "2026-09-15")
    assert shown["NIFTY sessions"] == ("500", "400 or more")
    assert shown["INDIA_VIX sessions"] == ("500", "252 or more")


def test_the_probe_leaves_nothing_behind(scene: Scene) -> None:
    """A folder is proved writable by writing; afterwards it is as it was."""
    folder = scene.folder()
    before = sorted((folder / "journal").iterdir())
    row = row_of(scene.context(folder), "journal_folder")
    assert row.verdict is Verdict.PASS
    assert sorted((folder / "journal").iterdir()) == before


def test_a_journal_folder_that_is_not_made_yet_is_tried_above(scene: Scene) -> None:
    """A fresh root has no journal folder: its place is tried, and nothing is made."""
    folder = scene.folder()
    (folder / "journal").rename(folder / "elsewhere")
    row = row_of(scene.context(folder), "journal_folder")
    assert row.verdict is Verdict.PASS
    assert figures(row)["folder"][0].endswith("journal, not made yet")
    assert not (folder / "journal").exists()
    assert row_of(scene.context(folder), "journal_chain").verdict is Verdict.SKIPPED


class SlowClock:
    """Each look at the time takes a second."""

    def __init__(self, at: datetime) -> None:
        self._at, self._s = at, 0.0

    def now(self) -> datetime:
        """Fixed."""
        return self._at

    def sleep(self, seconds: float) -> None:
        """Nothing waits."""

    def monotonic_s(self) -> float:
        """A second later."""
        self._s += 1.0
        return self._s


def test_a_slow_disk_warns(scene: Scene) -> None:
    """Orders wait for durable writes, so a write of a second is told."""
    row = row_of(replace(scene.context(), clock=SlowClock(scene.at)), "journal_folder")
    assert row.verdict is Verdict.WARN
    assert figures(row)["durable write"] == ("1000.0 ms", "500 ms")


def test_an_intact_journal_shows_its_head(scene: Scene) -> None:
    """The hash of the last row is shown, to be compared with one kept elsewhere."""
    row: Row = row_of(scene.context(), "journal_chain")
    assert row.verdict is Verdict.PASS
    assert len(figures(row)["head"][0]) == 64
