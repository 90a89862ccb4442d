# %% [markdown]
# # 第 22 章 グラフ畳み込み — Graph Convolutional Networks
#
# {{colab_badge}}
#
# *This chapter derives graph convolution twice, by averaging over neighbours and from the spectrum of the Laplacian, and
# shows numerically that both are the same layer. It is then tried on the four applications that the report names, each
# against baselines that need no training or no graph, and pushed until it fails: depth, unlike neighbours, lost direction.*
#
# 人のつながり、分子、買い物の記録は、画像の画素のように格子には並んでいません。こうした**グラフ**の上で畳み込みをするのが、グラフ畳み込みです。
# 周波数から考えた初期の方法 (Bruna ら、2014 年) は計算が重く、多項式による近似 (Defferrard ら、2016 年) を経て、
# Kipf と Welling が 2017 年の論文で、1 行で書ける簡単な層 (GCN) にまとめました。
#
# この章でいう**レポート**とは、この講座のもとになった深層学習のレポートの「グラフ畳込み(GCN)」の節です。そこに書かれたことを 1 つずつ確かめます。
#
# **この章でできるようになること**
#
# - 空間アプローチとスペクトルアプローチを手で計算し、2 つが同じ層に行き着くことを数で示す
# - グラフ畳み込みの層を Keras で書き、頂点の分類、リンク予測、グラフの分類、推薦に使う
# - 深くしすぎたとき、隣どうしが似ていないとき、答えの辺が漏れたときに何が起こるかを測る
#
# **前提** 第 4 章 (応用技術) の畳み込み。線形代数は、固有値と固有ベクトルの意味が分かれば十分です。この章だけを読むこともできます。
#
# **所要時間とメモリ** 2 コアのパソコンで 90 秒以内、2.5 GB 以内です。最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 空手クラブのグラフは networkx に付属するもの (Zachary 1977)、ほかのグラフはこの講座のプログラムが描いたもの
# (CC BY 4.0) です。ダウンロードは要らないので、`full` プロファイルでも同じ計算をします。
#
# **論文** Kipf & Welling, *Semi-Supervised Classification with GCN* (ICLR 2017) · Defferrard et al., *ChebNet* (NeurIPS 2016) ·
# Zachary, *An Information Flow Model for Conflict and Fission in Small Groups* (1977) · Li et al., *Deeper Insights into GCN* (AAAI 2018)

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=22)

# %%
import time

import keras
import networkx as nx
import numpy as np
import tensorflow as tf
from keras import layers, ops

from chapters.ch22_gcn import baselines, experiment, figures, graphs, models, spectral, tables
from course_utils.claims import claim, claims_table
from course_utils.plots import plot_runs
from course_utils.tables import result_table

rng = np.random.default_rng(course.seed)

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. 空間アプローチ: 隣から集める
#
# グラフ (graph) は、**頂点 (node)** と、頂点を結ぶ**辺 (edge)** からできています。レポートのいう「ノード」と「エッジ」です。
# 頂点はそれぞれ特徴を持ちます。下のグラフの特徴は、数 1 つだけです。
#
# ### 手で計算する

# %%
tiny = nx.Graph([(0, 1), (0, 2), (1, 2), (2, 3)])
places = {0: (0, 1), 1: (0, 0), 2: (1, 0.5), 3: (2, 0.5)}
x = np.array([1, 2, 3, 6])
figures.show_signals(
    tiny,
    places,
    {"頂点に書いた数が特徴": x},
    heading="4 つの頂点のグラフ",
    alt="頂点が 4 つのグラフ。左上の頂点 0 (値 1)、左下の頂点 1 (値 2)、真ん中の頂点 2 (値 3) が三角形をつくり、右端の頂点 3 (値 6) は頂点 2 だけとつながっている。",
    write="d",
    size=1500,
)

# %% [markdown]
# 「周辺ノードの特徴を集約する」を、いちばん素直にやってみましょう。隣の値を足すだけです。
#
# - 右端の頂点の隣は、真ん中の 1 つだけなので、3
# - 真ん中の頂点の隣は 3 つあるので、1 + 2 + 6 = 9
#
# 辺がある所を 1、ない所を 0 にした**隣接行列 (adjacency matrix)** $A$ を使うと、この足し算は $Ax$ と書けます。

# %% tags=["nbval-check-output"]
A = graphs.adjacency_matrix(tiny).astype(int)
print("A =\n", A)
print("隣の和 A x =", A @ x)

# %% [markdown]
# 困ったことが 2 つあります。
#
# 1. **自分が消えます。** 右端の頂点は 6 だったのに、結果の 3 には、その 6 が残っていません。
# 2. **隣の多い頂点ほど大きくなります。** 真ん中が大きいのは、値のせいではなく、隣が 3 つあるせいです。
#
# 1 つ目は、自分への辺、つまり**自己ループ (self-loop)** を足して $\tilde A = A + I$ とすれば直ります。2 つ目は、足した数で割れば直ります。

# %% tags=["nbval-check-output"]
A_loop = A + np.eye(4, dtype=int)
degrees = A_loop.sum(axis=1)
print("自分も足す  ", A_loop @ x)
print("足した数    ", degrees)
print("割ると平均  ", (A_loop @ x) / degrees)

# %% [markdown]
# 右端は (3 + 6) ÷ 2 = 4.5 になりました。隣に引かれながら、自分の値も残しています。
#
# ### なぜ自己ループか
#
# 頂点が 2 つ、辺が 1 本だけのグラフで、自己ループのない平均をくり返します。頂点 0 の値は 1、頂点 1 の値は 0 です。

# %% tags=["nbval-check-output"]
pair = np.array([[0, 1], [1, 0]])
value = np.array([1, 0])
for step in range(4):
    print(f"{step} 回  自己ループなし {value}")
    value = pair @ value
print("1 回  自己ループあり", (pair + np.eye(2)) @ [1, 0] / 2)

# %% [markdown]
# 値が入れ替わるだけで、いつまでも落ち着きません。自己ループがあれば、1 回で同じ値に落ち着きます。
#
# ### 対称に割る
#
# Kipf と Welling のグラフ畳み込み (graph convolution) は、行だけで割る代わりに、行と列の両方を次数の平方根で割ります。
# $\tilde D$ は、自己ループも数えた次数 (degree) を対角に並べた行列です。
#
# $$P = \tilde D^{-1/2}\, \tilde A\, \tilde D^{-1/2}, \qquad P_{ij} = \frac{\tilde A_{ij}}{\sqrt{\tilde d_i \tilde d_j}}$$
#
# 頂点 2 と 3 の間なら、次数は 4 と 2 なので $1/\sqrt{8}$ です。この $P$ を、この章では**伝播行列 (propagation matrix)** と呼びます。

# %% tags=["nbval-check-output"]
P = A_loop / np.sqrt(np.outer(degrees, degrees))
print(P.round(3))
print("P x =", (P @ x).round(2))

# %% [markdown]
# 平均ではなくなりますが、$P$ が対称になるので、固有値が実数になり、性質がよく分かります。大きさも形も違うグラフを 200 個描いて、確かめましょう。


# %%
def drawn_graph(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 40))
    return nx.gnp_random_graph(size, rng.uniform(0.02, 0.6), seed=seed)


many = [graphs.adjacency_matrix(drawn_graph(seed)).astype("float64") for seed in range(200)]
spectra = [np.linalg.eigvalsh(graphs.propagation_matrix(adjacency)) for adjacency in many]
claim("ch22.propagation.largest", float(max(abs(values.max() - 1) for values in spectra)))
claim("ch22.propagation.smallest", float(min(values.min() for values in spectra)))
bipartite = nx.to_numpy_array(nx.complete_bipartite_graph(3, 4))
row_sums = bipartite.sum(axis=1)
claim(
    "ch22.propagation.no_loops",
    float(np.linalg.eigvalsh(bipartite / np.sqrt(np.outer(row_sums, row_sums))).min()),
)

# %% [markdown]
# 固有値 −1 は、さきほどの「入れ替わるだけ」にあたります。自己ループは、それを取り除いています。

# %% [markdown]
# ## 2. ふつうの畳み込みとのつながり
#
# なぜ「畳み込み」と呼ぶのでしょうか。頂点を輪に並べたグラフで、自己ループつきの集約をしてみます。
# どの頂点の次数も 3 なので、$P$ は「左、自分、右の平均」です。これは、重みが $[\frac13, \frac13, \frac13]$ の **1 次元の畳み込み**そのものです。
# 格子に並べれば、十字の形のカーネル (重みはどれも $\frac15$) の**画像の畳み込み**になります。

