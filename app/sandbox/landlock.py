"""Landlock: files, network and signals that a process gives up for itself. Three system calls.

A ruleset denies every right that it handles except where a rule grants it. It is made once, in the
zygote, and applied in each child: 40 µs.
Source: https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from app.sandbox.kernel import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all architectures
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
_TRUNCATE = 1 << 14

# From which ABI on → how many rights of a kind can be denied. ABI 7, 8 and 11 added none: how denials are logged, how
# all threads are bound at once, and no_new_privs in the same call.
_FILES = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}  # 2 refer, 3 truncate, 5 ioctl of devices, 9 unix sockets by path
_NETWORK = {4: 2, 10: 4}  # 4 bind and connect TCP, 10 the same of UDP
_SCOPES = {6: 2}  # 6 abstract unix sockets, and signals, across the boundary
NEWEST = 11  # an ABI that came later is used as this one


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """The kernel's Landlock ABI, from 1. Raises OSError where Landlock is missing or switched off."""
    return system_call("landlock_create_ruleset", _CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)


def handled(version: int) -> tuple[int, int, int]:
    """Bits of the rights over files, network and scopes that ABI `version` can deny: all it has."""
    files, network, scopes = (
        max((count for since, count in kind.items() if since <= version), default=0)
        for kind in (_FILES, _NETWORK, _SCOPES)
    )
    return (1 << files) - 1, (1 << network) - 1, (1 << scopes) - 1


def create_ruleset(readable: Iterable[Path], writable: Iterable[Path] = (), version: int | None = None) -> int:
    """A descriptor of rules that deny everything but reading below `readable` and writing to `writable`.

    Paths that do not exist are passed over. `version` defaults to the kernel's. Raises OSError.
    """
    version = abi() if version is None else version
    attributes = _RulesetAttr(*handled(version))
    size = 8 if version < 4 else 16 if version < 6 else 24  # an older kernel refuses fields it does not know
    ruleset = system_call("landlock_create_ruleset", _CREATE_RULESET, attributes, size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, READ_FILE | READ_DIR)
        for path in writable:
            _allow(ruleset, path, READ_FILE | WRITE_FILE | (_TRUNCATE if version >= 3 else 0))
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not path.is_dir():
            rights &= ~READ_DIR  # refused for a file
        rule = _PathBeneathAttr(rights, place)
        system_call("landlock_add_rule", _ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(place)


def restrict_self(ruleset: int) -> None:
    """Bind this thread to `ruleset`, for good. Needs no_new_privs."""
    system_call("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
