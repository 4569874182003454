"""Each kind of namespace hides what it is there to hide; and it is seen where that kind alone is left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox.kernel import NAMESPACES

ROOT = Path(__file__).parents[2]
HERE = """
import ctypes, os, socket, sys
from contextlib import suppress
from pathlib import Path
from app.sandbox import kernel, namespaces

libc = ctypes.CDLL(None)
place, without, user = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "user"
shared = libc.shmget(0, 4096, 0o1600)  # a piece of memory that the host's processes could share
name = os.uname().nodename
kernel.NAMESPACES.pop(without, None)

def in_a_child(tries):
    pid = os.fork()
    if pid == 0:
        os._exit(bool(tries()))
    return bool(os.waitpid(pid, 0)[1])

def mounts():
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE) if without != "mnt" else None
    kernel.mount("probe", str(place), "tmpfs", 0)
    return f" {place} " in Path(f"/proc/{os.getppid()}/mountinfo").read_text()

def raises_priority():
    with suppress(PermissionError):
        os.nice(-1)
        return True

entered = namespaces._enter(user=user)
tries = {
    "pid_for_children": lambda: in_a_child(lambda: os.getppid() != 0),
    "net": lambda: len(socket.if_nameindex()) > 1,
    "uts": lambda: os.uname().nodename == name,
    "ipc": lambda: libc.shmctl(shared, 2, ctypes.create_string_buffer(256)) == 0,
    "mnt": mounts,
    "user": raises_priority,
}
print(*(kind for kind in tries if tries[kind]()), "/", *entered)
libc.shmctl(shared, 0, None)
"""
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="each kind by itself is for root only")


def seen(place: Path, *, without: str = "", user: bool = True) -> tuple[set[str], set[str]]:
    """What can be seen of the host, by the kind of namespace that would hide it; and the kinds that were entered."""
    arguments = (sys.executable, "-c", HERE, str(place), without, "user" if user else "")
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("no namespaces are to be had here")
    assert done.returncode == 0, done.stderr
    found, _, entered = done.stdout.partition("/")
    return set(found.split()), set(entered.split())


@AS_ROOT
def test_in_all_of_them_nothing_of_the_host_is_seen(tmp_path: Path) -> None:
    assert seen(tmp_path) == (set(), set(NAMESPACES))


@AS_ROOT
@pytest.mark.parametrize("kind", ["pid_for_children", "net", "uts", "ipc", "mnt"])
def test_each_kind_hides_what_no_other_does(tmp_path: Path, kind: str) -> None:
    # Without one for users: rights over the others would end with it.
    try:
        found, entered = seen(tmp_path, without=kind, user=False)
    finally:
        subprocess.run(("umount", "--quiet", tmp_path), check=False)
    if kind == "net" and not found:
        pytest.skip("the host has no network device that could be seen")
    assert found - {"user"} == {kind}
    assert entered == set(NAMESPACES) - {kind, "user"}


@AS_ROOT
def test_without_one_for_users_the_starter_of_runs_has_rights_over_the_host(tmp_path: Path) -> None:
    assert seen(tmp_path, user=False) == ({"user"}, set(NAMESPACES) - {"user"})
