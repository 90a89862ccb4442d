"""Nothing of its own: its presence has the worker import Keras once, before it forks."""

import keras

__all__ = ["keras"]
