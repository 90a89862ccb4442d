"""The start of every notebook: one call for seeds, determinism, quiet logs, fonts and profile."""

from __future__ import annotations

import io
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

try:
    import resource
except ImportError:  # Windows does not count this
    resource = None  # type: ignore[assignment]

PROFILES = {
    "quick": "小さなデータと重みで、ネットワークなしに動きます",
    "full": "レポートと同じ規模で動きます。ダウンロードがあり、GPU を勧めます",
}
"""Names of the profiles and what each means."""


@dataclass(frozen=True)
class Course:
    """How this notebook runs.

    Attributes:
        chapter: Number of the chapter.
        profile: ``"quick"`` or ``"full"``.
        seed: Seed of everything random.
        started: Reading of ``time.perf_counter`` at the start.
    """

    chapter: int
    profile: str
    seed: int
    started: float = field(default_factory=time.perf_counter, repr=False)

    def cost(self) -> str:
        """Says what this run has cost so far.

        Returns:
            One line in Japanese: wall-clock seconds since the start and, except on Windows, peak memory.
        """
        text = f"ここまで {time.perf_counter() - self.started:.0f} 秒 ({os.cpu_count()} コア)"
        if resource is None:
            return text
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return f"{text}、最大メモリ {peak / (1e9 if sys.platform == 'darwin' else 1e6):.1f} GB"


def profile() -> str:
    """Reads the profile from the environment variable ``COURSE_PROFILE``.

    Returns:
        ``"quick"``, the default, or ``"full"``.

    Raises:
        ValueError: If the variable holds anything else.
    """
    name = os.environ.get("COURSE_PROFILE") or "quick"
    if name not in PROFILES:
        raise ValueError(
            f"環境変数 COURSE_PROFILE の値 {name!r} は使えません。quick か full にしてください。 / "
            f"COURSE_PROFILE is {name!r}; set it to quick or full."
        )
    return name


def start(chapter: int, seed: int = 2026) -> Course:
    """Prepares a notebook: seeds, deterministic ops, quiet logs, Japanese font; prints what it runs with.

    Call it before anything imports TensorFlow or Keras: only then are TensorFlow's start-up
    messages kept out of the notebook.

    Args:
        chapter: Number of the chapter.
        seed: Seed of Python's, NumPy's and Keras' random numbers.

    Returns:
        The settings of this run.

    Raises:
        ValueError: If ``COURSE_PROFILE`` is neither ``quick`` nor ``full``.
    """
    course = Course(chapter, profile(), seed)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console or pipe, whose encoding may lack Japanese
            stream.reconfigure(errors="replace")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr():
        versions = _prepare_keras(seed)

    from course_utils import plots

    plots.use_course_style()
    print(f"第 {chapter} 章 · プロファイル {course.profile}: {PROFILES[course.profile]}")
    print(f"シード (乱数の種) {seed}(同じ環境なら、何度実行しても同じ結果になります)")
    print(" · ".join(f"{name} {version}" for name, version in versions.items()))
    return course


def _prepare_keras(seed: int) -> dict[str, str]:
    import keras
    import numpy as np

    keras.utils.set_random_seed(seed)
    versions = {"Python": platform.python_version(), "NumPy": np.__version__, "Keras": keras.__version__}
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        tf.config.list_physical_devices()
        tf.get_logger().setLevel("ERROR")
        versions["TensorFlow"] = tf.__version__
    return versions


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Holds back what native code writes to file descriptor 2; shows it if the block raises.

    TensorFlow logs its first lines before its log level is read, so no setting can silence them.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held_back:
        terminal = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
