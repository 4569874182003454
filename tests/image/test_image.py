"""The image as it is shipped: built from the Dockerfile, run behind the rings of `docker run`, attacked, stopped.

Some minutes the first time; `make image-test`. The figures are printed at the end.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.image.build import ROOT
from tests.image.conftest import Image, Start
from tests.image.container import OUTER_RING, Container, Ring
from tests.supply.pins import read

Figure = Callable[[str], None]
FORM = "application/x-www-form-urlencoded"

pytestmark = pytest.mark.timeout(1_800)

# What the Dockerfile puts on its base: 628 MB when this was written, and a tenth more.
MOST_BYTES = 691_000_000

DATA = """\
import torch

a = torch.tensor([1., 2., 3.], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
out.sum().backward()
print(a.grad)
"""

# Reaches for what was left out of the packages, or stripped: optimizers, oneDNN, LAPACK, FFT, compiled kernels.
MANY_PARTS = """\
import torch, numpy
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 8), nn.LayerNorm(8))
attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
optimizer = torch.optim.AdamW([*model.parameters(), *attention.parameters()], lr=1e-3)
out = checkpoint(attention, model(torch.rand(2, 1, 8, 8)).unsqueeze(0), use_reentrant=False)
out.pow(2).mean().backward()
optimizer.step()
lstm, _ = nn.LSTM(3, 4)(torch.rand(5, 1, 3))
print(len([p for p in model.parameters() if p.grad is not None]), tuple(lstm.shape))
print(torch.linalg.svdvals(torch.diag(torch.tensor([3., 2.]))).tolist())
print(torch.fft.fft(torch.ones(4)).real.tolist(), numpy.linalg.det(numpy.eye(3)))
print(torch.func.grad(lambda x: x ** 3)(torch.tensor(2.)).item())
print(torch.distributions.Normal(0., 1.).log_prob(torch.tensor(0.)).exp().item() < 0.4)
"""

# What a stranger may try → the error that stops it.
HOSTILE = {
    "open('/etc/passwd').read()": "PermissionError",
    "open('/srv/tapescope/app/main.py').read()": "PermissionError",
    "open('/proc/1/environ', 'rb').read()": "PermissionError",
    "open('/dev/shm/left', 'w').write('x')": "PermissionError",
    "open('/tmp/left', 'w').write('x')": "OSError",  # by the read-only root already
    "import os; os.listdir('/srv')": "PermissionError",
    "import os; os.fork()": "BlockingIOError",
    "import os; os.kill(1, 9)": "PermissionError",
    "import os; os.execv('/usr/bin/env', ['env'])": "PermissionError",
    "import socket; socket.socket()": "PermissionError",
    "import subprocess; subprocess.run(['id'])": "PermissionError",
    "import threading; threading.Thread(target=print).start()": "RuntimeError",
}


def size_bytes(folder: Path) -> int:
    """The files below `folder`, added up."""
    return sum(
        os.lstat(Path(place) / name).st_size for place, _, names in os.walk(folder, followlinks=False) for name in names
    )


def test_image_is_small(image: Image, figure: Figure) -> None:
    added = size_bytes(image.root / "opt/tapescope") + size_bytes(image.root / "srv/tapescope")
    figure(f"image: {size_bytes(image.root) / 1e6:.0f} MB, {added / 1e6:.0f} MB of it on the base")
    assert added < MOST_BYTES


def test_image_holds_only_what_the_server_needs(image: Image) -> None:
    shipped = {path.name for path in (image.root / "srv/tapescope").iterdir()}
    assert shipped == {
        "app", "static", "templates", "tapescope.egg-info", "pyproject.toml", "README.md", "LICENSE",
    }  # fmt: skip
    assert not (image.root / "srv/tapescope/static/vendor/src").exists()
    packages = image.root / "opt/tapescope/lib/python3.11/site-packages"
    assert not {"pip", "pytest", "playwright", "mypy"} & {path.name for path in packages.iterdir()}
    assert [path.name for path in (packages / "torch/bin").iterdir()] == ["torch_shm_manager"]


def test_packages_are_those_that_were_tested(image: Image) -> None:
    packages = image.root / "opt/tapescope/lib/python3.11/site-packages"
    installed: dict[str, str] = {}
    for path in packages.glob("*.dist-info"):
        name, _, version = path.name.removesuffix(".dist-info").rpartition("-")
        installed[canonicalize_name(name)] = version
    pins = read((ROOT / ".ci/requirements.txt").read_text(encoding="utf-8"))
    assert installed.pop("torch").partition("+")[0] == metadata.version("torch").partition("+")[0]
    assert installed == {pin.name: pin.version for pin in pins.values()}


def test_nothing_in_it_can_be_changed_by_its_user(image: Image) -> None:
    uid = int(image.config["User"].partition(":")[0])
    assert uid != 0
    changeable = [
        path
        for folder in ("opt/tapescope", "srv/tapescope")
        for path in (image.root / folder).rglob("*")
        if not path.is_symlink() and (path.stat().st_uid == uid or path.stat().st_mode & 0o002)
    ]
    assert changeable == []


def test_server_answers_behind_the_outer_ring(container: Container, figure: Figure) -> None:
    figure(f"ready: {container.ready_s:.1f} s from the start of the container to the first answer")
    status = container.exec("cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert {fields[kind] for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_data_snippet_gets_zeros_and_its_diagnosis(container: Container) -> None:
    answer = container.trace(DATA)
    assert answer["outcome"]["kind"] == "finished"
    assert answer["stdout"] == "tensor([0., 0., 0.])\n"
    assert answer["final"]["a"]["grad"]["values"] == [0.0, 0.0, 0.0]
    assert "write-hidden-by-data" in {diagnosis["rule"] for diagnosis in answer["diagnoses"]}
    assert answer["environment"]["torch"].startswith("2.")


def test_what_was_left_out_of_torch_is_not_missed(container: Container) -> None:
    answer = container.trace(MANY_PARTS)
    assert answer["outcome"]["kind"] == "finished", answer["outcome"]
    assert answer["stdout"].splitlines() == [
        "6 (5, 1, 4)",
        "[3.0, 2.0]",
        "[4.0, 0.0, 0.0, 0.0] 1.0",
        "12.0",
        "True",
    ]


def test_page_and_its_files_are_served(container: Container) -> None:
    page = container.request("GET", "/")
    assert page.status == 200
    assert "SigmoidBackward0" in page.text
    style = next(part for part in page.text.split('"') if part.startswith("/static/") and part.endswith(".css"))
    assert container.request("GET", style).status == 200
    posted = container.request("POST", "/traces", "source=print(6*7)", content_type=FORM)
    assert posted.status == 200
    assert "42" in posted.text


def test_layers_are_listed_and_the_core_holds(container: Container, figure: Figure) -> None:
    health = container.request("GET", "/healthz").json
    layers = {layer["name"]: layer for layer in health["layers"]}
    for name, layer in layers.items():
        figure(f"{'active ' if layer['active'] else 'missing'} {name}: {layer['missing_because'] or layer['stops']}")
    core = {name for name, layer in layers.items() if layer["core"]}
    assert core == {
        "no new privileges", "system call filter (seccomp)", "file access (Landlock)", "resource limits",
        "no capabilities", "closed to other processes", "a session of its own", "closed descriptors",
        "clean environment", "wall clock", "bounded answers",
    }  # fmt: skip
    assert {name for name in core if not layers[name]["active"]} == set()
    assert layers["bounds of all runs together (cgroup)"]["active"]
    assert "not started as root" in layers["a user of its own"]["missing_because"]
    for name in ("namespaces", "user namespace"):
        assert layers[name]["missing_because"].startswith("the host allows none")
    scopes = layers["network and signals (Landlock)"]
    assert scopes["active"] or "ABI" in scopes["missing_because"]


@pytest.mark.parametrize("attempt", HOSTILE)
def test_hostile_snippet_is_refused(container: Container, attempt: str) -> None:
    answer = container.trace(f"{attempt}\nprint('reached')")
    assert (answer["outcome"]["kind"], answer["outcome"]["error"]["type"]) == ("raised", HOSTILE[attempt])
    assert answer["stdout"] == ""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import ctypes\nctypes.string_at(0)", "crash"),
        ("import torch\ntorch.empty(2**31).fill_(1)", "memory"),
        ("while True:\n    print('x' * 1000)", "output"),
    ],
)
def test_server_survives_a_snippet_that_has_to_be_stopped(container: Container, source: str, reason: str) -> None:
    outcome = container.trace(source)["outcome"]
    assert (outcome["kind"], outcome["reason"]) == ("stopped", reason)
    assert container.trace("print(1)")["stdout"] == "1\n"


def test_runs_leave_no_process_behind(container: Container) -> None:
    container.trace("print(1)")
    before = len(container.processes())
    for _ in range(10):
        container.trace("print(1)")
    assert len(container.processes()) <= before + 1  # an idle child may have been replaced in this moment


def test_health_check_of_the_image_finds_it_healthy(container: Container, image: Image) -> None:
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    container.exec(*command)
    with pytest.raises(AssertionError, match="failed with code 1"):
        container.exec("env", "TAPESCOPE_PORT=8001", *command)


def test_it_listens_on_all_addresses_of_the_container(container: Container) -> None:
    listening = container.exec("cat", "/proc/net/tcp").splitlines()[1:]
    assert [line.split()[1] for line in listening if line.split()[3] == "0A"] == ["00000000:1F40"]


def test_doctor_runs_inside(container: Container) -> None:
    assert "Every core layer holds" in container.exec("python", "-m", "app", "doctor")


def test_nothing_was_written(container: Container) -> None:
    with pytest.raises(AssertionError, match="Read-only file system"):
        container.exec("touch", "/srv/tapescope/new")
    assert container.exec("ls", "-A", "/dev/shm", "/dev/mqueue").split() == ["/dev/mqueue:", "/dev/shm:"]  # noqa: S108  # looked into, not used


def test_plain_docker_run_works_too(start: Start, figure: Figure) -> None:
    """`docker run -p 127.0.0.1:8000:8000 tapescope` with no other option; stopped while a snippet runs."""
    with start(Ring()) as plain:
        assert plain.trace(DATA)["final"]["a"]["grad"]["values"] == [0.0, 0.0, 0.0]
        layers = {layer["name"]: layer for layer in plain.request("GET", "/healthz").json["layers"]}
        assert {name for name, layer in layers.items() if layer["core"] and not layer["active"]} == set()
        # Here the root can be written to: only Landlock keeps a snippet from it.
        error = plain.trace("open('/tmp/left', 'w').write('x')")["outcome"]["error"]
        assert error["type"] == "PermissionError"
        with ThreadPoolExecutor() as pool:
            pool.submit(plain.trace, "while True: pass")
            time.sleep(1)
            code, seconds = plain.stop(10)  # Docker's own patience
        figure(f"SIGTERM to gone while a snippet runs: {seconds:.2f} s")
        assert code == 0, plain.log()


def test_a_class_is_served_within_the_ring(container: Container, figure: Figure) -> None:
    """As many children as its bound on processes leaves room for, and no more; pages by processes of their own."""
    for _ in range(40):
        assert container.request("GET", "/", accept="text/html").status == 200
    time.sleep(4)
    figure(f"processes inside for a class of 40, of {OUTER_RING.pids}: {len(container.processes())}")
    assert 32 <= len(container.processes()) < 64
    with ThreadPoolExecutor(8) as pool:
        pages = [
            pool.submit(
                container.request,
                "POST",
                "/traces",
                f"source=print({number}*1000)",
                content_type=FORM,
                accept="text/html",
            )
            for number in range(16)
        ]
    assert [page.result().status for page in pages] == [200] * 16
    assert all(f"{number * 1000}" in page.result().text for number, page in enumerate(pages))


def test_stops_within_five_seconds_and_leaves_nothing(container: Container, figure: Figure) -> None:
    """The last one: it ends the container that the others share."""
    inside = container.processes()
    assert len(inside) > 2
    code, seconds = container.stop(10)
    figure(f"SIGTERM to gone: {seconds:.2f} s, of {len(inside)} processes")
    assert (code, seconds < 5) == (0, True), container.log()
    assert [pid for pid in inside if Path(f"/proc/{pid}").exists()] == []
