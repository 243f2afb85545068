"""Promotions: given by open gates alone, held against the journals at each start, lost by what follows."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.operations.validate_scenes import scene_in
from volguard.model.decision import Phase
from volguard.model.errors import GateFailed, UsageError
from volguard.operations.promotion import (
    NotEarned,
    Now,
    check_promotable,
    earned,
    earned_phase,
    now_of,
    promote,
    with_governance,
)
from volguard.operations.promotion_record import (
    Promotion,
    make_promotion,
    promotion_path,
    read_promotion,
    write_promotion,
)
from volguard.operations.validate import GATES, look
from volguard.operations.validate_cases_gates import promotable
from volguard.operations.validate_evidence import RecordedSession, recorded_sessions
from volguard.operations.validate_rehearsed import Rehearsed
from volguard.operations.validate_row import Context, Row, Verdict, failed
from volguard.operations.validate_scene import TRADING, Scene, root_at

SAID = {"operator": "A. Trader", "words": "seven quiet weeks, the fills are as modelled"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture(scope="module")
def ready(scene: Scene) -> Context:
    return promotable(scene)


@pytest.fixture(scope="module")
def rows(ready: Context) -> tuple[Row, ...]:
    return look(GATES, ready, lambda _gate: None)


@pytest.fixture(scope="module")
def given(ready: Context, rows: tuple[Row, ...]) -> Promotion:
    return promote(ready, rows, **SAID)[1]


@pytest.fixture(scope="module")
def sessions(ready: Context) -> tuple[RecordedSession, ...]:
    return recorded_sessions(ready.root.resolve("journal"))


def start_of(context: Context) -> Now:
    """What a session on the context's settings would start with, a day later."""
    assert context.loaded is not None
    return now_of(context.loaded, context.at + timedelta(days=1))


def refusal(scene: Scene, record: Promotion | None, now: Now, sessions: tuple[RecordedSession, ...]) -> str:
    """Why the phase is not earned; it must not be."""
    answer = earned_phase(Phase.SEMI_AUTO, record, now, sessions, scene.rules.calendar)
    assert isinstance(answer, NotEarned)
    assert "volguard validate --phase SEMI_AUTO" in answer.mend
    return answer.reason


def forged(record: Promotion, **changes: Any) -> Promotion:
    """The record as a forger would write it who computes all its hashes anew."""
    names = set(Promotion.__slots__) - {"expires_at", "evidence_hash", "digest"}
    return make_promotion(**({name: getattr(record, name) for name in names} | changes))


def in_folder(scene: Scene, folder: Path, at: datetime) -> Phase | NotEarned:
    """What a start in a folder is told."""
    loaded = scene.loaded_with(*TRADING)
    return earned(Phase.SEMI_AUTO, loaded, root_at(folder), scene.rules, at)


def copied(ready: Context, folder: Path) -> Path:
    """The promoted folder's journals and record, elsewhere."""
    for name in ("journal", "data"):
        shutil.copytree(ready.root.resolve(name), folder / name)
    return folder


# --- what is given ----------------------------------------------------------------------------------


def test_open_gates_and_the_operators_words_give_a_phase(
    scene: Scene, ready: Context, given: Promotion
) -> None:
    """The record lies in a file of mode 0600 with every figure, and a start on the same settings passes."""
    path = promotion_path(ready.root.resolve("data"), "paper", Phase.SEMI_AUTO)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_promotion(path) == given
    assert (given.operator, given.words) == (SAID["operator"], SAID["words"])
    assert (given.expires_at, len(given.journals)) == (None, 8)
    assert {gate.id for gate in given.gates} == {gate.id for gate in GATES} - {"gate_governance"}
    assert all(gate.verdict == "pass" and gate.figures for gate in given.gates)
    assert in_folder(scene, ready.root.path, ready.at + timedelta(days=30)) is Phase.SEMI_AUTO


