"""Taught in lesson.py; written by `grader build`. Do not edit."""

import keras
import tensorflow as tf
from keras import layers

from chapters.ch09_mask_rcnn import regions
from chapters.ch09_mask_rcnn.regions import ANCHORS, CLASSES, GRID, SIDE, STRIDE, decode, encode, hat
from course_utils.backbones import build_detection_trunk


def align_regions(maps, boxes, size=7, stride=STRIDE):
    """箱 (画像ごとに n 個、画素) の中の特徴を、size × size の区画の中心で読み取ります。"""
    height, width = maps.shape[1:3]
    middle = (tf.range(size, dtype="float32") + 0.5) / size
    x1, y1, x2, y2 = tf.unstack(boxes[..., None], axis=2)
    rows = hat((y1 + middle * (y2 - y1)) / stride - 0.5, height)  # hat は max(0, 1 - |p - k|)
    columns = hat((x1 + middle * (x2 - x1)) / stride - 0.5, width)
    return tf.einsum("bnyh,bhwc,bnxw->bnyxc", rows, maps, columns)


CHANNELS = 48


def conv(x, padding="same"):
    """3×3 の畳み込みと ReLU を掛けます。"""
    return layers.Conv2D(CHANNELS, 3, padding=padding, activation="relu")(x)


