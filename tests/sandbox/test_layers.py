"""Each layer stops what it is there to stop; and the attempt succeeds where the layer is taken out."""

import os
import signal
from collections.abc import AsyncIterator, Collection

import msgspec
import pytest
import pytest_asyncio

from app.errors import LayersMissing, SandboxUnavailable
from app.sandbox import control, layers
from app.sandbox.environment import ENVIRONMENT
from app.sandbox.jail import ALL, JailLayer
from app.sandbox.limits import Limits
from app.sandbox.process import ZygoteProcess
from app.sandbox.run import Sandbox
from tests.sandbox.conftest import PLAIN_WORKER, PROBING_WORKER, OpenSandbox, quick

pytestmark = pytest.mark.asyncio(loop_scope="module")

AS_ROOT = os.geteuid() == 0
LIMITS = Limits(memory_bytes=2**28, run_s=3.0, source_bytes=20_000, answer_bytes=2**20)

# The attempt, the layer that stops it, and the others that would stop it too.
ROWS: list[tuple[str, JailLayer, tuple[JailLayer, ...]]] = [
    ("read_file", "landlock", ()),
    ("read_process", "landlock", ()),
    ("write_file", "landlock", ()),
    ("connect", "landlock", ("seccomp",)),
    ("signal_outside", "landlock", ("seccomp", "own-uid")),
    ("fork", "seccomp", ("limits",)),
    ("fork", "limits", ("seccomp",)),
    ("start_thread", "seccomp", ("limits",)),
    ("execute", "seccomp", ()),
    ("open_socket", "seccomp", ()),
    ("hide_memory", "seccomp", ()),
    ("open_pipe", "seccomp", ()),
    ("trace_me", "seccomp", ()),
    ("signal_outside", "seccomp", ("landlock", "own-uid")),
    ("much_memory", "limits", ()),
    ("many_descriptors", "limits", ()),
    ("gain_privileges", "no-new-privileges", ("seccomp", "landlock")),
    ("inherited_descriptors", "descriptors", ()),
    ("be_root", "own-uid", ()),
    ("signal_outside", "own-uid", ("seccomp", "landlock")),
    ("reach_abstract_socket", "landlock", ("seccomp",)),
    ("unlimited", "limits", ("seccomp",)),
    ("inherited_state", "own-session", ("seccomp",)),
    ("have_capabilities", "no-capabilities", ("seccomp", "own-uid")),
    ("bounding_set", "no-capabilities", ("seccomp", "own-uid")),
    ("look_into_another", "undumpable", ("seccomp", "limits")),
]
# Landlock stops these from a later ABI on.
SINCE_ABI = {"connect": 4, "reach_abstract_socket": 6, "signal_outside": 6}
OF_ROOT = {"own-uid", "no-capabilities"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygote() -> AsyncIterator[ZygoteProcess]:
    """In no namespaces: there the files and processes that must not be reached are not even to be seen."""
    zygote = await ZygoteProcess.start(PROBING_WORKER, LIMITS, namespaces=False, start_s=60)
    yield zygote
    await zygote.stop()


async def reached(zygote: ZygoteProcess, attempt: str, behind: Collection[JailLayer]) -> str | None:
    """What `attempt` reaches behind these layers; a child that it was killed for reached nothing."""
    put_on = tuple(layer for layer in ALL if layer in behind)
    child = await zygote.spawn(probe=control.Probe(layers=put_on, attempts=(attempt,)))
    try:
        received = await child.read(2**16)
    finally:
        child.close()
    if received.kind is None:
        assert received.exited
        assert received.exited.signal == 31  # SIGSYS
        return None
    assert received.kind == b"A", received.body
    return msgspec.msgpack.decode(received.body, type=dict[str, str | None])[attempt]


@pytest.mark.parametrize(("attempt", "layer", "others"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
async def test_a_layer_stops_what_succeeds_without_it(
    zygote: ZygoteProcess, attempt: str, layer: JailLayer, others: tuple[JailLayer, ...]
) -> None:
    assert zygote.report
    if attempt in SINCE_ABI and layer == "landlock" and zygote.report.landlock_abi < SINCE_ABI[attempt]:
        pytest.skip(f"this kernel's Landlock has ABI {zygote.report.landlock_abi}")
    if layer in zygote.report.missing or (layer in OF_ROOT and not AS_ROOT):
        pytest.skip(f"{layer} is not to be had here: {zygote.report.missing.get(layer, 'not root')}")
    available = set(ALL) - zygote.report.missing.keys()
    with_it = available - set(others)
    assert await reached(zygote, attempt, with_it) is None
    assert await reached(zygote, attempt, with_it - {layer}) is not None
    assert await reached(zygote, attempt, available) is None


async def test_a_child_sees_the_host_only_outside_of_namespaces(zygote: ZygoteProcess) -> None:
    assert await reached(zygote, "see_host", ()) is not None
    inside = await ZygoteProcess.start(PLAIN_WORKER, LIMITS, namespaces=True, start_s=60)
    try:
        assert inside.report
        if inside.report.namespaces.why_none:
            pytest.skip(inside.report.namespaces.why_none)
        assert await reached(inside, "see_host", ()) is None
    finally:
        await inside.stop()


async def test_what_the_zygote_holds_comes_from_us(zygote: ZygoteProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await reached(zygote, "inherited_environment", ()) is None
    monkeypatch.setattr("app.sandbox.process.ENVIRONMENT", ENVIRONMENT | {"SECRET": "x"})
    other = await ZygoteProcess.start(PLAIN_WORKER, LIMITS, namespaces=False, start_s=60)
    assert await reached(other, "inherited_environment", ()) == "found SECRET"
    await other.stop()


async def test_a_server_hands_down_neither_its_signals_nor_its_mask() -> None:
    ignored, mask = signal.signal(signal.SIGHUP, signal.SIG_IGN), os.umask(0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        zygote = await ZygoteProcess.start(PLAIN_WORKER, LIMITS, namespaces=False, start_s=60)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        signal.signal(signal.SIGHUP, ignored)
        os.umask(mask)
    behind: tuple[JailLayer, ...] = ("own-session",)
    assert await reached(zygote, "inherited_state", behind) is None
    await zygote.stop()


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user cannot change its groups")
async def test_a_server_hands_down_none_of_its_groups() -> None:
    groups = os.getgroups()
    os.setgroups([4711])
    try:
        zygote = await ZygoteProcess.start(PLAIN_WORKER, LIMITS, namespaces=False, start_s=60)
    finally:
        os.setgroups(groups)
    behind: tuple[JailLayer, ...] = ("own-uid",)
    assert await reached(zygote, "be_root", behind) is None
    await zygote.stop()


async def test_a_child_that_outstays_or_floods_is_missed_as_a_layer(
    zygote: ZygoteProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server's side does for a child, taken out."""
    assert zygote.report
    put_on = tuple(layer for layer in ALL if layer not in zygote.report.missing)
    assert (await layers._wall_clock(zygote, put_on)).active
    assert (await layers._bounded_answers(zygote)).active
    monkeypatch.setattr("app.sandbox.child._END_S", 0.1)
    monkeypatch.setattr("app.sandbox.child.Child._signal", lambda *_: None)
    assert not (await layers._wall_clock(zygote, put_on)).active
    monkeypatch.undo()
    monkeypatch.setattr("app.sandbox.layers._FLOOD_BYTES", 2**32)
    monkeypatch.setattr("app.sandbox.layers._PROBE_S", 0.2)
    with pytest.raises(SandboxUnavailable, match="did not answer"):
        await layers._bounded_answers(zygote)


async def test_the_examination_finds_every_layer_active(zygote: ZygoteProcess) -> None:
    found = await layers.examine(zygote)
    assert zygote.report
    assert found.broken == {}
    inactive = {layer.name for layer in found.layers if not layer.active}
    assert "namespaces" in inactive  # this zygote stands in none
    assert "user namespace" in inactive
    if not zygote.report.missing:
        assert found.missing_core == {}
    assert len({layer.name for layer in found.layers}) == len(found.layers)


@pytest.mark.parametrize("layer", ["seccomp", "landlock", "limits", "undumpable", "own-session", "descriptors"])
async def test_the_examination_notices_a_layer_that_does_not_hold(
    zygote: ZygoteProcess, layer: JailLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine whose kernel accepts a layer and does nothing."""
    spawn = zygote.spawn

    async def spawn_without(*, warm: bool = False, probe: control.Probe | None = None) -> object:
        if probe:
            probe = control.Probe(layers=tuple(each for each in probe.layers if each != layer), attempts=probe.attempts)
        return await spawn(warm=warm, probe=probe)

    monkeypatch.setattr(zygote, "spawn", spawn_without)
    found = await layers.examine(zygote)
    broken = {layer.name for layer in found.layers if layer.core and not layer.active}
    assert broken == {layers._JAIL[layer].name}


async def test_a_public_server_refuses_to_start_without_a_core_layer(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine = layers.examine

    async def without_landlock(zygote: ZygoteProcess) -> layers.Examination:
        found = await examine(zygote)
        changed = [
            msgspec.structs.replace(layer, active=False, missing_because="this kernel does not offer it")
            if layer.name == "file access (Landlock)"
            else layer
            for layer in found.layers
        ]
        return msgspec.structs.replace(found, layers=tuple(changed))

    monkeypatch.setattr("app.sandbox.keeper.examine", without_landlock)
    public = Sandbox(quick(public=True), worker=PLAIN_WORKER)
    with pytest.raises(LayersMissing, match=r"file access \(Landlock\) \(this kernel does not offer it\)"):
        await public.start()
    assert not public.ready
    await public.stop()
    async with open_sandbox() as local:
        assert local.ready  # with a warning


async def test_no_server_starts_whose_layers_can_be_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    examine = layers.examine

    async def escaped(zygote: ZygoteProcess) -> layers.Examination:
        return msgspec.structs.replace(await examine(zygote), broken={"file access (Landlock)": "read /etc/passwd"})

    monkeypatch.setattr("app.sandbox.keeper.examine", escaped)
    sandbox = Sandbox(quick(), worker=PLAIN_WORKER)
    with pytest.raises(SandboxUnavailable, match="read /etc/passwd"):
        await sandbox.start()
    await sandbox.stop()