# %%
ring = graphs.adjacency_matrix(nx.cycle_graph(24))
signal = rng.normal(size=24).astype("float32")
wrapped = np.pad(signal, 1, mode="wrap")[None, :, None]
by_conv = ops.conv(wrapped, np.full((3, 1, 1), 1 / 3, "float32"))[0, :, 0].numpy()
claim("ch22.ring.convolution", float(np.abs(graphs.propagation_matrix(ring) @ signal - by_conv).max()))

# %%
grid_graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(8, 8, periodic=True), ordering="sorted")
image = rng.normal(size=(8, 8)).astype("float32")
cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], "float32") / 5
by_conv = ops.conv(np.pad(image, 1, mode="wrap")[None, ..., None], cross[..., None, None])[0, ..., 0].numpy()
by_graph = (graphs.propagation_matrix(graphs.adjacency_matrix(grid_graph)) @ image.ravel()).reshape(8, 8)
claim("ch22.grid.convolution", float(np.abs(by_graph - by_conv).max()))

# %% [markdown]
# つまり、グラフ畳み込みは畳み込みをグラフに広げたものです。ただし、**失うもの**もあります。
# 画像の畳み込みは「右の画素」と「左の画素」に違う重みを付けられます。グラフの隣には向きがないので、同じ重みしか付けられません。
# 次の節のどのフィルタを使っても、輪の上では左右対称な重みになります。係数をランダムに選んだフィルタ 100 個で確かめましょう。

# %%
impulse = np.eye(24)[0]
ring_laplacian = spectral.normalised_laplacian(ring)
responses = [spectral.filter_by_chebyshev(impulse, ring_laplacian, rng.normal(size=6)) for _ in range(100)]
claim("ch22.ring.symmetric", float(max(np.abs(h[1:] - h[1:][::-1]).max() for h in responses)))

# %% [markdown]
# 輪郭を取り出すカーネル $[-1, 0, 1]$ のような左右の差は、GCN では作れません。**並び方に意味があるデータには、ふつうの畳み込みを使いましょう。**

# %% [markdown]
# ## 3. スペクトルアプローチ: 周波数で考える
#
# ### ラプラシアンを手で
#
# レポートのいう**グラフラプラシアン (graph Laplacian)** は、次数を対角に並べた行列から隣接行列を引いたもの、$L = D - A$ です。
# 特徴 $x$ に対する $x^\top L x$ は、**すべての辺での差の 2 乗の和**になります。4 つの頂点のグラフなら
#
# $$(1-2)^2 + (1-3)^2 + (2-3)^2 + (3-6)^2 = 1 + 4 + 1 + 9 = 15$$
#
# 隣どうしの値が近ければ小さく、ばらばらなら大きくなります。この値を**ディリクレエネルギー (Dirichlet energy)** と呼びます。

# %% tags=["nbval-check-output"]
L = np.diag(A.sum(axis=1)) - A
print(L)
claim("ch22.laplacian.energy", int(x @ L @ x))

# %% [markdown]
# どの頂点も同じ値なら、エネルギーは 0 です。グラフがいくつかの島 (連結成分) に分かれていれば、島ごとに別の定数でも 0 のままです。
# だから、**固有値 0 の個数は、島の数**になります。

# %%
zeros = [int((np.linalg.eigvalsh(spectral.laplacian(adjacency)) < 1e-8).sum()) for adjacency in many]
islands = [nx.number_connected_components(drawn_graph(seed)) for seed in range(200)]
print(f"島の数は {min(islands)}〜{max(islands)}")
claim("ch22.laplacian.components", int(np.sum(np.array(zeros) != islands)))

# %% [markdown]
# ### 固有ベクトルは「波」
#
# 次数でそろえた**正規化ラプラシアン (normalised Laplacian)** $\mathcal L = I - D^{-1/2} A D^{-1/2}$ の固有ベクトルを、輪の上で描きます。

# %%
eigenvalues, waves = np.linalg.eigh(ring_laplacian)
figures.plot_lines(
    {f"固有値 {eigenvalues[k]:.2f}": (range(24), waves[:, k]) for k in (0, 1, 5)},
    xlabel="輪の上の頂点の番号",
    ylabel="固有ベクトルの値",
    heading="輪の固有ベクトルは、固有値が大きいほど細かい波",
    alt="横軸は輪の上の頂点の番号、縦軸は固有ベクトルの値。固有値 0 では一定、次に小さい固有値では 1 周で 1 回うねる波、もっと大きい固有値では 3 回うねる細かい波になる。",
)

# %% [markdown]
# 輪では、サインとコサインの波が出てきます。固有値は $1 - \cos(2\pi k/n)$ で、周波数 $k$ が高いほど大きくなります。
# そこで、グラフ一般でも、固有ベクトル $U$ を波、固有値 $\lambda$ を周波数と考え、$U^\top x$ を**グラフフーリエ変換 (graph Fourier transform)** と呼びます。
# スペクトルアプローチのフィルタは、周波数ごとに倍率 $g(\lambda)$ を掛けて、元に戻すものです。
#
# $$y = U\, g(\Lambda)\, U^\top x$$


# %%
def smooth(values):
    return np.exp(-3 * values)


frequencies = 1 - np.cos(2 * np.pi * np.arange(24) / 24)
by_fft = np.fft.ifft(np.fft.fft(signal) * smooth(frequencies)).real
by_graph = spectral.filter_by_eigenvectors(signal, ring_laplacian, smooth)
claim("ch22.ring.eigenvalues", float(np.abs(eigenvalues - np.sort(frequencies)).max()))
claim("ch22.ring.fourier", float(np.abs(by_graph - by_fft).max()))

# %% [markdown]
# ### 低い周波数だけを残すと、雑音が消える
#
# 近い町どうしを結んだグラフに、なだらかに変わる気温を置き、雑音を足します。高い周波数を弱める $g(\lambda) = 1/(1 + 5\lambda)$ を通してみましょう。

# %%
town_graph = graphs.towns(seed=2, nodes=120, radius=0.15)
town_places = nx.get_node_attributes(town_graph, "pos")
xy = np.array([town_places[node] for node in range(len(town_graph))])
truth = np.sin(3 * xy[:, 0]) + np.cos(3 * xy[:, 1])
noisy = truth + rng.normal(0, 0.8, len(truth))
town_laplacian = spectral.normalised_laplacian(graphs.adjacency_matrix(town_graph))
filtered = spectral.filter_by_eigenvectors(noisy, town_laplacian, lambda values: 1 / (1 + 5 * values))

# %%
figures.show_signals(
    town_graph,
    town_places,
    {"本当の値": truth, "雑音を足した": noisy, "フィルタを通した": filtered},
    heading="低い周波数を残すフィルタ (丸は正、四角は負、大きいほど 0 から遠い)",
    alt="近い頂点どうしを結んだグラフが 3 枚。本当の値は下の中央で最も大きく、上へ行くほど小さく、なだらかに変わる。雑音を足すと、隣どうしの大きさや符号がばらばらになる。フィルタを通すと、ふたたびなだらかになる。",
    size=70,
)

# %%
claim("ch22.filter.noise", float(np.sqrt(np.mean((filtered - truth) ** 2) / np.mean((noisy - truth) ** 2))))

# %% [markdown]
# ### レポートのいうデメリット
#
# レポートは、スペクトルアプローチのデメリットを 2 つ挙げています。1 つ目は「固有値分解の計算コストが高い」です。
# 固有ベクトルの行列はすきまなく埋まっているので、掛けるだけでも 1 回に $n^2$ 回の積和が要ります (分解そのものは $n^3$ の程度です)。
# 次の節のチェビシェフ多項式なら、辺の数だけで済みます。辺は少ないので、疎行列 (sparse matrix) で持ちます。

# %%
spectral.filter_by_eigenvectors(np.ones(9), np.eye(9), smooth)  # 1 回目だけかかる準備を済ませる
rows = []
for size in (200, 400, 800):
    graph = nx.gnp_random_graph(size, 8 / size, seed=1)
    dense, sparse = nx.to_numpy_array(graph), nx.to_scipy_sparse_array(graph, dtype=float)
    started = time.perf_counter()
    spectral.filter_by_eigenvectors(np.ones(size), dense, smooth)
    middle = time.perf_counter()
    spectral.filter_by_chebyshev(np.ones(size), sparse, np.ones(6), largest=20)
    seconds = middle - started, time.perf_counter() - middle
    per_step = sparse.nnz + size
    rows.append({"頂点": size, "積和 (固有)": 2 * size**2, "積和 (5 次)": 5 * per_step})
    rows[-1] |= {"ミリ秒 (固有)": 1e3 * seconds[0], "ミリ秒 (5 次)": 1e3 * seconds[1]}
result_table(rows, caption="固有ベクトルを使う場合と、5 次のチェビシェフ多項式 (時間は目安)", digits=1)

