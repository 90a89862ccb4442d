# %% [markdown]
# # 第 5 章 ResNet と転移学習 — ResNet and Transfer Learning
#
# {{colab_badge}}
#
# *This chapter builds residual networks from their definition, then reruns the report's seven
# transfer-learning experiments on flowers: ResNet from scratch, frozen and fine-tuned, and a network
# twice as wide. Each sentence of the report is tested over five seeds, and eight exercises grade themselves.*
#
# **この章でできるようになること**
#
# - 残差ブロックを自分で組み立て、なぜ深くしても学習できるのかを勾配の大きさで説明する
# - 転移学習 (transfer learning) とファインチューニング (fine-tuning) を書き分け、何が動いて何が動かないかを確かめる
# - 学習曲線と結果の表を読み、検証用とテスト用の役割を守ってモデルを選ぶ
#
# **前提** 第 4 章 (応用技術) の畳み込みと BatchNormalization。この章だけを読むこともできます。
#
# **所要時間とメモリ** 2 コアのパソコンで 90 秒以内、2.5 GB 以内です。最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 花の絵はこの講座のプログラムが描いたもの (CC BY 4.0)、事前学習ずみの重みは
# `data/pretrained/` のモデルカードに出どころと条件があります。
#
# **論文** He et al., *Deep Residual Learning for Image Recognition* (CVPR 2016) ·
# Zagoruyko & Komodakis, *Wide Residual Networks* (BMVC 2016) · Kolesnikov et al., *Big Transfer* (ECCV 2020) ·
# Kataoka et al., *Pre-training without Natural Images* (ACCV 2020)

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
from keras import layers, ops

from chapters.ch05_resnet_transfer import experiment, tables
from course_utils.backbones import load_backbone, preprocess, residual_block
from course_utils.claims import claim, claims_table
from course_utils.plots import new_figure, plot_histories, plot_runs, show_images
from course_utils.tables import min_median_max, result_table

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. 深くすると、なぜ学習が難しくなるのか
#
# ### 手で計算する
#
# 層を 20 枚重ねたとします。出力の誤差を入口まで戻すとき、勾配は 1 層ごとに「その層の微分」を掛けられます。
# どの層の微分も 0.1 だとしたら、入口に届く勾配はどれくらいでしょうか。
#
# - ふつうの層 $y = F(x)$ では、1 層の微分は $0.1$。20 層で $0.1^{20}$ 倍です。
# - 残差のある層 $y = x + F(x)$ では、1 層の微分は $1 + 0.1 = 1.1$。20 層で $1.1^{20}$ 倍です。

# %% tags=["nbval-check-output"]
print(f"ふつうの 20 層: {0.1**20:.0e} 倍   残差のある 20 層: {1.1**20:.2f} 倍")

# %% [markdown]
# 前者はゼロと見分けがつきません。後者は手に負える大きさです。足し算 1 つで、勾配の通り道に「1」が残るからです。
# これが**残差接続 (residual connection)** の考えです。レポートの言葉では
# 「各層に対してその入力を出力に直接加えるショートカット」にあたります。
#
# $$y = x + F(x), \qquad \frac{\partial y}{\partial x} = 1 + \frac{\partial F}{\partial x}$$
#
# ### 本物のネットワークで測る
#
# 同じ深さ、同じ幅で、足し算のないもの、あるもの、さらに枝に BatchNormalization を入れたものを作り、各層の出力に届く勾配の大きさを比べます。

# %%
DEPTH, WIDTH = 30, 16


def deep_network(shortcut, normalise):
    inputs = keras.Input((16, 16, 3))
    maps = [layers.Conv2D(WIDTH, 3, padding="same")(inputs)]
    for _ in range(DEPTH):
        branch = layers.Conv2D(WIDTH, 3, padding="same")(layers.ReLU()(maps[-1]))
        if normalise:
            branch = layers.BatchNormalization()(branch)
        maps.append(layers.Add()([maps[-1], branch]) if shortcut else branch)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps[-1]))
    return keras.Model(inputs, [logits, *maps])


# %%
import tensorflow as tf


def gradient_norms(model, images, labels):
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        logits, *maps = model(images, training=True)
        loss = loss_function(labels, logits)
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, maps)]


