"""Gates of a promotion, computed from journals; what nothing can compute yet fails and never passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from volguard import __version__
from volguard.adapters.journal_verify import verify
from volguard.model.decision import Phase
from volguard.operations.drill_record import newest_drill, played_digest
from volguard.operations.replay_journal import replay_journal
from volguard.operations.validate_evidence import RecordedSession, complete_sessions, counted_sessions
from volguard.operations.validate_row import Check, Context, Evidence, Finding, failed, passed, skipped

SESSIONS_MIN: Final = {Phase.SEMI_AUTO: 7, Phase.FULL_AUTO: 21}
PHASE_BEFORE: Final = {Phase.SEMI_AUTO: Phase.SHADOW, Phase.FULL_AUTO: Phase.SEMI_AUTO}
QUALITY_MEAN_MIN: Final = 0.8
REPLAYED_SESSIONS: Final = 7
STOP_SESSIONS: Final = 10
DRILL_SESSIONS_MIN: Final = 60
DRILL: Final = "volguard drill"


def look_at_sessions(context: Context) -> Finding:
    """Enough complete sessions of the phase before, since limits and strategy were last changed."""
    counted, wanted = _counted(context), SESSIONS_MIN[_phase(context)]
    days = sorted({session.trading_date for session in counted})
    before = PHASE_BEFORE[_phase(context)]
    span = f"{days[0]} to {days[-1]}" if days else "none"
    evidence = (
        Evidence(name=f"complete {before} sessions", seen=str(len(days)), limit=f"{wanted} or more"),
        Evidence(name="dates", seen=span),
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
    """The hashes of every journal that holds a counted session are intact."""
    counted = _counted(context)
    if not counted:
        return _no_session(context)
    rows = 0
    for path in _journals(counted):
        found = verify(path)
        rows += found.rows
        if not found.ok:
            return failed(
                f"{path}: {found.reason}",
                Evidence(name="journal", seen=str(path)),
                mend=f"volguard journal verify --journal {path}",
            )
    evidence = Evidence(name="journals", seen=f"{len(_journals(counted))} with {rows} rows")
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
    """None of the last ten live sessions ended in a hard stop."""
    recent = complete_sessions(context)[-STOP_SESSIONS:]
    if not recent:
        return _no_session(context)
    stopped = [session.trading_date.isoformat() for session in recent if session.is_stopped]
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
        Evidence(name="version", seen=str(drill["code_version"]), limit=__version__),
    )
    values = context.loaded.values if context.loaded is not None else {}
    faults = {
        "it failed": not drill["ok"],
        "it was of another version": drill["code_version"] != __version__,
        "it was of other settings": drill["played_hash"] != played_digest(values),
        f"it had {drill['sessions']} sessions": drill["sessions"] < DRILL_SESSIONS_MIN,
    }
    found = [text for text, is_so in faults.items() if is_so]
    if found:
        return failed(f"the newest drill does not count: {', '.join(found)}", *evidence, mend=DRILL)
    return passed(f"{drill['sessions']} sessions against a broker that lies, nothing was broken", *evidence)


def _not_available(what: str) -> Callable[[Context], Finding]:
    # Nothing computes it yet, and a gate that nobody computes is shut.
    def look(_context: Context) -> Finding:
        """The gate is shut."""
        return failed(f"not available: {what}", mend="stay in the phase before")

    return look


def look_at_governance(context: Context) -> Finding:
    """FULL_AUTO needs the operator's written record."""
    if context.phase is not Phase.FULL_AUTO:
        return skipped("only FULL_AUTO needs a governance record")
    return _not_available("governance records are not kept by this version")(context)


def _phase(context: Context) -> Phase:
    return context.phase if context.phase in SESSIONS_MIN else Phase.SEMI_AUTO


def _counted(context: Context) -> tuple[RecordedSession, ...]:
    return counted_sessions(context, PHASE_BEFORE[_phase(context)])


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
    Check(
        id="gate_mismatches",
        title="unresolved mismatches",
        look=_not_available("this version does not count mismatches with the broker"),
    ),
    Check(
        id="gate_drill",
        title="drill passed",
        look=look_at_drill,
    ),
    Check(
        id="gate_slippage",
        title="slippage over model",
        look=_not_available("this version does not measure slippage over the model"),
    ),
    Check(id="gate_governance", title="governance record", look=look_at_governance),
)
UNCOMPUTED: Final = ("gate_mismatches", "gate_slippage", "gate_governance")
