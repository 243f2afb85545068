"""Gates of a promotion, computed from journals, rehearsals and records, never from a word of the moment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Final

from volguard.adapters.code_version import code_version
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_verify import verify
from volguard.adapters.sent_orders import sent_orders
from volguard.model.decision import Phase
from volguard.operations.drill_record import newest_drill, played_digest
from volguard.operations.promotion_gates import PHASE_BEFORE, SESSIONS_MIN
from volguard.operations.promotion_record import VALID_DAYS, promotion_path, read_promotion, record_problem
from volguard.operations.replay_journal import replay_journal
from volguard.operations.validate_evidence import (
    RecordedSession,
    complete_sessions,
    counted_digest,
    counted_sessions,
    live_sessions,
    recorded_sessions,
)
from volguard.operations.validate_row import Check, Context, Evidence, Finding, failed, passed, skipped

QUALITY_MEAN_MIN: Final = 0.8
REPLAYED_SESSIONS: Final = 7
STOP_SESSIONS: Final = 10
DRILL_SESSIONS_MIN: Final = 60
GOVERNANCE: Final = "gate_governance"
FILLS_MIN: Final = 20
OVER_MODEL_TICKS_MAX: Final = Decimal("1.0")
DRILL: Final = "volguard drill"
PROMOTE: Final = "volguard validate --phase FULL_AUTO --promote"


def look_at_sessions(context: Context) -> Finding:
    """Enough complete sessions of the phase before, since limits and strategy were last changed."""
    counted, wanted = _counted(context), SESSIONS_MIN[_phase(context)]
    days = sorted({session.trading_date for session in counted})
    before = PHASE_BEFORE[_phase(context)]
    span = f"{days[0]} to {days[-1]}" if days else "none"
    evidence = (
        Evidence(name=f"complete {before} sessions", seen=str(len(days)), limit=f"{wanted} or more"),
        Evidence(name="dates", seen=span),
        *_left_out(context, counted),
    )
    if len(days) < wanted:
        return failed(
            f"{len(days)} complete {before} sessions with these limits and this strategy, limit {wanted}",
            *evidence,
            mend=f"run {before} for {wanted - len(days)} more sessions: "
            "a change of limits or strategy restarts the count",
        )
    return passed(f"{len(days)} complete {before} sessions, limit {wanted}", *evidence)


def look_at_quality(context: Context) -> Finding:
    """The mean data quality over all snapshots of the counted sessions."""
    counted = _counted(context)
    snapshots = sum(session.snapshots for session in counted)
    if not snapshots:
        return _no_session(context)
    mean = sum(session.quality_sum for session in counted) / snapshots
    evidence = (
        Evidence(name="mean data quality", seen=f"{mean:.3f}", limit=f"{QUALITY_MEAN_MIN} or more"),
        Evidence(name="snapshots", seen=str(snapshots)),
    )
    if mean < QUALITY_MEAN_MIN:
        return failed(
            f"mean data quality was {mean:.3f}, limit {QUALITY_MEAN_MIN}",
            *evidence,
            mend="volguard journal show --kind MarketSeen tells when quality was poor",
        )
    return passed(f"mean data quality {mean:.3f}", *evidence)


def look_at_chains(context: Context) -> Finding:
    """The hashes are intact of every live journal since the first counted session, counted or not."""
    counted = _counted(context)
    if not counted:
        return _no_session(context)
    rows = 0
    paths = _journals(_since(context, counted[0].trading_date))
    for path in paths:
        found = verify(path)
        rows += found.rows
        if not found.ok:
            return failed(
                f"{path}: {found.reason}",
                Evidence(name="journal", seen=str(path)),
                mend=f"volguard journal verify --journal {path}",
            )
    evidence = Evidence(name="journals", seen=f"{len(paths)} with {rows} rows")
    return passed("no row was altered, none is missing", evidence)


def look_at_replay(context: Context) -> Finding:
    """Each decision and checkpoint of the last counted sessions comes out the same under this code."""
    counted = _counted(context)[-REPLAYED_SESSIONS:]
    if not counted:
        return _no_session(context)
    decisions = 0
    for path in _journals(counted):
        result = replay_journal(path, force=True)
        decisions += result.decisions
        if not result.identical:
            return failed(
                f"{path}: {result.reason}",
                Evidence(name="journal", seen=str(path)),
                Evidence(name="first row that differs", seen=str(result.first_difference)),
                mend=f"volguard journal replay --journal {path} --force",
            )
    evidence = (
        Evidence(name="sessions", seen=str(len(counted)), limit=f"the last {REPLAYED_SESSIONS}"),
        Evidence(name="decisions", seen=f"{decisions}, all identical"),
    )
    return passed("this code decides as the sessions did", *evidence)


def look_at_hard_stops(context: Context) -> Finding:
    """No hard stop since the tenth last complete live session, not even in one that was cut short."""
    recent = sorted({session.trading_date for session in complete_sessions(context)})[-STOP_SESSIONS:]
    if not recent:
        return _no_session(context)
    sessions = _since(context, recent[0])
    stopped = sorted({one.trading_date.isoformat() for one in sessions if one.is_stopped})
    evidence = Evidence(name="hard stops", seen=str(len(stopped)), limit=f"0 in {STOP_SESSIONS} sessions")
    if stopped:
        return failed(
            f"hard stop on {', '.join(stopped)}",
            evidence,
            mend=f"collect {STOP_SESSIONS} sessions without one",
        )
    return passed(f"none in the last {len(recent)} sessions", evidence)


def look_at_drill(context: Context) -> Finding:
    """The newest rehearsal was of this version and these settings, long enough, and passed."""
    kept = newest_drill(context.root.resolve("journal"))
    if kept is None:
        folder = str(context.root.resolve("journal"))
        return failed("no drill is kept", Evidence(name="folder", seen=folder), mend=DRILL)
    path, drill = kept
    evidence = (
        Evidence(name="drill", seen=str(path)),
        Evidence(name="sessions", seen=str(drill["sessions"]), limit=f"{DRILL_SESSIONS_MIN} or more"),
        Evidence(name="version", seen=str(drill["code_version"]), limit=code_version()),
    )
    values = context.loaded.values if context.loaded is not None else {}
    faults = {
        "it failed": not drill["ok"],
        "it was of another version": drill["code_version"] != code_version(),
        "it was of other settings": drill["played_hash"] != played_digest(values),
        f"it had {drill['sessions']} sessions": drill["sessions"] < DRILL_SESSIONS_MIN,
    }
    found = [text for text, is_so in faults.items() if is_so]
    if found:
        return failed(f"the newest drill does not count: {', '.join(found)}", *evidence, mend=DRILL)
    return passed(f"{drill['sessions']} sessions against a broker that lies, nothing was broken", *evidence)


def look_at_mismatches(context: Context) -> Finding:
    """Both books agreed at the end of every session since the first that a promotion needs.

    Sessions that filled on paper have no broker to differ from.
    """
    counted = _counted(context)[-SESSIONS_MIN[_phase(context)] :]
    if not counted:
        return _no_session(context)
    sessions = _since(context, counted[0].trading_date)
    held = [one for one in sessions if one.has_broker and _is_over(context, one)]
    texts = [f"{one.trading_date.isoformat()}: {text}" for one in held for text in one.unresolved]
    evidence = (
        Evidence(name="unresolved mismatches", seen=str(len(texts)), limit="0"),
        Evidence(name="sessions held against the broker's book", seen=f"{len(held)} of {len(sessions)}"),
    )
    if texts:
        return failed(
            f"{len(texts)} unresolved: {texts[0]}",
            *evidence,
            *(Evidence(name="mismatch", seen=text) for text in texts[1:]),
            mend="volguard reconcile shows what differs now; then collect the sessions again",
        )
    if not held:
        return passed(
            "none by construction: every session filled on paper, no broker keeps a book", *evidence
        )
    return passed(f"both books agreed at the end of {len(held)} sessions", *evidence)


def look_at_slippage(context: Context) -> Finding:
    """What the median fill of the counted sessions paid over the model, in ticks of its day.

    The model is half the spread at arrival, what the cost test of an entry charges (execution/quality).
    """
    counted = _counted(context)
    if not counted:
        return _no_session(context)
    over: list[Decimal] = []
    unmeasured = 0
    for session in counted:
        stat = session.path.stat()
        paid, unknown = _over_model(session.path, (stat.st_mtime_ns, stat.st_size))
        tick = context.rules.contracts.tick(context.underlying, session.trading_date)
        over += [one / tick for one in paid]
        unmeasured += unknown
    return slippage_finding(over, unmeasured)


def slippage_finding(over_ticks: list[Decimal], unmeasured: int) -> Finding:
    """What each fill paid over the model, in ticks, judged; `unmeasured` fills met no two-sided quote."""
    evidence = (
        Evidence(name="measured fills", seen=str(len(over_ticks)), limit=f"{FILLS_MIN} or more"),
        Evidence(name="fills without a quote at arrival", seen=str(unmeasured)),
        Evidence(
            name="model", seen="half the spread when the order was decided: crossing at once is 0 ticks"
        ),
    )
    if len(over_ticks) < FILLS_MIN:
        return failed(
            f"{len(over_ticks)} fills are measured, limit {FILLS_MIN}",
            *evidence,
            mend="go on in the phase before: every fill of a counted session is measured",
        )
    middle = median(over_ticks)
    seen = Evidence(
        name="median over the model", seen=f"{middle:+.2f} ticks", limit=f"{OVER_MODEL_TICKS_MAX}"
    )
    if middle > OVER_MODEL_TICKS_MAX:
        return failed(
            f"the median fill paid {middle:+.2f} ticks over the model, limit {OVER_MODEL_TICKS_MAX}",
            seen,
            *evidence,
            mend="volguard journal orders tells what each order paid",
        )
    return passed(
        f"the median of {len(over_ticks)} fills paid {middle:+.2f} ticks over the model", seen, *evidence
    )


def look_at_governance(context: Context) -> Finding:
    """FULL_AUTO needs the operator's written record, whole, of these settings and not expired."""
    if context.phase is not Phase.FULL_AUTO:
        return skipped("only FULL_AUTO needs a governance record")
    account = context.settings.account.name
    path = promotion_path(context.root.resolve("data"), account, Phase.FULL_AUTO)
    evidence = Evidence(name="record", seen=str(path), limit=f"valid for {VALID_DAYS} days")
    record = read_promotion(path)
    if record is None:
        return failed("the operator has written no governance record", evidence, mend=PROMOTE)
    settings_digest = counted_digest(context.loaded.values if context.loaded is not None else {})
    problem = record_problem(record, account=account, settings_digest=settings_digest, at=context.at)
    if problem:
        return failed(problem, evidence, mend=PROMOTE)
    return passed(f"{record.operator} on {record.at:%Y-%m-%d}: {record.words}", evidence)


