"""A traced run does what the plain run does: same output, same exception, same gradients, same versions."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.compare import differences
from tests.worker.conftest import Traced
from tests.worker.plain_run import ENVIRONMENT, Plain

SNIPPETS = {path.stem: path for path in sorted(Path(__file__).parents[1].joinpath("snippets").glob("*.py"))}

# Snippet → what shows the difference, and why there is one.
KNOWN_DIFFERENCES = {
    "threads": ("can't start new thread", "the sandbox gives a snippet no thread"),
    "profiler": ("Resource temporarily unavailable", "torch's profiler starts a thread"),
    "files": ("open file failed", "the sandbox lets a snippet write no file"),
    "asyncio_loop": ("Operation not permitted", "the sandbox gives a snippet no sockets, not even a pair of them"),
    "exit_at_once": ("stopped for crash on line 5", "a process that has left answers nothing"),
    "raw_output": ("-raw", "output is what sys.stdout and sys.stderr are given"),
    "own_tracer": ("+['line'", "the snippet's own statements call us at each line"),
    "disassembled": ("LOAD_GLOBAL", "the snippet's own statements call us at each line"),
    "stack_below": ("stdout", "the script is run by a function, so it has callers"),
    "at_the_end": ("-del b", "the process ends without taking the interpreter down"),
    "weakly_referred": ("-0", "tensors are known by weak references, so as not to keep them alive"),
    "warning_from_within": ("overrides.py", "torch counts frames, and ours are among them"),
    "script_module": ("names missing from the Trace", "a scripted module keeps its parameters out of Python"),
    "unimported": ("has no attribute 'prune'", "what snippets may need is imported ahead, once for all of them"),
}


def read(name: str) -> str:
    """The snippet, its line ends as they are."""
    return SNIPPETS[name].read_bytes().decode()


def compared(plain: Plain, traced: Traced, source: str) -> list[str]:
    """What differs between the two runs of `source`, which go on beside each other."""
    plain.ask(source)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    return list(differences(told, trace))


@pytest.mark.parametrize("name", [name for name in SNIPPETS if name not in KNOWN_DIFFERENCES])
def test_traced_run_does_what_the_plain_run_does(name: str, plain: Plain, traced: Traced) -> None:
    found = compared(plain, traced, read(name))
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(("name", "shows", "why"), [(name, *known) for name, known in KNOWN_DIFFERENCES.items()])
def test_known_difference_is_the_one_that_is_known(
    name: str, shows: str, why: str, plain: Plain, traced: Traced
) -> None:
    found = compared(plain, traced, read(name))
    assert any(shows in difference for difference in found), f"no longer a difference: {why}"


def test_there_are_enough_snippets_and_each_is_small() -> None:
    assert len(SNIPPETS) >= 100
    assert [name for name in SNIPPETS if read(name).count("\n") >= 40] == []


def test_the_judge_is_what_a_fresh_interpreter_does(plain: Plain, tmp_path: Path) -> None:
    """`plain.py` forks and cleans up by hand: the snippets that would notice, run by `python snippet.py`."""
    assert plain.run("import sys; print([name for name in sys.modules if name.startswith('app')])")["stdout"] == "[]\n"
    names = ["at_the_end", "tracebacks"]
    runs = {}
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        folder.joinpath("snippet.py").write_bytes(SNIPPETS[name].read_bytes())
        runs[name] = subprocess.Popen(
            [sys.executable, "snippet.py"],
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    for name, run in runs.items():
        stdout, stderr = run.communicate(timeout=60)
        told = plain.run(read(name))
        plainly = [output.decode().replace(f"{tmp_path / name}/", "") for output in (stdout, stderr)]
        assert [told["stdout"], told["stderr"]] == plainly
        assert told["error"] is None


CHANGES = [
    ("stdout", "more"),
    ("stderr", "snippet.py:1: UserWarning: so"),
    ("error", {"type": "ValueError", "message": "no", "lines": [3]}),
    ("version", 1),
    ("is_leaf", False),
    ("requires_grad", False),
    ("grad_fn", "MulBackward0"),
    ("grad", None),
    ("grad", {"shape": [2], "dtype": "float32", "flat": ["2.0", "2.0000002"]}),
    ("grad", {"shape": [2], "dtype": "float64", "flat": ["2.0", "2.0"]}),
    ("grad", {"shape": [1, 2], "dtype": "float32", "flat": ["2.0", "2.0"]}),
    ("contents", {"shape": [2], "dtype": "float32", "flat": ["0.0", "-0.0"]}),
]


@pytest.mark.parametrize(("what", "instead"), CHANGES)
def test_the_comparison_sees_each_difference(what: str, instead: object, plain: Plain, traced: Traced) -> None:
    source = "import torch\na = torch.zeros(2, requires_grad=True)\n(a * 2).sum().backward()"
    told, trace = plain.run(source), traced(source)
    assert list(differences(told, trace)) == []
    (told if what in told else told["final"]["a"])[what] = instead
    assert len(list(differences(told, trace))) == 1


def test_the_comparison_sees_names_and_lines(plain: Plain, traced: Traced) -> None:
    trace = traced("import torch\na = torch.zeros(2)\n1 / 0")
    told = plain.run("import torch\nb = torch.zeros(2)\n\n1 / 0")
    found = list(differences(told, trace))
    assert [sentence.partition(" ")[0] for sentence in found] == ["raised", "raised", "names", "names"]