# %%
rng = np.random.default_rng(course.seed)
images, labels = rng.normal(size=(32, 16, 16, 3)).astype("float32"), rng.integers(0, 5, 32)
norms = {}
for name, shortcut, normalise in (
    ("ふつうの層", False, False),
    ("残差のある層", True, False),
    ("残差 + BatchNormalization", True, True),
):
    keras.utils.set_random_seed(course.seed)
    norms[name] = gradient_norms(deep_network(shortcut, normalise), images, labels)

# %%
figure, axis = new_figure(
    "横軸は入口から数えた層の番号、縦軸は対数で示した勾配の大きさ。"
    "ふつうの層では入口に近いほど勾配が小さい。残差のある層では逆に大きくなり、"
    "BatchNormalization を足すと、その膨らみが抑えられる。"
)
for (name, values), marker in zip(norms.items(), "os^", strict=True):
    axis.semilogy(range(DEPTH + 1), values, marker=marker, label=name)
axis.set(xlabel="層の番号 (左が入口)", ylabel="勾配のノルム", title="30 層のネットワークの、各層に届く勾配")
axis.legend()
figure

# %%
ratio = {name: values[0] / values[-1] for name, values in norms.items()}
claim(
    "ch05.gradient.plain",
    "足し算のない 30 層では、入口の勾配は出口の 100 分の 1 に満たない",
    "レポート「勾配消失問題」",
    ratio["ふつうの層"],
    band=(0, 0.01),
)
claim(
    "ch05.gradient.residual",
    "残差のある 30 層では、入口の勾配は消えず、むしろ 100 倍以上になる",
    "この章",
    ratio["残差のある層"],
    band=(100, 1e6),
)
claim(
    "ch05.gradient.normalised",
    "枝に BatchNormalization を入れると、その膨らみは 5 分の 1 以下になる (比)",
    "He et al. 2016",
    ratio["残差 + BatchNormalization"] / ratio["残差のある層"],
    band=(0, 0.2),
)
# %% [markdown]
# 足し算だけでは、勾配は消えない代わりに、層ごとに $1 + F'$ 倍に膨らみます。枝の出力の大きさをそろえる
# BatchNormalization と組になって、はじめて深いネットワークが落ち着いて学習できます。

# %% [markdown]
# ## 2. 残差ブロックと、ネットワークの大きさ
#
# 2015 年の残差ブロックは「畳み込み → BatchNormalization → ReLU → 畳み込み → BatchNormalization」の枝に入力を足し、
# 最後に ReLU を掛けます。枝の最後の BatchNormalization の倍率 $\gamma$ を 0 にすると、枝の出力は 0 になり、
# ブロックは**何もしない層 (恒等写像)** になります。深くしても、少なくとも悪くはならないところから学習を始められるわけです。

# %%
inputs = keras.Input((8, 8, 4))
block = keras.Model(inputs, residual_block(inputs, filters=4))
last_norm = [layer for layer in block.layers if isinstance(layer, layers.BatchNormalization)][-1]
last_norm.gamma.assign(ops.zeros(4))

x = rng.uniform(0, 1, (2, 8, 8, 4)).astype("float32")
claim(
    "ch05.block.identity",
    "最後の γ が 0 のブロックは、0 以上の入力をそのまま通す (ずれの最大)",
    "He et al. 2016、Goyal et al. 2017",
    float(np.abs(block.predict(x, verbose=0) - x).max()),
    band=(0, 0),
)

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


claim(
    "ch05.parameters.resnet20",
    "ResNet-20 の学習できるパラメータ数",
    "He et al. 2016、表 6 (0.27M)",
    trainable_parameters(resnet20()),
    expected=269_722,
)
claim(
    "ch05.parameters.wrn28_10",
    "WRN-28-10 の学習できるパラメータ数",
    "Zagoruyko & Komodakis 2016 (36.5M)",
    trainable_parameters(wide_resnet28(10)),
    expected=36_479_194,
)
claim(
    "ch05.parameters.resnet50",
    "Keras の ResNet50 の全パラメータ数",
    "Keras Applications の表",
    keras.applications.ResNet50(weights=None).count_params(),
    expected=25_636_712,
)
keras.backend.clear_session()

