"""Checks of what lets a session in, without the network: key, secret, their files, token, master, clock."""

from __future__ import annotations

import re
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from volguard.adapters.private_file import privacy_problem
from volguard.adapters.upstox.credentials import KEY_VARIABLE, SECRET_VARIABLE, read_credentials
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.times import ms_of, parse_time
from volguard.adapters.upstox.token_store import StoredToken, TokenFile, TokenKind
from volguard.model.errors import TokenError
from volguard.model.units import IST
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
from volguard.wiring import data_folder_of

ENV_FILE: Final = ".env"
DATA: Final = "data"
TOKEN_FILES: Final = ".token-*"
WRITABLE_BY_OTHERS: Final = 0o002
MASTER_FOLDER: Final = "instruments"
MASTER_NAME: Final = re.compile(r"NSE-(\d{4}-\d\d-\d\d)\.json\.gz")
DIFFERENCES_SHOWN: Final = 5
IST_OFFSET: Final = timedelta(hours=5, minutes=30)
# One moment in the three forms that the broker writes it in.
KNOWN_MOMENT: Final = datetime(2023, 10, 19, 7, 55, 13, tzinfo=UTC)
KNOWN_FORMS: Final = ("2023-10-19 13:25:13", "19-Oct-2023 13:25:13", "2023-10-19T13:25:13+05:30")


def look_at_secrets(context: Context) -> Finding:
    """API key and secret are to be found; they are never shown."""
    env_file = context.root.resolve(ENV_FILE)
    if context.settings.upstox.is_rehearsal:
        address = Evidence(name="address", seen=context.settings.upstox.base_url)
        return skipped("a look-alike takes a key that is nobody's", address)
    read_credentials(context.environ, env_file)
    where = [
        f"{name} from {'the environment' if context.environ.get(name) else env_file}"
        for name in (KEY_VARIABLE, SECRET_VARIABLE)
    ]
    return passed("key and secret are there", Evidence(name="found", seen=", ".join(where)))


def look_at_secret_files(context: Context) -> Finding:
    """Files that hold secrets are their owner's alone, and nobody else can put others in their place."""
    data = context.root.resolve(DATA)
    files = [context.root.resolve(ENV_FILE), *(sorted(data.glob(TOKEN_FILES)) if data.is_dir() else ())]
    present = [path for path in files if path.exists()]
    evidence = tuple(
        Evidence(name=str(path), seen=_mode_text(path), limit="0600 or tighter") for path in present
    )
    problems = [problem for path in present if (problem := privacy_problem(path)) is not None]
    if problems:
        mend = "; ".join(problem.hint for problem in problems if problem.hint)
        return failed("; ".join(p.message for p in problems), *evidence, mend=f"{mend}; then volguard token")
    folders = [folder for folder in (context.root.path, data) if folder.is_dir()]
    loose = [folder for folder in folders if folder.stat().st_mode & WRITABLE_BY_OTHERS]
    if loose:
        return failed(
            f"others may replace files in {', '.join(str(folder) for folder in loose)}",
            *evidence,
            *(Evidence(name=str(one), seen=_mode_text(one), limit="not writable by others") for one in loose),
            mend=f"chmod o-w {' '.join(str(folder) for folder in loose)}",
        )
    return passed(f"{len(present)} files with secrets, none open to others", *evidence)


def look_at_token(context: Context) -> Finding:
    """A token is stored, lives, and outlasts the session."""
    mend = context.command("token")
    try:
        stored = _token_file(context).load(context.at)
    except TokenError as error:
        return failed(error.message, mend=error.hint.replace("volguard token", mend))
    session = context.rules.calendar.session(context.session_day)
    close = session.windows[-1][1] if session is not None else context.at
    left_h = stored.left_s(context.at) / 3600.0
    evidence = (
        Evidence(name="logged in", seen=_who(stored)),
        Evidence(name="dies", seen=f"{stored.expires_at:%d %b %Y %H:%M} IST, in {left_h:.1f} hours"),
        Evidence(name="session's close", seen=f"{close:%d %b %Y %H:%M} IST"),
    )
    if stored.kind is TokenKind.LONG_LIVED:
        return warned("this token only reads: the broker refuses its orders", *evidence, mend=mend)
    if stored.expires_at < close and close.date() == context.today:
        return failed(
            f"the token dies at {stored.expires_at:%H:%M}, before the close at {close:%H:%M}",
            *evidence,
            mend=f"{mend} after 03:30 IST",
        )
    if stored.expires_at < close:
        return warned(
            f"the token dies before the next session, {close:%d %b}",
            *evidence,
            mend=f"{mend} on the morning of {close:%d %b}",
        )
    return passed(f"lives for {left_h:.1f} hours, past the close", *evidence)


