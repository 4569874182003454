"""The image, built once for all tests of this folder, and a container of it behind the outer ring."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.image.build import Builder
from tests.image.container import OUTER_RING, Container, Ring, started
from tests.image.profile import default_profile

TOOLS = ("buildah", "runc", "debootstrap", "dpkg-deb")


class Image(Struct, frozen=True):
    """The image that was built, with its files in sight."""

    root: Path
    config: dict[str, Any]


FIGURES = pytest.StashKey[list[str]]()
Start = Callable[[Ring], AbstractContextManager[Container]]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    if config.stash[FIGURES]:
        terminalreporter.section("figures of the image")
        for line in config.stash[FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture
def figure(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """`figure("image: 900 MB")`: a line for the summary."""
    return pytestconfig.stash[FIGURES].append


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where the base and the image's layers are kept from one run to the next: outside of the repository."""
    if os.geteuid() != 0:
        pytest.fail("The image test builds and runs a container without an engine: run it as root.")
    if not Path("/etc/debian_version").exists():
        pytest.fail("The image test makes its base from Debian's packages: run it on Debian or a relative of it.")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.fail(f"The image test needs {', '.join(missing)}: apt-get install buildah runc debootstrap")
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tapescope" / "image"
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture(scope="session")
def image(cache: Path) -> Iterator[Image]:
    """The image, built from the Dockerfile as it is now."""
    builder = Builder(cache)
    builder.build()
    with builder.mounted() as root:
        yield Image(root, builder.config())


@pytest.fixture(scope="session")
def start(image: Image, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """`with start(ring) as container`."""

    def start(ring: Ring) -> AbstractContextManager[Container]:
        profile = default_profile(cache, ring.capabilities)
        place = tmp_path_factory.mktemp("container") / "bundle"
        return started(image.root, image.config, profile, ring, place)

    return start


@pytest.fixture(scope="session")
def container(start: Start) -> Iterator[Container]:
    """One container behind the outer ring, for all tests that leave it running."""
    with start(OUTER_RING) as container:
        yield container
