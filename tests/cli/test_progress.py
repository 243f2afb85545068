"""Progress is told on stderr: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import io
import sys

import pytest

from volguard.cli.progress import progress_shown


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_log_gets_lines_with_the_share_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line has what is done, of how much, in words; nothing goes to stdout."""
    with progress_shown("importing", spoken_s=0.0) as tell:
        tell(1, 4, "a.csv")
        tell(0, 0, "nobody knows of how much")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "importing: 25% a.csv\nimporting:  nobody knows of how much\n"


def test_lines_are_not_more_often_than_wished(capsys: pytest.CaptureFixture[str]) -> None:
    """Within the pause between two lines nothing is said."""
    with progress_shown("importing", spoken_s=3600.0) as tell:
        for number in range(100):
            tell(number, 100, "a.csv")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar shows the share and the words as they are, brackets too."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_shown("importing") as tell:
        tell(1, 4, "[a].csv")
    assert "importing" in screen.getvalue()
    assert "25%" in screen.getvalue() and "[a].csv" in screen.getvalue()
