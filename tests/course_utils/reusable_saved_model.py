"""Writes a small SavedModel with the interface of a reusable TensorFlow Hub module."""

from pathlib import Path

import tensorflow as tf

FEATURES = 4


class _FeatureVector(tf.train.Checkpoint):
    """Convolution, batch normalisation with a training switch, and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        random = tf.random.Generator.from_seed(7)
        self.kernel = tf.Variable(random.normal((3, 3, 3, 6), stddev=0.3), name="conv/kernel")
        self.gamma = tf.Variable(tf.ones(6), name="bn/gamma")
        self.beta = tf.Variable(tf.zeros(6), name="bn/beta")
        self.moving_mean = tf.Variable(tf.zeros(6), trainable=False, name="bn/moving_mean")
        self.moving_variance = tf.Variable(tf.ones(6), trainable=False, name="bn/moving_variance")
        self.dense = tf.Variable(random.normal((6, FEATURES)), name="dense/kernel")
        self.trainable_variables = [self.kernel, self.gamma, self.beta, self.dense]
        self.variables = [*self.trainable_variables, self.moving_mean, self.moving_variance]
        self.regularization_losses = [self.weight_decay]

    @tf.function(input_signature=[])
    def weight_decay(self) -> tf.Tensor:
        return 1e-3 * tf.reduce_sum(tf.square(self.kernel))

    @tf.function
    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = tf.nn.conv2d(images, self.kernel, 1, "SAME")
        if training:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            self.moving_mean.assign(0.9 * self.moving_mean + 0.1 * mean)
            self.moving_variance.assign(0.9 * self.moving_variance + 0.1 * variance)
        else:
            mean, variance = self.moving_mean.read_value(), self.moving_variance.read_value()
        x = tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, 1e-3))
        return tf.reduce_mean(x, [1, 2]) @ self.dense


def save_feature_vector(folder: Path) -> Path:
    """Writes the SavedModel.

    Args:
        folder: Folder to write.

    Returns:
        The folder.
    """
    module = _FeatureVector()
    for training in (False, True):
        module.__call__.get_concrete_function(
            tf.TensorSpec((None, None, None, 3), tf.float32), training=training
        )
    tf.saved_model.save(module, str(folder))
    return folder
