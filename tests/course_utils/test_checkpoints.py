import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import keras_hub
import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from course_utils import checkpoints
from course_utils.checkpoints import REPOSITORY, ExactGeluBert, gelu, load_japanese_bert
from course_utils.download import DownloadError
from tests.course_utils.file_server import FileServer

Array = npt.NDArray[np.float32]
State = dict[str, Array]

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL, "国立", "国会図書館", "国会", "図書", "館", "猫", "##背", "で", "B", "##E"]
LAYERS, HEADS, HIDDEN, INTERMEDIATE, LENGTH = 2, 3, 12, 20, 16
CONFIG = {
    "architectures": ["BertForMaskedLM"],
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": LENGTH,
    "model_type": "bert",
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "type_vocab_size": 2,
    "vocab_size": len(VOCABULARY),
}


def random_state() -> State:
    """Weights with PyTorch's names and orientation, as ``BertForPreTraining`` has them."""
    rng = np.random.default_rng(12)

    def draw(*shape: int) -> Array:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    state = {
        "bert.embeddings.word_embeddings.weight": draw(len(VOCABULARY), HIDDEN),
        "bert.embeddings.position_embeddings.weight": draw(LENGTH, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
        "bert.pooler.dense.weight": draw(HIDDEN, HIDDEN),
        "bert.pooler.dense.bias": draw(HIDDEN),
        "cls.predictions.bias": draw(len(VOCABULARY)),
        "cls.seq_relationship.weight": draw(2, HIDDEN),
    }
    norms = ["bert.embeddings.LayerNorm"]
    for i in range(LAYERS):
        layer = f"bert.encoder.layer.{i}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for module, rows, columns in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INTERMEDIATE, HIDDEN),
            ("output.dense", HIDDEN, INTERMEDIATE),
        ]:
            state[f"{layer}.{module}.weight"] = draw(rows, columns)
            state[f"{layer}.{module}.bias"] = draw(rows)
    for norm in norms:
        state[f"{norm}.weight"] = 1 + draw(HIDDEN)
        state[f"{norm}.bias"] = draw(HIDDEN)
    return state


def write_safetensors(folder: Path, state: State) -> None:
    """The layout of today: PyTorch's names; old checkpoints keep the buffer of the positions."""
    positions = {"bert.embeddings.position_ids": np.arange(LENGTH)[np.newaxis]}
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in {**state, **positions}.items()}
    save_file(tensors, folder / "model.safetensors")


def write_old_safetensors(folder: Path, state: State) -> None:
    """PyTorch's names before 2019: LayerNorm had ``gamma`` and ``beta``."""
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, tensor in state.items():
        end = ".".join(name.split(".")[-2:])
        renamed[name.removesuffix(end) + old.get(end, end)] = tensor
    write_safetensors(folder, renamed)


def write_bare_safetensors(folder: Path, state: State) -> None:
    """A ``BertModel`` without heads saves its names without ``bert.``."""
    own = {name: tensor for name, tensor in state.items() if name.startswith("bert.")}
    write_safetensors(folder, {name.removeprefix("bert."): tensor for name, tensor in own.items()})