def look_at_instruments(context: Context) -> Finding:
    """The instrument master is of the day and lists what our own tables say."""
    folder = data_folder_of(context.settings, context.root) / MASTER_FOLDER
    mend = context.command("data instruments")
    newest = newest_master(folder)
    if newest is None:
        return failed(f"no instrument master in {folder}", mend=mend)
    day, path = newest
    calendar = context.rules.calendar
    wanted = (
        context.today
        if calendar.is_trading_day(context.today)
        else calendar.previous_trading_day(context.today)
    )
    master = InstrumentMaster.of(path.read_bytes(), underlying=context.underlying, source=str(path))
    differences = master.differences(context.rules.contracts, context.session_day)
    evidence = (
        Evidence(name="file", seen=str(path)),
        Evidence(name="of", seen=day.isoformat(), limit=f"{wanted} or later"),
        Evidence(name="options", seen=f"{len(master.options)} over {len(master.expiries)} expiries"),
        Evidence(name="differences from config/contracts.toml", seen=str(len(differences)), limit="0"),
        *(Evidence(name="difference", seen=text) for text in differences[:DIFFERENCES_SHOWN]),
    )
    if differences:
        return failed(
            f"{len(differences)} differences from our tables, the first: {differences[0]}",
            *evidence,
            mend="look the contract up at the exchange and mend config/contracts.toml",
        )
    if day < wanted:
        reason = f"the instrument master is of {day}, wanted is {wanted}"
        return (failed if context.live is not None else warned)(reason, *evidence, mend=mend)
    return passed(f"of {day}, {len(master.options)} options, no difference from our tables", *evidence)


def look_at_time_zone(context: Context) -> Finding:
    """The clock speaks IST, and every form of a time that the broker writes is read as the same moment."""
    read_clock = context.clock.now
    now = read_clock()
    offset = now.utcoffset()
    there_and_back = parse_time(ms_of(now)) if offset is not None else None
    drift_s = None if there_and_back is None else abs((there_and_back - now).total_seconds())
    misread = [form for form in KNOWN_FORMS if parse_time(form) != KNOWN_MOMENT]
    evidence = (
        Evidence(name="clock", seen=now.isoformat(timespec="seconds"), limit="+05:30"),
        Evidence(
            name="forms of a time read", seen=f"{len(KNOWN_FORMS) - len(misread)} of {len(KNOWN_FORMS)}"
        ),
        Evidence(
            name="lost on the way to the broker's form and back",
            seen="not measured" if drift_s is None else f"{1000.0 * drift_s:.3f} ms",
            limit="below 1 ms",
        ),
    )
    mend = "this is a fault of the program or its installation: install it again"
    if offset != IST_OFFSET:
        return failed(f"the clock's zone was {offset}, must be {IST_OFFSET}", *evidence, mend=mend)
    if misread or drift_s is None or drift_s >= 0.001:
        return failed(f"times are misread: {', '.join(misread) or 'epoch'}", *evidence, mend=mend)
    moment = KNOWN_MOMENT.astimezone(IST)
    return passed(f"IST; {moment:%H:%M} is {KNOWN_MOMENT:%H:%M} of UTC in every form", *evidence)


def newest_master(folder: Path) -> tuple[date, Path] | None:
    """The instrument master of the latest date, by its name; None where there is none."""
    found = [
        (date.fromisoformat(match.group(1)), path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := MASTER_NAME.fullmatch(path.name))
    ]
    return max(found, default=None)


def _token_file(context: Context) -> TokenFile:
    settings = context.settings
    return TokenFile(context.root.resolve(DATA), settings.account.name, settings.upstox)


def _who(stored: StoredToken) -> str:
    return stored.user_id if stored.user_name is None else f"{stored.user_id} ({stored.user_name})"


def _mode_text(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


ACCESS_CHECKS: Final = (
    Check(id="secrets", title="API key and secret", look=look_at_secrets),
    Check(id="secret_files", title="files with secrets", look=look_at_secret_files, needs_settings=False),
    Check(id="token", title="access token", look=look_at_token),
    Check(id="instruments", title="instrument master", look=look_at_instruments),
    Check(id="time_zone", title="time zone", look=look_at_time_zone, needs_settings=False),
)
