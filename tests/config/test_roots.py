"""The root folder is the one the operator names, else the nearest, else the packaged defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from volguard.config.roots import Root, find_root, packaged_config
from volguard.model.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with config/volguard.toml and a folder below it."""
    folder = tmp_path.resolve() / "project"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "volguard.toml").write_text("")
    (folder / "data" / "history").mkdir(parents=True)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with no config above it."""
    folder = tmp_path.resolve() / "elsewhere"
    folder.mkdir()
    return folder


def fake_package(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    """Let the package be installed at `package`."""
    monkeypatch.setattr("importlib.resources.files", lambda name: package / name)


def test_the_named_root_comes_first(project: Path, elsewhere: Path) -> None:
    """--root beats VOLGUARD_ROOT and the folder one stands in."""
    root = find_root(project, {"VOLGUARD_ROOT": str(elsewhere)}, elsewhere)
    assert root == Root(path=project, is_packaged=False, config_dir=project / "config")


def test_a_relative_root_starts_at_the_folder_one_stands_in(project: Path, elsewhere: Path) -> None:
    """--root ../project is read from the current folder."""
    assert find_root(Path("../project"), {}, elsewhere).path == project


def test_the_variable_beats_the_nearest_folder(project: Path, elsewhere: Path) -> None:
    """VOLGUARD_ROOT is used where no --root is given."""
    assert find_root(None, {"VOLGUARD_ROOT": str(project)}, elsewhere).path == project


def test_the_nearest_parent_with_a_config_is_the_root(project: Path) -> None:
    """From any folder of a project its own root is found; an empty variable counts as none."""
    root = find_root(None, {"VOLGUARD_ROOT": ""}, project / "data" / "history")
    assert (root.path, root.is_packaged) == (project, False)


@pytest.mark.parametrize("named_by", ["--root", "VOLGUARD_ROOT"])
def test_a_named_folder_without_config_is_refused(named_by: str, elsewhere: Path) -> None:
    """A root named by mistake is an error, never silently another one."""
    explicit, environ = (elsewhere, {}) if named_by == "--root" else (None, {named_by: str(elsewhere)})
    with pytest.raises(ConfigError) as caught:
        find_root(explicit, environ, elsewhere)
    expected = f"{named_by} was {elsewhere}, must be a folder that holds config/volguard.toml"
    assert caught.value.message == expected
    assert caught.value.hint == "name the folder above config/, or leave it out to use the nearest one"


def test_without_any_root_the_packaged_defaults_serve(
    elsewhere: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an installed wheel they lie inside the package; data and journal stay in the current folder."""
    defaults = project / "volguard" / "default_config"
    defaults.mkdir(parents=True)
    (defaults / "volguard.toml").write_text("")
    fake_package(monkeypatch, project)
    assert find_root(None, {}, elsewhere) == Root(path=elsewhere, is_packaged=True, config_dir=defaults)


def test_in_a_source_checkout_the_defaults_are_the_repositorys_own(
    elsewhere: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an installed copy the config folder beside the package serves."""
    fake_package(monkeypatch, project)
    root = find_root(None, {}, elsewhere)
    assert (root.config_dir, root.is_packaged) == (project / "config", True)


def test_a_package_without_defaults_is_told(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is named, with the way out."""
    fake_package(monkeypatch, elsewhere)
    with pytest.raises(ConfigError) as caught:
        packaged_config()
    package = elsewhere / "volguard"
    assert caught.value.message == f"packaged default config/volguard.toml is missing from {package}"
    assert caught.value.hint == "install volguard again, or name a root folder with --root"


def test_paths_in_settings_start_at_the_root(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ones are made absolute from the root, absolute and home ones stay what they are."""
    monkeypatch.setenv("HOME", "/home/trader")
    root = find_root(project, {}, project)
    assert root.resolve("data/KILL_SWITCH") == project / "data" / "KILL_SWITCH"
    assert root.resolve("/srv/history") == Path("/srv/history")
    assert root.resolve("~/history") == Path("/home/trader/history")
