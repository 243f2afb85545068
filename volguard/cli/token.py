"""`volguard token`: the morning ritual, and what is done with the token afterwards."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from volguard.cli.options import (
    BaseUrlOption,
    JsonOption,
    RootOption,
    SetOption,
    browse,
    print_json,
    root_of,
    say,
    settings_of,
    with_base_url,
)
from volguard.model.errors import TokenError, UsageError

if TYPE_CHECKING:
    from volguard.adapters.upstox.credentials import ApiCredentials
    from volguard.adapters.upstox.token_store import StoredToken
    from volguard.config.roots import Root
    from volguard.operations.token import LoggedIn, TokenDesk
    from volguard.operations.token_login import Requested

SCHEMA: Final = "volguard.token/1"
STDIN: Final = "-"
STDIN_CHARS_MAX: Final = 65_536
EXPORTED_NAME: Final = "VOLGUARD_UPSTOX_TOKEN"
ONE_THING: Final = (
    "one of --status, --print-env, --logout, or one of --open, --code -, --token -, --request; "
    "--push may stand alone or with a way to log in"
)

OpenOption = Annotated[
    bool, typer.Option("--open", help="Open the login address in a browser, not only print it.")
]
CodeOption = Annotated[
    str | None,
    typer.Option("--code", help="`-`: read the code, or the whole redirect address, from stdin."),
]
GivenOption = Annotated[
    str | None,
    typer.Option("--token", help="`-`: read a token made elsewhere, or a posted notice, from stdin."),
]
RequestOption = Annotated[
    bool, typer.Option("--request", help="Have the token approved in the Upstox app, without a browser.")
]
StatusOption = Annotated[
    bool, typer.Option("--status", help="Show the stored token. Exit 4 when it is missing or expired.")
]
PushOption = Annotated[
    bool,
    typer.Option("--push", help="Hand the stored token, or the one of this login, to the running session."),
]
PrintEnvOption = Annotated[
    bool, typer.Option("--print-env", help=f"Print the token as `export {EXPORTED_NAME}=...`.")
]
LogoutOption = Annotated[
    bool, typer.Option("--logout", help="End the token at the broker and take its file away.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=1.0, help="Seconds to wait for the login.")]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Although it shows the token, or takes it from a session.")
]
SessionOption = Annotated[
    Path | None,
    typer.Option("--journal", help="Push to the session of this journal; else to all that listen."),
]


class Way(StrEnum):
    """How a token comes."""

    BROWSER = "browser"
    CODE = "code"
    GIVEN = "given"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the command."""

    desk: TokenDesk
    root: Root
    as_json: bool
    yes: bool

    def credentials(self) -> ApiCredentials:
        """Key and secret of the app; a rehearsal's own in a rehearsal."""
        from volguard.adapters.upstox.credentials import read_credentials
        from volguard.adapters.upstox.rehearsal import rehearsal_credentials

        if self.desk.settings.is_rehearsal:
            return rehearsal_credentials()
        return read_credentials(os.environ, self.root.resolve(".env"))