# %% [markdown]
# ## 3. データと、事前学習ずみの backbone
#
# レポートは 5 種類の花の写真 (`tf_flowers`) を使いました。ふだんの `quick` プロファイルでは、同じ 5 種類をプログラムが描いた絵を使います。
# 色はわざと重なるようにしてあり、形を見ないと当たりません。`full` プロファイルでは、4 節の実験が本物の写真と ImageNet の重みで動きます。

# %% tags=["nbval-check-output"]
SEED = 3
splits = experiment.SCALES["quick"].load(SEED)
for name in ("train", "validation", "test"):
    print(f"{name:10} {len(getattr(splits, name).labels):5} 枚")

# %%
from course_utils.flowers import draw_flowers

names = ["たんぽぽ", "ひなぎく", "チューリップ", "ひまわり", "ばら"]
samples, kinds = draw_flowers(count_per_class=2, size=96, seed=5)
show_images(
    samples,
    [names[k] for k in kinds],
    columns=5,
    heading="プログラムが描いた花 (学習には 32 画素に縮めて使います)",
)

# %% [markdown]
# レポートは写真を 70 % と 30 % の 2 つに分け、30 % のほうで**早期終了 (early stopping) を決め、成績も測りました**。
# 学習を止める時期をそのデータで選んだのですから、そこで測った成績は甘くなります。
# そこで 3 つ目の組を足します。訓練用 (train) で重みを学び、検証用 (validation) で決めごとをし、
# テスト用 (test) は最後に一度だけ見ます。
#
# backbone (特徴を取り出す本体) は、この講座のスクリプトが CIFAR-10 で事前学習した小さな ResNet と、幅が 2 倍の ResNet です。
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
# レポートの 3 つのプログラムの違いは、2 か所だけです。`weights` と `trainable` を見比べてください。
#
# | | 事前学習なし | 転移学習 | ファインチューニング |
# |:--|:--|:--|:--|
# | 重みの初期値 (`weights`) | 乱数 | 事前学習ずみ | 事前学習ずみ |
# | backbone を学習するか (`trainable`) | する | **しない** | する |
#
# 転移学習を 1 本、省略なしで書きます。出力層だけが学習されることを、パラメータの数で確かめます。

# %% tags=["nbval-check-output"]
keras.utils.set_random_seed(course.seed)
backbone = load_backbone("resnet_small_cifar10")
backbone.trainable = False
outputs = layers.Dense(5, activation="softmax")(backbone.output)
model = keras.Model(backbone.input, outputs)

model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["acc"])
print(f"全パラメータ {model.count_params():,}、学習するのは {trainable_parameters(model):,} (= 96 × 5 + 5)")

# %% [markdown]
# 7 本すべてを、レポートと同じ条件で走らせます。バッチは 16、最大 20 エポック、検証精度が 2 エポック続けて上がらなければ止めます。
# 学習率もレポートのままです。backbone を凍結した run では特徴を一度だけ計算します (次の節で、これが同じ結果になることを確かめます)。
#
# 1 つだけ、規模に合わせた工夫があります。Adam は勾配の大きさによらず、重みを 1 歩で学習率ほど動かします。
# すると、出力 (logit) の動きは「学習率 × 特徴の合計」くらいになります。レポートの ResNet50 の特徴は 2,048 個、
# 私たちのは 96 個しかないので、同じ学習率では出力層が 20 分の 1 の速さでしか学べません。
# そこで特徴を $2048 / 96$ 倍し、0 から始めた出力層に渡して、学習率の意味をそろえます。
#
# ここで走らせるのは、5 つの種のうち、いちばん早く終わる種の 1 回だけです。5 つすべての結果は 6 節にあります。

# %%
scale = experiment.SCALES[course.profile]
flowers = splits if course.profile == "quick" else scale.load(SEED)
live = {}
for run in experiment.RUNS:
    live[run.key] = result = experiment.execute(run, flowers, SEED, scale)
    print(f"{run.key}  {result.epochs:2} エポック  {result.seconds:5.1f} 秒  {run.title}", flush=True)

# %%
result_table(tables.comparison(live), caption=f"レポートの表と、いまの実行 (種 {SEED})")

# %% [markdown]
# 「花の種類を見ずに答える」基準 (5 種類が同じ枚数なので 0.2) を、どの run も上回っています。
# 「別の学習者」の列は、`tf_flowers` の写真と ImageNet の重みによる検証精度です。規模が違うので、値そのものではなく並び方を比べてください。

