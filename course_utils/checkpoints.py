"""A published Japanese BERT, in the files that transformers wrote, as a KerasHub backbone with its tokenizer.

Two layouts are read: ``model.safetensors``, with PyTorch's names and orientation, and ``tf_model.h5``, with
those of transformers' former TensorFlow models. Both become one naming, that of the modules in PyTorch with
the variables of Keras, such as ``encoder.layer.0.attention.self.query.kernel``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import keras_hub
import numpy as np
import numpy.typing as npt
import safetensors

from course_utils.download import DownloadError, fetch_unverified
from course_utils.paths import data_dir

REPOSITORY = "tohoku-nlp/bert-base-japanese-whole-word-masking"
"""12 layers, 768 wide, 32,000 word pieces; MeCab words by the IPA dictionary. CC BY-SA 4.0."""

_HUB = "https://huggingface.co/{repository}/resolve/main/{name}"
_CONFIG, _VOCABULARY, _SAFETENSORS, _TF_H5 = "config.json", "vocab.txt", "model.safetensors", "tf_model.h5"
_SIZES = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "hidden_size": "hidden_dim",
    "intermediate_size": "intermediate_dim",
    "max_position_embeddings": "max_sequence_length",
    "type_vocab_size": "num_segments",
}
_FIXED = {"hidden_act": "gelu", "layer_norm_eps": 1e-12}

_MODULES = {
    "token_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "segment_embedding": "embeddings.token_type_embeddings",
    "embeddings_layer_norm": "embeddings.LayerNorm",
    "pooled_dense": "pooler.dense",
}
_LAYER_MODULES = {
    "self_attention_layer/query": "attention.self.query",
    "self_attention_layer/key": "attention.self.key",
    "self_attention_layer/value": "attention.self.value",
    "self_attention_layer/attention_output": "attention.output.dense",
    "self_attention_layer_norm": "attention.output.LayerNorm",
    "feedforward_intermediate_dense": "intermediate.dense",
    "feedforward_output_dense": "output.dense",
    "feedforward_layer_norm": "output.LayerNorm",
}

Tensor = Callable[[], npt.NDArray[np.float32]]
Tensors = Mapping[str, Tensor]


class JapaneseBert(NamedTuple):
    """A backbone and the tokenizer whose ids it was trained on.

    Attributes:
        backbone: Takes ``token_ids``, ``segment_ids`` and ``padding_mask``, each ``(batch, length)``; gives
            ``sequence_output`` ``(batch, length, hidden)`` and ``pooled_output`` ``(batch, hidden)``.
        tokenizer: transformers' ``BertJapaneseTokenizer``: MeCab with the IPA dictionary, then WordPiece. It
            gives ``input_ids``, ``token_type_ids`` and ``attention_mask``, which go in as those three.
    """

    backbone: keras_hub.models.BertBackbone
    tokenizer: Any


def gelu(x: Any) -> Any:
    """The exact Gaussian error linear unit, ``x / 2 * (1 + erf(x / sqrt(2)))``.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415.
    """
    return keras.activations.gelu(x, approximate=False)


@keras.saving.register_keras_serializable(package="course_utils")
class ExactGeluBert(keras_hub.models.BertBackbone):
    """KerasHub's BERT with the exact GELU, which transformers' checkpoints were trained with.

    KerasHub itself uses the approximation by tanh, as Google's own code does.

    Args:
        **kwargs: The arguments of ``keras_hub.models.BertBackbone``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for layer in self.transformer_layers:
            layer._feedforward_intermediate_dense.activation = gelu


