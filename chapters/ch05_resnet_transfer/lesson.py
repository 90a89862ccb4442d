# %% [markdown]
# # 第 5 章 ResNet と転移学習 — ResNet and Transfer Learning
#
# {{colab_badge}}
#
# *This chapter builds residual networks from their definition, shows by controlled experiments what a residual connection
# mends, and reruns the report's seven transfer-learning experiments on flowers: from scratch, frozen, fine-tuned, and twice
# as wide. Each sentence of the report is tested over five seeds, and eight exercises grade themselves.*
#
# **この章でできるようになること**
#
# - 残差ブロックを自分で組み立て、深いネットワークの学習が難しい理由を、条件を 1 つずつ変えた実験で切り分ける
# - 転移学習 (transfer learning) とファインチューニング (fine-tuning) を書き分け、何が動いて何が動かないかを確かめる
# - 学習曲線と結果の表を読み、検証用とテスト用の役割を守ってモデルを選ぶ
#
# **前提** 第 4 章 (応用技術) の畳み込みと BatchNormalization。この章だけを読むこともできます。
#
# **所要時間とメモリ** 読んで演習を解くのに 2〜3 時間。プログラムの実行だけなら、2 コアのパソコンで 60 秒、2.5 GB ほどです。
# 最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 花の絵はこの講座のプログラムが描いたもの (CC BY 4.0)、事前学習ずみの重みは
# `data/pretrained/` のモデルカードに出どころと条件があります。
#
# **論文** He et al., *Deep Residual Learning for Image Recognition* (CVPR 2016) ·
# Zagoruyko & Komodakis, *Wide Residual Networks* (BMVC 2016) · Kolesnikov et al., *Big Transfer* (ECCV 2020) ·
# Kataoka et al., *Pre-training without Natural Images* (ACCV 2020)

# %% [markdown]
# ### レポートと、この章
#
# ResNet (Residual Network) は、Microsoft の He たちが 2015 年に発表したネットワークです。152 層という当時としては
# 並外れた深さで、その年の画像認識の競技会 ILSVRC に優勝しました。いまも、画像を扱うネットワークの土台として広く使われています。
#
# この章は、ある日本の受講者が深層学習の講座のあとに書いた報告の「ResNet(転移学習)」の節を再現し、確かめます。
# 以下、この報告を**レポート**と呼びます。述べていることの一覧は、準備のセルの下にあります。
#
# レポートには、データや分け方、前処理、バッチサイズが書かれていません。
# それらは、同じ演習をした**別の受講者の公開記録**で補いました。以下、「公開記録」と書いたところは、レポートではなく、そちらによります。

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=5)

# %%
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from chapters.ch05_resnet_transfer import experiment, tables
from course_utils.backbones import load_backbone, preprocess, residual_block
from course_utils.claims import claim, claims_table
from course_utils.flowers import draw_flowers
from course_utils.plots import new_figure, plot_histories, plot_runs, show_images
from course_utils.tables import min_median_max, result_table

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. 深くすると、なぜ学習が難しくなるのか
#
# ### 手で計算する
#
# 層を 20 枚重ねたとします。出力の誤差を入口まで戻すとき、勾配には、1 層ごとに「その層の微分」が掛かります。
# どの層の微分も 0.1 だとしたら、入口に届く勾配はどれくらいでしょうか。
#
# - ふつうの層 (plain) $y = F(x)$ では、1 層の微分は $0.1$。20 層で $0.1^{20}$ 倍です。
# - 残差のある層 $y = x + F(x)$ では、1 層の微分は $1 + 0.1 = 1.1$。20 層で $1.1^{20}$ 倍です。

# %% tags=["nbval-check-output"]
print(f"ふつうの 20 層: {0.1**20:.0e} 倍   残差のある 20 層: {1.1**20:.2f} 倍")

# %% [markdown]
# 前者はゼロと見分けがつきません。後者は扱える大きさです。足し算 1 つで、勾配の通り道に「1」が残るからです。
# これが**残差接続 (residual connection)** の考えです。レポートの言葉では
# 「各層に対してその入力を出力に直接加えるショートカット」にあたります。$F(x)$ を通るほうを、**残差枝**と呼びます。
#
# $$y = x + F(x), \qquad \frac{\partial y}{\partial x} = 1 + \frac{\partial F}{\partial x}$$
#
# レポートはここから「層を深くしても勾配消失問題が起きにくく高い性能を示した」と続けます。よく聞く説明です。
# では、ふつうの層で勾配が消えるのは、足し算がないせいでしょうか。0.1 という数は、私たちが勝手に決めたものでした。
#
# ### 勾配を測る
#
# 30 層のネットワークを 5 通り作り、入口に届く勾配を測ります。足し算のほかに、重みの初期値と BatchNormalization も変えます。
#
# 初期値には理由があります。ReLU は、信号のおよそ半分を 0 にします。Keras の既定の初期値 (Glorot) は、この半減を
# 数に入れていません。勾配の 2 乗は 1 層で半分になり、大きさは $1/\sqrt{2}$ 倍になります。
# He たちの初期値 (He et al. 2015) は、重みを $\sqrt{2}$ 倍して、この半減を打ち消します。

# %% tags=["nbval-check-output"]
print(f"Glorot の初期値で 30 層: (1/√2) の 30 乗 = {0.5**15:.0e} 倍")

# %% [markdown]
# 測る前に予想してください。足し算のない 30 層でも勾配が消えないのは、次のうちどれでしょうか。
# 初期値を He に替えたもの、BatchNormalization を入れたもの、その両方、どれでもない。
# (実験を短くするため、ここではバイアスと、BatchNormalization の $\gamma$、$\beta$ を省きます。)


# %%
def deep_network(depth, shortcut, normalise, initializer="glorot_uniform"):
    def conv(x, stride=1):
        options = {"padding": "same", "use_bias": False, "kernel_initializer": initializer}
        return layers.Conv2D(16, 3, stride, **options)(x)

    inputs = keras.Input((16, 16, 3))
    maps = [conv(inputs, stride=2)]
    for _ in range(depth):
        branch = conv(layers.ReLU()(maps[-1]))
        if normalise:
            branch = layers.BatchNormalization(center=False, scale=False)(branch)  # γ = 1、β = 0 のまま
        maps.append(layers.Add()([maps[-1], branch]) if shortcut else branch)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps[-1]))
    return keras.Model(inputs, [logits, *maps])


