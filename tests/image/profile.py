"""Docker's default seccomp profile, as the container runtime wants it.

The profile comes with Docker's own sources in a Debian package: nothing of it is kept here.
"""

import json
import platform
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.image.commands import run

_PACKAGE = "golang-github-docker-docker-dev"
_FILE = "./usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json"
_ARCHITECTURES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}

# Debian's Docker is some years old; newer ones refuse these too.
_REFUSED_SINCE = ("io_uring_setup", "io_uring_enter", "io_uring_register")


def default_profile(cache: Path, capabilities: Collection[str]) -> dict[str, Any]:
    """What a container with `capabilities` gets from Docker on this machine, in OCI's form."""
    return converted(json.loads(_published(cache)), capabilities)


def converted(profile: dict[str, Any], capabilities: Collection[str]) -> dict[str, Any]:
    """Docker's conditional rules, decided for this machine."""
    docker_name, seccomp_name = _ARCHITECTURES[platform.machine()]
    kernel = tuple(map(int, platform.release().split(".")[:2]))

    def holds(rule: dict[str, Any]) -> bool:
        needed, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
        least = tuple(map(int, needed.get("minKernel", "0.0").split(".")))
        return (
            kernel >= least
            and set(needed.get("caps", ())) <= set(capabilities)
            and ("arches" not in needed or docker_name in needed["arches"])
            and not set(unwanted.get("caps", ())) & set(capabilities)
            and docker_name not in unwanted.get("arches", ())
        )

    architectures = next(each for each in profile["archMap"] if each["architecture"] == seccomp_name)
    rules = []
    for rule in filter(holds, profile["syscalls"]):
        names = [name for name in rule["names"] if name not in _REFUSED_SINCE]
        kept = {key: rule[key] for key in ("action", "args", "errnoRet") if rule.get(key)}
        rules.append({"names": names, **kept})
    return {
        "defaultAction": profile["defaultAction"],
        "architectures": [seccomp_name, *architectures["subArchitectures"]],
        "syscalls": rules,
    }


def _published(cache: Path) -> bytes:
    """The file out of the package, which is downloaded once."""
    packages = list(cache.glob(f"{_PACKAGE}_*.deb"))
    if not packages:
        run("apt-get", "-o", "APT::Sandbox::User=root", "download", _PACKAGE, cwd=cache)
        packages = list(cache.glob(f"{_PACKAGE}_*.deb"))
    files = subprocess.run(["dpkg-deb", "--fsys-tarfile", packages[0]], capture_output=True, check=True).stdout
    command = ["tar", "--extract", "--to-stdout", "--file", "-", _FILE]
    return subprocess.run(command, input=files, capture_output=True, check=True).stdout
