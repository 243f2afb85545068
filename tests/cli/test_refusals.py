"""Bad input is refused before anything happens: exit code, the message's words, a hint where one helps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.cli.command import SHORT_DAY, Day, Done, cut_short, make_root, together, volguard
from tests.cli.tiny_chain import write_chain

USAGE = 2
RUN = ("run", "--phase", "SHADOW", "--speed", "max")
HOLIDAY = date(2025, 8, 27)
TRADED = date(2025, 8, 29)
EXPIRY = date(2025, 9, 2)
READERS = (
    SHORT_DAY,
    ("journal", "verify", "--json"),
    ("journal", "replay", "--json"),
    ("journal", "show", "--json"),
    ("status", "--json"),
    ("why", "WEEKLY", "--json"),
    ("chain", "show", "--json"),
)
BAD_OPTIONS = (
    (("--set", "strategy.require_vpr=false"), "unknown key strategy.require_vpr"),
    (("--set", "require_vrp=false"), "nearest known is strategy.require_vrp"),
    (("--set", "strategy.require_vrp=perhaps"), "strategy.require_vrp"),
    (("--preset", "bold"), "--preset was bold"),
    (("--speed", "fast"), "--speed was fast, must be a number above 0, or max"),
    (("--speed", "0"), "--speed was 0"),
    (("--cadence", "0"), "cadence_s was 0.0, must be above 0"),
    (("--date", "2026-10-02"), "2026-10-02 (Friday) is a holiday"),
    (("--date", "2026-09-19"), "2026-09-19 (Saturday)"),
    (("--date", "2031-01-01"), "calendar has no row on 2031-01-01"),
    (("--scenario", "boom"), "boom"),
    (("--phase", "FULL_AUTO"), "FULL_AUTO"),
    (("--colour", "red"), "--colour"),
    (("--replay", "absent.parquet"), "absent.parquet"),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that no command of this file may write a journal to."""
    return make_root(tmp_path_factory.mktemp("refusals"))


def refused(done: Done, *words: str, code: int = USAGE) -> None:
    """One JSON object on stderr and nothing else, with every word, and the right exit code."""
    assert done.code == code, done.err
    assert (done.out, len(done.err.splitlines())) == ("", 1)
    error = done.error
    assert error.keys() == {"schema", "error", "kind", "hint", "exit_code"}
    assert (error["schema"], error["exit_code"]) == ("volguard.error/1", code)
    for word in words:
        assert word in f"{error['error']} {error['hint']}"


def replayed(root: Path, chain: Path) -> Done:
    return volguard(*RUN, "--replay", str(chain), "--json", root=root)


@pytest.mark.parametrize("file", ["limits.toml", "volguard.toml", "calendar.toml"])
def test_a_missing_config_file_is_named(file: str, fresh_root: Path) -> None:
    """A missing configuration file stops every command and is named; nothing is assumed in its place."""
    (fresh_root / "config" / file).unlink()
    words = (f"config/{file}", "config") if file != "volguard.toml" else ("--root", "config/volguard.toml")
    refused(volguard(*RUN, "--json", root=fresh_root), *words)


def test_an_unknown_key_in_a_file_is_named_with_its_line(fresh_root: Path) -> None:
    """A misspelt setting is an error that names file, line, key and the nearest known one."""
    path = fresh_root / "config" / "limits.toml"
    text = path.read_text()
    line = 1 + text[: text.index("soft_stop_share")].count("\n")
    path.write_text(text.replace("soft_stop_share", "soft_stop_shore", 1))
    refused(volguard(*RUN, "--json", root=fresh_root), f"config/limits.toml:{line}", "limits.soft_stop_shore")


def test_a_limit_of_the_wrong_sign_is_refused(fresh_root: Path) -> None:
    """A negative loss limit is refused, in a file as on the command line, with key and value."""
    path = fresh_root / "config" / "limits.toml"
    text = path.read_text()
    path.write_text(text.replace("hard_stop_share = 0.03", "hard_stop_share = -0.03"))
    words = ("config/limits.toml", "hard_stop_share was -0.03", "must be above 0")
    refused(volguard(*RUN, "--json", root=fresh_root), *words)
    path.write_text(text)
    override = ("--set", "limits.open_risk_share_max=-0.05")
    refused(volguard(*RUN, *override, "--json", root=fresh_root), "open_risk_share_max was -0.05")


