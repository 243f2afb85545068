"""`volguard chain smile|surface|metrics --png --html` on the recorded day: files written, paths refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.command import Done, needs_real_day, together

pytestmark = needs_real_day

FILE = ("--replay", "../shared/data/nifty_chain_2025-08-29.parquet", "--at", "11:15")
COMMANDS = ("smile", "surface", "metrics")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("charts")


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    calls = {
        name: (name, *FILE, "--png", f"{folder}/{name}.png", "--html", f"{folder}/{name}.html", "--json")
        for name in COMMANDS
    }
    calls["no folder"] = ("metrics", *FILE, "--html", str(folder / "none" / "x.html"), "--json")
    calls["a folder"] = ("metrics", *FILE, "--png", str(folder), "--json")
    again = {f"{name} again": (name, *FILE, "--html", f"{folder}/{name}-2.html") for name in COMMANDS}
    first = together(*((("chain", *words), None) for words in calls.values()))
    second = together(*((("chain", *words), None) for words in again.values()), own_process=True)
    return dict(zip((*calls, *again), (*first, *second), strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_picture_and_page_are_written_and_named_on_stderr(
    done: dict[str, Done], folder: Path, name: str
) -> None:
    assert done[name].code == 0, done[name].err
    picture, page = (folder / f"{name}.png").read_bytes(), (folder / f"{name}.html").read_text()
    assert picture.startswith(PNG_HEAD) and len(picture) > 20_000
    assert page.startswith("<!doctype html>") and "NIFTY 2025-08-29 11:1" in page
    assert f"chart in {folder / name}.png" in done[name].err
    assert f"chart in {folder / name}.html" in done[name].err
    assert done[name].document["schema"] == f"volguard.{name}/1"  # stdout holds the document alone


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_snapshot_gives_the_same_page_in_another_process(
    done: dict[str, Done], folder: Path, name: str
) -> None:
    assert done[f"{name} again"].code == 0, done[f"{name} again"].err
    assert (folder / f"{name}.html").read_bytes() == (folder / f"{name}-2.html").read_bytes()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_fetches_nothing_and_writes_no_missing_number(
    done: dict[str, Done], folder: Path, name: str
) -> None:
    assert done[name].code == 0, done[name].err
    page = (folder / f"{name}.html").read_text()
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)|(?:src|href)=\"(?!#)", page)
    assert not re.search(r">\s*nan\s*<", page)
    assert page.count('<svg class="chart"') == (1 if name == "smile" else 2)


def test_a_path_that_cannot_be_written_is_refused_by_its_option(done: dict[str, Done]) -> None:
    assert done["no folder"].code == done["a folder"].code == 2
    assert re.search(r"^--html .*x\.html: cannot be written: No such file", done["no folder"].error["error"])
    assert re.search(r"^--png .*: cannot be written: Is a directory", done["a folder"].error["error"])
