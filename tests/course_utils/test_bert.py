from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from course_utils.bert import (
    IGNORED,
    BertConfig,
    attention_maps,
    build_bert,
    load_bert,
    load_tokenizer,
    mask_tokens,
    save_bert,
    with_mlm_head,
)
from course_utils.checkpoints import ExactGeluBert
from course_utils.paths import shipped_data
from course_utils.wordpiece import SPECIAL_TOKENS, Encoding, WordPiece

SMALL = BertConfig(vocabulary_size=50, layers=2, heads=2, hidden_dim=16, intermediate_dim=32, max_length=12)


def random_weights(model: keras.Model, seed: int = 1) -> None:
    """Gives weights with which every part matters: not the small ones of the start, no zero bias."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(rng.normal(float(variable.name == "gamma"), 0.4, variable.shape))


def draw_inputs(seed: int = 2, batch: int = 3, length: int = 9) -> Encoding:
    """Draws ids with padding at the end of every row but the first."""
    rng = np.random.default_rng(seed)
    real = np.arange(length) < np.linspace(length, 4, batch).astype(int)[:, None]
    return {
        "token_ids": np.where(real, rng.integers(5, SMALL.vocabulary_size, real.shape), 0).astype("int32"),
        "segment_ids": np.where(real, np.arange(length) >= 3, 0).astype("int32"),
        "padding_mask": real.astype("int32"),
    }


def outputs(model: keras.Model, inputs: Encoding) -> dict[str, Any]:
    return {name: ops.convert_to_numpy(value) for name, value in model(inputs).items()}


@pytest.fixture(scope="module")
def bert() -> keras.Model:
    model = build_bert(SMALL)
    random_weights(model)
    return model


@pytest.fixture(scope="module")
def causal_bert(bert: keras.Model) -> keras.Model:
    model = build_bert(SMALL, causal=True)
    model.set_weights(bert.get_weights())
    return model


@pytest.mark.parametrize(
    ("hub_class", "tolerance"),
    [(ExactGeluBert, 1e-5), (keras_hub.models.BertBackbone, 2e-2)],
    ids=["exact GELU", "approximate GELU"],
)
def test_outputs_are_those_of_kerashub(bert: keras.Model, hub_class: Any, tolerance: float) -> None:
    hub = hub_class(
        vocabulary_size=SMALL.vocabulary_size,
        num_layers=SMALL.layers,
        num_heads=SMALL.heads,
        hidden_dim=SMALL.hidden_dim,
        intermediate_dim=SMALL.intermediate_dim,
        max_sequence_length=SMALL.max_length,
    )
    hub.set_weights(bert.get_weights())
    inputs = draw_inputs()

    ours, theirs = outputs(bert, inputs), outputs(hub, inputs)

    assert set(ours) == set(theirs) == {"sequence_output", "pooled_output"}
    real = inputs["padding_mask"].astype(bool)
    np.testing.assert_allclose(ours["sequence_output"][real], theirs["sequence_output"][real], atol=tolerance)
    np.testing.assert_allclose(ours["pooled_output"], theirs["pooled_output"], atol=tolerance)


@pytest.mark.parametrize(
    ("vocabulary", "right"), [(30_522, 109_482_240), (32_000, 110_617_344), (32_768, 111_207_168)]
)
def test_parameters_of_the_base_model_are_those_published(vocabulary: int, right: int) -> None:
    with keras.StatelessScope(initialize_variables=False):  # only the shapes count
        model = build_bert(BertConfig(vocabulary))
    keras.backend.clear_session()  # Keras would make these weights as soon as the next model is built

    assert sum(int(np.prod(weight.shape)) for weight in model.weights) == right


def test_padding_changes_nothing(bert: keras.Model, causal_bert: keras.Model) -> None:
    inputs = draw_inputs()
    real = inputs["padding_mask"].astype(bool)
    other = {**inputs, "token_ids": np.where(real, inputs["token_ids"], 7).astype("int32")}
    shorter = {name: array[2:, :4] for name, array in inputs.items()}

    for model in (bert, causal_bert):
        before, after, cut = (outputs(model, x) for x in (inputs, other, shorter))
        np.testing.assert_allclose(after["sequence_output"][real], before["sequence_output"][real], atol=1e-5)
        np.testing.assert_allclose(cut["sequence_output"][0], before["sequence_output"][2, :4], atol=1e-5)


def test_attention_rows_sum_to_one_and_never_look_at_padding(bert: keras.Model) -> None:
    inputs = draw_inputs()

    maps = attention_maps(bert, inputs)

    assert maps.shape == (SMALL.layers, 3, SMALL.heads, 9, 9)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    padding = np.broadcast_to(inputs["padding_mask"][:, None, None, :] == 0, maps.shape[1:])
    assert padding.any()
    assert (maps[:, padding] == 0).all()


def test_attention_maps_are_those_that_the_outputs_come_from(bert: keras.Model) -> None:
    inputs = draw_inputs()
    layer = bert.get_layer("layer_0")
    x = bert.get_layer("embeddings")((inputs["token_ids"], inputs["segment_ids"]))
    (query, query_bias), (key, key_bias) = (
        (ops.convert_to_numpy(dense.kernel), ops.convert_to_numpy(dense.bias))
        for dense in (layer.attention.query_dense, layer.attention.key_dense)
    )

    q = np.einsum("bld,dhk->bhlk", x, query) + query_bias[:, None]
    k = np.einsum("bld,dhk->bhlk", x, key) + key_bias[:, None]
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(SMALL.hidden_dim // SMALL.heads)
    scores = np.where(inputs["padding_mask"][:, None, None, :], scores, -np.inf)
    right = np.exp(scores - scores.max(-1, keepdims=True))
    right /= right.sum(-1, keepdims=True)

    np.testing.assert_allclose(attention_maps(bert, inputs)[0], right, atol=1e-5)


def test_causal_attention_is_a_triangle(causal_bert: keras.Model) -> None:
    maps = attention_maps(causal_bert, draw_inputs())

    assert (np.triu(np.ones((9, 9)), k=1) * maps == 0).all()
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(maps[..., 0, 0], 1)


@pytest.mark.parametrize("position", [0, 3, 7])
def test_changing_the_future_changes_nothing_before_it(
    bert: keras.Model, causal_bert: keras.Model, position: int
) -> None:
    inputs = draw_inputs(batch=1)
    changed = {**inputs, "token_ids": inputs["token_ids"].copy()}
    changed["token_ids"][:, position + 1 :] = 6

    def difference(model: keras.Model) -> Any:
        before, after = (outputs(model, x)["sequence_output"] for x in (inputs, changed))
        return np.abs(after - before).max(axis=(0, 2))

    assert difference(causal_bert)[: position + 1].max() < 1e-6
    assert difference(causal_bert)[position + 1 :].max() > 1e-2
    assert difference(bert)[: position + 1].min() > 1e-3


def test_gradient_to_the_future_is_zero(causal_bert: keras.Model) -> None:
    inputs = draw_inputs(batch=1)
    position = 4
    x = tf.Variable(causal_bert.get_layer("embeddings")((inputs["token_ids"], inputs["segment_ids"])))

    with tf.GradientTape() as tape:
        y = x
        for number in range(SMALL.layers):
            y = causal_bert.get_layer(f"layer_{number}")(y, inputs["padding_mask"])
        watched = y[0, position, 0]
    reach = np.abs(tape.gradient(watched, x)[0]).max(axis=-1)

    assert (reach[position + 1 :] == 0).all()
    assert (reach[: position + 1] > 0).all()


def test_segments_and_positions_matter(bert: keras.Model) -> None:
    inputs = draw_inputs(batch=1)
    same = {**inputs, "token_ids": np.full_like(inputs["token_ids"], 8)}
    before = outputs(bert, same)["sequence_output"]
    after = outputs(bert, {**same, "segment_ids": 1 - same["segment_ids"]})["sequence_output"]

    assert np.abs(before - after).max() > 1e-2
    assert np.abs(before[0, 4] - before[0, 5]).max() > 1e-2


def test_dropout_only_in_training(bert: keras.Model) -> None:
    inputs = draw_inputs()
    resting = [bert(inputs, training=False)["pooled_output"] for _ in range(2)]
    training = [bert(inputs, training=True)["pooled_output"] for _ in range(2)]

    np.testing.assert_array_equal(*resting)
    assert not np.allclose(*training)


def test_mlm_head_reads_the_token_embedding(bert: keras.Model) -> None:
    mlm = with_mlm_head(bert)
    random_weights(mlm)
    head = mlm.get_layer("mlm_head")
    inputs = draw_inputs()
    hidden = head.norm(head.dense(bert(inputs)["sequence_output"]))

    logits = ops.convert_to_numpy(mlm(inputs))

    table = ops.convert_to_numpy(bert.get_layer("embeddings").token.embeddings)
    assert logits.shape == (3, 9, SMALL.vocabulary_size)
    np.testing.assert_allclose(logits, hidden @ table.T + ops.convert_to_numpy(head.bias), atol=1e-4)
    width = SMALL.hidden_dim
    assert head.count_params() == width**2 + 3 * width + SMALL.vocabulary_size + table.size


def test_untrained_mlm_loss_is_the_logarithm_of_the_vocabulary() -> None:
    keras.utils.set_random_seed(3)
    config = replace(SMALL, vocabulary_size=1000)
    inputs = draw_inputs()

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        np.random.default_rng(4).integers(0, 1000, (3, 9)), with_mlm_head(build_bert(config))(inputs)
    )

    assert float(loss) == pytest.approx(np.log(1000), abs=0.05)


def test_mlm_learns_through_both_uses_of_the_embedding() -> None:
    keras.utils.set_random_seed(5)
    mlm = with_mlm_head(build_bert(replace(SMALL, dropout=0.0)))
    inputs = draw_inputs()
    mlm.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    losses = [float(mlm.train_on_batch(inputs, inputs["token_ids"])) for _ in range(60)]

    assert losses[-1] < losses[0] / 2


def test_saved_bert_comes_back_at_half_precision(bert: keras.Model, tmp_path: Path) -> None:
    mlm = with_mlm_head(bert)
    random_weights(mlm, seed=6)
    save_bert(bert, mlm, SMALL, tmp_path / "new" / "bert.npz")

    backbone, loaded = load_bert(tmp_path / "new" / "bert.npz")
    causal, _ = load_bert(tmp_path / "new" / "bert.npz", causal=True)

    for saved, read in zip(
        [*bert.get_weights(), *mlm.get_weights()],
        [*backbone.get_weights(), *loaded.get_weights()],
        strict=True,
    ):
        np.testing.assert_allclose(read, saved, rtol=1e-3, atol=1e-6)
    inputs = draw_inputs()
    np.testing.assert_allclose(loaded(inputs), mlm(inputs), atol=0.1)
    pooled = outputs(bert, inputs)["pooled_output"]
    np.testing.assert_allclose(outputs(backbone, inputs)["pooled_output"], pooled, atol=0.1)
    assert np.abs(outputs(causal, inputs)["pooled_output"] - pooled).max() > 0.2


def test_head_and_backbone_share_the_loaded_weights(bert: keras.Model, tmp_path: Path) -> None:
    save_bert(bert, with_mlm_head(bert), SMALL, tmp_path / "bert.npz")
    backbone, mlm = load_bert(tmp_path / "bert.npz")
    inputs = draw_inputs()
    before = ops.convert_to_numpy(mlm(inputs))

    table = backbone.get_layer("embeddings").token.embeddings
    table.assign(2 * table)

    assert not np.allclose(mlm(inputs), before, atol=0.1)


def test_model_file_comes_back(bert: keras.Model, tmp_path: Path) -> None:
    bert.save(tmp_path / "bert.keras")

    loaded = keras.saving.load_model(tmp_path / "bert.keras")

    inputs = draw_inputs()
    for name, array in outputs(loaded, inputs).items():
        np.testing.assert_allclose(array, outputs(bert, inputs)[name], atol=1e-6)


def test_bad_weight_files_are_named(bert: keras.Model, tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    save_bert(bert, with_mlm_head(bert), SMALL, good)
    with np.load(good) as archive:
        arrays = dict(archive)
    sizes = json.dumps({**asdict(SMALL), "hidden_dim": 18})
    np.savez(tmp_path / "sizes.npz", **{**arrays, "config": np.array(sizes)})
    np.savez(tmp_path / "fewer.npz", **{key: a for key, a in arrays.items() if "layer_1/output/k" not in key})
    np.savez(tmp_path / "strange.npz", weights=np.ones(3))
    np.savez(tmp_path / "field.npz", config=np.array('{"depth": 3}'))
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "text.npz").write_text("no archive", "utf-8")
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:-300])
    (tmp_path / "empty.npz").write_bytes(b"")

    with pytest.raises(FileNotFoundError, match=r"重みのファイルがありません: .*none\.npz / There are no"):
        load_bert(tmp_path / "none.npz")
    for name, tensor in (("sizes.npz", "embeddings/norm/beta"), ("fewer.npz", "layer_1/output/kernel")):
        with pytest.raises(ValueError, match=rf"{name} の重みは.*in {name} do not fit.*: {tensor}"):
            load_bert(tmp_path / name)
    for name in ("strange.npz", "field.npz", "array.npy", "text.npz", "cut.npz", "empty.npz"):
        with pytest.raises(ValueError, match=rf"{name} は、save_bert が.*{name} is no file"):
            load_bert(tmp_path / name)


def test_impossible_sizes_are_named() -> None:
    with pytest.raises(ValueError, match=r"1 以上.*at least 1: layers, segments"):
        BertConfig(10, layers=0, segments=0)
    with pytest.raises(ValueError, match=r"割り切れません.*5 heads do not divide 16 dimensions"):
        replace(SMALL, heads=5)


def test_too_long_input_is_named(bert: keras.Model) -> None:
    inputs = draw_inputs(length=SMALL.max_length + 1)

    with pytest.raises(ValueError, match=r"長さは 12 まで.*at most 12 pieces, not 13"):
        bert(inputs)


# mask_tokens


@pytest.fixture(scope="module")
def tokenizer() -> WordPiece:
    return WordPiece([*SPECIAL_TOKENS, *(f"p{n}" for n in range(995))])


@pytest.fixture(scope="module")
def many_ids() -> Any:
    ids = np.random.default_rng(7).integers(5, 1000, (400, 250)).astype("int32")
    ids[:, 0], ids[:, 100], ids[:, 200], ids[:, 201:] = 2, 3, 3, 0
    return ids


def test_masking_keeps_to_its_statistics(tokenizer: WordPiece, many_ids: Any) -> None:
    masked, labels = mask_tokens(many_ids, tokenizer, np.random.default_rng(8))

    chosen = labels != IGNORED
    ordinary = many_ids >= 5
    kept = (masked == many_ids)[chosen].mean()
    hidden = (masked == tokenizer.mask)[chosen].mean()
    assert masked.dtype == labels.dtype == np.int32
    assert chosen[ordinary].mean() == pytest.approx(0.15, abs=0.01)
    assert hidden == pytest.approx(0.8, abs=0.02)
    assert kept == pytest.approx(0.1, abs=0.02)
    assert 1 - hidden - kept == pytest.approx(0.1, abs=0.02)
    assert not chosen[~ordinary].any()
    np.testing.assert_array_equal(labels[chosen], many_ids[chosen])
    np.testing.assert_array_equal(masked[~chosen], many_ids[~chosen])


def test_random_pieces_come_from_the_whole_vocabulary_but_special_tokens(many_ids: Any) -> None:
    backwards = WordPiece([*(f"p{n}" for n in range(995)), *SPECIAL_TOKENS])
    ids = np.where(many_ids < 5, 995 + many_ids, many_ids - 5)

    masked, labels = mask_tokens(ids, backwards, np.random.default_rng(9))

    random = masked[(labels != IGNORED) & (masked != labels) & (masked != backwards.mask)]
    assert random.max() == 994
    assert len(np.unique(random)) > 600
    np.testing.assert_array_equal(masked[ids >= 995], ids[ids >= 995])


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (1.0, 1.0), (0.4, 0.4)])
def test_masking_takes_the_rate_that_is_asked_for(
    tokenizer: WordPiece, many_ids: Any, rate: float, share: float
) -> None:
    _, labels = mask_tokens(many_ids, tokenizer, np.random.default_rng(1), rate)

    assert (labels != IGNORED)[many_ids >= 5].mean() == pytest.approx(share, abs=0.01)


def test_masking_is_decided_by_its_generator_alone(tokenizer: WordPiece, many_ids: Any) -> None:
    before = many_ids.copy()
    first, again, other = (
        mask_tokens(many_ids, tokenizer, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(many_ids, before)


def test_impossible_rate_is_named(tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"0〜1.*from 0 to 1: 15"):
        mask_tokens(np.ones((1, 3), "int32"), tokenizer, np.random.default_rng(1), rate=15)


# The model that ships


SHIPPED = shipped_data() / "language"


def test_shipped_vocabulary_and_weights_go_together() -> None:
    backbone, mlm = load_bert()
    tokenizer = load_tokenizer()

    assert backbone.get_layer("embeddings").token.input_dim == len(tokenizer.vocabulary)
    inputs = tokenizer.encode(["吾輩は猫である。"], length=16)
    logits = ops.convert_to_numpy(mlm(inputs))
    assert logits.shape == (1, 16, len(tokenizer.vocabulary))
    assert np.isfinite(logits).all()


def test_shipped_model_knows_japanese() -> None:
    _, mlm = load_bert()
    tokenizer = load_tokenizer()
    silent = (tokenizer.pad, tokenizer.cls, tokenizer.sep)
    losses = []
    for text in ("私はその人を常に先生と呼んでいた。", "彼は黙って窓の外を見ていた。"):
        inputs = tokenizer.encode([text], length=24)
        ids = inputs["token_ids"][0]
        places = [place for place, number in enumerate(ids) if number not in silent]
        batch = {name: np.repeat(array, len(places), axis=0) for name, array in inputs.items()}
        rows = np.arange(len(places))
        batch["token_ids"][rows, places] = tokenizer.mask
        logits = ops.log_softmax(mlm(batch), axis=-1)
        losses.extend(-ops.convert_to_numpy(logits)[rows, places, ids[places]])

    assert np.mean(losses) < np.log(len(tokenizer.vocabulary)) - 3


def test_shipped_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.glob("bert_tiny_aozora.*")) < 6e6
