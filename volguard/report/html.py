"""Put the day's report on disk, as JSON and as a page: whole files or none."""

from __future__ import annotations

import json
from pathlib import Path

from volguard.report.day import DayReport
from volguard.report.day_json import document
from volguard.report.page import page


def write_report(report: DayReport, folder: Path) -> tuple[Path, Path]:
    """Write `<session_id>.json` and `<session_id>.html`, replacing older ones; gives both paths.

    The folder is made where missing. Each file appears under its name only when complete. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    doc = document(report)
    name = report.inputs.session.session_id
    text = json.dumps(doc, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return _put(folder / f"{name}.json", text), _put(folder / f"{name}.html", page(report, doc))


def _put(path: Path, text: str) -> Path:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path
