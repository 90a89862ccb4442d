"""Chapter 5: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_equal, expect_model, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Handle, Status

Array = npt.NDArray[Any]

CAFFE_MEAN = np.array([103.939, 116.779, 123.68])
BATCH_NORM_EPSILON = 1e-3


# ch05.preprocess


def check_preprocess(answer: Answer) -> None:
    images = answer.rng.integers(0, 256, (2, 4, 5, 3)).astype("uint8")
    bgr = images[..., ::-1].astype("float64")
    expect_close(
        answer.call("preprocess_caffe", images),
        bgr - CAFFE_MEAN,
        "preprocess_caffe(images)",
        atol=1e-2,
        known={
            "255 で割ってはいけません。caffe 方式の重みは 0〜255 の画素から平均を引いた値を待っています。": bgr
            / 255
            - CAFFE_MEAN,
            "255 で割っただけの値です。caffe 方式では割り算をせず、平均を引きます。": images / 255.0,
            "チャネルが RGB のままです。平均を引く前に BGR に並べ替えましょう。": images - CAFFE_MEAN,
            "平均の並びが RGB です。BGR に並べ替えた画素からは [103.939, 116.779, 123.68] をこの順に引きます。": bgr
            - CAFFE_MEAN[::-1],
        },
    )
    black = answer.call("preprocess_caffe", np.zeros((1, 1, 1, 3), "uint8"))
    expect_close(
        black,
        -CAFFE_MEAN.reshape(1, 1, 1, 3),
        "黒い画素 (0, 0, 0) の前処理",
        atol=1e-2,
    )


# ch05.block_parameters


COUNTS_MOVING_AVERAGES = (
    "BatchNormalization の学習できる値は 1 チャネルにつき 2 個 (gamma と beta) です。移動平均は数えません。"
)
COUNTS_BIASES = "畳み込みにバイアスは要りません。直後の BatchNormalization の beta が同じ役をします。"
LACKS_PROJECTION = (
    "入力と出力の形が違うとき、ショートカットには 1×1 の畳み込みと BatchNormalization が入ります。"
)
NEEDS_NO_PROJECTION = "形が同じときのショートカットは素通りで、パラメータを持ちません。"


def expect_block_parameters(
    answer: Answer, case: tuple[int, int, int], right: int, known: dict[str, int]
) -> None:
    expect_equal(answer.call("block_parameters", *case), right, f"block_parameters{case}", known=known)


def check_block_parameters(answer: Answer) -> None:
    expect_block_parameters(
        answer,
        (16, 16, 1),
        4672,
        {COUNTS_MOVING_AVERAGES: 4736, COUNTS_BIASES: 4704, NEEDS_NO_PROJECTION: 4960},
    )
    expect_block_parameters(
        answer,
        (16, 32, 2),
        14528,
        {COUNTS_MOVING_AVERAGES: 14720, COUNTS_BIASES: 14624, LACKS_PROJECTION: 13952},
    )
    expect_block_parameters(
        answer,
        (64, 64, 2),
        78208,
        {COUNTS_MOVING_AVERAGES: 78592, COUNTS_BIASES: 78400, LACKS_PROJECTION: 73984},
    )


# ch05.residual_block


def convolve(x: Array, kernel: Array) -> Array:
    """3x3 convolution, stride 1, zero padding, in NumPy."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel)


