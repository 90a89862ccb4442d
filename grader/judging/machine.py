"""The machine that several judges share: an answer for which they leave no time is judged while they wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Machine:
    """Many may use it at a time, or one alone; who wants it alone comes before whoever asks later."""

    def __init__(self) -> None:
        self._users = 0
        self._alone = threading.Lock()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Uses it beside others."""
        with self._alone, self._changed:
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Uses it once nobody else does; whoever comes meanwhile waits."""
        with self._alone:
            with self._changed:
                self._changed.wait_for(lambda: self._users == 0)
            yield
