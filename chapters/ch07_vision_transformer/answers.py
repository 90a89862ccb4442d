"""Chapter 7: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Sequence
from math import erf, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Answer, Key, Mistake, changed, chosen, estimated

from .exercises import (
    BLOCK_SHAPES,
    expect_block,
    expect_crossings,
    expect_embedded,
    expect_parameters,
    expect_patches,
    expect_resized,
    expect_rollout,
    expect_shifted,
)

Array = npt.NDArray[Any]


def mistakes_in(code: str, *rows: str) -> dict[str, Mistake]:
    """Makes known mistakes of a reference.

    Args:
        code: The reference.
        rows: "name | old | new | reason" each, with old and new as often as places change.
    """
    found = {}
    for row in rows:
        name, *places, reason = row.split(" | ")
        wrong = code
        for old, new in zip(places[::2], places[1::2], strict=True):
            wrong = changed(wrong, old, new)
        found[name] = Mistake(wrong, reason)
    return found


# The judge's own arithmetic.


def patches_of(images: Array, size: int) -> Array:
    """Patches in row order, cut out one by one."""
    tops, lefts = (range(0, length, size) for length in images.shape[1:3])
    cut = [images[:, top : top + size, left : left + size] for top in tops for left in lefts]
    return np.stack([patch.reshape(len(images), -1) for patch in cut], axis=1)


def hidden_patchify(answer: Answer) -> None:
    for count, rows, columns, size, channels in ((3, 2, 4, 3, 2), (1, 3, 1, 4, 1), (2, 3, 2, 1, 3)):
        images = answer.rng.normal(0, 1, (count, rows * size, columns * size, channels))
        expect_patches(answer, images, size, patches_of(images, size), {}, {})


def hidden_embed(answer: Answer) -> None:
    for count, patches, length, dim in ((3, 5, 4, 3), (1, 1, 2, 6)):
        shapes = ((count, patches, length), (length, dim), (dim,), (dim,), (patches + 1, dim))
        given = [answer.rng.normal(0, 1, shape) for shape in shapes]
        right = np.empty((count, patches + 1, dim))
        right[:, 0] = given[3] + given[4][0]
        right[:, 1:] = np.einsum("npk,kd->npd", given[0], given[1]) + given[2] + given[4][1:]
        expect_embedded(answer, given, right, {})


def block_of(x: Array, weights: dict[str, Array], heads: int) -> Array:
    """Output of an encoder block, one image, head and token at a time."""
    width = x.shape[-1] // heads

    def norm(z: Array, n: int) -> Array:
        centred = z - z.mean()
        return weights[f"gamma{n}"] * centred / sqrt(np.mean(centred**2) + 1e-6) + weights[f"beta{n}"]

    outputs = []
    for tokens in x:
        normed = np.array([norm(token, 1) for token in tokens])
        query, key, value = (normed @ weights[name] for name in ("query", "key", "value"))
        mixed = np.zeros(tokens.shape)
        for part in (slice(h * width, (h + 1) * width) for h in range(heads)):
            for i, token in enumerate(query):
                shares = np.exp(key[:, part] @ token[part] / sqrt(width))
                mixed[i, part] = shares @ value[:, part] / shares.sum()
        between = tokens + mixed @ weights["output"] + weights["output_bias"]
        inner = np.array([norm(token, 2) for token in between]) @ weights["expand"] + weights["expand_bias"]
        inner = np.vectorize(lambda z: z * (1 + erf(z / sqrt(2))) / 2)(inner)
        outputs.append(between + inner @ weights["shrink"] + weights["shrink_bias"])
    return np.array(outputs)


def draw_block(rng: np.random.Generator, dim: int, mlp: int) -> dict[str, Array]:
    """Draws the weights of an encoder block, by name."""
    sizes = {"dim": dim, "mlp": mlp}
    return {
        name: rng.normal(0, 1 / sqrt(dim) if len(shape) > 1 else 1, [sizes[side] for side in shape])
        for name, shape in BLOCK_SHAPES.items()
    }


def hidden_encoder_block(answer: Answer) -> None:
    for count, tokens, dim, mlp, heads in (
        (2, 5, 6, 9, 3),
        (1, 4, 4, 3, 4),
        (3, 2, 8, 16, 2),
        (1, 3, 5, 4, 1),
    ):
        weights, x = draw_block(answer.rng, dim, mlp), answer.rng.normal(0, 2, (count, tokens, dim))
        expect_block(answer, x, weights, heads, block_of(x, weights, heads), {})
    # Tokens that hardly differ, and last weights so large that an approximate GELU is seen.
    weights, x = draw_block(answer.rng, 4, 3), answer.rng.normal(0, 0.002, (2, 3, 4))
    weights["shrink"] *= 100
    expect_block(answer, x, weights, 2, block_of(x, weights, 2), {})


def parameters_of(image: int, patch: int, dim: int, depth: int, mlp: int, classes: int) -> int:
    """Parameters of a Vision Transformer, layer by layer."""
    patches = (image // patch) * (image // patch)
    dense = [(3 * patch**2, dim), (dim, classes)]
    dense += depth * [(dim, dim), (dim, dim), (dim, dim), (dim, dim), (dim, mlp), (mlp, dim)]
    norms = 2 * depth + 1
    return sum(i * o + o for i, o in dense) + norms * 2 * dim + (patches + 2) * dim


def hidden_parameters(answer: Answer) -> None:
    for _ in range(8):
        patch, side, dim, depth, mlp, classes = (int(n) for n in answer.rng.integers(2, 20, 6))
        case = (side * patch, patch, dim, depth, mlp, classes)
        expect_parameters(answer, case, parameters_of(*case), {})


def shifted_of(images: Array, size: int) -> Array:
    """Patches of an image and its four shifted copies, copied pixel by pixel."""
    count, height, width, channels = images.shape
    moved = np.zeros((count, height, width, 5, channels))
    for k, (down, right) in enumerate(((0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))):
        for y in range(height):
            for x in range(width):
                from_y, from_x = y - down * size // 2, x - right * size // 2
                if 0 <= from_y < height and 0 <= from_x < width:
                    moved[:, y, x, k] = images[:, from_y, from_x]
    return patches_of(moved.reshape(count, height, width, -1), size)


def hidden_shifted_patches(answer: Answer) -> None:
    for count, rows, columns, size, channels in ((2, 2, 3, 2, 2), (1, 2, 1, 6, 1), (3, 1, 2, 4, 3)):
        images = answer.rng.normal(0, 1, (count, rows * size, columns * size, channels))
        expect_shifted(answer, images, size, shifted_of(images, size), {})


def crossings_of(
    a: dict[int, list[float]], b: dict[int, list[float]], margin: float
) -> tuple[dict[int, str], list[tuple[int, int]]]:
    """Who leads clearly at which number, and between which numbers the lead changes."""
    verdicts, crossings, last = {}, [], None
    for count in sorted(a):
        leads = np.subtract(a[count], b[count])
        clear = len(leads) >= 3 and abs(np.sign(leads).sum()) == len(leads) and abs(leads.mean()) >= margin
        verdicts[count] = ("A" if leads[0] > 0 else "B") if clear else "?"
        if clear:
            if last is not None and verdicts[last] != verdicts[count]:
                crossings.append((last, count))
            last = count
    return verdicts, crossings


def draw_accuracies(rng: np.random.Generator) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """Draws accuracies in 64ths, which are exact, of two models at several numbers of images."""
    a: dict[int, list[float]] = {}
    b: dict[int, list[float]] = {}
    for count in rng.choice(np.arange(10, 5000, 10), int(rng.integers(3, 9)), replace=False).tolist():
        seeds, lead = int(rng.choice([2, 3, 4, 5])), int(rng.choice([-6, -4, 0, 4, 6]))
        second = rng.integers(20, 45, seeds)
        a[count] = ((second + lead + rng.integers(-4, 5, seeds)) / 64).tolist()
        b[count] = (second / 64).tolist()
    return a, b


def hidden_crossing(answer: Answer) -> None:
    for margin in (0.0, 1 / 32, 1 / 16, 3 / 32, 1 / 8):
        for _ in range(3):
            a, b = draw_accuracies(answer.rng)
            expect_crossings(answer, a, b, margin, crossings_of(a, b, margin), {})


def resized_of(positions: Array, old: Sequence[int], new: Sequence[int]) -> Array:
    """Positions on another grid, interpolated place by place between four old places."""
    grid = positions[1:].reshape(old[0], old[1], -1)

    def near(i: int, before: int, after: int) -> tuple[int, int, float]:
        place = min(max((i + 0.5) * before / after - 0.5, 0.0), before - 1.0)
        low = int(place)
        return low, min(low + 1, before - 1), place - low

    rows = [positions[0]]
    for i in range(new[0]):
        top, bottom, down = near(i, old[0], new[0])
        for j in range(new[1]):
            left, right, along = near(j, old[1], new[1])
            upper = (1 - along) * grid[top, left] + along * grid[top, right]
            lower = (1 - along) * grid[bottom, left] + along * grid[bottom, right]
            rows.append((1 - down) * upper + down * lower)
    return np.array(rows)


def hidden_resize_positions(answer: Answer) -> None:
    for old, new, dim in (((3, 5), (6, 7), 2), ((5, 4), (2, 3), 3), ((1, 4), (3, 4), 1), ((4, 2), (4, 2), 5)):
        positions = answer.rng.normal(0, 1, (1 + old[0] * old[1], dim))
        expect_resized(answer, positions, old, new, resized_of(positions, old, new), {})


def rollout_of(attentions: Sequence[Array]) -> Array:
    """Map of attention rollout: the class token's share, traced from the last block back to the first."""
    share = np.eye(attentions[0].shape[-1])[0]
    for attention in attentions[::-1]:
        kept = np.add.reduce(attention, axis=0) / len(attention) + np.eye(len(share))
        share = (share / kept.sum(axis=1)) @ kept
    side = round(sqrt(len(share) - 1))
    return np.asarray(share[1:].reshape(side, side))