# %%
claim("ch22.spectral.cost", rows[-1]["積和 (固有)"] / rows[-1]["積和 (5 次)"])

# %% [markdown]
# 2 つ目は「グラフサイズに依存し、異なるグラフに対して一般化が難しい」です。初期のスペクトルアプローチは、**固有ベクトル 1 本ごとに倍率を 1 つ**学びました。
# 「$P$ を 2 回掛ける」という操作を、輪に近いグラフで学び、つながりの集まる頂点 (ハブ) のある、同じ大きさのグラフで使ってみます。
# 比べる相手は、同じデータから $\lambda$ の 2 次式の係数を 3 つだけ学んだフィルタです。


# %%
def normalised(graph):
    return np.eye(len(graph)) - graphs.propagation_matrix(graphs.adjacency_matrix(graph)).astype("float64")


here = normalised(nx.watts_strogatz_graph(60, 4, 0.05, seed=1))
there = normalised(nx.barabasi_albert_graph(60, 2, seed=1))
inputs = rng.normal(size=(60, 200))


def two_steps(laplacian, signals):
    return signals - 2 * laplacian @ signals + laplacian @ laplacian @ signals


# %%
values, U = np.linalg.eigh(here)
spectrum, wanted = U.T @ inputs, U.T @ two_steps(here, inputs)
free = (spectrum * wanted).sum(axis=1) / (spectrum**2).sum(axis=1)  # 固有ベクトルごとの倍率
design = np.stack([(values[:, None] ** k * spectrum).ravel() for k in range(3)], axis=1)
theta = np.linalg.lstsq(design, wanted.ravel(), rcond=None)[0]  # λ の 2 次式の係数


def relative_error(laplacian, multipliers):
    _, U = np.linalg.eigh(laplacian)
    right = two_steps(laplacian, inputs)
    return np.linalg.norm((U * multipliers) @ (U.T @ inputs) - right) / np.linalg.norm(right)


errors = {
    name: (relative_error(here, of(here)), relative_error(there, of(there)))
    for name, of in (
        ("固有ベクトルごとの倍率 (60 個)", lambda laplacian: free),
        ("λ の 2 次式 (3 個)", lambda laplacian: np.polyval(theta[::-1], np.linalg.eigvalsh(laplacian))),
    )
}
result_table(
    [{"フィルタ": name, "学んだグラフ": a, "別のグラフ": b} for name, (a, b) in errors.items()],
    caption="正しい結果からのずれ (正しい結果の大きさとの比)",
)

# %%
claim("ch22.spectral.free", float(errors["固有ベクトルごとの倍率 (60 個)"][1]))
claim("ch22.spectral.polynomial", float(errors["λ の 2 次式 (3 個)"][1]))

# %% [markdown]
# 大きさが違うグラフでは、倍率の数が合わないので、使うことさえできません。レポートの指摘は、この初期の方法には当たります。
# **フィルタを $\lambda$ の多項式にすると、どちらのデメリットもなくなります。**

# %% [markdown]
# ## 4. チェビシェフ多項式から 1 次の GCN へ
#
# ### 手で計算する
#
# チェビシェフ多項式 (Chebyshev polynomial) は、前の 2 つから次を作ります。
#
# $$T_0(x) = 1, \quad T_1(x) = x, \quad T_k(x) = 2x\,T_{k-1}(x) - T_{k-2}(x)$$
#
# $x = 0.5$ なら、$T_2 = 2 \cdot 0.5 \cdot 0.5 - 1 = -0.5$、$T_3 = 2 \cdot 0.5 \cdot (-0.5) - 0.5 = -1$ です。
# $x = \cos 60°$ なので、これは $\cos 120°$ と $\cos 180°$ です。$T_k$ は、いつも −1〜1 に収まるコサインの波なのです。
#
# $x$ に行列を入れることもできます。固有値 0〜2 を −1〜1 に移した $\tilde{\mathcal L} = \mathcal L - I$ を使い、
# $y = \sum_k \theta_k T_k(\tilde{\mathcal L})\, x$ とします。要るのは「行列 × ベクトル」だけで、固有値分解は出てきません。

# %% [markdown]
# 係数 $\theta_k$ は、作りたい倍率 $g(\lambda)$ と $K + 1$ 個の点で一致するように決めます (補間)。点に $x_j = \cos\varphi_j$ を選ぶと、
# $T_k(x_j) = \cos k\varphi_j$ はコサインの波なので、フーリエ変換と同じ和で求まります ($k = 0$ だけは、この半分です)。
#
# $$\theta_k = \frac{2}{K + 1} \sum_{j=0}^{K} g(x_j + 1) \cos k\varphi_j, \qquad \varphi_j = \frac{(2j + 1)\,\pi}{2\,(K + 1)}$$

# %% tags=["export"]
import numpy as np


def chebyshev_coefficients(response, degree, largest=2.0):
    """固有値 0〜largest での倍率 response を近似する、degree 次のチェビシェフ多項式の係数を返します。"""
    orders = np.arange(degree + 1)
    angles = (2 * orders + 1) * np.pi / (2 * (degree + 1))
    values = response(largest * (np.cos(angles) + 1) / 2)  # 各点での倍率
    coefficients = 2 / (degree + 1) * np.cos(np.outer(orders, angles)) @ values
    coefficients[0] /= 2
    return coefficients


# %%
karate = graphs.karate_club()
karate_A = graphs.adjacency_matrix(karate.graph)
karate_L = spectral.normalised_laplacian(karate_A)
signal = rng.normal(size=34)
exact = spectral.filter_by_eigenvectors(signal, karate_L, smooth)
gaps = [
    np.abs(
        spectral.filter_by_chebyshev(signal, karate_L, spectral.chebyshev_coefficients(smooth, K)) - exact
    ).max()
    for K in range(1, 11)
]
figures.plot_lines(
    {"exp(−3λ) を近似したフィルタ": (range(1, 11), gaps)},
    xlabel="多項式の次数 K",
    ylabel="固有値分解した結果とのずれの最大",
    heading="次数を上げると、固有値分解なしで同じ結果になる",
    alt="横軸は多項式の次数、縦軸は対数で示したずれ。次数を 1 上げるごとに、ずれがおよそ一定の割合で小さくなり、直線に近い右下がりになる。",
    logarithmic=True,
)

# %%
theta = rng.normal(size=5)
by_eigen = spectral.filter_by_eigenvectors(
    signal, karate_L, lambda values: np.polynomial.chebyshev.chebval(values - 1, theta)
)
claim(
    "ch22.chebyshev.same",
    float(np.abs(spectral.filter_by_chebyshev(signal, karate_L, theta) - by_eigen).max()),
)
claim("ch22.chebyshev.approximates", float(gaps[-1]))

# %% [markdown]
# ### K 次のフィルタは、K 歩先までしか届かない
#
# $\mathcal L$ を 1 回掛けると、値は隣に 1 歩だけ広がります。だから $K$ 次の多項式は、$K$ 歩より遠くに影響しません。
# スペクトルから作ったのに、空間アプローチと同じ「近所から集める」計算になりました。

# %%
distance = nx.single_source_shortest_path_length(karate.graph, 16)
far = np.array([distance[node] for node in range(34)])
spread = spectral.filter_by_chebyshev(np.eye(34)[16], karate_L, theta[:4])
print(
    "3 次のフィルタが届いた最も遠い頂点まで",
    far[np.abs(spread) > 0].max(),
    "歩、グラフの端まで",
    far.max(),
    "歩",
)
claim("ch22.chebyshev.local", float(np.abs(spread[far > 3]).max()))

# %% [markdown]
# ### 1 次で止めると GCN になる
#
# $K = 1$ とし、係数を $\theta_0 = \theta$、$\theta_1 = -\theta$ の 1 つにまとめます。
#
# $$\theta\, x - \theta\, (\mathcal L - I)\, x = \theta\,(I + D^{-1/2} A D^{-1/2})\, x$$
#
# この行列の固有値は 0〜2 なので、層を重ねるたびに、最大で 2 倍に膨らみます。そこで Kipf と Welling は、自己ループを**先に**足してから正規化しました。
# **再正規化 (renormalisation trick)** と呼ばれます。これが 1 節の $P$ です。

# %%
scale = 1 / np.sqrt(karate_A.sum(axis=1))
plain = scale[:, None] * karate_A * scale
candidates = {
    "I を足さない": plain,
    "I + D^(-1/2) A D^(-1/2)": np.eye(34) + plain,
    "再正規化した P": graphs.propagation_matrix(karate_A.astype("float64")),
}
figures.plot_lines(
    {name: (range(1, 35), np.linalg.eigvalsh(matrix)) for name, matrix in candidates.items()},
    xlabel="小さい順に数えた番号",
    ylabel="固有値",
    heading="空手クラブのグラフでの 3 つの行列の固有値",
    alt="横軸は小さい順の番号、縦軸は固有値。I を足さない行列は −0.7 ほどから 1 まで、I を足した行列はそれを 1 だけ上にずらした 0.3 ほどから 2 まで、再正規化した P は −0.4 ほどから 1 までに収まる。",
)

