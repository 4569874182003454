"""Looks at what is installed: `make check`. What an advisory service knows is asked where it can be reached.

Without a network four things are still certain: that packages fit each other, that each is the release which was
pinned, that each pin has hashes, and that each licence suits a project under the MIT License.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from tests.supply.pins import FILES, ROOT, Pin, ours, read

_ASKED = "asked the advisory service"
# Not ours to pin: what is audited itself, and what makes the environment.
_APART = {"tapescope", "pip"}
_ALLOWED = (
    "MIT", "BSD", "Apache", "PSF", "Python Software Foundation", "ISC", "0BSD", "MPL", "Mozilla Public License",
    "Unlicense", "Zlib", "CNRI", "HPND", "BSL-1.0", "CC0", "Artistic",
)  # fmt: skip
_REFUSED = ("GPL-", "GNU General", "Affero", "AGPL", "SSPL", "Commons Clause", "Proprietary", "BUSL")
# Tools of ours that are run by themselves: nothing of ours is a work based on them, and none is shipped.
_ONLY_RUN = {"djlint"}


class Audited(Struct):
    """One package, as pip-audit tells of it."""

    name: str
    version: str | None = None
    vulns: list[dict[str, object]] = []
    skip_reason: str | None = None


class Answer(Struct):
    """All that pip-audit tells."""

    dependencies: list[Audited]


def main() -> int:
    """Print what was found; 1 if something is wrong. AUDIT=online makes it wrong that no service was asked."""
    pins: dict[str, Pin] = {}
    for name in FILES:
        pins |= read((ROOT / name).read_text(encoding="utf-8"))
    installed: dict[str, str] = {
        canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()
    }
    wrong = [*unhashed(pins.values()), *other_releases(installed, pins), *_unfit(), *_licences()]
    advised, told = _advisories(pins)
    wrong += advised
    for line in wrong:
        print(f"audit: {line}")
    print(f"audit: {told}")
    if os.environ.get("AUDIT") == "online" and not told.startswith(_ASKED):
        return 1
    if not wrong:
        print(f"audit: {len(installed)} packages fit each other, their pins and their licences")
    return 1 if wrong else 0


def unhashed(pins: Iterable[Pin]) -> list[str]:
    """The pins that any file would satisfy."""
    return [f"{pin.name}=={pin.version} has no hash" for pin in pins if not pin.hashes]


def other_releases(installed: Mapping[str, str], pins: Mapping[str, Pin]) -> list[str]:
    """What is installed in another release than the pinned one, or without a pin."""
    found = []
    for name, version in sorted(installed.items()):
        if name in _APART or not ours(name):
            continue
        pin = pins.get(name)
        if pin is None:
            found.append(f"{name} {version} is installed, and no file in .ci pins it")
        elif pin.version != version:
            found.append(f"{name} {version} is installed, and {pin.version} is pinned: `make clean` and again")
    return found


def refused(licence: str) -> bool:
    """Whether software under `licence` cannot be used by a project under the MIT License; also if it is not known."""
    return any(word in licence for word in _REFUSED) or not any(word in licence for word in _ALLOWED)


def _unfit() -> list[str]:
    done = subprocess.run((sys.executable, "-m", "pip", "check"), capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else done.stdout.splitlines()


def _licences() -> list[str]:
    found = []
    for each in metadata.distributions():
        name = canonicalize_name(each.metadata["Name"])
        if name in _APART or name in _ONLY_RUN or not ours(name):
            continue
        licence = _licence(each)
        if refused(licence):
            found.append(f"{name} is under {licence or 'no licence that it names'}")
    return found


def _licence(package: metadata.Distribution) -> str:
    told = package.metadata
    named = [line.rpartition("::")[2].strip() for line in told.get_all("Classifier") or () if "License ::" in line]
    return (
        told["License-Expression"]
        or "; ".join(each for each in named if each != "OSI Approved")
        or ((told["License"] or "").partition("\n")[0])
    )


def _advisories(pins: Mapping[str, Pin]) -> tuple[list[str], str]:
    """What is known against the pinned releases, and whether it could be asked for."""
    # One first: a service that cannot be reached, or knows nothing, would be asked in vain a hundred times.
    _, told = _ask([pins["pip"]])
    return _ask(pins.values()) if told.startswith(_ASKED) else ([], told)


def _ask(pins: Iterable[Pin]) -> tuple[list[str], str]:
    with TemporaryDirectory() as place:
        wanted = Path(place) / "pins.txt"
        wanted.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in pins), encoding="utf-8")
        options = ("--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json", "--timeout=10")
        done = subprocess.run(
            (sys.executable, "-m", "pip_audit", *options, "--requirement", wanted),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    try:
        answer = msgspec.json.decode(done.stdout, type=Answer)
    except msgspec.DecodeError:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        return [], f"no advisory service was asked, so nothing is said of known vulnerabilities ({reason})"
    return known(answer)


def known(answer: Answer) -> tuple[list[str], str]:
    """What pip-audit's answer says against packages, and in words of how many it could say anything."""
    skipped = [each for each in answer.dependencies if each.skip_reason]
    bad = [
        f"{each.name} {each.version} has a known vulnerability: {weakness.get('id')}"
        for each in answer.dependencies
        for weakness in each.vulns
    ]
    asked = len(answer.dependencies) - len(skipped)
    if not asked:
        return bad, "no advisory service is reached here, so nothing is said of known vulnerabilities"
    unknown = f", not about {', '.join(each.name for each in skipped)}" if skipped else ""
    return bad, f"{_ASKED} about {asked} packages{unknown}"


if __name__ == "__main__":
    sys.exit(main())