def load_japanese_bert(source: str | Path = REPOSITORY) -> JapaneseBert:
    """Loads a Japanese BERT and its tokenizer.

    The hub publishes no checksum that this course could have kept, and its files may change: what is
    downloaded is verified by the name and shape of every tensor and by the size of the vocabulary.

    Args:
        source: A folder with ``config.json``, ``vocab.txt`` and ``model.safetensors`` or ``tf_model.h5``,
            or the name of a repository of the hub. Of a name the last part is looked for as a folder in
            ``COURSE_DATA_DIR``; otherwise three files are downloaded, once (545 MB).

    Returns:
        The backbone with the published weights, and the tokenizer.

    Raises:
        DownloadError: If the files are missing and cannot be downloaded.
        FileNotFoundError: If the folder lacks a file.
        ModuleNotFoundError: If ``fugashi`` or ``ipadic`` is not installed.
        ValueError: If a file is damaged, or does not fit the architecture; every tensor that is missing or
            has a wrong shape is named.
    """
    folder = Path(source) if Path(source).is_dir() else _checkpoint_folder(str(source))
    weights = _weights_file(folder)
    config = _read_config(folder / _CONFIG)
    tokenizer = _load_tokenizer(folder / _VOCABULARY)
    if tokenizer.vocab_size != config["vocabulary_size"]:
        raise ValueError(
            f"{folder} の vocab.txt は {tokenizer.vocab_size} 語、"
            f"config.json は {config['vocabulary_size']} 語です。同じモデルのファイルをそろえてください。 / "
            f"In {folder} vocab.txt has {tokenizer.vocab_size} entries and config.json says "
            f"{config['vocabulary_size']}; take both from the same model."
        )
    backbone = ExactGeluBert(**config)
    _assign(backbone, weights)
    return JapaneseBert(backbone, tokenizer)


def _checkpoint_folder(repository: str) -> Path:
    """The checkpoint's folder in ``COURSE_DATA_DIR``, or in the cache after a download."""
    name = repository.rpartition("/")[2]
    folder = data_dir()
    if folder is not None and (folder / name).is_dir():
        return folder / name
    files = (_CONFIG, _VOCABULARY, _TF_H5)
    try:
        paths = [
            fetch_unverified(f"{name}/{file}", _HUB.format(repository=repository, name=file))
            for file in files
        ]
    except DownloadError as error:
        raise DownloadError(
            f"{repository} をダウンロードできませんでした。ネットワークにつながる機械で "
            f"https://huggingface.co/{repository} から {'、'.join(files)} を保存し、"
            f"{name} という名前のフォルダーに入れて、"
            "その親のフォルダーを環境変数 COURSE_DATA_DIR に指定してください。 / "
            f"{repository} could not be downloaded; save {', '.join(files)} from "
            f"https://huggingface.co/{repository} on a machine with a network into a folder named {name}, "
            "and set COURSE_DATA_DIR to the folder that holds it."
        ) from error
    return paths[0].parent


def _weights_file(folder: Path) -> Path:
    """The file of the weights; makes sure that the other two are there."""
    missing = [name for name in (_CONFIG, _VOCABULARY) if not (folder / name).is_file()]
    found = [folder / name for name in (_SAFETENSORS, _TF_H5) if (folder / name).is_file()]
    if not found:
        missing.append(f"{_SAFETENSORS} | {_TF_H5}")
    if missing:
        raise FileNotFoundError(
            f"{folder} に次のファイルがありません: {'、'.join(missing)} / "
            f"{folder} lacks: {', '.join(missing)}"
        )
    return found[0]


def _read_config(path: Path) -> dict[str, Any]:
    """Translates ``config.json`` into the arguments of KerasHub's BERT."""
    try:
        config = {**_FIXED, **json.loads(path.read_text(encoding="utf-8"))}
        sizes = {ours: int(config[theirs]) for theirs, ours in _SIZES.items()}
        dropout = float(config["hidden_dropout_prob"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} を BERT の設定として読めません({error})。取り直してください。 / "
            f"{path} is no configuration of a BERT ({error}); get it again."
        ) from error
    for key, value in _FIXED.items():
        if config[key] != value:
            raise ValueError(
                f"{path} の {key} は {config[key]} です。ここで読めるのは {value} のモデルだけです。 / "
                f"{path} has {key} = {config[key]}; only models with {value} can be read."
            )
    return {**sizes, "dropout": dropout}


def _load_tokenizer(vocabulary: Path) -> Any:
    from transformers import BertJapaneseTokenizer

    try:
        return BertJapaneseTokenizer(  # type: ignore[no-untyped-call]
            vocab_file=str(vocabulary),
            do_lower_case=False,
            word_tokenizer_type="mecab",
            subword_tokenizer_type="wordpiece",
            mecab_kwargs={"mecab_dic": "ipadic"},
            model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        )
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "BertJapaneseTokenizer に要る fugashi か ipadic が入っていません。"
            "pip install fugashi ipadic で入れてください。 / "
            "BertJapaneseTokenizer needs fugashi and ipadic; run: pip install fugashi ipadic"
        ) from error


