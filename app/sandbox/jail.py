"""What a child gives up before it sees a snippet, layer by layer.

All that can be made ahead is made once, in the zygote: a ruleset, a filter, the limits' numbers.
"""

import os
import signal
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, get_args

from app.sandbox import kernel, landlock, limits, seccomp
from app.sandbox.environment import PACKAGES

# In the order in which they are put on: each needs rights or calls that a later one takes away.
JailLayer = Literal[
    "own-session",
    "own-uid",
    "no-capabilities",
    "undumpable",
    "no-new-privileges",
    "limits",
    "landlock",
    "descriptors",
    "seccomp",
]
ALL: tuple[JailLayer, ...] = get_args(JailLayer)

REQUEST, ANSWER = 3, 4  # where a jailed child reads its request and writes its answer; nothing else is open


class Jail:
    """The layers that this machine has. Made in the zygote, locked in its children."""

    def __init__(self, wanted: limits.Limits, readable: Collection[Path], mapped_bytes: int) -> None:
        """Prepare what can be prepared; `missing` says of each layer that cannot be had why not."""
        self.missing: dict[JailLayer, str] = {}
        self.landlock_abi = 0
        self._parent = os.getpid()
        self._rlimits = limits.rlimits(wanted, mapped_bytes)
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._ruleset = -1
        self._filter: seccomp.Filter | None = None
        if os.geteuid() != 0:
            self.missing["own-uid"] = "the server was not started as root, so all children share its user"
        try:
            self.landlock_abi = landlock.abi()
            self._ruleset = landlock.create_ruleset(readable, writable=[Path(os.devnull)])
        except OSError as error:
            self.missing["landlock"] = f"this kernel does not offer it ({error.strerror})"
        try:
            self._filter = seccomp.compile_filter()
        except OSError as error:
            self.missing["seccomp"] = f"the program cannot be made ({error})"

    @property
    def layers(self) -> frozenset[JailLayer]:
        """Those that a child of this machine puts on."""
        return frozenset(ALL) - self.missing.keys()

    def lock(self, layers: Collection[JailLayer], uid: int, request: int, answer: int) -> None:
        """Put this process behind `layers`. Raises OSError, and then no snippet may be run.

        Afterwards `REQUEST` and `ANSWER` are its only descriptors beside /dev/null at 0, 1 and 2.
        """
        os.dup2(request, REQUEST)
        os.dup2(answer, ANSWER)
        if "own-session" in layers:
            os.setsid()
            os.umask(0o077)
        if "no-capabilities" in layers:
            kernel.bind_capabilities()  # the change of user takes away the right to
        if "own-uid" in layers:
            _become(uid)
        if "no-capabilities" in layers:
            kernel.drop_capabilities()
        # After the change of user, which clears the one and sets the other.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0 if "undumpable" in layers else 1)
        if os.getppid() not in (self._parent, 0):  # 0 in a process tree of its own
            os._exit(0)  # the zygote had gone before it could tell us by signal
        if "no-new-privileges" in layers:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if "limits" in layers:
            limits.apply(self._rlimits)
        if "landlock" in layers:
            landlock.restrict_self(self._ruleset)
        if "descriptors" in layers:
            for standard in (0, 1, 2):
                os.dup2(self._null, standard)
            kernel.close_from(ANSWER + 1)
        if "seccomp" in layers and self._filter:
            self._filter.load()


def _become(uid: int) -> None:
    """Give up root for a user of its own. A child never stays root: what it left behind would be root's."""
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except PermissionError as error:
        told = "the server was started as root, but may not change its user: start it as an ordinary user"
        raise OSError(error.errno, told) from error


def readable_paths() -> tuple[Path, ...]:
    """What a snippet may read: the standard library, installed packages, and shared libraries. Nothing of ours.

    By the names that are used and by those that links lead to.
    """
    found = [path for path in _readable() if path.exists()]
    return tuple(dict.fromkeys(found + [path.resolve() for path in found]))


def _readable() -> Iterator[Path]:
    for kind in ("stdlib", "platstdlib"):
        yield Path(sysconfig.get_path(kind))
    yield from map(Path, PACKAGES)
    yield Path("/etc/ld.so.cache")
    yield Path("/usr/share/zoneinfo")
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        _, slash, tail = line.partition("/")
        library = Path(slash + tail)
        if ".so" not in library.name:
            continue
        # A library may lie beside somebody's own files: only where nothing else lies is its folder given.
        folder = library.parent
        if folder.is_relative_to("/usr/lib") or folder.is_relative_to("/lib") or folder == Path("/usr/lib64"):
            yield folder
            if folder.is_relative_to("/usr"):
                yield "/" / folder.relative_to("/usr")  # the name by which the loader's cache knows it
        else:
            yield library
