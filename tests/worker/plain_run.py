"""The near side of `plain.py`: one process of plain torch, asked by a line of JSON."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

Told = dict[str, Any]

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "PYTHONIOENCODING": "utf-8:strict",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    # Huge pages for the heap: a fork takes a third of the time.
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=65536",
}
ROOT = Path(__file__).parents[2]


class Plain:
    """A process that imported torch and nothing of ours, and forks a child for each snippet."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("plain.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder.name,
            env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},  # for probe.py,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._folder.cleanup()

    def wait(self) -> None:
        """Until it has imported torch."""
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, source: str, **question: object) -> None:
        """Have `source` run; `answer` gives what became of it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"source": source, **question}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Told:
        """What the run that was asked for did: stdout, stderr, exit, error, final."""
        assert self._process.stdout
        told: Told = json.loads(self._process.stdout.readline())
        return told

    def run(self, source: str, **question: object) -> Told:
        """`ask` and `answer`."""
        self.ask(source, **question)
        return self.answer()
