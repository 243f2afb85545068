"""Bodies of the Screen port: a live screen, plain log lines, a progress bar; all leave the terminal tidy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from volguard.adapters.approval_card import Room, card_screen, fits, notice_line, proposal_line
from volguard.adapters.figure_text import amount_text
from volguard.adapters.terminal_frame import frame
from volguard.model.status import StatusView

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from volguard.adapters.approval_prompt import ApprovalPrompt

REFRESHES_PER_SECOND: Final = 4.0
_CLOCK: Final = re.compile(r"^\d\d:\d\d:\d\d ")
_BUCKET: Final = re.compile(r"\b(WEEKLY|MONTHLY|INTRADAY)\b")


class LiveScreen:
    """The full screen, redrawn a few times a second from the newest status; gone again after `close`.

    A proposal that waits stands on top, with the prompt's line of input where somebody is asked; `drawn`
    hears of each frame that shows one.
    """

    frame_interval_s = 0.25

    def __init__(
        self,
        console: Console | None = None,
        prompt: ApprovalPrompt | None = None,
        drawn: Callable[[str], None] | None = None,
    ) -> None:
        from rich.console import Console

        from volguard.adapters.noted_live import NotedLive

        self._console = console or Console()
        self._view: StatusView | None = None
        self._prompt = prompt
        self._drawn = drawn
        self._shown: str | None = None  # the proposal in the newest frame
        self._live = NotedLive(
            self._frame, self._written, console=self._console, per_second=REFRESHES_PER_SECOND
        )
        self._live.start()
        if prompt is not None:
            prompt.on_change(self._live.refresh)

    def show(self, status: StatusView) -> None:
        """Keep the newest status, drawn at the screen's own pace; a new proposal is drawn at once."""
        before, self._view = self._view, status
        if self._prompt is not None:
            self._prompt.show(status)
        if before is None or _first_proposal(status) not in (None, _first_proposal(before)):
            self._live.refresh()

    def close(self) -> None:
        """Stop asking and drawing, give the terminal back as it was; harmless when called twice."""
        if self._prompt is not None:
            self._prompt.close()
        self._live.stop()

    def _written(self) -> None:
        if self._drawn is not None and self._shown is not None:
            self._drawn(self._shown)

    def _frame(self) -> RenderableType:
        if self._view is None:
            return "waiting for the market"
        return self._framed(self._view)

    def _framed(self, status: StatusView) -> RenderableType:
        from rich.console import Group

        width, height = self._console.size
        room, card = Room(width=width, height=height), next(iter(status.proposals), None)
        below = frame(status, width=width)
        self._shown = None if card is None else card.proposal_id
        if self._prompt is not None:
            self._prompt.drawn(card if card is not None and fits(card, room) else None)
        view = self._prompt.view if self._prompt is not None else None
        if card is None:
            return Group(notice_line(view), below) if view is not None and view.notice else below
        above = card_screen(
            card,
            now=status.ts,
            room=room,
            pending=len(status.proposals),
            alert=next(iter(status.alerts), ""),
            prompt=view,
        )
        return Group(above, below)


class PlainLines:
    """A log for pipes and files: decisions whose reason changed, proposals, alerts, changes of state.

    A decision repeated with the same bucket and reason is counted and told once, when it changes.
    """

    frame_interval_s = 0.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: StatusView | None = None
        self._stretches: dict[str, tuple[str, int]] = {}  # bucket -> what it says, how often said again
        self._alerts: tuple[str, ...] = ()

    def show(self, status: StatusView) -> None:
        """Print what is new since the last status."""
        self._tell_state(status)
        for alert in reversed(new_alerts(self._alerts, status.alerts)):
            self._print(f"{status.ts:%H:%M:%S} ALERT {alert}")
        self._tell_proposals(status)
        for line in status.new_decisions:
            self._tell_decision(line)
        self._last, self._alerts = status, status.alerts

    def close(self) -> None:
        """Print the counts still held back; the stream stays open."""
        for bucket in list(self._stretches):
            self._end_stretch(bucket)

    def _tell_state(self, status: StatusView) -> None:
        now = _state_words(status)
        if self._last is None:
            self._print(f"{status.ts:%H:%M:%S} session {status.session_id} {status.source}: {now}")
        elif now != _state_words(self._last):
            self._print(f"{status.ts:%H:%M:%S} state {_state_words(self._last)} -> {now}")

    def _tell_proposals(self, status: StatusView) -> None:
        before = self._last.proposals if self._last is not None else ()
        known, now = ({card.proposal_id for card in cards} for cards in (before, status.proposals))
        for name in sorted(known - now):
            self._print(f"{status.ts:%H:%M:%S} PROPOSAL {name} waits no more")
        for card in status.proposals:
            if card.proposal_id not in known:
                self._print(f"{status.ts:%H:%M:%S} PROPOSAL {proposal_line(card)}")

    def _tell_decision(self, line: str) -> None:
        said, bucket = decision_head(line), bucket_of(line)
        before, repeats = self._stretches.get(bucket, ("", 0))
        if before == said:
            self._stretches[bucket] = (said, repeats + 1)
            return
        self._end_stretch(bucket)
        self._stretches[bucket] = (said, 0)
        self._print(line)

    def _end_stretch(self, bucket: str) -> None:
        said, repeats = self._stretches.pop(bucket, ("", 0))
        if repeats:
            self._print(f"         {said}: said {repeats} more time{'s' if repeats > 1 else ''}")

    def _print(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class ProgressScreen:
    """One progress bar for a session at full speed, with alerts above it."""

    frame_interval_s = 0.1

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._alerts: tuple[str, ...] = ()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            refresh_per_second=REFRESHES_PER_SECOND,
            expand=True,
        )
        self._task = self._progress.add_task("starting", total=None, figures="")
        self._progress.start()

    def show(self, status: StatusView) -> None:
        """Move the bar; without a known share of the session it only pulses."""
        figures = (
            f"{status.snapshots} snapshots, {status.decisions} decisions, "
            f"P&L {amount_text(status.pnl_net_inr, is_signed=True)}"
        )
        done = status.progress
        self._progress.update(
            self._task,
            description=f"{status.ts:%H:%M} {status.trading_state}",
            total=None if done is None else 1.0,
            completed=done or 0.0,
            figures=figures,
        )
        for alert in reversed(new_alerts(self._alerts, status.alerts)):
            self._progress.console.print(f"{status.ts:%H:%M:%S} {alert}", markup=False, highlight=False)
        self._alerts = status.alerts

    def close(self) -> None:
        """Leave the bar's last line standing and give the cursor back."""
        self._progress.stop()


def _first_proposal(status: StatusView) -> str | None:
    return next((card.proposal_id for card in status.proposals), None)


def new_alerts(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    """Alerts of `now` (newest first) that `before` did not have, also where old ones fell off the end."""
    for fresh in range(len(now) + 1):
        kept = now[fresh:]
        if kept == before[: len(kept)]:
            return now[:fresh]
    return now


def decision_head(line: str) -> str:
    """What a decision line says without its time and figures: "WAIT WEEKLY no_edge"."""
    return _CLOCK.sub("", line).partition(": ")[0]


def bucket_of(line: str) -> str:
    """The bucket that a decision line speaks for, empty when for none."""
    found = _BUCKET.search(decision_head(line))
    return found.group(1) if found else ""


def _state_words(status: StatusView) -> str:
    return f"{status.phase} as {status.effective_phase}, {status.trading_state}, safety {status.safety_level}"
