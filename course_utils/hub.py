"""Published SavedModels as Keras 3 layers."""

from __future__ import annotations

import inspect
import os
import warnings
from typing import Any
from unittest import mock

import keras

from course_utils.download import DownloadError


@keras.saving.register_keras_serializable(package="course_utils")
class HubLayer(keras.layers.Layer):
    """A reusable SavedModel, such as those of TensorFlow Hub, as a layer.

    ``hub.KerasLayer`` belongs to the legacy Keras, and ``keras.layers.TFSMLayer`` gives its weights
    names that optimizers refuse. This layer wraps each ``tf.Variable`` of the SavedModel in a
    ``keras.Variable`` that shares its storage, so that the SavedModel's own functions see what an
    optimizer, ``set_weights`` or ``load_weights`` writes.

    A frozen layer runs in inference mode, whatever ``training`` says: neither its weights nor the
    moving statistics of its normalisation move.

    Args:
        handle: Folder of a SavedModel, or the address of one, which tensorflow-hub downloads and
            keeps in ``TFHUB_CACHE_DIR``.
        trainable: Whether ``fit`` updates the weights.
        **kwargs: More arguments of ``keras.layers.Layer``.

    Raises:
        DownloadError: If there is no SavedModel at the handle, or it cannot be downloaded.
        ValueError: If the SavedModel has no ``__call__`` or does not list its variables.
    """

    def __init__(self, handle: str | os.PathLike[str], trainable: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.handle = os.fspath(handle)
        self._module = _load(self.handle)
        if not callable(self._module) or not hasattr(self._module, "variables"):
            raise ValueError(
                f"{self.handle} は再利用できる TF2 の SavedModel ではありません"
                "(__call__、variables、trainable_variables が必要です)。 / "
                f"{self.handle} is not a reusable TF2 SavedModel: "
                "it needs __call__, variables and trainable_variables."
            )
        self._takes_training = "training" in inspect.signature(self._module.__call__).parameters
        updated = {id(variable) for variable in self._module.trainable_variables}
        self._shared_variables = [
            keras.Variable(
                variable,
                trainable=id(variable) in updated,
                autocast=False,
                name=variable.name.split(":")[0].replace("/", "_"),
            )
            for variable in self._module.variables
        ]
        self.trainable = trainable
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Runs the SavedModel.

        Args:
            inputs: What the SavedModel takes.
            training: Whether normalisation and dropout run in training mode; ignored when frozen.

        Returns:
            What the SavedModel returns, for a feature vector of shape ``(batch, features)``.
        """
        if self.trainable:
            for loss in getattr(self._module, "regularization_losses", ()):
                self.add_loss(loss())
        if self._takes_training:
            return self._module(inputs, training=bool(training and self.trainable))
        return self._module(inputs)

    def get_config(self) -> dict[str, Any]:
        """Returns what is needed to build the layer again; the weights are saved apart."""
        return {**super().get_config(), "handle": self.handle, "trainable": self.trainable}


def _load(handle: str) -> Any:
    hub = _tensorflow_hub()
    import tensorflow as tf

    try:
        return hub.load(handle)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise DownloadError(
            f"SavedModel {handle} を読み込めませんでした({type(error).__name__})。"
            "ネットワークにつながる機械で取り出し、そのフォルダーを handle に渡すこともできます。 / "
            f"The SavedModel {handle} could not be loaded; pass as handle the folder of a SavedModel that "
            "was extracted on a machine with a network."
        ) from error


def _tensorflow_hub() -> Any:
    """Imports tensorflow_hub without the legacy Keras.

    Its version 0.16 imports ``tf_keras`` when ``tf.keras.version()`` says 3, only to define
    ``hub.KerasLayer``, which this course does not use.
    """
    import tensorflow as tf

    with mock.patch.object(tf.keras, "version", None), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import tensorflow_hub

    return tensorflow_hub
