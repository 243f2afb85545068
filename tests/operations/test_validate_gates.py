"""Promotion gates: what counts as a session, and what the figures come to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.operations.validate_scenes import figures, row_of, scene_in
from volguard.model.broker import BrokerPosition, BrokerView, InstrumentKey
from volguard.model.decision import Phase
from volguard.operations.validate_cases_gates import promotable
from volguard.operations.validate_checks_gates import slippage_finding
from volguard.operations.validate_evidence import complete_sessions, counted_digest, recorded_sessions
from volguard.operations.validate_mismatches import unresolved_in
from volguard.operations.validate_rehearsed import Rehearsed
from volguard.operations.validate_row import Context, Verdict
from volguard.operations.validate_scene import TRADING, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture(scope="module")
def ready(scene: Scene) -> Context:
    return promotable(scene)


def test_eight_sound_sessions_open_every_gate_that_is_computed(ready: Context) -> None:
    """Seven complete SHADOW sessions are wanted; each gate shows its figure against its limit."""
    row = row_of(ready, "gate_sessions")
    assert (row.verdict, row.finding.reason) == (Verdict.PASS, "8 complete SHADOW sessions, limit 7")
    assert figures(row_of(ready, "gate_quality"))["mean data quality"] == ("1.000", "0.8 or more")
    assert figures(row_of(ready, "gate_replay"))["sessions"] == ("7", "the last 7")
    assert "none in the last 8 sessions" in row_of(ready, "gate_hard_stop").finding.reason
    assert figures(row_of(ready, "gate_chain"))["journals"][0].startswith("8 with ")


def test_two_sessions_of_one_date_count_once(scene: Scene) -> None:
    """Evidence is of days: the same day twice is no more evidence."""
    folder = scene.folder()
    day = scene.earlier_days(1)[0]
    written = scene.write_session(folder, Rehearsed(trading_date=day))
    for suffix in ("", ".anchor"):
        shutil.copy(
            f"{written}{suffix}", f"{written.with_name(written.name.replace('-1.db', '-2.db'))}{suffix}"
        )
    context = scene.context(folder, phase=Phase.SEMI_AUTO)
    assert len(complete_sessions(context)) == 2
    assert figures(row_of(context, "gate_sessions"))["complete SHADOW sessions"] == ("1", "7 or more")


def test_a_rehearsal_is_no_evidence(scene: Scene) -> None:
    """A session journals its broker's address: a look-alike or a sandbox never counts."""
    folder = scene.folder()
    here = "http://127.0.0.1:9"
    overrides = tuple(f'upstox.{name}_url="{here}"' for name in ("base", "order", "assets"))
    elsewhere = ('upstox.base_url="https://api-sandbox.upstox.com"',)
    for told, day in zip((overrides, elsewhere), scene.earlier_days(2), strict=True):
        scene.write_session(folder, Rehearsed(trading_date=day), told=told)
    sessions = recorded_sessions(folder / "journal")
    assert [session.is_live for session in sessions] == [False, False, False]
    assert complete_sessions(scene.context(folder)) == ()


def test_only_what_decisions_hang_on_restarts_the_count(scene: Scene) -> None:
    """Limits and strategy restart the count; an address or a time-out does not."""
    shipped = counted_digest(scene.loaded.values)
    assert counted_digest(scene.loaded_with("upstox.read_timeout_s=9.0").values) == shipped
    assert counted_digest(scene.loaded_with("limits.soft_stop_share=0.019").values) != shipped
    assert counted_digest(scene.loaded_with("vix_spike.rise_share=0.07").values) != shipped
    assert counted_digest(scene.loaded_with("bucket.weekly.profit_share=0.4").values) != shipped


def test_an_older_change_of_settings_cuts_the_count_short(scene: Scene) -> None:
    """Sessions before the last change of settings are behind it and do not count."""
    folder = scene.folder_with_sessions()
    context = scene.context(folder, *TRADING, phase=Phase.SEMI_AUTO)
    days = scene.earlier_days(8)
    for old in (folder / "journal").glob(f"upstox-{days[4]}*"):
        old.unlink()
    other = ("strategy.short_delta_max=0.10",)
    scene.write_session(folder, Rehearsed(trading_date=days[4]), told=other)
    assert figures(row_of(context, "gate_sessions"))["complete SHADOW sessions"][0] == "3"


def test_a_session_that_failed_a_step_or_was_cut_is_not_complete(scene: Scene) -> None:
    """Complete means: ran to its end, without a failed step, over nine tenths of the hours."""
    folder: Path = scene.folder()
    for place, day in enumerate(scene.earlier_days(2)):
        scene.write_session(folder, Rehearsed(trading_date=day, is_cut=place == 0))
    calendar = scene.rules.calendar
    cut, whole = (one for one in recorded_sessions(folder / "journal") if one.is_live)
    assert (cut.is_complete(calendar), whole.is_complete(calendar)) == (False, True)
    assert not replace(whole, is_broken=True).is_complete(calendar)
    assert not replace(whole, ended="interrupted").is_complete(calendar)
    assert not replace(whole, ended=None).is_complete(calendar)


def test_a_damaged_journal_shuts_every_gate_that_reads_it(scene: Scene) -> None:
    """A file that is no journal is told in the rows, not raised."""
    folder = scene.folder_with_sessions()
    (folder / "journal" / "upstox-2026-09-01-1.db").write_bytes(b"no journal at all" * 100)
    context = scene.context(folder, phase=Phase.SEMI_AUTO)
    for name in ("gate_sessions", "gate_quality", "gate_chain", "gate_replay", "gate_hard_stop"):
        row = row_of(context, name)
        assert (row.verdict, "not a readable journal" in row.finding.reason) == (Verdict.FAIL, True)