@pytest.mark.parametrize("gate", [gate.id for gate in GATES if gate.id != "gate_governance"])
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.SKIPPED, None])
def test_one_gate_that_is_not_open_gives_nothing(
    ready: Context, rows: tuple[Row, ...], gate: str, verdict: Verdict | None
) -> None:
    """Failed, skipped or not looked at in this very run: the gate is named and no record is written."""
    path = promotion_path(ready.root.resolve("data"), "paper", Phase.SEMI_AUTO)
    before = path.read_bytes() if path.exists() else None
    spoilt = tuple(
        row
        if row.id != gate or verdict is None
        else replace(row, finding=replace(row.finding, verdict=verdict))
        for row in rows
        if row.id != gate or verdict is not None
    )
    with pytest.raises(GateFailed, match=gate):
        promote(ready, spoilt, **SAID)
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("lacking", ["operator", "words"])
def test_a_promotion_without_a_name_or_words_is_none(
    ready: Context, rows: tuple[Row, ...], lacking: str
) -> None:
    """Somebody stands for it, in words."""
    with pytest.raises(UsageError, match=f"{lacking} had 0 letters"):
        promote(ready, rows, **(SAID | {lacking: "  \n "}))


def test_there_is_nothing_to_promote_to_without_a_phase_and_on_a_look_alike(scene: Scene) -> None:
    """SHADOW is everybody's; what a look-alike says is no evidence."""
    folder = scene.folder()
    here = tuple(f'upstox.{name}_url="http://127.0.0.1:9"' for name in ("base", "order", "assets"))
    with pytest.raises(UsageError, match="needs a phase"):
        check_promotable(scene.context(folder, phase=Phase.SHADOW))
    with pytest.raises(UsageError, match="a look-alike gives no promotion"):
        check_promotable(scene.context(folder, *here, phase=Phase.SEMI_AUTO))


def test_full_auto_expires_after_ninety_days(scene: Scene, given: Promotion, ready: Context) -> None:
    """FULL_AUTO is given for 90 days, and the record itself is its governance record."""
    full = forged(given, phase=Phase.FULL_AUTO)
    assert full.expires_at == full.at + timedelta(days=90)
    context = replace(ready, phase=Phase.FULL_AUTO)
    write_promotion(promotion_path(ready.root.resolve("data"), "paper", Phase.FULL_AUTO), full)
    shut = Row(id="gate_governance", finding=failed("not written yet", mend=""))
    (row,) = with_governance(context, (shut,))
    assert (row.verdict, row.finding.reason.split(" on ")[0]) == (Verdict.PASS, "A. Trader")
    late = replace(start_of(ready), at=full.at + timedelta(days=90))
    answer = earned_phase(Phase.FULL_AUTO, full, late, (), scene.rules.calendar)
    assert isinstance(answer, NotEarned) and "expired on 2026-12-15" in answer.reason


# --- what does not hold -----------------------------------------------------------------------------


def test_shadow_needs_no_record_and_nothing_else_goes_without(scene: Scene, ready: Context) -> None:
    """No record, no phase."""
    now = start_of(ready)
    assert earned_phase(Phase.SHADOW, None, now, (), scene.rules.calendar) is Phase.SHADOW
    assert refusal(scene, None, now, ()) == (
        "SEMI_AUTO is not earned: no promotion of account paper is recorded"
    )


def test_a_start_that_differs_from_what_was_promoted_is_refused(
    scene: Scene, ready: Context, given: Promotion, sessions: tuple[RecordedSession, ...]
) -> None:
    """Another account, limits or strategy, more capital, another version, a clock before the promotion."""
    now = start_of(ready)
    assert earned_phase(Phase.SEMI_AUTO, given, now, sessions, scene.rules.calendar) is Phase.SEMI_AUTO
    cases: dict[str, Now] = {
        "is of account paper, this is other": replace(now, account="other"),
        "limits or strategy were changed": replace(now, settings_digest="another"),
        "capital_inr was raised to 2000001": replace(now, capital_inr=Decimal(2000001)),
        f"was given to version {given.code_version}, this is 9.9.9": replace(now, code_version="9.9.9"),
        "which has not come yet": replace(now, at=ready.at - timedelta(days=1)),
    }
    for text, start in cases.items():
        assert text in refusal(scene, given, start, sessions)
    less = replace(now, capital_inr=Decimal(1000000))
    assert earned_phase(Phase.SEMI_AUTO, given, less, sessions, scene.rules.calendar) is Phase.SEMI_AUTO