class MaskRCNN(keras.Model):
    """特徴マップ、RPN、ボックスの枝、マスクの枝。masks=False なら Faster R-CNN です。"""

    def __init__(self, masks=True):
        super().__init__()
        image = keras.Input((SIDE, SIDE, 3))
        _, fine, coarse = build_detection_trunk()(image)  # ストライド 4、8、16
        coarse = layers.UpSampling2D()(layers.Conv2D(CHANNELS, 1)(coarse))
        self.backbone = keras.Model(image, conv(layers.Conv2D(CHANNELS, 1)(fine) + coarse))

        maps = keras.Input((SIDE // STRIDE, SIDE // STRIDE, CHANNELS))
        x = conv(maps)
        scores, offsets = layers.Conv2D(9, 1)(x), layers.Conv2D(9 * 4, 1)(x)
        self.rpn = keras.Model(maps, [layers.Reshape((-1,))(scores), layers.Reshape((-1, 4))(offsets)])

        region = keras.Input((7, 7, CHANNELS))
        x = layers.Flatten()(conv(conv(region, "valid"), "valid"))
        x = layers.Dense(128, activation="relu")(x)
        offsets = layers.Reshape((CLASSES, 4))(layers.Dense(CLASSES * 4)(x))
        self.box_branch = keras.Model(region, [layers.Dense(CLASSES + 1)(x), offsets])  # 0 番は背景

        x = layers.Conv2DTranspose(CHANNELS, 2, 2, activation="relu")(conv(conv(region)))
        self.mask_branch = keras.Model(region, layers.Conv2D(CLASSES, 1)(x)) if masks else None


def mean_where(values, chosen):
    """選ばれたものの平均を返します。1 つもなければ 0 です。"""
    chosen = tf.cast(chosen, tf.float32)
    return tf.reduce_sum(values * chosen) / tf.maximum(tf.reduce_sum(chosen), 1.0)


def smooth_l1(difference):
    """1 までは 2 乗、その先は 1 次の損失を、4 つの数で平均します。"""
    size = tf.abs(difference)
    return tf.reduce_mean(tf.where(size < 1, size**2 / 2, size - 0.5), -1)


def rpn_losses(scores, offsets, boxes, valid):
    """RPN の 2 つの損失 (物体かどうか、箱の差) を返します。"""
    overlap = regions.pairwise_iou(ANCHORS[None], boxes) * valid[:, None]
    best, owner = tf.reduce_max(overlap, 2), tf.argmax(overlap, 2)
    champion = (overlap > 0) & (overlap > tf.reduce_max(overlap, 1, keepdims=True) - 1e-6)
    positive = (best >= 0.5) | tf.reduce_any(champion, 2)
    negative = (best < 0.3) & ~positive
    there = mean_where(tf.nn.softplus(-scores), positive)  # -log(sigmoid(s))
    not_there = mean_where(tf.nn.softplus(scores), negative)
    wanted = encode(tf.gather(boxes, owner, batch_dims=1), ANCHORS[None])
    return (there + not_there) / 2, mean_where(smooth_l1(offsets - wanted), positive)


def propose(scores, offsets, count=50):
    """直した箱を NMS (IoU 0.7) にかけ、得点の高い順に count 個までの提案を返します。"""
    boxes, likely = decode(offsets, ANCHORS)[:, :, None], tf.sigmoid(scores)[..., None]
    kept = tf.image.combined_non_max_suppression(boxes, likely, count, count, 0.7, 0.0, clip_boxes=False)
    return kept.nmsed_boxes, kept.nmsed_scores


def sample_regions(proposals, boxes, valid, positives=8, negatives=16):
    """学習する領域、その物体の番号、物体の領域かどうかを返します。物体の領域は、初めの 8 個に並びます。"""
    candidates = tf.concat([tf.stop_gradient(proposals), boxes], 1)
    overlap = regions.pairwise_iou(candidates, boxes) * valid[:, None]
    best, owner = tf.reduce_max(overlap, 2), tf.argmax(overlap, 2)
    real = tf.cast(candidates[..., 2] > candidates[..., 0], tf.float32)  # 詰めものの箱は使わない
    thing, order = real * tf.cast(best >= 0.5, tf.float32), tf.random.uniform(tf.shape(best))
    first = tf.math.top_k(2 * thing + real + order, positives).indices
    second = tf.math.top_k(3 * real - 2 * thing + order, negatives).indices
    chosen = tf.concat([first, second], 1)
    return tuple(tf.gather(each, chosen, batch_dims=1) for each in (candidates, owner, thing > 0))


def merged(array):
    """画像ごとの領域 (画像, 領域, …) を、1 列に並べます。"""
    return tf.reshape(array, [-1, *array.shape[2:]])


def branch_losses(model, maps, rois, owner, positive, batch):
    """ボックスの枝の 2 つの損失と、マスクの枝の損失を返します。"""
    features = align_regions(maps, rois)
    scores, offsets = model.box_branch(merged(features), training=True)
    label = tf.reshape(tf.gather(batch.labels, owner, batch_dims=1), [-1])
    thing = tf.reshape(positive, [-1])
    answer = tf.where(thing, label + 1, 0)
    kind = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(answer, scores))
    wanted = merged(encode(tf.gather(batch.boxes, owner, batch_dims=1), rois))
    place = mean_where(smooth_l1(tf.gather(offsets, label, batch_dims=1) - wanted), thing)
    if model.mask_branch is None:
        return kind, place, 0.0
    first = slice(0, 8)  # 物体の領域がある所だけ
    masks = model.mask_branch(merged(features[:, first]), training=True)
    label, thing = tf.reshape(label, tf.shape(owner))[:, first], positive[:, first]
    own = tf.gather(masks, tf.reshape(label, [-1]), axis=3, batch_dims=1)  # 正解のクラスの 1 枚
    shape = merged(regions.mask_targets(batch.masks, rois[:, first], owner[:, first]))
    error = tf.nn.sigmoid_cross_entropy_with_logits(shape, own)
    return kind, place, mean_where(tf.reduce_mean(error, [1, 2]), tf.reshape(thing, [-1]))


def mask_rcnn_losses(model, batch):
    """場面の束から、5 つの損失を返します。Faster R-CNN なら、マスクの損失は 0 です。"""
    maps = model.backbone(batch.images, training=True)
    scores, offsets = model.rpn(maps, training=True)
    rpn = rpn_losses(scores, offsets, batch.boxes, batch.valid)
    proposals, _ = propose(scores, offsets)
    rois = sample_regions(proposals, batch.boxes, batch.valid)
    return tf.stack([*rpn, *branch_losses(model, maps, *rois, batch)])


def make_step(model, optimizer, losses_of):
    """1 ステップ学習し、losses_of が計算した 5 つの損失を返す関数を作ります。"""

    @tf.function
    def step(*batch):
        with tf.GradientTape() as tape:
            losses = losses_of(model, *batch)
            total = tf.reduce_sum(losses)
        weights = model.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(total, weights), 5.0)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return losses

    return step


def find_boxes(model, images, most=30):
    """特徴マップと、NMS で絞った箱、クラス、得点を返します。足りない所は 0 で埋まります。"""
    maps = model.backbone(images, training=False)
    rois, _ = propose(*model.rpn(maps, training=False))
    scores, offsets = model.box_branch(merged(align_regions(maps, rois)), training=False)
    count = rois.shape[1]
    likely = tf.reshape(tf.nn.softmax(scores)[:, 1:], [-1, count, CLASSES])
    boxes = decode(tf.reshape(offsets, [-1, count, CLASSES, 4]), rois[:, :, None])
    kept = tf.image.combined_non_max_suppression(boxes, likely, most, most, 0.5, 0.02, clip_boxes=False)
    return maps, kept.nmsed_boxes, tf.cast(kept.nmsed_classes, tf.int32), kept.nmsed_scores


