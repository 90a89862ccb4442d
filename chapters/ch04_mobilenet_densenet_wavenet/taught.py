"""Taught in lesson.py; written by `grader build`. Do not edit."""

import keras
import tensorflow as tf
from keras import layers, ops


def products_in(layer, shape):
    """線形な層の掛け算を、ヤコビ行列の 0 でない場所の数として数えます。shape は (高さ, 幅, チャネル) です。"""
    x = tf.zeros((1, *shape))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    return int(tf.math.count_nonzero(tape.jacobian(y, x)))


from course_utils.backbones import BATCH_NORM_MOMENTUM, residual_block


def norm_relu(x):
    """BatchNormalization と ReLU を続けます。"""
    return layers.ReLU()(layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))


def separable_block(x, filters, stride=1):
    """MobileNet のブロック: 3×3 の depthwise 畳み込みのあとに、1×1 の畳み込みでチャネルを混ぜます。"""
    x = norm_relu(layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x))
    return norm_relu(layers.Conv2D(filters, 1, use_bias=False)(x))


def dense_layer(x, growth):
    """DenseBlock の 1 層: growth 個の新しいチャネルを作り、それまでの全部の後ろに連結します。"""
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False)(norm_relu(x))
    return layers.Concatenate()([x, new])


def transition(x, share=0.5):
    """遷移層: 1×1 の畳み込みでチャネルを share 倍に、平均プーリングで縦横を半分にします。"""
    x = layers.Conv2D(int(x.shape[-1] * share), 1, use_bias=False)(norm_relu(x))
    return layers.AveragePooling2D(2)(x)


def deep_maps(dense, initializer, depth=30):
    """画像から、5 クラスの得点と、入口と出口の特徴マップを返す、BatchNormalization のないネットワークです。"""
    options = {"padding": "same", "kernel_initializer": initializer}
    inputs = keras.Input((8, 8, 3))
    maps = [layers.Conv2D(16, 3, **options)(inputs)]
    for _ in range(depth):
        new = layers.Conv2D(8 if dense else 16, 3, **options)(layers.ReLU()(maps[-1]))
        maps.append(layers.Concatenate()([maps[-1], new]) if dense else new)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps[-1]))
    return keras.Model(inputs, [logits, maps[0], maps[-1]])


def gradient_reaching(dense, initializer="glorot_uniform", seed=1):
    """入口に届く勾配のノルムを、出口の勾配のノルムで割って返します。"""
    keras.utils.set_random_seed(seed)
    images, labels = keras.random.normal((16, 8, 8, 3), seed=seed), ops.arange(16) % 5
    model = deep_maps(dense, initializer)
    with tf.GradientTape() as tape:
        logits, first, last = model(images)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    entrance, end = tape.gradient(loss, [first, last])
    return float(tf.norm(entrance) / tf.norm(end))


def residual_body(x, widths):
    """残差ブロックを、幅 1 つにつき 1 個重ねます。"""
    for stage, filters in enumerate(widths):
        x = residual_block(x, filters, stride=1 if stage == 0 else 2)
    return x


def separable_body(x, widths):
    """MobileNet のブロックを、幅 1 つにつき 2 個重ねます。"""
    for stage, filters in enumerate(widths):
        x = separable_block(x, filters, stride=1 if stage == 0 else 2)
        x = separable_block(x, filters)
    return x


def dense_body(x, depths, growth=8):
    """DenseBlock を、遷移層をはさんで重ねます。depths は各ブロックの層の数です。"""
    for block, count in enumerate(depths):
        x = x if block == 0 else transition(x)
        for _ in range(count):
            x = dense_layer(x, growth)
    return norm_relu(x)


NETWORKS = {
    "ResNet": (residual_body, (12, 24, 48), 12),
    "MobileNet": (separable_body, (32, 64, 144), 16),
    "DenseNet": (dense_body, (3, 4, 7), 16),
    "MobileNet (同じ幅)": (separable_body, (12, 24, 48), 12),  # ResNet と同じ幅
}


