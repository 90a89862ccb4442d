"""Chapter 5: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.exercise import Answer, Key, Mistake, changed, chosen, estimated

from .exercises import (
    CHOOSES_BEST,
    CHOOSES_BY_TEST,
    CHOOSES_QUICKEST,
    CHOOSES_SLOWEST,
    COUNTS_BIASES,
    COUNTS_FROM_ZERO,
    COUNTS_MOVING_AVERAGES,
    COUNTS_TIES,
    FORGETS_255,
    KEEPS_RGB,
    LACKS_IT_AT_STRIDE,
    LACKS_IT_AT_STRIDE_1,
    LACKS_IT_WHERE_FEWER,
    LACKS_PROJECTION,
    LACKS_PROJECTIONS_NORM,
    MEAN_IN_RGB,
    NEEDS_NO_PROJECTION,
    NEVER_RESETS,
    NO_MEAN,
    RELATIVE_MARGIN,
    REORDERS_NEITHER,
    REVERSES_IMAGES,
    STARTS_AT_ZERO,
    STOPS_EARLY,
    STOPS_LATE,
    check_cache_features_at,
    check_fine_tuning_at,
    check_residual_block_at,
    check_transfer_head_at,
    expect_block_parameters,
    expect_choice,
    expect_early_stopping,
    expect_preprocessed,
    table,
)

CAFFE_MEAN = np.array([103.939, 116.779, 123.68])


def hidden_preprocess(answer: Answer) -> None:
    for shape in ((2, 4, 5, 3), (1, 7, 3, 3)):
        rgb = answer.rng.integers(0, 256, shape)
        bgr = rgb[..., ::-1]
        known = {
            FORGETS_255: bgr / 255 - CAFFE_MEAN,
            KEEPS_RGB: rgb - CAFFE_MEAN,
            REORDERS_NEITHER: rgb - CAFFE_MEAN[::-1],
            MEAN_IN_RGB: bgr - CAFFE_MEAN[::-1],
            NO_MEAN: bgr,
            REVERSES_IMAGES: rgb[::-1] - CAFFE_MEAN,
        }
        expect_preprocessed(answer, rgb / 255, bgr - CAFFE_MEAN, known)


def lacks_projection(channels_in: int, channels_out: int, stride: int) -> str:
    """The reason to tell where a projection is missing, by why it is needed."""
    if channels_in == channels_out:
        return LACKS_IT_AT_STRIDE
    if stride != 1:
        return LACKS_PROJECTION
    return LACKS_IT_WHERE_FEWER if channels_in > channels_out else LACKS_IT_AT_STRIDE_1


def hidden_block_parameters(answer: Answer) -> None:
    few, many = sorted(int(n) for n in answer.rng.choice(np.arange(2, 90), 2, replace=False))
    pairs = [(few, many), (many, few), (few, few), (many, many)]
    for channels_in, channels_out, stride in [(*pair, stride) for pair in pairs for stride in (1, 2, 3)]:
        plain = 9 * channels_in * channels_out + 9 * channels_out**2 + 4 * channels_out
        kernel, norm = channels_in * channels_out, 2 * channels_out
        projected = stride != 1 or channels_in != channels_out
        right = plain + kernel + norm if projected else plain
        known = {
            COUNTS_MOVING_AVERAGES: right + (6 if projected else 4) * channels_out,
            COUNTS_BIASES: right + (3 if projected else 2) * channels_out,
        }
        if projected:
            known |= {lacks_projection(channels_in, channels_out, stride): plain}
            known |= {LACKS_PROJECTIONS_NORM: plain + kernel}
        else:
            known |= {NEEDS_NO_PROJECTION: plain + kernel + norm}
        expect_block_parameters(answer, (channels_in, channels_out, stride), right, known)


def hidden_residual_block(answer: Answer) -> None:
    check_residual_block_at(answer, channels=3, size=5)
    check_residual_block_at(answer, channels=7, size=4)


def hidden_transfer_head(answer: Answer) -> None:
    check_transfer_head_at(answer, channels=9, classes=3)


def hidden_cache_features(answer: Answer) -> None:
    check_cache_features_at(answer, count=7, batch_size=7)
    check_cache_features_at(answer, count=5, batch_size=16)
    check_cache_features_at(answer, count=9, batch_size=1)


def hidden_fine_tuning(answer: Answer) -> None:
    check_fine_tuning_at(answer, channels=8, classes=3, frozen=False)
    check_fine_tuning_at(answer, channels=5, classes=4, frozen=True)


def stopped(
    scores: Sequence[float],
    patience: int,
    *,
    ties_are_better: bool = False,
    resets: bool = True,
    from_zero: bool = False,
) -> tuple[int, int]:
    """Epochs run and the index of the best one, as Keras' EarlyStopping decides, or with a known mistake."""
    best, best_epoch, waited = 0.0 if from_zero else -np.inf, 0, 0
    for epoch, score in enumerate(scores):
        if score > best or (ties_are_better and score == best):
            best, best_epoch, waited = score, epoch, 0 if resets else waited
        else:
            waited += 1
            if waited >= patience:
                return epoch + 1, best_epoch
    return len(scores), best_epoch


