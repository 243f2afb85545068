"""Backtests that were played before, found again by what they were made of: a sweep can be gone on with."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from volguard.adapters.code_version import code_version
from volguard.config.loader import Loaded
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.operations.backtest import BacktestRequest, Measured
from volguard.operations.backtest_document import SCHEMA
from volguard.wiring import platform_text

FOLDER: Final = "data/backtests"
DIGEST_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class BacktestCache:
    """One compressed document a backtest under `folder`; deleting them costs nothing but time."""

    folder: Path

    @classmethod
    def of(cls, root: Root) -> BacktestCache:
        """The cache of a root."""
        return cls(root.resolve(FOLDER))

    def path(
        self, request: BacktestRequest, loaded: Loaded[Settings], data_digest: str, measured: Measured
    ) -> Path:
        """Where a backtest lies: named by data, settings, code, what was asked, and the prices' error."""
        made_of = {
            "data": data_digest,
            "settings": loaded.digest,
            "code": code_version(),
            "platform": f"{platform_text()} arch {version('arch')}",
            "asked": [
                request.source,
                str(request.first),
                str(request.last),
                request.every_s,
                request.slippage_ticks,
                request.late_looks,
                request.placebo,
                repr(request.resampling),
            ],
            "error": None if measured.error is None else measured.error.document(),
            "missing": measured.missing,
        }
        text = json.dumps(made_of, sort_keys=True)
        return self.folder / f"{hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()}.json.gz"

    def read(self, path: Path) -> dict[str, Any] | None:
        """The document; None where there is none, or none that can be read."""
        try:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                document: dict[str, Any] = json.load(file)
        except (OSError, EOFError, ValueError):
            return None
        return document if document.get("schema") == SCHEMA else None

    def write(self, path: Path, document: dict[str, Any]) -> None:
        """Keep a document, whole or not at all; a folder that cannot be written keeps nothing."""
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with gzip.open(part, "wt", encoding="utf-8", compresslevel=6) as file:
                json.dump(document, file)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
