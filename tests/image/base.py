"""A stand-in for the official Python image, made from Debian's packages: no image registry is needed.

It differs from the official one in where Python lies (/usr, not /usr/local) and in some megabytes.
"""

import shutil
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.image.commands import run

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
_SLIM = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists")
_NOT_OURS = ("./dev/*", "./proc/*", "./sys/*")

KEY = sha256(" ".join((SUITE, *PACKAGES, *_SLIM)).encode()).hexdigest()[:12]


def archive(cache: Path) -> Path:
    """The base's files as a tar archive in `cache`; made there if they are not yet: a minute."""
    path = cache / f"base-{KEY}.tar"
    if not path.exists():
        for old in cache.glob("base-*.tar"):
            old.unlink()
        unfinished = path.with_suffix(".part")
        with TemporaryDirectory(dir=cache) as made:
            root = Path(made) / "root"
            run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root)
            for folder in _SLIM:
                shutil.rmtree(root / folder)
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
            excluded = [f"--exclude={pattern}" for pattern in _NOT_OURS]
            run("tar", "--create", "--numeric-owner", "--file", unfinished, "--directory", root, *excluded, ".")
        unfinished.rename(path)
    return path