def hidden_early_stopping(answer: Answer) -> None:
    for patience in (1, 2, 3):
        for _ in range(4):
            scores = np.round(answer.rng.uniform(0, 1, int(answer.rng.integers(1, 9))), 1).tolist()
            epochs, best = stopped(scores, patience)
            known = {
                COUNTS_TIES: stopped(scores, patience, ties_are_better=True),
                STOPS_LATE: stopped(scores, patience + 1),
                STOPS_EARLY: stopped(scores, patience - 1),
                COUNTS_FROM_ZERO: (epochs - 1, best),
                NEVER_RESETS: stopped(scores, patience, resets=False),
                STARTS_AT_ZERO: stopped(scores, patience, from_zero=True),
            }
            expect_early_stopping(answer, scores, patience, (epochs, best), known)


def choice_of(
    rows: Sequence[dict[str, Any]], margin: float, column: str = "validation", sign: float = 1.0
) -> str:
    """The quickest run among those within the margin of the best; with sign -1 the slowest."""
    limit = max(row[column] for row in rows) - margin
    good = (row for row in rows if row[column] >= limit)
    return str(min(good, key=lambda row: sign * row["seconds"])["run"])


def hidden_choose_run(answer: Answer) -> None:
    for _ in range(6):
        drawn = np.round(answer.rng.uniform([1, 0.5, 0.5], [99, 0.9, 0.9], (5, 3)), 3).tolist()
        rows = table(*((f"run {i}", *row) for i, row in enumerate(drawn)))
        margin = float(answer.rng.choice([0.0, 0.0505, 0.2005]))
        known = {
            CHOOSES_BY_TEST: choice_of(rows, margin, "test"),
            CHOOSES_BEST: choice_of(rows, 0.0),
            CHOOSES_QUICKEST: choice_of(rows, 1.0),
            CHOOSES_SLOWEST: choice_of(rows, margin, sign=-1.0),
            RELATIVE_MARGIN: choice_of(rows, margin * max(row["validation"] for row in rows)),
        }
        expect_choice(answer, rows, margin, choice_of(rows, margin), known)


# The references, of which known mistakes change one thing.


PREPROCESS = """import numpy as np

def preprocess_caffe(images):
    bgr = 255 * np.asarray(images, dtype="float32")[..., ::-1]
    return bgr - np.array([103.939, 116.779, 123.68], dtype="float32")
"""

BLOCK_PARAMETERS = """def block_parameters(channels_in, channels_out, stride):
    convolutions = 9 * channels_in * channels_out + 9 * channels_out * channels_out
    batch_norms = 2 * 2 * channels_out
    projection = 0
    if stride != 1 or channels_in != channels_out:
        projection = channels_in * channels_out + 2 * channels_out
    return convolutions + batch_norms + projection
"""

RESIDUAL_BLOCK = """import keras
from keras import layers

def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Add()([inputs, x])
    return keras.Model(inputs, layers.ReLU()(x))
"""

BLOCK_CLASS = """import keras
from keras import layers, ops

class Block(keras.Model):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.conv2 = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.norm1 = layers.BatchNormalization()
        self.norm2 = layers.BatchNormalization()

    def call(self, inputs, training=None):
        x = ops.relu(self.norm1(self.conv1(inputs), training=training))
        x = self.norm2(self.conv2(x), training=training)
        return ops.relu(inputs + x)

def build_residual_block(channels):
    return Block(channels)
"""

HEAD = """import keras

def add_head(backbone, classes):
    backbone.trainable = False
    features = keras.layers.UnitNormalization()(backbone.output)
    outputs = keras.layers.Dense(classes, activation="softmax")(features)
    return keras.Model(backbone.input, outputs)
"""

CACHE_FEATURES = """import numpy as np

def cache_features(backbone, images, batch_size):
    both = [images, images[:, :, ::-1]]
    return np.stack([backbone.predict(x, batch_size=batch_size, verbose=0) for x in both])
"""