def token(
    open_browser: OpenOption = False,
    code: CodeOption = None,
    given: GivenOption = None,
    request: RequestOption = False,
    status: StatusOption = False,
    push: PushOption = False,
    print_env: PrintEnvOption = False,
    logout: LogoutOption = False,
    timeout: TimeoutOption = 300.0,
    yes: YesOption = False,
    base_url: BaseUrlOption = None,
    journal: SessionOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Log in at the broker and store the access token, which dies at 03:30 IST.

    Key and secret: VOLGUARD_UPSTOX_API_KEY and VOLGUARD_UPSTOX_API_SECRET in the environment, or in a .env
    of mode 0600 under the root. Example: volguard token --open --push
    """
    errands = [
        do for do, wanted in ((_status, status), (_print_env, print_env), (_log_out, logout)) if wanted
    ]
    ways = _ways(open_browser=open_browser, code=code, given=given, request=request)
    if len(errands) + (push or bool(ways)) > 1 or len(ways) > 1:
        raise UsageError("more than one thing was asked for", hint=ONE_THING)
    call = _call(root, with_base_url(overrides, base_url), as_json=as_json, yes=yes)
    if errands:
        errands[0](call)
        return
    document: dict[str, Any] = {}
    if ways or not push:
        document |= _log_in(call, ways[0] if ways else Way.BROWSER, timeout, open_browser=open_browser)
    if push and document.get("state") != "requested":
        document |= _push(call, journal)
    if as_json:
        print_json({"schema": SCHEMA, **document})


def _ways(*, open_browser: bool, code: str | None, given: str | None, request: bool) -> list[Way]:
    for name, value in (("--code", code), ("--token", given)):
        if value not in (None, STDIN):
            raise UsageError(
                f"{name} takes only - for stdin: every user of the machine can see what a command line holds",
                hint=f"volguard token {name} -",
            )
    chosen = {
        Way.BROWSER: open_browser,
        Way.CODE: code is not None,
        Way.GIVEN: given is not None,
        Way.PHONE: request,
    }
    return [way for way, is_chosen in chosen.items() if is_chosen]


def _call(root: Path | None, overrides: list[str], *, as_json: bool, yes: bool) -> Call:
    from volguard.operations.token import open_desk

    where = root_of(root)
    settings = settings_of(where, overrides, None).settings
    return Call(desk=open_desk(settings, where, stopping=Event()), root=where, as_json=as_json, yes=yes)


def _log_in(call: Call, way: Way, timeout_s: float, *, open_browser: bool) -> dict[str, Any]:
    from volguard.operations.token_login import Requested

    done = _logged_in(call, way, timeout_s, open_browser=open_browser)
    if isinstance(done, Requested):
        until = None if done.until is None else done.until.isoformat()
        return {"state": "requested", "notifier_host": done.notifier_host, "approve_until": until}
    left_s = done.stored.left_s(call.desk.read_clock())
    if done.doubt:
        say(f"stored, but the broker could not be asked whose it is: {done.doubt}")
    if not call.as_json:
        sys.stdout.write(_words(done.stored, left_s) + f"\nstored in {call.desk.file.path}\n")
    return {**_document(call, done.stored, left_s), "is_confirmed": not done.doubt}


def _logged_in(call: Call, way: Way, timeout_s: float, *, open_browser: bool) -> LoggedIn | Requested:
    from volguard.adapters.clock import SystemClock
    from volguard.adapters.upstox.login_wait import Operator, Patience
    from volguard.operations import token_login

    patience = Patience(timeout_s=timeout_s, monotonic_s=SystemClock(Event()).monotonic_s)
    operator = Operator(say=say, terminal=sys.stdin.fileno() if sys.stdin.isatty() else None)
    if way is Way.GIVEN:
        return token_login.log_in_by_given_token(call.desk, call.credentials, _hidden_line())
    credentials = call.credentials()
    if way is Way.CODE:
        return token_login.log_in_by_text(call.desk, credentials, sys.stdin.readline(STDIN_CHARS_MAX))
    if way is Way.PHONE:
        return token_login.log_in_by_phone(call.desk, credentials, operator, patience)
    return token_login.log_in_by_browser(
        call.desk, credentials, operator, patience, browse=browse if open_browser else None
    )


def _status(call: Call) -> None:
    from volguard.operations.token import status_of

    found = status_of(call.desk)
    if call.as_json:
        shown = {} if found.stored is None else _document(call, found.stored, found.left_s)
        about = {"account": call.desk.account, "file": str(call.desk.file.path), "state": found.state}
        print_json({"schema": SCHEMA, **about, **shown})
    elif found.stored is None:
        say(f"no access token for account {call.desk.account}\nhint: volguard token")
    else:
        sys.stdout.write(_words(found.stored, found.left_s) + "\n")
    if found.left_s <= 0.0:
        raise typer.Exit(TokenError.exit_code)


def _print_env(call: Call) -> None:
    from volguard.operations.token import live_token

    if call.as_json:
        raise UsageError("--print-env prints a line for a shell, not JSON", hint="leave --json out")
    if not (call.yes or sys.stdout.isatty()):
        raise UsageError(
            "--print-env shows the token, and stdout is no terminal", hint="add --yes if that is meant"
        )
    stored = live_token(call.desk)
    sys.stdout.write(f"export {EXPORTED_NAME}={shlex.quote(stored.token.reveal())}\n")


def _log_out(call: Call) -> None:
    from volguard.adapters.control import ask_status, listening
    from volguard.operations.token import log_out

    running = [j for j in listening(call.root.resolve("journal")) if ask_status(j) is not None]
    if running and not call.yes:
        raise UsageError(
            f"the session of {running[0].name} may be using the token", hint="end it first, or add --yes"
        )
    was_known = log_out(call.desk)
    if call.as_json:
        print_json({"schema": SCHEMA, "state": "logged_out", "was_known": was_known})
    else:
        sys.stdout.write(
            "logged out\n" if was_known else "the broker no longer knew the token; file removed\n"
        )


def _push(call: Call, journal: Path | None) -> dict[str, Any]:
    from volguard.adapters.control import listening
    from volguard.operations.token import push

    journals = (journal,) if journal is not None else listening(call.root.resolve("journal"))
    answers = push(call.desk, journals)
    if not call.as_json:
        sys.stdout.writelines(f"{answer.journal.name}: {answer.text}\n" for answer in answers)
    return {
        "pushed": [
            {"journal": str(answer.journal), "is_taken": answer.is_taken, "answer": answer.text}
            for answer in answers
        ]
    }


def _document(call: Call, stored: StoredToken, left_s: float) -> dict[str, Any]:
    return {
        "state": "valid" if left_s > 0.0 else "expired",
        "account": stored.account,
        "user_id": stored.user_id,
        "user_name": stored.user_name,
        "kind": stored.kind,
        "base_url": stored.base_url,
        "is_rehearsal": call.desk.settings.is_rehearsal,
        "issued_at": stored.issued_at.isoformat(),
        "expires_at": stored.expires_at.isoformat(),
        "left_s": round(left_s),
        "file": str(call.desk.file.path),
    }


def _words(stored: StoredToken, left_s: float) -> str:
    who = f"{stored.user_id} ({stored.user_name})" if stored.user_name else stored.user_id
    until = f"{stored.expires_at:%H:%M} IST on {stored.expires_at:%a %d %b %Y}"
    if left_s <= 0.0:
        return f"the token of {who} expired at {until}"
    hours, minutes = divmod(int(left_s // 60), 60)
    reads_alone = ", for reads alone" if stored.kind == "long_lived" else ""
    return f"logged in as {who} until {until}, {hours} h {minutes:02d} min left{reads_alone}"


def _hidden_line() -> str:
    from getpass import getpass

    if sys.stdin.isatty():
        return getpass("access token (not shown): ")
    return sys.stdin.read(STDIN_CHARS_MAX)
