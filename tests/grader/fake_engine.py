"""A stand-in for docker and podman: it runs the command of a container as a plain process of this machine.

What passes between judge and container is real, over the standard streams of the stand-in; its isolation is
none, so children keep the user of the test.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SCRIPT = """#!{python}
import os, shutil, subprocess, sys, tempfile
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    print(*(argument.partition("\\n")[0] for argument in arguments), file=log)
if answer := {answers!r}.get(arguments[0], 0):
    print("first line", "the stand-in fails", sep="\\n", file=sys.stderr)
    sys.exit(answer)
if arguments[0] != "run":
    sys.exit(0)
image = next(index for index, argument in enumerate(arguments) if index and not argument.startswith("-"))
inside = arguments[image + 1:]
if "--child-user" not in inside:
    sys.exit(subprocess.call(inside))
user = inside.index("--child-user")
del inside[user:user + 2]
folder = tempfile.mkdtemp()
try:
    for name in ("course", "home"):
        os.mkdir(os.path.join(folder, name))
    for old, new in (("/course", folder + "/course"), ("/home/learner", folder + "/home")):
        inside = [new if argument == old else argument.replace("=" + old, "=" + new) for argument in inside]
    inside[inside.index("python3")] = sys.executable
    sys.exit(subprocess.call(inside, cwd=folder + "/home"))
finally:
    shutil.rmtree(folder, ignore_errors=True)
"""


def write_engine(folder: Path, name: str = "docker", **answers: int) -> Path:
    """Writes the stand-in.

    Args:
        folder: A folder to be put first on ``PATH``.
        name: ``docker`` or ``podman``.
        answers: Exit codes of subcommands that are to fail.

    Returns:
        The file to which it appends each command that it gets, one a line.
    """
    folder.mkdir(exist_ok=True)
    log = folder / "commands"
    program = folder / name
    program.write_text(_SCRIPT.format(python=sys.executable, log=str(log), answers=answers), encoding="utf-8")
    program.chmod(0o755)
    return log