# %%
result_table(
    [
        {
            "行列": name,
            "最小の固有値": (values := np.linalg.eigvalsh(matrix)).min(),
            "最大の固有値": values.max(),
            "8 層で最大何倍": np.abs(values).max() ** 8,
        }
        for name, matrix in candidates.items()
    ]
)

# %%
first_order = spectral.filter_by_chebyshev(signal, karate_L, [1, -1])
joined = [adjacency for adjacency in many if adjacency.sum(axis=1).min() > 0]
sums = [
    np.linalg.eigvalsh(2 * np.eye(len(adjacency)) - spectral.normalised_laplacian(adjacency))
    for adjacency in joined
]
claim(
    "ch22.first_order.same", float(np.abs(first_order - candidates["I + D^(-1/2) A D^(-1/2)"] @ signal).max())
)
claim("ch22.first_order.range", float(max(max(-values.min(), values.max() - 2) for values in sums)))

# %% [markdown]
# 最後に、$P$ そのものもスペクトルフィルタです。自己ループを足したグラフの正規化ラプラシアンを $\tilde{\mathcal L}$ とすると $P = I - \tilde{\mathcal L}$、
# つまり**倍率が $g(\lambda) = 1 - \lambda$ のフィルタ**です。低い周波数ほどよく通します。

# %%
looped = spectral.normalised_laplacian(karate_A + np.eye(34))
by_spectrum = spectral.filter_by_eigenvectors(signal, looped, lambda values: 1 - values)
claim("ch22.same_layer", float(np.abs(candidates["再正規化した P"] @ signal - by_spectrum).max()))

# %% [markdown]
# レポートは 2 つのアプローチを別々に紹介しました。行き着いた先は、同じ 1 つの層でした。

# %% [markdown]
# ## 5. グラフ畳み込みを Keras の層にする
#
# 特徴が何個もあるときは、頂点ごとに重み $W$ で混ぜてから、隣と集めます。$X$ の形は (頂点の数, 特徴の数) です。
#
# $$H = \mathrm{ReLU}(P X W + b)$$


