"""Chapter 4: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Answer, Key, Mistake, changed, chosen, estimated

from .exercises import (
    CAUSAL_FLIPS_KERNEL,
    COUNTS_NORMS,
    FLIPS_KERNEL,
    FLOORS_SIZE,
    FORGETS_INPUT,
    IGNORES_DILATION,
    IGNORES_DILATIONS,
    IGNORES_PADDING,
    IGNORES_STACKS,
    IGNORES_STRIDE,
    INPUT_STAYS,
    LACKS_SELF,
    MULTIPLIES_STACKS,
    NO_COMPRESSION,
    NO_TRANSITION_WEIGHTS,
    PADS_NEW_SIDE,
    PADS_WITH_EDGE,
    PADS_WITH_ZERO,
    POINTWISE_ON_INPUT,
    REPEATS_FIRST,
    REVERSED_WINDOW,
    ROUNDS_UP,
    SEES_BOTH_SIDES,
    TAKES_LIKELIEST,
    TRANSITION_AT_END,
    TRANSPOSES_KERNEL,
    TRUNCATES,
    USES_KERNEL_SIZE,
    check_no_leak,
    check_predictor_at,
    check_round_trip,
    expect_causal,
    expect_channels,
    expect_codes,
    expect_convolution_weights,
    expect_counts,
    expect_decoded,
    expect_depthwise,
    expect_encoded,
    expect_field,
)
from .probes import CHANCES, CODES, STEPS

Array = npt.NDArray[Any]


# ch04.multiply_adds


def counts(height: int, width: int, channels_in: int, channels_out: int, taps: int) -> tuple[int, int, int]:
    """Multiply-adds of an ordinary, a depthwise and a pointwise convolution that give this size."""
    depthwise = height * width * taps**2 * channels_in
    return depthwise * channels_out, depthwise, height * width * channels_in * channels_out


def output_size(size: int, taps: int, stride: int, padding: str) -> int:
    """Size of the output along one axis."""
    return -(-size // stride) if padding == "same" else (size - taps) // stride + 1


def hidden_multiply_adds(answer: Answer) -> None:
    for n in range(8):
        taps, stride = int(answer.rng.choice([1, 3, 5, 4])), int(answer.rng.integers(1, 4))
        height, width, channels_in, channels_out = map(int, answer.rng.integers(9, 40, 4))
        padding = ("same", "valid")[n % 2]
        case = (height, width, channels_in, channels_out, taps, stride, padding)
        rest = (channels_in, channels_out, taps)
        sizes = [output_size(size, taps, stride, padding) for size in (height, width)]
        right = counts(sizes[0], sizes[1], *rest)
        known = {
            IGNORES_STRIDE: counts(height, width, *rest),
            POINTWISE_ON_INPUT: (*right[:2], counts(height, width, *rest)[2]),
            IGNORES_PADDING if padding == "valid" else FLOORS_SIZE: counts(
                -(-height // stride), -(-width // stride), *rest
            )
            if padding == "valid"
            else counts(height // stride, width // stride, *rest),
        }
        expect_counts(answer, case, right, known)


# ch04.depthwise


def depthwise(images: Array, kernels: Array, stride: int, mode: Any = "constant") -> Array:
    """Depthwise convolution with windows, padded alike on both sides."""
    taps = len(kernels)
    half = taps // 2
    padded = np.pad(images.astype("float64"), ((0, 0), (half, half), (half, half), (0, 0)), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (taps, taps), axis=(1, 2))
    return np.einsum("nhwcij,ijc->nhwc", windows[:, ::stride, ::stride], kernels)


def hidden_depthwise(answer: Answer) -> None:
    for shape, taps, stride in [
        ((2, 6, 8, 3), 3, 2),
        ((1, 7, 5, 4), 5, 1),
        ((3, 9, 6, 2), 5, 2),
        ((2, 4, 5, 3), 1, 1),
        ((1, 10, 7, 5), 3, 3),
        ((1, 8, 9, 2), 7, 1),
    ]:
        images = answer.rng.normal(0, 1, shape).astype("float32")
        kernels = answer.rng.normal(0, 1, (taps, taps, shape[-1])).astype("float32")
        expect_depthwise(
            answer,
            images,
            kernels,
            stride,
            depthwise(images, kernels, stride),
            {
                FLIPS_KERNEL: depthwise(images, kernels[::-1, ::-1], stride),
                TRANSPOSES_KERNEL: depthwise(images, kernels.swapaxes(0, 1), stride),
                PADS_WITH_EDGE: depthwise(images, kernels, stride, "edge"),
            },
        )


# ch04.growth


def grown(
    channels: int, growth_rate: int, depths: Sequence[int], compression: float, mistake: str = ""
) -> list[int]:
    """Channels after each block and transition, or what a known mistake makes of them."""
    found = []
    for n, depth in enumerate(depths):
        channels = depth * growth_rate + (0 if mistake == FORGETS_INPUT else channels)
        found.append(channels)
        if n < len(depths) - 1 or mistake == TRANSITION_AT_END:
            kept = compression * channels
            channels = {NO_COMPRESSION: channels, ROUNDS_UP: -int(-kept // 1)}.get(mistake, int(kept))
            found.append(channels)
    return found


def weight_count(
    channels: int, growth_rate: int, depths: Sequence[int], compression: float, mistake: str = ""
) -> int:
    """Weights of the convolutions, or what a known mistake makes of them."""
    total, bottleneck = 0, 4 * growth_rate
    for n, depth in enumerate(depths):
        for layer in range(depth):
            width = channels + (0 if mistake == INPUT_STAYS else layer * growth_rate)
            total += width * bottleneck + 9 * bottleneck * growth_rate
            total += 2 * (width + bottleneck) if mistake == COUNTS_NORMS else 0
        channels += depth * growth_rate
        if n < len(depths) - 1 or mistake == TRANSITION_AT_END:
            kept = int(compression * channels)
            total += 0 if mistake == NO_TRANSITION_WEIGHTS else channels * kept
            total += 2 * channels if mistake == COUNTS_NORMS else 0
            channels = kept
    return total


def hidden_growth(answer: Answer) -> None:
    for n in range(6):
        channels, growth_rate = (int(value) for value in answer.rng.integers(3, 40, 2))
        depths = [int(depth) for depth in answer.rng.integers(1, 9, 1 + n % 4)]
        case = (channels, growth_rate, depths, float(answer.rng.choice([0.5, 0.25, 0.75, 1.0])))
        mistakes = (FORGETS_INPUT, TRANSITION_AT_END, NO_COMPRESSION, ROUNDS_UP)
        expect_channels(answer, case, grown(*case), {wrong: grown(*case, wrong) for wrong in mistakes})
        mistakes = (INPUT_STAYS, COUNTS_NORMS, TRANSITION_AT_END, NO_TRANSITION_WEIGHTS)
        known = {wrong: weight_count(*case, wrong) for wrong in mistakes}
        expect_convolution_weights(answer, case, weight_count(*case), known)


# ch04.receptive_field


def hidden_receptive_field(answer: Answer) -> None:
    for count in (1, 2, 4, 7):
        kernel_size, stacks = (int(value) for value in answer.rng.integers(2, 6, 2))
        dilations = [int(dilation) for dilation in answer.rng.integers(1, 40, count)]
        reach = (kernel_size - 1) * sum(dilations)
        known = {
            LACKS_SELF: stacks * reach,
            USES_KERNEL_SIZE: 1 + stacks * kernel_size * sum(dilations),
            IGNORES_DILATIONS: 1 + stacks * (kernel_size - 1) * count,
            IGNORES_STACKS: 1 + reach,
            MULTIPLIES_STACKS: stacks * (1 + reach),
        }
        expect_field(answer, (kernel_size, dilations, stacks), 1 + stacks * reach, known)


# ch04.causal_convolution


def causal(
    signal: Array, kernel: Array, dilation: int, before: int | None = None, mode: Any = "constant"
) -> Array:
    """Dilated convolution with so many samples padded at the start, the rest at the end."""
    taps, length = len(kernel), signal.shape[1]
    around = (taps - 1) * dilation
    before = around if before is None else before
    padded = np.pad(signal.astype("float64"), ((0, 0), (before, around - before), (0, 0)), mode=mode)
    parts = [padded[:, j * dilation : j * dilation + length] @ kernel[j] for j in range(taps)]
    return np.asarray(sum(parts))


def hidden_causal_convolution(answer: Answer) -> None:
    for shape, taps, channels_out, dilation in [
        ((2, 15, 3), 2, 4, 4),
        ((1, 9, 2), 3, 1, 1),
        ((3, 12, 1), 4, 2, 3),
        ((2, 6, 2), 2, 3, 8),
        ((1, 7, 4), 1, 2, 5),
    ]:
        signal = answer.rng.normal(0, 1, shape).astype("float32")
        kernel = answer.rng.normal(0, 1, (taps, shape[-1], channels_out)).astype("float32")
        expect_causal(
            answer,
            signal,
            kernel,
            dilation,
            causal(signal, kernel, dilation),
            {
                CAUSAL_FLIPS_KERNEL: causal(signal, kernel[::-1], dilation),
                SEES_BOTH_SIDES: causal(signal, kernel, dilation, before=(taps - 1) * dilation // 2),
                IGNORES_DILATION: causal(signal, kernel, 1),
                REPEATS_FIRST: causal(signal, kernel, dilation, mode="edge"),
            },
        )
    check_no_leak(answer, length=20, taps=2, dilation=4)


# ch04.mu_law


def hidden_mu_law(answer: Answer) -> None:
    for shape, mu in [((40,), 255), ((3, 50), 1023), ((2, 5, 4), int(answer.rng.integers(20, 200)))]:
        codes = answer.rng.integers(0, mu + 1, shape)
        # Well inside each code's interval, so that no rounding of float32 can change the code.
        places = np.clip(2 * (codes + answer.rng.uniform(-0.4, 0.4, shape)) / mu - 1, -1, 1)
        waveform = np.sign(places) * ((1.0 + mu) ** np.abs(places) - 1) / mu
        below = np.floor((places + 1) / 2 * mu)
        expect_encoded(answer, waveform, mu, codes, {TRUNCATES: below})
        middles = 2 * codes / mu - 1
        decoded = np.sign(middles) * ((1.0 + mu) ** np.abs(middles) - 1) / mu
        expect_decoded(answer, codes, mu, decoded, {})
    check_round_trip(answer, (2, 128))


# ch04.generate


def sampled(
    weights: Sequence[int], start: Sequence[int], uniforms: Sequence[float], mistake: str = ""
) -> list[int]:
    """Codes that the probe ``code_model`` leads to, or what a known mistake makes of them."""
    field = len(weights)
    silence = [0 if mistake == PADS_WITH_ZERO else 128] * field
    codes = list(start)
    for uniform in uniforms:
        window = (silence + codes)[-field:]
        if mistake == PADS_NEW_SIDE:
            window = (codes[-field:] + silence)[:field]
        elif mistake == REVERSED_WINDOW:
            window = window[::-1]
        likeliest = int(np.dot(weights, window)) % CODES
        chances = sorted(zip([(likeliest + step) % CODES for step in STEPS], CHANCES, strict=True))
        sums = np.cumsum([chance for _, chance in chances])
        chosen = chances[int(np.argmax(sums > uniform))][0]
        codes.append(likeliest if mistake == TAKES_LIKELIEST else chosen)
    return codes[len(start) :]


def hidden_generate(answer: Answer) -> None:
    rng = answer.rng
    for field, given, count in [(1, 3, 5), (4, 9, 30), (16, 6, 25), (8, 0, 20)]:
        weights = [int(weight) for weight in rng.integers(1, 100, field)]
        start = [int(code) for code in rng.integers(0, CODES, given)]
        # Away from the sums of the chances, which are multiples of 0.1.
        uniforms = ((rng.integers(0, 10, count) + rng.uniform(0.2, 0.8, count)) / 10).tolist()
        mistakes = (TAKES_LIKELIEST, PADS_WITH_ZERO, PADS_NEW_SIDE, REVERSED_WINDOW)
        known = {wrong: sampled(weights, start, uniforms, wrong) for wrong in mistakes}
        expect_codes(answer, weights, start, uniforms, sampled(weights, start, uniforms), known)


# ch04.wavenet


def hidden_wavenet(answer: Answer) -> None:
    check_predictor_at(answer, (int(answer.rng.integers(9, 15)), int(answer.rng.integers(22, 32))))


# The references, of which known mistakes change one thing.


MULTIPLY_ADDS = """def multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding):
    def size(n):
        if padding == "same":
            return -(-n // stride)
        return (n - kernel_size) // stride + 1

    pixels = size(height) * size(width)
    depthwise = pixels * kernel_size**2 * channels_in
    pointwise = pixels * channels_in * channels_out
    return depthwise * channels_out, depthwise, pointwise
"""

DEPTHWISE = """import numpy as np

def depthwise_convolution(images, kernels, stride):
    count, height, width, channels = images.shape
    k = len(kernels)
    p = (k - 1) // 2
    padded = np.pad(images, ((0, 0), (p, p), (p, p), (0, 0)))
    output = 0
    for i in range(k):
        for j in range(k):
            shifted = padded[:, i : i + height : stride, j : j + width : stride]
            output = output + shifted * kernels[i, j]
    return output
"""

SEPARABLE_BLOCK = """import keras
from keras import layers

def build_separable_block(channels_in, channels_out, stride):
    inputs = keras.Input((None, None, channels_in))
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization(name="inner_norm")(x)
    x = layers.ReLU(name="inner_relu")(x)
    x = layers.Conv2D(channels_out, 1, use_bias=False)(x)
    x = layers.BatchNormalization(name="outer_norm")(x)
    x = layers.ReLU(name="outer_relu")(x)
    return keras.Model(inputs, x)
"""

SEPARABLE_SUBCLASS = """import keras
from keras import layers, ops

class Block(keras.Model):
    def __init__(self, channels_out, stride):
        super().__init__()
        self.depthwise = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)
        self.pointwise = layers.Conv2D(channels_out, 1, use_bias=False)
        self.norms = [layers.BatchNormalization(), layers.BatchNormalization()]

    def call(self, inputs, training=None):
        x = ops.relu(self.norms[0](self.depthwise(inputs), training=training))
        return ops.relu(self.norms[1](self.pointwise(x), training=training))

