"""The three system calls, each tried in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox import landlock

ROOT = Path(__file__).parents[2]
HEAD = """
import os, sys
from pathlib import Path
from app.sandbox import kernel, landlock

def can(what):
    try:
        what()
        return True
    except PermissionError:
        return False

inside, outside = Path(sys.argv[1]), Path(sys.argv[2])
"""


@pytest.fixture(autouse=True)
def _needs_landlock() -> None:
    try:
        landlock.abi()
    except OSError as error:
        pytest.skip(f"no Landlock here: {error}")


def in_a_process(body: str, *arguments: Path) -> str:
    """What `body` prints."""
    done = subprocess.run(
        (sys.executable, "-c", HEAD + body, *map(str, arguments)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with a file each."""
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "inside", tmp_path / "outside"


def test_only_what_is_granted_can_be_read(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
rules = landlock.create_ruleset([inside])
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
before = can((outside / "file").read_text)
landlock.restrict_self(rules)
print(before, can((inside / "file").read_text), can(lambda: os.listdir(inside)), can((outside / "file").read_text),
      can(lambda: os.listdir(outside)), can(lambda: (inside / "file").write_text("x")),
      can(lambda: (inside / "new").mkdir()), can((inside / "file").unlink), can(lambda: open("/proc/self/maps")))
""",
        *places,
    )
    assert said.split() == ["True", "True", "True", "False", "False", "False", "False", "False", "False"]


def test_a_single_file_can_be_granted(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
(inside / "other").write_text("other")
rules = landlock.create_ruleset([inside / "file", inside / "missing"], writable=[outside / "file"])
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
landlock.restrict_self(rules)
print(can((inside / "file").read_text), can((inside / "other").read_text),
      can(lambda: (outside / "file").write_text("x")))
""",
        *places,
    )
    assert said.split() == ["True", "False", "True"]


def test_an_older_kernel_is_asked_for_no_more_than_it_knows(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
for version in range(1, landlock.abi() + 1):
    os.close(landlock.create_ruleset([inside], version=version))
landlock.restrict_self(landlock.create_ruleset([inside], version=1))
print(can((inside / "file").read_text), can((outside / "file").read_text), can(lambda: os.kill(os.getppid(), 0)))
""",
        *places,
    )
    assert said.split() == ["True", "False", "True"]


def test_it_is_refused_to_who_could_still_gain_rights(places: tuple[Path, Path]) -> None:
    said = in_a_process(
        """
rules = landlock.create_ruleset([inside])
kernel.drop_capabilities()
print(can(lambda: landlock.restrict_self(rules)))
""",
        *places,
    )
    assert said.split() == ["False"]


# What can be tried → the ABI from which on it can be denied.
SINCE = {
    "read_file": 1,
    "write_file": 1,
    "rename_across": 1,  # ABI 2 has a right for it, which nobody is given
    "link_across": 1,
    "truncate": 3,
    "connect_tcp": 4,
    "bind_tcp": 4,
    "ioctl_device": 5,
    "abstract_socket": 6,
    "signal": 6,
    "socket_by_path": 9,
    "bind_udp": 10,
    "send_udp": 10,
}
TRIES = """
import errno, fcntl, json, signal, socket

def tries(what):
    try:
        what()
        return True
    except OSError as error:
        return error.errno not in (errno.EPERM, errno.EACCES, errno.EXDEV)

listening = socket.socket(socket.AF_UNIX)
listening.bind("")
by_path = socket.socket(socket.AF_UNIX)
by_path.bind(str(outside / "socket"))
for each in (listening, by_path):
    each.listen(9)
one, two = inside / "one", inside / "two"
for each in (one, two):
    each.mkdir()
(one / "file").touch()
udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ATTEMPTS = {
    "read_file": (outside / "file").read_text,
    "write_file": lambda: (inside / "file").write_text("x"),
    "rename_across": lambda: os.rename(one / "file", two / "file"),
    "link_across": lambda: os.link(one / "file", two / "other"),
    "truncate": lambda: os.truncate(outside / "file", 0),
    "connect_tcp": lambda: socket.socket().connect(("127.0.0.1", 9)),
    "bind_tcp": lambda: socket.socket().bind(("127.0.0.1", 0)),
    "ioctl_device": lambda: fcntl.ioctl(os.open("/dev/urandom", os.O_RDONLY), 0x80045200, bytes(4)),  # RNDGETENTCNT
    "abstract_socket": lambda: socket.socket(socket.AF_UNIX).connect(listening.getsockname()),
    "signal": lambda: os.kill(os.getppid(), 0),
    "socket_by_path": lambda: socket.socket(socket.AF_UNIX).connect(by_path.getsockname()),
    "bind_udp": lambda: udp().bind(("127.0.0.1", 0)),
    "send_udp": lambda: udp().sendto(b"", ("127.0.0.1", 9)),
}
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
for version in range(landlock.abi() + 1):
    reader, writer = os.pipe()
    if os.fork() == 0:
        if version:
            # The ones that older ABIs leave open are to be seen, not to be tried on what the others need.
            landlock.restrict_self(landlock.create_ruleset([inside, Path("/dev/urandom")], version=version))
        reached = [name for name, attempt in ATTEMPTS.items() if tries(attempt)]
        os.write(writer, json.dumps(reached).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    print(os.fdopen(reader).read())
    for name, folder in (("file", two), ("other", two)):
        (folder / name).unlink(missing_ok=True)
    (one / "file").touch()
"""


def test_each_abi_denies_what_came_with_it_and_what_came_before(places: tuple[Path, Path]) -> None:
    """Each right of each ABI up to this kernel's, tried; and each reached where the ABI does not know it yet."""
    lines = in_a_process(TRIES, *places).splitlines()
    assert len(lines) == landlock.abi() + 1
    for version, line in enumerate(lines):
        reached = set(json.loads(line))
        assert reached == {attempt for attempt, since in SINCE.items() if since > version}, f"ABI {version}"


@pytest.mark.parametrize(
    ("version", "files", "network", "scopes"),
    [
        (1, 13, 0, 0),
        (2, 14, 0, 0),
        (3, 15, 0, 0),
        (4, 15, 2, 0),
        (5, 16, 2, 0),
        (6, 16, 2, 2),
        (9, 17, 2, 2),
        (10, 17, 4, 2),
        (11, 17, 4, 2),
        (99, 17, 4, 2),
    ],
)
def test_every_right_of_an_abi_is_denied(version: int, files: int, network: int, scopes: int) -> None:
    """As include/uapi/linux/landlock.h counts them."""
    assert landlock.handled(version) == (2**files - 1, 2**network - 1, 2**scopes - 1)
