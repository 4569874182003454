"""A control group around the zygote and all its children: what they may take together of memory and processes.

The resource limits of a child count its address space. This counts what they do not: what the kernel holds for it, and
all runs together. It is made beside the server, in version 2 of cgroups or in version 1, where the server may write
there: as root of a machine, or where systemd was asked to delegate (`Delegate=yes`).

One group, not one for each run: that would cost each run a folder, and says nothing that RLIMIT_AS does not.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_PREFIX = "tapescope-"
_SERVER = "tapescope-server"  # version 2: whoever hands out controllers may hold no process itself
_CONTROLLERS = ("memory", "pids")
_ESCAPED_SPACE = "\\040"


class Bounds(Struct, frozen=True, kw_only=True):
    """What the zygote and its children may take together."""

    memory_bytes: int
    processes: int


class Place(Struct, frozen=True):
    """A folder of one hierarchy in which this process stands."""

    folder: Path
    controllers: tuple[str, ...]
    version: int


class Group:
    """The folders of one group: one in version 2, one for each controller in version 1. Made by `make`."""

    def __init__(self, places: list[Place]) -> None:
        self._places = places

    def add(self, pid: int) -> None:
        """Put process `pid` in; what it forks from now on is in as well. Raises OSError."""
        for place in self._places:
            (place.folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def holds(self, pid: int, bounds: Bounds) -> str | None:
        """What of the group does not hold, read back from the kernel; None if all does."""
        try:
            for place in self._places:
                if str(pid) not in (place.folder / "cgroup.procs").read_text(encoding="ascii").split():
                    return "the process that runs snippets is not in it"
            memory, processes = self._bounds()
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        # The kernel rounds memory down to whole pages.
        fits = 0 <= bounds.memory_bytes - memory < os.sysconf("SC_PAGE_SIZE") and processes == bounds.processes
        return None if fits else f"the kernel took {memory} bytes and {processes} processes for its bounds"

    def remove(self) -> bool:
        """Forget the group; False while a process is in it."""
        for place in self._places:
            with suppress(OSError):  # version 1 and kernels before 5.14 have none: its processes end with the zygote
                (place.folder / "cgroup.kill").write_text("1", encoding="ascii")
        for place in list(self._places):
            try:
                place.folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return False
            self._places.remove(place)
        return True

    def _bounds(self) -> tuple[int, int]:
        memory = processes = -1
        for place in self._places:
            names = ("memory.max", "pids.max") if place.version == 2 else ("memory.limit_in_bytes", "pids.max")
            for controller, name in zip(_CONTROLLERS, names, strict=True):
                if controller in place.controllers:
                    text = (place.folder / name).read_text(encoding="ascii").strip()
                    number = int(text) if text.isdigit() else -1
                    memory, processes = (number, processes) if controller == "memory" else (memory, number)
        return memory, processes


def put(pid: int, bounds: Bounds) -> tuple[Group | None, str | None]:
    """A new group with process `pid` in it, and why it does not hold; None if it does."""
    try:
        group = make(bounds)
    except OSError as error:
        return None, error.strerror or str(error)
    try:
        group.add(pid)
        return group, group.holds(pid, bounds)
    except OSError as error:
        return group, error.strerror or str(error)


def make(bounds: Bounds, root: Path = Path("/")) -> Group:
    """A new group under the one in which this process is. Raises OSError, whose text says what is in the way.

    `root` is where /proc and /sys are found.
    """
    places = _places(root)
    if not {controller for place in places for controller in place.controllers} >= set(_CONTROLLERS):
        raise OSError(errno.ENOENT, "no group for memory and processes is mounted here")
    made: list[Place] = []
    try:
        for place in places:
            base = _ready_for_groups(place.folder, root) if place.version == 2 else place.folder
            _clear_up(base, root)
            folder = base / f"{_PREFIX}{os.getpid()}-{len(list(base.glob(f'{_PREFIX}{os.getpid()}-*')))}"
            folder.mkdir()
            made.append(Place(folder, place.controllers, place.version))
            _bound(made[-1], bounds)
    except OSError:
        Group(made).remove()
        raise
    return Group(made)


def bounded_from_outside(root: Path = Path("/")) -> bool:
    """Whether the group in which this process is has bounds for both, as an engine sets them on a container."""
    try:
        places = _places(root)
        read = [Group([place])._bounds() for place in places]
    except OSError:
        return False
    # Without a bound version 2 says "max", and version 1 nearly 2⁶³ of memory.
    return any(0 < memory < 2**60 for memory, _ in read) and any(processes > 0 for _, processes in read)


def _places(root: Path) -> list[Place]:
    """Where this process stands: in version 2 if that has both controllers, else in version 1."""
    within = {}
    for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        within[controllers] = path
    places: list[Place] = []
    for line in (root / "proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        mounted, target = before.split(" ")[3:5]
        target = target.replace(_ESCAPED_SPACE, " ").lstrip("/")
        if kind == "cgroup2":
            folder = root / target / _relative(within.get("", "/"), mounted)
            given = folder / "cgroup.controllers"
            if given.exists() and set(_CONTROLLERS) <= set(given.read_text(encoding="ascii").split()):
                return [Place(folder, _CONTROLLERS, 2)]
        elif kind == "cgroup":
            for controllers, path in within.items():
                here = tuple(each for each in _CONTROLLERS if each in controllers.split(","))
                if here and set(controllers.split(",")) <= set(options.split(",")):
                    places.append(Place(root / target / _relative(path, mounted), here, 1))
    return places


def _relative(path: str, mounted: str) -> Path:
    """`path` below what of its hierarchy is `mounted`; in a container that may be less than all."""
    full = Path(path)
    return full.relative_to(mounted) if full.is_relative_to(mounted) else Path()


def _ready_for_groups(own: Path, root: Path) -> Path:
    """The folder, in version 2, in which a group with both controllers can be made. Raises OSError."""
    base = own.parent if own.name == _SERVER else own
    control = base / "cgroup.subtree_control"
    if set(_CONTROLLERS) <= set(control.read_text(encoding="ascii").split()):
        return base
    others = set((base / "cgroup.procs").read_text(encoding="ascii").split()) - {str(os.getpid())}
    if others and base != root / "sys/fs/cgroup":  # of the whole machine's group that is not asked
        raise OSError(errno.EBUSY, "other processes are in the server's own group; give the server one to itself")
    with suppress(FileExistsError):
        (base / _SERVER).mkdir()
    (base / _SERVER / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    control.write_text(" ".join(f"+{controller}" for controller in _CONTROLLERS), encoding="ascii")
    return base


def _bound(place: Place, bounds: Bounds) -> None:
    memory, processes = str(bounds.memory_bytes), str(bounds.processes)
    if "pids" in place.controllers:
        (place.folder / "pids.max").write_text(processes, encoding="ascii")
    if "memory" not in place.controllers:
        return
    if place.version == 2:
        (place.folder / "memory.max").write_text(memory, encoding="ascii")
        swap, most_swap = "memory.swap.max", "0"
    else:
        (place.folder / "memory.limit_in_bytes").write_text(memory, encoding="ascii")
        swap, most_swap = "memory.memsw.limit_in_bytes", memory
    if (place.folder / swap).exists():  # else the kernel does not count swap, or there is none
        (place.folder / swap).write_text(most_swap, encoding="ascii")


def _clear_up(base: Path, root: Path) -> None:
    """Remove what servers left that were killed: groups of nobody, which only their name keeps."""
    for folder in base.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not (root / "proc" / owner).exists():
            with suppress(OSError):
                folder.rmdir()