# %%
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def gradient_norms(model, images, labels):
    with tf.GradientTape() as tape:
        logits, *maps = model(images, training=True)
        loss = cross_entropy(labels, logits)
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, maps)]


# %%
DEPTH = 30
rng = np.random.default_rng(course.seed)
images, labels = rng.normal(size=(32, 16, 16, 3)).astype("float32"), rng.integers(0, 5, 32)
norms = {}
for name, shortcut, normalise, initializer in (
    ("ふつう、初期値 Glorot", False, False, "glorot_uniform"),
    ("ふつう、初期値 He", False, False, "he_normal"),
    ("ふつう + BatchNormalization", False, True, "glorot_uniform"),
    ("残差、初期値 Glorot", True, False, "glorot_uniform"),
    ("残差 + BatchNormalization", True, True, "glorot_uniform"),
):
    keras.utils.set_random_seed(course.seed)
    network = deep_network(DEPTH, shortcut, normalise, initializer)
    norms[name] = gradient_norms(network, images, labels)

# %%
figure, axis = new_figure(
    "横軸は入口から数えた層の番号、縦軸は対数で示した勾配の大きさ。ふつうの層と Glorot の初期値では、入口に近いほど勾配が小さい。"
    "ふつうの層でも、He の初期値ならほぼ水平で、BatchNormalization を入れると入口に近いほど大きい。残差のある層も入口に近いほど大きい。",
    figsize=(7.5, 5.2),
)
for (name, values), marker in zip(norms.items(), "os^Dv", strict=True):
    axis.semilogy(range(DEPTH + 1), values, marker=marker, markersize=4, label=name)
axis.set(xlabel="層の番号 (左が入口)", ylabel="勾配のノルム", title="30 層のネットワークの、各層に届く勾配")
figure.legend(loc="outside lower center", ncols=2)
figure

# %%
ratio = {name: values[0] / values[-1] for name, values in norms.items()}
result_table(
    [
        {
            "30 層のネットワーク": name,
            "入口の勾配 ÷ 出口の勾配": np.format_float_positional(r, 2, fractional=False, trim="-"),
        }
        for name, r in ratio.items()
    ]
)

# %%
claim("ch05.gradient.glorot", ratio["ふつう、初期値 Glorot"])
claim("ch05.gradient.he", ratio["ふつう、初期値 He"])
claim("ch05.gradient.batchnorm", ratio["ふつう + BatchNormalization"])

# %% [markdown]
# 勾配が消えたのは、Glorot の初期値と ReLU を組み合わせた場合だけでした。足し算がなくても、初期値を替えるか
# BatchNormalization を入れれば、勾配は入口まで届きます。BatchNormalization を入れたふつうの層では、消えるどころか、
# 残差のある層と同じように、入口に近いほど大きくなります。勾配消失を防ぐだけなら、残差接続は要りません。
#
# ### 学習させてみる
#
# では、勾配が届いていれば、足し算のない 30 層も学習できるのでしょうか。BatchNormalization を入れた 3 つのネットワークに、
# 300 枚の花の絵を 5 エポック学習させ、**訓練データの精度**を比べます。ふつうの 6 層、ふつうの 30 層、残差のある 30 層です。
# 30 層の 2 つは、いま勾配を測ったものと同じです。

# %%
pictures, kinds = draw_flowers(count_per_class=60, size=16, seed=course.seed)
pictures = pictures / 127.5 - 1


def training_curve(depth, shortcut):
    keras.utils.set_random_seed(course.seed)
    network = deep_network(depth, shortcut, normalise=True)
    model = keras.Model(network.input, network.outputs[0])
    model.compile(keras.optimizers.Adam(1e-3), cross_entropy, metrics=["acc"])
    return model.fit(pictures, kinds, batch_size=32, epochs=5, verbose=0).history["acc"]


curves = {
    "ふつうの 6 層": training_curve(6, shortcut=False),
    "ふつうの 30 層": training_curve(30, shortcut=False),
    "残差のある 30 層": training_curve(30, shortcut=True),
}

# %%
figure, axis = new_figure(
    "横軸はエポック、縦軸は訓練データの精度。ふつうの 6 層と残差のある 30 層は伸びるが、"
    "ふつうの 30 層は、当てずっぽうの 0.2 の近くから少ししか伸びない。"
)
for (name, values), marker in zip(curves.items(), "os^", strict=True):
    axis.plot(range(1, len(values) + 1), values, marker=marker, label=name)
axis.axhline(0.2, color="0.4", linestyle=":", label="当てずっぽう")
axis.set(xlabel="エポック", ylabel="訓練データの精度", title="BatchNormalization を入れた 3 つのネットワーク")
axis.set(ylim=(0, 1), xticks=range(1, 6))
axis.legend()
figure

# %%
claim("ch05.degradation.depth", curves["ふつうの 6 層"][-1] - curves["ふつうの 30 層"][-1])
claim("ch05.degradation.residual", curves["残差のある 30 層"][-1] - curves["ふつうの 30 層"][-1])

# %% [markdown]
# 勾配は届いているのに、ふつうの 30 層は学習が進みません。Adam は、勾配の大きさによらず学習率ほどの歩幅で重みを動かすので、
# 勾配の大小でも説明できません。しかも訓練データで負けているのですから、過学習ではありません。
# 層を足しただけで、浅いネットワークにできることができなくなる。He たちはこれを**劣化問題 (degradation)** と呼びました。
# 余分な層が恒等写像 (入力をそのまま返す) を学べば、6 層に負けるはずはありません。ふつうの層には、それが難しいのです。
# 残差のある層なら、残差枝が 0 を返すだけで恒等写像になります。
#
# 論文も「この難しさが勾配消失によるとは考えにくい。BatchNormalization を入れたふつうの層でも、勾配は健全だった」と述べています (4.1 節)。
# この節の答えは、次の 1 文です。**深いネットワークの学習が難しいのは、勾配が消えるからとは限らない。勾配が届いても、進めない**。
# なぜ進めないのかは、いまも研究が続いています。たとえば、層を重ねるほど勾配の向きが雑音に近づく、という報告があります
# (Balduzzi et al. 2017)。

