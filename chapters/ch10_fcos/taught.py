"""Taught in lesson.py; written by `grader build`. Do not edit."""

import keras
import numpy as np
from keras import layers, ops

from course_utils.backbones import build_detection_trunk
from course_utils.detection import Detections, box_area, box_iou, nms, to_corners

CLASSES = 4  # 円、三角形、四角形、星
STRIDES = (4, 8, 16)
RANGES = ((0, 12), (12, 24), (24, np.inf))


def grid_points(size, strides=STRIDES):
    """全部の特徴マップの点 (x, y) と、点ごとのストライドを返します。"""
    levels = []
    for stride in strides:
        middles = (np.arange(size // stride) + 0.5) * stride
        x, y = np.meshgrid(middles, middles)
        levels.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    table = np.concatenate(levels)
    return table[:, :2], table[:, 2]


def owners(boxes, points, low, high):
    """点ごとに、受け持つ物体の番号 (背景は −1) と、その物体の 4 辺までの距離を返します。"""
    distances = np.concatenate([points[:, None] - boxes[:, :2], boxes[:, 2:] - points[:, None]], axis=2)
    largest = distances.max(axis=2)
    inside = distances.min(axis=2) > 0
    wanted = inside & (largest >= low[:, None]) & (largest < high[:, None])
    area = np.where(wanted, box_area(boxes), np.inf)  # 何枚かの箱に入る点は、最小の箱の物体を受け持つ
    owner = area.argmin(axis=1)
    return np.where(wanted.any(axis=1), owner, -1), distances[np.arange(len(points)), owner]


def fcos_targets(scene, strides=STRIDES, ranges=RANGES):
    """点ごとに (クラス, l, t, r, b) を並べます。背景のクラスは CLASSES、距離は 1 です。"""
    points, of_point = grid_points(len(scene.image), strides)
    level = np.searchsorted(strides, of_point)
    owner, distances = owners(scene.boxes, points, *np.array(ranges)[level].T)
    background = owner < 0
    classes = np.where(background, CLASSES, scene.labels[owner])
    return np.column_stack([classes, np.where(background[:, None], 1, distances)]).astype("float32")


def tower(channels):
    """3×3 の畳み込み 2 層。どの段にも同じ重みを使えるように、層を先に作ります。"""
    parts = []
    for _ in range(2):
        parts += [layers.Conv2D(channels, 3, padding="same"), layers.GroupNormalization(8), layers.ReLU()]
    return keras.Sequential(parts)


def exponential(raw, stride):
    """どんな実数からも、正の距離を作ります。ストライドを掛けるので、単位は段ごとに変わります。"""
    return stride * ops.exp(ops.clip(raw, -4, 4))


def detector(strides=STRIDES, distances=exponential, per_point=1, channels=32):
    """画像から、点ごとの (クラスの logit, l, t, r, b, 中心らしさの logit) を返すモデルを作ります。"""
    image = keras.Input((None, None, 3))
    fine, middle, coarse = build_detection_trunk()(layers.Rescaling(1 / 127.5, -1)(image))
    top = layers.Conv2D(channels, 1)(coarse)  # 深い段の意味を、上から下へ足していく
    centre = layers.Conv2D(channels, 1)(middle) + layers.UpSampling2D()(top)
    bottom = layers.Conv2D(channels, 1)(fine) + layers.UpSampling2D()(centre)
    pyramid = {16: top, 8: centre, 4: bottom}
    classify, regress = tower(channels), tower(channels)
    rare = keras.initializers.Constant(-4.6)  # はじめは、どの点も「ほぼ背景」(確率 0.01) と答える
    scores = layers.Conv2D(per_point * CLASSES, 3, padding="same", bias_initializer=rare)
    sides = layers.Conv2D(per_point * 4, 3, padding="same")
    centred = layers.Conv2D(per_point, 3, padding="same")
    outputs = []
    for stride in strides:
        feature = layers.Conv2D(channels, 3, padding="same")(pyramid[stride])
        kinds, shape = classify(feature), regress(feature)
        raw = layers.Reshape((-1, 4))(sides(shape))
        parts = [layers.Reshape((-1, CLASSES))(scores(kinds)), distances(raw, stride)]
        outputs.append(ops.concatenate([*parts, layers.Reshape((-1, 1))(centred(shape))], axis=2))
    return keras.Model(image, ops.concatenate(outputs, axis=1))


def focal(truth, logits, alpha=0.25, gamma=2.0):
    """第 8 章のフォーカルロス。平均せず、和を返します。"""
    right = ops.sigmoid(ops.where(truth > 0, logits, -logits))
    weight = ops.where(truth > 0, alpha, 1 - alpha) * (1 - right) ** gamma
    return ops.sum(weight * ops.binary_crossentropy(truth, logits, from_logits=True))


def overlap(first, second):
    """同じ点から測った (l, t, r, b) どうしの IoU を返します。"""
    smaller = ops.minimum(first, second)
    inner = [ops.maximum(smaller[..., k] + smaller[..., k + 2], 0) for k in (0, 1)]
    areas = [(d[..., 0] + d[..., 2]) * (d[..., 1] + d[..., 3]) for d in (first, second)]
    intersection = inner[0] * inner[1]
    return intersection / (areas[0] + areas[1] - intersection)


def centred(distances):
    """中心らしさ。まん中で 1、辺の上で 0 です。"""
    pairs = [(distances[..., k], distances[..., k + 2]) for k in (0, 1)]
    ratios = [ops.minimum(a, b) / ops.maximum(a, b) for a, b in pairs]
    return ops.sqrt(ops.maximum(ratios[0] * ratios[1], 0))


def fcos_loss(target, output, centerness=True):
    """クラス、箱、中心らしさの 3 つの損失を、物体を受け持つ点の数で割って足します。"""
    kind, wanted = target[..., 0], target[..., 1:]
    positive = ops.cast(kind < CLASSES, "float32")
    count = ops.maximum(ops.sum(positive), 1)
    truth = ops.one_hot(ops.cast(kind, "int32"), CLASSES)  # 背景は全部 0
    iou = overlap(output[..., CLASSES:-1], wanted)
    total = focal(truth, output[..., :CLASSES]) + ops.sum(positive * -ops.log(ops.maximum(iou, 1e-6)))
    if centerness:
        wrong = ops.binary_crossentropy(centred(wanted), output[..., -1], from_logits=True)
        total = total + ops.sum(positive * wrong)
    return total / count


def decode(output, points):
    """1 枚分の出力を、箱、クラスの確率、中心らしさに直します。"""
    sides = output[:, CLASSES:-1]
    boxes = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)
    return boxes, 1 / (1 + np.exp(-output[:, :CLASSES])), 1 / (1 + np.exp(-output[:, -1:]))


def detections(boxes, scores, threshold=0.01, iou=0.5, most=100):
    """クラスごとの得点から、しきい値と NMS で残った検出を返します。"""
    label, score = scores.argmax(axis=1), scores.max(axis=1)
    best = np.argsort(-score)[:most]
    best = best[score[best] > threshold]
    kept = best[nms(boxes[best], score[best], iou, label[best])]
    return Detections(boxes[kept], label[kept], score[kept])


SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))