# %%
plot_histories(
    {f"{run.key} {run.title}": live[run.key].history for run in experiment.RUNS[:3]},
    "acc",
    heading="レポートの図 1: ResNet の学習曲線",
)

# %%
plot_histories(
    {f"{run.key} {run.title}": live[run.key].history for run in experiment.RUNS[3:]},
    "acc",
    heading="レポートの図 2: Wide ResNet の学習曲線",
)

# %% [markdown]
# ## 5. 凍結した backbone の特徴は、一度計算すればよい
#
# 凍結した backbone は、同じ画像に毎回同じ特徴を返します。それなのに素直に書くと、エポックのたびに計算し直します。
# 先に特徴を計算しておけば、残るのは小さな出力層の学習だけです。同じ結果になるか、どれだけ速いかを測ります。

# %%
prepared = [preprocess(split.images) for split in (splits.train, splits.validation)]
targets = [splits.train.labels, splits.validation.labels]
EPOCHS = 4


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
claim(
    "ch05.cache.same",
    "特徴を一度だけ計算しても、損失の曲線は同じ (ずれの最大)",
    "この章",
    float(np.abs(np.array(once["val_loss"]) - np.array(every_epoch["val_loss"])).max()),
    band=(0, 0.01),
)
# %% [markdown]
# ## 6. レポートの考察を、5 つの種で確かめる
#
# 1 回の実行では、たまたまかもしれません。データも重みも変えた 5 つの種で、7 本すべてを走らせた結果が保存してあります
# (`python -m chapters.ch05_resnet_transfer.experiment quick`)。

# %%
quick = experiment.stored_results("quick")
result_table(tables.summary(quick), caption="描いた花、5 つの種: 最小 / 中央値 / 最大")

# %%
plot_runs(
    tables.test_accuracies(quick),
    baseline=0.2,
    heading="描いた花のテスト精度 (点は種ごと、横棒は中央値)",
)

# %% [markdown]
# 本物の写真 (48 画素に縮めたもの) でも、同じ 7 本を走らせました (`… experiment photos`)。

# %%
photos = experiment.stored_results("photos")
result_table(tables.summary(photos), caption="花の写真、5 つの種: 最小 / 中央値 / 最大")

# %%
plot_runs(
    tables.test_accuracies(photos),
    baseline=0.2,
    heading="花の写真のテスト精度 (点は種ごと、横棒は中央値)",
)

# %% [markdown]
# レポートの考察には、確かめられる文が 3 つあります。転移学習とファインチューニングの対 (b と c、0 と 1、2 と 3) を、
# 同じ種どうしで引き算して調べましょう。

# %%
result_table(tables.pair_summary(quick), caption="描いた花: ファインチューニング − 転移学習")

# %%
result_table(tables.pair_summary(photos), caption="花の写真: ファインチューニング − 転移学習")

# %% [markdown]
# ### 「ファインチューニングを使ったアルゴリズムのものはスコアが良い傾向にある」

# %%
both = [*tables.pairs(quick), *tables.pairs(photos)]
claim(
    "ch05.tuning_scores_better",
    "ファインチューニングのテスト精度が転移学習を上回った割合 (3 つの対、5 つの種、2 つのデータ)",
    "レポートの考察",
    float(np.mean([gain > 0 for pair in both for gain in pair.gains])),
    band=(0.9, 1),
)
# %% [markdown]
# ### 「転移学習よりファインチューニングの方が少ないエポック数で early-stopping が効いている」
#
# 先に止まった種の割合を、データと対ごとに数えます。

# %%
stopped_first = {
    (name, pair.frozen): float(np.mean([more < 0 for more in pair.longer]))
    for name, results in {"quick": quick, "photos": photos}.items()
    for pair in tables.pairs(results)
}
claim(
    "ch05.tuning_stops_earlier.photos",
    "花の写真、学習率 1e-3 どうし (0 → 1): ファインチューニングが先に止まった種の割合",
    "レポートの考察",
    stopped_first["photos", "0"],
    band=(0.8, 1),
    verdict="条件つき",
)
claim(
    "ch05.tuning_stops_earlier.lower_rate",
    "花の写真、学習率を 10 分の 1 にした対 (2 → 3): 同じ割合",
    "レポートの考察",
    stopped_first["photos", "2"],
    band=(0, 0.4),
    verdict="成り立たない",
)
claim(
    "ch05.tuning_stops_earlier.drawn",
    "描いた花、3 つの対すべて: 同じ割合",
    "レポートの考察",
    float(np.mean([stopped_first["quick", key] for key in "b02"])),
    band=(0, 0.4),
    verdict="成り立たない",
)

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
    caption="花の写真、5 つの種: 最小 / 中央値 / 最大",
)