def build_separable_block(channels_in, channels_out, stride):
    return Block(channels_out, stride)
"""

DENSE_BLOCK = """import keras
from keras import layers

def build_dense_block(channels_in, growth_rate, depth):
    inputs = keras.Input((None, None, channels_in))
    maps = inputs
    for _ in range(depth):
        x = layers.BatchNormalization()(maps)
        x = layers.ReLU()(x)
        x = layers.Conv2D(growth_rate, 3, padding="same", use_bias=False)(x)
        maps = layers.Concatenate()([maps, x])
    return keras.Model(inputs, maps)
"""

GROWTH = """def densenet_channels(channels, growth_rate, depths, compression):
    found = []
    for depth in depths:
        channels = channels + depth * growth_rate
        found.append(channels)
        channels = int(compression * channels)
        found.append(channels)
    return found[:-1]

def convolution_weights(channels, growth_rate, depths, compression):
    total = 0
    bottleneck = 4 * growth_rate
    for n, depth in enumerate(depths):
        for _ in range(depth):
            total += channels * bottleneck + 9 * bottleneck * growth_rate
            channels += growth_rate
        if n < len(depths) - 1:
            kept = int(compression * channels)
            total += channels * kept
            channels = kept
    return total
"""

RECEPTIVE_FIELD = """def receptive_field(kernel_size, dilations, stacks):
    return 1 + stacks * (kernel_size - 1) * sum(dilations)
