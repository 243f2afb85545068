"""How each check that needs no network is broken on purpose."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final

from volguard.adapters.journal_files import newest_journal
from volguard.adapters.lock import JournalLock
from volguard.adapters.upstox.instrument_files import instrument_path
from volguard.model.errors import TryLater
from volguard.model.units import IST
from volguard.nse.dated import ONE_DAY
from volguard.operations.validate_case import case
from volguard.operations.validate_row import Context, Verdict
from volguard.operations.validate_scene import Scene

FEW_BYTES: Final = 10 * 2**20
SOME_BYTES: Final = 2 * 2**30
YEAR: Final = timedelta(days=365)


class UtcClock:
    """A clock that speaks UTC: what a machine without its zone would give."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._at.astimezone(UTC)

    def sleep(self, seconds: float) -> None:
        """Nothing waits on it."""

    def monotonic_s(self) -> float:
        """Stands still."""
        return 0.0


class Channel:
    """An alert channel that takes every word, or none."""

    def __init__(self, *, is_dead: bool) -> None:
        self.name, self._is_dead = "self-test", is_dead

    def probe(self) -> None:
        """Raises TryLater when dead."""
        if self._is_dead:
            raise TryLater(f"channel {self.name} does not answer")


def known_events(scene: Scene) -> Context:
    """A sound context whose table of events reaches far enough."""
    context = scene.context()
    tables = context.settings.events
    known = tuple(replace(row, last=max(row.last, context.furthest_expiry)) for row in tables.known)
    return scene.replaced(context, events=replace(tables, known=known))


def with_channel(scene: Scene, *, is_dead: bool) -> Context:
    """A sound context with one alert channel."""
    return replace(scene.context(), alert_channels=(Channel(is_dead=is_dead),))


def _unknown_key(scene: Scene) -> Context:
    return _edited(scene, "config/volguard.toml", "[account]\n", "[account]\nnonsense = 1\n")


def _missing_limits(scene: Scene) -> Context:
    folder = scene.folder()
    (folder / "config/limits.toml").unlink()
    return scene.context(folder)


def _ended_events(scene: Scene) -> Context:
    context = scene.context()
    tables = context.settings.events
    yesterday = scene.day - ONE_DAY
    known = tuple(replace(row, last=yesterday) for row in tables.known)
    event = tuple(row for row in tables.event if row.day <= yesterday)
    return scene.replaced(context, events=replace(tables, known=known, event=event))


def _table_ends(scene: Scene, table: str, days: int) -> Context:
    context = scene.context()
    tables = getattr(context.settings, table)
    until = scene.day + timedelta(days=days)
    return scene.replaced(context, **{table: replace(tables, checked_until=until)})


def _no_secrets(scene: Scene) -> Context:
    folder = scene.folder()
    (folder / ".env").unlink()
    return scene.context(folder)


def _open_file(scene: Scene, pattern: str) -> Context:
    folder = scene.folder()
    next(folder.glob(pattern)).chmod(0o644)
    return scene.context(folder)


def _open_folder(scene: Scene) -> Context:
    folder = scene.folder()
    (folder / "data").chmod(0o777)
    return scene.context(folder)


def _no_token(scene: Scene) -> Context:
    folder = scene.folder()
    next(folder.glob("data/.token-*")).unlink()
    return scene.context(folder)


def _night_token(scene: Scene) -> Context:
    # Made at two in the morning, it dies at half past three.
    at = datetime.combine(scene.day, time(2), tzinfo=IST)
    folder = scene.folder()
    scene.write_token(folder, scene.stand_in(at=at).stored_token(scene.settings))
    return scene.context(folder, at=at)


def _no_master(scene: Scene) -> Context:
    folder = scene.folder()
    instrument_path(folder / "data", scene.day).unlink()
    return scene.context(folder)


def _old_master(scene: Scene) -> Context:
    folder = scene.folder()
    today = instrument_path(folder / "data", scene.day)
    today.rename(instrument_path(folder / "data", scene.earlier_days(1)[0]))
    return scene.context(folder)


def _other_lots(scene: Scene) -> Context:
    folder = scene.folder()
    path = instrument_path(folder / "data", scene.day)
    lot = scene.lot_size()
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b'"lot_size":%d' % lot, b'"lot_size":%d' % (lot + 10))))
    return scene.context(folder)


def _short_history(scene: Scene, *, keep: slice) -> Context:
    folder = scene.folder()
    for path in (folder / scene.settings.history.folder).glob("*.csv"):
        head, *lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join((head, *lines[keep])))
    return scene.context(folder)


