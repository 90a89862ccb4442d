"""Taught in lesson.py; written by `grader build`. Do not edit."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from course_utils.detection import Detections, box_iou, nms

SIZE = 96
THING_CLASSES = 4
ALL_CLASSES = 6


def fcn(trunk, skips):
    """どの層も畳み込み: 粗いマップの得点を拡大し、skips なら細かいマップの得点を足します。"""
    inputs = keras.Input((SIZE, SIZE, 3))
    scores = [layers.Conv2D(ALL_CLASSES, 1)(feature) for feature in trunk(inputs)]
    total = scores[-1]
    for finer in scores[-2::-1]:
        total = layers.UpSampling2D(2, interpolation="bilinear")(total)
        if skips:
            total = total + finer
    return keras.Model(inputs, layers.UpSampling2D(4, interpolation="bilinear")(total))


def double(x, filters):
    """3×3 の畳み込み 2 つ。"""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return x


def unet(trunk, skips, widths=(48, 32, 16)):
    """U-Net: 縮めた特徴を広げながら、同じ大きさのマップを連結します。skips=False なら 0 を連結します。"""
    inputs = keras.Input((SIZE, SIZE, 3))
    fine, middle, x = trunk(inputs)
    finest = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    for skip, filters in zip((middle, fine, finest), widths, strict=True):
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        x = double(layers.Concatenate()([x, skip if skips else skip * 0]), filters)
    return keras.Model(
        inputs, layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(ALL_CLASSES, 1)(x))
    )


def to_input(images):
    """0〜255 の画素を -1〜1 に変えます。"""
    return (images / 127.5 - 1).astype("float32")


def train(model, loss, batches, steps, rate=3e-3):
    """batches が渡す (入力, 正解, …) で学習し、ステップごとの損失を返します。"""
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4, global_clipnorm=5.0)

    @tf.function
    def step(inputs, *targets):
        with tf.GradientTape() as tape:
            value = loss(model(inputs, training=True), *targets)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return [float(step(*next(batches))) for _ in range(steps)]


def pixel_loss(logits, maps):
    """画素ごとの交差エントロピーの平均。"""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(maps, logits))


def box_head(x):
    """候補の特徴から、背景を含む 5 クラスの得点と、箱のずれ 4 つを出します。"""
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return layers.Concatenate()([layers.Dense(THING_CLASSES + 1)(x), layers.Dense(4)(x)])


def rcnn(trunk, side=48):
    """R-CNN: 切り出して side 画素四方に伸び縮みさせた候補を、1 枚ずつ trunk に通します。"""
    crops = keras.Input((side, side, 3))
    return keras.Model(crops, box_head(trunk(crops)[-1]))


def region_loss(outputs, labels, offsets):
    """クラスの交差エントロピーと、物体の候補の箱のずれの smooth L1 (1 までは 2 乗、先は絶対値)。"""
    logits, predicted = outputs[:, : THING_CLASSES + 1], outputs[:, THING_CLASSES + 1 :]
    classes = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    gap = tf.abs(predicted - offsets)
    smooth = tf.reduce_sum(tf.where(gap < 1, gap**2 / 2, gap - 0.5), axis=-1)
    return tf.reduce_mean(classes + smooth * tf.cast(labels < THING_CLASSES, tf.float32))


class RoIPool(layers.Layer):
    """箱の中のマップを bins × bins の区画に分け、まず行、次に列の最大値を取ります。"""

    def __init__(self, stride, bins=4, **options):
        super().__init__(**options)
        self.stride, self.bins = stride, bins

    def cells(self, low, high, limit):
        """区画ごとに、そこに入るマスの番号を返します。足りないところは、最後の番号をくり返します。"""
        low, high = (tf.cast(tf.round(edge / self.stride), tf.int32) for edge in (low, high))
        size = tf.cast(tf.maximum(high - low, 1), tf.float32)[:, None]
        bins = tf.range(self.bins, dtype=tf.float32)[None]
        first = low[:, None] + tf.cast(tf.floor(bins * size / self.bins), tf.int32)
        last = low[:, None] + tf.cast(tf.math.ceil((bins + 1) * size / self.bins), tf.int32) - 1
        most = tf.reduce_max(last - first) + 1
        places = tf.minimum(first[..., None] + tf.range(most), last[..., None])
        return tf.clip_by_value(places, 0, limit - 1)  # (箱, 区画, マス)

    def call(self, feature, boxes):
        images, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
        flat = tf.reshape(boxes, (-1, 4))
        rows = self.cells(flat[:, 1], flat[:, 3], feature.shape[1])
        columns = self.cells(flat[:, 0], flat[:, 2], feature.shape[2])
        image = tf.repeat(tf.range(images), count)[:, None, None]
        lines = tf.reshape(feature, (-1, *feature.shape[2:]))  # すべての画像の行を、縦に並べます
        lines = tf.reduce_max(tf.gather(lines, image * feature.shape[1] + rows), axis=2)
        found = tf.gather(lines, columns, axis=2, batch_dims=1)  # (箱, bins, bins, マス, チャネル)
        return tf.reduce_max(found, axis=3)


def fast_rcnn(trunk):
    """Fast R-CNN: 画像を trunk に 1 度だけ通し、3 つのマップを足した 1 枚から、すべての候補を取り出します。"""
    images, boxes = keras.Input((SIZE, SIZE, 3)), keras.Input((None, 4))
    fine, middle, coarse = (layers.Conv2D(48, 1)(feature) for feature in trunk(images))
    merged = fine + layers.UpSampling2D(2)(middle + layers.UpSampling2D(2)(coarse))
    return keras.Model([images, boxes], box_head(RoIPool(stride=4)(merged, boxes)))


def best_detections(boxes, scores, least=0.02, most=100):
    """箱ごとにいちばん高いクラスを選び、低い得点を捨て、クラスごとに NMS をかけます。"""
    labels, best = scores.argmax(axis=1), scores.max(axis=1)
    order = np.argsort(-best)[: 4 * most]
    order = order[best[order] >= least]
    boxes = np.clip(boxes[order], 0, SIZE)
    kept = nms(boxes, best[order], 0.5, labels[order])[:most]
    return Detections(boxes[kept], labels[order][kept], best[order][kept])


STRIDES = (4, 8, 16)
SIDES = {4: (12, 16), 8: (22, 29), 16: (38, 48)}
RATIOS = (1.0, 1.6, 0.625)


def default_boxes(sides=SIDES, ratios=RATIOS):
    """すべてのマスのデフォルトボックスを、マップ、行、列、大きさ、縦横比の順に並べます。"""
    boxes = []
    for stride in STRIDES:
        centres = (np.arange(SIZE // stride) + 0.5) * stride
        y, x = np.meshgrid(centres, centres, indexing="ij")
        shapes = [(side * ratio**0.5, side / ratio**0.5) for side in sides[stride] for ratio in ratios]
        half = np.array(shapes) / 2
        middle = np.stack([x, y], axis=-1)[:, :, None]
        boxes.append(np.concatenate([middle - half, middle + half], axis=-1).reshape(-1, 4))
    return np.concatenate(boxes)


def match_default_boxes(boxes, defaults, threshold=0.5):
    """デフォルトボックスごとに、受け持つ物体の番号を返します。背景は -1。"""
    overlap = box_iou(defaults, boxes)
    owner = np.where(overlap.max(axis=1) >= threshold, overlap.argmax(axis=1), -1)
    owner[overlap.argmax(axis=0)] = np.arange(len(boxes))  # どの物体にも、少なくとも 1 つ
    return owner


def ssd_heads(maps, per_cell=6, prior=0.01):
    """3 つのマップのマスごとに、デフォルトボックス per_cell 個の得点 4 つとずれ 4 つを出します。"""
    start = keras.initializers.Constant(-np.log((1 - prior) / prior))  # はじめは、どれも確率 1 %
    outputs = []
    for feature in maps:
        x = layers.Conv2D(48, 3, padding="same", activation="relu")(feature)
        scores = layers.Conv2D(per_cell * THING_CLASSES, 3, padding="same", bias_initializer=start)(x)
        offsets = layers.Conv2D(per_cell * 4, 3, padding="same")(x)
        parts = [layers.Reshape((-1, 4))(part) for part in (scores, offsets)]
        outputs.append(layers.Concatenate()(parts))
    return layers.Concatenate(axis=1)(outputs)


def ssd(trunk):
    """SSD: trunk の 3 つのマップに、出力の畳み込みを付けます。"""
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, ssd_heads(trunk(inputs)))


def class_weights(kind, entropy, logits, target, gamma=2.0, alpha=0.25):
    """交差エントロピーの 1 つ 1 つに掛ける重みを、3 通りの方法で決めます。"""
    if kind == "focal":  # 簡単なものほど軽く
        right = tf.where(target > 0, tf.sigmoid(logits), 1 - tf.sigmoid(logits))
        return tf.where(target > 0, alpha, 1 - alpha) * (1 - right) ** gamma
    if kind == "mining":  # 正例と、画像ごとに、損失の大きい背景を 3 倍まで
        positive = tf.reduce_max(target, axis=-1)
        hardness = tf.reduce_sum(entropy, axis=-1) * (1 - positive)
        rank = tf.argsort(tf.argsort(hardness, direction="DESCENDING"))
        most = 3 * tf.reduce_sum(positive, axis=1, keepdims=True)
        return tf.maximum(positive, tf.cast(tf.cast(rank, tf.float32) < most, tf.float32))[..., None]
    return tf.ones_like(logits)  # "plain": どれも同じ


def ssd_loss(kind):
    """クラスの損失と、正例の箱のずれの smooth L1 の和を、正例の数で割ります。"""

    def loss(outputs, labels, offsets):
        logits, predicted = outputs[..., :THING_CLASSES], outputs[..., THING_CLASSES:]
        target = tf.one_hot(labels, THING_CLASSES)  # 背景 (-1) は、すべて 0
        positive = tf.cast(labels >= 0, tf.float32)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
        classes = tf.reduce_sum(class_weights(kind, entropy, logits, target) * entropy)
        gap = tf.abs(predicted - offsets)
        smooth = tf.reduce_sum(tf.where(gap < 1, gap**2 / 2, gap - 0.5), axis=-1)
        return (classes + tf.reduce_sum(smooth * positive)) / tf.maximum(tf.reduce_sum(positive), 1)

    return loss


def merge_answers(detections, logits, least=0.3):
    """検出の箱と、画素ごとの得点 (縦, 横, クラス) から、パノプティックの地図 (クラス × 1000 + 番号) を作ります。"""
    semantic = logits.argmax(axis=-1)
    panoptic = logits[..., :2].argmax(axis=-1) * 1000  # まず、背景だけの地図
    free = semantic >= 2
    for number, k in enumerate(np.argsort(-detections.scores), 1):
        if detections.scores[k] >= least:
            x1, y1, x2, y2 = np.round(detections.boxes[k]).astype(int)
            inside = np.zeros(semantic.shape, bool)
            inside[y1:y2, x1:x2] = True
            mine = free & inside
            panoptic[mine] = (2 + detections.labels[k]) * 1000 + number
            free &= ~mine
    return panoptic