def hidden_rollout(answer: Answer) -> None:
    for blocks, heads, side in ((3, 2, 3), (1, 3, 2), (4, 1, 1), (2, 4, 4)):
        attentions = [answer.rng.uniform(0, 1, (heads, side**2 + 1, side**2 + 1)) for _ in range(blocks)]
        expect_rollout(answer, attentions, rollout_of(attentions), {})


# The references, of which known mistakes change one thing.


PATCHIFY = """import numpy as np

def patchify(images, size):
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // size, size, width // size, size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, size * size * channels)

def unpatchify(patches, height, width, size):
    grid = patches.reshape(len(patches), height // size, width // size, size, size, -1)
    return grid.swapaxes(2, 3).reshape(len(patches), height, width, -1)
"""

EMBED = """import numpy as np

def embed(patches, kernel, bias, cls, positions):
    tokens = patches @ kernel + bias
    first = np.broadcast_to(cls, (len(patches), 1, len(cls)))
    return np.concatenate([first, tokens], axis=1) + positions
"""

ENCODER_BLOCK = """from math import erf

import numpy as np

def norm(x, gamma, beta):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-6) + beta

def split(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)

def softmax(scores):
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)

def gelu(x):
    return x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2

def encoder_block(x, weights, heads):
    normed = norm(x, weights["gamma1"], weights["beta1"])
    query, key, value = (split(normed @ weights[name], heads) for name in ("query", "key", "value"))
    attention = softmax(query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1]))
    mixed = (attention @ value).swapaxes(1, 2).reshape(x.shape)
    middle = x + mixed @ weights["output"] + weights["output_bias"]
    normed = norm(middle, weights["gamma2"], weights["beta2"])
    inner = gelu(normed @ weights["expand"] + weights["expand_bias"])
    return middle + inner @ weights["shrink"] + weights["shrink_bias"]
"""

