"""Chapter 5: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.compare import expect_shape
from grader.exercise import Answer, Key, Mistake

from .exercises import (
    CHOOSES_BEST,
    CHOOSES_BY_TEST,
    CHOOSES_QUICKEST,
    COUNTS_BIASES,
    COUNTS_MOVING_AVERAGES,
    COUNTS_TIES,
    LACKS_PROJECTION,
    NEEDS_NO_PROJECTION,
    NEVER_RESETS,
    RELATIVE_MARGIN,
    STARTS_AT_ZERO,
    STOPS_LATE,
    check_cache_features_at,
    check_fine_tuning_at,
    check_preprocess,
    check_residual_block_at,
    check_transfer_head_at,
    expect_block_parameters,
    expect_choice,
    expect_early_stopping,
    table,
)


def hidden_preprocess(answer: Answer) -> None:
    check_preprocess(answer)
    expect_shape(
        answer.call("preprocess_caffe", np.zeros((7, 5, 3), "uint8")), (7, 5, 3), "1 枚の画像の前処理"
    )


def hidden_block_parameters(answer: Answer) -> None:
    drawn = [(*map(int, answer.rng.integers(2, 90, 2)), 1 + i % 2) for i in range(6)]
    same = int(answer.rng.integers(2, 90))
    for channels_in, channels_out, stride in [*drawn, (same, same, 1), (same, same, 2)]:
        plain = 9 * channels_in * channels_out + 9 * channels_out**2 + 4 * channels_out
        projection = channels_in * channels_out + 2 * channels_out
        projected = stride != 1 or channels_in != channels_out
        right = plain + projection if projected else plain
        known = {
            COUNTS_MOVING_AVERAGES: right + (6 if projected else 4) * channels_out,
            COUNTS_BIASES: right + (3 if projected else 2) * channels_out,
            LACKS_PROJECTION if projected else NEEDS_NO_PROJECTION: plain
            if projected
            else plain + projection,
        }
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
            known = {
                COUNTS_TIES: stopped(scores, patience, ties_are_better=True),
                STOPS_LATE: (stopped(scores, patience + 1)[0], stopped(scores, patience)[1]),
                NEVER_RESETS: stopped(scores, patience, resets=False),
                STARTS_AT_ZERO: stopped(scores, patience, from_zero=True),
            }
            expect_early_stopping(answer, scores, patience, stopped(scores, patience), known)


def chosen(rows: Sequence[dict[str, Any]], margin: float, column: str = "validation") -> str:
    """The quickest run among those within the margin of the best."""
    limit = max(row[column] for row in rows) - margin
    return str(min((row for row in rows if row[column] >= limit), key=lambda row: row["seconds"])["run"])


def hidden_choose_run(answer: Answer) -> None:
    for _ in range(6):
        drawn = np.round(answer.rng.uniform([1, 0.5, 0.5], [99, 0.9, 0.9], (5, 3)), 3).tolist()
        rows = table(*((f"run {i}", *row) for i, row in enumerate(drawn)))
        margin = float(answer.rng.choice([0.0, 0.0505, 0.2005]))
        known = {
            CHOOSES_BY_TEST: chosen(rows, margin, "test"),
            CHOOSES_BEST: chosen(rows, 0.0),
            CHOOSES_QUICKEST: chosen(rows, 1.0),
            RELATIVE_MARGIN: chosen(rows, margin * max(row["validation"] for row in rows)),
        }
        expect_choice(answer, rows, margin, chosen(rows, margin), known)


ANSWERS: dict[str, Key] = {
    "ch05.preprocess": Key(
        reference="""import numpy as np

def preprocess_caffe(images):
    bgr = np.asarray(images, dtype="float32")[..., ::-1]
    return bgr - np.array([103.939, 116.779, 123.68], dtype="float32")
""",
        explanation="caffe 方式の重みは、BGR の順に並べて ImageNet の平均を引いた画素で学習されています。255 で割ると、入力がほとんど定数になります。",
        alternatives={
            "Keras の関数": """import keras
import numpy as np

def preprocess_caffe(images):
    return keras.applications.resnet.preprocess_input(np.array(images, dtype="float32"))
""",
            "チャネルごとに計算": """import numpy as np

def preprocess_caffe(images):
    images = np.array(images, dtype="float64")
    out = np.empty_like(images)
    for k, mean in enumerate([103.939, 116.779, 123.68]):
        out[..., k] = images[..., 2 - k] - mean
    return out
