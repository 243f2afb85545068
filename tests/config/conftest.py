"""A root folder with the sample files, each test changing what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.config.sample_settings import FILES, SECTIONS, Settings
from volguard.config import Loaded, Root, load
from volguard.model.errors import ConfigError

Change = Callable[[str, str, str], None]
Load = Callable[..., Loaded[Settings]]
Refusal = Callable[..., ConfigError]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A root that holds the sample files."""
    config = tmp_path / "config"
    config.mkdir()
    for name, text in FILES.items():
        (config / name).write_text(text)
    return Root(path=tmp_path, is_packaged=False, config_dir=config)


@pytest.fixture
def change(root: Root) -> Change:
    """Replace one piece of text in one file."""

    def replace(file: str, old: str, new: str) -> None:
        path = root.config_dir / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    return replace


@pytest.fixture
def load_sample(root: Root) -> Load:
    """Load the sample settings with some overrides."""

    def run(*overrides: str, preset: str | None = None) -> Loaded[Settings]:
        return load(root, overrides, settings_class=Settings, sections=SECTIONS, preset=preset)

    return run


@pytest.fixture
def refusal(load_sample: Load) -> Refusal:
    """The error that loading ends in."""

    def run(*overrides: str, preset: str | None = None) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            load_sample(*overrides, preset=preset)
        assert caught.value.exit_code == 2
        return caught.value

    return run