@pytest.fixture(scope="module")
def bad_options(root: Path) -> list[Done]:
    """Every bad option, tried."""
    return together(*(((*RUN, *words, "--json"), root) for words, _ in BAD_OPTIONS))


@pytest.mark.parametrize("number", range(len(BAD_OPTIONS)), ids=lambda n: " ".join(BAD_OPTIONS[n][0]))
def test_a_bad_option_is_refused(number: int, bad_options: list[Done], root: Path) -> None:
    """Each bad option is refused with exit 2, naming the option or key and the value seen."""
    refused(bad_options[number], BAD_OPTIONS[number][1])
    assert not (root / "journal").exists()


@pytest.mark.parametrize("option", [("--seed", "3"), ("--scenario", "calm"), ("--cadence", "5")])
def test_simulator_options_do_not_go_with_a_replay(
    root: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    """A replayed file says itself what day it is: simulator options beside it are refused."""
    chain = write_chain(tmp_path / "day.parquet", day=TRADED, expiry=EXPIRY)
    done = volguard(*RUN, "--replay", str(chain), *option, "--json", root=root)
    refused(done, "belong to the simulator", "leave them out with --replay")


def test_a_tiny_file_is_otherwise_accepted(fresh_root: Path, tmp_path: Path) -> None:
    """The files below are refused for their one fault alone: without it a session runs on them."""
    chain = write_chain(tmp_path / "day.parquet", day=TRADED, expiry=EXPIRY)
    done = replayed(fresh_root, chain)
    assert done.code == 0, done.err
    assert done.document["snapshots"] == 3
    assert done.document["orders"] == []


def test_a_replay_of_a_holiday_is_refused(root: Path, tmp_path: Path) -> None:
    """A recording dated on a holiday cannot be one: refused, with date, weekday and where holidays lie."""
    chain = write_chain(tmp_path / "day.parquet", day=HOLIDAY, expiry=EXPIRY)
    refused(replayed(root, chain), "2025-08-27 (Wednesday) is a holiday", "config/calendar.toml")


@pytest.mark.parametrize("column", ["bid", "ts"])
def test_a_file_without_a_column_is_refused(root: Path, tmp_path: Path, column: str) -> None:
    """A chain file that lacks a column is refused, naming file and column, by run and by inspect."""
    chain = write_chain(tmp_path / "day.parquet", day=TRADED, expiry=EXPIRY, without=(column,))
    refused(replayed(root, chain), str(chain), f"column {column}")
    refused(volguard("data", "inspect", str(chain), "--json"), str(chain), f"column {column}")


def test_a_torn_file_is_refused(root: Path, tmp_path: Path) -> None:
    """A file cut short in transfer is refused and said to be torn."""
    chain = write_chain(tmp_path / "day.parquet", day=TRADED, expiry=EXPIRY)
    chain.write_bytes(chain.read_bytes()[:-100])
    refused(replayed(root, chain), str(chain), "not a whole Parquet file", "torn or truncated")


def test_a_damaged_row_group_is_named(root: Path, tmp_path: Path) -> None:
    """Damage inside a file names the column and the row group, or is found by their checksum."""
    chain = write_chain(tmp_path / "day.parquet", day=TRADED, expiry=EXPIRY)
    data = bytearray(chain.read_bytes())
    data[4:400] = b"\xff" * 396
    chain.write_bytes(bytes(data))
    refused(replayed(root, chain), str(chain), "row group 0")


def test_a_history_folder_that_was_named_must_be_there(root: Path, tmp_path: Path) -> None:
    """A folder given with --history is never silently done without."""
    chain = write_chain(tmp_path / "day.parquet", day=TRADED, expiry=EXPIRY)
    absent = str(tmp_path / "absent")
    done = volguard(*RUN, "--replay", str(chain), "--history", absent, "--json", root=root)
    refused(done, absent, "no such folder")


def test_a_root_without_configuration_is_refused(tmp_path: Path) -> None:
    """A root that was named must be one."""
    refused(volguard(*RUN, "--json", root=tmp_path), str(tmp_path), "config/volguard.toml")


def test_a_kill_switch_at_the_start_is_exit_five(fresh_root: Path) -> None:
    """No session starts while the kill switch lies there: exit 5, the file named, nothing journaled."""
    switch = fresh_root / "data" / "KILL_SWITCH"
    switch.parent.mkdir()
    switch.touch()
    refused(volguard(*RUN, "--json", root=fresh_root), f"the kill switch {switch} is on", code=5)
    assert not (fresh_root / "journal").exists()


@pytest.fixture(scope="module")
def newer(short_day: Day, tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    """What each command says of an unfinished journal that a later version of the program wrote."""
    root = make_root(tmp_path_factory.mktemp("newer"))
    journal = cut_short(short_day, root, short_day.rows("MarketSnapshot")[-1][0] - 1)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    before = journal.read_bytes()
    done = together(*((words, root) for words in READERS))
    assert journal.read_bytes() == before
    assert len(list(journal.parent.glob("*.db"))) == 1
    return done


@pytest.mark.parametrize("number", range(len(READERS)), ids=lambda n: " ".join(READERS[n][:2]))
def test_a_journal_of_a_newer_schema_is_refused(number: int, newer: list[Done]) -> None:
    """A journal of a newer schema is read by none and continued by none: exit 2, with both versions."""
    refused(newer[number], "schema version 99", "knows up to 1")


@pytest.fixture(scope="module")
def without_journal(root: Path) -> list[Done]:
    """What each command says where there is no journal."""
    return together(*((words, root) for words in READERS[1:]))


@pytest.mark.parametrize("number", range(len(READERS) - 1), ids=lambda n: " ".join(READERS[n + 1][:2]))
def test_without_a_journal_there_is_nothing_to_tell(
    number: int, without_journal: list[Done], root: Path
) -> None:
    """Commands that read the newest journal say where they looked and what to do."""
    refused(without_journal[number], f"no journal in {root}", "run a session first")


@pytest.mark.parametrize("words", [("status",), ("journal", "replay"), ("why", "T001")])
def test_a_file_that_is_no_journal_is_damage(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever is given as a journal and is none ends in exit 9, with the file named."""
    path = tmp_path / "day.db"
    path.write_text("not a journal")
    refused(volguard(*words, "--json", "--journal", str(path)), str(path), code=9)


def test_a_damaged_unfinished_journal_is_not_continued(short_day: Day, fresh_root: Path) -> None:
    """A session whose last row was altered is not gone on with: exit 9, the row named, the file untouched."""
    journal = cut_short(short_day, fresh_root, short_day.rows("MarketSnapshot")[-1][0] - 1)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE events SET body = body || ' ' WHERE seq = (SELECT max(seq) FROM events)")
    before = journal.read_bytes()
    done = volguard(*SHORT_DAY, root=fresh_root)
    assert (done.code, done.out) == (9, "")
    assert f"journal {journal}: row " in done.error["error"]
    assert "was altered" in done.error["error"]
    assert "--new-session" in done.error["hint"]
    assert journal.read_bytes() == before


def test_without_json_an_error_is_words(root: Path) -> None:
    """For a person an error is one line with its hint, on stderr."""
    done = volguard(*RUN, "--preset", "bold", root=root)
    assert done.code == USAGE
    assert done.out == ""
    assert done.err.splitlines()[0].startswith("error: --preset was bold")
    assert done.err.splitlines()[1].startswith("hint: ")
    assert "Traceback" not in done.err


def test_a_journal_folder_that_cannot_be_is_refused(fresh_root: Path) -> None:
    """Where no journal can be written nothing runs: a file stands in its folder's place."""
    (fresh_root / "journal").write_text("in the way")
    refused(volguard(*SHORT_DAY, root=fresh_root), f"journal folder {fresh_root / 'journal'}")
