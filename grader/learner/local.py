"""The learner's own namespace as an answer: what ``check`` in the notebook judges."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from grader.protocol.exchange import ProtocolAnswer
from grader.worker.workspace import Workspace


class LocalAnswer(ProtocolAnswer):
    """An answer in this process.

    Arguments and results are encoded and decoded as between judge and worker, so that a check sees
    the same data, and the learner's code cannot change what the check holds.
    """

    trusted = True

    def __init__(
        self, namespace: dict[str, Any], probes: Sequence[ModuleType] = (), seed: int | None = None
    ) -> None:
        """Creates an answer.

        Args:
            namespace: The learner's names.
            probes: The chapter's probes; :mod:`grader.probes` are always found.
            seed: Seed of the checks' inputs; by default a random one.
        """
        super().__init__(Workspace(namespace, probes).answer, seed)
