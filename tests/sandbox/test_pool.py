"""Who runs when, and that nothing is left behind."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.errors import QueueFull, SandboxUnavailable
from app.sandbox import jail
from app.sandbox.asking import Asking
from app.sandbox.run import Sandbox
from tests.sandbox.conftest import OpenSandbox, eventually, quick
from tests.sandbox.processes import children_of, descendants_of, mappings, open_descriptors, pss_kib, wait_until_gone

ROOT = Path(__file__).parents[2]
FOREVER = "while True: pass"
SPIN = "for _ in range(300_000): pass\n"  # long enough to be seen under way


async def until_running(sandbox: Sandbox, count: int) -> None:
    """Until `count` runs hold a slot."""
    await eventually(lambda: sandbox._pool.turns.running >= count)


async def until_idle(sandbox: Sandbox, count: int) -> None:
    """Until `count` children wait for a snippet, and none for its end."""
    pool = sandbox._pool
    await eventually(lambda: pool.idle == count and not pool._leaving and not pool._refilling)


async def until_idle_at_least(sandbox: Sandbox, count: int) -> None:
    """Until `count` children wait for a snippet, whatever else is under way."""
    await eventually(lambda: sandbox._pool.idle >= count)


async def test_idle_children_are_there_before_the_first_snippet(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=3) as sandbox:
        assert sandbox._pool.idle == 3
        await sandbox.trace("a = 1")
        await until_idle(sandbox, 3)


async def test_a_snippet_uses_the_oldest_idle_child(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=2) as sandbox:
        oldest = sandbox._pool._idle[0]
        await sandbox.trace("a = 1")
        assert oldest not in sandbox._pool._idle
        await eventually(lambda: oldest._closed)


@pytest.mark.parametrize("source", ["a = 1", f"os.close({jail.REQUEST})"])
async def test_a_child_that_answered_ends_a_little_later(open_sandbox: OpenSandbox, source: str) -> None:
    async with open_sandbox(idle=2) as sandbox:
        child = sandbox._pool._idle[0]
        trace = await sandbox.trace(source)
        assert trace.outcome.kind == "finished"
        await eventually(child.exited.done)
        await eventually(lambda: child._closed and not sandbox._pool._leaving)


async def test_a_child_is_used_once(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=1) as sandbox:
        pids = [(await sandbox.trace("print(os.getpid())")).stdout for _ in range(5)]
    assert len(set(pids)) == 5


async def test_more_than_the_queue_holds_is_refused(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(running=1, queue=2, deadline_s=30.0) as sandbox:
        runs = [asyncio.create_task(sandbox.trace(FOREVER)) for _ in range(3)]
        await until_running(sandbox, 1)
        with pytest.raises(QueueFull) as refused:
            await sandbox.trace("a = 1")
        assert 1 <= refused.value.retry_after_s <= 60
        assert refused.value.status == 429
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        assert (await sandbox.trace("a = 1")).outcome.kind == "finished"


async def test_snippets_run_in_the_order_in_which_they_came(open_sandbox: OpenSandbox) -> None:
    ended: list[int] = []

    async def run(sandbox: Sandbox, number: int) -> None:
        await sandbox.trace("a = 1")
        ended.append(number)

    async with open_sandbox(running=1) as sandbox:
        await asyncio.gather(*(run(sandbox, number) for number in range(8)))
    assert ended == sorted(ended)


async def test_never_more_run_at_once_than_there_are_slots(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(running=2, idle=0) as sandbox:
        pid = sandbox.zygote_pid
        assert pid
        runs = [asyncio.create_task(sandbox.trace(f"for _ in range(100_000): pass  # {number}")) for number in range(6)]
        most = 0
        before = children_of(pid)
        while not all(run.done() for run in runs):
            most = max(most, len(children_of(pid) - before))
            await asyncio.sleep(0)
        assert 1 <= most <= 3  # one may still be ending when the next begins


async def test_a_reader_who_leaves_ends_the_run(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(running=1, idle=0, deadline_s=30.0) as sandbox:
        pid = sandbox.zygote_pid
        assert pid
        before = children_of(pid)
        run = asyncio.create_task(sandbox.trace(FOREVER))
        await eventually(lambda: children_of(pid) - before)
        started = children_of(pid) - before
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert wait_until_gone(started, 5) == set()
        assert (await sandbox.trace("a = 1")).outcome.kind == "finished"


async def test_an_idle_child_that_died_is_not_noticed(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=2) as sandbox:
        first, second = sandbox._pool._idle
        first._signal(signal.SIGKILL)
        await first.end()  # known to be dead
        second._signal(signal.SIGKILL)  # not known yet: found out at hand-over, and tried again
        assert (await sandbox.trace("print(1)")).stdout == "1\n"


async def test_a_warm_up_that_fails_costs_no_run(open_sandbox: OpenSandbox) -> None:
    with capture_logs() as logs:
        async with open_sandbox(worker="tests.sandbox.cold_worker", idle=2) as sandbox:
            for _ in range(4):
                assert (await sandbox.trace("print(1)")).stdout == "1\n"
            await eventually(lambda: all(child.exited.done() for child in sandbox._pool._idle))
            assert (await sandbox.trace("print(1)")).stdout == "1\n"
    failed = [entry for entry in logs if entry["event"] in ("idle_child_ended", "child_failed_before_its_request")]
    assert failed


async def test_idle_children_are_retired_when_old(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=1, idle_age_s=0.1) as sandbox:
        (old,) = sandbox._pool._idle
        async with asyncio.timeout(5):
            await old.exited
        await until_idle(sandbox, 1)
        assert (await sandbox.trace("print(1)")).stdout == "1\n"


def come(sandbox: Sandbox, who: Asking) -> None:
    """Somebody opens a page, and gets it."""
    sandbox.expect(who)
    with sandbox.attend():
        pass


async def test_children_for_a_crowd_wait_until_whoever_came_is_answered(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=1, idle_most=5) as sandbox:
        with sandbox.attend():
            for _ in range(5):
                come(sandbox, Asking())
            assert (await sandbox.trace("print(1)")).stdout == "1\n"
            await until_idle_at_least(sandbox, 1)
            await asyncio.sleep(0.15)
            assert sandbox._pool.idle == 1
        await until_idle(sandbox, 5)


async def test_children_that_answered_do_not_pile_up_while_readers_never_cease(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=2, idle_most=5) as sandbox:
        with sandbox.attend():
            for _ in range(30):
                await until_idle_at_least(sandbox, 1)
                await sandbox.trace("a = 1")
                assert len(sandbox._pool._leaving) <= 2
        await until_idle(sandbox, 2)


async def test_a_child_waits_for_each_reader_who_is_about(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=1, idle_most=5) as sandbox:
        await until_idle(sandbox, 1)
        for _ in range(3):
            come(sandbox, Asking(address="10.0.0.1"))
        await until_idle(sandbox, 3)
        for number in range(9):
            come(sandbox, Asking(address=f"10.0.0.{number}"))
        await until_idle(sandbox, 5)  # as many as are allowed
        for number in range(5):
            assert (await sandbox.trace(f"print({number})")).stdout == f"{number}\n"
        await until_idle(sandbox, 5)


async def test_no_child_waits_for_a_crowd_where_none_shall_wait(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=0, idle_most=5) as sandbox:
        come(sandbox, Asking(address="10.0.0.1"))
        assert (await sandbox.trace("print(1)")).stdout == "1\n"
        await asyncio.sleep(0.1)
        assert sandbox._pool.idle == 0


async def test_children_are_not_kept_for_readers_who_have_left(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_sandbox(idle=1, idle_most=4, idle_age_s=0.2) as sandbox:
        for _ in range(4):
            come(sandbox, Asking())
        await until_idle(sandbox, 4)
        monkeypatch.setattr("app.sandbox.crowd.LATELY_S", 0.0)
        await until_idle(sandbox, 1)


async def test_runs_under_way_are_not_held_up_by_a_crowd_that_comes(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=1, idle_most=5, running=1) as sandbox:
        run = asyncio.create_task(sandbox.trace(f"{SPIN}print(1)"))
        await until_running(sandbox, 1)
        for _ in range(5):
            come(sandbox, Asking())
        assert sandbox._pool.idle == 0
        assert (await run).stdout == "1\n"
        await until_idle(sandbox, 5)


async def test_a_run_waits_until_there_is_room_for_a_process(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=0) as sandbox:
        zygote = sandbox._pool.keeper.living
        assert zygote
        before = resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE, (3, before[1]))  # it has more than that open
        run = asyncio.create_task(sandbox.trace("print(1)"))
        await asyncio.sleep(0.2)
        assert not run.done()
        assert sandbox.ready
        resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE, before)
        assert (await run).stdout == "1\n"
        assert sandbox.zygote_pid == zygote.pid


async def test_a_crowd_takes_no_more_than_there_is_room_for(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sandbox.pool._SPARE", 2)
    async with open_sandbox(idle=1, idle_most=50) as sandbox:
        zygote = sandbox._pool.keeper.living
        assert zygote
        await until_idle(sandbox, 1)
        room = open_descriptors(zygote.pid) + 4 + 6  # four while it forks, and one for each child
        resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE, (room, room))
        with capture_logs() as logs:
            for _ in range(50):
                come(sandbox, Asking())
            await eventually(lambda: [entry for entry in logs if entry["event"] == "no_room_for_idle_children"])
        assert 1 < sandbox._pool._most_idle < 20
        for number in range(10):
            assert (await sandbox.trace(f"print({number})")).stdout == f"{number}\n"
        assert sandbox.zygote_pid == zygote.pid


async def test_a_machine_without_room_is_told(open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sandbox.pool._ROOM_ATTEMPTS", 2)
    async with open_sandbox(idle=0) as sandbox:
        zygote = sandbox._pool.keeper.living
        assert zygote
        resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE, (3, 3))
        with pytest.raises(SandboxUnavailable, match=r"no room for another process \(Too many open files\)"):
            await sandbox.trace("print(1)")


async def test_a_dead_zygote_is_replaced_and_tried_again(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=2, running=2, deadline_s=30.0) as sandbox:
        first = sandbox.zygote_pid
        assert first
        under_way = asyncio.create_task(sandbox.trace(f"{SPIN}print(3)"))
        await until_running(sandbox, 1)
        living = descendants_of(first)
        layers = sandbox.layers
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: not sandbox.ready)
        assert (await sandbox.trace("print(1)")).stdout == "1\n"  # waits for the new one
        assert (await under_way).stdout == "3\n"  # it ran again: a snippet has no effects
        assert sandbox.ready
        assert sandbox.zygote_pid != first
        assert sandbox.layers == layers
        assert sandbox.layers is not layers
        assert wait_until_gone(living, 5) == set()
        await until_idle(sandbox, 2)


async def test_a_zygote_that_does_not_answer_is_replaced(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sandbox.process._FORK_S", 0.3)
    async with open_sandbox(idle=0) as sandbox:
        first = sandbox.zygote_pid
        assert first
        os.kill(first, signal.SIGSTOP)
        assert (await sandbox.trace("print(1)")).stdout == "1\n"
        assert sandbox.zygote_pid != first


@pytest.mark.parametrize("worker", ["tests.sandbox.no_such_worker", "tests.sandbox.threaded_worker"])
async def test_a_zygote_that_cannot_start_says_so(worker: str, capfd: pytest.CaptureFixture[str]) -> None:
    # In no namespaces: there no thread could be started in the first place.
    sandbox = Sandbox(quick(), worker=worker, namespaces=False)
    with pytest.raises(SandboxUnavailable), capture_logs() as logs:
        await sandbox.start()
    assert logs[0]["event"] == "sandbox_not_started"
    told = capfd.readouterr().err
    assert "No module named" in told or "the zygote has 2 threads" in told
    await sandbox.stop()
    with pytest.raises(SandboxUnavailable):
        await sandbox.trace("a = 1")


async def test_200_runs_leave_nothing_behind(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=2, running=2) as sandbox:
        server, zygote = os.getpid(), sandbox.zygote_pid
        assert zygote
        snippets = ("a = [1] * 1000", "1 / 0", "os._exit(1)", "import ctypes; ctypes.string_at(0)")

        async def run(count: int) -> None:
            for number in range(count):
                await sandbox.trace(snippets[number % len(snippets)])
            await until_idle(sandbox, 2)

        async def left() -> tuple[int, int, int]:
            """Children, and descriptors of zygote and server, once every end is reported."""
            process = sandbox._pool.keeper.living
            assert process
            await eventually(lambda: len(children_of(zygote)) <= 3 and len(process._children) <= 2)
            await asyncio.sleep(0.05)  # the zygote lets go of a child's pipes just after it has handed them over
            return len(children_of(zygote)), open_descriptors(zygote), open_descriptors(server)

        await run(20)
        before, memory_kib, mapped = await left(), pss_kib(zygote) + pss_kib(server), mappings(zygote)
        await run(200)
        assert await left() == before
        assert pss_kib(zygote) + pss_kib(server) - memory_kib < 2_000
        assert mappings(zygote) - mapped < 10


async def test_stopping_leaves_no_process(open_sandbox: OpenSandbox) -> None:
    before = children_of(os.getpid())
    async with open_sandbox(idle=3, running=2, deadline_s=30.0) as sandbox:
        run = asyncio.create_task(sandbox.trace(FOREVER))
        await until_running(sandbox, 1)
        assert sandbox.zygote_pid
        started = {sandbox.zygote_pid, *descendants_of(sandbox.zygote_pid)}  # other tests keep sandboxes of their own
        assert len(started) >= 4
    assert wait_until_gone(started, 5) == set()
    assert children_of(os.getpid()) == before
    with pytest.raises(SandboxUnavailable):
        await run
    with pytest.raises(SandboxUnavailable, match="being stopped"):
        await sandbox.trace("a = 1")


SERVER = """
import asyncio
from tests.sandbox.conftest import started

async def main():
    async with started(idle=2, deadline_s=60.0) as sandbox:
        run = asyncio.create_task(sandbox.trace("while True: pass"))
        while sandbox._pool.idle == 2:
            await asyncio.sleep(0)
        print("running", flush=True)
        await run

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_server_that_is_killed(number: signal.Signals) -> None:
    with subprocess.Popen((sys.executable, "-c", SERVER), cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        for line in server.stdout:
            if line == "running\n":
                break
        started = descendants_of(server.pid)
        assert len(started) >= 3
        server.send_signal(number)
        server.wait(10)
    assert wait_until_gone(started, 5) == set()