# %% [markdown]
# ## 2. 残差ブロックと、ネットワークの大きさ
#
# 2015 年の残差ブロックは「畳み込み → BatchNormalization → ReLU → 畳み込み → BatchNormalization」を通した出力 (残差枝) に
# 入力を足し、最後に ReLU を掛けます。残差枝の最後の BatchNormalization の倍率 $\gamma$ を 0 にすると、残差枝の出力は 0 になり、
# ブロックは**何もしない層 (恒等写像)** になります。深くしても、少なくとも悪くはならないところから学習を始められるわけです。

# %%
inputs = keras.Input((8, 8, 4))
block = keras.Model(inputs, residual_block(inputs, filters=4))
last_norm = [layer for layer in block.layers if isinstance(layer, layers.BatchNormalization)][-1]
last_norm.gamma.assign(ops.zeros(4))

x = rng.uniform(0, 1, (2, 8, 8, 4)).astype("float32")
claim("ch05.block.identity", float(np.abs(block.predict(x, verbose=0) - x).max()))

# %% [markdown]
# 論文のネットワークを組み立てて、パラメータの数を論文の値と突き合わせましょう。まず CIFAR 用の ResNet-20 です。
# 形が変わるところのショートカットは、間引いて 0 を詰めるだけ (論文の option A) なので、パラメータを持ちません。


# %%
def conv(x, filters, kernel=3, stride=1):
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)


def norm_relu(x):
    return layers.ReLU()(layers.BatchNormalization()(x))


def shortcut_a(x, filters, stride):
    x = x[:, ::stride, ::stride]
    extra = filters - x.shape[-1]
    return ops.pad(x, [[0, 0], [0, 0], [0, 0], [extra // 2, extra // 2]]) if extra else x


# %%
def resnet20():
    inputs = keras.Input((32, 32, 3))
    x = norm_relu(conv(inputs, 16))
    for filters in (16, 32, 64):
        for index in range(3):
            stride = 2 if filters > 16 and index == 0 else 1
            branch = conv(norm_relu(conv(x, filters, stride=stride)), filters)
            branch = layers.BatchNormalization()(branch)
            x = layers.ReLU()(shortcut_a(x, filters, stride) + branch)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


# %% [markdown]
# **Wide ResNet** は、レポートのいう「Residual Block 内の畳み込みに対してチャネル数を増やしたモデル」です。
# WRN-28-10 は 28 層で、チャネル数が 10 倍あります。BatchNormalization と ReLU を畳み込みの前に置く形 (pre-activation) です。


# %%
def wide_resnet28(k):
    inputs = keras.Input((32, 32, 3))
    x = conv(inputs, 16)
    for stage, filters in enumerate((16 * k, 32 * k, 64 * k)):
        for index in range(4):
            stride = 2 if stage > 0 and index == 0 else 1
            activated = norm_relu(x)
            shortcut = conv(activated, filters, 1, stride) if index == 0 else x
            x = shortcut + conv(norm_relu(conv(activated, filters, stride=stride)), filters)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(norm_relu(x))))


# %% tags=["nbval-check-output"]
def trainable_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


claim("ch05.parameters.resnet20", trainable_parameters(resnet20()))
claim("ch05.parameters.wrn28_10", trainable_parameters(wide_resnet28(10)))
claim("ch05.parameters.resnet50", keras.applications.ResNet50(weights=None).count_params())
keras.backend.clear_session()

# %% [markdown]
# ## 3. データと、事前学習ずみの backbone
#
# 公開記録によると、演習のデータは 5 種類の花の写真 (`tf_flowers`) でした。ふだんの `quick` プロファイルでは、同じ 5 種類をプログラムが描いた絵を使います。
# 色はわざと重なるようにしてあり、形を見ないと当たりません。`full` プロファイルでは、4 節の実験が本物の写真と ImageNet の重みで動きます。

# %% tags=["nbval-check-output"]
SEED = 3
splits = experiment.SCALES["quick"].load(SEED)
for name in ("train", "validation", "test"):
    print(f"{name:10} {len(getattr(splits, name).labels):5} 枚")

# %%
names = ["たんぽぽ", "ひなぎく", "チューリップ", "ひまわり", "ばら"]
samples, kinds = draw_flowers(count_per_class=2, size=96, seed=5)
show_images(
    samples,
    [names[k] for k in kinds],
    columns=5,
    heading="プログラムが描いた花 (学習には 32 画素に縮めて使います)",
)

# %% [markdown]
# 公開記録では、写真を 70 % と 30 % の 2 つに分け、30 % のほうで**早期終了 (early stopping) を決め、成績も測りました**。
# 学習を止める時期をそのデータで選んだのですから、そこで測った成績は甘くなります。
# そこで 3 つ目のデータを足します。訓練用 (train) で重みを学び、検証用 (validation) で決めごとをし、
# テスト用 (test) は最後に一度だけ見ます。
#
# 特徴を取り出す本体 (backbone) は、この講座のスクリプトが CIFAR-10 で事前学習した小さな ResNet と、幅が 2 倍の ResNet です。
# CIFAR-10 の 10 種類 (飛行機、猫、船など) に花はありません。

# %%
result_table(tables.model_cards(), caption="同梱の backbone")

# %% [markdown]
# 入力は caffe 方式で前処理します。Keras の ResNet50 と同じで、RGB を BGR に並べ替え、ImageNet の平均を引きます。255 で割りません。

# %% tags=["nbval-check-output"]
backbone = load_backbone("resnet_small_cifar10")
features = backbone.predict(preprocess(splits.train.images[:10]), verbose=0)
print(f"画像 {splits.train.images[:10].shape} → 特徴 {features.shape}")

# %% [markdown]
# ## 4. レポートの実験を、いまの Keras で
#
# レポートの転移学習のプログラムは、次の形です。
#
# ```python
# resnet = tf.keras.applications.resnet.ResNet50(weights='imagenet')
# resnet.trainable = False
# x1 = resnet.layers[-2].output
# out = tf.keras.layers.Dense(class_num, activation='softmax')(x1)
# model = tf.keras.models.Model(inputs=resnet.input, outputs=out)
# ```
#
# 事前学習なしとファインチューニングのプログラムは、このうち `weights` と `trainable` の 2 か所が違うだけです。
#
# | | 事前学習なし | 転移学習 | ファインチューニング |
# |:--|:--|:--|:--|
# | 重みの初期値 (`weights`) | ランダム (`None`) | 事前学習ずみ | 事前学習ずみ |
# | backbone を学習するか (`trainable`) | する (`True`) | **しない (`False`)** | する (`True`) |
#
# 学習のさせ方は、公開記録によります。バッチは 16、最大 20 エポック、検証精度が 2 エポック続けて上がらなければ止めます。
#
# ### 転移学習を、省略なしで
#
# 1 つだけ、規模に合わせた工夫があります。Adam は勾配の大きさによらず、重みを 1 ステップで学習率ほど動かします。
# すると、出力 (logit) の動きは「学習率 × 特徴の合計」くらいになります。レポートの ResNet50 の特徴は 2,048 個、
# 私たちのは 96 個しかないので、同じ学習率では、出力層は 20 分の 1 の速さでしか学べません。
# そこで特徴を $2048 / 96$ 倍し、0 から始めた出力層に渡して、学習率の意味をそろえます。

# %%
scale = experiment.SCALES[course.profile]
scratch, transfer, tuning = experiment.RUNS[:3]
flowers = splits if course.profile == "quick" else scale.load(SEED)
train, validation, test = flowers.train, flowers.validation, flowers.test
inputs = {name: scale.prepare(getattr(flowers, name).images) for name in ("train", "validation", "test")}

# %%
keras.utils.set_random_seed(SEED)
# quick では load_backbone("resnet_small_cifar10")、full では ImageNet の ResNet50
backbone = scale.backbone(transfer)
backbone.trainable = False
features = layers.Rescaling(2048 / backbone.output.shape[-1])(backbone.output)
outputs = layers.Dense(5, activation="softmax", kernel_initializer="zeros")(features)
model = keras.Model(backbone.input, outputs)
model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["acc"])

