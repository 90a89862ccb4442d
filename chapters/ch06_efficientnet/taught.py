"""Taught in lesson.py; written by `grader build`. Do not edit."""

import keras
import numpy as np
from keras import layers


def multiply_adds(model):
    """1 枚の画像を通すときの積和の数を返します。畳み込みと Dense だけを数えます。"""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):  # 出力の値 1 つに、縦 × 横 回
            total += np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:2])
        elif isinstance(layer, layers.Conv2D):  # 出力の値 1 つに、縦 × 横 × 入力チャネル数 回
            total += np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:3])
        elif isinstance(layer, layers.Dense):
            total += np.prod(layer.kernel.shape)
    return int(total)


def se_block(x, squeezed):
    """チャネルごとに 0〜1 の倍率を計算して掛けます。squeezed は、あいだの層のチャネル数です。"""
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(squeezed, 1, activation="swish")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)
    return x * gate


def conv(filters, kernel=1, stride=1):
    """バイアスのない畳み込みの層を返します。"""
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)


def normalised(x, layer, active=True):
    """層に BatchNormalization を続け、active なら swish を掛けます。"""
    x = layers.BatchNormalization(momentum=0.9)(layer(x))
    return layers.Activation("swish")(x) if active else x


def mbconv(x, filters, kernel=3, stride=1, expansion=6, drop=0.0):
    """MBConv ブロック。drop は、残差枝を落とす確率です。"""
    channels = x.shape[-1]
    branch = normalised(x, conv(channels * expansion)) if expansion > 1 else x  # 広げる
    depthwise = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)
    branch = normalised(branch, depthwise)  # 場所を混ぜる
    branch = se_block(branch, max(1, channels // 4))
    branch = normalised(branch, conv(filters), active=False)  # 縮める
    if stride > 1 or channels != filters:  # 形が変わるブロックには、ショートカットがない
        return branch
    return x + layers.Dropout(drop, noise_shape=(None, 1, 1, 1))(branch)


def efficientnet(groups, size, stem=32, top=1280, classes=1000, dropout=0.2, drop_connect=0.2):
    """段の表から、画像を得点 (logit) に写すネットワークを組み立てます。"""
    inputs = keras.Input((size, size, 3))
    x = normalised(inputs, conv(stem, 3, 2))
    done, count = 0, sum(group.repeats for group in groups)
    for repeats, kernel, first_stride, expansion, filters in groups:
        for block in range(repeats):
            stride = first_stride if block == 0 else 1
            x = mbconv(x, filters, kernel, stride, expansion, drop_connect * done / count)  # 深いほど落とす
            done += 1
    x = layers.GlobalAveragePooling2D()(normalised(x, conv(top)))
    return keras.Model(inputs, layers.Dense(classes)(layers.Dropout(dropout)(x)))


def prepare(groups, size, stem, top, steps):
    """5 種類の花を見分けるネットワークを、steps ステップの学習に備えて返します。"""
    model = efficientnet(groups, size, stem, top, classes=5)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=4e-3, warmup_steps=steps // 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.01), loss, metrics=["acc"], jit_compile=False)
    return model