def batch_normalise(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    """BatchNormalization in inference mode, in NumPy."""
    return gamma * (x - mean) / np.sqrt(variance + BATCH_NORM_EPSILON) + beta


def draw_block_weights(rng: np.random.Generator, channels: int) -> dict[str, Array]:
    """Draws the weights of a basic block without projection, by name."""
    weights: dict[str, Array] = {}
    for n in (1, 2):
        weights[f"kernel{n}"] = rng.normal(0, 0.25, (3, 3, channels, channels))
        weights[f"gamma{n}"] = rng.uniform(0.5, 1.5, channels)
        weights[f"beta{n}"] = rng.normal(0, 0.5, channels)
        weights[f"mean{n}"] = rng.normal(0, 0.5, channels)
        weights[f"variance{n}"] = rng.uniform(0.5, 1.5, channels)
    return weights


def block_outputs(x: Array, w: dict[str, Array]) -> dict[str, Array]:
    """Outputs of a right block and of blocks with a known mistake, in NumPy."""

    def norm(y: Array, n: int) -> Array:
        return batch_normalise(y, w[f"gamma{n}"], w[f"beta{n}"], w[f"mean{n}"], w[f"variance{n}"])

    first = np.maximum(norm(convolve(x, w["kernel1"]), 1), 0)
    branch = norm(convolve(first, w["kernel2"]), 2)
    linear = norm(convolve(norm(convolve(x, w["kernel1"]), 1), w["kernel2"]), 2)
    return {
        "right": np.maximum(x + branch, 0),
        "no shortcut": np.maximum(branch, 0),
        "no last relu": x + branch,
        "relu before add": x + np.maximum(branch, 0),
        "no inner relu": np.maximum(x + linear, 0),
    }


KEYS = ("kernel", "gamma", "beta", "mean", "variance")
LAYER_ORDER = [f"{key}{n}" for n in (1, 2) for key in KEYS]
TRAINABLE_FIRST = [f"{key}{n}" for keys in (KEYS[:3], KEYS[3:]) for n in (1, 2) for key in keys]


def check_residual_block_at(answer: Answer, channels: int, size: int) -> None:
    block = expect_model(answer.call("build_residual_block", channels), f"build_residual_block({channels})")
    drawn = draw_block_weights(answer.rng, channels)
    shapes = [list(np.shape(w)) for w in answer.probe("weights", block)]
    order = next(
        (
            order
            for order in (LAYER_ORDER, TRAINABLE_FIRST)
            if shapes == [list(drawn[name].shape) for name in order]
        ),
        None,
    )
    expect(
        order is not None,
        "重みの形と数が違います。バイアスなしの 3×3 畳み込みと BatchNormalization を 2 組、この順に並べましょう"
        f" (いまの重みの形: {shapes})。",
        Status.WRONG_SHAPE,
    )
    answer.probe("set_weights", block, [drawn[name] for name in order or []])
    x = answer.rng.normal(0, 1, (2, size, size, channels))
    outputs = block_outputs(x, drawn)
    expect_close(
        answer.probe("predict", block, x),
        outputs["right"],
        "ブロックの出力",
        rtol=1e-3,
        atol=1e-3,
        known={
            "ショートカットがありません。入力をブロックの出力に足しましょう。": outputs["no shortcut"],
            "足し算のあとの ReLU がありません。": outputs["no last relu"],
            "ReLU が足し算の前にあります。足してから ReLU を掛けましょう。": outputs["relu before add"],
            "1 つ目の BatchNormalization のあとの ReLU がありません。": outputs["no inner relu"],
        },
    )


def check_residual_block(answer: Answer) -> None:
    check_residual_block_at(answer, channels=4, size=6)


# ch05.transfer_head


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def set_head(answer: Answer, model: Handle, channels: int, classes: int) -> tuple[list[Array], Array, Array]:
    """Gives the head weights of the judge's choice; returns all weights, the kernel and the bias."""
    weights = [np.asarray(w) for w in answer.probe("weights", model)]
    expect(
        [list(w.shape) for w in weights[-2:]] == [[channels, classes], [classes]],
        f"最後の層は、特徴 {channels} 個から {classes} クラスへの Dense (バイアスあり) にしましょう。",
        Status.WRONG_SHAPE,
    )
    kernel = answer.rng.normal(0, 1, (channels, classes))
    bias = answer.rng.normal(0, 1, classes)
    weights[-2:] = [kernel, bias]
    answer.probe("set_weights", model, weights)
    return weights, kernel, bias


def train_a_little(answer: Answer, model: Handle, images: Array, labels: Array) -> list[Array]:
    """Trains a few steps with SGD and returns the weights afterwards."""
    answer.probe("compile", model, "sgd", 0.1, "sparse_categorical_crossentropy")
    answer.probe("train_steps", model, images, labels, 3, 8)
    return [np.asarray(w) for w in answer.probe("weights", model)]


def moved(before: Sequence[Array], after: Sequence[Array]) -> list[bool]:
    """Says of each array whether training has changed it."""
    return [
        np.shape(b) != np.shape(a) or not np.allclose(b, a, rtol=1e-5, atol=1e-6)
        for b, a in zip(before, after, strict=True)
    ]


def check_transfer_head_at(answer: Answer, channels: int, classes: int) -> None:
    seed = int(answer.rng.integers(1_000_000))
    backbone = answer.probe("tiny_backbone", channels, seed)
    model = expect_model(answer.call("add_head", backbone, classes), "add_head(backbone, classes)")
    before, kernel, bias = set_head(answer, model, channels, classes)
    images = answer.rng.normal(0, 1, (24, 8, 8, 3))
    labels = answer.rng.integers(0, classes, 24)
    features = expect_shape(answer.probe("predict", backbone, images), (24, channels), "backbone の出力")
    logits = features @ kernel + bias
    expect_close(
        answer.probe("predict", model, images),
        softmax(logits),
        "モデルの出力",
        rtol=1e-3,
        atol=1e-4,
        known={
            "softmax がありません。出力は各行の和が 1 の確率にしましょう。": logits,
            "softmax ではなく sigmoid です。5 つから 1 つを選ぶので、和が 1 になる softmax を使います。": 1
            / (1 + np.exp(-logits)),
        },
    )
    after = train_a_little(answer, model, images, labels)
    changed = moved(before, after)
    expect(
        changed[-2] and changed[-1],
        "学習しても出力層の重みが動きません。凍結するのは backbone だけで、出力層は学習させます。",
    )
    kernels = [bool(m) for m, w in zip(changed[:-2], before[:-2], strict=True) if w.ndim == 4]
    expect(
        not any(kernels),
        "学習すると backbone の畳み込みの重みが動いてしまいました。backbone.trainable = False で凍結しましょう。",
    )
    expect(
        not any(changed[:-2]),
        "backbone の BatchNormalization の移動平均が動いてしまいました。backbone は推論モードで呼びましょう。",
    )


def check_transfer_head(answer: Answer) -> None:
    check_transfer_head_at(answer, channels=6, classes=5)


# ch05.cache_features


def check_cache_features_at(answer: Answer, count: int, batch_size: int) -> None:
    seed = int(answer.rng.integers(1_000_000))
    backbone = answer.probe("tiny_backbone", 5, seed)
    weights = [np.asarray(w) for w in answer.probe("weights", backbone)]
    images = answer.rng.normal(1, 2, (count, 8, 8, 3))
    right = expect_shape(answer.probe("predict", backbone, images), (count, 5), "backbone の出力")
    in_training_mode = expect_shape(
        answer.probe("predict", backbone, images, training=True), (count, 5), "backbone の出力"
    )
    # Predicting in training mode moves the moving averages of BatchNormalization.
    answer.probe("set_weights", backbone, weights)
    given = answer.call("cache_features", backbone, images, batch_size)
    full_batches = count // batch_size * batch_size
    expect(
        count == full_batches or shape_of(given, "cache_features の結果") != (full_batches, 5),
        "最後の半端なバッチが抜けています。画像の枚数と同じ行数の特徴を返しましょう。",
        Status.WRONG_SHAPE,
    )
    expect_close(
        given,
        right,
        "cache_features の結果",
        rtol=1e-3,
        atol=1e-4,
        known={
            "BatchNormalization が学習モードです。特徴は推論モード (training=False) で計算しましょう。": in_training_mode,
            "行の順番が変わっています。特徴は画像と同じ順に並べましょう。": right[::-1],
        },
    )
    after = [np.asarray(w) for w in answer.probe("weights", backbone)]
    expect(
        not any(moved(weights, after)),
        "BatchNormalization が学習モードです。特徴を計算しただけで backbone の移動平均が変わりました。",
    )


def check_cache_features(answer: Answer) -> None:
    check_cache_features_at(answer, count=10, batch_size=4)


# ch05.fine_tuning


def check_fine_tuning_at(answer: Answer, channels: int, classes: int) -> None:
    seed = int(answer.rng.integers(1_000_000))
    backbone = answer.probe("tiny_backbone", channels, seed)
    model = expect_model(
        answer.call("prepare_fine_tuning", backbone, classes), "prepare_fine_tuning(backbone, classes)"
    )
    before, kernel, bias = set_head(answer, model, channels, classes)
    images = answer.rng.normal(1, 2, (24, 8, 8, 3))
    labels = answer.rng.integers(0, classes, 24)
    features = expect_shape(answer.probe("predict", backbone, images), (24, channels), "backbone の出力")
    expect_close(
        answer.probe("predict", model, images),
        softmax(features @ kernel + bias),
        "モデルの出力",
        rtol=1e-3,
        atol=1e-4,
    )
    changed = moved(before, train_a_little(answer, model, images, labels))
    kernels = [m for m, w in zip(changed, before, strict=True) if w.ndim == 4]
    vectors = [m for m, w in zip(changed[:-2], before[:-2], strict=True) if w.ndim == 1]
    expect(
        len(kernels) == 2 and all(kernels),
        "畳み込みの重みが動きません。ファインチューニングでは backbone.trainable = True にします。",
    )
    expect(
        changed[-2] and changed[-1],
        "出力層の重みが動きません。出力層も一緒に学習させましょう。",
    )
    expect(
        not any(vectors),
        "BatchNormalization が動いてしまいました。BatchNormalization の層だけは trainable = False に戻しましょう。",
    )


def check_fine_tuning(answer: Answer) -> None:
    check_fine_tuning_at(answer, channels=6, classes=5)


# ch05.early_stopping


COUNTS_TIES = "同点は「改善」に数えません。これまでの最高を上回ったときだけ待ち数を 0 に戻します。"
STOPS_LATE = "止まるのが 1 エポック遅すぎます。改善しないエポックが patience 回続いたら、そこで止めます。"
KEEPS_LAST = "最後の重みが返っています。最高点のエポックの重みに戻しましょう。"


def expect_early_stopping(
    answer: Answer,
    scores: Sequence[float],
    patience: int,
    right: tuple[int, int],
    *,
    tied: tuple[int, int],
    late: int,
) -> None:
    """Expects the number of epochs and the best epoch's weights.

    Args:
        answer: The answer.
        scores: Validation accuracies.
        patience: As given to the answer.
        right: Epochs run, and the index of the best one.
        tied: The same if ties counted as better.
        late: Epochs run if it stopped one epoch later.
    """
    snapshots = [answer.rng.normal(0, 1, (2, 3)) for _ in scores]
    given = answer.call("early_stopping", list(scores), snapshots, patience)
    expect(
        isinstance(given, (list, tuple)) and len(given) == 2,
        "(実行したエポック数, 復元した重み) の 2 つ組を返しましょう。",
        Status.WRONG_TYPE,
    )
    epochs, best = right
    wrong_epochs = {COUNTS_TIES: tied[0], STOPS_LATE: late}
    expect_equal(
        given[0],
        epochs,
        f"scores={list(scores)}, patience={patience} のときのエポック数",
        known={reason: wrong for reason, wrong in wrong_epochs.items() if wrong != epochs},
    )
    wrong_weights = {KEEPS_LAST: epochs - 1, COUNTS_TIES: tied[1]}
    expect_close(
        given[1],
        snapshots[best],
        "復元した重み",
        known={reason: snapshots[wrong] for reason, wrong in wrong_weights.items() if wrong != best},
    )


def check_early_stopping(answer: Answer) -> None:
    expect_early_stopping(answer, [0.4, 0.6, 0.5, 0.55, 0.7], 2, (4, 1), tied=(4, 1), late=5)
    expect_early_stopping(answer, [0.3, 0.5, 0.5, 0.5, 0.9], 2, (4, 1), tied=(5, 4), late=5)
    expect_early_stopping(answer, [0.2, 0.3, 0.4], 2, (3, 2), tied=(3, 2), late=3)


# ch05.choose_run


CHOOSES_BY_TEST = "テスト精度で選んでいます。選ぶときに見てよいのは検証精度だけです。"
CHOOSES_BEST = "検証精度が最高のものを選んでいます。margin 以内の差なら、いちばん速いものを選びましょう。"
CHOOSES_QUICKEST = "速さだけで選んでいます。まず検証精度で候補を絞りましょう。"


def expect_choice(
    answer: Answer, rows: Sequence[dict[str, Any]], margin: float, right: str, known: dict[str, str]
) -> None:
    expect_equal(
        answer.call("choose_run", [dict(row) for row in rows], margin),
        right,
        "choose_run(rows, margin)",
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def table(*rows: tuple[str, float, float, float]) -> list[dict[str, Any]]:
    """Rows of a result table from ``(run, seconds, validation, test)``."""
    return [dict(zip(("run", "seconds", "validation", "test"), row, strict=True)) for row in rows]


def check_choose_run(answer: Answer) -> None:
    rows = table(
        ("a", 60.0, 0.42, 0.41),
        ("b", 10.0, 0.80, 0.84),
        ("c", 60.0, 0.89, 0.87),
        ("2", 20.0, 0.875, 0.88),
        ("3", 200.0, 0.88, 0.95),
    )
    wrong = {CHOOSES_BY_TEST: "3", CHOOSES_BEST: "c", CHOOSES_QUICKEST: "b"}
    expect_choice(answer, rows, 0.02, "2", wrong)
    expect_choice(answer, rows, 0.1, "b", wrong | {CHOOSES_BY_TEST: "2"})
    expect_choice(answer, rows, 0.0, "c", wrong)


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch05.preprocess",
        title="caffe 方式の前処理",
        points=1,
        symbols=("preprocess_caffe",),
        template='''import numpy as np

def preprocess_caffe(images):
    """RGB の画像 (0〜255) を、caffe 方式の重みが待っている値に変えます。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_preprocess,
        hints=(
            "することは 2 つだけです。チャネルの順番を変えることと、平均を引くこと。",
            "配列の最後の軸を逆にするには images[..., ::-1] と書きます。",
            "BGR にした画像から [103.939, 116.779, 123.68] を引きます。uint8 のまま引くと値があふれるので、先に float32 に変えましょう。",
        ),
    ),
    Exercise(
        id="ch05.block_parameters",
        title="残差ブロックのパラメータ数",
        points=1,
        symbols=("block_parameters",),
        template='''def block_parameters(channels_in, channels_out, stride):
    """基本の残差ブロックにある、学習できるパラメータの数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_block_parameters,
        hints=(
            "3×3 の畳み込みの重みは 9 × 入力チャネル数 × 出力チャネル数 個です。ブロックに何個ありますか。",
            "BatchNormalization で学習するのは gamma と beta で、1 チャネルに 2 個です。",
            "stride が 1 でないか、チャネル数が変わるときは、ショートカットに 1×1 の畳み込みと BatchNormalization が加わります。",
        ),
    ),
    Exercise(
        id="ch05.residual_block",
        title="残差ブロックを組み立てる",
        points=2,
        symbols=("build_residual_block",),
        template='''import keras

def build_residual_block(channels):
    """(高さ, 幅, channels) を同じ形に写す残差ブロックを keras.Model で返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_residual_block,
        hints=(
            "keras.Input((None, None, channels)) から始め、最後に keras.Model(inputs, outputs) を返します。",
            "畳み込み → BatchNormalization → ReLU → 畳み込み → BatchNormalization まで進んだら、入力を足します。",
            'keras.layers.Add()([inputs, x]) で足し、その結果に keras.layers.ReLU() を掛けます。畳み込みは padding="same", use_bias=False です。',
        ),
    ),
    Exercise(
        id="ch05.transfer_head",
        title="凍結した backbone に出力層をつなぐ",
        points=2,
        symbols=("add_head",),
        template='''import keras

def add_head(backbone, classes):
    """backbone を凍結し、softmax の出力層をつないだ keras.Model を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_transfer_head,
        hints=(
            "凍結は backbone.trainable = False の 1 行です。",
            'backbone.output に Dense(classes, activation="softmax") をつなぎます。',
            "keras.Model(backbone.input, outputs) で、画像から確率までのモデルになります。",
        ),
    ),
    Exercise(
        id="ch05.cache_features",
        title="特徴を一度だけ計算する",
        points=2,
        symbols=("cache_features",),
        template='''import numpy as np

def cache_features(backbone, images, batch_size):
    """backbone の特徴を batch_size 枚ずつ計算し、(枚数, 特徴の数) の配列で返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_cache_features,
        hints=(
            "backbone.predict は推論モードで計算します。",
            "自分でループを書くなら、backbone(images[i:i + batch_size], training=False) の結果を np.concatenate でつなぎます。",
            "枚数が batch_size で割り切れないときも、最後の半端なバッチを忘れないようにしましょう。",
        ),
    ),
    Exercise(
        id="ch05.fine_tuning",
        title="BatchNormalization を止めたファインチューニング",
        points=2,
        symbols=("prepare_fine_tuning",),
        template='''import keras

def prepare_fine_tuning(backbone, classes):
    """畳み込みと出力層だけを学習し、BatchNormalization は推論モードのままのモデルを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_fine_tuning,
        hints=(
            "まず backbone.trainable = True で全部の層を学習できるようにします。",
            "そのあと backbone.layers を順に見て、keras.layers.BatchNormalization の層だけ trainable = False に戻します。",
            "Keras では、trainable = False の BatchNormalization は学習中も推論モードで動きます。出力層のつなぎ方は前の問題と同じです。",
        ),
    ),
    Exercise(
        id="ch05.early_stopping",
        title="早期終了と最良の重みの復元",
        points=2,
        symbols=("early_stopping",),
        template='''def early_stopping(scores, snapshots, patience):
    """検証精度の列から、(実行したエポック数, 復元した重み) を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_early_stopping,
        hints=(
            "「これまでの最高」「最高だったときの重み」「改善しなかった回数」の 3 つを覚えながら進みます。",
            "改善しなかった回数が patience に達したエポックで止まります。そのエポックも実行した数に入れます。",
            "返すのは最後の重みではなく、最高点を出したエポックの snapshots です。",
        ),
    ),
    Exercise(
        id="ch05.choose_run",
        title="結果の表を読む",
        points=1,
        symbols=("choose_run",),
        template='''def choose_run(rows, margin):
    """検証精度が最高から margin 以内の行のうち、いちばん速い行の "run" を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_choose_run,
        hints=(
            "見る列は validation と seconds です。test を見て選ぶと、テスト精度が意味を失います。",
            "まず max で最高の検証精度を求め、それから margin を引いた値以上の行を残します。",
            '残った行のうち、seconds が最小の行の "run" を返します。',
        ),
    ),
]
