"""How much is fuzzed, and from which seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

SEED = int(os.environ.get("FUZZ_SEED", "20261124"))


def fuzzed(share: float = 1.0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Returns a decorator for a test that fuzzes, the same examples in every run.

    Args:
        share: The part of ``FUZZ_EXAMPLES`` that this test draws.
    """
    examples = int(int(os.environ.get("FUZZ_EXAMPLES", "200")) * share)
    limits = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        decorated: Any = seed(SEED)(limits(test))
        return decorated

    return decorate
