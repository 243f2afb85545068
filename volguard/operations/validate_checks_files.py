"""Checks of the folders a session writes to and reads from: journal, disk, history, kill switch, lock."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from typing import Final

from volguard.adapters.history import FileHistory
from volguard.adapters.journal_files import newest_journal
from volguard.adapters.journal_verify import verify
from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.lock import JournalLock, lock_path
from volguard.adapters.whole_file import write_whole
from volguard.config.kill_switch import FILE as KILL_SWITCH
from volguard.config.kill_switch import kill_switch_path
from volguard.model.errors import LockHeld, UsageError
from volguard.model.market import DailyBar
from volguard.operations.validate_row import (
    Check,
    Context,
    Evidence,
    Finding,
    failed,
    passed,
    skipped,
    warned,
)
from volguard.wiring import history_folder_of

JOURNAL: Final = "journal"
DATA: Final = "data"
VIX_NAME: Final = "INDIA_VIX"
SLOW_WRITE_S: Final = 0.5  # each order waits for a write as durable as this one
PROBE: Final = b"volguard was here\n"
MIB: Final = 2**20
FREE_MIB_MIN: Final = 1024  # a live session records the market as well as its decisions
FREE_MIB_GOOD: Final = 5 * 1024


def look_at_history(context: Context) -> Finding:
    """Index and India VIX end on the session before, and are long enough for the models and the signal."""
    settings, day = context.settings, context.session_day
    folder = history_folder_of(settings, context.root)
    before = context.rules.calendar.previous_trading_day(day)
    mend = context.command("data history")
    if not folder.is_dir():
        return failed(f"no folder {folder}", mend=mend)
    history = FileHistory(folder)
    needs = (
        (str(context.underlying), settings.models.fit_sessions_min),
        (VIX_NAME, settings.iv_rv.history_sessions),
    )
    evidence, faults = [Evidence(name="folder", seen=str(folder))], []
    for name, sessions_min in needs:
        bars = history.daily(name, day)
        last = bars[-1].day.isoformat() if bars else "no bar"
        evidence += [
            Evidence(name=f"{name} sessions", seen=str(len(bars)), limit=f"{sessions_min} or more"),
            Evidence(name=f"{name} ends", seen=last, limit=before.isoformat()),
        ]
        faults += _history_faults(name, bars, sessions_min, before)
    if faults:
        return failed("; ".join(faults), *evidence, mend=mend)
    return passed(f"ends on {before}, the session before {day}", *evidence)


def look_at_journal_folder(context: Context) -> Finding:
    """A probe is written into the journal's folder, forced to the disk, read back and removed."""
    folder = context.root.resolve(JOURNAL)
    place = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    began_s = context.clock.monotonic_s()
    probe = place / f".probe-{os.getpid()}"
    try:
        write_whole(probe, PROBE)
        is_kept = probe.read_bytes() == PROBE
    finally:
        probe.unlink(missing_ok=True)
    took_s = context.clock.monotonic_s() - began_s
    evidence = (
        Evidence(name="folder", seen=str(folder) + ("" if place == folder else ", not made yet")),
        Evidence(
            name="durable write", seen=f"{1000.0 * took_s:.1f} ms", limit=f"{1000.0 * SLOW_WRITE_S:.0f} ms"
        ),
    )
    if not is_kept:
        return failed("other bytes came back than were written", *evidence, mend="check the disk")
    if took_s > SLOW_WRITE_S:
        return warned(
            f"a durable write took {took_s:.2f} s, limit {SLOW_WRITE_S} s; orders wait for such writes",
            *evidence,
            mend="put the root folder on a faster, local disk",
        )
    return passed("writable, and a write is forced to the disk", *evidence)


