"""Where rehearsals are kept, and the newest of them: what a promotion asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from volguard.adapters.whole_file import write_whole
from volguard.config.loader import digest_of
from volguard.model.errors import DataError

SCHEMA: Final = "volguard.drill/1"
PREFIX: Final = "drill-"
# Where the broker is, where things are kept, how the screen is fed: no session hangs on these.
NOT_PLAYED: Final = frozenset({"upstox", "simulator", "journal", "alerts", "history", "paper"})


def played_digest(values: Mapping[str, Any]) -> str:
    """The hash of those settings that a rehearsal plays on: a change of one asks for another rehearsal."""
    return digest_of({name: value for name, value in values.items() if name not in NOT_PLAYED})


def keep_drill(folder: Path, document: Mapping[str, Any], at: datetime) -> Path:
    """Write a rehearsal to `drill-<date>.json`, in place of an earlier one of the day. Raises DataError."""
    path = folder / f"{PREFIX}{at.date().isoformat()}.json"
    write_whole(path, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())
    return path


def newest_drill(folder: Path) -> tuple[Path, Mapping[str, Any]] | None:
    """The newest rehearsal that is kept, None where there is none. Raises DataError on a damaged one."""
    kept = sorted(folder.glob(f"{PREFIX}*.json"))
    if not kept:
        return None
    path = kept[-1]
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="run volguard drill again") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise DataError(f"{path} is no {SCHEMA} document", hint="run volguard drill again")
    return path, document