def test_an_edited_record_is_refused(
    scene: Scene, ready: Context, given: Promotion, sessions: tuple[RecordedSession, ...], tmp_path: Path
) -> None:
    """Any field that is changed breaks the record's hashes: in memory, and in its file."""
    now = start_of(ready)
    for changed in (
        replace(given, operator="somebody else"),
        replace(given, at=given.at - timedelta(days=1)),
        replace(given, code_version="0.2.0"),
        replace(given, gates=given.gates[1:]),
        replace(given, journals=given.journals[:-1]),
    ):
        assert "was edited" in refusal(scene, changed, now, sessions)
    folder = copied(ready, tmp_path)
    path = promotion_path(folder / "data", "paper", Phase.SEMI_AUTO)
    path.write_bytes(path.read_bytes().replace(b"A. Trader", b"B. Trader"))
    answer = in_folder(scene, folder, now.at)
    assert isinstance(answer, NotEarned) and "was edited" in answer.reason
    path.write_bytes(b"not a record")
    answer = in_folder(scene, folder, now.at)
    assert isinstance(answer, NotEarned) and "is no record of a promotion" in answer.reason
    path.chmod(0o644)
    answer = in_folder(scene, folder, now.at)
    assert isinstance(answer, NotEarned) and "must be 0600" in answer.reason


def test_a_record_forged_with_its_hashes_still_needs_the_journals(
    scene: Scene, ready: Context, given: Promotion, sessions: tuple[RecordedSession, ...]
) -> None:
    """Whoever computes the hashes anew cannot write sessions that no journal holds."""
    now, first = start_of(ready), given.journals[0]
    bare = forged(given, journals=())
    assert "rests on 0 sessions, limit 7" in refusal(scene, bare, now, sessions)
    twice = forged(given, journals=(first,) * 8)
    assert "rests on 1 sessions, limit 7" in refusal(scene, twice, now, sessions)
    redated = replace(first, trading_date=first.trading_date - timedelta(days=1))
    invented = forged(given, journals=(redated, *given.journals[1:]))
    assert "which does not count" in refusal(scene, invented, now, sessions)
    longer = replace(first, head_seq=first.head_seq + 1)
    assert "no journal holds it as it was" in refusal(
        scene, forged(given, journals=(longer, *given.journals[1:])), now, sessions
    )
    full = forged(given, phase=Phase.FULL_AUTO)
    answer = earned_phase(Phase.FULL_AUTO, full, now, sessions, scene.rules.calendar)
    assert isinstance(answer, NotEarned) and "which does not count" in answer.reason


def test_sessions_that_are_no_evidence_carry_no_record(
    scene: Scene, ready: Context, given: Promotion, sessions: tuple[RecordedSession, ...]
) -> None:
    """A recording, another account's session, other settings, a session that was cut: each is refused."""
    now = start_of(ready)
    marked = {mark.beginning for mark in given.journals}
    place = next(place for place, one in enumerate(sessions) if one.beginning in marked)
    for changes in (
        {"is_live": False},
        {"account": "other"},
        {"settings_digest": "another"},
        {"ended": "interrupted"},
        {"phase": Phase.SEMI_AUTO},
        {"head": (3, "f" * 64)},
    ):
        spoilt = (*sessions[:place], replace(sessions[place], **changes), *sessions[place + 1 :])
        assert "rests on the session of 2026-09-03" in refusal(scene, given, now, spoilt)


