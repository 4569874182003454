"""What the filter answers to system calls, made by number from a snippet."""

import contextlib
import ctypes
import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox import calls, jail, seccomp
from app.sandbox.limits import Limits
from app.sandbox.run import Sandbox
from tests.sandbox import bpf

ROOT = Path(__file__).parents[2]
CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
print(libc.syscall(*map(ctypes.c_long, ({number}, {arguments}))), ctypes.get_errno())
"""
DENIED = (
    "clone fork vfork clone3 execve execveat kill tgkill tkill socket socketpair connect bind sendmsg recvmsg pipe "
    "pipe2 vmsplice splice memfd_create eventfd2 epoll_create1 prctl prlimit64 setrlimit seccomp setitimer "
    "timer_create alarm shmget msgget mq_open sched_setaffinity setuid setgid chmod chown unlink rename mkdir symlink "
    "truncate ioctl fcntl pidfd_open pidfd_send_signal landlock_restrict_self capset personality chroot"
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
@pytest.mark.parametrize("name", sorted(calls.KILLED))
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


ARCHITECTURES = {"X86_64": 0xC000_003E, "AARCH64": 0xC000_00B7}
KILL, ALLOW, REFUSE = 0x8000_0000, 0x7FFF_0000, 0x0005_0000
# Known by these numbers on the other architecture, or by none; from its own table in the kernel's source.
AARCH64_NUMBERS = {"openat": 56, "read": 63, "newfstatat": 79, "clone": 220, "execve": 221, "ptrace": 117, "kill": 129}
ONLY_X86_64 = {"stat", "lstat", "access", "readlink", "poll", "select", "time", "fork", "vfork", "iopl", "ioperm"}


def expected(name: str) -> int:
    """What the table in calls.py promises for a call whose arguments are all 0."""
    if name in calls.ALLOWED:
        return ALLOW
    if name in calls.KILLED:
        return KILL
    return REFUSE | calls.ANSWERED.get(name, errno.EPERM)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_number_of_an_architecture_is_answered_as_the_table_says(arch: str) -> None:
    """Run by an interpreter of our own: one of the two is not the machine that this runs on."""
    native = platform.machine().upper() == arch
    program = seccomp.compile_filter(None if native else arch)._program
    library = seccomp._library()
    there = getattr(library.Arch, arch)
    names = {}
    for number in range(600):
        with contextlib.suppress(ValueError):
            names[number] = library.resolve_syscall(there, number).decode()
    known = {name: number for number, name in names.items()}
    if arch == "AARCH64":
        assert {name: known[name] for name in AARCH64_NUMBERS} == AARCH64_NUMBERS
    listed = {*calls.ALLOWED, *calls.NARROWED, *calls.ANSWERED, *calls.KILLED}
    assert listed - known.keys() == (ONLY_X86_64 if arch == "AARCH64" else set())
    answers = {number: bpf.verdict(program, ARCHITECTURES[arch], number) for number in range(600)}
    wrong = {
        names.get(number, number): hex(answer)
        for number, answer in answers.items()
        if answer != (expected(names[number]) if number in names else REFUSE | errno.EPERM)
    }
    assert wrong == {}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_foreign_architecture_is_killed_and_an_argument_is_compared_whole(arch: str) -> None:
    native = platform.machine().upper() == arch
    program = seccomp.compile_filter(None if native else arch)._program
    for other in (0x4000_0003, 0x4000_0028, *(set(ARCHITECTURES.values()) - {ARCHITECTURES[arch]})):  # i386, ARM
        assert bpf.verdict(program, other, 0) == KILL
    if arch == "X86_64":
        assert bpf.verdict(program, ARCHITECTURES[arch], 0x4000_0000 | 39) == KILL  # an x32 number
    library = seccomp._library()
    for name, (argument, values) in calls.NARROWED.items():
        number = library.resolve_syscall(getattr(library.Arch, arch), name)
        for value in values:
            for given, answer in ((value, ALLOW), (value | 1 << 40, REFUSE | errno.EPERM)):
                arguments = [given if place == argument else 7 for place in range(6)]
                assert bpf.verdict(program, ARCHITECTURES[arch], number, arguments) == answer, (name, hex(given))


def test_what_no_honest_snippet_asks_for_ends_it() -> None:
    """Named here once more, so that none can be taken from the table unseen."""
    hostile = "ptrace process_vm_readv process_vm_writev io_uring_setup bpf userfaultfd perf_event_open keyctl add_key"
    hostile += " request_key mount umount2 pivot_root move_mount fsopen open_by_handle_at unshare setns init_module"
    hostile += " finit_module delete_module kexec_load reboot swapon pidfd_getfd"
    assert set(hostile.split()) - calls.KILLED.keys() == set()


def test_each_call_stands_in_one_list_and_each_that_is_allowed_has_its_reason() -> None:
    listed = [*calls.ALLOWED, *calls.NARROWED, *calls.ANSWERED, *calls.KILLED]
    assert len(set(listed)) == len(listed)
    reasons = [*calls.ALLOWED.values(), *calls.KILLED.values()]
    reasons += [reason for _, values in calls.NARROWED.values() for reason in values.values()]
    assert all(reasons)


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