# %%
class GraphConvolution(layers.Layer):
    def __init__(self, units, activation=None):
        super().__init__()
        self.units, self.activation = units, keras.activations.get(activation)

    def build(self, features_shape, propagation_shape):
        self.kernel = self.add_weight(shape=(features_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, features, propagation):
        return self.activation(propagation @ (features @ self.kernel) + self.bias)


# %% [markdown]
# 層の中身は 1 行です。グラフは重みではなく**入力**なので、どんなグラフにも同じ層を使えます。2 層を重ね、NumPy の計算と比べます。

# %%
features_in = keras.Input((None, 34))
propagation_in = keras.Input((None, None))
hidden = GraphConvolution(16, "relu")(features_in, propagation_in)
scores = GraphConvolution(2)(hidden, propagation_in)
model = keras.Model([features_in, propagation_in], scores)

karate_P = graphs.propagation_matrix(karate_A)
X = rng.normal(size=(34, 34)).astype("float32")
W1, b1, W2, b2 = model.get_weights()
by_numpy = karate_P @ (np.maximum(karate_P @ X @ W1 + b1, 0) @ W2) + b2
by_keras = model.predict_on_batch([X[None], karate_P[None]])[0]
print(f"パラメータ {model.count_params():,} = 34 × 16 + 16 + 16 × 2 + 2")
claim("ch22.layer.numpy", float(np.abs(by_keras - by_numpy).max()))

# %% [markdown]
# ### 番号を付け替えても、結果は同じ
#
# 頂点の番号は、こちらが勝手に付けたものです。付け替えたら、出力の行も同じように入れ替わるだけであってほしいものです。
# この性質を**置換同変性 (permutation equivariance)** といいます。比べる相手は、グラフを 1 列に並べて全結合の層に渡すネットワークです。

# %%
order = rng.permutation(34)
shuffled = model.predict_on_batch([X[order][None], karate_P[order][:, order][None]])[0]
dense = keras.Sequential([keras.Input((34 * 34,)), layers.Dense(16, "relu"), layers.Dense(34)])
flat = [dense.predict_on_batch(matrix.reshape(1, -1))[0] for matrix in (karate_P, karate_P[order][:, order])]
claim("ch22.layer.equivariant", float(np.abs(shuffled - by_keras[order]).max()))
claim("ch22.layer.dense", float(np.abs(flat[1] - flat[0][order]).max() / np.abs(flat[0]).max()))

# %% [markdown]
# ### 層の数だけ遠くが見える
#
# 頂点 16 の出力を、すべての頂点の入力で微分します。0 でない頂点が、見えている頂点です。


# %%
def reach(depth, node=16):
    network = models.node_classifier(34, 2, depth=depth)
    features, propagation = tf.constant(X[None]), tf.constant(karate_P[None])
    with tf.GradientTape() as tape:
        tape.watch(features)
        score = tf.reduce_sum(network([features, propagation])[0, node])
    return np.abs(tape.gradient(score, features).numpy()[0]).sum(axis=1)


seen = {depth: reach(depth) for depth in (1, 2, 3, 4)}
result_table(
    [
        {"層": depth, "見える頂点": int((g > 0).sum()), "最も遠い頂点まで": int(far[g > 0].max())}
        for depth, g in seen.items()
    ],
    caption="頂点 16 の出力に影響する頂点",
)

# %%
claim("ch22.layer.reach", float(seen[2][far > 2].max()))

# %% [markdown]
# ## 6. 空手クラブ: 2 人のラベルから全員を当てる
#
# 1970 年代、ある大学の空手クラブが、指導者 Mr. Hi (頂点 0) と部長 (頂点 33) の対立で 2 つに割れました。社会学者の Zachary は、割れる前の
# 交友関係を記録していました。networkx に入っているその本物のグラフで、**2 人だけ所属を教え、残りの 32 人を当てます**。

# %% tags=["nbval-check-output"]
claim("ch22.karate.nodes", len(karate.graph))
claim("ch22.karate.edges", karate.graph.number_of_edges())
claim("ch22.karate.clubs", " 対 ".join(map(str, np.bincount(karate.labels))))

# %% [markdown]
# データには、落とし穴が 2 つあります。
#
# - networkx の辺には、いっしょに過ごした場の数が**重み**として付いています。`nx.to_numpy_array` は、黙ってその重みを返します。
# - ラベルは**資料によって違います**。頂点 8 (論文の 9 番の人) は、交友からは部長の側と読まれながら、Mr. Hi の側に加わりました。
#   この人を部長の側に数えれば、16 対 18 になります。精度を比べるときは、同じラベルかどうかを確かめましょう。

# %% tags=["nbval-check-output"]
with_weights = nx.to_numpy_array(karate.graph)
print("重みつきの和", int(with_weights.sum() / 2), "、重みなしの和", int(karate_A.sum() / 2))
print(
    "頂点 8 の友だちのうち、Mr. Hi の側",
    int((karate_A[8] * (karate.labels == 0)).sum()),
    "人、部長の側",
    int(karate_A[8] @ karate.labels),
    "人",
)

# %% [markdown]
# 比べる相手を 4 つ用意します。
#
# - **いつも多いほう**: 17 対 17 なので、どちらかに全員を入れると 17 人が当たる
# - **フィードラーベクトル (Fiedler vector)**: ラプラシアンの 2 番目に小さい固有値の固有ベクトルの符号で、2 つに分ける。ラベルは使わない
# - **ラベル伝播 (label propagation)**: 2 人のラベルを固定し、ほかの人は友だちの平均をくり返し取る。学習はしない
# - **割り引くラベル伝播**: 2 人のラベルを友だちへ、その友だちへと伝え、1 歩ごとに半分に割り引いて足す。これも学習はしない
#
# GCN の結果は、重みの初期値を決める**乱数の種** (random seed、このあとは**シード**と呼びます) で変わります。ここでは 5 通りに変えて学習します。

# %%
leaders = experiment.mask_of(experiment.LEADERS, 34)
fiedler = baselines.fiedler_signs(karate_A)
spread_out = baselines.spread_labels(karate_A, karate.labels, leaders)
discounted = baselines.spread_discounted(karate_A, karate.labels, leaders)
gcn = {seed: experiment.karate_by_gcn(karate, leaders, seed) for seed in range(1, 6)}
result_table(
    [
        {"方法": "フィードラーベクトル", "当たった人数": int((fiedler == karate.labels).sum())},
        {"方法": "ラベル伝播", "当たった人数": int((spread_out == karate.labels).sum())},
        {"方法": "割り引くラベル伝播", "当たった人数": int((discounted == karate.labels).sum())},
        *(
            {"方法": f"GCN 2 層 (シード {seed})", "当たった人数": int((clubs == karate.labels).sum())}
            for seed, clubs in gcn.items()
        ),
    ],
    caption="34 人のうち (教えた 2 人を含む)",
)

# %%
karate_places = nx.spring_layout(karate.graph, seed=7)
figures.show_classes(
    karate.graph,
    karate_places,
    [
        figures.Split("本当の分かれ方", karate.labels, np.zeros(34), experiment.LEADERS),
        *(
            figures.Split(title, clubs, clubs != karate.labels, known)
            for title, clubs, known in (
                ("フィードラーベクトル", fiedler, ()),
                ("ラベル伝播", spread_out, experiment.LEADERS),
                ("GCN (シード 1)", gcn[1], experiment.LEADERS),
            )
        ),
    ],
    names=["Mr. Hi の側", "部長の側"],
    heading="空手クラブ (大きい頂点はラベルを教えた 2 人、×は外れ)",
    alt="空手クラブのグラフが 4 枚。本当の分かれ方では、丸と四角が左右におおよそ分かれる。フィードラーベクトル、ラベル伝播、GCN の 3 枚もほとんど同じで、外れを示す×は境目にいる 1、2 人だけに付いている。",
)

# %% [markdown]
# 50 のシードで測った結果が保存してあります (`python -m chapters.ch22_gcn.experiment karate`)。教える 2 人を、両方の側から
# 無作為に 1 人ずつ選んだ場合も測りました。

# %%
club = experiment.stored_results("karate")
result_table(tables.summary(club, "当たった人数", digits=0), caption="50 のシード: 最小 / 中央値 / 最大")

# %%
by_setting = {setting: tables.by_method(club, setting) for setting in ("指導者", "無作為な 2 人")}
plot_runs(
    {
        f"{method}\n({setting})": np.array(values) / 34
        for setting, found in by_setting.items()
        for method, values in found.items()
    },
    metric="当たった割合 (34 人中)",
    baseline=0.5,
    heading="空手クラブ: 誰のラベルを教えるか",
    alt="点はシードごとの当たった割合、横棒は中央値。指導者と部長を教えると、GCN、ラベル伝播、割り引くラベル伝播の 3 つとも 0.94 以上に集まる。無作為に選んだ 2 人を教えると、GCN と割り引くラベル伝播は 0.65 から 1 の間に散らばって中央値は 0.9 を超えるが、ラベル伝播の多くは 0.5 から 0.65 に落ちる。",
)

# %%
with_leaders, at_random = by_setting["指導者"], by_setting["無作為な 2 人"]
claim("ch22.karate.gcn", float(np.mean(np.array(with_leaders["GCN"]) >= 31)))
claim("ch22.karate.fiedler", int((fiedler == karate.labels).sum()))
claim("ch22.karate.spread", int((spread_out == karate.labels).sum()))
claim("ch22.karate.advantage", float(np.median(np.array(with_leaders["GCN"]) - with_leaders["ラベル伝播"])))


# %%
def lead(other):
    return float(np.median(np.array(at_random["GCN"]) - at_random[other]))


claim("ch22.karate.random", lead("ラベル伝播"))
claim("ch22.karate.discounted", lead("割り引くラベル伝播"))

# %% [markdown]
# 中心人物を教えれば、どの方法も、外すのは境目の人だけです。頂点 8 は部長の側に友だちが多いので、つながりだけからは当たりません。
#
# 無作為に選んだ 2 人を教えると、差が出ます。ラベル伝播は、平均をいつまでもくり返すので、教えた人から遠いところでは、みな同じような値になります (8 節で見る過平滑化と同じです)。
# 2 層の GCN と、1 歩ごとに割り引くラベル伝播は、近くを重く見るので、持ちこたえます。
# **特徴のないこの問題では、割り引くだけの、学習の要らない方法が GCN とほぼ並びます。** GCN の出番は、頂点に特徴があるときです。

# %% [markdown]
# ## 7. 頂点の分類: 特徴とつながりの両方を使う
#
# 応用の 1 つ目「ソーシャルネットワークにおけるユーザーの分類」を、答えの分かっているグラフで試します。3 つの集団に 60 人ずつ、1 人に平均 9 人の友だちがいます。
# 友だちの 7 割は同じ集団の人です (確率的ブロックモデル、stochastic block model)。1 人ずつの特徴は雑音だらけで、ラベルは集団ごとに 5 人しか分かりません。

# %%
people = experiment.drawn_communities(0.7, seed=1)
labelled = graphs.choose_labelled(people.labels, 5, seed=1)
people_A = graphs.adjacency_matrix(people.graph)
keras.utils.set_random_seed(course.seed)
network = models.node_classifier(people.features.shape[1], 3, dropout=0.5)
predicted = models.fit_nodes(network, people, labelled)
print(f"頂点 {len(people.labels)}、辺 {people.graph.number_of_edges()}、ラベル {labelled.sum()}")
print(
    f"残りの頂点での精度 {experiment.accuracy_of_rest(predicted, people, labelled):.3f} (当てずっぽうなら {1 / 3:.3f})"
)

# %%
figures.show_classes(
    people.graph,
    nx.spring_layout(people.graph, seed=3),
    [
        figures.Split("本当の集団", people.labels, np.zeros(180), tuple(np.flatnonzero(labelled))),
        figures.Split("GCN", predicted, predicted != people.labels, tuple(np.flatnonzero(labelled))),
    ],
    names=["集団 1", "集団 2", "集団 3"],
    heading="180 人のグラフ (大きい頂点はラベルを教えた 15 人、×は外れ)",
    alt="180 個の頂点のグラフが 2 枚。本当の集団では、丸、四角、三角が 3 つのかたまりをつくるが、境目では混ざっている。GCN の予測もほぼ同じで、×は境目に多い。",
    numbers=False,
)

# %% [markdown]
# 同じ大きさの、**辺を使わないネットワーク** (伝播行列を単位行列に替えたもの) と、**特徴を使わないラベル伝播**とを、5 つのシードで比べます。
# 友だちが同じ集団である割合も変えました (`… experiment nodes`)。

# %%
node_runs = experiment.stored_results("nodes")
figures.plot_bands(
    {method: tables.over_likeness(node_runs, method) for method in ("GCN", "特徴だけ", "ラベル伝播")},
    xlabel="友だちが同じ集団である割合",
    ylabel="ラベルのない頂点での精度",
    heading="隣が似ているほど、グラフが役に立つ (5 つのシードの中央値、最小〜最大)",
    alt="横軸は友だちが同じ集団である割合、縦軸は精度。特徴だけの精度は割合によらない。GCN とラベル伝播は割合が高いほど上がり、0.7 と 0.9 では GCN が最も高い。割合が 3 分の 1 のところでは GCN は特徴だけより低く、0.1 ではラベル伝播が当てずっぽうより低い。",
    baseline=1 / 3,
    ticks=experiment.LIKENESS,
)


# %%
def gain(likeness, method, other):
    pairs = [np.array(tables.scores(node_runs, str(likeness), name)) for name in (method, other)]
    return float(np.median(pairs[0] - pairs[1]))


claim("ch22.nodes.features", gain(0.7, "GCN", "特徴だけ"))
claim("ch22.nodes.spread", gain(0.7, "GCN", "ラベル伝播"))
claim("ch22.nodes.uninformative", gain(0.33, "GCN", "特徴だけ"))

# %% [markdown]
# **グラフを使えば、いつでもよくなるわけではありません。** 辺に意味がないグラフで隣と平均すると、自分の特徴が薄まるだけです。
# GCN を使う前に、「隣は似ているか」を考えましょう。
#
# ### 「異なるサイズのグラフやダイナミックグラフに対して柔軟」
#
# 180 人で学習した重みを、1 人も重ならない 360 人のグラフで、そのまま使います。

# %%
claim("ch22.spatial.sizes", float(np.median(tables.scores(node_runs, "0.7", "GCN、別の 2 倍のグラフ"))))

# %% [markdown]
# 動くグラフも試します。毎日、友だち関係の 2 割が、新しい関係に置き換わります。5 日後に残っている辺は 3 本に 1 本ほどです。重みは最初の日のままです。

# %%
today = people_A.copy()
accuracies = [experiment.accuracy_of_rest(predicted, people, labelled)]
for day in range(1, 6):
    other = graphs.adjacency_matrix(experiment.drawn_communities(0.7, seed=100 + day).graph)
    renewed = np.triu(rng.random(today.shape) < 0.2, 1)
    today = np.where(renewed | renewed.T, other, today)
    clubs = models.predict_nodes(network, people.features, graphs.propagation_matrix(today))
    accuracies.append(experiment.accuracy_of_rest(clubs, people, labelled))
result_table([{"日": day, "精度": value} for day, value in enumerate(accuracies)])

# %%
claim("ch22.spatial.dynamic", float(accuracies[0] - min(accuracies)))

# %% [markdown]
# ## 8. 深くすると、みんな同じになる
#
# ### 伝播だけをくり返す
#
# $P$ をくり返し掛けると、固有値 1 の固有ベクトルだけが残り、ほかは $|\lambda|^k$ の速さで消えます。その固有ベクトルの成分は $\sqrt{\tilde d_i}$ なので、
# 次数の平方根で割ると、**どの頂点も同じ値**になります。これが**過平滑化 (over-smoothing)** です。

# %%
cloud = rng.normal(size=(34, 2)) + 1.5 * np.eye(2)[karate.labels]
P = candidates["再正規化した P"]
root_degree = np.sqrt(karate_A.sum(axis=1) + 1)[:, None]
figures.show_clouds(
    {f"{k} 回": np.linalg.matrix_power(P, k) @ cloud / root_degree for k in (0, 2, 8, 64)},
    karate.labels,
    names=["Mr. Hi の側", "部長の側"],
    heading="P を掛けた回数と、次数の平方根で割った特徴",
    alt="34 人の特徴を平面に置いた図が 4 枚。0 回では丸と四角が広く散らばって重なる。2 回では縮んで、丸と四角が 2 つのかたまりに分かれる。8 回では 2 つのかたまりがさらに近づき、64 回では全員がほとんど 1 点に重なる。",
)

# %%
values, vectors = np.linalg.eigh(P)
rest = [np.linalg.matrix_power(P, k) @ cloud for k in (100, 101)]
rest = [np.linalg.norm(r - np.outer(vectors[:, -1], vectors[:, -1] @ cloud)) for r in rest]
final = np.linalg.matrix_power(P, 200) @ cloud / root_degree
claim("ch22.depth.rows", float((final.std(axis=0) / np.abs(final.mean(axis=0))).max()))
claim("ch22.depth.rate", float(rest[1] / rest[0] - np.sort(np.abs(values))[-2]))

# %% [markdown]
# 2 回で分かれやすくなり、64 回で区別がなくなりました。**平均することの効き目は、効きすぎると害になります。**
#
# ### 学習すれば避けられるか
#
# 7 節の問題で、層を 16 枚にした GCN を学習します。入力を足して残す残差接続 (residual connection、第 5 章) のあるものと比べます。

# %%
deep = {residual: experiment.depth_result(16, residual, seed=1) for residual in (False, True)}
result_table(
    [
        {
            "16 層": "残差接続あり" if residual else "残差接続なし",
            "精度": found.accuracy,
            "教えた頂点での精度": found.trained,
            "エネルギー": found.energy,
        }
        for residual, found in deep.items()
    ],
    caption="シード 1、いまの実行 (エネルギーは最後の層に入る特徴のもの)",
)

# %% [markdown]
# エネルギーは、特徴を自己ループつきの正規化ラプラシアンで測り、特徴の 2 乗の和で割ったものです。0 に近いほど、固有値 1 の固有ベクトルに近づいています。
# 層の数を変えて 5 つのシードで測った結果が保存してあります (`… experiment depth`)。

# %%
depths = experiment.stored_results("depth")
kinds = {"残差接続なし": False, "残差接続あり": True}
figures.plot_bands(
    {name: tables.over_depth(depths, "accuracy", residual) for name, residual in kinds.items()},
    xlabel="グラフ畳み込みの層の数",
    ylabel="ラベルのない頂点での精度",
    heading="層の数と精度 (5 つのシードの中央値、最小〜最大)",
    alt="横軸は層の数 1、2、4、8、16、縦軸は精度。どちらも 4 層までは上がる。残差接続がないと 16 層で大きく下がり、残差接続があると 16 層でも高いままである。",
    baseline=1 / 3,
    ticks=experiment.DEPTHS,
    doubling=True,
)

# %%
result_table(
    [
        {"層": depth}
        | {
            f"{title} ({name})": float(np.median(tables.over_depth(depths, field, residual)[depth]))
            for field, title in (("trained", "教えた頂点"), ("energy", "エネルギー"))
            for name, residual in kinds.items()
        }
        for depth in experiment.DEPTHS
    ],
    caption="5 つのシードの中央値",
)


# %%
def depth_gap(residual, deeper, shallower):
    accuracy = tables.over_depth(depths, "accuracy", residual)
    return float(np.median(np.array(accuracy[deeper]) - accuracy[shallower]))


claim("ch22.depth.plain", depth_gap(False, 16, 4))
claim("ch22.depth.residual", depth_gap(True, 16, 4))
claim(
    "ch22.depth.energy",
    float(
        np.median(tables.over_depth(depths, "energy", False)[16])
        / np.median(tables.over_depth(depths, "energy", False)[2])
    ),
)

# %% [markdown]
# Li らの言うとおり、重ねすぎた GCN は頂点を見分けられなくなりました。表の「教えた頂点」も見てください。残差接続のない 16 層は、**教えた頂点さえ当てられません**。特徴が似てしまうことに加えて、深いネットワークの学習のしにくさ
# (第 5 章) も重なっています。残差接続は、両方に効きます。

# %% [markdown]
# ## 9. リンク予測: 隠した辺を当てる
#
# 応用の 2 つ目は「友人推薦」です。GCN で頂点ごとに短いベクトル (埋め込み、embedding) $z_i$ を作り、**内積 $z_i^\top z_j$ が大きい頂点のペアほど、辺がありそうだ**と考えます。
# 辺のあるペアで大きく、ないペアで小さくなるように学習します。
#
# 大切なのは分け方です。**テストに使う辺は、隣接行列からも消します。** 残しておくと、答えを見ながら答えることになります。

# %%
group_graph, group_features = experiment.link_graph("集団", seed=1)
split = graphs.split_links(group_graph, 0.2, seed=1)
claim("ch22.links.split", int(split.known[tuple(split.edges.T)].sum()))
print(
    f"手元の辺 {int(split.known.sum() / 2)}、隠した辺 {len(split.edges)}、辺のないペア {len(split.strangers)}"
)

# %% [markdown]
# 成績は AUC で測ります。「隠した辺の得点が、辺のないペアの得点より大きい」割合で、当てずっぽうなら 0.5 です。比べる相手は、学習しない 4 つです。
#
# - **共通の隣 (common neighbours)**: 2 人に共通する友だちの数
# - **Adamic-Adar**: 共通の友だちのうち、顔の広い人を軽く数えたもの
# - **次数の積**: 友だちの多い人どうしほど、つながりやすいと考える
# - **特徴の内積**: グラフを使わず、特徴の似た人どうしがつながりやすいと考える

# %%
live = list(experiment.link_scores("集団", seed=1))
result_table(
    [{"方法": found.method, "AUC": found.score} for found in live],
    caption="集団のグラフ、シード 1、いまの実行",
)

# %% [markdown]
# 「GCN (答えが漏れた)」は、隣接行列にテスト用の辺を残したまま学習したものです。5 つのシード、2 種類のグラフの結果です (`… experiment links`)。
# 「町」は近い点どうしを結んだグラフで、特徴はありません。「集団」は 6 つの集団のグラフで、雑音の多い特徴があります。

# %%
links = experiment.stored_results("links")
result_table(tables.summary(links, "AUC"), caption="5 つのシード: 最小 / 中央値 / 最大")


# %%
def link_gap(kind, method, other):
    pairs = [np.array(tables.scores(links, kind, name)) for name in (method, other)]
    return float(np.median(pairs[0] - pairs[1]))


claim("ch22.links.groups", link_gap("集団", "GCN", "Adamic-Adar"))
claim("ch22.links.towns", link_gap("町", "GCN", "Adamic-Adar"))
claim("ch22.links.leak", link_gap("集団", "GCN (答えが漏れた)", "GCN"))

# %% [markdown]
# 近い点どうしを結んだ町のグラフでは、共通の隣を数えるだけでほとんど当たり、GCN で上積みできるかどうかは、5 つのシードからは分かりません。集団のグラフでは、共通の隣がいないペアが多いので、
# 特徴と少し遠くの様子まで使える GCN が勝ちます。

# %% [markdown]
# ## 10. グラフの分類: 分子の性質を当てる
#
# 応用の 3 つ目は「化学分子の性質予測」です。炭素 C、窒素 N、酸素 O からなる分子のようなグラフを描きます。**N と O が直接つながっていれば 1、いなければ 0** です。
# どの分子にも N と O が 2 つずつあるので、**原子を数えても分かりません**。つながり方を見る必要があります。

# %%
train, test = experiment.molecules_of(seed=1)
figures.show_molecules(
    train,
    4,
    heading="分子のようなグラフ (太い破線が N と O の結合)",
    alt="原子を丸で、結合を線で描いた 4 つの小さなグラフ。どれにも N と O が 2 つずつある。ラベル 1 の 2 つには N と O を結ぶ太い破線があり、ラベル 0 の 2 つにはない。",
)

# %% [markdown]
# 分子ごとに大きさが違うので、16 個の頂点になるまで**詰め物 (padding)** をして、まとめて計算します。詰めた頂点には辺がないので、ほかの頂点に影響しません。
# 最後に頂点の平均を取るときだけ、本物の頂点を示す**マスク (mask)** を使って、詰め物を除きます。

# %%
started = time.perf_counter()
molecule_model = experiment.train_on_molecules(train, seed=1)
print(f"特徴 {train.features.shape}、マスク {train.mask.shape}、学習 {time.perf_counter() - started:.1f} 秒")
print(
    f"はじめて見る {len(test.labels)} 個での精度 {experiment.molecule_accuracy(molecule_model, test):.3f} (当てずっぽうなら 0.5)"
)

# %%
padded = models.graph_inputs(test)
size = len(test.graphs[0])
cut = [padded[0][:1, :size], padded[1][:1, :size, :size], padded[2][:1, :size]]
together = molecule_model.predict_on_batch(padded)[0, 0]
claim("ch22.graphs.padding", float(abs(molecule_model.predict_on_batch(cut)[0, 0] - together)))

# %% [markdown]
# 5 つのシードの結果です (`… experiment graphs`)。「原子と次数を数える」は、原子の種類ごとの数と、次数ごとの頂点の数を使うロジスティック回帰です。

# %%
whole = experiment.stored_results("graphs")
plot_runs(
    dict(reversed(tables.by_method(whole, "分子").items())),
    metric="テスト精度",
    baseline=0.5,
    heading="分子の分類 (点はシードごと、横棒は中央値)",
)

# %%
claim("ch22.graphs.gcn", min(tables.scores(whole, "分子", "GCN 3 層")))
claim("ch22.graphs.counts", max(tables.scores(whole, "分子", "原子と次数を数える")))

# %% [markdown]
# ### 「空間アプローチは理論的な解析が難しい」
#
# そうでもありません。隣から集めるネットワークに何が**見分けられないか**は、よく分かっています。
# 6 つの頂点の輪と、3 つの頂点の輪が 2 つ。どの頂点も「隣が 2 つ」なので、何層重ねても、どんな重みでも、出力は同じです。

# %%
hexagon, triangles = nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))
outputs = []
for graph in (hexagon, triangles):
    matrix = graphs.propagation_matrix(graphs.adjacency_matrix(graph))[None]
    carbon = np.repeat([[[1, 0, 0]]], 6, axis=1).astype("float32")
    outputs.append(molecule_model.predict_on_batch([carbon, matrix, np.ones((1, 6), "float32")])[0, 0])
