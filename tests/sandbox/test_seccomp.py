"""What the filter answers to system calls, made by number from a snippet."""

import ctypes
import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox import jail, seccomp
from app.sandbox.limits import Limits
from app.sandbox.run import Sandbox

ROOT = Path(__file__).parents[2]
CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
print(libc.syscall(*map(ctypes.c_long, ({number}, {arguments}))), ctypes.get_errno())
"""
DENIED = (
    "clone fork vfork clone3 execve execveat kill tgkill tkill socket socketpair connect bind sendmsg recvmsg pipe "
    "pipe2 memfd_create eventfd2 epoll_create1 prctl prlimit64 setrlimit seccomp setitimer timer_create alarm shmget "
    "msgget "
    "mq_open sched_setaffinity setuid setgid chmod chown unlink rename mkdir symlink truncate ioctl fcntl pidfd_open "
    "pidfd_send_signal pidfd_getfd landlock_restrict_self capset personality chroot"
).split()
ANSWERS = {"clone": errno.EAGAIN, "fork": errno.EAGAIN, "vfork": errno.EAGAIN, "clone3": errno.ENOSYS}


def number_of(name: str) -> int:
    """The number of a system call on this machine."""
    number = seccomp._resolve(seccomp._library(), name)
    if number < 0:
        pytest.skip(f"{platform.machine()} has no {name}")
    return number


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", DENIED)
async def test_refused(sandbox: Sandbox, name: str) -> None:
    trace = await sandbox.trace(CALL.format(number=number_of(name), arguments="0, 0, 0, 0, 0"))
    assert trace.stdout.split() == ["-1", str(ANSWERS.get(name, errno.EPERM))]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", sorted(seccomp.KILLED))
async def test_killed(sandbox: Sandbox, name: str) -> None:
    trace = await sandbox.trace(CALL.format(number=number_of(name), arguments="0, 0, 0, 0, 0"))
    assert (trace.outcome.kind, trace.outcome.reason, trace.outcome.line) == ("stopped", "crash", 5)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("request_", "allowed"), [(0x5401, True), (0x5413, True), (0x5412, False), (0x541B, False), (0x1_0000_5412, False)]
)
async def test_ioctl_only_asks_for_a_terminal(sandbox: Sandbox, request_: int, allowed: bool) -> None:
    """TIOCSTI would type into a terminal; /dev/null answers ENOTTY to what may be asked."""
    buffer = "ctypes.addressof(ctypes.create_string_buffer(100))"
    trace = await sandbox.trace(CALL.format(number=number_of("ioctl"), arguments=f"0, {request_}, {buffer}"))
    assert trace.stdout.split() == ["-1", str(errno.ENOTTY if allowed else errno.EPERM)]


MACHINE_CODE = """
import ctypes, mmap
code = bytes.fromhex({code!r})
memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
print(ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))())
"""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the code is for x86-64")
@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("b827000000 0f05 c3", False),  # getpid
        ("b814000000 cd80 c3", True),  # getpid by the 32-bit entry
        ("b827000040 0f05 c3", True),  # getpid by an x32 number
    ],
)
async def test_other_architectures_end_the_child(sandbox: Sandbox, code: str, ends: bool) -> None:
    trace = await sandbox.trace(MACHINE_CODE.format(code=code))
    assert (trace.outcome.reason == "crash") is ends


def test_the_filter_is_made_without_the_tools_that_find_libraries() -> None:
    """As in a slim image: no ldconfig, gcc or ld, and an empty PATH."""
    code = (
        "import ctypes.util, os; os.environ.clear(); ctypes.util.find_library = lambda name: None\n"
        "from app.sandbox import seccomp; assert seccomp.compile_filter()._program\n"
        "assert ctypes.util.find_library('c') is None"
    )
    subprocess.run((sys.executable, "-c", code), cwd=ROOT, check=True)


def test_a_missing_library_is_a_missing_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str | None, **_: object) -> ctypes.CDLL:
        raise OSError("libseccomp.so.2: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    limits = Limits(memory_bytes=2**20, run_s=1.0, source_bytes=1_000, answer_bytes=1_000)
    made = jail.Jail(limits, [], 0)
    os.close(made._null)
    if made._ruleset >= 0:
        os.close(made._ruleset)
    assert "libseccomp.so.2" in made.missing["seccomp"]
    assert "seccomp" not in made.layers
