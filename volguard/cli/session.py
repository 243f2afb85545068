"""Run a session for the command line: screen, signals, the day's report, the exit code."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volguard.adapters.clock import SystemClock
from volguard.adapters.interrupt import StopRequest
from volguard.adapters.screen_delays import ScreenDelays
from volguard.cli.options import print_json, print_table, root_of, say, settings_of
from volguard.model.decision import Phase
from volguard.model.errors import GateFailed, NotFlat, UsageError, VolguardError
from volguard.model.status import StatusView
from volguard.ports import Screen
from volguard.report.day import build_day
from volguard.report.day_json import document
from volguard.report.gather import gather_day
from volguard.runner import Outcome
from volguard.wiring import Session, SessionRequest, SourceRequest, Surroundings, open_session

if TYPE_CHECKING:
    from volguard.adapters.approval_prompt import ApprovalPrompt
    from volguard.config.loader import Loaded
    from volguard.config.roots import Root
    from volguard.config.settings import Settings

INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of `volguard run`, parsed."""

    phase: str
    is_live: bool
    replay: Path | None
    history: Path | None
    seed: int | None
    trading_date: date | None
    cadence_s: float | None
    scenario: str | None
    speed: float | None
    new_session: bool
    unattended: bool
    report: bool
    overrides: list[str]
    preset: str | None
    as_json: bool
    root: Path | None


def run_session(options: RunOptions) -> int:
    """Run one session to its end and tell how it went; the exit code."""
    root = root_of(options.root)
    loaded = settings_of(root, options.overrides, options.preset)
    _check_asked(options)
    _check_earned(options, loaded, root)
    stop = StopRequest()
    stop.install()
    request = SessionRequest(
        phase=Phase(options.phase),
        source=SourceRequest(
            is_live=options.is_live,
            replay=options.replay,
            history=options.history,
            seed=options.seed,
            trading_date=options.trading_date,
            cadence_s=options.cadence_s,
            scenario=options.scenario,
        ),
        speed=options.speed,
        new_session=options.new_session,
    )
    prompt = _prompt(options, stop)
    delays = ScreenDelays(SystemClock(stop.event).monotonic_s) if prompt is not None else None
    screen = _screen(options, prompt, delays)
    answers = prompt.drain if prompt is not None else None
    around = Surroundings(screen=screen, stop=stop, note=say, answers=answers, delays=delays)
    with closing(screen):  # an error is told on the terminal of before
        session = open_session(request, loaded, root, around)
        try:
            outcome = session.run()
            session.screen.close()
            screen_ms = delays.delays_ms if delays is not None else None
            body = _finish(session, outcome, options, screen_ms)
        finally:
            session.close()
    if options.as_json:
        print_json(body)
    return _exit_code(outcome)


def _check_asked(options: RunOptions) -> None:
    # A phase that asks must have somebody to ask.
    if options.phase != Phase.SEMI_AUTO or options.unattended:
        return
    from volguard.adapters.approval_prompt import terminal_missing

    missing = terminal_missing()
    if missing:
        raise UsageError(
            f"SEMI_AUTO asks in the terminal: {missing}",
            hint="run it in a terminal (tmux, ssh), or with --unattended: proposals expire, exits work",
        )


def _check_earned(options: RunOptions, loaded: Loaded[Settings], root: Root) -> None:
    # On a real account a phase is earned from the journals; a look-alike of the broker asks for nothing.
    if not options.is_live or loaded.settings.upstox.is_rehearsal or options.phase == Phase.SHADOW:
        return
    from volguard.adapters.clock import machine_time
    from volguard.operations.promotion import NotEarned, earned
    from volguard.wiring import rules_of

    answer = earned(Phase(options.phase), loaded, root, rules_of(loaded.settings), machine_time())
    if isinstance(answer, NotEarned):
        raise GateFailed(answer.reason, hint=answer.mend)


def _exit_code(outcome: Outcome) -> int:
    desk = outcome.state.desk
    if desk is not None and desk.failed:
        say("error: a step failed and trading was halted; see volguard journal show --kind StepFailed")
        return VolguardError.exit_code
    if desk is not None and desk.flatten_reason and desk.book.positions:
        held = ", ".join(f"{p.quantity:+d} {p.contract.symbol}" for p in desk.book.positions)
        say(f"error: not flat after {desk.flatten_reason}: {held}")
        return NotFlat.exit_code
    return INTERRUPTED if outcome.end_reason == "interrupted" else 0


def _finish(
    session: Session, outcome: Outcome, options: RunOptions, screen_ms: tuple[float, ...] | None
) -> dict[str, Any]:
    rules = session.engine.rules
    if outcome.end_reason != "interrupted":
        from volguard.adapters.journal_views import build_views

        build_views(session.path)
    inputs = gather_day(session.journal, outcome.state, rules, step_ms=outcome.step_ms, screen_ms=screen_ms)
    report = build_day(inputs)
    body = document(report)
    if options.report:
        from volguard.report.html import write_report

        for path in write_report(report, session.path.parent):
            say(f"wrote {path}")
    if not options.as_json:
        from volguard.report.tables import session_summary

        print_table(session_summary(body))
    return body


def _prompt(options: RunOptions, stop: StopRequest) -> ApprovalPrompt | None:
    if options.phase != Phase.SEMI_AUTO or options.unattended:
        return None
    from volguard.adapters.approval_prompt import ApprovalPrompt

    prompt = ApprovalPrompt(SystemClock(stop.event).monotonic_s)
    stop.before_ending(prompt.leave)
    return prompt


def _screen(options: RunOptions, prompt: ApprovalPrompt | None, delays: ScreenDelays | None) -> Screen:
    from volguard.adapters.terminal import LiveScreen, PlainLines, ProgressScreen

    if prompt is not None:
        from rich.console import Console

        return LiveScreen(Console(stderr=True), prompt, delays.drawn if delays is not None else None)
    if options.as_json and not sys.stderr.isatty():
        return _NoScreen()
    if not sys.stderr.isatty():
        return PlainLines(sys.stderr)
    if options.speed is None and not options.is_live:
        return ProgressScreen()
    from rich.console import Console

    return LiveScreen(Console(stderr=True))


class _NoScreen:
    frame_interval_s = 0.5  # `volguard status` still asks

    def show(self, status: StatusView) -> None:
        pass

    def close(self) -> None:
        pass
