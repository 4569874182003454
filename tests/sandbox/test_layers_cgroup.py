"""The bounds of all runs together: what they stop, and where a group is made."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.sandbox import cgroup, control, layers
from app.sandbox.cgroup import Bounds
from app.sandbox.limits import Limits, together
from app.sandbox.process import ZygoteProcess
from tests.sandbox.conftest import PROBING_WORKER
from tests.sandbox.probing_worker import MEMORY_BYTES, PROCESSES

LIMITS = Limits(memory_bytes=2**28, run_s=3.0, source_bytes=20_000, answer_bytes=2**20)
TIGHT = Bounds(memory_bytes=MEMORY_BYTES // 2, processes=PROCESSES // 2)


def groups() -> set[Path]:
    """The folders of groups that a server has made and not removed."""
    return {path for place in cgroup._places(Path("/")) for path in place.folder.glob("tapescope-*-*")}


@pytest_asyncio.fixture(params=[True, False], ids=["group", "no group"])
async def zygote(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ZygoteProcess]:
    """In tight bounds, or in none."""
    monkeypatch.setattr("app.sandbox.process.together", lambda _: TIGHT)
    before = groups()
    zygote = await ZygoteProcess.start(PROBING_WORKER, LIMITS, namespaces=False, cgroups=request.param, start_s=60)
    yield zygote
    await zygote.stop()
    assert groups() == before


async def reached(zygote: ZygoteProcess, attempt: str) -> bytes:
    """What a child behind no other layer says of it."""
    child = await zygote.spawn(probe=control.Probe(layers=(), attempts=(attempt,)))
    received = await child.read(2**16)
    child.close()
    return received.body


async def test_it_stops_what_no_other_layer_is_there_to_stop(zygote: ZygoteProcess) -> None:
    bounded = zygote._group is not None
    if zygote.why_no_group and zygote.why_no_group != "it is switched off":
        pytest.skip(zygote.why_no_group)
    assert (zygote.why_no_group is None) is bounded
    assert (b"took it" in await reached(zygote, "take_memory")) is not bounded
    assert (b"started them all" in await reached(zygote, "start_processes")) is not bounded
    assert not zygote.died.is_set()  # the one that took too much has been ended, not who started it
    layer = layers._group(zygote)
    assert layer.active is bounded or cgroup.bounded_from_outside()
    if not layer.active:
        assert "switched off" in f"{layer.missing_because}"


def test_they_are_wide_enough_for_all_that_may_run_at_once() -> None:
    small = LIMITS
    large = Limits(memory_bytes=2**28, run_s=3.0, source_bytes=1, answer_bytes=1, running=16, idle=32)
    assert together(small).processes > small.running + small.idle + 2
    assert together(large).processes > large.running + large.idle + 2
    assert together(small).memory_bytes >= 2 * small.memory_bytes
    assert together(large).memory_bytes >= together(small).memory_bytes


VERSION_2 = "29 25 0:26 {mounted} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
VERSION_1 = """\
30 29 0:27 {mounted} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 29 0:28 {mounted} /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
32 29 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""