stop = keras.callbacks.EarlyStopping(monitor="val_acc", patience=2, mode="max", restore_best_weights=True)
history = model.fit(
    inputs["train"],
    train.labels,
    validation_data=(inputs["validation"], validation.labels),
    batch_size=16,
    epochs=20,
    shuffle=False,
    callbacks=[stop],
    verbose=0,
).history
for epoch, (acc, val_acc) in enumerate(zip(history["acc"], history["val_acc"], strict=True), 1):
    print(f"{epoch:2} エポック目: 訓練精度 {acc:.3f}、検証精度 {val_acc:.3f}")

# %% [markdown]
# `restore_best_weights=True` は、止まったあとで、検証精度が最高だったエポックの重みに戻す指定です。
# 学習されたのが出力層だけであることを、パラメータの数で確かめましょう。

# %%
print(f"全パラメータ {model.count_params():,}、学習したのは {trainable_parameters(model):,}")

# %% [markdown]
# ### ファインチューニングで変わる行
#
# ファインチューニングでは `backbone.trainable = False` が `True` に、事前学習なしでは、そのうえで重みが `None` に変わります。
# ほかの行は、いまのセルと同じです。同じ行を関数にまとめて、残りの 2 つを学習させます。


# %%
def train_classifier(run):
    keras.utils.set_random_seed(SEED)
    backbone = scale.backbone(run)  # ← 事前学習なしでは、重みがランダム
    backbone.trainable = run.trainable  # ← 転移学習だけが False
    model = experiment.classifier(backbone.input, backbone.output, run.learning_rate)
    history = experiment.fit(
        model, (inputs["train"], train.labels), (inputs["validation"], validation.labels)
    )
    return model, history


# %%
models, live = {"b": model}, {"b": history}
for run in (tuning, scratch):
    models[run.key], live[run.key] = train_classifier(run)
    print(f"{run.title}: {len(live[run.key]['acc'])} エポックで終了", flush=True)

# %%
plot_histories(
    {run.name: live[run.key] for run in experiment.RUNS[:3]},
    "acc",
    heading="レポートの図 1: ResNet の学習曲線",
)

# %%
for run in experiment.RUNS[:3]:
    _, score_on_test = models[run.key].evaluate(inputs["test"], test.labels, batch_size=100, verbose=0)
    print(f"{run.name}: 検証精度の最高 {max(live[run.key]['val_acc']):.3f}、テスト精度 {score_on_test:.3f}")

# %% [markdown]
# 同じ backbone でも、凍結するかどうかで、これだけ違います。事前学習なしでは、訓練精度が上がっても検証精度がついてきません。
# 訓練データを覚えただけで、**過学習 (overfitting)** しています。
#
# ### Wide ResNet を加えた 7 つの実験
#
# レポートの 2 つ目の表には、学習率を 1e-3 にした ResNet (0 と 1。学習率は公開記録による) と、Wide ResNet (2 と 3) があります。
# 幅 2 倍の ResNet は学習に時間がかかるので、先に測って保存した結果を使います
# (`python -m chapters.ch05_resnet_transfer.experiment quick`。凍結した backbone の特徴は一度だけ計算します。次の節で確かめます)。
# 下の表は、いま使ったものと同じデータ、同じ**乱数の種** (random seed。以下シード) で、7 つの実験を測ったものです。
# quick プロファイルなら、上の 3 行の精度は、いま学習させた結果と同じです。レポートにあるのは 2 つ目の列の時間だけで、分類の精度は図でしか示されていません。

# %%
quick = experiment.stored_results("quick")
stored = {result.key: result for result in quick if result.seed == SEED}
result_table(tables.comparison(stored), caption=f"レポートの表と、この講座の測定 (描いた花、シード {SEED})")

# %% [markdown]
# 画像を見ずに当てずっぽうで答えると、精度は 0.2 です (5 クラスが同じ枚数なので)。どの実験も、これを上回っています。
# 「公開記録の検証精度」は、`tf_flowers` の写真と ImageNet の重みによるものです。規模が違うので、値そのものではなく順位を比べてください。

# %%
plot_histories(
    {run.name: stored[run.key].history for run in experiment.RUNS[3:]},
    "acc",
    heading="レポートの図 2: Wide ResNet の学習曲線",
)

