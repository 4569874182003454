"""The three system calls, each tried in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox import landlock

ROOT = Path(__file__).parents[2]
HEAD = """
import os, sys
from pathlib import Path
from app.sandbox import kernel, landlock

def can(what):
    try:
        what()
        return True
    except PermissionError:
        return False

inside, outside = Path(sys.argv[1]), Path(sys.argv[2])
"""


@pytest.fixture(autouse=True)
def _needs_landlock() -> None:
    try:
        landlock.abi()
    except OSError as error:
        pytest.skip(f"no Landlock here: {error}")


def in_a_process(body: str, *arguments: Path) -> str:
    """What `body` prints."""
    done = subprocess.run(
        (sys.executable, "-c", HEAD + body, *map(str, arguments)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with a file each."""
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "inside", tmp_path / "outside"


def test_only_what_is_granted_can_be_read(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
rules = landlock.create_ruleset([inside])
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
before = can((outside / "file").read_text)
landlock.restrict_self(rules)
print(before, can((inside / "file").read_text), can(lambda: os.listdir(inside)), can((outside / "file").read_text),
      can(lambda: os.listdir(outside)), can(lambda: (inside / "file").write_text("x")),
      can(lambda: (inside / "new").mkdir()), can((inside / "file").unlink), can(lambda: open("/proc/self/maps")))
""",
        *places,
    )
    assert said.split() == ["True", "True", "True", "False", "False", "False", "False", "False", "False"]


def test_a_single_file_can_be_granted(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
(inside / "other").write_text("other")
rules = landlock.create_ruleset([inside / "file", inside / "missing"], writable=[outside / "file"])
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
landlock.restrict_self(rules)
print(can((inside / "file").read_text), can((inside / "other").read_text),
      can(lambda: (outside / "file").write_text("x")))
""",
        *places,
    )
    assert said.split() == ["True", "False", "True"]


def test_an_older_kernel_is_asked_for_no_more_than_it_knows(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
for version in range(1, landlock.abi() + 1):
    os.close(landlock.create_ruleset([inside], version=version))
landlock.restrict_self(landlock.create_ruleset([inside], version=1))
print(can((inside / "file").read_text), can((outside / "file").read_text), can(lambda: os.kill(os.getppid(), 0)))
""",
        *places,
    )
    assert said.split() == ["True", "False", "True"]


def test_it_is_refused_to_who_could_still_gain_rights(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
rules = landlock.create_ruleset([inside])
kernel.drop_capabilities()
print(can(lambda: landlock.restrict_self(rules)))
""",
        *places,
    )
    assert said.split() == ["False"]


@pytest.mark.parametrize(
    ("version", "files", "network", "scopes"),
    [
        (1, 13, 0, 0),
        (2, 14, 0, 0),
        (3, 15, 0, 0),
        (4, 15, 2, 0),
        (5, 16, 2, 0),
        (6, 16, 2, 2),
        (9, 17, 2, 2),
        (99, 17, 2, 2),
    ],
)
def test_every_right_of_an_abi_is_denied(version: int, files: int, network: int, scopes: int) -> None:
    """As include/uapi/linux/landlock.h counts them."""
    assert landlock.handled(version) == (2**files - 1, 2**network - 1, 2**scopes - 1)
