"""What keeps learners' code apart, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Isolation = Literal["bubblewrap", "docker", "podman", "process"]


@dataclass(frozen=True)
class Limits:
    """What an answer's processes may use.

    Attributes:
        memory: Bytes that all of them together may use on top of what the worker holds after its imports;
            also the address space of each. Training Keras' ResNet50 on 64-pixel images takes 2.1 GiB of it.
        scratch: Bytes that all files together may take; ``process`` limits each file alone.
        file_size: Bytes of one file.
        processes: Processes and threads; without namespaces the kernel would count all of the user's, so
            ``process`` has no such limit, and a container's is its engine's to keep.
        open_files: Open files of a process.
        cpu: Processor seconds for each second of an exercise's time limit.
        submission_seconds: Wall-clock seconds for all exercises of a submission together.
    """

    memory: int = 3 * 2**30
    scratch: int = 256 * 2**20
    file_size: int = 64 * 2**20
    processes: int = 128
    open_files: int = 256
    cpu: float = 2.0
    submission_seconds: float = 600.0

    def of_exercise(self, isolation: Isolation, seconds: float) -> dict[str, int]:
        """Returns the limits of one exercise.

        Args:
            isolation: Where the process runs.
            seconds: Wall-clock limit of the exercise.

        Returns:
            ``memory`` and ``cpu`` (seconds) for all processes together, and the limits of each by their
            names in :mod:`resource`.
        """
        cpu = max(int(seconds * self.cpu), 1)
        limits = {
            "memory": self.memory,
            "cpu": cpu,
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": cpu + 10,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }
        return limits | {"RLIMIT_NPROC": self.processes} if isolation == "bubblewrap" else limits
