"""The system calls that a jailed child may make: an allowlist by name, compiled once in the zygote.

Seen by strace over 131 snippets: torch needs 18 system calls after the fork. The others that are allowed are
their variants on other C libraries, and what error paths use.
"""

import contextlib
import ctypes
import ctypes.util
import errno
import importlib
import os
import types

from app.sandbox.kernel import system_call


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Opening for writing is Landlock's. mmap and mprotect with PROT_EXEC are needed by oneDNN and ctypes.
ALLOWED = _names("""
    newfstatat fstat stat lstat statx getdents64 getcwd readlink readlinkat access faccessat faccessat2
    openat read pread64 readv lseek write writev close dup
    mmap munmap mremap mprotect madvise brk membarrier
    futex set_robust_list rseq sched_yield sched_getaffinity gettid getpid getppid
    getuid geteuid getgid getegid uname times time gettimeofday clock_gettime clock_getres getrusage
    nanosleep clock_nanosleep restart_syscall poll ppoll select pselect6
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
    getrandom exit exit_group
""")

# Allowed for these values of one argument only: name → (which argument, values).
NARROWED = {
    # TCGETS, TCGETS2 and TIOCGWINSZ ask whether it is a terminal; FIOCLEX, FIONCLEX close on exec.
    "ioctl": (1, (0x5401, 0x802C542A, 0x5413, 0x5451, 0x5450)),
    "fcntl": (1, (1, 2, 3, 1030)),  # F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC
}

# What libraries know how to live without: "can't start new thread" instead of an odd error.
ANSWERED = {"clone": errno.EAGAIN, "fork": errno.EAGAIN, "vfork": errno.EAGAIN, "clone3": errno.ENOSYS}

# No honest snippet makes these: the child ends at once. All others are refused with EPERM.
KILLED = _names("""
    ptrace process_vm_readv process_vm_writev io_uring_setup io_uring_enter io_uring_register bpf userfaultfd
    perf_event_open keyctl add_key request_key mount umount2 pivot_root unshare setns
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
""")

_SET_MODE_FILTER = 1
_INSTRUCTION_BYTES = 8


class _SockFprog(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class Filter:
    """A compiled program, ready to be loaded by one system call."""

    def __init__(self, number: int, program: bytes) -> None:
        self._number, self._program = number, program  # the program outlives the pointer to it
        self._attributes = _SockFprog(len(program) // _INSTRUCTION_BYTES, program)

    def load(self) -> None:
        """Bind this process to the filter, for good. Needs no_new_privs."""
        system_call("seccomp", self._number, _SET_MODE_FILTER, 0, self._attributes)


def _library() -> types.ModuleType:
    """pyseccomp. Raises OSError where there is no libseccomp."""
    # It looks for libraries with ldconfig, gcc or ld, which slim images lack: give it their names instead.
    names = {"c": None, "seccomp": "libseccomp.so.2"}
    ctypes.CDLL(names["seccomp"])
    find_library = ctypes.util.find_library
    setattr(ctypes.util, "find_library", names.get)  # noqa: B010  # mypy minds the assignment
    try:
        return importlib.import_module("pyseccomp")
    finally:
        setattr(ctypes.util, "find_library", find_library)  # noqa: B010  # as above


def compile_filter() -> Filter:
    """The filter for this architecture; others end the process. Raises OSError where libseccomp is missing."""
    seccomp = _library()
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    with contextlib.suppress(OSError):  # libseccomp before 2.5: slower by microseconds
        rules.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)  # a binary tree instead of a list
    known = {
        name: number for name in (*ALLOWED, *NARROWED, *ANSWERED, *KILLED) if (number := _resolve(seccomp, name)) >= 0
    }
    for name in known.keys() & ALLOWED:
        rules.add_rule(seccomp.ALLOW, known[name])
    for name, (argument, values) in NARROWED.items():
        for value in values:
            rules.add_rule(seccomp.ALLOW, known[name], seccomp.Arg(argument, seccomp.EQ, value))
    for name in known.keys() & ANSWERED.keys():
        rules.add_rule(seccomp.ERRNO(ANSWERED[name]), known[name])
    for name in known.keys() & KILLED:
        rules.add_rule(seccomp.KILL_PROCESS, known[name])
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return Filter(_resolve(seccomp, "seccomp"), file.read())


def _resolve(seccomp: types.ModuleType, name: str) -> int:
    """The number of system call `name` here; negative where this architecture has none."""
    number: int = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    return number