# %% [markdown]
# ## 5. 凍結した backbone の特徴は、一度計算すればよい
#
# 凍結した backbone は、同じ画像に毎回同じ特徴を返します。それなのに素直に書くと、エポックのたびに計算し直します。
# 先に特徴を計算しておけば、残るのは小さな出力層の学習だけです。同じ結果になるか、どれだけ速いかを測ります。

# %%
backbone = load_backbone("resnet_small_cifar10")
backbone.trainable = False
prepared = [preprocess(split.images) for split in (splits.train, splits.validation)]
targets = [splits.train.labels, splits.validation.labels]
EPOCHS = 3


def train_head(inputs, features, arrays):
    model = experiment.classifier(inputs, features, learning_rate=1e-3)
    pairs = list(zip(arrays, targets, strict=True))
    return model, experiment.fit(model, *pairs, epochs=EPOCHS, patience=EPOCHS)


# %%
started = time.perf_counter()
_, every_epoch = train_head(backbone.input, backbone.output, prepared)
seconds_every_epoch = time.perf_counter() - started

started = time.perf_counter()
cached = [experiment.features(backbone, images) for images in prepared]
head_input = keras.Input(cached[0].shape[1:])
_, once = train_head(head_input, head_input, cached)
seconds_once = time.perf_counter() - started

# %%
print(f"{EPOCHS} エポックで、毎回計算 {seconds_every_epoch:.1f} 秒、一度だけ {seconds_once:.1f} 秒")
difference = np.abs(np.array(once["val_loss"]) - np.array(every_epoch["val_loss"])).max()
print(f"検証データの損失の曲線のずれ: 最大 {difference:.1e}")

# %% [markdown]
# 曲線は重なります。凍結した backbone なら、特徴は一度計算すれば足ります。ただし、画像をそのつど変えて水増しするときは使えません。

# %% [markdown]
# ## 6. レポートの考察を、5 つのシードで確かめる
#
# 1 回の実行では、たまたまかもしれません。シードを 5 通りに変えると、描かれる花も、重みの初期値も変わります。
# そのそれぞれで、7 つの実験すべてを測った結果が保存してあります。

# %%
result_table(tables.summary(quick), caption="描いた花、5 つのシード: 最小 / 中央値 / 最大")

# %%
plot_runs(
    tables.test_accuracies(quick),
    baseline=0.2,
    heading="描いた花のテスト精度 (点はシードごと、横棒は中央値)",
)

# %% [markdown]
# 本物の写真 (48 画素に縮めたもの) でも、同じ 7 つの実験をしました (`… experiment photos`)。

# %%
photos = experiment.stored_results("photos")
result_table(tables.summary(photos), caption="花の写真、5 つのシード: 最小 / 中央値 / 最大")

# %%
plot_runs(
    tables.test_accuracies(photos),
    baseline=0.2,
    heading="花の写真のテスト精度 (点はシードごと、横棒は中央値)",
)

# %% [markdown]
# レポートの考察には、確かめられる文が 3 つあります。転移学習とファインチューニングの対は 3 つ、
# ResNet (b → c)、学習率 1e-3 の ResNet (0 → 1)、Wide ResNet (2 → 3) です。同じシードどうしで引き算して調べましょう。

# %%
result_table(tables.pair_summary(quick), caption="描いた花: ファインチューニング − 転移学習")

# %%
result_table(tables.pair_summary(photos), caption="花の写真: ファインチューニング − 転移学習")

# %% [markdown]
# ### 「ファインチューニングを使ったアルゴリズムのものはスコアが良い傾向にある」

# %%
both = [*tables.pairs(quick), *tables.pairs(photos)]
claim("ch05.tuning_scores_better", float(np.mean([gain > 0 for pair in both for gain in pair.gains])))
# %% [markdown]
# ### 「転移学習よりファインチューニングの方が少ないエポック数で early-stopping が効いている」
#
# 先に止まったシードの割合を、データと対ごとに数えます。

# %%
stopped_first = {
    (name, pair.frozen): float(np.mean([more < 0 for more in pair.longer]))
    for name, results in {"quick": quick, "photos": photos}.items()
    for pair in tables.pairs(results)
}
claim("ch05.tuning_stops_earlier.photos", stopped_first["photos", "0"])
claim("ch05.tuning_stops_earlier.lower_rate", stopped_first["photos", "2"])
claim("ch05.tuning_stops_earlier.drawn", float(np.mean([stopped_first["quick", key] for key in "b02"])))

# %% [markdown]
# 先に止まるのは、**先に頭打ちになったほう**です。
#
# - 描いた花では、転移学習が数エポックで頭打ちになり、ファインチューニングは伸び続けます。
# - 写真では、転移学習が少しずつ長く伸び続けます。同じ学習率のファインチューニングは 1 エポックで大きく進み、
#   先に頭打ちになります。レポートの観察と同じなのは、この場合です。
# - 学習率を 10 分の 1 に下げたファインチューニングは、そのぶん長くかかります。
#
# ### 「wide ResNet モデルは一番スコアが高かったものの訓練時間が大幅に増えた」

# %%
rates = experiment.stored_results("rates")
small, wide = (tables.by_key(photos, key) for key in "c3")
wide_same_rate = tables.by_key(rates, "3 at 1e-4")
result_table(
    [
        {
            "ファインチューニング": name,
            "テスト精度": min_median_max([r.test for r in chosen]),
            "エポック": min_median_max([r.epochs for r in chosen], 0),
        }
        for name, chosen in {
            "小さな ResNet、1e-4 (c)": small,
            "幅 2 倍、1e-5 (3、レポートの学習率)": wide,
            "幅 2 倍、1e-4 (c と同じ学習率)": wide_same_rate,
        }.items()
    ],
    caption="花の写真、5 つのシード: 最小 / 中央値 / 最大",
)


# %%
def median_test(results):
    return float(np.median([r.test for r in results]))


claim("ch05.wide_is_best.report_rate", median_test(wide) - median_test(small))
claim("ch05.wide_is_best.same_rate", median_test(wide_same_rate) - median_test(small))
claim(
    "ch05.wide_costs_more",
    float(np.median([r.seconds for r in tables.by_key(quick, "3")]))
    / float(np.median([r.seconds for r in tables.by_key(quick, "c")])),
)