def _journal_is_file(scene: Scene) -> Context:
    folder = scene.folder()
    (folder / "journal").rename(folder / "journal-before")
    (folder / "journal").write_text("a file where a folder should be\n")
    return scene.context(folder)


def _free(scene: Scene, size: int) -> Context:
    return replace(scene.context(), free_bytes=lambda _folder: size)


def _altered_journal(scene: Scene) -> Context:
    folder = scene.folder()
    alter_row(newest_journal(folder / "journal"))
    return scene.context(folder)


def _cut_journal(scene: Scene) -> Context:
    folder = scene.folder()
    with closing(sqlite3.connect(newest_journal(folder / "journal"))) as connection, connection:
        connection.execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    return scene.context(folder)


def _killed(scene: Scene) -> Context:
    folder = scene.folder()
    (folder / "data/KILL_SWITCH").touch()
    return scene.context(folder)


def _locked(scene: Scene) -> Context:
    folder = scene.folder()
    scene.undo.callback(JournalLock.take(newest_journal(folder / "journal")).release)
    return scene.context(folder)


def alter_row(path: Path) -> None:
    """Change one letter of one row, behind the journal's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET body = replace(body, 'ts', 'tz') WHERE seq = 2")


def _edited(scene: Scene, file: str, old: str, new: str) -> Context:
    folder = scene.folder()
    path = folder / file
    path.write_text(path.read_text().replace(old, new, 1))
    return scene.context(folder)


WARN: Final = Verdict.WARN
OFFLINE_CASES: Final = (
    case("configuration", "an unknown key in volguard.toml", _unknown_key),
    case("configuration", "limits.toml is missing", _missing_limits),
    case(
        "limits",
        "margin may use more than after a move of 3 %",
        lambda s: s.context(None, "limits.margin_used_share_max=0.95"),
    ),
    case("calendar", "a day after the calendar's end", lambda s: s.context(at=s.at + YEAR)),
    case("calendar", "an expiry after the calendar's end", lambda s: s.context(at=s.year_end()), WARN),
    case("contracts", "contracts.toml ends before the day", lambda s: _table_ends(s, "contracts", -1)),
    case("contracts", "contracts.toml ends in three days", lambda s: _table_ends(s, "contracts", 3)),
    case("charges", "charges.toml ends before the day", lambda s: _table_ends(s, "charges", -1)),
    case("charges", "charges.toml ends in three days", lambda s: _table_ends(s, "charges", 3), WARN),
    case("margin_table", "margin.toml ends before the day", lambda s: _table_ends(s, "margin", -1)),
    case("margin_table", "margin.toml ends in three days", lambda s: _table_ends(s, "margin", 3), WARN),
    case("events", "the lists of events end the day before", _ended_events, WARN),
    case("secrets", "no key in environment and .env", _no_secrets),
    case("secret_files", "mode of .env is 0644", lambda s: _open_file(s, ".env")),
    case("secret_files", "mode of the token file is 0644", lambda s: _open_file(s, "data/.token-*")),
    case("secret_files", "everybody may write into data/", _open_folder),
    case("token", "no token is stored", _no_token),
    case("token", "the token is of the day before", lambda s: s.context(at=s.at + ONE_DAY)),
    case("token", "mode of the token file is 0644", lambda s: _open_file(s, "data/.token-*")),
    case("token", "the token dies before the close", _night_token),
    case("instruments", "no instrument master", _no_master),
    case("instruments", "the instrument master is of the session before", _old_master, WARN),
    case("instruments", "the instrument master has other lots", _other_lots),
    case("time_zone", "the clock speaks UTC", lambda s: replace(s.context(), clock=UtcClock(s.at))),
    case("history", "the last session is missing", lambda s: _short_history(s, keep=slice(-1))),
    case("history", "a hundred sessions in all", lambda s: _short_history(s, keep=slice(-100, None))),
    case("journal_folder", "a file where the folder should be", _journal_is_file),
    case("disk", "10 MiB are free", lambda s: _free(s, FEW_BYTES)),
    case("disk", "2 GiB are free", lambda s: _free(s, SOME_BYTES), WARN),
    case("journal_chain", "one letter of one row was changed", _altered_journal),
    case("journal_chain", "the last row was cut off", _cut_journal),
    case("kill_switch", "the file is there", _killed),
    case("lock", "another process holds it", _locked),
    case("alerts", "the channel does not answer", lambda s: with_channel(s, is_dead=True)),
)
