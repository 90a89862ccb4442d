"""Taught in lesson.py; written by `grader build`. Do not edit."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def gradcam_maps(model, layer, inputs, classes):
    """前処理ずみの画像 (n, 高さ, 幅, 3) のそれぞれを、classes のクラスについて説明するマップ (n, h, w) を返します。"""
    middle = model.get_layer(layer).output
    features = keras.Model(model.input, middle)(inputs)
    rest = keras.Model(middle, model.output)  # 特徴マップから得点まで。勾配が要るのは、ここだけ
    with tf.GradientTape() as tape:
        tape.watch(features)
        chosen = tf.gather(rest(features), classes, axis=1, batch_dims=1)
    gradients = tape.gradient(chosen, features)  # 勾配を計算し
    alpha = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)  # 集約し
    return tf.nn.relu(tf.reduce_sum(alpha * features, axis=-1)).numpy()  # 重みを付けて合計する


def mean_colour(image):
    """「何も見せない」絵として、どこも画像の平均の色の絵を返します。"""
    return np.broadcast_to(image.mean(axis=(0, 1)).round().astype("uint8"), image.shape)


import cv2


def report_map(model, layer, x):
    """レポートの手順で、BGR の画像 1 枚のマップを作ります。"""
    X = tf.cast(x[np.newaxis] / 255.0, tf.float32)
    probe = keras.Model(model.input, [model.get_layer(layer).output, ops.softmax(model.output)])
    with tf.GradientTape() as tape:
        features, outputs = probe(X)
        class_output = outputs[:, tf.math.argmax(outputs[0])]
    weights = tf.reduce_mean(tape.gradient(class_output, features), axis=(1, 2))
    cam = tf.nn.relu(tf.squeeze(features @ weights[..., tf.newaxis]))
    return (cam / tf.reduce_max(cam)).numpy()


def report_overlay(cam, x):
    """レポートの手順で、マップに色を付けて画像に足します。"""
    jetcam = cv2.applyColorMap((255.0 * cam).astype("uint8"), cv2.COLORMAP_JET)
    jetcam = cv2.cvtColor(jetcam, cv2.COLOR_BGR2RGB)
    jetcam = cv2.resize(jetcam, x.shape[:2])
    return jetcam + x / 2


def show_only(image, pieces, z):
    """z が 1 の部品だけを見せ、残りを画像の平均の色で隠した画像 (n, 高さ, 幅, 3) を返します。"""
    shown = z.astype(bool)[:, pieces]  # 画素ごとに、見せるかどうか
    return np.where(shown[..., None], image, mean_colour(image))


def nearness(z, sigma=0.25):
    """全部見せた画像に近い標本ほど大きい重み (n,) を返します。"""
    cosine = np.sqrt(z.mean(axis=1))
    return np.sqrt(np.exp(-((1 - cosine) ** 2) / sigma**2))


def fit_surrogate(z, scores, weights, ridge=1.0):
    """重み付きのリッジ回帰で、部品ごとの係数と切片を求めます。"""
    columns = np.column_stack([np.ones(len(z)), z])
    penalty = ridge * np.diag([0] + [1] * z.shape[1])  # 切片には罰則を掛けない
    gram = columns.T @ (weights[:, None] * columns) + penalty
    fitted = np.linalg.solve(gram, columns.T @ (weights * scores))
    return fitted[1:], fitted[0]


from math import comb, factorial


def exact_shapley(worth):
    """すべての提携の価値 (番号順、2**人数 個) から、1 人ずつのシャープレイ値を求めます。"""
    players = len(worth).bit_length() - 1
    phi = np.zeros(players)
    for coalition, value in enumerate(worth):
        size = coalition.bit_count()  # 提携の人数
        for i in range(players):
            if not coalition >> i & 1:  # i のいない提携に、i が加わる
                share = factorial(size) * factorial(players - size - 1) / factorial(players)
                phi[i] += share * (worth[coalition | 1 << i] - value)
    return phi


def shapley_kernel(players, size):
    """size 人の提携の重み。だれもいない提携と全員の提携は、重みが無限大なので、ここでは使いません。"""
    return (players - 1) / (comb(players, size) * size * (players - size))


def kernel_shap(z, scores, weights, empty, full):
    """提携 z (n, 人数) の得点に、和が full - empty になるように直線を当てはめ、係数を返します。"""
    gram = z.T @ (weights[:, None] * z)
    moment = z.T @ (weights * (scores - empty))
    free, ones = np.linalg.solve(gram, np.stack([moment, np.ones(len(gram))], axis=1)).T
    return free - ones * (free.sum() - (full - empty)) / ones.sum()  # 余りを、和が合うように配る


def small_vgg(classes, widths=(8, 16, 32)):
    """48 画素四方の画像から得点を返す、VGG に似た小さなネットワークを作ります。"""
    inputs = keras.Input((48, 48, 3))
    x = layers.Rescaling(1 / 64)(inputs)
    for block, width in enumerate(widths, 1):
        if block > 1:
            x = layers.MaxPooling2D()(x)
        for number in (1, 2):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{block}_{number}")(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.ReLU(name=f"block{block}_conv{number}")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x))


def train_on(inputs, labels, seed, epochs=10):
    """前処理ずみの画像とラベルで、small_vgg を学習して返します。"""
    keras.utils.set_random_seed(seed)
    model = small_vgg(classes=int(labels.max()) + 1)
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-len(labels) // 32))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    model.fit(inputs, labels, batch_size=32, epochs=epochs, verbose=0)
    return model


def randomised_from_the_top(model, seed):
    """出力層から順に重みをランダムな値に替え、層の名前とモデルを 1 つずつ返します。もとの model は変えません。"""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    yield "なし", copy
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)
    for layer in reversed([layer for layer in copy.layers if layer.weights]):
        layer.set_weights(fresh.get_layer(layer.name).get_weights())
        if not isinstance(layer, layers.BatchNormalization):
            yield layer.name, copy


def insertion_and_deletion(predict, image, ranks, steps=24):
    """画素の順位 ranks (0 が最も大事) の順に、見せたときと隠したときの確率の曲線を返します。"""
    limits = np.linspace(0, ranks.max() + 1, steps + 1)
    first = (ranks < limits[:, None, None])[..., None]  # 段ごとに、すでに動かした画素
    shown = np.where(first, image, mean_colour(image))
    cut = np.where(first, mean_colour(image), image)
    curves = predict(np.concatenate([shown, cut]))
    return curves[: steps + 1], curves[steps + 1 :]
