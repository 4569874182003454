"""The files of pins: which release of which package, and the hashes that its files may have."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TORCH = "torch"
# What torch's own build for CUDA brings along. Like torch it differs by index and by machine, so it has no hash here.
CUDA = re.compile(r"(nvidia-|cuda-|triton$|pytorch-triton)")

# Each holds all of the one before, so that one command installs it: file → the extras of pyproject.toml.
FILES: Mapping[str, tuple[str, ...]] = {
    ".ci/requirements.txt": (),
    ".ci/requirements-dev.txt": ("dev",),
    ".ci/requirements-bench.txt": ("dev", "bench"),
}


class Pin(Struct, frozen=True):
    """One release, and the hashes of all files of it: a wheel for each machine and each Python, and its source."""

    name: str
    version: str
    hashes: tuple[str, ...]


def ours(name: str) -> bool:
    """Whether a package is pinned by us: all but torch, and what torch alone brings."""
    return canonicalize_name(name) != TORCH and not CUDA.match(canonicalize_name(name))


def read(text: str) -> dict[str, Pin]:
    """The pins of a file, by canonical name."""
    return {pin.name: pin for pin in map(_pin, blocks(text))}


def blocks(text: str) -> Iterator[str]:
    """The requirements of a file, each with its lines of hashes and comments."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if lines and re.match(r"[A-Za-z0-9]", line):
            yield "".join(lines)
            lines = []
        if lines or re.match(r"[A-Za-z0-9]", line):
            lines.append(line)
    if lines:
        yield "".join(lines)


def _pin(block: str) -> Pin:
    name, version = block.split(maxsplit=1)[0].split("==")
    return Pin(canonicalize_name(name), version, tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})\b", block)))
