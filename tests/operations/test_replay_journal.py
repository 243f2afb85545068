"""A journal from before a field was added says the same; one that was changed does not."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Day
from volguard.operations.replay_journal import replay_journal


def doctored(day: Day, folder: Path, kind: str, change: Callable[[Any], None]) -> tuple[Path, int]:
    """A copy whose last row of a kind is changed (its chain is not looked at here), and that row's number."""
    path = folder / day.journal.name
    shutil.copy(day.journal, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        seq, text = connection.execute(
            "SELECT seq, body FROM events WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind,)
        ).fetchone()
        body = json.loads(text)
        change(body)
        connection.execute(
            "UPDATE events SET body = ? WHERE seq = ?",
            (json.dumps(body, separators=(",", ":"), ensure_ascii=False), seq),
        )
    return path, seq


def drop(*path: str) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        for name in path[:-1]:
            body = body[name]
        del body[path[-1]]

    return change


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Checkpoint", ("wishes",)),
        ("DecisionMade", ("decision", "breaches")),
        ("DecisionMade", ("decision", "trade_id")),
    ],
)
def test_a_field_that_holds_what_its_absence_means_may_be_missing(
    short_day: Day, tmp_path: Path, kind: str, field: tuple[str, ...]
) -> None:
    """Read as today's version reads it, the row is the one that comes out."""
    path, _ = doctored(short_day, tmp_path, kind, drop(*field))
    assert replay_journal(path).identical


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Checkpoint", drop("asks_margin")),
        ("Checkpoint", lambda body: body.update(snapshots=body["snapshots"] + 1)),
        ("Checkpoint", lambda body: body.update(unheard_of=1)),
        ("DecisionMade", lambda body: body["decision"].update(unheard_of=1)),
        ("DecisionMade", lambda body: body["decision"].update(text="something else")),
        ("DecisionMade", drop("decision", "text")),
    ],
)
def test_what_says_anything_else_is_found(
    short_day: Day, tmp_path: Path, kind: str, change: Callable[[Any], None]
) -> None:
    """A field that holds something, a figure, a word, a field that nobody knows: the row is named."""
    path, seq = doctored(short_day, tmp_path, kind, change)
    found = replay_journal(path)
    assert (found.identical, found.first_difference) == (False, seq)
