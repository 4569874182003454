"""What a machine, or a container, leaves room for."""

import resource
from pathlib import Path

import pytest

from app import machine


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a container's group."""
    monkeypatch.setattr(machine, "_GROUP", tmp_path)
    monkeypatch.setattr("app.machine.os.sysconf", lambda name: {"SC_PHYS_PAGES": 2**23, "SC_PAGE_SIZE": 2**12}[name])
    monkeypatch.setattr("app.machine.resource.getrlimit", lambda _: (1_024, resource.RLIM_INFINITY))
    return tmp_path


def test_a_large_machine_has_room_for_a_large_class(group: Path) -> None:
    assert machine.room_for_children() == 300


@pytest.mark.parametrize(
    ("name", "text", "room"),
    [
        ("memory.max", f"{2**31}\n", 32),
        ("memory.max", "max\n", 300),
        ("pids.max", "128\n", 32),  # as the README's container
        ("pids.max", "20\n", 0),
        ("pids.max", "max\n", 300),
        ("memory/memory.limit_in_bytes", f"{2**31}\n", 32),  # version 1
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", 300),
        ("pids/pids.max", "128\n", 32),
    ],
)
def test_a_container_has_less(group: Path, name: str, text: str, room: int) -> None:
    (group / name).parent.mkdir(exist_ok=True)
    (group / name).write_text(text, encoding="ascii")
    assert machine.room_for_children() == room


def test_descriptors_are_counted(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.machine.resource.getrlimit", lambda _: (512, 1_024))
    assert machine.room_for_children() == (1_024 - 512) // 6


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ((1_024, 4_096), (2_312, 4_096)),
        ((1_024, 1_500), (1_500, 1_500)),
        ((65_536, 65_536), None),
        ((1_024, resource.RLIM_INFINITY), (2_312, resource.RLIM_INFINITY)),
    ],
)
def test_a_server_may_open_enough_files(
    now: tuple[int, int], then: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[tuple[int, int]] = []
    monkeypatch.setattr("app.machine.resource.getrlimit", lambda _: now)
    monkeypatch.setattr("app.machine.resource.setrlimit", lambda _, limits: wanted.append(limits))
    machine.allow_descriptors()
    assert wanted == ([then] if then else [])


def test_a_share_of_the_processors_counts(group: Path) -> None:
    (group / "cpu.max").write_text("100000 100000\n", encoding="ascii")
    assert machine.cores() == 1