def build_network(name, classes):
    """32×32 の画像から得点を返すネットワークを作ります。name は NETWORKS の名前です。"""
    body, sizes, stem = NETWORKS[name]
    inputs = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = norm_relu(layers.Conv2D(stem, 3, 2, padding="same", use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(body(x, sizes))
    return keras.Model(inputs, layers.Dense(classes)(x))


def train_network(name, images, labels, classes, seed, epochs=12, batch=16, validation=None):
    """ネットワークを学習させ、モデルと履歴を返します。images は 0〜255 の float32 です。"""
    keras.utils.set_random_seed(seed)
    model = build_network(name, classes)
    steps = epochs * -(-len(labels) // batch)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    history = model.fit(
        images, labels, batch_size=batch, epochs=epochs, validation_data=validation, verbose=0
    )
    return model, history.history


def causal_stack(dilations, padding="causal"):
    """幅 2、重みがどれも 1 の畳み込みを重ねます。"""
    inputs = keras.Input((None, 1))
    x = inputs
    options = {"padding": padding, "use_bias": False, "kernel_initializer": "ones"}
    for dilation in dilations:
        x = layers.Conv1D(1, 2, dilation_rate=dilation, **options)(x)
    return keras.Model(inputs, x)


def gradient_of_output(model, length, place):
    """時刻 place の出力を、長さ length の入力の 1 つ 1 つで微分します。"""
    signal = tf.ones((1, length, 1))
    with tf.GradientTape() as tape:
        tape.watch(signal)
        output = model(signal)[0, place, 0]
    return tape.gradient(output, signal).numpy()[0, :, 0]


from chapters.ch04_mobilenet_densenet_wavenet.wavenet import BATCH, CONDITIONS, DILATIONS, windows


def wavenet_layer(x, condition, dilation, width, skip, number):
    """WaveNet の 1 層です。次の層への x と、スキップ接続への値を返します。"""
    names = {part: f"{part}{number}" for part in ("dilated", "condition", "outputs")}
    gate = layers.Conv1D(2 * width, 2, padding="causal", dilation_rate=dilation, name=names["dilated"])(x)
    gate = gate + layers.Dense(2 * width, use_bias=False, name=names["condition"])(condition)
    z = ops.tanh(gate[..., :width]) * ops.sigmoid(gate[..., width:])
    outputs = layers.Dense(width + skip, name=names["outputs"])(z)  # 1×1 の畳み込み
    return x + outputs[..., :width], outputs[..., width:]


def build_wavenet(dilations=DILATIONS, width=16, skip=32, conditions=CONDITIONS):
    """波形と条件から、次のサンプルの 256 段階の得点を返す WaveNet を作ります。"""
    wave = keras.Input((None, 1), name="wave")
    condition = keras.Input((None, conditions), name="condition")
    x = layers.Dense(width, name="first")(wave)
    skips = []
    for number, dilation in enumerate(dilations, 1):
        x, into_skip = wavenet_layer(x, condition, dilation, width, skip, number)
        skips.append(into_skip)
    x = layers.Dense(skip, activation="relu", name="hidden")(ops.relu(layers.Add()(skips)))
    return keras.Model([wave, condition], layers.Dense(256, name="logits")(x))


def train_wavenet(songs, seed, dilations=DILATIONS, steps=800):
    """次のサンプルの段階を当てるように、WaveNet を学習させます。1 ステップに窓を 4 つ使います。"""
    keras.utils.set_random_seed(seed)
    model = build_wavenet(dilations)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(8e-3, steps)), loss)
    waves, conditions, targets = windows(songs, steps * BATCH, seed)
    model.fit([waves, conditions], targets, batch_size=BATCH, shuffle=False, verbose=0)
    return model


def bottleneck_layer(x, growth):
    """DenseNet-BC の 1 層: 1×1 で 4 × growth チャネルにしてから、3×3 で growth チャネルを作ります。"""
    new = layers.Conv2D(4 * growth, 1, use_bias=False)(norm_relu(x))
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False)(norm_relu(new))
    return layers.Concatenate()([x, new])


def densenet_bc(growth=12, layers_per_block=16):
    """CIFAR-10 用の DenseNet-BC を作ります。"""
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(2 * growth, 3, padding="same", use_bias=False)(inputs)
    for index in range(3):
        x = x if index == 0 else transition(x)
        for _ in range(layers_per_block):
            x = bottleneck_layer(x, growth)
    x = layers.GlobalAveragePooling2D()(norm_relu(x))
    return keras.Model(inputs, layers.Dense(10)(x))