"""

CAUSAL_CONVOLUTION = """import numpy as np

def causal_convolution(signal, kernel, dilation):
    count, length, channels = signal.shape
    k = len(kernel)
    past = (k - 1) * dilation
    padded = np.pad(signal, ((0, 0), (past, 0), (0, 0)))
    output = 0
    for j in range(k):
        output = output + padded[:, j * dilation : j * dilation + length] @ kernel[j]
    return output
"""

MU_LAW = """import numpy as np

def mu_law_encode(waveform, mu):
    x = np.clip(waveform, -1, 1)
    f = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
    return np.floor((f + 1) / 2 * mu + 0.5).astype(int)

def mu_law_decode(codes, mu):
    f = 2 * np.asarray(codes) / mu - 1
    return np.sign(f) * ((1.0 + mu) ** np.abs(f) - 1) / mu
"""

GENERATE = """import numpy as np

def generate(next_probabilities, start, uniforms, receptive_field):
    codes = [128] * receptive_field + list(start)
    made = []
    for u in uniforms:
        probabilities = next_probabilities(codes[-receptive_field:])
        code = int(np.argmax(np.cumsum(probabilities) > u))
        codes.append(code)
        made.append(code)
    return np.array(made)
"""

WAVENET = """import keras
import numpy as np
from keras import layers

def train_predictor(signals):
    inputs = keras.Input((None, 1))
    x = inputs
    for dilation in (1, 2, 4, 8, 16):
        x = layers.Conv1D(32, 2, padding="causal", dilation_rate=dilation, activation="relu")(x)
    model = keras.Model(inputs, layers.Conv1D(1, 1)(x))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x, y = signals[:, :-1, np.newaxis], signals[:, 1:, np.newaxis]
    model.fit(x, y, batch_size=8, epochs=20, verbose=0)
    return model
"""

# Long enough for what a mistake is told, and traced once.
BRIEF_WAVENET = changed(
    changed(WAVENET, "epochs=20", "epochs=6"),
    "    x, y =",
    "    model.optimizer.build(model.trainable_variables)\n    x, y =",
)

ANSWERS: dict[str, Key] = {
    "ch04.multiply_adds": Key(
        reference=MULTIPLY_ADDS,
        explanation="どれも出力の画素の数に比例します。depthwise と pointwise の和を通常の畳み込みで割ると 1/M + 1/K² (M は出力のチャネル数) で、3×3 なら 8 分の 1 から 9 分の 1 になります。",
        alternatives={
            "窓の左上の位置を数える": """def multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding):
    last = 0 if padding == "same" else kernel_size - 1
    pixels = len(range(0, height - last, stride)) * len(range(0, width - last, stride))
    taps = kernel_size * kernel_size
    return [pixels * taps * channels_in * channels_out, pixels * taps * channels_in, pixels * channels_in * channels_out]
""",
            "Keras の層の重みと出力から数える": """import math
import keras

def multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding):
    layers = [
        keras.layers.Conv2D(channels_out, kernel_size, stride, padding=padding, use_bias=False),
        keras.layers.DepthwiseConv2D(kernel_size, stride, padding=padding, use_bias=False),
        keras.layers.Conv2D(channels_out, 1, use_bias=False),
    ]
    shape = (1, height, width, channels_in)
    counts = []
    for n, layer in enumerate(layers):
        if n == 2:
            shape = output
        layer.build(shape)
        output = layer.compute_output_shape(shape)
        counts.append(output[1] * output[2] * layer.count_params())
    return tuple(counts)
""",
            "math.ceil": """import math

def multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding):
    if padding == "valid":
        height, width = height - kernel_size + 1, width - kernel_size + 1
    pixels = math.ceil(height / stride) * math.ceil(width / stride)
    ordinary = pixels * kernel_size**2 * channels_in * channels_out
    return ordinary, ordinary // channels_out, ordinary // kernel_size**2
