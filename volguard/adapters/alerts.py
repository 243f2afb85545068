"""Calling the operator: the terminal's bell and a line on it, and a command of the operator's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BELL: Final = "\a"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """`command`: what is run to page somebody, word by word, the text on its stdin; () for none."""

    command: tuple[str, ...]
    timeout_s: float  # it is ended after so long

    def __post_init__(self) -> None:
        if self.timeout_s <= 0.0:
            raise ValueError(f"timeout_s was {self.timeout_s}, must be above 0")
        if self.command and not self.command[0].strip():
            raise ValueError("command had an empty first word, must name a program")


class Pager:
    """Tells the operator what cannot wait. A page that fails is said and stops nothing."""

    def __init__(self, settings: AlertSettings, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings, say

    def page(self, text: str) -> str:
        """Ring, say, run the command; why the command failed, empty when it did not or there is none."""
        self._say(f"{BELL}ALERT: {text}")
        failure = run_command(self._settings, text) if self._settings.command else ""
        if failure:
            self._say(f"the alert command failed: {failure}")
        return failure


def run_command(
    settings: AlertSettings, text: str, started: Callable[[subprocess.Popen[bytes]], None] | None = None
) -> str:
    """Run the command with the text on its stdin, apart from the terminal; why it failed, else empty.

    `started` is given the process, for whoever may have to end it.
    """
    program = settings.command[0]
    try:
        with subprocess.Popen(
            settings.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as child:
            if started is not None:
                started(child)
            try:
                child.communicate(f"{text}\n".encode(), timeout=settings.timeout_s)
            except subprocess.TimeoutExpired:
                child.kill()
                return f"{program} took longer than {settings.timeout_s:g} s"
    except (OSError, ValueError) as error:
        return f"{program} could not be run: {error}"
    return f"{program} ended with {child.returncode}" if child.returncode else ""
