"""Builds the Dockerfile by buildah, in a storage of its own, from the stand-in base."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

from tests.image import base
from tests.image.commands import run

ROOT = Path(__file__).parents[2]
BASE = "python:3.11-slim-bookworm"
IMAGE = "tapescope:test"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # of the host, which may know a mirror's
_DECIDES_THE_PACKAGES = ("Dockerfile", ".ci/requirements.txt")


class Builder:
    """buildah with its storage in `cache`: layers are kept until a file that decides the packages changes."""

    def __init__(self, cache: Path) -> None:
        key = sha256(base.KEY.encode())
        for name in _DECIDES_THE_PACKAGES:
            key.update((ROOT / name).read_bytes())
        self._cache = cache
        self._storage = cache / f"storage-{key.hexdigest()[:12]}"
        for old in cache.glob("storage-*"):
            _unmount_below(old)  # what a run that was killed left mounted
            if old != self._storage:
                rmtree(old)
        self._storage.mkdir(exist_ok=True)
        self("rm", "--all")

    def __call__(self, *arguments: str | Path) -> str:
        """Run one command of buildah; what it printed."""
        places = ("--root", self._storage, "--runroot", self._storage / "run", "--storage-driver", "overlay")
        return run("buildah", *places, *arguments).strip()

    def build(self) -> None:
        """Make the image, with the Dockerfile's own defaults where this machine's pip knows no other place."""
        self._make_base()
        given: list[str | Path] = []
        if wheels := self._wheels():
            given += ["--volume", f"{wheels}:/wheels:ro"]
            given += ["--build-arg", "PIP_FIND_LINKS=/wheels", "--build-arg", "PIP_EXTRA_INDEX_URL="]
        if _CERTIFICATES.exists():
            given += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
        # The format of Docker: the other one has no place for a health check.
        how = ("--layers", "--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker")
        self("build", *how, *given, "--tag", IMAGE, ROOT)

    def config(self) -> dict[str, Any]:
        """The image's configuration: its user, its command, its environment."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        return found

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """The root file system of a container made from the image; forgotten afterwards."""
        container = self("from", "--pull-never", IMAGE)
        try:
            yield Path(self("mount", container))
        finally:
            self("umount", container)
            self("rm", container)

    def _make_base(self) -> None:
        if self("images", "--quiet", "--filter", f"reference={BASE}"):
            return
        container = self("from", "scratch")
        self("add", container, base.archive(self._cache), "/")
        self("commit", "--rm", container, BASE)

    def _wheels(self) -> Path | None:
        """A folder with the wheel of torch that pip is set up here to find without an index, if it is."""
        wheels = self._cache / "wheels"
        (torch,) = re.findall(r"\btorch==[\d.]+", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
        what = ("--no-index", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11", torch)
        done = subprocess.run([sys.executable, "-m", "pip", "download", *what, "--dest", wheels], capture_output=True)
        return wheels if done.returncode == 0 else None


def _unmount_below(folder: Path) -> None:
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    for place in reversed([place for place in places if Path(place).is_relative_to(folder)]):
        run("umount", "--lazy", place)
