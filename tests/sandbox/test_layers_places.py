"""The sandbox where a server may find itself: an ordinary user, without namespaces, on a root that is read-only.

Each place is made by this process's own root, in a mount namespace of its own, and then left for good.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make these places")

# Makes the place, and becomes an ordinary user in it.
ENTER = """
import errno, os, sys
from pathlib import Path
from app.sandbox import kernel, seccomp

place, root = sys.argv[1].split(), Path(sys.argv[2])
os.umask(0o022)
kernel.unshare(kernel.CLONE_NEWNS)
kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
needed = {path: os.open(path, os.O_PATH) for path in {root, Path(sys.prefix), Path(sys.base_prefix)}}
folders = {folder for path in needed for folder in path.parents}
for private in sorted(folder for folder in folders if not folder.stat().st_mode & 0o001):
    # An interpreter in somebody's private home is for nobody else: give it a home that is open.
    kernel.mount("open", str(private), "tmpfs", 0, "mode=0755")
for path, descriptor in needed.items():
    if not path.exists():
        path.mkdir(parents=True)
        kernel.mount(f"/proc/self/fd/{descriptor}", str(path), None, kernel.MS_BIND | kernel.MS_REC)
if "read-only" in place:
    kernel.mount("/", "/", None, kernel.MS_BIND | kernel.MS_REC)
    os.chroot("/")
    for target in ("/", "/tmp", "/var/tmp", "/dev/shm"):
        kernel.mount(target, target, None, kernel.MS_BIND | kernel.MS_REC)
        kernel.mount(None, target, None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)
if "no-namespaces" in place:  # as in a stock container
    library = seccomp._library()
    rules = library.SyscallFilter(library.ALLOW)
    rules.set_attr(library.Attr.CTL_NNP, 0)  # an engine sets it only where it is told to
    rules.add_rule(library.ERRNO(errno.EPERM), "unshare")
    rules.load()
if "ordinary" in place:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
os.execve(sys.executable, [sys.executable, *sys.argv[3:]], {"PATH": os.environ["PATH"], "PYTHONPATH": str(root)})
"""
SERVE = """
import asyncio, json, os, sys
import msgspec
from app.sandbox.run import Sandbox
from tests.sandbox.conftest import PLAIN_WORKER, quick

async def main():
    sandbox = Sandbox(quick(public=True), worker=PLAIN_WORKER)
    await sandbox.start()
    traces = [await sandbox.trace(source) for source in json.loads(sys.argv[1])]
    said = [trace.outcome.error.type if trace.outcome.error else trace.stdout for trace in traces]
    missing = {layer.name: layer.missing_because for layer in sandbox.layers if not layer.active}
    # By whoever has the server's user, as children may.
    looked_into = os.access(f"/proc/{sandbox.zygote_pid}/environ", os.R_OK)
    print(json.dumps([missing, said, looked_into]))
    await sandbox.stop()

asyncio.run(main())
"""
HOSTILE = {
    "print(open('/etc/passwd').read())": "PermissionError",
    "open('/tmp/left', 'w')": "PermissionError",
    "os.listdir('/proc')": "PermissionError",
    "os.fork()": "BlockingIOError",
    "os.kill(os.getppid() or 1, 9)": "PermissionError",
    "os.execv('/bin/true', ['true'])": "PermissionError",
    "import socket; socket.socket()": "PermissionError",
    "print(6 * 7)": "42\n",
}
OWN_USER, GROUP = "a user of its own", "bounds of all runs together (cgroup)"
SCOPES = "network and signals (Landlock)"  # needs Linux 6.12
NAMESPACES = {"namespaces", "user namespace"}


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("", set()),
        ("no-namespaces", NAMESPACES),
        ("ordinary", {OWN_USER, GROUP}),
        ("ordinary no-namespaces", {OWN_USER, GROUP} | NAMESPACES),
        ("ordinary no-namespaces read-only", {OWN_USER, GROUP} | NAMESPACES),
    ],
)
def test_a_public_server_starts_and_nothing_gets_out(place: str, missing: set[str]) -> None:
    serve = ("-c", SERVE, json.dumps(list(HOSTILE)))
    done = subprocess.run(
        (sys.executable, "-c", ENTER, place, str(ROOT), *serve), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    without, said, zygote_is_looked_into = json.loads(done.stdout.splitlines()[-1])
    # What this machine itself does not have may be missing as well.
    here = {GROUP, SCOPES, *NAMESPACES}
    assert missing <= set(without) <= missing | here, without
    assert zygote_is_looked_into is ("ordinary" not in place)  # root may look into anything
    # In namespaces the file is not there at all, and a root that is read-only says so.
    allowed = {"PermissionError", "FileNotFoundError", "OSError"}
    for source, found in zip(HOSTILE, said, strict=True):
        wanted = HOSTILE[source]
        assert found == wanted or (wanted == "PermissionError" and found in allowed), (source, found)