# %%
def median_test(results):
    return float(np.median([r.test for r in results]))


claim(
    "ch05.wide_is_best.report_rate",
    "レポートの学習率で、幅 2 倍 (3) は小さな ResNet (c) よりどれだけ高いか (花の写真のテスト精度、中央値の差)",
    "レポートの考察",
    median_test(wide) - median_test(small),
    band=(-0.1, -0.01),
    verdict="成り立たない",
)
claim(
    "ch05.wide_is_best.same_rate",
    "学習率を c にそろえると、幅 2 倍は小さな ResNet よりどれだけ高いか (同じ測り方)",
    "レポートの考察",
    median_test(wide_same_rate) - median_test(small),
    band=(0.005, 0.1),
    verdict="条件つき",
)
claim(
    "ch05.wide_costs_more",
    "幅 2 倍 (3) の訓練時間は、小さな ResNet (c) の何倍か (描いた花、中央値の比)",
    "レポートの考察",
    float(np.median([r.seconds for r in tables.by_key(quick, "3")]))
    / float(np.median([r.seconds for r in tables.by_key(quick, "c")])),
    band=(1.5, 10),
    unit="倍",
)

# %% [markdown]
# 幅の広いモデルが強みを出すには、学習率と学習量が足りていなければなりません。レポートの 1e-5 は、2,569 枚の写真で
# 1 エポックに 161 歩進むときの値です。1 エポックに 32 歩ほどの私たちの規模では、進み足りないまま止まります。

# %% [markdown]
# ## 7. 何で事前学習するか
#
# 写真の分類には、写真での事前学習がいちばん効くのでしょうか。backbone の出どころを 3 つ用意しました。
#
# - **事前学習なし**: 乱数のまま
# - **フラクタル**: 式から描いた 100 種類の図形 4 万枚。写真は 1 枚も使いません (Kataoka et al. 2020)
# - **CIFAR-10**: 10 種類の物の写真 5 万枚
#
# 花の写真での転移を 5 つの種で比べます (`… experiment sources`)。学習率は、凍結した場合が 1e-3、ファインチューニングが 1e-4 です。

# %%
sources = experiment.stored_results("sources")
result_table(tables.source_summary(sources), caption="花の写真のテスト精度、5 つの種: 最小 / 中央値 / 最大")

# %%
median = {key: median_test(tables.by_key(sources, key)) for key in dict.fromkeys(r.key for r in sources)}
claim(
    "ch05.source.photographs",
    "凍結した backbone のテスト精度: CIFAR-10 は乱数よりどれだけ高いか (中央値の差)",
    "この章",
    median["cifar10 frozen"] - median["scratch frozen"],
    band=(0.1, 0.4),
)
claim(
    "ch05.source.fractals",
    "凍結した backbone のテスト精度: フラクタルは乱数よりどれだけ高いか (中央値の差)",
    "Kataoka et al. 2020",
    median["fractal frozen"] - median["scratch frozen"],
    band=(-0.1, 0.05),
    verdict="成り立たない",
)
# %% [markdown]
# 写真には写真が効きました。フラクタルで学んだ特徴は、3 節の表のとおりフラクタルの種類はほとんど間違えないのに、花の写真では
# 乱数の特徴を超えません。**事前学習の精度が高いことと、よそで役に立つことは別**です。
# 論文は 1,000 種類以上のフラクタルと ResNet-50 を使い、ImageNet の事前学習に迫る場合があると報告しています。
# 32 画素に縮めた 100 種類は、外形だけで見分けられるほどやさしく、細かな模様を見る必要がなかったのでしょう。

# %% [markdown]
# ## 8. つまずきやすいところ
#
# ### 前処理を取り違える
#
# レポートの元になった演習は、画素を 255 で割って ResNet50 に渡しています。Keras の ResNet50 が待っているのは、
# 0〜255 の画素から平均を引いた値です。取り違えると、backbone から見た画像はどれもほとんど真っ黒です。

