"""The pins and the audit of what is installed."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply.audit import _ONLY_RUN, Answer, Audited, known, other_releases, refused, unhashed
from tests.supply.pins import FILES, ROOT, Pin, ours, read
from tests.test_dockerfile import required

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {name: read((ROOT / name).read_text(encoding="utf-8")) for name in FILES}


def wanted(name: str) -> list[Requirement]:
    """What pyproject.toml asks for, that a file of pins is made of."""
    more = [each for extra in FILES[name] for each in PROJECT["optional-dependencies"][extra]]
    return [Requirement(each) for each in [*PROJECT["dependencies"], *more]]


@pytest.mark.parametrize("name", FILES)
def test_all_that_is_asked_for_is_pinned_and_so_is_what_that_needs(name: str) -> None:
    pins = PINS[name]
    for each in wanted(name):
        if ours(each.name):
            assert pins[canonicalize_name(each.name)].version in each.specifier, each
    present: set[str] = {canonicalize_name(each.metadata["Name"]) for each in metadata.distributions()}
    asked: set[str] = {canonicalize_name(each.name) for each in wanted(name)}
    needed = required(asked & present)
    assert {each for each in needed if ours(each)} - pins.keys() == set()


@pytest.mark.parametrize("name", FILES)
def test_each_pin_has_the_hashes_of_files_for_all_machines(name: str) -> None:
    assert unhashed(PINS[name].values()) == []
    # Compiled for x86-64 and aarch64, for three Pythons at least: not only the file that fitted one machine.
    assert len(PINS[".ci/requirements.txt"]["numpy"].hashes) > 20
    assert "torch" not in PINS[name]


def test_one_file_contradicts_no_other() -> None:
    smaller, larger, largest = PINS.values()
    assert {name: larger[name] for name in smaller} == smaller
    assert {name: largest[name] for name in larger} == larger


def test_torch_is_the_same_release_wherever_it_is_named() -> None:
    places = ("pyproject.toml", "Makefile", "Dockerfile")
    named = {found for place in places for found in re.findall(r"torch==[\d.]+\d", (ROOT / place).read_text("utf-8"))}
    assert len(named) == 1


def test_a_pin_is_read_with_all_its_hashes() -> None:
    text = f"# head\nA_b==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'f' * 64}\n    # via c\nd==2\n"
    assert read(text) == {
        "a-b": Pin("a-b", "1.0", (f"sha256:{'0' * 64}", f"sha256:{'f' * 64}")),
        "d": Pin("d", "2", ()),
    }
    assert unhashed(read(text).values()) == ["d==2 has no hash"]


@pytest.mark.parametrize(
    ("name", "yes"),
    [("torch", False), ("Torch", False), ("nvidia-cublas-cu12", False), ("triton", False), ("torchviz", True)],
)
def test_what_torch_brings_is_not_pinned(name: str, yes: bool) -> None:
    assert ours(name) is yes


def test_another_release_than_the_pinned_one_is_found() -> None:
    pins = {"a": Pin("a", "1", ("x",))}
    assert other_releases({"a": "1", "torch": "9", "nvidia-nccl-cu12": "3", "pip": "1", "tapescope": "0"}, pins) == []
    (other,) = other_releases({"a": "2"}, pins)
    assert other.startswith("a 2 is installed, and 1 is pinned")
    (more,) = other_releases({"a": "1", "b": "1"}, pins)
    assert more.startswith("b 1 is installed, and no file")


def test_what_is_only_run_is_not_what_the_server_needs() -> None:
    assert set(PINS[".ci/requirements-dev.txt"]) >= _ONLY_RUN
    assert _ONLY_RUN & PINS[".ci/requirements.txt"].keys() == set()


@pytest.mark.parametrize(
    ("licence", "no"),
    [
        ("MIT", False),
        ("BSD-3-Clause AND Zlib", False),
        ("Apache Software License", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License", True),
        ("Proprietary", True),
        ("", True),
    ],
)
def test_licences(licence: str, no: bool) -> None:
    assert refused(licence) is no


def test_what_the_service_says_is_told_and_what_it_does_not_say_too() -> None:
    fine, weak = Audited("a", "1"), Audited("b", "2", vulns=[{"id": "CVE-1"}])
    skipped = Audited("c", skip_reason="not found")
    assert known(Answer([fine])) == ([], "asked the advisory service about 1 packages")
    wrong, told = known(Answer([fine, weak, skipped]))
    assert wrong == ["b 2 has a known vulnerability: CVE-1"]
    assert told == "asked the advisory service about 2 packages, not about c"
    assert "nothing is said" in known(Answer([skipped]))[1]