def machine(root: Path, files: dict[str, str]) -> Path:
    """Files at `root` as the kernel has them."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def made(root: Path) -> dict[str, str]:
    """What the one group that was made at `root` says, by its folder and file."""
    files = [path for path in root.glob("sys/fs/cgroup/**/tapescope-*-*/*") if path.is_file()]
    return {f"{path.parents[1].relative_to(root / 'sys/fs/cgroup')}:{path.name}": path.read_text() for path in files}


def version_2(own: str, *, procs: str, given: str = "cpu memory pids", handed_out: str = "") -> dict[str, str]:
    """A machine with version 2 alone, and this process in the group `own`."""
    folder = f"sys/fs/cgroup{own}"
    return {
        "proc/self/cgroup": f"0::{own}\n",
        "proc/self/mountinfo": VERSION_2.format(mounted="/"),
        f"{folder}/cgroup.controllers": given,
        f"{folder}/cgroup.procs": procs,
        f"{folder}/cgroup.subtree_control": handed_out,
    }


@pytest.mark.parametrize(
    ("own", "procs", "handed_out"),
    [
        ("/scope", "me\n", ""),  # as systemd delegates one, or a container's own
        ("/scope", "me\n7\n", "memory pids"),  # handed out already
        ("", "me\n1\n2\n", ""),  # the whole machine's
    ],
)
def test_in_version_2_a_group_is_made_beside_the_server(tmp_path: Path, own: str, procs: str, handed_out: str) -> None:
    me = str(os.getpid())
    root = machine(tmp_path, version_2(own, procs=procs.replace("me", me), handed_out=handed_out))
    group = cgroup.make(Bounds(memory_bytes=2**20, processes=7), root)
    group.add(4711)
    place = own.lstrip("/") or "."
    wanted = {"memory.max": "1048576", "pids.max": "7", "cgroup.procs": "4711"}
    assert made(root) == {f"{place}:{name}": text for name, text in wanted.items()}
    folder = root / f"sys/fs/cgroup{own}"
    if not handed_out:
        assert (folder / "tapescope-server/cgroup.procs").read_text() == me
        assert (folder / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert group.holds(4711, Bounds(memory_bytes=2**20, processes=7)) is None
    assert group.holds(4712, Bounds(memory_bytes=2**20, processes=7)) is not None
    assert group.holds(4711, Bounds(memory_bytes=2**30, processes=7)) is not None


def test_a_server_that_has_moved_is_found_again(tmp_path: Path) -> None:
    files = version_2("/scope", procs="", handed_out="memory pids")
    files["proc/self/cgroup"] = "0::/scope/tapescope-server\n"
    files["sys/fs/cgroup/scope/tapescope-server/cgroup.controllers"] = "memory pids"
    root = machine(tmp_path, files)
    cgroup.make(Bounds(memory_bytes=2**20, processes=7), root)
    assert set(made(root)) == {"scope:memory.max", "scope:pids.max"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"procs": "1\n2\n"}, "other processes"),
        ({"procs": "", "given": "cpu"}, "no group"),
    ],
)
def test_what_is_in_the_way_is_told(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    root = machine(tmp_path, version_2("/scope", **changes))
    with pytest.raises(OSError, match=told):
        cgroup.make(Bounds(memory_bytes=2**20, processes=7), root)
    assert made(root) == {}


@pytest.mark.parametrize(("mounted", "place"), [("/", "{}/docker/x"), ("/docker/x", "{}")])
def test_in_version_1_each_controller_has_its_own(tmp_path: Path, mounted: str, place: str) -> None:
    within = "3:pids:/docker/x\n2:memory:/docker/x\n1:name=systemd:/\n0::/\n"
    files = {"proc/self/cgroup": within, "proc/self/mountinfo": VERSION_1.format(mounted=mounted)}
    for controller in ("memory", "pids"):
        files[f"sys/fs/cgroup/{place.format(controller)}/cgroup.procs"] = "1\n2\n"
    root = machine(tmp_path, files)
    cgroup.make(Bounds(memory_bytes=2**20, processes=7), root)
    assert made(root) == {
        f"{place.format('memory')}:memory.limit_in_bytes": "1048576",
        f"{place.format('pids')}:pids.max": "7",
    }


@pytest.mark.parametrize(
    ("memory", "processes", "bounded"), [("max", "max", False), ("1048576", "max", False), ("1048576", "128", True)]
)
def test_bounds_that_an_engine_has_set_are_seen(tmp_path: Path, memory: str, processes: str, bounded: bool) -> None:
    files = version_2("", procs="1\n") | {"sys/fs/cgroup/memory.max": memory, "sys/fs/cgroup/pids.max": processes}
    assert cgroup.bounded_from_outside(machine(tmp_path, files)) is bounded


def test_what_a_killed_server_left_is_cleared_up(tmp_path: Path) -> None:
    root = machine(tmp_path, version_2("", procs="1\n"))
    (root / "proc/5").mkdir()
    for pid in (4, 5):
        (root / f"sys/fs/cgroup/tapescope-{pid}-0").mkdir()
    cgroup.make(Bounds(memory_bytes=2**20, processes=7), root)
    assert not (root / "sys/fs/cgroup/tapescope-4-0").exists()
    assert (root / "sys/fs/cgroup/tapescope-5-0").exists()
