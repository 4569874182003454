"""What is vendored is what its manifest says, and the manifest is what the lock file pins."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "static/vendor", ROOT / "tests/browser/vendor"]
PARTS = [(folder, name) for folder in FOLDERS for name in json.loads((folder / "manifest.json").read_text("utf-8"))]


@pytest.mark.parametrize(("folder", "name"), PARTS)
def test_vendored_files(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))[name]
    there = {path.name: sha256(path.read_bytes()).hexdigest() for path in (folder / name).iterdir()}
    assert there == manifest["sha256"]
    assert any(file.startswith("LICENSE") for file in there)


@pytest.mark.parametrize(("folder", "name"), PARTS)
def test_versions_are_those_of_the_lock_file(folder: Path, name: str) -> None:
    lock = json.loads((ROOT / "static/vendor/src/package-lock.json").read_text("utf-8"))["packages"]
    for package, about in json.loads((folder / "manifest.json").read_text("utf-8"))[name]["packages"].items():
        assert lock[f"node_modules/{package}"]["version"] == about["version"]


def test_nothing_vendored_is_forgotten_by_a_manifest() -> None:
    for folder in FOLDERS:
        listed = {name for place, name in PARTS if place == folder}
        assert {path.name for path in folder.iterdir() if path.is_dir()} - {"src"} == listed


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "static/vendor/src/package-lock.json").read_text("utf-8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


@pytest.mark.parametrize("path", sorted(FOLDERS[0].rglob("*.js")), ids=lambda path: path.name)
def test_scripts_refer_to_no_map(path: Path) -> None:
    if "src" not in path.relative_to(FOLDERS[0]).parts:
        assert "sourceMappingURL" not in path.read_text("utf-8")