def draw_masks(model, maps, boxes, labels):
    """箱ごとに、答えたクラスのマスク 14×14 (確率) を返します。"""
    masks = model.mask_branch(merged(align_regions(maps, boxes)), training=False)
    own = tf.gather(masks, tf.reshape(labels, [-1]), axis=3, batch_dims=1)
    return tf.reshape(tf.sigmoid(own), [-1, *boxes.shape[1:2], 14, 14])


BOXES = 2  # 1 マスが答える箱の数


def build_yolo(dense=False):
    """画像から、格子のマスごとの 2 × 5 + 4 個の数を返すネットワークを作ります。dense=True なら全結合層です。"""
    image, numbers = keras.Input((SIDE, SIDE, 3)), BOXES * 5 + CLASSES
    x = build_detection_trunk()(image)[2]
    if dense:
        x = layers.Dropout(0.3)(layers.Flatten()(layers.Conv2D(32, 1, activation="relu")(x)))
        x = layers.Dense(GRID * GRID * numbers)(layers.Dense(160, activation="relu")(x))
        return keras.Model(image, layers.Reshape((GRID, GRID, numbers))(x))
    x = layers.Conv2D(64, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, layers.Conv2D(numbers, 1)(x))


def cell_corners():
    """マスの左上の角 (x, y) を、マスの幅を 1 として返します。"""
    row, column = tf.meshgrid(tf.range(GRID), tf.range(GRID), indexing="ij")
    return tf.cast(tf.stack([column, row], -1), tf.float32)


def yolo_parts(outputs):
    """出力を、箱 (画像に対する割合)、マスの中の位置と大きさの平方根、信頼度、クラスの確率に分けます。"""
    shape = tf.shape(outputs)
    numbers = tf.reshape(outputs[..., : BOXES * 5], [shape[0], GRID, GRID, BOXES, 5])
    middle, half = (numbers[..., :2] + cell_corners()[:, :, None]) / GRID, numbers[..., 2:4] ** 2 / 2
    boxes = tf.concat([middle - half, middle + half], -1)
    return boxes, numbers[..., :4], numbers[..., 4], outputs[..., BOXES * 5 :]


def yolo_losses(outputs, cells):
    """5 つの項を、画像 1 枚あたりで返します。"""
    boxes, numbers, confidence, kinds = yolo_parts(outputs)
    truth = tf.concat([cells.centre - cells.size / 2, cells.centre + cells.size / 2], -1)[..., None, :]
    overlap = tf.stop_gradient(regions.pairwise_iou(boxes, truth)[..., 0])
    responsible = tf.one_hot(tf.argmax(overlap, -1), BOXES) * cells.filled[..., None]
    inside = cells.centre * GRID - cell_corners()  # マスの左上から
    wanted = tf.concat([inside, tf.sqrt(cells.size)], -1)[..., None, :]
    error, each = (numbers - wanted) ** 2, responsible[..., None]
    terms = (
        5 * tf.reduce_sum(each * error[..., :2]),
        5 * tf.reduce_sum(each * error[..., 2:]),
        tf.reduce_sum(responsible * (confidence - overlap) ** 2),
        0.5 * tf.reduce_sum((1 - responsible) * confidence**2),
        tf.reduce_sum(cells.filled[..., None] * (kinds - tf.one_hot(cells.label, CLASSES)) ** 2),
    )
    return tf.stack(terms) / tf.cast(tf.shape(outputs)[0], tf.float32)


def grid_losses(model, images, cells):
    """画像とマスの束から、5 つの項を返します。"""
    return yolo_losses(model(images, training=True), cells)


def find_by_yolo(model, images, most=30):
    """NMS で絞った箱 (画素)、クラス、得点を返します。"""
    boxes, _, confidence, kinds = yolo_parts(model(images, training=False))
    scores = tf.nn.relu(confidence)[..., None] * tf.nn.relu(kinds)[..., None, :]
    count = GRID * GRID * BOXES
    boxes = tf.clip_by_value(tf.reshape(boxes, [-1, count, 1, 4]), 0.0, 1.0) * SIDE
    scores = tf.reshape(scores, [-1, count, CLASSES])
    kept = tf.image.combined_non_max_suppression(boxes, scores, most, most, 0.5, 0.02, clip_boxes=False)
    return kept.nmsed_boxes, tf.cast(kept.nmsed_classes, tf.int32), kept.nmsed_scores