""",
        },
        mistakes={
            "stride を使わない": Mistake(
                changed(
                    changed(MULTIPLY_ADDS, "-(-n // stride)", "n"),
                    "(n - kernel_size) // stride + 1",
                    "n - kernel_size + 1",
                ),
                "stride を使っていません",
            ),
            "same で切り捨てる": Mistake(
                changed(MULTIPLY_ADDS, "-(-n // stride)", "n // stride"), "出力の大きさを切り捨てて"
            ),
            "valid を same と同じに数える": Mistake(
                changed(MULTIPLY_ADDS, "(n - kernel_size) // stride + 1", "-(-n // stride)"),
                "valid のときも same と同じ",
            ),
            "depthwise に出力のチャネル数を掛ける": Mistake(
                changed(
                    MULTIPLY_ADDS,
                    "return depthwise * channels_out, depthwise,",
                    "return depthwise * channels_out, depthwise * channels_out,",
                ),
                "depthwise に出力のチャネル数",
            ),
            "pointwise にカーネルの大きさを掛ける": Mistake(
                changed(MULTIPLY_ADDS, "depthwise, pointwise", "depthwise, pointwise * kernel_size**2"),
                "pointwise にカーネルの大きさ",
            ),
            "pointwise を入力の大きさで数える": Mistake(
                changed(MULTIPLY_ADDS, "pointwise = pixels", "pointwise = height * width"),
                "pointwise を入力の大きさで",
            ),
            "掛け算と足し算を別に数える": Mistake(
                changed(MULTIPLY_ADDS, "pixels = size", "pixels = 2 * size"), "掛け算と足し算を別々に"
            ),
            "カーネルの大きさを 2 乗しない": Mistake(
                changed(MULTIPLY_ADDS, "kernel_size**2", "kernel_size"), "kernel_size 個の数"
            ),
            "バイアスも数える": Mistake(
                changed(
                    MULTIPLY_ADDS,
                    "return depthwise * channels_out, depthwise, pointwise",
                    "return ((depthwise + pixels) * channels_out, depthwise + pixels * channels_in, "
                    "pointwise + pixels * channels_out)",
                ),
                "バイアスの足し算も",
            ),
        },
        hidden=hidden_multiply_adds,
        equivalent={
            "return (-n // stride)": "two signs more in a product",
            "shape = (0, height": "what is counted leaves the batch out",
        },
    ),
    "ch04.depthwise": Key(
        reference=DEPTHWISE,
        explanation="カーネルの画素ごとに、ずらした画像と重みの積を足します。チャネルは混ざらないので、重みは k × k × チャネル個だけです。",
        alternatives={
            "画素ごとのループ": """import numpy as np

def depthwise_convolution(images, kernels, stride):
    count, height, width, channels = images.shape
    k = kernels.shape[0]
    p = k // 2
    padded = np.zeros((count, height + 2 * p, width + 2 * p, channels))
    padded[:, p : p + height, p : p + width] = images
    rows, columns = range(0, height, stride), range(0, width, stride)
    output = np.zeros((count, len(rows), len(columns), channels))
    for y, top in enumerate(rows):
        for x, left in enumerate(columns):
            window = padded[:, top : top + k, left : left + k]
            output[:, y, x] = np.sum(window * kernels, axis=(1, 2))
    return output
""",
            "sliding_window_view と einsum": """import numpy as np