PARAMETERS = """def vit_parameters(image, patch, dim, depth, mlp, classes):
    patches = (image // patch) ** 2
    embedding = (patch * patch * 3 + 1) * dim
    cls, positions = dim, (patches + 1) * dim
    norms = 2 * (2 * dim)
    attention = 4 * (dim * dim + dim)
    dense = (dim + 1) * mlp + (mlp + 1) * dim
    blocks = depth * (norms + attention + dense)
    last_norm = 2 * dim
    head = (dim + 1) * classes
    return embedding + cls + positions + blocks + last_norm + head
"""

SHIFTED = """import numpy as np

def shifted_patches(images, size):
    n, height, width, channels = images.shape
    half = size // 2
    padded = np.pad(images, ((0, 0), (half, half), (half, half), (0, 0)))
    places = [(half, half), (0, 0), (0, size), (size, 0), (size, size)]
    copies = [padded[:, top:top + height, left:left + width] for top, left in places]
    stacked = np.concatenate(copies, axis=-1)
    grid = stacked.reshape(n, height // size, size, width // size, size, 5 * channels)
    return grid.swapaxes(2, 3).reshape(n, -1, size * size * 5 * channels)
"""

CROSSING = """def find_crossings(a, b, margin):
    verdicts = {}
    for count in sorted(a):
        leads = [x - y for x, y in zip(a[count], b[count])]
        mean = sum(leads) / len(leads)
        verdicts[count] = "?"
        if len(leads) >= 3 and min(leads) > 0 and mean >= margin:
            verdicts[count] = "A"
        if len(leads) >= 3 and max(leads) < 0 and -mean >= margin:
            verdicts[count] = "B"
    clear = [count for count in verdicts if verdicts[count] != "?"]
    pairs = zip(clear, clear[1:])
    return verdicts, [(low, high) for low, high in pairs if verdicts[low] != verdicts[high]]
"""

RESIZE = """import numpy as np

def weights(before, after):
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    return np.maximum(1 - np.abs(places[:, np.newaxis] - np.arange(before)), 0)

def resize_positions(positions, old, new):
    grid = positions[1:].reshape(old[0], old[1], -1)
    rows, columns = weights(old[0], new[0]), weights(old[1], new[1])
    resized = np.einsum("ir,rcd,jc->ijd", rows, grid, columns)
    return np.concatenate([positions[:1], resized.reshape(-1, positions.shape[1])])
"""

ROLLOUT = """import numpy as np

def attention_rollout(attentions):
    total = np.eye(attentions[0].shape[-1])
    for attention in attentions:
        mixed = 0.5 * attention.mean(axis=0) + 0.5 * np.eye(len(total))
        mixed = mixed / mixed.sum(axis=1, keepdims=True)
        total = mixed @ total
    side = round((len(total) - 1) ** 0.5)
    return total[0, 1:].reshape(side, side)
"""


