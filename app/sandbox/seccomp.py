"""The filter of system calls: `calls.py` by number, compiled once in the zygote by libseccomp.

What is not listed there is refused with EPERM. A call by the numbers of a foreign architecture ends the child.
"""

import contextlib
import ctypes
import ctypes.util
import errno
import importlib
import os
import types

from app.sandbox.calls import ALLOWED, ANSWERED, KILLED, NARROWED
from app.sandbox.kernel import system_call

_SET_MODE_FILTER = 1
_INSTRUCTION_BYTES = 8
_NOT_A_NAME = -1  # __NR_SCMP_ERROR: a libseccomp that is older than the call


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


def compile_filter(arch: str | None = None) -> Filter:
    """The filter for this architecture; others end the process. Raises OSError where libseccomp is missing.

    `arch`, as libseccomp writes it ("AARCH64"), makes the program for another one, to be looked at only.
    """
    seccomp = _library()
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    with contextlib.suppress(OSError):  # libseccomp before 2.5: slower by microseconds
        rules.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)  # a binary tree instead of a list
    if arch:
        rules.add_arch(getattr(seccomp.Arch, arch))
        rules.remove_arch(seccomp.system_arch())

    def add(action: int, name: str, *arguments: object) -> None:
        number = _resolve(seccomp, name)
        # Negative where this architecture has none; another one may, and libseccomp knows it by that number.
        if number >= 0 or (arch and number != _NOT_A_NAME):
            rules.add_rule(action, number, *arguments)

    for name in ALLOWED:
        add(seccomp.ALLOW, name)
    for name, (argument, values) in NARROWED.items():
        for value in values:
            add(seccomp.ALLOW, name, seccomp.Arg(argument, seccomp.EQ, value))
    for name, error in ANSWERED.items():
        add(seccomp.ERRNO(error), name)
    for name in KILLED:
        add(seccomp.KILL_PROCESS, name)
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return Filter(_resolve(seccomp, "seccomp"), file.read())


def _resolve(seccomp: types.ModuleType, name: str) -> int:
    """The number of system call `name` here; negative where this architecture has none."""
    number: int = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    return number