claim("ch22.limits.twins", float(abs(outputs[0] - outputs[1])))
claim(
    "ch22.limits.spectrum",
    "、".join(
        str(int((np.linalg.eigvalsh(spectral.laplacian(graphs.adjacency_matrix(g))) < 1e-8).sum()))
        for g in (hexagon, triangles)
    ),
)

# %% [markdown]
# ## 11. 推薦: 人と商品のグラフ
#
# 応用の 4 つ目は「ユーザーとの関係性を考慮した推薦」です。人と商品を頂点、買い物を辺とすれば、推薦はリンク予測になります。
# 120 人が、好みに合う商品を 8 つずつ買いました。1 人につき 1 つを隠し、**まだ買っていない商品の上位 10 個に入るか**を測ります (ヒット率)。

# %%
shopping = graphs.purchases(seed=1)
scores = experiment.recommend_by_gcn(shopping, seed=1)
print(
    f"人 × 商品 {shopping.known.shape}、GCN のヒット率 {baselines.hit_rate(scores, shopping.known, shopping.held_out):.2f}"
)

# %%
recommended = experiment.stored_results("recommend")
result_table(
    tables.summary(recommended, "ヒット率 (上位 10 個)"), caption="5 つのシード: 最小 / 中央値 / 最大"
)

# %% [markdown]
# 「同じ物を買った人」は、買い物の行列 $B$ から $B B^\top B$ を作るだけです。$B B^\top$ が「同じ物をいくつ買ったか」で、それを重みにして、その人たちの買い物を足しています。
# 辺を 3 歩たどる道を数えているので、**重みも活性化関数もない 3 層のグラフ畳み込み**といえます。


