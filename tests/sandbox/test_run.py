"""What comes back for a snippet, whatever it does to the process that it runs in."""

import asyncio
import itertools
import struct
import time

import pytest
from structlog.testing import capture_logs

from app.errors import SandboxUnavailable, SourceTooLarge
from app.sandbox.run import Sandbox
from app.settings import Settings
from app.trace import wire
from app.trace.model import Environment, Outcome, Trace
from tests.sandbox.conftest import OpenSandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAME = struct.Struct("<cI")
A_TRACE = wire.encode(
    Trace(environment=Environment(torch="0", python="0", tapescope="0"), outcome=Outcome(kind="finished"), stdout="lie")
)


def writes(data: bytes) -> str:
    """A snippet that writes `data` where the answer goes, past the worker, and ends."""
    return f"data = {data!r}\nwhile data: data = data[os.write(4, data):]\nos._exit(0)"


async def test_a_snippet_is_run(sandbox: Sandbox) -> None:
    trace = await sandbox.trace("a = 1\nprint(a + 1)")
    assert trace.outcome == Outcome(kind="finished")
    assert trace.stdout == "2\n"
    assert [step.line for step in trace.steps] == [1, 2]
    reference = await sandbox.reference("a = 1")
    assert reference.outcome.kind == "finished"


async def test_what_a_snippet_raises_is_its_outcome(sandbox: Sandbox) -> None:
    trace = await sandbox.trace("a = 1\na / 0")
    assert trace.outcome.kind == "raised"
    assert trace.outcome.error
    assert (trace.outcome.error.type, trace.outcome.error.line) == ("ZeroDivisionError", 2)


@pytest.mark.parametrize("text", ["é" * 9_990, "'''" + "\n" * 19_000 + "'''"])
async def test_a_long_snippet_arrives_whole(sandbox: Sandbox, text: str) -> None:
    source = f"a = {text!r}" if "\n" not in text else f"a = {text}"
    assert (await sandbox.trace(source)).outcome.kind == "finished"


async def test_the_limit_of_the_source_counts_bytes(sandbox: Sandbox) -> None:
    await sandbox.trace("#" * 20_000)
    with pytest.raises(SourceTooLarge, match="20,002 bytes"):
        await sandbox.trace("é" * 10_001)


async def test_a_lone_surrogate_is_no_reason_to_fail(sandbox: Sandbox) -> None:
    assert (await sandbox.trace("a = '\ud800'")).outcome.kind == "finished"


# Whatever a child sends that is no answer is a crash of its own.
FORGED = {
    "garbage": writes(b"\x00" * 100),
    "text": writes(b"Traceback (most recent call last):"),
    "nothing": "os._exit(0)",
    "cut header": writes(b"A\x10"),
    "cut body": writes(FRAME.pack(b"A", len(A_TRACE)) + A_TRACE[:-1]),
    "twice": writes(2 * (FRAME.pack(b"A", len(A_TRACE)) + A_TRACE)),
    "surplus": writes(FRAME.pack(b"A", len(A_TRACE)) + A_TRACE + b"!"),
    "unknown kind": writes(FRAME.pack(b"Z", len(A_TRACE)) + A_TRACE),
    "request": writes(FRAME.pack(b"R", len(A_TRACE)) + A_TRACE),
    "empty": writes(FRAME.pack(b"A", 0)),
    "no trace": "send(b'\\x01')",
    "another shape": f"send({wire.encode({'outcome': {'kind': 'finished'}})!r})",
    "nested without end": "send(b'\\x91' * 100_000)",
    "announced but huge inside": "send(b'\\xdd\\xff\\xff\\xff\\xff')",
    "failed": writes(FRAME.pack(b"F", 5) + b"<b>ha"),
    "ended": "os._exit(3)",
    "segmentation fault": "import ctypes\nctypes.string_at(0)",
    "deep recursion in C": "import ctypes\nctypes.pythonapi.Py_FatalError(b'x')",
}