# %% [markdown]
# レポートの学習率では幅の広いモデルが負け、学習率をそろえると、わずかに逆転しました。差は小さく、
# 5 つのシードだけで言い切れるものではありません。幅の広いモデルが強みを出すには、学習率と学習量が足りていなければなりません。
# 1e-5 は、公開記録の 2,569 枚の写真なら 1 エポックに 161 ステップ進むときの値です。
# 1 エポックに 32 ステップほどの私たちの規模では、進み足りないまま止まります。

# %% [markdown]
# ## 7. 何で事前学習するか
#
# 写真の分類には、写真での事前学習がいちばん効くのでしょうか。backbone の出どころを 3 つ用意しました。
#
# - **事前学習なし**: ランダムな初期値のまま
# - **フラクタル**: 式から描いた 100 種類の図形 4 万枚。写真は 1 枚も使いません (Kataoka et al. 2020)
# - **CIFAR-10**: 10 種類の物の写真 5 万枚
#
# 花の写真での転移を 5 つのシードで比べます (`… experiment sources`)。学習率は、凍結した場合が 1e-3、ファインチューニングが 1e-4 です。

# %%
sources = experiment.stored_results("sources")
result_table(
    tables.source_summary(sources), caption="花の写真のテスト精度、5 つのシード: 最小 / 中央値 / 最大"
)

# %%
median = {key: median_test(tables.by_key(sources, key)) for key in dict.fromkeys(r.key for r in sources)}
claim("ch05.source.photographs", median["cifar10 frozen"] - median["scratch frozen"])
claim("ch05.source.fractals", median["fractal frozen"] - median["scratch frozen"])
# %% [markdown]
# 写真には写真が効きました。フラクタルで学んだ特徴は、3 節の表のとおりフラクタルの種類はほとんど間違えないのに、花の写真では、
# この規模では、ランダムな初期値の特徴を超えません。**事前学習の精度が高いことと、よそで役に立つことは別**です。
#
# これは論文の追試ではありません。論文は 1,000 種類以上のフラクタルと ResNet-50 を使い、ImageNet の事前学習に迫る場合があると報告しています。
# 32 画素に縮めた 100 種類は、外形だけで見分けられるほどやさしく、細かな模様を見る必要がなかったのかもしれません。確かめてはいません。

# %% [markdown]
# ## 8. つまずきやすいところ
#
# ### 前処理を取り違える
#
# 公開記録では、画素を 255 で割って ResNet50 に渡しています。Keras の ResNet50 が待っているのは、
# 0〜255 の画素から平均を引いた値で、0 が「平均の色」を表します。0〜1 の値を渡すと、backbone から見た画像は、
# どれもほとんど平均の色の、一様な灰色です。

# %%
right = experiment.features(backbone, preprocess(splits.train.images))
wrong = experiment.features(backbone, experiment.divide_by_255(splits.train.images))


def spread(features):
    return float(np.mean(features.std(axis=0) / (np.abs(features).mean(axis=0) + 1e-9)))


print(
    f"特徴の散らばり (標準偏差 ÷ 平均): 正しい前処理 {spread(right):.2f}、255 で割った場合 {spread(wrong):.3f}"
)
claim("ch05.hazard.preprocess", spread(wrong) / spread(right))
# %% [markdown]
# ### 止めたつもりの BatchNormalization
#
# BatchNormalization には、学習モードと推論モードがあります。学習モードでは、移動平均 (moving mean と moving variance) が動きます。
# 小さなデータでファインチューニングするとき、これを止めておきたいことがあります。
#
# Keras の手引き (Transfer learning & fine-tuning) は、`backbone(x, training=False)` と呼べば、
# あとで `trainable = True` にしても推論モードのままだと述べています。いまの Keras でもそうでしょうか。
# 32 枚だけ学習させ、BatchNormalization のどの重みが動いたかを調べます。


# %%
def moved_by_fit(trainable, training):
    body = load_backbone("resnet_small_cifar10")
    body.trainable = trainable
    inputs = keras.Input((32, 32, 3))
    outputs = layers.Dense(5, activation="softmax")(body(inputs, training=training))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", run_eagerly=True)

    norms = [layer for layer in body.layers if isinstance(layer, layers.BatchNormalization)]
    weights = [weight for layer in norms for weight in layer.weights]
    before = [weight.numpy() for weight in weights]
    model.fit(prepared[0][:32], targets[0][:32], batch_size=16, verbose=0)
    pairs = zip(weights, before, strict=True)
    return " ".join(sorted({w.name for w, old in pairs if not np.array_equal(w.numpy(), old)})) or "なし"


# %%
moved = {
    (trainable, training): moved_by_fit(trainable, training)
    for trainable, training in ((True, False), (False, None), (False, True))
}
result_table(
    [
        {"trainable": str(trainable), "呼ぶときの training": str(training), "動いたもの": names_of_moved}
        for (trainable, training), names_of_moved in moved.items()
    ]
)

# %%
claim("ch05.hazard.training_false", moved[True, False])
claim("ch05.hazard.trainable_false", moved[False, True])

# %% [markdown]
# この Keras では、`fit` が外のモデルを学習モードで動かすと、中の backbone に渡した `training=False` は上書きされます。
# BatchNormalization を止めるのは `trainable = False` です。止めた層は、`training=True` で呼んでも推論モードで動き、移動平均も動きません。
# 畳み込みは学習し、BatchNormalization だけを止めるにはどう書くか。それが 9 節の問題 6 です。

# %% [markdown]
# ### ファインチューニングの学習率が大きすぎる
#
# レポートの表の 1 番は、公開記録では、Adam の既定値 1e-3 でファインチューニングしています。そこでは、凍結した 0 番より
# 悪くなりました (4 節の表の「公開記録の検証精度」)。大きすぎる学習率は、事前学習で得た重みを最初の数ステップで壊してしまいます。
# 私たちの小さな backbone で、4 節の表の 1e-4 (c) と 1e-3 (1) に 1e-2 を加え、2 エポック目の検証精度を比べます。

# %%
keras.utils.set_random_seed(course.seed)
hasty = load_backbone("resnet_small_cifar10")
original = [weight.numpy() for weight in hasty.trainable_weights]
arrays = list(zip(prepared, targets, strict=True))
history = experiment.fit(experiment.classifier(hasty.input, hasty.output, 1e-2), *arrays, epochs=2)

