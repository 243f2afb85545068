"""`volguard flatten`: close everything now, and leave only when the broker's positions read zero twice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.cli.options import (
    BaseUrlOption,
    JsonOption,
    RootOption,
    SetOption,
    print_json,
    print_table,
    root_of,
    say,
    settings_of,
    with_base_url,
)
from volguard.model.errors import NotFlat, TokenError, TryLater, UsageError

if TYPE_CHECKING:
    from volguard.adapters.interrupt import StopRequest
    from volguard.operations.flatten import Flattened, Looked
    from volguard.operations.flatten_desk import FlattenDesk

INTERRUPTED = 130

PlanOption = Annotated[
    bool, typer.Option("--plan", "--dry-run", help="Show orders, prices, cost and time; send nothing.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
LockOption = Annotated[
    bool,
    typer.Option(
        "--lock-broker",
        help="Once zero is proven set the broker's own kill switch: it ends the token, for 12 hours.",
    ),
]
DeadlineOption = Annotated[
    float | None,
    typer.Option(
        "--deadline-s",
        min=1.0,
        help="Seconds to be flat in; then exit 8.",
        show_default="flatten.deadline_s of the settings",
    ),
]


def flatten(
    plan: PlanOption = False,
    yes: YesOption = False,
    lock_broker: LockOption = False,
    deadline_s: DeadlineOption = None,
    base_url: BaseUrlOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Close every position of the account and of running paper sessions, shorts first.

    Puts the kill switch on, also where nothing is held, has a running session step aside, and leaves only
    when the broker's positions read zero twice, or with exit 8 naming what remains. Without a login: kill
    switch, sessions are told to flatten, exit 4. Example: volguard flatten --plan
    """
    from volguard.adapters.interrupt import StopRequest
    from volguard.operations.flatten_desk import alone, flatten_desk

    where = root_of(root)
    settings = settings_of(where, with_base_url(overrides, base_url), None).settings
    stop = StopRequest()
    with flatten_desk(settings, where, stop.event, say) as desk:
        if not plan:
            with alone(desk, say):
                pass  # a second one is refused at once; the lock itself is held for the run alone
        desk, looked = _look(desk)
        if plan:
            _show_plan(desk, looked, as_json=as_json)
            return
        code = _go(desk, looked, stop, _Choice(yes, lock_broker, as_json, deadline_s))
    raise typer.Exit(code)


class _Choice:
    def __init__(self, yes: bool, lock_broker: bool, as_json: bool, deadline_s: float | None) -> None:
        self.yes, self.lock_broker, self.as_json, self.deadline_s = yes, lock_broker, as_json, deadline_s


def _look(desk: FlattenDesk) -> tuple[FlattenDesk, Looked | None]:
    from dataclasses import replace

    from volguard.operations.flatten import look_at

    if desk.edge is None:
        return desk, None
    try:
        return desk, look_at(desk, desk.edge)
    except TokenError as error:
        return replace(desk, edge=None, no_login=error), None


def _show_plan(desk: FlattenDesk, looked: Looked | None, *, as_json: bool) -> None:
    from volguard.operations.flatten_document import plan_document
    from volguard.report.flatten_tables import plan_table

    document = plan_document(desk, looked)
    if as_json:
        print_json(document)
    else:
        print_table(plan_table(document))
    if desk.no_login is not None:
        raise desk.no_login
    if looked is not None and looked.plan is None:
        raise TryLater("the broker's books cannot be read: there is no plan", hint="try again")


def _go(desk: FlattenDesk, looked: Looked | None, stop: StopRequest, choice: _Choice) -> int:
    from volguard.adapters.control import send_word
    from volguard.operations.flatten import FlattenCall, flatten, require_open

    if desk.edge is not None and (looked is None or not looked.is_zero):
        require_open(desk, desk.edge)
    _ask(desk, looked, choice)
    stop.install()
    call = FlattenCall(
        deadline_s=choice.deadline_s or desk.settings.flatten.deadline_s,
        say=say,
        stopped=stop.is_set,
        send_word=send_word,
    )
    return _finish(desk, looked, flatten(desk, call), stop, choice)


def _ask(desk: FlattenDesk, looked: Looked | None, choice: _Choice) -> None:
    from volguard.operations.flatten_document import plan_document
    from volguard.report.flatten_tables import plan_table

    if choice.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "flatten closes everything and there is no terminal to ask at",
            hint="add --yes if that is meant, or look first with --plan",
        )
    if choice.as_json:
        raise UsageError("flatten --json does not ask", hint="add --yes, or look first with --plan --json")
    print_table(plan_table(plan_document(desk, looked)))
    typer.confirm(_question(desk, looked), abort=True, err=True)


def _question(desk: FlattenDesk, looked: Looked | None) -> str:
    if desk.edge is None:
        return "Put the kill switch on, and have the sessions that run flatten?"
    if looked is not None and looked.is_zero and all(one.is_flat for one in desk.papers):
        return "Nothing is held. Put the kill switch on, and have a running session step aside?"
    return "Close everything now?"


def _finish(
    desk: FlattenDesk, looked: Looked | None, done: Flattened, stop: StopRequest, choice: _Choice
) -> int:
    from volguard.operations.flatten import no_login_error, not_flat_words
    from volguard.operations.flatten_document import flat_document
    from volguard.operations.flatten_loop import FlattenState

    if done.is_flat and choice.lock_broker:
        done = _lock(desk, done, choice)
    _show_outcome(flat_document(desk, looked, done), as_json=choice.as_json)
    if done.is_flat:
        return 0
    if stop.is_set():
        say(f"stopped: {not_flat_words(done)}")
        return INTERRUPTED
    if done.broker is None:
        raise no_login_error(desk, done)
    at_broker = "close it in the broker's own app, or run volguard flatten again; look at open orders there"
    on_paper = "run volguard flatten again, or end the session"
    is_on_paper = done.broker.state is FlattenState.FLAT
    raise NotFlat(not_flat_words(done), hint=on_paper if is_on_paper else at_broker)


def _lock(desk: FlattenDesk, done: Flattened, choice: _Choice) -> Flattened:
    from dataclasses import replace

    from volguard.operations.flatten import LOCK_WARNING, lock_broker

    edge = desk.edge
    if edge is None:
        return done  # nothing is proven without a login
    if not choice.yes:
        if not sys.stdin.isatty():
            raise UsageError("--lock-broker asks, and there is no terminal", hint="add --yes")
        say(f"flat. {LOCK_WARNING}.")
        if not typer.confirm("Lock the account at the broker?", err=True):
            return done
    return replace(done, broker_lock=lock_broker(edge, say))


def _show_outcome(document: dict[str, Any], *, as_json: bool) -> None:
    from volguard.report.flatten_tables import outcome_table

    if as_json:
        print_json(document)
    else:
        print_table(outcome_table(document))
