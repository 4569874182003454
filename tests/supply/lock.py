"""Renews the files of pins: `make lock` after a change of pyproject.toml, `make lock UPGRADE=1` for newer releases.

The hashes are those that the index tells of every file of a release, so they hold on each machine that it has files
for. What is pinned already stays as it is, unless pyproject.toml or UPGRADE wants it otherwise.
"""

import os
import subprocess
import sys

from tests.supply.pins import FILES, ROOT, blocks, ours

_HEAD = """\
# Every release that was tested together, by the hashes of its files. Written by `make lock`; not to be edited.
# torch is not among them: its file differs by index, for CPU or CUDA.
"""
_OPTIONS = (
    "--quiet --generate-hashes --allow-unsafe --strip-extras --no-header "
    "--no-emit-index-url --no-emit-find-links --no-emit-options --build-deps-for=editable"
).split()


def main() -> None:
    """Write all files, each by the pins of the one before."""
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") else []
    before: list[str] = []
    for name, extras in FILES.items():
        wanted = [f"--extra={extra}" for extra in extras]
        command = (sys.executable, "-m", "piptools", "compile", *_OPTIONS, *upgrade, *wanted, *before)
        subprocess.run((*command, f"--output-file={name}", "pyproject.toml"), cwd=ROOT, check=True)
        kept = [block for block in blocks((ROOT / name).read_text(encoding="utf-8")) if ours(block.split("==")[0])]
        text = "".join(line for line in "".join(kept).splitlines(keepends=True) if not line.startswith(("#", "\n")))
        (ROOT / name).write_text(_HEAD + text, encoding="utf-8")
        before.append(f"--constraint={name}")


if __name__ == "__main__":
    main()
