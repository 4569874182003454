"""Runs the image by runc, as `docker run` would: the same configuration, made by hand."""

import base64
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.image.commands import run

# What a container of Docker's has unless it is told otherwise.
DEFAULT_CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in (
        "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID"
        " SYS_CHROOT"
    ).split()
)
_CLIENT = """
import base64, http.client, json, sys, time
method, path, headers, body, until = json.loads(base64.b64decode(sys.argv[1]))
while True:
    try:
        server = http.client.HTTPConnection("127.0.0.1", 8000, timeout=60)
        server.request(method, path, body, headers)
        answer = server.getresponse()
        break
    except ConnectionError:
        if time.time() > until:
            raise
        time.sleep(0.05)
json.dump([answer.status, dict(answer.getheaders()), answer.read().decode()], sys.stdout)
"""


class Ring(Struct, frozen=True, kw_only=True):
    """What is put around the container: the options of `docker run`."""

    read_only: bool = False
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    no_new_privileges: bool = False
    memory_bytes: int | None = None
    pids: int | None = None
    environment: dict[str, str] = {}


OUTER_RING = Ring(
    read_only=True,
    capabilities=(),
    no_new_privileges=True,
    memory_bytes=4 * 2**30,
    pids=128,
    environment={"TAPESCOPE_PUBLIC": "1"},
)


class Answer(Struct, frozen=True):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Container:
    """A running container with no network but its own loopback. Made by `started`."""

    def __init__(self, process: subprocess.Popen[bytes], command: tuple[str | Path, ...], name: str, log: Path) -> None:
        self._process, self._command, self._name, self._log = process, command, name, log
        self.ready_s = 0.0  # from the start of the container to the first answer

    @property
    def pid(self) -> int:
        """The first process, as this machine sees it."""
        pid: int = json.loads(run(*self._command, "state", self._name))["pid"]
        return pid

    def exec(self, *command: str) -> str:
        """What `command` prints inside, as the image's user and behind the same ring."""
        return run(*self._command, "exec", self._name, *command)

    def request(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "*/*",
        wait_s: float = 0,
    ) -> Answer:
        """Ask the server from inside; for up to `wait_s` also while it does not listen yet."""
        wanted = json.dumps(
            [method, path, {"Content-Type": content_type, "Accept": accept}, body, time.time() + wait_s]
        )
        answer = self.exec("python", "-IS", "-c", _CLIENT, base64.b64encode(wanted.encode()).decode())
        return Answer(*json.loads(answer))

    def trace(self, source: str) -> dict[str, Any]:
        """What the API answers for the snippet `source`."""
        answer = self.request("POST", "/api/v1/traces", json.dumps({"source": source}))
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def processes(self) -> list[int]:
        """The processes inside, as this machine numbers them."""
        pids: list[int] = json.loads(run(*self._command, "ps", "--format", "json", self._name))
        return pids

    def log(self) -> str:
        """All that the server has printed."""
        return self._log.read_text(encoding="utf-8")

    def stop(self, limit_s: float) -> tuple[int, float]:
        """Send SIGTERM, as `docker stop` does; the exit code, and the seconds until it is gone."""
        begun_s = time.perf_counter()
        run(*self._command, "kill", self._name, "TERM")
        code = self._process.wait(limit_s)
        return code, time.perf_counter() - begun_s


@contextmanager
def started(
    root: Path, config: dict[str, Any], profile: dict[str, Any], ring: Ring, place: Path
) -> Iterator[Container]:
    """A container of the image that is mounted at `root`, answering; removed afterwards."""
    place.mkdir(parents=True)
    run("runc", "spec", "--bundle", place)
    command, name, log = ("runc", "--root", place / "state"), f"tapescope-{uuid.uuid4().hex[:12]}", place / "log"
    spec = specified(json.loads((place / "config.json").read_text(encoding="utf-8")), root, config, profile, ring)
    spec["linux"]["cgroupsPath"] = f"/{name}"
    (place / "config.json").write_text(json.dumps(spec), encoding="utf-8")
    begun_s = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "run", "--bundle", place, name], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    container = Container(process, command, name, log)
    try:
        _wait_for_start(container, process)
        try:
            answer = container.request("GET", "/healthz", wait_s=120)
        except AssertionError:
            raise AssertionError(f"The server does not answer. The container's log:\n{container.log()}") from None
        container.ready_s = time.perf_counter() - begun_s
        assert answer.status == 200, answer.text
        yield container
    finally:
        subprocess.run([*command, "delete", "--force", name], capture_output=True, check=False)
        process.wait(30)


def specified(
    spec: dict[str, Any], root: Path, config: dict[str, Any], profile: dict[str, Any], ring: Ring
) -> dict[str, Any]:
    """runc's own template, with what the image says and what is put around it.

    The template's mounts, hidden paths and namespaces are those that Docker gives too; its network is none.
    """
    uid, gid = config["User"].split(":")
    environment = [*config["Env"], *(f"{name}={value}" for name, value in ring.environment.items())]
    resources = spec["linux"]["resources"]
    if ring.memory_bytes:
        resources["memory"] = {"limit": ring.memory_bytes}
    if ring.pids:
        resources["pids"] = {"limit": ring.pids}
    process = {
        "terminal": False,
        "user": {"uid": int(uid), "gid": int(gid)},
        "args": [*config["Entrypoint"], *config["Cmd"]],
        "env": environment,
        "cwd": config["WorkingDir"],
        "capabilities": {kind: list(ring.capabilities) for kind in ("bounding", "effective", "permitted")},
        "noNewPrivileges": ring.no_new_privileges,
    }
    linux = {**spec["linux"], "resources": resources, "seccomp": profile}
    return {**spec, "process": process, "root": {"path": str(root), "readonly": ring.read_only}, "linux": linux}


def _wait_for_start(container: Container, process: subprocess.Popen[bytes]) -> None:
    """Until the container can be entered."""
    until_s = time.perf_counter() + 30
    while True:
        try:
            container.exec("python", "-IS", "-c", "pass")
            return
        except AssertionError as error:
            if process.poll() is not None or time.perf_counter() > until_s:
                raise AssertionError(f"{error}\nThe container's log:\n{container.log()}") from None
            time.sleep(0.05)
