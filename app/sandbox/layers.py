"""Which layers hold, found out by children that try to break them: one behind each layer alone, one behind all.

A child without any layer tries the same first: an attempt that fails even there proves nothing.
"""

import asyncio
import signal

import msgspec
from msgspec import Struct

from app.errors import SandboxUnavailable
from app.sandbox import control
from app.sandbox.cgroup import bounded_from_outside
from app.sandbox.child import Received
from app.sandbox.jail import ALL, JailLayer
from app.sandbox.kernel import NAMESPACES
from app.sandbox.namespaces import Entered
from app.sandbox.process import ZygoteProcess

_PROBE_S = 20.0  # for one child and all its attempts
_FLOOD_BYTES = 2**16


class Layer(Struct, frozen=True, kw_only=True):
    """One layer of the sandbox, as a jailed child found it when it tried to break it."""

    name: str
    core: bool  # a public server refuses to start without it
    active: bool
    stops: str
    missing_because: str | None = None


class Examination(Struct, frozen=True, kw_only=True):
    """What the probes of one zygote found; `remarks` are for the operator."""

    layers: tuple[Layer, ...]
    broken: dict[str, str]  # layer → what a child behind all layers reached in spite of it
    remarks: tuple[str, ...] = ()
    landlock_abi: int = 0  # of the kernel; 0: none
    huge_bytes: int = 0  # of the zygote's heap in huge pages

    @property
    def missing_core(self) -> dict[str, str]:
        """Core layer → why it is missing."""
        return {
            layer.name: layer.missing_because or "it does not hold"
            for layer in self.layers
            if layer.core and not layer.active
        }


class _Sort(Struct, frozen=True, kw_only=True):
    """A layer that children put on: what it is called and stops, and the attempts that must fail behind it alone."""

    name: str
    stops: str
    attempts: tuple[str, ...]
    core: bool = True


_JAIL: dict[JailLayer, _Sort] = {
    "no-new-privileges": _Sort(
        name="no new privileges",
        stops="gaining rights by executing a file",
        attempts=("gain_privileges",),
    ),
    "seccomp": _Sort(
        name="system call filter (seccomp)",
        stops="starting processes or threads, reaching the network, tracing, most of the kernel",
        attempts=("fork", "execute", "start_thread", "open_socket", "hide_memory", "open_pipe", "trace_me"),
    ),
    "landlock": _Sort(
        name="file access (Landlock)",
        stops="reading any file but those of Python and its packages, writing any, looking at processes",
        attempts=("read_file", "read_process", "write_file"),
    ),
    "limits": _Sort(
        name="resource limits",
        stops="taking all memory, opening very many files, computing without end",
        attempts=("much_memory", "many_descriptors", "unlimited"),
    ),
    "own-uid": _Sort(
        name="a user of its own",
        stops="touching files and processes of the server or of another run",
        attempts=("be_root",),
    ),
    "no-capabilities": _Sort(
        name="no capabilities",
        stops="using rights of root's",
        attempts=("have_capabilities",),
    ),
    "undumpable": _Sort(
        name="closed to other processes",
        stops="reading or steering another run that has the same user",
        attempts=("look_into_another",),
    ),
    "own-session": _Sort(
        name="a session of its own",
        stops="using the server's terminal, and finding signals blocked or ignored as the server has them",
        attempts=("inherited_state",),
    ),
    "descriptors": _Sort(
        name="closed descriptors",
        stops="using connections and files that the server has open",
        attempts=("inherited_descriptors",),
    ),
}
_SCOPES = _Sort(
    name="network and signals (Landlock)",
    stops="TCP, sockets without a file, and signals to others: a second lock behind the system call filter",
    attempts=("connect", "reach_abstract_socket", "signal_outside"),
    core=False,
)
_ENVIRONMENT = _Sort(
    name="clean environment",
    stops="finding what the server was told: its settings, its secrets, other snippets",
    attempts=("inherited_environment",),
)
# Landlock and seccomp can only be put on by whoever can gain nothing.
_NEEDED: dict[JailLayer, tuple[JailLayer, ...]] = {
    "landlock": ("no-new-privileges",),
    "seccomp": ("no-new-privileges",),
    "undumpable": ("no-capabilities",),  # root may look into anything
}
_FEW_IMPORTS = (
    "A child's own user cannot read the folder in which this Python is installed (a private home, perhaps), so "
    "snippets can import only what the server has imported ahead. Install Python where everybody may read it."
)
_FATAL = "trace_me"  # the filter ends the child that tries it

