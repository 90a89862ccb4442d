"""Installs Podman on Debian and builds the grader's image there, from nothing but what apt and pip reach.

The image is built as a user does it, by ``python -m grader.container podman``, on a base image that one names
or that debootstrap makes. While it builds, the pip in it has the settings of this machine's pip.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from grader.sandbox import container

SETTINGS = Path(__file__).with_name("containers.conf")
"""Podman's settings; :envvar:`CONTAINERS_CONF` names them."""

_PROGRAMS = ("podman", "runc", "debootstrap")
_PYTHON = "python3,python3-venv,python3-pip"
_WITHOUT_OCI = {"BUILDAH_ISOLATION": "chroot"}
"""Lets a build use this machine's network as it is, with neither bridges nor firewall rules."""


class CannotPrepare(Exception):
    """This machine cannot run Podman; the message says why, in Japanese and English."""


def install() -> None:
    """Installs what is missing of Podman, runc and debootstrap; each package has its program's name.

    Raises:
        CannotPrepare: If this is not Debian or one of its kin, or if we are not root.
    """
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    if sys.platform != "linux" or os.getuid() != 0 or (missing and not shutil.which("apt-get")):
        raise CannotPrepare(
            "make containers は Debian か Ubuntu で、root として実行してください。"
            "ほかの環境では、Docker か Podman を入れて make image を実行してください。 / "
            "Run make containers as root on Debian or Ubuntu. "
            "Elsewhere, install Docker or Podman and run make image."
        )
    if missing:
        quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], quietly)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], quietly)


def make_base() -> str:
    """Makes a base image of this release of Debian with Python, unless it is there.

    Returns:
        Its name.

    Raises:
        CannotPrepare: If apt has no source of this release.
    """
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    name = f"localhost/deep-learning-day4-base:{release}"
    if exists(name):
        return name
    with tempfile.TemporaryDirectory() as folder:
        options = ["--variant=minbase", f"--include={_PYTHON}"]
        _run(["debootstrap", *options, release, folder, _mirror(release)])
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packing:
            subprocess.run(["podman", "import", "--quiet", "-", name], stdin=packing.stdout, check=True)
    if packing.returncode:
        raise subprocess.CalledProcessError(packing.returncode, packing.args)
    return name


def build(base: str) -> None:
    """Builds the grader's image.

    Args:
        base: The image to build on.
    """
    with _with_this_machines_pip() as environment:
        _run([sys.executable, "-m", "grader.container", "podman", "--base", base], environment)


def exists(name: str) -> bool:
    """Tells whether Podman has an image.

    Args:
        name: The image.
    """
    return subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0


def megabytes() -> int:
    """Returns the size of the grader's image."""
    command = ["podman", "image", "inspect", "--format", "{{.Size}}", container.image()]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) // 10**6


def pip_settings(listed: str) -> dict[str, str]:
    """Reads what ``pip config list`` prints.

    Args:
        listed: What it printed.

    Returns:
        Settings of all of pip's commands by name; what the environment says goes before files.
    """
    found = re.findall(r"^(global|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return {name: value for _source, name, value in sorted(found, key=lambda each: each[0] == ":env:")}


def local_paths(settings: Mapping[str, str]) -> list[Path]:
    """Returns the files and folders of this machine that pip's settings name.

    Args:
        settings: What :func:`pip_settings` gave.

    Returns:
        Those that are there; instead of an index, the folder that it lies in, for its pages link to what lies
        beside it.
    """
    words = [word for value in settings.values() for word in value.split()]
    indexes = [Path(word.removeprefix("file://")).parent for word in words if word.startswith("file:///")]
    named = [*indexes, *(Path(word) for word in words if word.startswith("/"))]
    return sorted({path for path in named if path.exists()})


@contextmanager
def _with_this_machines_pip() -> Iterator[dict[str, str]]:
    """Gives an environment for a build, in which pip has this machine's settings and what they name.

    All of it is mounted for the build alone: of a file or folder that the image lacks, an empty one is left.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    settings = pip_settings(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with tempfile.TemporaryDirectory() as folder:
        config, podman = Path(folder, "pip.conf"), Path(folder, "containers.conf")
        lines = [f"{name} = {value}" for name, value in settings.items()]
        config.write_text("\n".join(["[global]", *lines, ""]), "utf-8")
        mounts = [f"{config}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in local_paths(settings))]
        podman.write_text(f"{SETTINGS.read_text('utf-8')}volumes = {mounts}\n".replace("'", '"'), "utf-8")
        yield os.environ | _WITHOUT_OCI | {"CONTAINERS_CONF": str(podman)}


def _mirror(release: str) -> str:
    """Returns where apt finds the packages of a release."""
    wanted = ["$(REPO_URI)", "$(CODENAME)", "$(COMPONENT)"]
    command = ["apt-get", "indextargets", "--format", " ".join(wanted), "Created-By: Packages"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        address, *what = line.split()
        if what == [release, "main"]:
            return address
    raise CannotPrepare(
        f"apt の設定に {release} の main がありません。 / apt has no source for the main part of {release}."
    )


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=environment)