# %%
right = experiment.features(backbone, preprocess(splits.train.images))
wrong = experiment.features(backbone, experiment.divide_by_255(splits.train.images))


def spread(features):
    return float(np.mean(features.std(axis=0) / (np.abs(features).mean(axis=0) + 1e-9)))


print(
    f"特徴の散らばり (標準偏差 ÷ 平均): 正しい前処理 {spread(right):.2f}、255 で割った場合 {spread(wrong):.3f}"
)
claim(
    "ch05.hazard.preprocess",
    "255 で割ると、画像による特徴の違いが 3 分の 1 以下になる (散らばりの比)",
    "この章",
    spread(wrong) / spread(right),
    band=(0, 1 / 3),
)
# %% [markdown]
# ### 凍結したつもりの BatchNormalization
#
# `trainable = False` にした BatchNormalization は、学習中も推論モードで動きます (Keras の約束です)。
# けれども、畳み込みだけを凍結したり、`training=True` で呼んだりすると、**重みは動かないのに移動平均が動きます**。
# 次の例では、backbone に学習できるパラメータが 1 つもありません。

# %%
leaky = load_backbone("resnet_small_cifar10")
for layer in leaky.layers:
    if not isinstance(layer, layers.BatchNormalization):
        layer.trainable = False
    else:
        layer.gamma.trainable = layer.beta.trainable = False
before = {weight.path: weight.numpy() for weight in leaky.weights}
arrays = list(zip(prepared, targets, strict=True))
_ = experiment.fit(experiment.classifier(leaky.input, leaky.output, 1e-4), *arrays, epochs=1)
moved = sorted(
    {w.path.split("/")[-1] for w in leaky.weights if not np.array_equal(before[w.path], w.numpy())}
)
print("動いたもの:", moved)
claim(
    "ch05.hazard.batchnorm",
    "学習できるパラメータがなくても、BatchNormalization の移動平均は動く",
    "Keras の BatchNormalization の説明",
    " ".join(moved),
    expected="moving_mean moving_variance",
)
# %% [markdown]
# ### ファインチューニングの学習率が大きすぎる
#
# レポートの表の 1 番は、Adam の既定値 1e-3 でファインチューニングしています。元の規模では、凍結した 0 番より悪くなりました
# (別の学習者の検証精度で 0.906 から 0.768 へ)。事前学習で得た重みを、最初の数歩で壊してしまうからです。
# 私たちの小さな backbone で、4 節の c (1e-4) と 1 (1e-3) に 1e-2 を加え、2 エポック目の検証精度を比べます。

# %%
keras.utils.set_random_seed(course.seed)
hasty = load_backbone("resnet_small_cifar10")
original = [weight.numpy() for weight in hasty.trainable_weights]
history = experiment.fit(experiment.classifier(hasty.input, hasty.output, 1e-2), *arrays, epochs=2)

travelled = [
    np.linalg.norm(now.numpy() - then) / np.linalg.norm(then)
    for now, then in zip(hasty.trainable_weights, original, strict=True)
    if then.ndim == 4
]
print(f"学習率 1e-2 の 2 エポックで、畳み込みの重みは元の大きさの {np.median(travelled):.1f} 倍動きました")

# %%
second_epoch = {
    "1e-4 (c)": live["c"].history["val_acc"][1],
    "1e-3 (1)": live["1"].history["val_acc"][1],
    "1e-2": history["val_acc"][-1],
}
result_table([{"学習率": rate, "2 エポック目の検証精度": score} for rate, score in second_epoch.items()])

# %% [markdown]
# 小さな backbone と小さな画像では、1e-3 はまだ壊れるほど大きくありません。1e-2 まで上げると、事前学習の成果が失われます。
# 「どこからが大きすぎるか」はネットワークによって違うので、小さいほうから試すのが安全です。

# %%
claim(
    "ch05.hazard.rate",
    "学習率 1e-2 では、2 エポックで畳み込みの重みが元の大きさの半分以上動く (中央値)",
    "この章",
    float(np.median(travelled)),
    band=(0.5, 100),
)
if course.profile == "quick":
    claim(
        "ch05.hazard.rate_score",
        "学習率 1e-2 の検証精度は、1e-4 と 1e-3 のよいほうより 0.1 以上低い (差)",
        "この章",
        max(second_epoch["1e-4 (c)"], second_epoch["1e-3 (1)"]) - second_epoch["1e-2"],
        band=(0.1, 1),
    )