def _assign(backbone: keras.Model, weights: Path) -> None:
    """Gives every variable of the backbone its tensor."""
    problems = []
    with _opened(weights) as tensors:
        for variable in backbone.weights:
            name = _tensor_name(variable.path)
            if name not in tensors:
                problems.append(f"{name}: ありません / missing")
                continue
            tensor = tensors[name]()
            expected = _published_shape(variable.path, tuple(variable.shape))
            if tensor.shape not in (expected, tuple(variable.shape)):
                problems.append(f"{name}: {tensor.shape} ≠ {expected}")
                continue
            variable.assign(tensor.reshape(variable.shape))
    if problems:
        raise ValueError(
            f"{weights.name} は config.json の構造に合いません。 / {weights.name} does not fit config.json: "
            + "; ".join(problems)
        )


def _tensor_name(path: str) -> str:
    """Translates the path of a variable in KerasHub, such as ``embeddings_layer_norm/gamma``."""
    module, _, variable = path.rpartition("/")
    layer = re.fullmatch(r"transformer_layer_(\d+)/(.+)", module)
    if layer:
        return f"encoder.layer.{layer[1]}.{_LAYER_MODULES[layer[2]]}.{variable}"
    return f"{_MODULES[module]}.{variable}"


def _published_shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape in a checkpoint, where the heads of an attention lie side by side in one matrix."""
    if "/self_attention_layer/" not in path:
        return shape
    size = int(np.prod(shape))
    if path.endswith("/bias"):
        return (size,)
    rows = int(np.prod(shape[:-1])) if "/attention_output/" in path else shape[0]
    return (rows, size // rows)


@contextmanager
def _opened(path: Path) -> Iterator[Tensors]:
    """Opens the file of the weights; each tensor is read when it is asked for."""
    try:
        if path.name == _SAFETENSORS:
            with safetensors.safe_open(path, framework="numpy") as file:
                yield _safetensors(file)
        else:
            with h5py.File(path, "r") as file:
                yield _h5_tensors(file)
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(
            f"{path} を重みのファイルとして読めません。壊れているので、取り直してください。 / "
            f"{path} is no file of weights or is damaged; get it again."
        ) from error


def _safetensors(file: Any) -> Tensors:
    """Names of PyTorch: a module, and ``weight`` or ``bias``, ``gamma`` or ``beta`` in old LayerNorms."""
    tensors: dict[str, Tensor] = {}
    for key in file.keys():  # noqa: SIM118, no mapping
        module, _, variable = key.removeprefix("bert.").rpartition(".")
        if module.endswith("LayerNorm"):
            variable = {"weight": "gamma", "bias": "beta"}.get(variable, variable)
        elif variable == "weight":
            variable = "embeddings" if module.endswith("_embeddings") else "kernel"
        tensors[f"{module}.{variable}"] = _reader(file.get_tensor, key, transposed=variable == "kernel")
    return tensors


def _h5_tensors(file: h5py.File) -> Tensors:
    """Names of TensorFlow: ``bert/tf_bert_for_pre_training/bert/encoder/layer_._0/…/query/kernel:0``."""
    tensors: dict[str, Tensor] = {}

    def visit(key: str, item: Any) -> None:
        found = re.search(r"bert/((?:embeddings|encoder|pooler)/.+):0$", key)
        if found and isinstance(item, h5py.Dataset):
            name = found[1].replace("layer_._", "layer/").replace("/", ".")
            name = name.replace("word_embeddings.weight", "word_embeddings.embeddings")
            tensors[name] = _reader(file.__getitem__, key, transposed=False)

    file.visititems(visit)
    return tensors


def _reader(get: Callable[[str], Any], key: str, *, transposed: bool) -> Tensor:
    def read() -> npt.NDArray[np.float32]:
        tensor = np.asarray(get(key), dtype=np.float32)
        return tensor.T if transposed else tensor

    return read