@pytest.mark.usefixtures("given")
def test_journals_that_were_edited_or_are_gone_take_the_phase_away(
    scene: Scene, ready: Context, tmp_path: Path
) -> None:
    """The record needs its journals: one row less at an end, or one file less, and it does not hold."""
    folder, at = copied(ready, tmp_path / "cut"), ready.at + timedelta(days=1)
    assert in_folder(scene, folder, at) is Phase.SEMI_AUTO
    journal = sorted((folder / "journal").glob("upstox-*.db"))[-1]
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    answer = in_folder(scene, folder, at)
    assert isinstance(answer, NotEarned) and "no journal holds it as it was" in answer.reason
    journal.unlink()
    answer = in_folder(scene, folder, at)
    assert isinstance(answer, NotEarned) and "no journal holds it as it was" in answer.reason


@pytest.mark.usefixtures("given")
def test_a_record_and_its_journals_may_move_together(scene: Scene, ready: Context, tmp_path: Path) -> None:
    """Journals are known by their first row, not by their name or place."""
    folder = copied(ready, tmp_path)
    for path in sorted((folder / "journal").glob("upstox-*.db*")):
        path.rename(path.with_name(f"kept-{path.name}"))
    assert in_folder(scene, folder, ready.at + timedelta(days=1)) is Phase.SEMI_AUTO


# --- what is lost -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"is_stopped": True}, "SEMI_AUTO was lost: hard stop on 2026-09-16"),
        (
            {"unresolved": ("position NIFTY: ours 0",)},
            "SEMI_AUTO was lost: unresolved mismatch of 2026-09-16",
        ),
    ],
)
def test_a_hard_stop_or_an_unresolved_mismatch_since_takes_the_phase_away(
    scene: Scene,
    ready: Context,
    given: Promotion,
    sessions: tuple[RecordedSession, ...],
    changes: dict[str, Any],
    text: str,
) -> None:
    """The record is void from then on, and a later one holds again; what was before it never counts."""
    now = start_of(ready)
    later = replace(
        sessions[-1],
        beginning="later",
        phase=Phase.SEMI_AUTO,
        trading_date=scene.day,
        last_at=ready.at + timedelta(hours=1),
        has_broker=True,
        **changes,
    )
    assert text in refusal(scene, given, now, (*sessions, later))
    cut = replace(later, ended=None)
    assert text in refusal(scene, given, now, (*sessions, cut))  # a day later it goes on no more
    again = forged(given, at=now.at)
    calendar = scene.rules.calendar
    assert earned_phase(Phase.SEMI_AUTO, again, now, (*sessions, later), calendar) is Phase.SEMI_AUTO
    stranger = replace(later, account="other")
    assert earned_phase(Phase.SEMI_AUTO, given, now, (*sessions, stranger), calendar) is Phase.SEMI_AUTO


def test_a_session_that_goes_on_may_go_on(
    scene: Scene, ready: Context, given: Promotion, sessions: tuple[RecordedSession, ...]
) -> None:
    """After a crash the same day its exits must work: it is halted already, and takes no new risk.

    Under other settings it would start afresh, and is refused.
    """
    now = replace(start_of(ready), at=ready.at + timedelta(hours=2))
    crashed = replace(
        sessions[-1],
        beginning="later",
        trading_date=scene.day,
        last_at=ready.at + timedelta(hours=1),
        settings_hash=now.settings_hash,
        ended=None,
        is_stopped=True,
    )
    calendar = scene.rules.calendar
    assert earned_phase(Phase.SEMI_AUTO, given, now, (*sessions, crashed), calendar) is Phase.SEMI_AUTO
    other = replace(now, settings_hash="another")
    assert "hard stop" in refusal(scene, given, other, (*sessions, crashed))


@pytest.mark.usefixtures("given")
def test_a_hard_stop_in_a_journal_demotes_at_the_next_start(
    scene: Scene, ready: Context, tmp_path: Path
) -> None:
    """From the journal of the day itself: the next day's start is refused, in words."""
    folder = copied(ready, tmp_path)
    stopped = Rehearsed(trading_date=scene.day, is_stopped=True)
    scene.write_session(folder, stopped, told=TRADING)
    answer = in_folder(scene, folder, ready.at + timedelta(days=1))
    assert isinstance(answer, NotEarned)
    assert answer.reason == "SEMI_AUTO was lost: hard stop on 2026-09-16"
