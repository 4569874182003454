"""What an operator wants to know of the sandbox on this machine."""

import asyncio
import importlib.metadata
import platform
import re
from pathlib import Path

import msgspec
from msgspec import Struct

from app.sandbox import landlock
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
    finally:
        await sandbox.stop()
    versions = f"torch {importlib.metadata.version('torch')}, Python {platform.python_version()}"
    found = sandbox.examination
    abi = f"Landlock ABI {found.landlock_abi} of {landlock.NEWEST} known here" if found.landlock_abi else "no Landlock"
    kernel = f"{platform.system()} {platform.release()} on {platform.machine()}, {abi}"
    return Report(
        layers=sandbox.layers,
        missing_core=sandbox.missing_core,
        remarks=(f"{versions}, {kernel}; ready after {ready_s:.1f} s.", huge_pages(found.huge_bytes), *found.remarks),
    )


def huge_pages(heap_bytes: int) -> str:
    """Whether the zygote's heap lies in huge pages, which make a fork three times as fast; `heap_bytes` of it do."""
    try:
        setting = re.search(r"\[(\w+)\]", _THP.read_text(encoding="ascii"))
    except OSError:
        setting = None
    mode = setting[1] if setting else "not known"
    if heap_bytes:
        return f"Huge pages: {heap_bytes // 2**20} MiB of the zygote's heap (transparent_hugepage is {mode})."
    return (
        f"Huge pages: none, so each fork costs three times as much (transparent_hugepage is {mode}; "
        "madvise or always is needed, and glibc 2.35 or newer)."
    )
