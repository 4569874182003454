"""What an operator wants to know of the sandbox on this machine."""

import asyncio
import importlib.metadata
import platform
import re
from pathlib import Path

import msgspec
from msgspec import Struct

from app.sandbox.layers import Layer
from app.sandbox.run import Sandbox
from app.settings import Settings

_THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


class Report(Struct, frozen=True, kw_only=True):
    """What was found; `remarks` are whole sentences."""

    layers: tuple[Layer, ...]
    missing_core: dict[str, str]
    remarks: tuple[str, ...]


async def diagnose(settings: Settings) -> Report:
    """Start a sandbox, try it, and end it. Raises SandboxUnavailable."""
    loop = asyncio.get_running_loop()
    # As if not public: what is missing is to be listed, not to end the start.
    sandbox = Sandbox(msgspec.structs.replace(settings, public=False))
    begun_s = loop.time()
    await sandbox.start()
    try:
        ready_s = loop.time() - begun_s
        heap = huge_pages(sandbox.zygote_pid)
    finally:
        await sandbox.stop()
    versions = f"torch {importlib.metadata.version('torch')}, Python {platform.python_version()}"
    kernel = f"{platform.system()} {platform.release()}"
    return Report(
        layers=sandbox.layers,
        missing_core=sandbox.missing_core,
        remarks=(f"{versions}, {kernel}; ready after {ready_s:.1f} s.", heap, *sandbox.remarks),
    )


def huge_pages(pid: int | None) -> str:
    """Whether the heap of process `pid` lies in huge pages, which make a fork three times as fast."""
    try:
        setting = re.search(r"\[(\w+)\]", _THP.read_text(encoding="ascii"))
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError as error:
        return f"Huge pages: not known ({error.strerror})."
    mode = setting[1] if setting else "unknown"
    found = re.search(r"^AnonHugePages:\s+(\d+) kB", rollup, re.MULTILINE)
    mebibytes = int(found[1]) // 1024 if found else 0
    if mebibytes:
        return f"Huge pages: {mebibytes} MiB of the zygote's heap (transparent_hugepage is {mode})."
    return (
        f"Huge pages: none, so each fork costs three times as much (transparent_hugepage is {mode}; "
        "madvise or always is needed, and glibc 2.35 or newer)."
    )