travelled = [
    np.linalg.norm(now.numpy() - then) / np.linalg.norm(then)
    for now, then in zip(hasty.trainable_weights, original, strict=True)
    if then.ndim == 4
]
print(f"学習率 1e-2 の 2 エポックで、畳み込みの重みは元の大きさの {np.median(travelled):.1f} 倍動きました")

# %%
second_epoch = {
    "1e-4 (c)": stored["c"].history["val_acc"][1],
    "1e-3 (1)": stored["1"].history["val_acc"][1],
    "1e-2": history["val_acc"][-1],
}
result_table([{"学習率": rate, "2 エポック目の検証精度": score} for rate, score in second_epoch.items()])

# %% [markdown]
# 小さな backbone と小さな画像では、1e-3 はまだ壊れるほど大きくありません。1e-2 まで上げると、事前学習の成果が失われます。
# 「どこからが大きすぎるか」はネットワークによって違うので、小さいほうから試すのが安全です。

# %%
claim(
    "ch05.hazard.rate_score", max(second_epoch["1e-4 (c)"], second_epoch["1e-3 (1)"]) - second_epoch["1e-2"]
)

# %% [markdown]
# ### テスト用のデータで選ぶ
#
# 何も学んでいない、当てずっぽうで答えるモデルを 200 個作ります。本当の実力はどれも 0.2 です。
# その中からテスト用の 60 枚で「最良」を選ぶと、成績はいくつになるでしょうか。選んだモデルを、新しい 10,000 枚でも測ります。

# %%
guesses, truth = rng.integers(0, 5, (200, 60)), rng.integers(0, 5, 60)
best_score = float((guesses == truth).mean(axis=1).max())
fresh_score = float((rng.integers(0, 5, 10_000) == rng.integers(0, 5, 10_000)).mean())
print(f"選ぶのに使った 60 枚での精度 {best_score:.3f}、新しい 10,000 枚での精度 {fresh_score:.3f}")
claim("ch05.hazard.selection", best_score - fresh_score)
# %% [markdown]
# ## 9. 演習
#
# 答えを書いたセルを実行してから、次の `check` のセルを実行してください。その場で採点されます。
# 手がかりがほしいときは `hint("ch05.preprocess")` のように、問題の名前を渡して呼びます。呼ぶたびに 1 段ずつ詳しくなります。
# `# EXERCISE …` の行は消さないでください。採点のときの目印になります。
# 日を改めて続けるときは、いちばん上の `# SETUP` のセルと次のセル、それに、すぐ下の `from grader import …` のセルを実行すれば、
# どの問題からでも始められます。

# %%
from grader import check, hint, score, solution

# %% [markdown]
# ### 問題 1 caffe 方式の前処理 (1 点)
#
# 8 節の取り違えを直しましょう。**255 で割ってある** RGB の画像 `images` (`(枚数, 高さ, 幅, 3)`、値は 0〜1) を、
# caffe 方式の重みが待っている値に変える `preprocess_caffe(images)` を書きます。0〜255 に戻し、BGR に並べ替え、
# BGR の順の平均 `[103.939, 116.779, 123.68]` を引きます。
# たとえば赤い画素 `np.array([[[[1.0, 0, 0]]]])` は `[[[[-103.939, -116.779, 131.32]]]]` になります。

# %%
# EXERCISE ch05.preprocess

# %%
check("ch05.preprocess")

# %% [markdown]
# ### 問題 2 残差ブロックのパラメータ数 (1 点)
#
# 基本の残差ブロックにある、**学習できる**パラメータの数を返す `block_parameters(channels_in, channels_out, stride)` を書きましょう。
# 畳み込みは 3×3 が 2 つでバイアスなし、それぞれに BatchNormalization が付きます。
# `stride` が 1 でないか、チャネル数が変わるときは、ショートカットに 1×1 の畳み込み (バイアスなし) と BatchNormalization が入ります。
# たとえば `block_parameters(16, 32, 2)` は 14528 です。

# %%
# EXERCISE ch05.block_parameters

# %%
check("ch05.block_parameters")

# %% [markdown]
# ### 問題 3 残差ブロックを組み立てる (2 点)
#
# `build_residual_block(channels)` を書きましょう。`(高さ, 幅, channels)` の特徴マップを同じ形に写す `keras.Model` を返します。
# 高さと幅は決めず、どの大きさにも使えるようにします。
# 枝は「3×3 の畳み込み → BatchNormalization → ReLU → 3×3 の畳み込み → BatchNormalization」で、
# 入力を足してから ReLU を掛けます。畳み込みは `padding="same"`、`use_bias=False`、BatchNormalization は既定のままにします。
# たとえば `build_residual_block(4)` は、形が `(1, 6, 7, 4)` の入力を同じ形の出力に変えます。

# %%
# EXERCISE ch05.residual_block

# %%
check("ch05.residual_block")

# %% [markdown]
# ### 問題 4 凍結した backbone に出力層をつなぐ (2 点)
#
# 特徴の大きさは、backbone ごとに違います。そこで、特徴のベクトルの長さを 1 枚ごとに 1 にそろえてから出力層に渡します。
# `add_head(backbone, classes)` を書きましょう。`backbone` (画像から特徴への `keras.Model`) を凍結し、
# `UnitNormalization` と softmax の出力層 `Dense` をつないで、画像から確率への `keras.Model` を返します。
# 画像の大きさは backbone ごとに違います (`backbone.input_shape`)。
# たとえば `add_head(backbone, 5)` に 12 枚の画像を渡すと、`(12, 5)` の確率が返ります。
# 採点では実際に 1 ステップ学習して、出力層だけが動き、backbone の重みも移動平均も動かないことを確かめます。

# %%
# EXERCISE ch05.transfer_head

# %%
check("ch05.transfer_head")

# %% [markdown]
# ### 問題 5 特徴を一度だけ計算する (2 点)
#
# 画像を左右に反転して水増しするときも、凍結した backbone の特徴は一度計算すれば足ります。
# `cache_features(backbone, images, batch_size)` を書きましょう。前処理ずみの `images` (`(枚数, 高さ, 幅, 3)`) の特徴と、
# 左右を反転した `images` の特徴を推論モードで計算し、この順に並べた `(2, 枚数, 特徴の数)` の配列を返します。
# どちらも画像と同じ順です。`backbone` に一度に渡すのは `batch_size` 枚までにします。
# たとえば画像が 10 枚、特徴が 96 個なら、結果の形は `(2, 10, 96)` です。