@pytest.mark.parametrize("source", FORGED.values(), ids=FORGED.keys())
async def test_no_answer_of_ours_is_a_crash(sandbox: Sandbox, source: str) -> None:
    with capture_logs() as logs:
        trace = await sandbox.trace(source)
    assert trace.outcome.kind == "stopped"
    assert trace.outcome.reason == "crash"
    assert trace.stdout == ""
    assert trace.environment.torch != "0"
    (line,) = (entry for entry in logs if entry["event"] == "run")
    assert (line["outcome"], line["reason"]) == ("stopped", "crash")
    assert "\n" not in repr(line)


async def test_a_child_that_lies_lies_to_itself(sandbox: Sandbox) -> None:
    trace = await sandbox.trace(writes(FRAME.pack(b"A", len(A_TRACE)) + A_TRACE))
    assert trace.stdout == "lie"
    assert (await sandbox.trace("print('truth')")).stdout == "truth\n"


async def test_a_crash_names_its_line(sandbox: Sandbox) -> None:
    trace = await sandbox.trace("import ctypes\n\nctypes.string_at(0)")
    assert trace.outcome.line == 3


@pytest.mark.parametrize("lie", ["-1", "0", "4", "2**62"])
async def test_a_line_that_the_snippet_has_not_is_none(sandbox: Sandbox, lie: str) -> None:
    trace = await sandbox.trace(f"import sys; sys.settrace(None)\nline[0] = {lie}\nos._exit(1)")
    assert trace.outcome.line is None


async def test_a_child_that_denies_having_begun_gets_no_answer(sandbox: Sandbox) -> None:
    source = "notes = memoryview(line.obj).cast('q')\nnotes[1] = 0\nos._exit(1)"
    with pytest.raises(SandboxUnavailable):
        await sandbox.trace(source)
    assert (await sandbox.trace("a = 1")).outcome.kind == "finished"


@pytest.mark.parametrize(
    "source",
    [
        "while True: os.write(4, bytes(65_536).replace(b'\\0', b'A'))",
        writes(FRAME.pack(b"A", 2**32 - 1)),
        writes(FRAME.pack(b"A", Settings().answer_bytes + 1)),
        f"send(bytes({Settings().answer_bytes} + 2**20))",
    ],
)
async def test_an_answer_that_is_too_large_is_not_read(sandbox: Sandbox, source: str) -> None:
    trace = await sandbox.trace(source)
    assert (trace.outcome.kind, trace.outcome.reason) == ("stopped", "size")


async def test_a_large_answer_within_the_limit_is_read(sandbox: Sandbox) -> None:
    padding = f"send({A_TRACE!r}.replace(b'\\xa3lie', b'\\xdb\\x00\\x01\\x00\\x00' + b'l' * 65_536))"
    assert len((await sandbox.trace(padding)).stdout) == 65_536


async def test_descriptors_0_1_2_lead_nowhere(sandbox: Sandbox) -> None:
    trace = await sandbox.trace("for each in (1, 2): os.write(each, b'unseen' * 100_000)\nprint(os.read(0, 10))")
    assert trace.stdout == "b''\n"


# Reason by what the child does; each must have ended soon after the deadline of 0.4 s and its grace of 0.2 s.
SPIN = "for _ in iter(int, 1): pass"
LATE = {
    "loop": f"a = 1\n{SPIN}",
    "loop below Python": "a = 1\nsum(__import__('itertools').repeat(1))",
    "deaf": f"import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n{SPIN}",
    "blocked": f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\n{SPIN}",
    "asleep": "import time\ntime.sleep(1_000)",
    "dribbling": "import time; os.write(4, b'A\\xff\\xff\\0\\0')\nwhile os.write(4, b'.'): time.sleep(0.01)",
    "reading its request again": "a = 1\nos.read(3, 1) or os.read(3, 1) or __import__('time').sleep(1_000)",
    "closing the answer's pipe": "os.close(4)\n__import__('time').sleep(1_000)",
}


@pytest.mark.parametrize("source", LATE.values(), ids=LATE.keys())
async def test_the_deadline_ends_every_run(open_sandbox: OpenSandbox, source: str) -> None:
    async with open_sandbox(deadline_s=0.4, grace_s=0.2, idle=0, namespaces=False) as sandbox:
        begun_s = time.monotonic()
        trace = await sandbox.trace(source)
        took_s = time.monotonic() - begun_s
        assert (trace.outcome.kind, trace.outcome.reason) == ("stopped", "time")
        assert trace.outcome.line in (1, 2)
        assert took_s < 1.5  # a child that dribbles must not move its deadline