Found = dict[str, str | None]


async def examine(zygote: ZygoteProcess) -> Examination:
    """Try every layer of `zygote`'s children. Raises SandboxUnavailable if its children cannot even be tried."""
    report = zygote.report
    if report is None:
        raise SandboxUnavailable("the process that runs snippets is not ready")
    put_on = tuple(layer for layer in ALL if layer not in report.missing)
    harmless = tuple(
        attempt for sort in (*_JAIL.values(), _SCOPES, _ENVIRONMENT) for attempt in sort.attempts if attempt != _FATAL
    )
    bare = await _try(zygote, (), (*harmless, "see_host"))
    behind_all = await _try(zygote, put_on, (*harmless, "import_lazily"))
    if "seccomp" in put_on:
        behind_all |= await _try(zygote, put_on, (_FATAL,))

    layers: list[Layer] = []
    broken: dict[str, str] = {}
    for layer, sort in _JAIL.items():
        core = sort.core and not (layer == "own-uid" and layer not in put_on)
        reason: str | None = report.missing.get(layer)
        if reason is None:
            reason = await _broken_alone(zygote, layer, sort)
            for attempt in sort.attempts:
                if reached := behind_all.get(attempt):
                    broken[sort.name] = reached
        layers.append(_layer(sort, core, reason or broken.get(sort.name)))
    layers.insert(3, _layer(_SCOPES, False, await _scopes_missing(zygote, report)))
    layers.append(_layer(_ENVIRONMENT, True, behind_all["inherited_environment"]))
    ours = [await _wall_clock(zygote, put_on), await _bounded_answers(zygote)]
    broken |= {layer.name: layer.missing_because for layer in ours if layer.missing_because}
    layers += [*ours, _namespaces(report.namespaces, bare), _user_namespace(report.namespaces), _group(zygote)]
    return Examination(
        layers=tuple(layers),
        broken=broken,
        remarks=_remarks(behind_all),
        landlock_abi=report.landlock_abi,
        huge_bytes=report.huge_bytes,
    )


def _layer(sort: _Sort, core: bool, missing_because: str | None) -> Layer:
    active = missing_because is None
    return Layer(name=sort.name, core=core, active=active, stops=sort.stops, missing_because=missing_because)


async def _broken_alone(zygote: ZygoteProcess, layer: JailLayer, sort: _Sort) -> str | None:
    """What a child behind `layer` alone reached in spite of it."""
    behind = (*_NEEDED.get(layer, ()), layer)
    found = await _try(zygote, behind, tuple(attempt for attempt in sort.attempts if attempt != _FATAL))
    return next((f"a child behind it {reached}" for reached in found.values() if reached), None)


async def _scopes_missing(zygote: ZygoteProcess, report: control.Ready) -> str | None:
    if "landlock" in report.missing:
        return report.missing["landlock"]
    if report.landlock_abi < 6:
        return f"this kernel's Landlock has ABI {report.landlock_abi}; 6 (Linux 6.12) is needed"
    return await _broken_alone(zygote, "landlock", _SCOPES)