def test_a_governance_record_is_asked_of_full_auto_alone(scene: Scene) -> None:
    """SEMI_AUTO needs none: its row is skipped and says why."""
    folder = scene.folder()
    semi = row_of(scene.context(folder, phase=Phase.SEMI_AUTO), "gate_governance")
    full = row_of(scene.context(folder, phase=Phase.FULL_AUTO), "gate_governance")
    assert (semi.verdict, full.verdict) == (Verdict.SKIPPED, Verdict.FAIL)
    assert full.finding.mend == "volguard validate --phase FULL_AUTO --promote"


def test_paper_sessions_have_no_broker_to_differ_from_and_say_so(ready: Context) -> None:
    """What filled on paper has no mismatch by construction: the row says so, and how many were held."""
    row = row_of(ready, "gate_mismatches")
    assert (row.verdict, row.finding.reason.split(":")[0]) == (Verdict.PASS, "none by construction")
    assert figures(row)["sessions held against the broker's book"] == ("0 of 7", "")


def test_what_stood_between_the_books_at_the_end_of_a_session_is_unresolved(scene: Scene) -> None:
    """What the broker holds and we never traded is unresolved, though the session was cut."""
    days = scene.earlier_days(2)
    stray = BrokerPosition(
        contract=None,
        key=InstrumentKey("NSE_FO|1"),
        product="D",
        quantity=-65,
        overnight_quantity=0,
        buy_value_inr=Decimal(0),
        sell_value_inr=Decimal(6500),
        last_price=None,
    )
    for positions, wanted in (((), ()), ((stray,), ("orphan_position NSE_FO|1",))):
        folder = scene.folder_with_sessions()
        book = BrokerView(orders=(), trades=(), positions=positions)
        for old in (folder / "journal").glob(f"upstox-{days[1]}-*"):
            old.unlink()
        what = Rehearsed(
            trading_date=days[1], phase=Phase.SEMI_AUTO, is_cut=True, broker="upstox", last_book=book
        )
        path = scene.write_session(folder, what, told=TRADING)
        assert tuple(" ".join(text.split()[:2]).rstrip(":") for text in unresolved_in(path)) == wanted
        row = row_of(scene.context(folder, *TRADING, phase=Phase.SEMI_AUTO), "gate_mismatches")
        assert row.verdict is (Verdict.FAIL if wanted else Verdict.PASS)


def test_a_hard_stop_of_a_session_that_was_cut_short_counts(scene: Scene) -> None:
    """Pulling the plug after a hard stop hides it from no gate."""
    folder = scene.folder_with_sessions()
    day = scene.earlier_days(1)[0]
    for old in (folder / "journal").glob(f"upstox-{day}-*"):
        old.unlink()
    scene.write_session(folder, Rehearsed(trading_date=day, is_cut=True, is_stopped=True), told=TRADING)
    context = scene.context(folder, *TRADING, phase=Phase.SEMI_AUTO)
    assert row_of(context, "gate_sessions").verdict is Verdict.PASS
    assert row_of(context, "gate_hard_stop").finding.reason == f"hard stop on {day.isoformat()}"


def test_slippage_is_what_the_median_fill_paid_over_half_the_spread(ready: Context) -> None:
    """Twenty fills are wanted, and their median may be one tick beyond the touch at arrival, no more."""
    one, dear = Decimal("1.0"), Decimal("1.02")
    row = row_of(ready, "gate_slippage")
    assert row.verdict is Verdict.PASS and int(figures(row)["measured fills"][0]) >= 20
    assert slippage_finding([one] * 20, 0).verdict is Verdict.PASS
    assert slippage_finding([one] * 19, 5).reason == "19 fills are measured, limit 20"
    late = slippage_finding([Decimal(0)] * 9 + [dear] * 11, 0)
    assert (late.verdict, late.reason) == (
        Verdict.FAIL,
        "the median fill paid +1.02 ticks over the model, limit 1.0",
    )


def test_journals_that_look_like_evidence_and_are_none_are_named(scene: Scene) -> None:
    """A copy under another name and another account's journal count for nothing, and the row says which."""
    folder = scene.folder()
    first, second = scene.earlier_days(2)
    written = scene.write_session(folder, Rehearsed(trading_date=first))
    copy = written.with_name("copy.db")
    for suffix in ("", ".anchor"):
        if Path(f"{written}{suffix}").exists():
            shutil.copy(f"{written}{suffix}", f"{copy}{suffix}")
    other = scene.write_session(folder, Rehearsed(trading_date=second), told=('account.name="other"',))
    seen = figures(row_of(scene.context(folder, phase=Phase.SEMI_AUTO), "gate_sessions"))
    assert seen["complete SHADOW sessions"][0] == "1"
    assert seen["not counted, of another account than paper"][0] == other.name
    twin = seen["not counted, of a date that is counted already"][0]
    assert twin in (copy.name, written.name)


def test_a_session_of_a_date_that_has_not_come_is_no_evidence(scene: Scene) -> None:
    """Evidence lies in the past."""
    folder = scene.folder()
    scene.write_session(folder, Rehearsed(trading_date=scene.day))
    assert len(complete_sessions(scene.context(folder))) == 1
    assert complete_sessions(scene.context(folder, at=scene.at - timedelta(days=1))) == ()