# %%
# EXERCISE ch05.cache_features

# %%
check("ch05.cache_features")

# %% [markdown]
# ### 問題 6 BatchNormalization を止めたファインチューニング (2 点)
#
# `prepare_fine_tuning(backbone, classes)` を書きましょう。`backbone` の特徴に softmax の出力層 `Dense` をつないだ `keras.Model` を返します。
# 畳み込みと出力層は学習し、BatchNormalization は $\gamma$、$\beta$ も移動平均も動かないようにします。
# 渡される `backbone` は、凍結されていることもあります。
# たとえば `prepare_fine_tuning(backbone, 5)` に 12 枚の画像を渡すと、`(12, 5)` の確率が返ります。

# %%
# EXERCISE ch05.fine_tuning

# %%
check("ch05.fine_tuning")

# %% [markdown]
# ### 問題 7 早期終了と最良の重みの復元 (2 点)
#
# `early_stopping(scores, snapshots, patience)` を書きましょう。`scores[i]` は $i+1$ エポック目の検証精度、
# `snapshots[i]` はそのときの重み (配列) です。これまでの最高を**上回らない**エポックが `patience` 回続いたら、そのエポックで止まります。止まらなければ、最後のエポックまで実行します。
# `(実行したエポック数, 最高点のエポックの重み)` のタプルを返します。同点なら、先のエポックが最高点です。
# たとえば `early_stopping([0.4, 0.6, 0.5, 0.55, 0.5, 0.7], snapshots, 2)` は `(4, snapshots[1])` です。

# %%
# EXERCISE ch05.early_stopping

# %%
check("ch05.early_stopping")

# %% [markdown]
# ### 問題 8 結果の表を読む (1 点)
#
# `rows` は結果の表で、1 行が `{"run": "b", "seconds": 10.0, "validation": 0.80, "test": 0.84}` のような辞書です。
# 検証精度が最高の行から `margin` 以内にある行のうち、いちばん速い行の `"run"` を返す `choose_run(rows, margin)` を書きましょう。
# 差がちょうど `margin` の行も候補です。`margin` は精度の差で、割合ではありません。
# たとえば検証精度と秒数が a は 0.89 と 60、b は 0.875 と 20、c は 0.80 と 10 なら、`margin` が 0.02 のときの答えは `"b"` です。

# %%
# EXERCISE ch05.choose_run

# %%
check("ch05.choose_run")

# %%
score()

# %% [markdown]
# ## 10. 補足・訂正
#
# - **勾配消失** レポートの「残差ブロックを用いることで層を深くしても勾配消失問題が起きにくく」は、広く見られる説明で、
#   残差接続が勾配の通り道を作ること自体は正しいです。ただし、ResNet が解いたのは勾配消失ではなく、劣化問題でした。
#   勾配消失は、初期値と BatchNormalization でほぼ解決していました。1 節で見たとおり、BatchNormalization を入れたふつうの 30 層は、
#   勾配が届いているのに学習が進みません (He et al. 2016、4.1 節)。「層を深くしても高い性能を示した」は、そのとおりです。
# - **前処理** 公開記録では `x / 255` を ResNet50 に渡しています。8 節で見たとおり、正しくは
#   `keras.applications.resnet.preprocess_input` です。TensorFlow Hub のモジュールのほうは 0〜1 の値を待っているので、`x / 255` が正解です。
# - **データの分け方** 公開記録の 30 % は、早期終了を決める検証用と、成績を測るテスト用を兼ねていました。3 つに分けると、成績は少し下がるのがふつうです。
# - **ファインチューニングの学習率** 公開記録では、表の 1 番は 1e-3 のままなので、0 番より悪い結果になりました。レポートの 3 番は 1e-5 に下げてあります。
#   「ファインチューニングが良い」は、学習率を小さくしたときの話です。
# - **Wide ResNet** レポートの BiT-S R50x3 は、幅を 3 倍にした ResNet-v2-50 で、BatchNormalization の代わりに GroupNorm と重みの標準化を使います。
#   Zagoruyko & Komodakis の WRN とは別のネットワークです。
# - **いまの Keras** `hub.KerasLayer` は Keras 3 では動きません。この講座の `course_utils.hub.HubLayer` が同じ役をします。

# %%
group_norm = layers.GroupNormalization(groups=2)
batch = rng.normal(3, 2, (4, 5, 5, 8)).astype("float32")
normalised = np.array(group_norm(batch)).reshape(4, 5, 5, 2, 4)
print(f"1 枚ごと、グループごとの平均: 0 からのずれは最大 {np.abs(normalised.mean(axis=(1, 2, 4))).max():.0e}")

# %% [markdown]
# GroupNorm は、平均を 1 枚の中だけで取ります。ほかの画像にも移動平均にも頼らないので、小さなバッチでも同じように働きます。

# %% [markdown]
# ## 11. まとめ
#
# - 深いネットワークは、勾配が届いていても学習が進まないことがあります (劣化問題)。残差接続は、それを解きます。
# - 転移学習は backbone を凍結して出力層だけを学び、ファインチューニングは backbone も学びます。違いは `trainable` の 1 行です。
# - ファインチューニングは、ほとんどの場合に転移学習より良い成績でした。早く止まるかどうかは、学習率とデータによります。
# - 前処理は、重みが学んだときと同じものを使います。BatchNormalization を止めるのは `trainable = False` です。
# - 検証用で決めて、テスト用は最後に一度だけ見ます。
#
# この章で確かめたことの一覧です。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016
# - K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015 (ReLU のための初期値)
# - D. Balduzzi et al., "The Shattered Gradients Problem", ICML 2017
# - S. Zagoruyko, N. Komodakis, "Wide Residual Networks", BMVC 2016
# - A. Kolesnikov et al., "Big Transfer (BiT): General Visual Representation Learning", ECCV 2020
# - H. Kataoka et al., "Pre-training without Natural Images", ACCV 2020
# - Y. Wu, K. He, "Group Normalization", ECCV 2018
# - P. Goyal et al., "Accurate, Large Minibatch SGD", 2017 (最後の γ を 0 で始める)
# - A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009 (CIFAR-10)
