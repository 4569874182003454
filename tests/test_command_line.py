"""`python -m app`, as an operator calls it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from app.__main__ import as_table
from app.sandbox.doctor import Report
from app.sandbox.layers import Layer
from tests.sandbox.processes import children_of, descendants_of, wait_until_gone

ROOT = Path(__file__).parents[1]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return subprocess.run(
        (sys.executable, "-m", "app", *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_layer_is_listed_with_what_it_stops_and_why_it_is_missing() -> None:
    here = Layer(name="one", core=True, active=True, stops="this")
    gone = Layer(name="two", core=True, active=False, stops="that", missing_because="the kernel is old")
    extra = Layer(name="three", core=False, active=False, stops="more", missing_because="not root")
    table = as_table(Report(layers=(here, gone, extra), missing_core={"two": "old"}, remarks=("A remark.",)))
    rows = [" ".join(line.split()) for line in table.splitlines()]
    assert rows[1:6] == [
        "one core active this",
        "two core MISSING that",
        "missing: the kernel is old",
        "three missing more",
        "missing: not root",
    ]
    assert rows[-1].startswith("Core layers are missing: two.")
    assert "Every core layer holds" in as_table(Report(layers=(here, extra), missing_core={}, remarks=()))


def test_doctor_lists_the_layers_and_leaves_nothing() -> None:
    before = children_of(os.getpid())
    done = run("doctor")
    assert "system call filter (seccomp)" in done.stdout
    assert "torch 2." in done.stdout
    assert "Huge pages: " in done.stdout
    assert ("MISSING" in done.stdout) == (done.returncode == 1)
    assert "Traceback" not in done.stderr
    assert children_of(os.getpid()) == before


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_bad_setting_ends_the_start_with_a_sentence(command: str) -> None:
    done = run(command, TAPESCOPE_PORT="eighty")
    assert done.returncode == 2
    assert done.stderr == "TAPESCOPE_PORT='eighty' cannot be used: expected `int`, got `str`.\n"


WITHOUT_CAPABILITIES = """
import os, sys
from app.sandbox import kernel
PR_CAPBSET_DROP, PR_CAPBSET_READ = 24, 23
for capability in range(41):
    kernel.prctl(PR_CAPBSET_DROP, capability)
os.execv(sys.executable, [sys.executable, "-m", "app", *sys.argv[1:]])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lack what root has")
@pytest.mark.parametrize(("command", "code"), [("serve", 3), ("doctor", 1)])
def test_root_that_may_not_change_its_user_is_refused_in_a_sentence(command: str, code: int) -> None:
    """As in `docker run --user root --cap-drop ALL`: no child is run as root."""
    done = subprocess.run(
        (sys.executable, "-c", WITHOUT_CAPABILITIES, command), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "may not change its user: start it as an ordinary user" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_serving_ends_in_good_order() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        (sys.executable, "-m", "app"),
        cwd=ROOT,
        env=os.environ | {"TAPESCOPE_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr
        said = []
        for line in server.stderr:
            said.append(line)
            if "Uvicorn running" in line:
                break
        assert any('"event": "sandbox_ready"' in line for line in said), said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        started = descendants_of(server.pid)
        assert started
        server.send_signal(signal.SIGTERM)
        said += list(server.stderr)
        server.wait(20)
    assert wait_until_gone(started, 5) == set()
    assert not [line for line in said if "Traceback" in line]