async def test_a_run_stopped_softly_keeps_what_was_seen(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(deadline_s=0.3, grace_s=0.5, idle=0, namespaces=False) as sandbox:
        trace = await sandbox.trace(f"print('seen')\n{SPIN}")
        assert trace.stdout == "seen\n"
        assert trace.outcome.line == 2


MEMORY = {
    "within": ("a = bytearray(100 * 2**20)", "finished"),
    "beyond": ("a = bytearray(300 * 2**20)", "raised"),
    "in pieces": ("a = [bytearray(2**20) for _ in range(300)]", "raised"),
    "mapped": ("import mmap\na = mmap.mmap(-1, 300 * 2**20)", "raised"),
}


@pytest.mark.parametrize(("source", "kind"), MEMORY.values(), ids=MEMORY.keys())
async def test_memory_of_its_own_is_limited(sandbox: Sandbox, source: str, kind: str) -> None:
    trace = await sandbox.trace(source)  # 256 MiB may be had
    assert trace.outcome.kind == kind


async def test_a_worker_out_of_memory_says_so(sandbox: Sandbox) -> None:
    """The worker's own MemoryError, not caught there: as when the answer itself has no room."""
    source = "import sys\nsys.settrace(None)\nclass Exit(BaseException): pass\nraise type('MemoryError', (Exit,), {})"
    trace = await sandbox.trace(source)
    assert (trace.outcome.kind, trace.outcome.reason) == ("stopped", "memory")


async def test_a_failing_worker_is_logged_without_what_the_snippet_said(sandbox: Sandbox) -> None:
    with capture_logs() as logs:
        trace = await sandbox.trace("class Exit(BaseException): pass\nraise Exit('my secret')")
    assert trace.outcome.reason == "crash"
    (line,) = (entry for entry in logs if entry["event"] == "run")
    assert "Exit at" in line["worker_failed"]
    assert "plain_worker.py" in line["worker_failed"]
    assert "secret" not in repr(logs)


async def test_one_line_is_logged_for_each_run_without_the_source(sandbox: Sandbox) -> None:
    with capture_logs() as logs:
        await sandbox.trace("print('my own words')")
    (line,) = logs
    assert line["event"] == "run"
    assert (line["kind"], line["outcome"], line["reason"]) == ("trace", "finished", None)
    assert line["layers"] == sum(layer.active for layer in sandbox.layers)
    assert line["duration_ms"] > 0
    assert "my own words" not in repr(logs)


async def test_runs_do_not_share_anything(sandbox: Sandbox) -> None:
    """A name, a module's attribute, a uid or a note in one run is not there in another."""
    await sandbox.trace("import sys, builtins\nbuiltins.left = sys.left = 1\nos.environ['left'] = '1'")
    trace = await sandbox.trace(
        "import sys, builtins\n"
        "print(hasattr(builtins, 'left'), hasattr(sys, 'left'), 'left' in os.environ, line[0] < 4)"
    )
    assert trace.stdout == "False False False True\n"


async def test_living_children_have_different_users(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=0, running=2) as sandbox:
        if not next(layer for layer in sandbox.layers if layer.name == "a user of its own").active:
            pytest.skip("the server was not started as root")
        traces = await asyncio.gather(*(sandbox.trace("print(os.getuid(), os.getgid())") for _ in range(6)))
    uids = [trace.stdout for trace in traces]
    assert all(one != two for one, two in itertools.pairwise(uids))
    assert "0" not in " ".join(uids).split()


async def test_a_snippet_finds_nothing_of_the_server(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCOPE_SECRET", "sesame")
    trace = await sandbox.trace(
        "import sys\nprint(sorted(os.environ))\nprint(sorted(name for name in sys.modules if name.startswith('app')))\n"
        "print(sys.argv, [entry for entry in sys.path if not entry.startswith(sys.base_prefix)])"
    )
    assert "SECRET" not in trace.stdout
    assert "app.settings" not in trace.stdout
    assert "app.web" not in trace.stdout
    assert "PYTHONPATH" not in trace.stdout
