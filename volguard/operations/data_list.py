"""The data files that volguard keeps, and whether each is still what was written."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from volguard.adapters.manifest import FileState
from volguard.model.errors import GateFailed
from volguard.operations.data_desk import DataDesk

SCHEMA: Final = "volguard.data_list/1"


def list_document(desk: DataDesk, *, verify: bool) -> dict[str, Any]:
    """Every row of the manifest; with `verify` each file is read again and its `state` told.

    Raises DataError on a damaged manifest.
    """
    manifest = desk.manifest
    entries = manifest.entries()
    files = []
    for number, entry in enumerate(entries):
        desk.progress(number, len(entries), entry.path)
        state = manifest.state_of(entry) if verify else None
        files.append({**msgspec.to_builtins(entry), "state": state})
    return {
        "schema": SCHEMA,
        "folder": str(desk.data),
        "verified": verify,
        "differing": sum(file["state"] not in (None, FileState.SAME) for file in files),
        "files": files,
    }


def exit_code_of(document: dict[str, Any]) -> int:
    """3 where a file is not what was written."""
    return GateFailed.exit_code if document["differing"] else 0