# %%
def hit_gap(other):
    pairs = [np.array(tables.scores(recommended, "買い物", name)) for name in ("GCN", other)]
    return float(np.median(pairs[0] - pairs[1]))


claim("ch22.recommend.popular", hit_gap("人気順"))
claim("ch22.recommend.neighbours", hit_gap("同じ物を買った人"))

# %% [markdown]
# 関係を使えば、人気順より当たります。ただ、この大きさの問題では、学習しない 3 歩の集計でほとんど足り、GCN のほうがよいとは言えませんでした。**簡単な方法を先に試す**のは、ここでも大切です。

# %% [markdown]
# ## 12. 演習
#
# 答えを書いたセルを実行してから、次の `check` のセルを実行してください。その場で採点されます。
# 手がかりがほしいときは `hint("ch22.spectrum")` のように、問題の名前を渡して呼びます。呼ぶたびに 1 段ずつ詳しくなります。
# `# EXERCISE …` の行は消さないでください。採点のときの目印になります。
# 日を改めて続けるときは、いちばん上の `# SETUP` のセルとその次のセル、そしてすぐ下の `from grader import …` のセルの 3 つを実行すれば、どの問題からでも始められます。

# %%
from grader import check, hint, score, solution

# %% [markdown]
# ### 問題 1 正規化した隣接行列 (1 点)
#
# `normalised_adjacency(adjacency, loop)` を書きましょう。`adjacency` は `(頂点の数, 頂点の数)` の対称な隣接行列で、対角は 0、辺に重みが付いていることもあります。
# 重み `loop` の自己ループを足した $\tilde A = A + \mathrm{loop}\,I$ (これまでの節では $\mathrm{loop} = 1$) と、その次数 $\tilde D$ ($\tilde A$ の行の和) から、$\tilde D^{-1/2} \tilde A \tilde D^{-1/2}$ を返します。
# 辺のない孤立した頂点の行は、対角だけが 1 です。
# たとえば `normalised_adjacency(np.array([[0, 1], [1, 0]]), 3)` は `[[0.75, 0.25], [0.25, 0.75]]` です。

# %%
# EXERCISE ch22.normalised_adjacency

# %%
check("ch22.normalised_adjacency")

# %% [markdown]
# ### 問題 2 固有ベクトルで信号にフィルタをかける (2 点)
#
# `spectral_filter(laplacian, signal, response)` を書きましょう。`laplacian` は対称な `(頂点の数, 頂点の数)`、`signal` は `(頂点の数, 特徴の数)`、
# `response` は固有値の配列を渡すと同じ長さの倍率の配列を返す関数です。
# 信号をグラフフーリエ変換し ($U^\top x$)、固有値 $\lambda$ の成分に `response(λ)` を掛け、逆変換した `(頂点の数, 特徴の数)` を返します。
# たとえば `laplacian` が `[[1, -1], [-1, 1]]` (固有値は 0 と 2)、`signal` が `[[4], [2]]`、`response` が `lambda values: values / 2` なら、結果は `[[1], [-1]]` です。

# %%
# EXERCISE ch22.spectrum

# %%
check("ch22.spectrum")

# %% [markdown]
# ### 問題 3 チェビシェフ多項式のフィルタ (2 点)
#
# `chebyshev_filter(laplacian, signal, coefficients, largest)` を書きましょう。`laplacian` の固有値は 0〜`largest` にあります。
# $\tilde L = 2L/\mathrm{largest} - I$ として、$\sum_k \mathrm{coefficients}[k]\, T_k(\tilde L)\, \mathrm{signal}$ を漸化式で求めます (固有値分解は要りません)。
# `signal` は `(頂点の数, 特徴の数)`、`coefficients` は 1 次元の配列です。係数が 1 個や 2 個のときもあります。
# たとえば `laplacian` が `[[1, -1], [-1, 1]]`、`signal` が `[[3], [1]]`、`coefficients` が `[1, 2, 3]`、`largest` が 2 なら、結果は `[[10], [-2]]` です。