@lru_cache(maxsize=256)
def _over_model(path: Path, _stamp: tuple[int, int]) -> tuple[tuple[Decimal, ...], int]:
    with JournalReader.open(path) as reader:
        orders = sent_orders(reader)
    paid = tuple(one for order in orders for one in order.over_model_per_unit)
    return paid, sum(len(order.fills) for order in orders) - len(paid)


def _since(context: Context, day: date) -> tuple[RecordedSession, ...]:
    return tuple(session for session in live_sessions(context) if session.trading_date >= day)


def _is_over(context: Context, session: RecordedSession) -> bool:
    digest = context.loaded.digest if context.loaded is not None else ""
    return session.is_over(context.at, settings_hash=digest, code_version=code_version())


def _phase(context: Context) -> Phase:
    return context.phase if context.phase in SESSIONS_MIN else Phase.SEMI_AUTO


def _counted(context: Context) -> tuple[RecordedSession, ...]:
    return counted_sessions(context, PHASE_BEFORE[_phase(context)])


# Journals that look like evidence and are none, so that nobody wonders why they do not count.
def _left_out(context: Context, counted: tuple[RecordedSession, ...]) -> tuple[Evidence, ...]:
    taken, account = {one.trading_date: one for one in counted}, context.settings.account.name
    twins = [one for one in complete_sessions(context) if one not in counted and one.trading_date in taken]
    strangers = [
        one
        for one in recorded_sessions(context.root.resolve("journal"))
        if one.is_live and one.account != account
    ]
    found = {
        f"of another account than {account}": strangers,
        "of a date that is counted already": twins,
    }
    return tuple(
        Evidence(name=f"not counted, {why}", seen=", ".join(one.path.name for one in those))
        for why, those in found.items()
        if those
    )


def _journals(sessions: tuple[RecordedSession, ...]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(session.path for session in sessions))


def _no_session(context: Context) -> Finding:
    before = PHASE_BEFORE[_phase(context)]
    return failed(
        f"no complete {before} session with these limits and this strategy",
        Evidence(name="folder", seen=str(context.root.resolve("journal"))),
        mend=f"run {before} on the broker's market",
    )


GATE_CHECKS: Final = (
    Check(id="gate_sessions", title="sessions completed", look=look_at_sessions),
    Check(id="gate_quality", title="mean data quality", look=look_at_quality),
    Check(id="gate_chain", title="chains of hashes", look=look_at_chains),
    Check(id="gate_replay", title="replay identical", look=look_at_replay),
    Check(id="gate_hard_stop", title="no hard stop", look=look_at_hard_stops),
    Check(id="gate_mismatches", title="unresolved mismatches", look=look_at_mismatches),
    Check(id="gate_drill", title="drill passed", look=look_at_drill),
    Check(id="gate_slippage", title="slippage over model", look=look_at_slippage),
    Check(id=GOVERNANCE, title="governance record", look=look_at_governance),
)