""",
        },
        mistakes={
            "255 で割る": Mistake(
                "def preprocess_caffe(images):\n    return images / 255.0\n",
                "255 で割っただけ",
            ),
            "255 で割って平均を引く": Mistake(
                """import numpy as np
def preprocess_caffe(images):
    return images[..., ::-1] / 255.0 - np.array([103.939, 116.779, 123.68])
""",
                "255 で割ってはいけません",
            ),
            "RGB のまま": Mistake(
                """import numpy as np
def preprocess_caffe(images):
    return images - np.array([103.939, 116.779, 123.68])
""",
                "RGB のまま",
            ),
            "平均の順が逆": Mistake(
                """import numpy as np
def preprocess_caffe(images):
    return images[..., ::-1] - np.array([123.68, 116.779, 103.939])
""",
                "平均の並びが RGB",
            ),
        },
        hidden=hidden_preprocess,
    ),
    "ch05.block_parameters": Key(
        reference="""def block_parameters(channels_in, channels_out, stride):
    convolutions = 9 * channels_in * channels_out + 9 * channels_out * channels_out
    batch_norms = 2 * 2 * channels_out
    projection = 0
    if stride != 1 or channels_in != channels_out:
        projection = channels_in * channels_out + 2 * channels_out
    return convolutions + batch_norms + projection
""",
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
                """def block_parameters(channels_in, channels_out, stride):
    return 9 * channels_in * channels_out + 9 * channels_out**2 + 4 * channels_out
""",
                "ショートカットには 1×1 の畳み込み",
            ),
            "移動平均も数える": Mistake(
                """def block_parameters(channels_in, channels_out, stride):
    count = 9 * channels_in * channels_out + 9 * channels_out**2 + 8 * channels_out
    if stride != 1 or channels_in != channels_out:
        count += channels_in * channels_out + 4 * channels_out
    return count
""",
                "移動平均は数えません",
            ),
            "バイアスを数える": Mistake(
                """def block_parameters(channels_in, channels_out, stride):
    count = 9 * channels_in * channels_out + 9 * channels_out**2 + 6 * channels_out
    if stride != 1 or channels_in != channels_out:
        count += channels_in * channels_out + 3 * channels_out
    return count
""",
                "バイアスは要りません",
            ),
            "いつも 1×1 を足す": Mistake(
                """def block_parameters(channels_in, channels_out, stride):
    count = 9 * channels_in * channels_out + 9 * channels_out**2 + 4 * channels_out
    return count + channels_in * channels_out + 2 * channels_out
""",
                "素通り",
            ),
            "チャネルが減るときを忘れる": Mistake(
                """def block_parameters(channels_in, channels_out, stride):
    count = 9 * channels_in * channels_out + 9 * channels_out**2 + 4 * channels_out
    if stride != 1 or channels_in < channels_out:
        count += channels_in * channels_out + 2 * channels_out
    return count
""",
                "ショートカットには 1×1 の畳み込み",
            ),
        },
        hidden=hidden_block_parameters,
    ),
    "ch05.residual_block": Key(
        reference="""import keras
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
""",
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
            "Model のサブクラス": """import keras
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
""",
        },
        mistakes={
            "足し算がない": Mistake(
                """import keras
from keras import layers
def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, x)
""",
                "ショートカットがありません",
            ),
            "最後の ReLU がない": Mistake(
                """import keras
from keras import layers
def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.Add()([inputs, x]))
""",
                "足し算のあとの ReLU がありません",
            ),
            "足す前に ReLU": Mistake(
                """import keras
from keras import layers
def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Add()([inputs, x]))
""",
                "ReLU が足し算の前",
            ),
            "中の ReLU がない": Mistake(
                """import keras
from keras import layers
def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.ReLU()(layers.Add()([inputs, x])))
""",
                "1 つ目の BatchNormalization のあとの ReLU",
            ),
            "バイアスつき": Mistake(
                """import keras
from keras import layers
def build_residual_block(channels):
    inputs = keras.Input((None, None, channels))
    x = layers.Conv2D(channels, 3, padding="same")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(channels, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.ReLU()(layers.Add()([inputs, x])))
""",
                "重みの形と数が違います",
            ),
        },
        hidden=hidden_residual_block,
    ),
    "ch05.transfer_head": Key(
        reference="""import keras