# %%
# EXERCISE ch22.chebyshev

# %%
check("ch22.chebyshev")

# %% [markdown]
# ### 問題 4 GCN の 1 層 (1 点)
#
# `gcn_layer(normalised, features, weight, bias)` を NumPy で書きましょう。$\mathrm{ReLU}(\hat A X W + b)$ を返します。
# 形は順に `(n, n)`、`(n, 入力の数)`、`(入力の数, 出力の数)`、`(出力の数,)` です。`normalised` は対称でないこともあります。
# 採点では、頂点の番号を付け替えると出力の行も同じように入れ替わることも確かめます。
# たとえば `normalised` が `[[0.5, 0.5], [0.5, 0.5]]`、`features` が `[[2], [4]]`、`weight` が `[[1, -1]]`、`bias` が `[1, 1]` なら、結果は `[[4, 0], [4, 0]]` です。

# %%
# EXERCISE ch22.gcn_layer

# %%
check("ch22.gcn_layer")

# %% [markdown]
# ### 問題 5 ラベル伝播 (2 点)
#
# `propagate_labels(adjacency, labels, classes, steps)` を書きましょう。`labels` は `(n,)` の整数で、分からない頂点は −1 です。
# 得点 $F$ `(n, classes)` は、ラベルのある頂点を one-hot、ほかを 0 にして始めます。「$F$ を $D^{-1} A F$ (隣の重み付き平均) に置き換え、
# ラベルのある頂点の行を one-hot に戻す」を `steps` 回くり返した $F$ を返します。自己ループは足しません。隣のいない頂点の平均は 0 とします。
# たとえば 3 つの頂点が一列に並び (`[[0, 1, 0], [1, 0, 1], [0, 1, 0]]`)、ラベルが `[0, -1, 1]` なら、`steps` が 1 のときの結果は `[[1, 0], [0.5, 0.5], [0, 1]]` です。

# %%
# EXERCISE ch22.label_propagation

# %%
check("ch22.label_propagation")

# %% [markdown]
# ### 問題 6 特徴のなめらかさを測る (2 点)
#
# `smoothness(adjacency, features)` を書きましょう。ディリクレエネルギー
#
# $$E(X) = \frac12 \sum_i \sum_j a_{ij} \Bigl\| \frac{x_i}{\sqrt{1 + d_i}} - \frac{x_j}{\sqrt{1 + d_j}} \Bigr\|^2$$
#
# を $\sum_i \|x_i\|^2$ で割った 1 つの数を返します ($d_i$ は自己ループのない次数)。すべて 0 の特徴では 0 とします。
# 8 節のエネルギーと同じもので、問題 1 で `loop` を 1 とした行列 $\hat A$ を使うと $\mathrm{tr}(X^\top (I - \hat A) X) / \mathrm{tr}(X^\top X)$ と書けます。
# たとえば `smoothness(np.array([[0, 1], [1, 0]]), np.array([[1.0], [3.0]]))` は 0.2 です。

# %%
# EXERCISE ch22.smoothness

# %%
check("ch22.smoothness")

# %% [markdown]
# ### 問題 7 リンク予測の AUC (2 点)
#
# `link_auc(embeddings, positive, negative)` を書きましょう。`embeddings` は `(n, 次元)`、`positive` と `negative` は頂点の番号のペア `(ペアの数, 2)` です
# (2 つのペアの数は、同じとは限りません)。ペアの得点は 2 つの埋め込みの内積です。「辺のあるペアの得点が、辺のないペアの得点より大きい」割合を、
# すべての組み合わせについて求めます。同点は 0.5 と数えます。
# たとえば埋め込みが `[[1], [1], [2]]`、`positive` が `[[0, 2], [0, 1]]`、`negative` が `[[1, 2]]` なら、結果は 0.25 です。

# %%
# EXERCISE ch22.link_auc

# %%
check("ch22.link_auc")

# %% [markdown]
# ### 問題 8 2 層の GCN で頂点を分類する (4 点)
#
# `classify_nodes(adjacency, features, labels, classes)` を書きましょう。2 層の GCN を Keras で組み立てて学習し、すべての頂点の予測クラス `(n,)` (整数) を返します。
# `labels` は `(n,)` の整数で、分からない頂点は −1 です。グラフは確率的ブロックモデルで、ラベルは少し、特徴は雑音だらけで、特徴がすべて 0 の頂点もあります。
# つながりのない 2 つのグラフが入っていて、片方にはラベルが 1 つもありません。隠した正解との精度で採点します (特徴だけ、ラベル伝播だけでは届きません)。
# 採点では大きさの違うグラフで 2 回呼び、合わせて 180 秒で打ち切ります。1 回が数秒で終わるようにしておけば安心です。
# たとえば頂点が 60 個で `classes` が 3 なら、0、1、2 のどれかを 60 個並べた配列が返ります。

# %%
# EXERCISE ch22.classify_nodes

# %%
check("ch22.classify_nodes")

# %%
score()

# %% [markdown]
# ## 13. 補足・訂正
#
# - **空間とスペクトルは、対立する 2 つではありません** 代表的な GCN (Kipf & Welling) は、スペクトルの 1 次近似から作られ、計算は「隣から集める」空間アプローチです (4 節)。
# - **「スペクトルアプローチは一般化が難しい」「計算コストが高い」** は、固有ベクトルごとに倍率を学ぶ初期の方法に当たります。多項式のフィルタには当たりません (3、4 節)。
# - **「空間アプローチは理論的な解析が難しい」** いまは、スペクトルの言葉 (4 節) や、見分けられないグラフの理論 (10 節) で、かなりのことが分かっています。
# - **「周波数領域で層さを行う」** は、「操作を行う」の書き誤りと思われます。
# - **集約が役に立つのは、隣が似ているときです** レポートにはありませんが、いちばん大切な前提です (7 節)。
# - **深くすればよいわけではありません** 画像のネットワークと違い、2〜4 層で使うのがふつうです (8 節)。
# - **論文の数字と比べるとき** 論文引用のグラフ Cora の精度は、決まった分け方で GCN が 81.5 %、注意を使う GAT (Veličković et al. 2018) が 83.0 %、グラフを使わないネットワークが 55.1 % と報告されています。
#   分け方が違えば比べられません。Cora はこの講座では配布していません。
#
# 「隣の重みがどれも同じ」という弱点は、隣ごとに重みを学ぶ GAT が補います。ただし、向きのない隣から集める点は同じです。
# 4 節の 1 次近似にも、代償があります。1 層では隣までしか見えないので、$K$ 歩先を見るには $K$ 層が要り、8 節の過平滑化に近づきます。
# $K$ 次のチェビシェフ多項式なら、1 層で $K$ 歩先まで見えます。次のセルが、16 歩先を 1 層で見る例です。

# %%
line = spectral.normalised_laplacian(graphs.adjacency_matrix(nx.path_graph(40)))
one_layer = spectral.filter_by_chebyshev(np.eye(40)[0], line, np.eye(17)[16])
sixteen = np.linalg.matrix_power(np.eye(40) - line, 16) @ np.eye(40)[0]
claim("ch22.note.reach", float(abs(one_layer[16]) / abs(sixteen[16])))

# %% [markdown]
# ## 14. まとめ
#
# この章で確かめたことを一覧にします。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - T. N. Kipf, M. Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017
# - M. Defferrard, X. Bresson, P. Vandergheynst, "Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering", NeurIPS 2016
# - J. Bruna et al., "Spectral Networks and Locally Connected Networks on Graphs", ICLR 2014
# - D. I. Shuman et al., "The Emerging Field of Signal Processing on Graphs", IEEE Signal Processing Magazine, 2013
# - W. W. Zachary, "An Information Flow Model for Conflict and Fission in Small Groups", Journal of Anthropological Research, 1977
# - M. Fiedler, "Algebraic Connectivity of Graphs", Czechoslovak Mathematical Journal, 1973
# - X. Zhu, Z. Ghahramani, J. Lafferty, "Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions", ICML 2003
# - Q. Li, Z. Han, X. Wu, "Deeper Insights into Graph Convolutional Networks for Semi-Supervised Learning", AAAI 2018
# - T. N. Kipf, M. Welling, "Variational Graph Auto-Encoders", NIPS Workshop 2016
# - L. A. Adamic, E. Adar, "Friends and Neighbors on the Web", Social Networks, 2003
# - K. Xu et al., "How Powerful Are Graph Neural Networks?", ICLR 2019
# - P. Veličković et al., "Graph Attention Networks", ICLR 2018
# - F. Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019
# - P. W. Holland, K. B. Laskey, S. Leinhardt, "Stochastic Blockmodels: First Steps", Social Networks, 1983
