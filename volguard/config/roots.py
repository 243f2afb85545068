"""The root folder: whose config, data and journal a command works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from volguard.model.errors import ConfigError

ROOT_VARIABLE = "VOLGUARD_ROOT"
CONFIG_FOLDER = "config"
MAIN_FILE = "volguard.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root folder; with packaged defaults (simulator and replay only) the config lies elsewhere."""

    path: Path
    is_packaged: bool
    config_dir: Path

    def resolve(self, text: str) -> Path:
        """An absolute path: `text` as it is when absolute or from `~`, else below the root."""
        return self.path / Path(text).expanduser()

    def place(self, file: str) -> str:
        """A config file as messages and origins name it."""
        return f"{'packaged default ' if self.is_packaged else ''}{CONFIG_FOLDER}/{file}"


def find_root(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Root:
    """`--root`, else VOLGUARD_ROOT, else the nearest folder upwards of `cwd`, else packaged defaults.

    A folder named on purpose must hold config/volguard.toml: ConfigError if not.
    """
    if explicit is not None:
        return _named_root("--root", cwd / explicit.expanduser())
    if environ.get(ROOT_VARIABLE):
        return _named_root(ROOT_VARIABLE, cwd / Path(environ[ROOT_VARIABLE]).expanduser())
    here = cwd.resolve()
    for folder in (here, *here.parents):
        if _holds_config(folder):
            return Root(path=folder, is_packaged=False, config_dir=folder / CONFIG_FOLDER)
    return Root(path=here, is_packaged=True, config_dir=packaged_config())


def packaged_config() -> Path:
    """The config folder that ships with the package; in a source checkout the repository's own."""
    from importlib.resources import files  # needed only where no root is found, and not cheap

    package = Path(str(files("volguard")))
    for folder in (package / "default_config", package.parent / CONFIG_FOLDER):
        if (folder / MAIN_FILE).is_file():
            return folder
    raise ConfigError(
        f"packaged default {CONFIG_FOLDER}/{MAIN_FILE} is missing from {package}",
        hint="install volguard again, or name a root folder with --root",
    )


def _named_root(named_by: str, folder: Path) -> Root:
    if not _holds_config(folder):
        raise ConfigError(
            f"{named_by} was {folder}, must be a folder that holds {CONFIG_FOLDER}/{MAIN_FILE}",
            hint="name the folder above config/, or leave it out to use the nearest one",
        )
    root = folder.resolve()
    return Root(path=root, is_packaged=False, config_dir=root / CONFIG_FOLDER)


def _holds_config(folder: Path) -> bool:
    return (folder / CONFIG_FOLDER / MAIN_FILE).is_file()