def add_head(backbone, classes):
    backbone.trainable = False
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
        explanation="凍結した backbone の BatchNormalization は、学習中も推論モードで動きます。",
        alternatives={
            "backbone を層として呼ぶ": """import keras

def add_head(backbone, classes):
    backbone.trainable = False
    inputs = keras.Input((8, 8, 3))
    features = backbone(inputs, training=False)
    logits = keras.layers.Dense(classes)(features)
    return keras.Model(inputs, keras.layers.Softmax()(logits))
""",
            "Sequential": """import keras

def add_head(backbone, classes):
    for layer in backbone.layers:
        layer.trainable = False
    return keras.Sequential([backbone, keras.layers.Dense(classes, activation="softmax")])
""",
            "Model のサブクラス": """import keras

class Headed(keras.Model):
    def __init__(self, backbone, classes):
        super().__init__()
        self.head = keras.layers.Dense(classes, activation="softmax")
        self.backbone = backbone
        self.backbone.trainable = False

    def call(self, images):
        return self.head(self.backbone(images))

def add_head(backbone, classes):
    return Headed(backbone, classes)
""",
        },
        mistakes={
            "凍結しない": Mistake(
                """import keras
def add_head(backbone, classes):
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "畳み込みの重みが動いて",
            ),
            "softmax がない": Mistake(
                """import keras
def add_head(backbone, classes):
    backbone.trainable = False
    return keras.Model(backbone.input, keras.layers.Dense(classes)(backbone.output))
""",
                "softmax がありません",
            ),
            "sigmoid にする": Mistake(
                """import keras
def add_head(backbone, classes):
    backbone.trainable = False
    outputs = keras.layers.Dense(classes, activation="sigmoid")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "sigmoid です",
            ),
            "全部凍結する": Mistake(
                """import keras
def add_head(backbone, classes):
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    model = keras.Model(backbone.input, outputs)
    model.trainable = False
    return model
""",
                "出力層の重みが動きません",
            ),
            "畳み込みだけ凍結する": Mistake(
                """import keras
def add_head(backbone, classes):
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.trainable = False
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "backbone 全体を凍結しましょう",
            ),
            "クラス数が固定": Mistake(
                """import keras
def add_head(backbone, classes):
    backbone.trainable = False
    outputs = keras.layers.Dense(10, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "クラスへの Dense",
            ),
        },
        hidden=hidden_transfer_head,
    ),
    "ch05.cache_features": Key(
        reference="""import numpy as np

def cache_features(backbone, images, batch_size):
    return backbone.predict(images, batch_size=batch_size, verbose=0)
""",
        explanation="凍結した backbone の特徴は何エポック学習しても同じ値です。一度だけ計算すれば、あとは出力層の学習だけになります。",
        alternatives={
            "自分でループ": """import numpy as np

def cache_features(backbone, images, batch_size):
    parts = []
    for start in range(0, len(images), batch_size):
        parts.append(np.asarray(backbone(images[start:start + batch_size], training=False)))
    return np.concatenate(parts)
""",
        },
        mistakes={
            "半端なバッチを捨てる": Mistake(
                """import numpy as np
def cache_features(backbone, images, batch_size):
    whole = len(images) // batch_size * batch_size
    return backbone.predict(images[:whole], batch_size=batch_size, verbose=0)
""",
                "半端なバッチが抜けて",
            ),
            "学習モードで計算する": Mistake(
                """import numpy as np
def cache_features(backbone, images, batch_size):
    return np.asarray(backbone(images, training=True))
""",
                "全部の画像を一度に、学習モードで",
            ),
            "学習モードで batch_size 枚ずつ計算する": Mistake(
                """import numpy as np
def cache_features(backbone, images, batch_size):
    starts = range(0, len(images), batch_size)
    return np.concatenate([backbone(images[i:i + batch_size], training=True) for i in starts])
""",
                "特徴は推論モード (training=False)",
            ),
            "いったん学習モードで呼ぶ": Mistake(
                """def cache_features(backbone, images, batch_size):
    features = backbone.predict(images, batch_size=batch_size, verbose=0)
    backbone(images, training=True)
    return features
""",
                "特徴を計算しただけで",
            ),
            "順番を変える": Mistake(
                """import numpy as np
def cache_features(backbone, images, batch_size):
    return backbone.predict(images[::-1], batch_size=batch_size, verbose=0)
""",
                "行の順番が変わっています",
            ),
        },
        hidden=hidden_cache_features,
    ),
    "ch05.fine_tuning": Key(
        reference="""import keras

def prepare_fine_tuning(backbone, classes):
    backbone.trainable = True
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
        explanation="データが少ないと、小さなバッチの平均と分散で移動平均が壊れます。BatchNormalization だけを止めると、事前学習で得た統計が守られます。",
        alternatives={
            "層として呼ぶ": """import keras

def prepare_fine_tuning(backbone, classes):
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    inputs = keras.Input((8, 8, 3))
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
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "BatchNormalization の移動平均が動いて",
            ),
            "凍結したまま": Mistake(
                """import keras
def prepare_fine_tuning(backbone, classes):
    backbone.trainable = False
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "畳み込みの重みが動きません",
            ),
            "凍結を解かない": Mistake(
                """import keras
def prepare_fine_tuning(backbone, classes):
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    outputs = keras.layers.Dense(classes, activation="softmax")(backbone.output)
    return keras.Model(backbone.input, outputs)
""",
                "畳み込みの重みが動きません",
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
            "推論モードで呼ぶだけ": Mistake(
                """import keras
def prepare_fine_tuning(backbone, classes):
    backbone.trainable = True
    inputs = keras.Input((8, 8, 3))
    features = backbone(inputs, training=False)
    outputs = keras.layers.Dense(classes, activation="softmax")(features)
    return keras.Model(inputs, outputs)
""",
                "BatchNormalization の移動平均が動いて",
            ),
        },
        hidden=hidden_fine_tuning,
    ),
    "ch05.early_stopping": Key(
        reference="""def early_stopping(scores, snapshots, patience):
    best, best_weights, waited = None, None, 0
    for epoch, (score, weights) in enumerate(zip(scores, snapshots), start=1):
        if best is None or score > best:
            best, best_weights, waited = score, weights, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, best_weights
    return len(scores), best_weights
""",
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
            "最後の重みを返す": Mistake(
                """def early_stopping(scores, snapshots, patience):
    best, waited = float("-inf"), 0
    for epoch, score in enumerate(scores):
        if score > best:
            best, waited = score, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch + 1, snapshots[epoch]
    return len(scores), snapshots[-1]
""",
                "最後の重みが返っています",
            ),
            "1 エポック遅い": Mistake(
                """def early_stopping(scores, snapshots, patience):
    best, best_epoch, waited = float("-inf"), 0, 0
    for epoch, score in enumerate(scores):
        if score > best:
            best, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
            if waited > patience:
                return epoch + 1, snapshots[best_epoch]
    return len(scores), snapshots[best_epoch]
""",
                "1 エポック遅すぎます",
            ),
            "待ち数を戻さない": Mistake(
                """def early_stopping(scores, snapshots, patience):
    best, best_epoch, waited = float("-inf"), 0, 0
    for epoch, score in enumerate(scores):
        if score > best:
            best, best_epoch = score, epoch
        else:
            waited += 1
            if waited >= patience:
                return epoch + 1, snapshots[best_epoch]
    return len(scores), snapshots[best_epoch]
""",
                "待ち数が 0 に戻っていません",
            ),
            "最高を 0 から始める": Mistake(
                """def early_stopping(scores, snapshots, patience):
    best, best_epoch, waited = 0, 0, 0
    for epoch, score in enumerate(scores):
        if score > best:
            best, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch + 1, snapshots[best_epoch]
    return len(scores), snapshots[best_epoch]
""",
                "-∞ から始めましょう",
            ),
            "同点を改善に数える": Mistake(
                """def early_stopping(scores, snapshots, patience):
    best, best_epoch, waited = float("-inf"), 0, 0
    for epoch, score in enumerate(scores):
        if score >= best:
            best, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch + 1, snapshots[best_epoch]
    return len(scores), snapshots[best_epoch]
""",
                "同点は「改善」に数えません",
            ),
            "組にしない": Mistake(
                "def early_stopping(scores, snapshots, patience):\n    return len(scores)\n",
                "2 つ組を返しましょう",
            ),
        },
        hidden=hidden_early_stopping,
    ),
    "ch05.choose_run": Key(
        reference="""def choose_run(rows, margin):
    best = max(row["validation"] for row in rows)
    good = [row for row in rows if row["validation"] >= best - margin]
    return min(good, key=lambda row: row["seconds"])["run"]
""",
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
                """def choose_run(rows, margin):
    best = max(row["test"] for row in rows)
    good = [row for row in rows if row["test"] >= best - margin]
    return min(good, key=lambda row: row["seconds"])["run"]
""",
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
            "margin を割合にする": Mistake(
                """def choose_run(rows, margin):
    best = max(row["validation"] for row in rows)
    good = [row for row in rows if row["validation"] >= best * (1 - margin)]
    return min(good, key=lambda row: row["seconds"])["run"]
""",
                "割合として使っています",
            ),
        },
        hidden=hidden_choose_run,
    ),
}
