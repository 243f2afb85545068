"""Loads chain_model.toml by itself: modelled prices are no setting of a session.

Were they one, fitting the model again would change the settings hash of live sessions, and restart the
evidence that a promotion counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from volguard.backtest.chain_tables import ChainModelTables
from volguard.config.loader import Loaded, load
from volguard.config.roots import Root
from volguard.config.sources import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainModelFile:
    """The one part of this file."""

    chain_model: ChainModelTables


SECTIONS: Final = (Section(name="chain_model", file="chain_model.toml"),)


def load_chain_model(root: Root) -> Loaded[ChainModelFile]:
    """The tables of modelled chains with origins and digest. Raises ConfigError naming file and line."""
    return load(root, settings_class=ChainModelFile, sections=SECTIONS)