ANSWERS: dict[str, Key] = {
    "ch07.patchify": Key(
        reference=PATCHIFY,
        explanation="画像を (枚数, 縦のパッチ, パッチの行, 横のパッチ, パッチの列, チャネル) と見て、パッチの行と横のパッチの軸を入れ替えます。同じ入れ替えをもう一度すると、もとに戻ります。",
        alternatives={
            "切り出すループ": """import numpy as np

def patchify(images, size):
    rows = [np.hstack([p.reshape(len(images), 1, -1) for p in np.split(strip, strip.shape[2] // size, axis=2)])
            for strip in np.split(images, images.shape[1] // size, axis=1)]
    return np.hstack(rows)

def unpatchify(patches, height, width, size):
    images = np.zeros((len(patches), height, width, patches.shape[2] // size ** 2))
    for i in range(patches.shape[1]):
        y, x = divmod(i, width // size)
        tile = patches[:, i].reshape(len(patches), size, size, -1)
        images[:, y * size:(y + 1) * size, x * size:(x + 1) * size] = tile
    return images
""",
            "TensorFlow の関数": """import tensorflow as tf

def patchify(images, size):
    steps = [1, size, size, 1]
    grid = tf.image.extract_patches(images.astype("float32"), steps, steps, [1, 1, 1, 1], "VALID")
    return tf.reshape(grid, (grid.shape[0], -1, grid.shape[3]))

def unpatchify(patches, height, width, size):
    strips = tf.split(patches, height // size, axis=1)
    shape = (len(patches), width // size, size, size, -1)
    rows = [tf.concat(tf.unstack(tf.reshape(strip, shape), axis=1), axis=2) for strip in strips]
    return tf.concat(rows, axis=1)
""",
        },
        mistakes=mistakes_in(
            PATCHIFY,
            "reshape だけ | .transpose(0, 1, 3, 2, 4, 5) |  | reshape だけでは",
            "縦に並べる | transpose(0, 1, 3, 2, 4, 5) | transpose(0, 3, 1, 2, 4, 5) | パッチが 1 列ずつ縦に",
            "パッチの中を縦に並べる | transpose(0, 1, 3, 2, 4, 5) | transpose(0, 1, 3, 4, 2, 5) | パッチの中の画素が縦に",
            "チャネルを先に並べる | transpose(0, 1, 3, 2, 4, 5) | transpose(0, 1, 3, 5, 2, 4) | チャネルごとに並んで",
            "格子のまま返す | reshape(n, -1, size * size * channels) | reshape(n, height // size, width // size, -1) | 格子の形のまま",
            "枚数をパッチに混ぜる | reshape(n, -1, size * size * channels) | reshape(-1, size * size * channels) | 画像の軸がなくなって",
            "戻すときに reshape だけ | grid.swapaxes(2, 3) | grid | 戻すときも",
            "戻すときに縦に並べる | height // size, width // size, size, size, -1)\n    return grid.swapaxes(2, 3) | width // size, height // size, size, size, -1)\n    return grid.transpose(0, 2, 3, 1, 4, 5) | 縦の順に置いて",
            "正方形と決めつける |     grid = patches |     height = width = int((patches.shape[1] * size * size) ** 0.5) // size * size\n    patches = patches[:, : (height // size) ** 2]\n    grid = patches | 縦と横の長さが違う",
        ),
        hidden=hidden_patchify,
        equivalent={
            "extract_patches(images,": "TensorFlow takes the numbers as they are",
            "height // size, len(patches),": "axes in front of those that change places may be told apart anyhow",
            "swapaxes(3, 2)": "the order of two axes that change places",
            "grid = patches.reshape(len(patches), height // size, width // size, size, 1, -1)": "the axes at the end stay together",
            "width // size, size, -1, size)": "the axes at the end stay together",
            "channels, size)": "the axes at the end stay together",
            "grid = patches.reshape(len(patches), height // size, width // size, size, size, -2)": "NumPy takes every negative length for the one that is left",
            "i].reshape(len(patches), size, size, -2)": "NumPy takes every negative length for the one that is left",
        },
    ),
    "ch07.embed": Key(
        reference=EMBED,
        explanation="CLS は、どの画像でも同じベクトルです。位置の埋め込みはパッチより 1 つ多く、先頭の 1 つは CLS のものです。",
        alternatives={
            "空の配列を埋める": """import numpy as np

def embed(patches, kernel, bias, cls, positions):
    tokens = np.zeros((patches.shape[0], patches.shape[1] + 1, kernel.shape[1]))
    tokens[:, 0] = cls
    tokens[:, 1:] = np.einsum("npk,kd->npd", patches, kernel) + bias
    tokens += positions
    return tokens
""",
            "1 枚ずつ": """def embed(patches, kernel, bias, cls, positions):
    result = []
    for image in patches:
        tokens = [list(cls)] + [list(patch @ kernel + bias) for patch in image]
        result.append([[t + p for t, p in zip(*pair)] for pair in zip(tokens, positions)])
    return result
""",
        },
        mistakes=mistakes_in(
            EMBED,
            "CLS を最後に置く | [first, tokens] | [tokens, first] | CLS が最後に",
            "バイアスを忘れる |  + bias |  | パッチにバイアスを足していません",
            "位置を足さない |  + positions |  | CLS もパッチも、それぞれ",
            "CLS に位置を足さない | np.concatenate([first, tokens], axis=1) + positions | np.concatenate([first, tokens + positions[1:]], axis=1) | CLS の分の位置",
            "CLS の前に位置を足す | np.concatenate([first, tokens], axis=1) + positions | np.concatenate([first, tokens + positions[:-1]], axis=1) | 先頭の位置を 1 枚目のパッチに",
            "CLS にもバイアスを足す | axis=1) + positions | axis=1) + positions + np.eye(len(positions))[:, :1] * bias | CLS にまでバイアス",
            "位置を掛ける | axis=1) + positions | axis=1) * positions | 位置の埋め込みを掛けて",
            "CLS を置かない | np.concatenate([first, tokens], axis=1) + positions | tokens + positions[1:] | CLS がありません",
            "1 枚にだけ CLS を置く | np.broadcast_to(cls, (len(patches), 1, len(cls))) | cls * (np.arange(len(patches)) == 0)[:, np.newaxis, np.newaxis] | はじめの 1 枚にだけ",
        ),
        hidden=hidden_embed,
    ),
    "ch07.guess_order": chosen(
        "ア",
        explanation="自己注意も MLP も、トークンの順番を使いません。パッチの並びを変えれば、パッチのトークンが同じように並び替わるだけで、CLS の結果は変わりません。",
        wrong={
            "イ": "1 層目から、CLS が集める和はパッチの順番によりません。変わるのは、計算の丸めの分だけです。",
            "ウ": "そうなるのは、CNN か、位置の埋め込みのある ViT です。順番を伝えるものがなければ、ViT にはパッチの集まりしか見えません。",
        },
    ),
    "ch07.encoder_block": Key(
        reference=ENCODER_BLOCK,
        explanation="正規化 → 注意 → 足す、正規化 → MLP → 足す、の順です。正規化が枝の中にあるので、入力は、足し算だけを通って最後まで届きます。",
        alternatives={
            "ヘッドのループ": """import numpy as np
from scipy.stats import norm as gaussian

def encoder_block(x, weights, heads):
    w = dict(weights)
    def norm(z, n):
        z = z - z.mean(axis=2)[:, :, None]
        return z / np.sqrt((z ** 2).mean(axis=2) + 1e-6)[:, :, None] * w[f"gamma{n}"] + w[f"beta{n}"]
    z, width = norm(x, 1), x.shape[2] // heads
    parts = []
    for h in range(heads):
        columns = slice(h * width, (h + 1) * width)
        q, k, v = (z @ w[name][:, columns] for name in ("query", "key", "value"))
        scores = np.einsum("nik,njk->nij", q, k) * width ** -0.5
        e = np.exp(scores - scores.max(axis=2, keepdims=True))
        parts.append(e @ v / e.sum(axis=2, keepdims=True))
    x = x + np.concatenate(parts, axis=2) @ w["output"] + w["output_bias"]
    hidden = norm(x, 2) @ w["expand"] + w["expand_bias"]
    return x + (hidden * gaussian.cdf(hidden)) @ w["shrink"] + w["shrink_bias"]
""",
            "Keras の層": """import keras
import numpy as np

def encoder_block(x, weights, heads):
    w, dim = weights, x.shape[2]
    def build(layer, *arrays):
        layer.build(x.shape)
        layer.set_weights(arrays)
        return layer
    norm1 = build(keras.layers.LayerNormalization(epsilon=1e-6), w["gamma1"], w["beta1"])
    norm2 = build(keras.layers.LayerNormalization(epsilon=1e-6), w["gamma2"], w["beta2"])
    attend = keras.layers.MultiHeadAttention(heads, dim // heads)
    attend.build(x.shape, x.shape)
    arrays = []
    for name in ("query", "key", "value"):
        arrays += [w[name].reshape(dim, heads, -1), np.zeros((heads, dim // heads))]
    attend.set_weights([*arrays, w["output"].reshape(heads, -1, dim), w["output_bias"]])
    x = keras.ops.cast(x, "float32")
    z = norm1(x)
    x = x + attend(z, z)
    z = norm2(x) @ w["expand"].astype("float32") + w["expand_bias"]
    return x + keras.activations.gelu(z) @ w["shrink"].astype("float32") + w["shrink_bias"]
""",
        },
        mistakes=mistakes_in(
            ENCODER_BLOCK,
            'post-norm | normed = norm(x, weights["gamma1"], weights["beta1"]) | normed = x | weights["output_bias"]\n    normed = norm(middle, weights["gamma2"], weights["beta2"]) | weights["output_bias"]\n    middle = norm(middle, weights["gamma1"], weights["beta1"])\n    normed = middle | return middle + inner @ weights["shrink"] + weights["shrink_bias"] | return norm(middle + inner @ weights["shrink"] + weights["shrink_bias"], weights["gamma2"], weights["beta2"]) | 足したあとに正規化',
            "1 つ目の残差接続がない | middle = x + mixed | middle = mixed | 注意のあとの残差接続",
            "2 つ目の残差接続がない | return middle + inner | return inner | MLP のあとの残差接続",
            "もとの入力を足す | return middle + inner | return x + inner | MLP の結果を、ブロックの入力に",
            '注意の前に正規化しない | normed = norm(x, weights["gamma1"], weights["beta1"]) | normed = x | 注意の前の正規化',
            'MLP の前に正規化しない | normed = norm(middle, weights["gamma2"], weights["beta2"]) | normed = middle | MLP の前の正規化',
            '値を正規化しない |     attention = softmax( |     value = split(x @ weights["value"], heads)\n    attention = softmax( | 値を、正規化する前の',
            "得点を割らない |  / np.sqrt(query.shape[-1]) |  | softmax の前に √",
            "次元の平方根で割る | np.sqrt(query.shape[-1]) | np.sqrt(x.shape[-1]) | 全体の次元の平方根",
            "ヘッドに分けない | return x.reshape(*x.shape[:2], heads, -1) | return x[:, :, np.newaxis] | ヘッドに分けて",
            "ヘッドの分け方が互い違い | heads, -1).swapaxes(1, 2) | -1, heads).transpose(0, 3, 1, 2) | swapaxes(1, 2).reshape(x.shape) | transpose(0, 2, 3, 1).reshape(x.shape) | 互い違い",
            "ヘッドをつなぐ順が違う | (attention @ value).swapaxes(1, 2) | (attention @ value) | トークンの軸とヘッドの軸",
            "softmax の向き | e / e.sum(axis=-1, keepdims=True) | e / e.sum(axis=-2, keepdims=True) | softmax の向きが",
            '出力の変換がない | mixed @ weights["output"] | mixed | output を掛けて',
            '出力のバイアスがない |  + weights["output_bias"] |  | output_bias を',
            "ReLU | x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2 | np.maximum(x, 0) | GELU ではなく ReLU",
            "tanh の近似 | x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2 | x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))) / 2 | tanh による近似",
            "画像全体で正規化する | x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True) | x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True) | 画像全体で平均",
            "トークンの向きに正規化する | x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True) | x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True) | トークンをまたいで正規化",
            "epsilon が Keras の既定 | 1e-6 | 1e-3 | 1e-6 です",
            "標準偏差に epsilon を足す | np.sqrt(variance + 1e-6) | (np.sqrt(variance) + 1e-6) | 分散に足して",
        ),
        hidden=hidden_encoder_block,
        equivalent={
            "swapaxes(2, 1)": "the order of two axes that change places",
            "heads, -2)": "NumPy takes every negative length for the one that is left",
            'gelu(z) @ w["shrink"] +': "Keras converts it",
            '@ w["expand"] + w["expand_bias"]': "Keras converts it",
            "key.swapaxes(3, 2)": "the order of two axes that change places",
            "scores + scores.max": "a factor that softmax divides by again",
            "heads, -2, dim)": "NumPy takes every negative length for the one that is left",
            "w = weights": "the weights are only read",
        },
    ),
    "ch07.parameters": Key(
        reference=PARAMETERS,
        explanation="ViT-B/16 では、8,657 万個のうち 8,505 万個が 12 個のブロックにあります。パッチを細かくしても、増えるパラメータは位置の埋め込みだけです。大きく増えるのは、計算の量です。",
        alternatives={
            "層を並べて足す": """def vit_parameters(image, patch, dim, depth, mlp, classes):
    layers = [(3 * patch * patch, dim), (dim, classes)]
    for _ in range(depth):
        layers += 4 * [(dim, dim)] + [(dim, mlp), (mlp, dim), (1, dim), (1, dim)]
    tokens = (image // patch) ** 2 + 1
    return sum((i + 1) * o for i, o in layers) + dim * (1 + tokens) + 2 * dim
""",
            "まとめた式": """def vit_parameters(image, patch, dim, depth, mlp, classes):
    outside = dim * (3 * patch ** 2 + (image // patch) ** 2 + 5) + classes * (dim + 1)
    return outside + depth * (4 * dim ** 2 + 9 * dim + 2 * dim * mlp + mlp)
""",
        },
        mistakes=mistakes_in(
            PARAMETERS,
            "CLS を忘れる | cls, positions = dim, | cls, positions = 0, | 次元の数だけ足りません",
            "位置を数えない | (patches + 1) * dim | 0 | 位置の埋め込みも学習",
            "最後の正規化を忘れる |  + last_norm |  | 最後のブロックのあと",
            "ブロックの正規化を 1 つと数える | 2 * (2 * dim) | 2 * dim | ブロックの LayerNormalization は 2 つ",
            "正規化を gamma だけと数える | 2 * (2 * dim) | 2 * dim | last_norm = 2 * dim | last_norm = dim | gamma と beta の 2 組",
            "注意のバイアスを忘れる | 4 * (dim * dim + dim) | 4 * dim * dim | 注意の 4 つの変換にも",
            "出力の変換を忘れる | 4 * (dim * dim + dim) | 3 * (dim * dim + dim) | 出力の 4 つ",
            "MLP のバイアスを忘れる | (dim + 1) * mlp + (mlp + 1) * dim | 2 * dim * mlp | MLP の 2 つの層にも",
            "パッチのチャネルを忘れる | (patch * patch * 3 + 1) | (patch * patch + 1) | パッチ 1 枚の数は",
            "出力層のバイアスを忘れる | (dim + 1) * classes | dim * classes | 出力層にも",
            "ブロックを 1 つだけ数える | depth * (norms | (norms | ブロックは depth 個",
            "パッチごとに別の重みとする | return embedding + | return patches * embedding + | どのパッチでも同じ",
        ),
        hidden=hidden_parameters,
    ),
    "ch07.guess_small": chosen(
        "ウ",
        explanation="300 枚では、どのシードでも CNN が上でした。「近くの画素に意味がある」「同じ模様はどこでも同じ」を、ViT は 300 枚から学ばなければなりません。",
        wrong={
            "ア": "ViT が追い抜くのは、何百万枚もの画像で事前学習したときです。300 枚では、CNN に組み込まれた前提が効きます。",
            "イ": "パラメータの数が同じでも、組み込まれた前提が違います。どのシードでも、同じほうが上でした。",
        },
    ),
    "ch07.shifted_patches": Key(
        reference=SHIFTED,
        explanation="同じ大きさのパッチでも、となりの半パッチまで見えるようになります。トークンの数は変わらず、埋め込みの重みだけが 5 倍になります。",
        alternatives={
            "写す範囲を書く": """import numpy as np

def shifted_patches(images, size):
    h = size // 2
    moved = [images] + [np.zeros_like(images) for _ in range(4)]
    moved[1][:, h:, h:] = images[:, :-h, :-h]
    moved[2][:, h:, :-h] = images[:, :-h, h:]
    moved[3][:, :-h, h:] = images[:, h:, :-h]
    moved[4][:, :-h, :-h] = images[:, h:, h:]
    x = np.concatenate(moved, axis=3)
    tiles = [x[:, i:i + size, j:j + size].reshape(len(x), -1)
             for i in range(0, x.shape[1], size) for j in range(0, x.shape[2], size)]
    return np.stack(tiles, axis=1)
""",
            "patchify を使う": """import numpy as np
from keras import ops

def patchify(x, size):
    n, height, width, c = x.shape
    x = ops.reshape(x, (n, height // size, size, width // size, size, c))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (n, -1, size * size * c))

def shifted_patches(images, size):
    copies = [images]
    for dy in (1, -1):
        for dx in (1, -1):
            moved = np.roll(images, (dy * size // 2, dx * size // 2), axis=(1, 2))
            rows, columns = np.arange(images.shape[1]), np.arange(images.shape[2])
            ok_y = (rows >= size // 2) if dy > 0 else (rows < len(rows) - size // 2)
            ok_x = (columns >= size // 2) if dx > 0 else (columns < len(columns) - size // 2)
            copies.append(moved * (ok_y[:, None] & ok_x)[None, :, :, None])
    return patchify(np.concatenate(copies, axis=-1), size)
""",
        },
        mistakes=mistakes_in(
            SHIFTED,
            '反対側から回り込む | (half, half), (half, half), (0, 0))) | (half, half), (half, half), (0, 0)), "wrap") | 反対側から回り込んで',
            '端の画素で埋める | (half, half), (half, half), (0, 0))) | (half, half), (half, half), (0, 0)), "edge") | 端の画素で埋めて',
            "向きが逆 | (0, 0), (0, size), (size, 0), (size, size) | (size, size), (size, 0), (0, size), (0, 0) | ずらす向きが逆",
            "左下と右上が逆 | (0, size), (size, 0) | (size, 0), (0, size) | 左下と右上の順",
            "上下左右にずらす | (0, 0), (0, size), (size, 0), (size, size) | (0, half), (half, size), (half, 0), (size, half) | 斜めではなく",
            "もとの画像を最後に置く | (half, half), (0, 0), (0, size), (size, 0), (size, size) | (0, 0), (0, size), (size, 0), (size, size), (half, half) | もとの画像が最後に",
            "1 パッチずらす | half = size // 2 | half, twice = size, 2 * size | (0, size), (size, 0), (size, size) | (0, twice), (twice, 0), (twice, twice) | 1 パッチ分ずらして",
            "1 画素ずらす | half = size // 2 | half, twice = 1, 2 | (0, size), (size, 0), (size, size) | (0, twice), (twice, 0), (twice, twice) | 1 画素だけずらして",
            "もとの画像を忘れる | places = [(half, half), (0, 0) | places = [(0, 0) | size, 5 * channels | size, 4 * channels | size * 5 * channels | size * 4 * channels | もとの画像も入れて",
            "パッチにしてからつなぐ |     stacked = np.concatenate(copies, axis=-1)\n    grid = stacked.reshape(n, height // size, size, width // size, size, 5 * channels)\n    return grid.swapaxes(2, 3).reshape(n, -1, size * size * 5 * channels)\n |     grids = [c.reshape(n, height // size, size, width // size, size, channels) for c in copies]\n    patches = [g.swapaxes(2, 3).reshape(n, -1, size * size * channels) for g in grids]\n    return np.concatenate(patches, axis=-1)\n | パッチにしたあとで",
        ),
        hidden=hidden_shifted_patches,
        equivalent={
            "5 * channels, size)": "the axes at the end stay together",
            "x.shape[1] - 1, size)": "a patch is wider than a pixel",
            "x.shape[2] - 1, size)": "a patch is wider than a pixel",
            "if dy >= 0": "a shift is 1 or -1",
            "if dx >= 0": "a shift is 1 or -1",
        },
    ),
    "ch07.crossing": Key(
        reference=CROSSING,
        explanation="同じシードどうしの差を見ると、データの選び方による揺れが打ち消されます。符号がそろい、平均も十分に大きいときだけ「勝ち」とし、ほかは分からないとします。分からない枚数があれば、入れ替わりはその前後のどこかとしか言えません。",
        alternatives={
            "NumPy": """import numpy as np

def find_crossings(a, b, margin):
    verdicts, crossings, last = {}, [], None
    for count in sorted(a.keys()):
        lead = np.array(a[count]) - np.array(b[count])
        if lead.size < 3:
            verdicts[count] = "?"
        elif (lead > 0).all() and lead.mean() >= margin:
            verdicts[count] = "A"
        elif (lead < 0).all() and lead.mean() <= -margin:
            verdicts[count] = "B"
        else:
            verdicts[count] = "?"
        if verdicts[count] != "?":
            if last and verdicts[last] != verdicts[count]:
                crossings.append([last, count])
            last = count
    return verdicts, crossings
""",
            "符号と絶対値": """def find_crossings(a, b, margin):
    def verdict(x, y):
        gaps = [p - q for p, q in zip(x, y)]
        signs = {(g > 0) - (g < 0) for g in gaps}
        if len(gaps) < 3 or len(signs) > 1 or 0 in signs or abs(sum(gaps)) < margin * len(gaps):
            return "?"
        return "A" if 1 in signs else "B"

    verdicts = {n: verdict(a[n], b[n]) for n in a}
    clear = sorted(n for n, v in verdicts.items() if v != "?")
    return [verdicts, [(m, n) for m, n in zip(clear[:-1], clear[1:]) if verdicts[m] + verdicts[n] in ("AB", "BA")]]
""",
        },
        mistakes=mistakes_in(
            CROSSING,
            "平均だけを見る | min(leads) > 0 | mean > 0 | max(leads) < 0 | mean < 0 | 平均だけで決めて",
            "margin を使わない |  and mean >= margin |  |  and -mean >= margin |  | margin を使って",
            "どの差も margin 以上とする | min(leads) > 0 | min(leads) >= margin | max(leads) < 0 | -max(leads) >= margin | 1 つ 1 つの差を margin と",
            "margin を超えるとする |  mean >= margin |  mean > margin | -mean >= margin | -mean > margin | ちょうど margin",
            "差が 0 でもよいとする | min(leads) > 0 | min(leads) >= 0 | max(leads) < 0 | max(leads) <= 0 | 差が 0 のシード",
            "対にしない | min(leads) > 0 | min(a[count]) > max(b[count]) | max(leads) < 0 | max(a[count]) < min(b[count]) | 同じシードどうしの差",
            "並べ替えてから引く | zip(a[count], b[count]) | zip(sorted(a[count]), sorted(b[count])) | 並べ替えて",
            "枚数の順に並べない | sorted(a) | a | 枚数の小さい順",
            '? もはさまない | clear = [count for count in verdicts if verdicts[count] != "?"]\n    pairs = zip(clear, clear[1:])\n    return verdicts, [(low, high) for low, high in pairs if verdicts[low] != verdicts[high]] | counts = list(verdicts)\n    pairs = zip(counts, counts[1:])\n    return verdicts, [(low, high) for low, high in pairs if verdicts[low] + verdicts[high] in ("AB", "BA")] | 「?」をはさんで',
            '? への変わり目も数える | if verdicts[count] != "?"] | ] | 「?」との境目',
            "シードの数を見ない | len(leads) >= 3 and min | min | len(leads) >= 3 and max | max | シードが 3 つに満たない",
            "4 つ以上とする | len(leads) >= 3 and min | len(leads) > 3 and min | len(leads) >= 3 and max | len(leads) > 3 and max | シードが 3 つあれば",
            "A と B が逆 | x - y for | y - x for | A と B が逆",
            "はじめの 1 つだけ | verdicts[low] != verdicts[high]] | verdicts[low] != verdicts[high]][:1] | すべて返しましょう",
        ),
        hidden=hidden_crossing,
        equivalent={
            "in sorted(a):": "a dict gives its keys",
            "- b[count]": "NumPy makes an array of it",
            "lead = a[count] -": "NumPy makes an array of it",
            "(clear[:], clear[1:])": "zip ends with the shorter one",
        },
    ),
    "ch07.guess_tokens": estimated(
        16,
        within=0.6,
        explanation="縦も横も 2 倍なので、トークンは 4 倍です。注意はトークンの組を全部見るので、4 × 4 で 16 倍になります。",
        low="トークンの数は、縦と横の両方で 2 倍、合わせて 4 倍になります。注意の重みは、トークンの数 × トークンの数の表です。",
        high="1 つの組の計算は次元の数だけで決まり、画像の大きさによりません。増えるのは組の数です。",
    ),
    "ch07.resize_positions": Key(
        reference=RESIZE,
        explanation="パッチの真ん中どうしを合わせるので、左上のパッチは左上のまま、伸び縮みします。CLS には場所がないので、そのまま残します。",
        alternatives={
            "TensorFlow の関数": """import numpy as np
import tensorflow as tf

def resize_positions(positions, old, new):
    grid = positions[1:].reshape(1, *old, -1).astype("float32")
    resized = tf.image.resize(grid, new, method="bilinear").numpy()
    return np.concatenate([positions[:1], resized.reshape(new[0] * new[1], -1)])
""",
            "np.interp を 2 回": """import numpy as np

def along(x, after):
    before = x.shape[0]
    places = (np.arange(after) + 0.5) / after * before - 0.5
    flat = x.reshape(before, -1)
    columns = [np.interp(places, np.arange(before), flat[:, k]) for k in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(after, *x.shape[1:])

def resize_positions(positions, old, new):
    grid = positions[1:].reshape(*old, positions.shape[1])
    grid = along(grid, new[0]).swapaxes(0, 1)
    grid = along(grid, new[1]).swapaxes(0, 1)
    return np.vstack([positions[0], *grid])
""",
        },
        mistakes=mistakes_in(
            RESIZE,
            "CLS を落とす | np.concatenate([positions[:1], resized.reshape(-1, positions.shape[1])]) | resized.reshape(-1, positions.shape[1]) | CLS の行がなくなって",
            "CLS を最後に置く | [positions[:1], resized.reshape(-1, positions.shape[1])] | [resized.reshape(-1, positions.shape[1]), positions[:1]] | CLS の行が最後に",
            "CLS も補間する | grid = positions[1:] | grid = positions[:-1] | CLS の行まで格子",
            "端をそろえる | (np.arange(after) + 0.5) * before / after - 0.5 | np.linspace(0, before - 1, after) | 端と端を合わせて",
            "半画素を忘れる | (np.arange(after) + 0.5) * before / after - 0.5 | np.arange(after) * before / after | 0.5 を忘れて",
            "最も近い 1 つを写す |     return np.maximum(1 - np.abs(places[:, np.newaxis] - np.arange(before)), 0) |     return np.eye(before)[np.arange(after) * before // after] | いちばん近い場所を写して",
            "はみ出す |     return np.maximum(1 - np.abs(places[:, np.newaxis] - np.arange(before)), 0) |     places = (np.arange(after) + 0.5) * before / after - 0.5\n    low = np.clip(np.floor(places), 0, max(before - 2, 0)).astype(int)\n    part = (places - low)[:, np.newaxis] * (before > 1)\n    return (1 - part) * np.eye(before)[low] + part * np.eye(before)[np.minimum(low + 1, before - 1)] | 外側まで延ばして",
            "端で 0 に近づく | np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1) | (np.arange(after) + 0.5) * before / after - 0.5 | 端の外を 0 と",
            "縦と横が逆 | resized.reshape(-1, | resized.swapaxes(0, 1).reshape(-1, | 1 列ずつ縦に",
            "縮めるときにならす |     return np.maximum(1 - np.abs(places[:, np.newaxis] - np.arange(before)), 0) |     w = np.maximum(1 - np.abs(places[:, np.newaxis] - np.arange(before)) / max(before / after, 1), 0)\n    return w / w.sum(axis=1, keepdims=True) | 縮めるときに、広い範囲の平均",
        ),
        hidden=hidden_resize_positions,
        equivalent={
            "swapaxes(1, 0)": "the order of two axes that change places",
            "-2)": "NumPy takes every negative length for the one that is left",
            "tf.image.resize(grid, new)": "bilinear is what it does anyhow",
            "np.clip(0, (": "the larger of the two is the same either way round",
        },
    ),
    "ch07.rollout": Key(
        reference=ROLLOUT,
        explanation="最後のブロックの CLS は、その下のトークンを混ぜたもので、そのトークンも、さらに下を混ぜたものです。行列を掛けると、入力のパッチまでさかのぼった割合になります。値や MLP の働きは入っていないので、根拠そのものではありません。",
        alternatives={
            "最後からさかのぼる": """import numpy as np

def attention_rollout(attentions):
    tokens = attentions[0].shape[1]
    row = np.zeros(tokens)
    row[0] = 1
    for attention in reversed(attentions):
        mixed = np.mean(attention, axis=0) + np.eye(tokens)
        row = row @ (mixed / mixed.sum(axis=1)[:, np.newaxis])
    side = int(np.sqrt(tokens - 1) + 0.5)
    return row[1:].reshape(side, side)
""",
        },
        mistakes=mistakes_in(
            ROLLOUT,
            "掛ける順が逆 | mixed @ total | total @ mixed | 掛ける順が逆",
            "単位行列を足さない | 0.5 * attention.mean(axis=0) + 0.5 * np.eye(len(total)) | attention.mean(axis=0) | 単位行列を足して",
            "ヘッドの最大を取る | attention.mean(axis=0) | attention.max(axis=0) | 最大を取って",
            "ヘッドの和を取る | attention.mean(axis=0) | attention.sum(axis=0) | 足しただけ",
            "1 つ目のヘッドだけ | attention.mean(axis=0) | attention[0] | 1 つ目のヘッドしか",
            "行の和をそろえない |         mixed = mixed / mixed.sum(axis=1, keepdims=True)\n |  | 行の和を 1 にしていません",
            "列の和をそろえる | axis=1, keepdims | axis=0, keepdims | 列の和を 1 に",
            "足す前に行の和をそろえる |         mixed = 0.5 * attention.mean(axis=0) + 0.5 * np.eye(len(total))\n        mixed = mixed / mixed.sum(axis=1, keepdims=True)\n |         mixed = attention.mean(axis=0)\n        mixed = 0.5 * mixed / mixed.sum(axis=1, keepdims=True) + 0.5 * np.eye(len(total))\n | 単位行列を混ぜる前に",
            "列を取る | total[0, 1:] | total[1:, 0] | CLS の列",
            "最後のトークンを落とす | total[0, 1:] | total[0, :-1] | 先頭の CLS ではなく",
            "最後のブロックだけ | in attentions: | in attentions[-1:]: | 最後のブロックだけ",
            "最後のブロックを落とす | in attentions: | in attentions[:-1]: | 最後のブロックを掛けて",
            "地図を縦に並べる | reshape(side, side) | reshape(side, side).T | 縦と横が",
            "地図の和をそろえる | return total[0, 1:] | total = total / total[0, 1:].sum()\n    return total[0, 1:] | 結果の和を 1 に",
            "平らなまま返す | total[0, 1:].reshape(side, side) | total[0, 1:] | パッチの格子の形",
        ),
        hidden=hidden_rollout,
        equivalent={
            "shape[1])": "the matrix is square",
            "shape[-2])": "the matrix is square",
            "shape[2]": "the matrix is square",
            "np.sqrt(tokens - 0)": "rounds to the same side",
            "(len(total) - 0)": "rounds to the same side",
        },
    ),
}