async def _try(zygote: ZygoteProcess, layers: tuple[JailLayer, ...], attempts: tuple[str, ...]) -> Found:
    """What each attempt reached in a child behind `layers`."""
    received = await _probe(zygote, control.Probe(layers=layers, attempts=attempts), most_bytes=2**16)
    if received.kind == b"A":
        return msgspec.msgpack.decode(received.body, type=Found)
    if attempts == (_FATAL,):
        return {_FATAL: None}
    if received.kind is not None:
        raise SandboxUnavailable(received.body.decode(errors="replace"))
    ended = received.exited
    how = "was not seen to end" if ended is None else f"ended with code {ended.code}, signal {ended.signal}"
    raise SandboxUnavailable(f"a child that was to try {', '.join(layers) or 'no layer'} {how}")


async def _probe(zygote: ZygoteProcess, probe: control.Probe | None, most_bytes: int) -> Received:
    child = await zygote.spawn(probe=probe)
    try:
        async with asyncio.timeout(_PROBE_S):
            return await child.read(most_bytes)
    except TimeoutError:
        raise SandboxUnavailable("a child that tries the sandbox's layers did not answer") from None
    finally:
        child.close()


async def _wall_clock(zygote: ZygoteProcess, put_on: tuple[JailLayer, ...]) -> Layer:
    """A child that would stay for ever is ended by its pidfd."""
    child = await zygote.spawn(probe=control.Probe(layers=put_on, attempts=("outstay",)))
    try:
        await child.stir()
        received = await child.run(b"", deadline_s=0.01, grace_s=0.01, most_bytes=_FLOOD_BYTES)
    finally:
        child.close()
    ended = received.exited is not None and received.exited.signal == signal.SIGKILL
    return Layer(
        name="wall clock",
        core=True,
        active=ended,
        stops="running on after the deadline",
        missing_because=None if ended else "a child could not be killed: the server lacks the right to (CAP_KILL)",
    )


async def _bounded_answers(zygote: ZygoteProcess) -> Layer:
    """A child that answers without end is given up on."""
    received = await _probe(zygote, control.Probe(layers=("descriptors",), attempts=("flood",)), _FLOOD_BYTES)
    return Layer(
        name="bounded answers",
        core=True,
        active=received.too_large,
        stops="filling the server's memory",
        missing_because=None if received.too_large else "an endless answer was read on",
    )


def _namespaces(entered: Entered, bare: Found) -> Layer:
    reason = entered.why_none
    if reason is not None:
        reason = f"the host allows none ({reason})"
    elif lacking := NAMESPACES.keys() - {"user"} - set(entered.kinds):
        reason = f"the kernel gave none of kind {', '.join(sorted(lacking))}"
    elif reached := bare["see_host"]:
        reason = f"a child {reached}"
    return Layer(
        name="namespaces",
        core=False,
        active=reason is None,
        stops="seeing processes, files, network devices, shared memory and the name of the host",
        missing_because=reason,
    )


def _user_namespace(entered: Entered) -> Layer:
    reason = entered.why_none or entered.why_no_user
    if reason is not None:
        reason = f"the host allows none ({reason})"
    elif "user" not in entered.kinds:
        reason = "the kernel gave none"
    return Layer(
        name="user namespace",
        core=False,
        active=reason is None,
        stops="having a right over the host, even for the process that starts the runs",
        missing_because=reason,
    )


def _group(zygote: ZygoteProcess) -> Layer:
    """The bounds that we set, or else those that whoever started us has set."""
    reason = zygote.why_no_group
    if reason is not None and bounded_from_outside():
        reason = None
    elif reason is not None:
        outside = "`docker run --memory 4g --pids-limit 128`, or MemoryMax= and TasksMax= of a service"
        reason = f"none can be set here ({reason}); {outside} set them from outside"
    return Layer(
        name="bounds of all runs together (cgroup)",
        core=False,
        active=reason is None,
        stops="memory and processes that resource limits do not count, over all runs together",
        missing_because=reason,
    )


def _remarks(behind_all: Found) -> tuple[str, ...]:
    if behind_all["import_lazily"]:
        return ()
    # Snippets still have all that the worker imports ahead: torch, numpy and what they load on first use.
    return (_FEW_IMPORTS,)