def look_at_disk(context: Context) -> Finding:
    """Enough bytes are free where journal and data lie."""
    folders = [context.root.resolve(name) for name in (JOURNAL, DATA)]
    places = [next(one for one in (folder, *folder.parents) if one.is_dir()) for folder in folders]
    free = [context.free_bytes(place) // MIB for place in places]
    evidence = tuple(
        Evidence(name=f"free at {place}", seen=f"{mib} MiB", limit=f"{FREE_MIB_MIN} MiB or more")
        for place, mib in zip(places, free, strict=True)
    )
    mend = "free the disk: recordings in data/ and journals of replays can go"
    if min(free) < FREE_MIB_MIN:
        return failed(f"{min(free)} MiB are free, limit {FREE_MIB_MIN} MiB", *evidence, mend=mend)
    if min(free) < FREE_MIB_GOOD:
        return warned(f"{min(free)} MiB are free, good are {FREE_MIB_GOOD} MiB", *evidence, mend=mend)
    return passed(f"{min(free)} MiB are free", *evidence)


def look_at_journal_chain(context: Context) -> Finding:
    """The newest journal's hashes, anchors and derived tables hold from its first row to its last."""
    try:
        path = newest_journal(context.root.resolve(JOURNAL))
    except UsageError as error:
        return skipped(f"{error.message}: nothing to verify")
    found = verify(path)
    evidence = (
        Evidence(name="journal", seen=str(path)),
        Evidence(name="sound rows", seen=str(found.rows)),
        Evidence(name="head", seen=found.head_hash),
    )
    if not found.ok:
        where = "" if found.first_bad_seq is None else f" at row {found.first_bad_seq}"
        return failed(
            f"damaged{where}: {found.reason}",
            *evidence,
            mend=f"volguard journal verify --journal {path}; keep the file, go on with a copy",
        )
    return passed(f"{found.rows} rows, none altered, none missing", *evidence)


def look_at_kill_switch(context: Context) -> Finding:
    """The kill-switch file is absent."""
    plain = context.root.resolve(DATA) / KILL_SWITCH  # which one it is depends on settings that loaded
    path = plain if context.loaded is None else kill_switch_path(context.root, context.settings)
    evidence = Evidence(name="file", seen=str(path), limit="absent")
    if KillSwitchFile(path).is_present():
        return failed(
            "the kill switch is on: no session starts",
            evidence,
            mend=f"look at the book, then rm {path}",
        )
    return passed("the kill switch is off", evidence)


def look_at_lock(context: Context) -> Finding:
    """No process holds the lock of a journal."""
    folder = context.root.resolve(JOURNAL)
    journals = sorted(folder.glob("*.db")) if folder.is_dir() else []
    locked = [journal for journal in journals if lock_path(journal).exists()]
    for journal in locked:
        try:
            JournalLock.take(journal).release()
        except LockHeld as error:
            return failed(
                error.message,
                Evidence(name="lock", seen=str(lock_path(journal)), limit="free"),
                mend="wait until that session ends, or look at it with volguard status",
            )
    return passed("no session runs", Evidence(name="locks tried", seen=str(len(locked))))


def look_at_alerts(context: Context) -> Finding:
    """Every configured channel takes a word."""
    if not context.alert_channels:
        return skipped("not available: no channel is configured")
    for channel in context.alert_channels:
        channel.probe()
    names = ", ".join(channel.name for channel in context.alert_channels)
    return passed("every channel took a word", Evidence(name="channels", seen=names))


def _history_faults(name: str, bars: Sequence[DailyBar], sessions_min: int, before: date) -> list[str]:
    if not bars:
        return [f"no daily bars of {name}"]
    faults = []
    if len(bars) < sessions_min:
        faults.append(f"{name} has {len(bars)} sessions, limit {sessions_min}")
    if bars[-1].day != before:
        faults.append(f"{name} ends on {bars[-1].day}, the session before is {before}")
    return faults


FILE_CHECKS: Final = (
    Check(id="history", title="daily history", look=look_at_history),
    Check(id="journal_folder", title="journal folder", look=look_at_journal_folder, needs_settings=False),
    Check(id="disk", title="disk space", look=look_at_disk, needs_settings=False),
    Check(id="journal_chain", title="newest journal", look=look_at_journal_chain, needs_settings=False),
    Check(id="kill_switch", title="kill switch", look=look_at_kill_switch, needs_settings=False),
    Check(id="lock", title="journal lock", look=look_at_lock, needs_settings=False),
    Check(id="alerts", title="alert channel", look=look_at_alerts, needs_settings=False),
)