def write_tf_h5(folder: Path, state: State, *, split_heads: bool = False) -> None:
    """What transformers' ``TFBertForPreTraining`` saved: a group for each of its layers."""
    groups: dict[str, State] = {"bert": {}, "mlm___cls": {}, "nsp___cls": {}}
    groups["mlm___cls"]["tf_bert_for_pre_training/mlm___cls/predictions/bias:0"] = state[
        "cls.predictions.bias"
    ]
    nsp = "tf_bert_for_pre_training/nsp___cls/seq_relationship/kernel:0"
    groups["nsp___cls"][nsp] = state["cls.seq_relationship.weight"].T
    for name, tensor in state.items():
        module, _, variable = name.rpartition(".")
        if not module.startswith("bert."):
            continue
        if module.endswith("LayerNorm"):
            variable = {"weight": "gamma", "bias": "beta"}[variable]
        elif module.endswith(("position_embeddings", "token_type_embeddings")):
            variable = "embeddings"
        elif variable == "weight" and not module.endswith("word_embeddings"):
            variable, tensor = "kernel", tensor.T
        if split_heads and ".self." in module:
            tensor = tensor.reshape(*tensor.shape[:-1], HEADS, HIDDEN // HEADS)
        path = module.replace(".", "/").replace("layer/", "layer_._")
        groups["bert"][f"tf_bert_for_pre_training/{path}/{variable}:0"] = tensor
    with h5py.File(folder / "tf_model.h5", "w") as file:
        file.attrs["layer_names"] = list(groups)
        for group, tensors in groups.items():
            file.create_group(group).attrs["weight_names"] = list(tensors)
            for name, tensor in tensors.items():
                file[group].create_dataset(name, data=tensor)


def write_tf_h5_with_split_heads(folder: Path, state: State) -> None:
    """transformers 3.5 to 4.2 kept the heads of query, key and value in an axis of their own."""
    write_tf_h5(folder, state, split_heads=True)


LAYOUTS: list[Callable[[Path, State], None]] = [
    write_safetensors,
    write_old_safetensors,
    write_bare_safetensors,
    write_tf_h5,
    write_tf_h5_with_split_heads,
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint's folder without weights."""
    folder = tmp_path / "bert-base-japanese-whole-word-masking"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return folder


def normalised(x: Array, state: State, norm: str) -> Array:
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
    return scaled * state[f"{norm}.weight"] + state[f"{norm}.bias"]


def dense(x: Array, state: State, module: str) -> Array:
    return x @ state[f"{module}.weight"].T + state[f"{module}.bias"]


def erf_gelu(x: Array) -> Array:
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def attention(x: Array, mask: Array, state: State, module: str) -> Array:
    batch, length, _ = x.shape

    def heads(name: str) -> Array:
        projected = dense(x, state, f"{module}.self.{name}")
        return projected.reshape(batch, length, HEADS, HIDDEN // HEADS).transpose(0, 2, 1, 3)

    scores = heads("query") @ heads("key").swapaxes(-1, -2) / math.sqrt(HIDDEN // HEADS)
    weights = np.exp(scores) * mask[:, np.newaxis, np.newaxis, :]
    weights /= weights.sum(-1, keepdims=True)
    joined = (weights @ heads("value")).transpose(0, 2, 1, 3).reshape(batch, length, HIDDEN)
    return dense(joined, state, f"{module}.output.dense")


def forward(inputs: dict[str, Array], state: State) -> dict[str, Array]:
    """BERT's encoder and pooler in NumPy (Devlin et al., 2019)."""
    table = {
        kind: state[f"bert.embeddings.{kind}_embeddings.weight"]
        for kind in ("word", "position", "token_type")
    }
    ids = inputs["token_ids"]
    x = table["word"][ids] + table["position"][: ids.shape[1]] + table["token_type"][inputs["segment_ids"]]
    x = normalised(x, state, "bert.embeddings.LayerNorm")
    for i in range(LAYERS):
        layer = f"bert.encoder.layer.{i}"
        attended = x + attention(x, inputs["padding_mask"], state, f"{layer}.attention")
        x = normalised(attended, state, f"{layer}.attention.output.LayerNorm")
        hidden = erf_gelu(dense(x, state, f"{layer}.intermediate.dense"))
        x = normalised(x + dense(hidden, state, f"{layer}.output.dense"), state, f"{layer}.output.LayerNorm")
    return {"sequence_output": x, "pooled_output": np.tanh(dense(x[:, 0], state, "bert.pooler.dense"))}


def probe() -> dict[str, npt.NDArray[np.int32]]:
    rng = np.random.default_rng(5)
    return {
        "token_ids": rng.integers(0, len(VOCABULARY), (3, 9)).astype(np.int32),
        "segment_ids": np.repeat([[0] * 5 + [1] * 4], 3, axis=0).astype(np.int32),
        "padding_mask": (np.arange(9) < np.array([[9], [6], [1]])).astype(np.int32),
    }


@pytest.mark.parametrize("write", LAYOUTS)
def test_outputs_equal_a_forward_pass_in_numpy(write: Callable[[Path, State], None], folder: Path) -> None:
    state = random_state()
    write(folder, state)
    outputs = load_japanese_bert(folder).backbone(probe())
    expected = forward(probe(), state)

    for name in ("sequence_output", "pooled_output"):
        found = keras.ops.convert_to_numpy(outputs[name])
        np.testing.assert_allclose(found, expected[name], rtol=1e-4, atol=1e-5)


def test_gelu_is_exact() -> None:
    x = np.linspace(-4, 4, 41, dtype=np.float32)
    exact = keras.ops.convert_to_numpy(gelu(x))

    np.testing.assert_allclose(exact, erf_gelu(x), atol=1e-6)
    assert (
        np.abs(exact - keras.ops.convert_to_numpy(keras.activations.gelu(x, approximate=True))).max() > 1e-4
    )


def test_a_copy_by_its_config_keeps_the_exact_gelu(folder: Path) -> None:
    write_safetensors(folder, random_state())
    backbone = load_japanese_bert(folder).backbone
    copy = ExactGeluBert.from_config(backbone.get_config())
    copy.set_weights(backbone.get_weights())

    np.testing.assert_array_equal(copy(probe())["pooled_output"], backbone(probe())["pooled_output"])


def test_tokenizer_splits_by_the_ipa_dictionary(folder: Path) -> None:
    write_tf_h5(folder, random_state())
    tokenizer = load_japanese_bert(folder).tokenizer

    assert tokenizer.tokenize("国立国会図書館") == ["国立", "国会図書館"]
    assert tokenizer.tokenize("猫背でＢＥ") == ["猫", "##背", "で", "B", "##E"]
    encoded = tokenizer("国立国会図書館", "猫", padding="max_length", max_length=8)
    assert encoded["input_ids"] == [2, 5, 6, 3, 10, 3, 0, 0]
    assert encoded["token_type_ids"] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert encoded["attention_mask"] == [1, 1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("write", [write_safetensors, write_tf_h5])
def test_every_missing_tensor_is_named(write: Callable[[Path, State], None], folder: Path) -> None:
    state = random_state()
    del state["bert.encoder.layer.1.attention.self.key.weight"]
    del state["bert.embeddings.LayerNorm.bias"]
    write(folder, state)

    with pytest.raises(ValueError, match=r"合いません。 / .*does not fit") as error:
        load_japanese_bert(folder)
    assert "encoder.layer.1.attention.self.key.kernel: ありません / missing" in str(error.value)
    assert "embeddings.LayerNorm.beta: ありません / missing" in str(error.value)
    assert str(error.value).count("missing") == 2


@pytest.mark.parametrize("write", [write_safetensors, write_tf_h5])
def test_wrong_shape_is_named(write: Callable[[Path, State], None], folder: Path) -> None:
    state = random_state()
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    state[name] = state[name][:, :-1]
    write(folder, state)

    with pytest.raises(ValueError, match=r"layer\.0\.intermediate\.dense\.kernel: \(11, 20\) ≠ \(12, 20\)$"):
        load_japanese_bert(folder)


def test_checkpoint_of_another_width(folder: Path) -> None:
    write_tf_h5(folder, random_state())
    (folder / "config.json").write_text(json.dumps({**CONFIG, "hidden_size": 6}))

    with pytest.raises(ValueError, match=r"attention\.self\.query\.kernel: \(12, 12\) ≠ \(6, 6\)"):
        load_japanese_bert(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tf_model.h5"])
def test_damaged_weights(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"damaged" * 100)

    with pytest.raises(ValueError, match=f"{name} を.*壊れている.* / .*damaged"):
        load_japanese_bert(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tf_model.h5"])
def test_weights_cut_off_half_way(name: str, folder: Path) -> None:
    (write_safetensors if name == "model.safetensors" else write_tf_h5)(folder, random_state())
    (folder / name).write_bytes((folder / name).read_bytes()[:4000])

    with pytest.raises(ValueError, match=r"壊れている.* / .*damaged"):
        load_japanese_bert(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "model.safetensors"])
def test_missing_file_is_named(name: str, folder: Path) -> None:
    write_safetensors(folder, random_state())
    (folder / name).unlink()

    with pytest.raises(FileNotFoundError, match=f"ありません: {name}.* / .*lacks: {name}"):
        load_japanese_bert(folder)


def test_vocabulary_of_another_model(folder: Path) -> None:
    write_safetensors(folder, random_state())
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY[:-1]) + "\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"vocab\.txt は 14 語、config\.json は 15 語.* / .*same model"):
        load_japanese_bert(folder)


@pytest.mark.parametrize(("key", "value"), [("hidden_act", "relu"), ("layer_norm_eps", 1e-5)])
def test_architecture_that_kerashub_lacks(key: str, value: object, folder: Path) -> None:
    write_safetensors(folder, random_state())
    (folder / "config.json").write_text(json.dumps({**CONFIG, key: value}))

    with pytest.raises(ValueError, match=f"{key} は {value} です.* / .*{key} = {value}"):
        load_japanese_bert(folder)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"vocab_size": 15}', json.dumps({**CONFIG, "hidden_size": "x"})]
)
def test_damaged_config(text: str, folder: Path) -> None:
    write_safetensors(folder, random_state())
    (folder / "config.json").write_text(text)

    with pytest.raises(ValueError, match=r"読めません.* / .*no configuration of a BERT"):
        load_japanese_bert(folder)


def test_folder_of_that_name_in_course_data_dir(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tf_h5(folder, random_state())
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder.parent))

    assert load_japanese_bert().backbone.num_layers == LAYERS


@pytest.fixture
def hub(file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """The hub on a local server, with an empty cache and no ``COURSE_DATA_DIR``."""
    monkeypatch.setattr(checkpoints, "_HUB", file_server.url("/{repository}/{name}"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    return file_server


def test_downloaded_once(hub: FileServer, folder: Path) -> None:
    write_tf_h5(folder, random_state())
    for path in folder.iterdir():
        hub.files[f"/{REPOSITORY}/{path.name}"] = path.read_bytes()
    shutil.rmtree(folder)
    first = load_japanese_bert().backbone.get_weights()
    second = load_japanese_bert().backbone.get_weights()

    assert sorted(hub.requests) == sorted(hub.files)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_refused_download_says_what_to_save_where(hub: FileServer) -> None:
    with pytest.raises(DownloadError, match=r"COURSE_DATA_DIR に指定.* / .*could not be downloaded") as error:
        load_japanese_bert()
    assert f"https://huggingface.co/{REPOSITORY}" in str(error.value)
    assert "config.json, vocab.txt, tf_model.h5" in str(error.value)
    assert "bert-base-japanese-whole-word-masking" in str(error.value)


@pytest.mark.parametrize(("vocabulary_size", "parameters"), [(30_522, 109_482_240), (32_000, 110_617_344)])
def test_parameters_at_base_size(vocabulary_size: int, parameters: int) -> None:
    with keras.StatelessScope(initialize_variables=False):  # shapes only: nothing is allocated
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=vocabulary_size,
            num_layers=12,
            num_heads=12,
            hidden_dim=768,
            intermediate_dim=3072,
        )
    shapes = [weight.shape for weight in backbone.weights]
    keras.backend.clear_session()  # forgets the variables that wait to be allocated

    assert sum(math.prod(shape) for shape in shapes) == parameters