FINE_TUNING = """import keras

def prepare_fine_tuning(backbone, classes):
    backbone.trainable = True
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
"""

EARLY_STOPPING = """def early_stopping(scores, snapshots, patience):
    best, best_weights, waited = float("-inf"), None, 0
    for epoch, (score, weights) in enumerate(zip(scores, snapshots), start=1):
        if score > best:
            best, best_weights, waited = score, weights, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, best_weights
    return len(scores), best_weights
"""

CHOOSE_RUN = """def choose_run(rows, margin):
    best = max(row["validation"] for row in rows)
    good = [row for row in rows if row["validation"] >= best - margin]
    return min(good, key=lambda row: row["seconds"])["run"]
"""


ANSWERS: dict[str, Key] = {
    "ch05.preprocess": Key(
        reference=PREPROCESS,
        explanation="caffe 方式の重みは、BGR の順に並べて ImageNet の平均を引いた、0〜255 の画素で学習されています。0〜1 のままでは、入力がほとんど定数になります。",
        alternatives={
            "Keras の関数": """import keras
import numpy as np

def preprocess_caffe(images):
    return keras.applications.resnet.preprocess_input(255 * np.array(images, dtype="float32"))
""",
            "チャネルごとに計算": """import numpy as np

def preprocess_caffe(images):
    out = np.empty(images.shape)
    for k, mean in enumerate([103.939, 116.779, 123.68]):
        out[..., k] = images[..., 2 - k] * 255.0 - mean
    return out
""",
            "画素を整数に丸める": """import numpy as np

def preprocess_caffe(images):
    pixels = np.rint(images * 255).astype("uint8")
    return pixels[..., ::-1] - np.array([103.939, 116.779, 123.68])
""",
        },
        mistakes={
            "この講座の preprocess をそのまま": Mistake(
                "from course_utils.backbones import preprocess as preprocess_caffe\n",
                "0〜1 の値のまま平均を引いて",
            ),
            "RGB のまま": Mistake(
                changed(PREPROCESS, "[..., ::-1]", ""),
                "RGB のままです。平均を引く前に",
            ),
            "並べ替えず、平均だけ合わせる": Mistake(
                changed(
                    changed(PREPROCESS, "[..., ::-1]", ""),
                    "[103.939, 116.779, 123.68]",
                    "[123.68, 116.779, 103.939]",
                ),
                "引いた平均は合っていますが",
            ),
            "平均の順が逆": Mistake(
                changed(PREPROCESS, "[103.939, 116.779, 123.68]", "[123.68, 116.779, 103.939]"),
                "平均の並びが RGB",
            ),
            "平均を引かない": Mistake(
                changed(PREPROCESS, 'bgr - np.array([103.939, 116.779, 123.68], dtype="float32")', "bgr"),
                "255 倍しただけ",
            ),
            "画像の順を逆にする": Mistake(
                changed(PREPROCESS, "[..., ::-1]", "[::-1]"),
                "画像の順番が逆",
            ),
        },
        hidden=hidden_preprocess,
        equivalent={
            "preprocess_input(255 * images)": "NumPy multiplies it all the same",
            "pixels = np.rint(images * 255)": "whole numbers in another type",
            "- [103.939": "NumPy makes an array of it",
            "pixels = (images * 255)": "the pixels are whole numbers already",
            "astype('int64')": "whole numbers in another type",
        },
    ),
    "ch05.block_parameters": Key(
        reference=BLOCK_PARAMETERS,
        explanation="3×3 の畳み込みが 2 つ、BatchNormalization が 2 つ。形が変わるブロックでは、1×1 の畳み込みと BatchNormalization がショートカットに加わります。",
        alternatives={
            "Keras に数えさせる": """import keras
from keras import layers

def block_parameters(channels_in, channels_out, stride):
    inputs = keras.Input((8, 8, channels_in))
    x = layers.Conv2D(channels_out, 3, stride, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(channels_out, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    shortcut = inputs
    if stride != 1 or channels_in != channels_out:
        shortcut = layers.Conv2D(channels_out, 1, stride, use_bias=False)(inputs)
        shortcut = layers.BatchNormalization()(shortcut)
    model = keras.Model(inputs, layers.Add()([x, shortcut]))
    return sum(int(w.shape.num_elements()) for w in model.trainable_weights)
""",
        },
        mistakes={
            "ショートカットを忘れる": Mistake(
                changed(BLOCK_PARAMETERS, " + projection", ""),
                "形が違うとき、ショートカットには",
            ),
            "チャネル数だけを見る": Mistake(
                changed(BLOCK_PARAMETERS, "stride != 1 or ", ""),
                "チャネル数が同じでも",
            ),
            "stride だけを見る": Mistake(
                changed(BLOCK_PARAMETERS, " or channels_in != channels_out", ""),
                "stride が 1 でも",
            ),
            "チャネルが減るときを忘れる": Mistake(
                changed(BLOCK_PARAMETERS, "channels_in != channels_out", "channels_in < channels_out"),
                "減るときも",
            ),
            "ショートカットに BatchNormalization がない": Mistake(
                changed(
                    BLOCK_PARAMETERS,
                    "channels_in * channels_out + 2 * channels_out\n    return",
                    "channels_in * channels_out\n    return",
                ),
                "1×1 の畳み込みにも BatchNormalization",
            ),
            "移動平均も数える": Mistake(
                changed(
                    changed(BLOCK_PARAMETERS, "2 * 2 * channels_out", "2 * 4 * channels_out"),
                    "channels_out + 2 * channels_out",
                    "channels_out + 4 * channels_out",
                ),
                "移動平均は数えません",
            ),
            "バイアスを数える": Mistake(
                changed(
                    changed(BLOCK_PARAMETERS, "2 * 2 * channels_out", "2 * 3 * channels_out"),
                    "channels_out + 2 * channels_out",
                    "channels_out + 3 * channels_out",
                ),
                "バイアスは要りません",
            ),
            "いつも 1×1 を足す": Mistake(
                changed(BLOCK_PARAMETERS, "if stride != 1 or channels_in != channels_out:", "if True:"),
                "素通り",
            ),
        },
        hidden=hidden_block_parameters,
        equivalent={
            "x = layers.BatchNormalization()(x)": "a ReLU has no parameters",
            "model = keras.Model(inputs, [x, shortcut])": "the sum has no parameters",
            "return sum(w.shape": "a whole number of any type",
            "keras.Input((9, 8": "no parameter depends on the size",
            "keras.Input((8, 9": "no parameter depends on the size",
            "keras.Input((7, 8": "no parameter depends on the size",
            "keras.Input((8, 7": "no parameter depends on the size",
        },
    ),
    "ch05.residual_block": Key(
        reference=RESIDUAL_BLOCK,
        explanation="ブロックが学ぶのは出力そのものではなく、入力との差 (残差) です。足してから ReLU を掛けるのが 2015 年の論文の形です。",
        alternatives={
            "keras.ops で足す": """import keras
from keras import layers, ops

def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = inputs
    for step in range(2):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        if step == 0:
            x = layers.Activation("relu")(x)
    return keras.Model(inputs, ops.relu(x + inputs))
""",
            "Model のサブクラス": BLOCK_CLASS,
        },
        mistakes={
            "足し算がない": Mistake(
                changed(RESIDUAL_BLOCK, "    x = layers.Add()([inputs, x])\n", ""),
                "ショートカットがありません",
            ),
            "最後の ReLU がない": Mistake(
                changed(RESIDUAL_BLOCK, "layers.ReLU()(x))", "x)"),
                "足し算のあとの ReLU がありません",
            ),
            "足す前に ReLU": Mistake(
                changed(
                    changed(RESIDUAL_BLOCK, "layers.ReLU()(x))", "x)"),
                    "layers.Add()([inputs, x])",
                    "layers.Add()([inputs, layers.ReLU()(x)])",
                ),
                "ReLU が足し算の前",
            ),
            "中の ReLU がない": Mistake(
                changed(RESIDUAL_BLOCK, "    x = layers.ReLU()(x)\n", ""),
                "1 つ目の BatchNormalization のあとの ReLU",
            ),
            "バイアスつき": Mistake(
                RESIDUAL_BLOCK.replace(", use_bias=False", ""),
                "重みの形と数が違います",
            ),
            "この講座の residual_block": Mistake(
                """import keras
from course_utils.backbones import residual_block

def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, residual_block(inputs, channels))
""",
                "momentum が既定の",
            ),
            "epsilon を変える": Mistake(
                RESIDUAL_BLOCK.replace("BatchNormalization()", "BatchNormalization(epsilon=1e-5)"),
                "epsilon が既定の",
            ),
            "いつも推論モード": Mistake(
                BLOCK_CLASS.replace("training=training", "training=False"),
                "推論モードのままです",
            ),
        },
        hidden=hidden_residual_block,
        equivalent={
            "self.norm2(self.conv2(x))": "Keras hands the training flag on to layers inside",
            "self.norm1(self.conv1(inputs)))": "Keras hands the training flag on to layers inside",
        },
    ),
    "ch05.transfer_head": Key(
        reference=HEAD,
        explanation="長さをそろえると、特徴の大きさが backbone ごとに違っても、学習率の意味が変わりません。凍結した backbone の BatchNormalization は、学習中も推論モードで動きます。",
        alternatives={
            "backbone を層として呼ぶ": """import keras

def add_head(backbone, classes):
    backbone.trainable = False
    inputs = keras.Input(backbone.input_shape[1:])
    features = keras.ops.normalize(backbone(inputs, training=False), axis=-1)
    logits = keras.layers.Dense(classes)(features)
    return keras.Model(inputs, keras.layers.Softmax()(logits))
""",
            "Sequential": """import keras

def add_head(backbone, classes):
    for layer in backbone.layers:
        layer.trainable = False
    head = keras.layers.Dense(classes, activation="softmax")
    return keras.Sequential([backbone, keras.layers.UnitNormalization(), head])
""",
            "Model のサブクラス": """import keras

class Headed(keras.Model):
    def __init__(self, backbone, classes):
        super().__init__()
        self.head = keras.layers.Dense(classes, activation="softmax")
        self.backbone = backbone
        self.backbone.trainable = False

    def call(self, images):
        features = self.backbone(images)
        return self.head(features / keras.ops.norm(features, axis=1, keepdims=True))

def add_head(backbone, classes):
    return Headed(backbone, classes)
""",
            "重みを自分で作る": """import keras

class Head(keras.layers.Layer):
    def __init__(self, classes):
        super().__init__()
        self.classes = classes
        self.unit = keras.layers.UnitNormalization()

    def build(self, shape):
        self.bias = self.add_weight(shape=(self.classes,))
        self.kernel = self.add_weight(shape=(shape[-1], self.classes))

    def call(self, features):
        return keras.ops.softmax(self.unit(features) @ self.kernel + self.bias)

def add_head(backbone, classes):
    backbone.trainable = False
    return keras.Model(backbone.input, Head(classes)(backbone.output))
""",
        },
        mistakes={
            "4 節のセルのまま": Mistake(
                changed(HEAD, "keras.layers.UnitNormalization()(backbone.output)", "backbone.output"),
                "特徴の長さがそろっていません",
            ),
            "そろえる向きが違う": Mistake(
                changed(HEAD, "UnitNormalization()", "UnitNormalization(axis=0)"),
                "長さを 1 にする向き",
            ),
            "凍結しない": Mistake(
                changed(HEAD, "    backbone.trainable = False\n", ""),
                "畳み込みの重みが動いて",
            ),
            "softmax がない": Mistake(
                changed(HEAD, ', activation="softmax"', ""),
                "softmax がありません",
            ),
            "sigmoid にする": Mistake(
                changed(HEAD, "softmax", "sigmoid"),
                "sigmoid です",
            ),
            "全部凍結する": Mistake(
                changed(
                    HEAD,
                    "return keras.Model(backbone.input, outputs)",
                    "model = keras.Model(backbone.input, outputs)\n    model.trainable = False\n    return model",
                ),
                "出力層の重みが動きません",
            ),
            "畳み込みだけ凍結する": Mistake(
                changed(
                    HEAD,
                    "    backbone.trainable = False\n",
                    "    for layer in backbone.layers:\n"
                    "        layer.trainable = not isinstance(layer, keras.layers.Conv2D)\n",
                ),
                "backbone 全体を凍結しましょう",
            ),
            "クラス数が固定": Mistake(
                changed(HEAD, "Dense(classes", "Dense(10"),
                "クラスへの Dense",
            ),
            "backbone を作り直す": Mistake(
                changed(
                    HEAD,
                    "    backbone.trainable = False\n",
                    "    backbone = keras.models.clone_model(backbone)\n    backbone.trainable = False\n",
                ),
                "渡されたものと違います",
            ),
        },
        hidden=hidden_transfer_head,
        equivalent={
            "training=False), axis=1)": "the second axis is the last",
            "normalize(backbone(inputs, training=False))": "the last axis is the default",
            "normalize(backbone(inputs, training=True)": "a frozen BatchNormalization infers all the same",
            "normalize(backbone(inputs), axis": "a model that is called outside of training infers",
            "shape=(shape[1],": "the second axis is the last",
        },
    ),
    "ch05.cache_features": Key(
        reference=CACHE_FEATURES,
        explanation="凍結した backbone の特徴は何エポック学習しても同じ値です。左右を反転した画像も、一度だけ計算しておけば、あとは出力層の学習だけになります。",
        alternatives={
            "自分でループ": """import numpy as np

def cache_features(backbone, images, batch_size):
    features = []
    for x in (images, np.flip(images, axis=2)):
        parts = []
        for start in range(0, len(x), batch_size):
            parts.append(np.asarray(backbone(x[start:start + batch_size], training=False)))
        features.append(np.concatenate(parts))
    return features
""",
            "続けて計算し、あとで分ける": """import numpy as np
import tensorflow as tf

def cache_features(backbone, images, batch_size):
    both = np.concatenate([images, tf.image.flip_left_right(images)])
    features = backbone.predict(both, batch_size=batch_size, verbose=0)
    return features.reshape(2, len(images), -1)
""",
        },
        mistakes={
            "半端なバッチを捨てる": Mistake(
                changed(
                    CACHE_FEATURES,
                    "    both",
                    "    images = images[:len(images) // batch_size * batch_size]\n    both",
                ),
                "半端なバッチが抜けて",
            ),
            "全部を一度に渡す": Mistake(
                changed(
                    CACHE_FEATURES,
                    "backbone.predict(x, batch_size=batch_size, verbose=0)",
                    "backbone(x, training=False)",
                ),
                "batch_size を超えて",
            ),
            "学習モードで batch_size 枚ずつ計算する": Mistake(
                """import numpy as np

def cache_features(backbone, images, batch_size):
    starts = range(0, len(images), batch_size)
    both = [images, images[:, :, ::-1]]
    return np.stack(
        [np.concatenate([backbone(x[i:i + batch_size], training=True) for i in starts]) for x in both]
    )
""",
                "特徴は推論モード (training=False)",
            ),
            "順番を変える": Mistake(
                changed(
                    CACHE_FEATURES, "[images, images[:, :, ::-1]]", "[images[::-1], images[::-1, :, ::-1]]"
                ),
                "行の順番が変わっています",
            ),
            "反転が先": Mistake(
                changed(CACHE_FEATURES, "[images, images[:, :, ::-1]]", "[images[:, :, ::-1], images]"),
                "並びが逆です",
            ),
            "反転しない": Mistake(
                changed(CACHE_FEATURES, "images[:, :, ::-1]", "images"),
                "反転していない画像",
            ),
            "上下を反転する": Mistake(
                changed(CACHE_FEATURES, "images[:, :, ::-1]", "images[:, ::-1]"),
                "上下を反転しています",
            ),
            "チャネルを逆にする": Mistake(
                changed(CACHE_FEATURES, "images[:, :, ::-1]", "images[..., ::-1]"),
                "チャネルを逆にしています",
            ),
            "計算のあとで学習モードにする": Mistake(
                changed(
                    CACHE_FEATURES,
                    "return np.stack([backbone.predict(x, batch_size=batch_size, verbose=0) for x in both])",
                    "features = np.stack([backbone.predict(x, batch_size, verbose=0) for x in both])\n"
                    "    backbone(images[:batch_size], training=True)\n"
                    "    return features",
                ),
                "特徴を計算しただけで",
            ),
        },
        hidden=hidden_cache_features,
        equivalent={
            "predict(x, batch_size=batch_size) for": "what is printed does not matter",
            "batch_size=batch_size, verbose=1)": "what is printed does not matter",
            "return ([backbone.predict": "a list is numbers, too",
            "batch_size=1": "the results do not depend on it",
            "start:start + batch_size])))": "a model that is called outside of training infers",
            "predict(both, batch_size=batch_size)": "what is printed does not matter",
            "len(images), -2)": "NumPy takes any negative size for the one to be found",
        },
    ),
    "ch05.fine_tuning": Key(
        results_used_up=True,
        reference=FINE_TUNING,
        explanation="データが少ないと、小さなバッチの平均と分散で移動平均が壊れます。BatchNormalization だけを止めると、事前学習で得た統計が守られます。",
        alternatives={
            "層として呼ぶ": """import keras

def prepare_fine_tuning(backbone, classes):
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    inputs = keras.Input(backbone.input_shape[1:])
    features = backbone(inputs)
    outputs = keras.layers.Dense(classes, activation="softmax")(features)
    return keras.Model(inputs, outputs)
""",
        },
        mistakes={
            "全部の層を学習する": Mistake(
                """import keras

def prepare_fine_tuning(backbone, classes):
    backbone.trainable = True
    inputs = keras.Input(backbone.input_shape[1:])
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone(inputs, training=False))
    return keras.Model(inputs, outputs)
""",
                "BatchNormalization の移動平均が動いて",
            ),
            "凍結したまま": Mistake(
                changed(FINE_TUNING, "backbone.trainable = True", "backbone.trainable = False"),
                "ファインチューニングでは backbone.trainable",
            ),
            "凍結を解かない": Mistake(
                changed(FINE_TUNING, "    backbone.trainable = True\n", ""),
                "凍結されて渡された backbone",
            ),
            "出力層を凍結する": Mistake(
                changed(FINE_TUNING, 'activation="softmax"', 'activation="softmax", trainable=False'),
                "出力層も一緒に",
            ),
            "gamma と beta は学習する": Mistake(
                """import keras

class FineTuned(keras.Model):
    def __init__(self, backbone, classes):
        super().__init__()
        backbone.trainable = True
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 1.0
        self.backbone = backbone
        self.head = keras.layers.Dense(classes, activation="softmax")

    def call(self, x):
        return self.head(self.backbone(x))

def prepare_fine_tuning(backbone, classes):
    return FineTuned(backbone, classes)
""",
                "gamma と beta が動いて",
            ),
            "前の問題の答えをつなぐ": Mistake(
                changed(
                    FINE_TUNING, "(backbone.output)", "(keras.layers.UnitNormalization()(backbone.output))"
                ),
                "特徴をそのまま出力層に",
            ),
            "softmax を忘れる": Mistake(
                changed(FINE_TUNING, ', activation="softmax"', ""),
                "softmax がありません",
            ),
        },
        hidden=hidden_fine_tuning,
    ),
    "ch05.early_stopping": Key(
        reference=EARLY_STOPPING,
        explanation="止まるのは最高点の patience エポックあとなので、最後の重みは最良の重みではありません。だから復元が要ります。",
        alternatives={
            "最高点の位置から": """import numpy as np

def early_stopping(scores, snapshots, patience):
    for stop in range(1, len(scores) + 1):
        best = int(np.argmax(scores[:stop]))
        if stop - 1 - best >= patience:
            break
    return (stop, snapshots[best])
""",
        },
        mistakes={
            "1 エポックの記録を考えない": Mistake(
                """import numpy as np
def early_stopping(scores, snapshots, patience):
    best = int(np.argmax(scores))
    for stop in range(2, len(scores) + 1):
        best = int(np.argmax(scores[:stop]))
        if stop - 1 - best >= patience:
            break
    return (stop, snapshots[best])
""",
                "UnboundLocalError",
            ),
            "最後の重みを返す": Mistake(
                EARLY_STOPPING.replace(", best_weights\n", ", weights\n"),
                "最後の重みが返っています",
            ),
            "全部のエポックから選ぶ": Mistake(
                EARLY_STOPPING.replace(
                    ", best_weights\n", ", snapshots[max(range(len(scores)), key=scores.__getitem__)]\n"
                ),
                "止まったあとのエポックの重み",
            ),
            "1 エポック遅い": Mistake(
                changed(EARLY_STOPPING, "waited >= patience", "waited > patience"),
                "1 エポック遅すぎます",
            ),
            "1 エポック早い": Mistake(
                changed(EARLY_STOPPING, "waited >= patience", "waited >= patience - 1"),
                "1 エポック早すぎます",
            ),
            "0 から数える": Mistake(
                changed(changed(EARLY_STOPPING, "start=1", "start=0"), "return len(scores)", "return epoch"),
                "エポック数が 1 少なく",
            ),
            "待ち数を戻さない": Mistake(
                changed(EARLY_STOPPING, "score, weights, 0", "score, weights, waited"),
                "待ち数が 0 に戻っていません",
            ),
            "最高を 0 から始める": Mistake(
                changed(EARLY_STOPPING, 'float("-inf")', "0"),
                "-∞ から始めましょう",
            ),
            "同点を改善に数える": Mistake(
                changed(EARLY_STOPPING, "score > best", "score >= best"),
                "同点は「改善」に数えません",
            ),
            "同点ならあとの重み": Mistake(
                changed(
                    EARLY_STOPPING,
                    "            waited += 1\n",
                    "            waited += 1\n            best_weights = weights if score == best else best_weights\n",
                ),
                "先に出た最高点",
            ),
            "組にしない": Mistake(
                "def early_stopping(scores, snapshots, patience):\n    return len(scores)\n",
                "2 つ組を返しましょう",
            ),
        },
        hidden=hidden_early_stopping,
        equivalent={
            'float("-inf"), None, 1': "the first score is always the best so far",
            "best = np.argmax(scores[:stop])": "a NumPy integer is an index",
        },
    ),
    "ch05.choose_run": Key(
        reference=CHOOSE_RUN,
        explanation="テスト精度は、選び終えたあとに一度だけ見る数字です。",
        alternatives={
            "並べ替える": """def choose_run(rows, margin):
    limit = max(row["validation"] for row in rows) - margin
    for row in sorted(rows, key=lambda row: row["seconds"]):
        if row["validation"] >= limit:
            return row["run"]
""",
        },
        mistakes={
            "テスト精度で選ぶ": Mistake(
                CHOOSE_RUN.replace("validation", "test"),
                "テスト精度で選んでいます",
            ),
            "最高だけを見る": Mistake(
                """def choose_run(rows, margin):
    return max(rows, key=lambda row: row["validation"])["run"]
""",
                "検証精度が最高のもの",
            ),
            "速さだけを見る": Mistake(
                """def choose_run(rows, margin):
    return min(rows, key=lambda row: row["seconds"])["run"]
""",
                "速さだけで選んで",
            ),
            "候補からテスト精度で選ぶ": Mistake(
                changed(
                    CHOOSE_RUN,
                    'min(good, key=lambda row: row["seconds"])',
                    'max(good, key=lambda row: row["test"])',
                ),
                "候補の中から、テスト精度",
            ),
            "遅いものを選ぶ": Mistake(
                changed(CHOOSE_RUN, "min(good", "max(good"),
                "いちばん遅いもの",
            ),
            "margin を割合にする": Mistake(
                changed(CHOOSE_RUN, "best - margin", "best * (1 - margin)"),
                "割合として使っています",
            ),
            "ちょうど margin の行を外す": Mistake(
                changed(
                    CHOOSE_RUN,
                    'row["validation"] >= best - margin',
                    'row["validation"] > best - margin or row["validation"] == best',
                ),
                "ちょうど margin の行",
            ),
        },
        hidden=hidden_choose_run,
    ),
    "ch05.predict_depth": chosen(
        "ウ",
        explanation="勾配は届いていても、足し算のない 30 層は、6 層にできることさえできません。これが劣化問題です。",
        wrong={
            "ア": "層が多ければ表せる関数は増えますが、見つけられるとは限りません。下の図で、30 層の訓練精度を見ましょう。",
            "イ": "余分な層が恒等写像を学べば同じになるはずですが、ふつうの層にはそれが難しいのです。下の図で確かめましょう。",
        },
    ),
    "ch05.predict_tuning": chosen(
        "ウ",
        explanation="事前学習ずみの重みから始めれば、300 枚でも特徴を花に合わせられます。"
        "描いた花では、5 つのシードのすべてで転移学習を上回りました (7 節)。",
        wrong={
            "ア": "過学習するのは、ランダムな初期値から始めたほうです。事前学習ずみの重みから始めると、300 枚でも検証精度が上がります。",
            "イ": "CIFAR-10 の特徴だけでは、描いた花は半分ほどしか当たりません。backbone も学習すると、はっきり変わります。",
        },
    ),
    "ch05.decide_run": chosen(
        "イ",
        explanation="5 つのシードのうち 4 つで「ファインチューニング 1e-4」が選ばれます。margin を 0.05 に広げると、答えは割れます。",
        wrong={
            "ア": "いちばん速い実験の 1 つですが、どのシードでも、検証精度が最高の行から 0.02 以内に入りません。",
            "ウ": "速さは手ごろですが、検証精度が最高の行から 0.02 以内に入るシードがありません。margin を確かめましょう。",
            "エ": "選ばれるのは 1 つのシードだけです。ほかのシードでは、検証精度が届かないか、もっと速い候補があります。",
        },
    ),
    "ch05.estimate_selection": estimated(
        35,
        within=5,
        explanation="1 個の精度の標準偏差は √(0.2 × 0.8 ÷ 60)、およそ 5 % です。200 個のうちの最良は、平均の 20 % から"
        "その 3 倍弱だけ上にあります。選んだだけで、実力のないモデルが 35 % ほどに見えます。",
        low="平均は 20 % でも、200 個もあれば、偶然で大きく上に外れるものがあります。その最良を選んだのでした。",
        high="60 枚もあるので、偶然だけでそこまで当たるモデルは、200 個の中にまず現れません。",
    ),
}