# %% [markdown]
# ### テスト用のデータで選ぶ
#
# 何も学んでいない、でたらめに答えるモデルを 200 個作ります。本当の実力はどれも 0.2 です。
# その中からテスト用の 60 枚で「最良」を選ぶと、成績はいくつになるでしょうか。選んだモデルを、新しい 10,000 枚でも測ります。

# %%
guesses, truth = rng.integers(0, 5, (200, 60)), rng.integers(0, 5, 60)
best_score = float((guesses == truth).mean(axis=1).max())
fresh_score = float((rng.integers(0, 5, 10_000) == rng.integers(0, 5, 10_000)).mean())
print(f"選ぶのに使った 60 枚での精度 {best_score:.3f}、新しい 10,000 枚での精度 {fresh_score:.3f}")
claim(
    "ch05.hazard.selection",
    "実力 0.2 のモデル 200 個から選ぶと、選んだデータでの精度は 0.1 以上甘くなる (差)",
    "この章",
    best_score - fresh_score,
    band=(0.1, 0.3),
)
# %% [markdown]
# ## 9. 演習
#
# 答えを書いたセルを実行してから、次の `check` のセルを実行してください。その場で採点されます。
# 手がかりがほしいときは `hint("ch05.preprocess")` のように、問題の名前を渡して呼びます。呼ぶたびに 1 段ずつ詳しくなります。
# `# EXERCISE …` の行は消さないでください。採点のときの目印になります。
# 日を改めて続けるときは、いちばん上の `# SETUP` のセルと次のセルだけを実行すれば、どの問題からでも始められます。

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
# `(実行したエポック数, 最高点のエポックの重み)` の組を返します。同点なら、先のエポックが最高点です。
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
# - **前処理** レポートの演習は `x / 255` を ResNet50 に渡しています。8 節で見たとおり、正しくは
#   `keras.applications.resnet.preprocess_input` です。TensorFlow Hub のモジュールのほうは 0〜1 の値を待っているので、`x / 255` が正解です。
# - **データの分け方** レポートの 30 % は、早期終了を決める検証用と、成績を測るテスト用を兼ねていました。3 つに分けると、成績は少し下がるのがふつうです。
# - **ファインチューニングの学習率** 表の 1 番は 1e-3 のままなので、0 番より悪い結果になりました。3 番は 1e-5 に下げてあります。
#   「ファインチューニングが良い」は、学習率を小さくしたときの話です。
# - **Wide ResNet** レポートの BiT-S R50x3 は、幅を 3 倍にした ResNet-v2-50 で、BatchNormalization の代わりに GroupNorm と重みの標準化を使います。
#   Zagoruyko & Komodakis の WRN とは別のネットワークです。
# - **いまの Keras** `hub.KerasLayer` は Keras 3 では動きません。この講座の `course_utils.hub.HubLayer` が同じ役をします。

# %%
group_norm = layers.GroupNormalization(groups=2)
batch = rng.normal(3, 2, (4, 5, 5, 8)).astype("float32")
normalised = np.array(group_norm(batch)).reshape(4, 5, 5, 2, 4)
claim(
    "ch05.groupnorm",
    "GroupNorm は 1 枚ごと、組ごとに平均 0 にそろえる (平均の最大)。バッチの大きさによらない",
    "Wu & He 2018、Kolesnikov et al. 2020",
    float(np.abs(normalised.mean(axis=(1, 2, 4))).max()),
    band=(0, 1e-4),
)
# %% [markdown]
# ## 11. まとめ
#
# この章で確かめたことを一覧にします。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016
# - S. Zagoruyko, N. Komodakis, "Wide Residual Networks", BMVC 2016
# - A. Kolesnikov et al., "Big Transfer (BiT): General Visual Representation Learning", ECCV 2020
# - H. Kataoka et al., "Pre-training without Natural Images", ACCV 2020
# - Y. Wu, K. He, "Group Normalization", ECCV 2018
# - P. Goyal et al., "Accurate, Large Minibatch SGD", 2017 (最後の γ を 0 で始める)
# - A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009 (CIFAR-10)
