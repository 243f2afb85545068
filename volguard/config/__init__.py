"""Configuration: TOML files, a preset and overrides into frozen settings, each with its origin, all hashed.

The parts define their settings classes beside their code; `settings.py` here puts them together and says
in which file each is written. This package knows the mechanism alone.
"""

from volguard.config.loader import Loaded, SettingRow, digest_of, load, restore, values_of
from volguard.config.roots import ROOT_VARIABLE, Root, find_root, packaged_config
from volguard.config.sources import Section

__all__ = [
    "ROOT_VARIABLE",
    "Loaded",
    "Root",
    "Section",
    "SettingRow",
    "digest_of",
    "find_root",
    "load",
    "packaged_config",
    "restore",
    "values_of",
]