def depthwise_convolution(images, kernels, stride):
    k = len(kernels)
    p = k // 2
    padded = np.pad(images, [(0, 0), (p, p), (p, p), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
    return np.einsum("nhwcij,ijc->nhwc", windows[:, ::stride, ::stride], kernels)
""",
            "Keras の層": """import keras
import numpy as np

def depthwise_convolution(images, kernels, stride):
    k = len(kernels)
    padded = keras.layers.ZeroPadding2D((k - 1) // 2)(np.asarray(images, "float32"))
    layer = keras.layers.DepthwiseConv2D(k, stride, use_bias=False)
    layer.build(padded.shape)
    layer.set_weights([np.asarray(kernels)[..., np.newaxis]])
    return layer(padded)
""",
            "scipy でチャネルごとに": """import numpy as np
from scipy.ndimage import correlate

def depthwise_convolution(images, kernels, stride):
    output = np.empty(images.shape)
    for n, image in enumerate(images):
        for c in range(images.shape[-1]):
            output[n, ..., c] = correlate(image[..., c].astype(float), kernels[..., c], mode="constant")
    return output[:, ::stride, ::stride]
""",
        },
        mistakes={
            "カーネルを裏返す": Mistake(
                changed(DEPTHWISE, "kernels[i, j]", "kernels[k - 1 - i, k - 1 - j]"), "裏返しています"
            ),
            "縦と横を取り違える": Mistake(
                changed(DEPTHWISE, "kernels[i, j]", "kernels[j, i]"), "縦と横が入れ替わって"
            ),
            "0 を足さない": Mistake(
                """import numpy as np
def depthwise_convolution(images, kernels, stride):
    k = len(kernels)
    windows = np.lib.stride_tricks.sliding_window_view(images, (k, k), axis=(1, 2))
    return np.einsum("nhwcij,ijc->nhwc", windows[:, ::stride, ::stride], kernels)
""",
                "出力が小さくなって",
            ),
            "端をくり返す": Mistake(
                changed(DEPTHWISE, "(p, p), (0, 0)))", '(p, p), (0, 0)), mode="edge")'),
                "端の画素をくり返して",
            ),
            "Keras の same": Mistake(
                """import keras
import numpy as np
def depthwise_convolution(images, kernels, stride):
    layer = keras.layers.DepthwiseConv2D(len(kernels), stride, padding="same", use_bias=False)
    layer.build(images.shape)
    layer.set_weights([kernels[..., np.newaxis]])
    return layer(images)
""",
                "Keras の same",
            ),
            "チャネルを足す": Mistake(
                changed(DEPTHWISE, "return output", "return output.sum(axis=-1)"), "チャネルの軸が消えて"
            ),
            "チャネルを混ぜる": Mistake(
                changed(DEPTHWISE, "shifted * kernels", "shifted.sum(axis=-1, keepdims=True) * kernels"),
                "ほかのチャネルの画素も",
            ),
            "1 枚のカーネルを使い回す": Mistake(
                changed(DEPTHWISE, "kernels[i, j]", "kernels[i, j, 0]"), "最初のチャネルのカーネル"
            ),
            "平均を取る": Mistake(changed(DEPTHWISE, "return output", "return output / k**2"), "窓の平均"),
            "stride を使わない": Mistake(
                changed(
                    changed(DEPTHWISE, "i + height : stride", "i + height"), "j + width : stride", "j + width"
                ),
                "stride を使っていません",
            ),
        },
        hidden=hidden_depthwise,
        equivalent={
            "width + 3 * p": "zeros to the right that no window reaches",
            "k = kernels.shape[1]": "kernels are square",
            "height + 3 * p": "zeros below that no window reaches",
            "correlate(image[..., c], ": "images are floats",
        },
    ),
    "ch04.growth": Key(
        reference=GROWTH,
        explanation="ブロックの中で、l 番目の層の入力は k₀ + l × k チャネルです。1×1 の畳み込みが先に 4k チャネルまで減らすので、入力が増えても 3×3 の重みは増えません。",
        alternatives={
            "等差数列の和": """import math

def densenet_channels(channels, growth_rate, depths, compression):
    found = [channels + depths[0] * growth_rate]
    for depth in depths[1:]:
        found.append(math.floor(compression * found[-1]))
        found.append(found[-1] + depth * growth_rate)
    return found

def convolution_weights(channels, growth_rate, depths, compression):
    found = [channels] + densenet_channels(channels, growth_rate, depths, compression)
    k, total = growth_rate, 0
    for first, last, depth in zip(found[::2], found[1::2], depths):
        inputs = depth * (first + last - k) // 2
        total += 4 * k * inputs + depth * 36 * k * k
    return total + sum(a * b for a, b in zip(found[1::2], found[2::2]))
""",
            "再帰": """def densenet_channels(channels, growth_rate, depths, compression):
    after = channels + depths[0] * growth_rate
    if len(depths) == 1:
        return [after]
    kept = int(after * compression)
    return [after, kept] + densenet_channels(kept, growth_rate, depths[1:], compression)

def convolution_weights(channels, growth_rate, depths, compression):
    if len(depths) == 0:
        return 0
    k = growth_rate
    total = sum((channels + n * k) * 4 * k + 3 * 3 * 4 * k * k for n in range(depths[0]))
    after = channels + depths[0] * k
    kept = int(after * compression)
    if len(depths) > 1:
        total += after * kept
    return total + convolution_weights(kept, k, depths[1:], compression)
""",
            "Keras で組み立てて数える": """import keras
from keras import layers

def build(channels, growth_rate, depths, compression):
    inputs = keras.Input((32, 32, channels))
    x, found = inputs, []
    for n, depth in enumerate(depths):
        for _ in range(depth):
            y = layers.Conv2D(4 * growth_rate, 1, use_bias=False)(x)
            y = layers.Conv2D(growth_rate, 3, padding="same", use_bias=False)(y)
            x = layers.Concatenate()([x, y])
        found.append(x.shape[-1])
        if n + 1 < len(depths):
            x = layers.Conv2D(int(compression * x.shape[-1]), 1, use_bias=False)(x)
            found.append(x.shape[-1])
    return keras.Model(inputs, x), found

def densenet_channels(channels, growth_rate, depths, compression):
    return build(channels, growth_rate, depths, compression)[1]

def convolution_weights(channels, growth_rate, depths, compression):
    return build(channels, growth_rate, depths, compression)[0].count_params()
""",
        },
        mistakes={
            "チャネルが増えない": Mistake(
                changed(GROWTH, "        channels = channels + depth * growth_rate\n", ""),
                "ブロックでチャネルが増えて",
            ),
            "入力を数えない": Mistake(
                changed(
                    GROWTH, "channels = channels + depth * growth_rate", "channels = depth * growth_rate"
                ),
                "ブロックに入ったチャネルを",
            ),
            "最後にも遷移層": Mistake(
                changed(GROWTH, "return found[:-1]", "return found"), "最後のブロックのあとにも"
            ),
            "減らさない": Mistake(
                changed(GROWTH, "        channels = int(compression * channels)\n", ""),
                "チャネルが減っていません",
            ),
            "切り上げる": Mistake(
                changed(
                    GROWTH,
                    "        channels = int(compression * channels)",
                    "        channels = -int(-compression * channels // 1)",
                ),
                "小数を切り捨てていません",
            ),
            "ブロックのあとだけを並べる": Mistake(
                changed(GROWTH, "return found[:-1]", "return found[::2]"), "遷移層のあとのチャネルが入って"
            ),
            "層の入力が増えない": Mistake(
                changed(
                    changed(GROWTH, "            channels += growth_rate\n", ""),
                    "        if n <",
                    "        channels += depth * growth_rate\n        if n <",
                ),
                "層の入力のチャネルが増えて",
            ),
            "1×1 がない": Mistake(
                changed(
                    GROWTH,
                    "channels * bottleneck + 9 * bottleneck * growth_rate",
                    "9 * channels * growth_rate",
                ),
                "1×1 の畳み込みがありません",
            ),
            "1×1 の出力が入力の 4 倍": Mistake(
                changed(
                    GROWTH,
                    "channels * bottleneck + 9 * bottleneck * growth_rate",
                    "channels * 4 * channels + 9 * 4 * channels * growth_rate",
                ),
                "1×1 の出力が入力の 4 倍",
            ),
            "1×1 の出力が growth_rate": Mistake(
                changed(GROWTH, "bottleneck = 4 * growth_rate", "bottleneck = growth_rate"),
                "1×1 の出力が growth_rate",
            ),
            "BatchNormalization も数える": Mistake(
                changed(
                    changed(
                        GROWTH,
                        "channels * bottleneck + 9",
                        "2 * channels + 2 * bottleneck + channels * bottleneck + 9",
                    ),
                    "total += channels * kept",
                    "total += channels * kept + 2 * channels",
                ),
                "gamma と beta も",
            ),
            "遷移層の重みを数えない": Mistake(
                changed(GROWTH, "            total += channels * kept\n", ""), "遷移層の 1×1 の畳み込みを"
            ),
        },
        hidden=hidden_growth,
        equivalent={
            "keras.Input((32, 33,": "no parameter depends on the size",
            "keras.Input((32, 64,": "no parameter depends on the size",
        },
    ),
    "ch04.receptive_field": Key(
        reference=RECEPTIVE_FIELD,
        explanation="1 層で (kernel_size - 1) × dilation サンプルだけ古いところまで届き、層を重ねると足し算になります。dilation を 2 倍にしていくと、10 層で 1024 サンプルに届きます。",
        alternatives={
            "層ごとに広げる": """def receptive_field(kernel_size, dilations, stacks):
    field = 1
    for dilation in list(dilations) * stacks:
        field += dilation * (kernel_size - 1)
    return field
""",
            "届く時刻の集合": """def receptive_field(kernel_size, dilations, stacks):
    oldest = 0
    for _ in range(stacks):
        for dilation in dilations:
            oldest = min(oldest - tap * dilation for tap in range(kernel_size))
    return len(range(oldest, 1))
""",
            "畳み込みに 1 を流す": """import numpy as np

def receptive_field(kernel_size, dilations, stacks):
    reached = np.ones(1)
    for dilation in list(dilations) * stacks:
        reached = np.convolve(reached, np.ones((kernel_size - 1) * dilation + 1))
    return reached.size
""",
        },
        mistakes={
            "自分を数えない": Mistake(
                changed(RECEPTIVE_FIELD, "1 + stacks", "stacks"), "自分の時刻を数えていません"
            ),
            "kernel_size を掛ける": Mistake(
                changed(RECEPTIVE_FIELD, "(kernel_size - 1)", "kernel_size"),
                "kernel_size × dilation ではなく",
            ),
            "dilation を使わない": Mistake(
                changed(RECEPTIVE_FIELD, "sum(dilations)", "len(dilations)"), "dilation を使っていません"
            ),
            "stacks を使わない": Mistake(
                changed(RECEPTIVE_FIELD, "stacks * ", ""), "stacks を使っていません"
            ),
            "そのまま stacks 倍": Mistake(
                changed(
                    RECEPTIVE_FIELD,
                    "1 + stacks * (kernel_size - 1) * sum(dilations)",
                    "stacks * (1 + (kernel_size - 1) * sum(dilations))",
                ),
                "そのまま stacks 倍",
            ),
            "いちばん大きい dilation だけ": Mistake(
                changed(RECEPTIVE_FIELD, "sum(dilations)", "max(dilations)"), "いちばん大きい dilation だけ"
            ),
            "2 の累乗と決めつける": Mistake(
                changed(RECEPTIVE_FIELD, "sum(dilations)", "(2 ** len(dilations) - 1)"), "決めつけて"
            ),
        },
        hidden=hidden_receptive_field,
        equivalent={
            "reached = 1": "a number is an array of length 1",
            "np.convolve(np.ones((kernel_size - 1) * dilation + 1), reached)": "a convolution is symmetric",
        },
    ),
    "ch04.causal_convolution": Key(
        reference=CAUSAL_CONVOLUTION,
        explanation="始まりの前にだけ 0 を足すと、どの出力も自分より前の入力しか見ません。長さが変わらないので、そのまま層を重ねられます。",
        alternatives={
            "時刻ごとのループ": """import numpy as np

def causal_convolution(signal, kernel, dilation):
    count, length, _ = signal.shape
    output = np.zeros((count, length, kernel.shape[-1]))
    for t in range(length):
        for age in range(len(kernel)):
            if t - age * dilation >= 0:
                output[:, t] += signal[:, t - age * dilation] @ kernel[-1 - age]
    return output
""",
            "sliding_window_view と einsum": """import numpy as np

def causal_convolution(signal, kernel, dilation):
    past = (len(kernel) - 1) * dilation
    padded = np.pad(signal, [(0, 0), (past, 0), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, past + 1, axis=1)[..., ::dilation]
    return np.einsum("ntck,kcd->ntd", windows, kernel)
""",
            "Keras の層": """import keras

def causal_convolution(signal, kernel, dilation):
    k, _, channels_out = kernel.shape
    layer = keras.layers.Conv1D(channels_out, k, padding="causal", dilation_rate=dilation, use_bias=False)
    layer.build(signal.shape)
    layer.set_weights([kernel])
    return layer(signal)
""",
            "すき間に 0 を入れたカーネル": """import numpy as np

def causal_convolution(signal, kernel, dilation):
    k, channels_in, channels_out = kernel.shape
    spread = np.zeros(((k - 1) * dilation + 1, channels_in, channels_out))
    spread[::dilation] = kernel
    output = np.zeros((*signal.shape[:2], channels_out))
    for n, one in enumerate(signal):
        for a in range(channels_in):
            for b in range(channels_out):
                output[n, :, b] += np.convolve(one[:, a], spread[::-1, a, b])[: len(one)]
    return output
""",
        },
        mistakes={
            "kernel の向きが逆": Mistake(
                changed(CAUSAL_CONVOLUTION, "kernel[j]", "kernel[k - 1 - j]"), "kernel の向きが逆"
            ),
            "前後に 0 を足す": Mistake(
                changed(CAUSAL_CONVOLUTION, "(past, 0)", "(past // 2, past - past // 2)"), "前後に 0 を足した"
            ),
            "終わりに 0 を足す": Mistake(
                changed(CAUSAL_CONVOLUTION, "(past, 0)", "(0, past)"), "終わりのあとに足した"
            ),
            "0 を足さない": Mistake(
                changed(
                    changed(CAUSAL_CONVOLUTION, "(past, 0)", "(0, 0)"),
                    "dilation + length]",
                    "dilation + length - past]",
                ),
                "出力が短くなって",
            ),
            "dilation を使わない": Mistake(
                CAUSAL_CONVOLUTION.replace("* dilation", "* 1"), "dilation を使っていません"
            ),
            "間隔が 1 広い": Mistake(
                CAUSAL_CONVOLUTION.replace("* dilation", "* (dilation + 1)"), "dilation + 1 になって"
            ),
            "最初の値で埋める": Mistake(
                changed(CAUSAL_CONVOLUTION, "(past, 0), (0, 0)))", '(past, 0), (0, 0)), mode="edge")'),
                "最初の値で埋めて",
            ),
            "いまの入力を見ない": Mistake(
                changed(CAUSAL_CONVOLUTION, "past = (k - 1) * dilation", "past = k * dilation"),
                "時刻 t の入力を見ていません",
            ),
        },
        hidden=hidden_causal_convolution,
        equivalent={
            "np.convolve(spread[::-1, a, b], one": "a convolution is symmetric",
        },
    ),
    "ch04.mu_law": Key(
        reference=MU_LAW,
        explanation="耳は小さい音の違いに敏感です。対数で 0 の近くを細かく分けると、256 通りでも小さい音が残ります。",
        alternatives={
            "float32": """import numpy as np

def mu_law_encode(waveform, mu):
    x = np.asarray(waveform, "float32").clip(-1, 1)
    magnitude = np.log(1 + mu * np.abs(x)) / np.log(np.float32(1 + mu))
    f = np.where(x < 0, -magnitude, magnitude)
    return ((f + 1) * (mu / 2) + 0.5).astype("int32")

def mu_law_decode(codes, mu):
    f = (np.asarray(codes, "float32") - mu / 2) / (mu / 2)
    magnitude = np.expm1(np.abs(f) * np.log(np.float32(1 + mu))) / mu
    return np.copysign(magnitude, f)
""",
            "符号の表を引く": """import numpy as np

def mu_law_decode(codes, mu):
    f = 2 * np.arange(mu + 1) / mu - 1
    table = np.sign(f) * ((1 + mu) ** np.abs(f) - 1) / mu
    return table[np.asarray(codes)]

def mu_law_encode(waveform, mu):
    f = 2 * (np.arange(mu) + 0.5) / mu - 1
    borders = np.sign(f) * ((1 + mu) ** np.abs(f) - 1) / mu
    return np.searchsorted(borders, np.asarray(waveform, dtype=float) + 1e-12, side="right")
""",
            "TensorFlow": """import tensorflow as tf

def mu_law_encode(waveform, mu):
    x = tf.clip_by_value(tf.cast(waveform, tf.float64), -1.0, 1.0)
    whole = tf.math.log1p(tf.constant(mu, tf.float64))
    f = tf.sign(x) * tf.math.log1p(mu * tf.abs(x)) / whole
    return tf.cast(tf.floor((f + 1) / 2 * mu + 0.5), tf.int32)

def mu_law_decode(codes, mu):
    f = 2 * tf.cast(codes, tf.float64) / mu - 1
    return tf.sign(f) * (tf.pow(tf.constant(1.0 + mu, tf.float64), tf.abs(f)) - 1) / mu
""",
        },
        mistakes={
            "ln(μ) で割る": Mistake(changed(MU_LAW, "np.log1p(mu)", "np.log(mu)"), "ln(mu) で割っています"),
            "小数のまま": Mistake(changed(MU_LAW, ".astype(int)", ""), "符号が整数ではありません"),
            "対数がない": Mistake(
                changed(MU_LAW, "np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)", "x"),
                "対数がありません",
            ),
            "切り捨てる": Mistake(changed(MU_LAW, " + 0.5)", ")"), "切り捨てています"),
            "偶数に丸める": Mistake(
                changed(MU_LAW, "np.floor((f + 1) / 2 * mu + 0.5)", "np.round((f + 1) / 2 * mu)"),
                "偶数のほうに丸める",
            ),
            "範囲を切らない": Mistake(
                changed(MU_LAW, "np.clip(waveform, -1, 1)", "np.asarray(waveform)"), "からはみ出して"
            ),
            "正負を忘れる": Mistake(changed(MU_LAW, "np.sign(x) * ", ""), "負の値が正の値と同じ符号"),
            "ln(1 + μ) で割らない": Mistake(
                changed(MU_LAW, " / np.log1p(mu)", ""), "ln(1 + mu) で割っていません"
            ),
            "μ + 1 を掛ける": Mistake(
                changed(MU_LAW, "/ 2 * mu +", "/ 2 * (mu + 1) +"), "mu + 1 を掛けています"
            ),
            "講座の関数を写す": Mistake(
                changed(MU_LAW, "    x =", "    mu = 255\n    x ="), "encode が mu を使わず"
            ),
            "decode が f を返す": Mistake(
                changed(MU_LAW, "return np.sign(f) * ((1.0 + mu) ** np.abs(f) - 1) / mu", "return f"),
                "decode が f をそのまま",
            ),
            "decode で正負を忘れる": Mistake(
                changed(MU_LAW, "np.sign(f) * ", ""), "decode の結果に負の値がありません"
            ),
            "decode で 1 を引かない": Mistake(
                changed(MU_LAW, "np.abs(f) - 1)", "np.abs(f))"), "decode の式の -1"
            ),
            "decode で 255 と決めつける": Mistake(
                changed(MU_LAW, "    f = 2", "    mu = 255\n    f = 2"), "decode が mu を使わず"
            ),
        },
        hidden=hidden_mu_law,
        equivalent={
            "np.asarray(codes, 'int32')": "codes are whole numbers",
            "/ np.log((1 + mu))": "NumPy makes the same number of it",
            "np.log((1 + mu))) / mu": "NumPy makes the same number of it",
            "(mu + 1) + 1)": "a level beyond the last is never the nearest",
            "np.arange(mu + 2)": "a level beyond the last is never the nearest",
            "clip_by_value(waveform,": "TensorFlow converts it",
        },
    ),
    "ch04.generate": Key(
        reference=GENERATE,
        explanation="1 サンプル作るたびに窓が 1 つ進みます。次の分布は受容野の中の符号だけで決まるので、それより前は渡さなくてよいのです。",
        alternatives={
            "searchsorted": """import numpy as np

def generate(next_probabilities, start, uniforms, receptive_field):
    window = np.full(receptive_field, 128)
    known = np.asarray(start, dtype=int)[-receptive_field:]
    if len(known):
        window[-len(known):] = known
    made = np.zeros(len(uniforms), dtype=int)
    for n, u in enumerate(uniforms):
        made[n] = np.searchsorted(np.cumsum(next_probabilities(window)), u, side="right")
        window = np.append(window[1:], made[n])
    return made
""",
            "deque と足し算": """from collections import deque

def generate(next_probabilities, start, uniforms, receptive_field):
    window = deque([128] * receptive_field, maxlen=receptive_field)
    window.extend(start)
    made = []
    for u in uniforms:
        total = 0.0
        for code, probability in enumerate(next_probabilities(list(window))):
            total += probability
            if total > u:
                break
        window.append(code)
        made.append(code)
    return made
""",
            "逆関数を数える": """import numpy as np

def generate(next_probabilities, start, uniforms, receptive_field):
    codes = np.concatenate([np.full(receptive_field, 128), np.asarray(start, dtype=int)])
    first = len(codes)
    for u in uniforms:
        sums = np.add.accumulate(next_probabilities(codes[-receptive_field:]))
        codes = np.append(codes, np.count_nonzero(sums <= u))
    return codes[first:]
""",
        },
        mistakes={
            "最大の符号を選ぶ": Mistake(
                changed(GENERATE, "np.cumsum(probabilities) > u", "probabilities"), "いつも確率が最大"
            ),
            "自分で乱数を引く": Mistake(
                changed(
                    GENERATE,
                    "int(np.argmax(np.cumsum(probabilities) > u))",
                    "int(np.random.choice(256, p=probabilities))",
                ),
                "同じ入力でも結果が変わります",
            ),
            "窓が動かない": Mistake(
                changed(GENERATE, "        codes.append(code)\n", ""), "窓が動いていません"
            ),
            "古いほうを渡す": Mistake(
                changed(
                    changed(GENERATE, "codes[-receptive_field:]", "codes[:receptive_field]"),
                    "[128] * receptive_field + list(start)",
                    "[128] * (receptive_field - len(start)) + list(start)",
                ),
                "古いほうの符号を渡して",
            ),
            "新しい順に並べる": Mistake(
                changed(GENERATE, "codes[-receptive_field:]", "codes[-receptive_field:][::-1]"),
                "新しい順に並んで",
            ),
            "和が乱数と等しくても選ぶ": Mistake(
                changed(GENERATE, "np.cumsum(probabilities) > u", "np.cumsum(probabilities) >= u"),
                "和が乱数と等しいところ",
            ),
            "小数で返す": Mistake(
                changed(GENERATE, "np.array(made)", "np.array(made, dtype=float)"), "整数の配列で返しましょう"
            ),
            "0 で埋める": Mistake(changed(GENERATE, "[128]", "[0]"), "0 で埋めて"),
            "新しい側で埋める": Mistake(
                changed(
                    changed(GENERATE, "[128] * receptive_field + list(start)", "list(start)"),
                    "codes[-receptive_field:]",
                    "(codes[-receptive_field:] + [128] * receptive_field)[:receptive_field]",
                ),
                "新しい側で埋めて",
            ),
            "最初の乱数だけを使う": Mistake(changed(GENERATE, "> u)", "> uniforms[0])"), "最初の乱数"),
            "1 つずれる": Mistake(changed(GENERATE, "> u))", "> u)) + 1"), "1 つずれて"),
            "start も返す": Mistake(changed(GENERATE, "made = []", "made = list(start)"), "start も返して"),
            "全部の符号を渡す": Mistake(
                changed(GENERATE, "codes[-receptive_field:]", "codes"), "符号をちょうど"
            ),
        },
        hidden=hidden_generate,
        equivalent={
            "return made": "a list is numbers, too",
            "code = np.argmax": "a NumPy integer is a number",
        },
    ),
    "ch04.wavenet": Key(
        reference=WAVENET,
        explanation="dilation を 1, 2, 4, 8, 16 と広げると、5 層で 32 サンプル前まで届きます。こだまは線形ではないので、活性化関数も要ります。",
        alternatives={
            "WaveNet のゲートと残差": """import keras
import numpy as np
from keras import layers

def train_predictor(signals):
    inputs = keras.Input((None, 1))
    x = layers.Conv1D(24, 1)(inputs)
    skips = []
    for dilation in (1, 2, 4, 8, 16):
        gate = layers.Conv1D(24, 2, padding="causal", dilation_rate=dilation, activation="sigmoid")(x)
        value = layers.Conv1D(24, 2, padding="causal", dilation_rate=dilation, activation="tanh")(x)
        z = layers.Multiply()([gate, value])
        skips.append(layers.Conv1D(24, 1)(z))
        x = layers.Add()([x, layers.Conv1D(24, 1)(z)])
    x = layers.ReLU()(layers.Add()(skips))
    x = layers.Conv1D(24, 1, activation="relu")(x)
    model = keras.Model(inputs, layers.Conv1D(1, 1)(x))
    model.compile(keras.optimizers.Adam(0.005), "mse")
    model.optimizer.build(model.trainable_variables)
    model.fit(signals[:, :-1, np.newaxis], signals[:, 1:, np.newaxis], batch_size=8, epochs=20, verbose=0)
    return model
""",
            "幅 32 の 1 層": """import keras
import numpy as np
from keras import layers

def train_predictor(signals):
    model = keras.Sequential([
        keras.Input((None, 1)),
        layers.Conv1D(64, 32, padding="causal", activation="relu"),
        layers.Conv1D(64, 1, activation="relu"),
        layers.Conv1D(1, 1),
    ])
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.01
    model.optimizer.build(model.trainable_variables)
    model.fit(signals[:, :-1, np.newaxis], signals[:, 1:, np.newaxis], batch_size=8, epochs=20, verbose=0)
    return model
""",
            "幅 3 と自分で書いた学習のループ": """import keras
import numpy as np
import tensorflow as tf
from keras import layers

def train_predictor(signals):
    model = keras.Sequential([keras.Input((None, 1))])
    for dilation in (1, 3, 9, 9):
        model.add(layers.ZeroPadding1D((2 * dilation, 0)))
        model.add(layers.Conv1D(32, 3, dilation_rate=dilation, activation="elu"))
    model.add(layers.Dense(1))
    optimizer = keras.optimizers.Adam(0.005)
    waves = tf.convert_to_tensor(signals[..., np.newaxis])

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(batch[:, :-1], training=True) - batch[:, 1:]) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    optimizer.build(model.trainable_variables)
    for epoch in range(25):
        for start in range(0, len(signals), 8):
            step(waves[start : start + 8])
    return model
""",
        },
        mistakes={
            "same で未来を見る": Mistake(
                changed(BRIEF_WAVENET, 'padding="causal"', 'padding="same"'), "未来の入力を変えると"
            ),
            "目標をずらさない": Mistake(
                changed(BRIEF_WAVENET, "signals[:, 1:, np.newaxis]", "signals[:, :-1, np.newaxis]"),
                "いまの値を当てて",
            ),
            "2 つ先を当てる": Mistake(
                changed(
                    changed(BRIEF_WAVENET, "signals[:, :-1, np.newaxis]", "signals[:, :-2, np.newaxis]"),
                    "signals[:, 1:, np.newaxis]",
                    "signals[:, 2:, np.newaxis]",
                ),
                "2 つ先の値を当てて",
            ),
            "dilation がない": Mistake(
                changed(BRIEF_WAVENET, "dilation_rate=dilation", "dilation_rate=1"),
                "32 サンプル前の入力まで届いて",
            ),
            "活性化関数がない": Mistake(changed(BRIEF_WAVENET, ', activation="relu"', ""), "モデルが線形"),
            "学習しない": Mistake(
                changed(WAVENET, "    model.fit(x, y, batch_size=8, epochs=20, verbose=0)\n", ""),
                "0 と答え続けるのと変わりません",
            ),
            "最後の軸を落とす": Mistake(
                changed(
                    BRIEF_WAVENET,
                    "layers.Conv1D(1, 1)(x))",
                    "layers.Reshape((-1,))(layers.Conv1D(1, 1)(x)))",
                ).replace("signals[:, 1:, np.newaxis]", "signals[:, 1:]"),
                "最後の軸がありません",
            ),
            "最後の時刻だけを当てる": Mistake(
                changed(
                    BRIEF_WAVENET,
                    "layers.Conv1D(1, 1)(x))",
                    "layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))",
                ).replace("signals[:, 1:, np.newaxis]", "signals[:, -1:]"),
                "最後の時刻の予測だけ",
            ),
            "学習が足りない": Mistake(
                changed(changed(BRIEF_WAVENET, '"relu"', '"tanh"'), "epochs=6", "epochs=2"),
                "まだ誤差が大きすぎます",
            ),
        },
        hidden=hidden_wavenet,
        equivalent={"*": "how it learns is free: only its outputs count"},
    ),
    "ch04.predict_share": estimated(
        95,
        within=4,
        explanation="depthwise は 1 つの値を 9 回の積和で作りますが、1×1 はチャネルの数だけ掛けます。"
        "チャネルは 32〜1,024 なので、積和の 95 % が 1×1 です。",
        low="depthwise は 1 つの値に 9 回、1×1 は入力のチャネルの数 (32〜1,024) だけ掛けます。比べてみましょう。",
        high="depthwise と、入口の 3×3 も、合わせて数 % はあります。",
    ),
    "ch04.predict_time": chosen(
        "ウ",
        explanation="小さなネットワークでは、層を呼び出す手間やメモリの読み書きのほうが、積和より時間を決めます。"
        "5 つのシードの中央値では、ResNet より長くなりました。",
        wrong={
            "ア": "積和は、かかる時間の一部でしかありません。層を呼び出す手間やメモリの読み書きは、積和の数では減りません。",
            "イ": "MobileNet のブロックは層の数が多いので、積和で得をした分を取り返されます。3 節の表の推論時間を見ましょう。",
        },
    ),
    "ch04.decide_growth": estimated(
        4,
        within=0.4,
        explanation="成長率 5 でも保持する値は 20,000 個に収まりますが、積和が 1,200,000 回を超えます。"
        "どの条件が先に効くかは、数えてみるまで分かりません。",
        low="もう少し大きくできます。成長率を 1 つずつ大きくして、2 つの数がどちらも限度以下のあいだ続けましょう。",
        high="その成長率では、積和か保持する値が限度を超えます。2 つの条件を、どちらも確かめましょう。",
    ),
    "ch04.predict_undilated": chosen(
        "イ",
        explanation="受容野が狭いと次のサンプルは当てにくくなりますが、高さは条件として渡しているので、楽譜どおりになりました。",
        wrong={
            "ア": "音の高さは条件として渡しています。8 節の表で、高さのずれの中央値を 2 つのネットワークで比べましょう。",
            "ウ": "8 節の表で NLL を比べましょう。ダイレーションがあると、どのシードでも小さくなりました。",
        },
    ),
}