def square_anchors(size, base):
    """どの点にも、1 辺がストライド × base × SCALES の正方形のアンカーを 3 枚置きます。"""
    points, stride = grid_points(size)
    sides = (stride[:, None] * base * np.array(SCALES)).reshape(-1, 1)
    return to_corners(np.column_stack([np.repeat(points, len(SCALES), axis=0), sides, sides]))


def anchor_targets(scene, base):
    """アンカーごとに (クラス, 中心から見た l, t, r, b) を並べます。IoU が 0.5 以上のアンカーが物体を受け持ちます。"""
    anchors = square_anchors(len(scene.image), base)
    iou = box_iou(anchors, scene.boxes)
    owner = np.where(iou.max(axis=1) >= 0.5, iou.argmax(axis=1), -1)
    owner[iou.argmax(axis=0)] = np.arange(len(scene.boxes))  # どの物体も、いちばん合うアンカーには渡す
    middle = (anchors[:, :2] + anchors[:, 2:]) / 2
    sides = np.concatenate([middle - scene.boxes[owner, :2], scene.boxes[owner, 2:] - middle], axis=1)
    background = owner < 0
    classes = np.where(background, CLASSES, scene.labels[owner])
    return np.column_stack([classes, np.where(background[:, None], 1, sides)]).astype("float32")
