"""WordPiece: words cut into pieces of a fixed vocabulary, and sentences encoded for BERT.

Text goes through NFKC and MeCab first (:mod:`course_utils.japanese`); a piece that goes on a word starts
with ``##``.

Sources: Schuster and Nakajima, "Japanese and Korean Voice Search", ICASSP 2012; Devlin et al.,
"BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from course_utils.japanese import normalize, split_words

Encoding = dict[str, npt.NDArray[np.int32]]
"""What BERT reads: ``token_ids``, ``segment_ids`` and ``padding_mask``, each of shape ``(batch, length)``."""

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUES = "##"
MAX_WORD = 100
"""Longer words are unknown, as in BERT's own tokenizer."""


class WordPiece:
    """A vocabulary of pieces and what can be done with it.

    Attributes:
        vocabulary: The pieces; a piece's id is its place.
        pad: Id of ``[PAD]``, which fills up a batch.
        unk: Id of ``[UNK]``, for a word that no pieces make up.
        cls: Id of ``[CLS]``, which starts an input.
        sep: Id of ``[SEP]``, which ends a segment.
        mask: Id of ``[MASK]``, which hides a piece.
    """

    def __init__(self, vocabulary: Sequence[str], dictionary: str = "unidic-lite") -> None:
        """Takes over a vocabulary.

        Args:
            vocabulary: Different pieces, the five special tokens among them.
            dictionary: MeCab's dictionary; see :func:`course_utils.japanese.split_words`.

        Raises:
            ValueError: If a special token is missing or a piece stands there twice.
        """
        self.vocabulary = tuple(vocabulary)
        self._ids = {piece: number for number, piece in enumerate(self.vocabulary)}
        missing = [token for token in SPECIAL_TOKENS if token not in self._ids]
        if missing or len(self._ids) != len(self.vocabulary):
            problem = " ".join(missing) or next(p for n, p in enumerate(vocabulary) if self._ids[p] != n)
            raise ValueError(
                f"語彙が正しくありません。特殊トークンがすべて要り、重複は許されません: {problem} / "
                f"The vocabulary must hold every special token, and no piece twice: {problem}"
            )
        self.pad, self.unk, self.cls, self.sep, self.mask = (self._ids[token] for token in SPECIAL_TOKENS)
        self._dictionary = dictionary
        self._pieces_of = lru_cache(maxsize=100_000)(self._cut)

    @classmethod
    def load(cls, path: Path) -> WordPiece:
        """Reads a ``vocab.txt``, one piece a line.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not UTF-8, has an empty line, or its pieces are no vocabulary.
        """
        try:
            lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"語彙のファイルがありません: {path} / There is no vocabulary at {path}"
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path.name} は UTF-8 のテキストではありません。 / {path.name} is not a text in UTF-8."
            ) from error
        if "" in lines:
            number = lines.index("") + 1
            raise ValueError(
                f"{path.name} の {number} 行目が空です。空行があると、id が 1 つずつずれます。 / "
                f"Line {number} of {path.name} is empty, and would shift the ids."
            )
        return cls(lines)

    def pieces(self, text: str) -> list[str]:
        """Cuts a text into pieces."""
        words = split_words(normalize(text), self._dictionary)
        return [piece for word in words for piece in self._pieces_of(word)]

    def ids(self, text: str) -> list[int]:
        """Cuts a text into pieces and returns their ids, without special tokens."""
        return [self._ids[piece] for piece in self.pieces(text)]

    def text(self, ids: Iterable[int]) -> str:
        """Puts pieces together again; special tokens but ``[UNK]`` and ``[MASK]`` are left out."""
        silent = {self.pad, self.cls, self.sep}
        pieces = [self.vocabulary[number] for number in ids if number not in silent]
        return "".join(piece.removeprefix(CONTINUES) for piece in pieces)

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None, length: int = 64) -> Encoding:
        """Encodes texts, or pairs of texts, as ``[CLS] text [SEP]`` or ``[CLS] text [SEP] pair [SEP]``.

        Args:
            texts: First segments.
            pairs: Second segments, as many.
            length: Pieces of each row; what is longer loses its end, the longer segment first.

        Returns:
            Three arrays of shape ``(len(texts), length)``, int32: ids, segment (0 or 1), and 1 where there
            is a piece.

        Raises:
            ValueError: If there are more texts than pairs or the reverse, or the special tokens alone are
                longer than ``length``.
        """
        if pairs is not None and len(pairs) != len(texts):
            raise ValueError(
                f"文と、組になる文の数が違います: {len(texts)} と {len(pairs)} / "
                f"{len(texts)} texts do not go with {len(pairs)} pairs"
            )
        firsts = [self.ids(text) for text in texts]
        seconds = [self.ids(text) for text in pairs] if pairs is not None else [None] * len(firsts)
        return stack_rows(
            [self.row(a, b, length) for a, b in zip(firsts, seconds, strict=True)], self.pad, length
        )

    def row(self, first: Sequence[int], second: Sequence[int] | None, length: int) -> tuple[list[int], int]:
        """Adds the special tokens to ids, and cuts them to a length.

        Returns:
            The ids, at most ``length``, and where the second segment begins; their number where there is
            none.

        Raises:
            ValueError: If the special tokens alone are longer than ``length``.
        """
        a, b = list(first), list(second or ())
        room = length - (2 if second is None else 3)
        if room < 0:
            raise ValueError(
                f"長さ {length} には、特殊トークンだけでも入りません。 / "
                f"The special tokens alone are longer than {length}."
            )
        while len(a) + len(b) > room:
            (a if len(a) >= len(b) else b).pop()
        ids = [self.cls, *a, self.sep]
        return (ids, len(ids)) if second is None else ([*ids, *b, self.sep], len(ids))

    def _cut(self, word: str) -> tuple[str, ...]:
        """Cuts a word: the longest piece that fits, again and again."""
        pieces: list[str] = []
        rest = word if len(word) <= MAX_WORD else ""
        while rest:
            before = CONTINUES if pieces else ""
            ends = range(len(rest), 0, -1)
            end = next((end for end in ends if before + rest[:end] in self._ids), 0)
            if end == 0:
                return (SPECIAL_TOKENS[1],)
            pieces.append(before + rest[:end])
            rest = rest[end:]
        return tuple(pieces) or (SPECIAL_TOKENS[1],)


def stack_rows(rows: Sequence[tuple[Sequence[int], int]], pad: int, length: int) -> Encoding:
    """Fills rows up to one length.

    Args:
        rows: Ids, and where the second segment begins, as :meth:`WordPiece.row` returns them.
        pad: Id of ``[PAD]``.
        length: Pieces of each row.

    Returns:
        What BERT reads.
    """
    token_ids = np.full((len(rows), length), pad, "int32")
    segment_ids, padding_mask = np.zeros_like(token_ids), np.zeros_like(token_ids)
    for n, (ids, second) in enumerate(rows):
        token_ids[n, : len(ids)] = ids
        segment_ids[n, second : len(ids)] = 1
        padding_mask[n, : len(ids)] = 1
    return {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}


def train_wordpiece(words: Iterable[str], size: int, alphabet: int = 2000) -> list[str]:
    """Learns a vocabulary with Hugging Face's ``tokenizers``.

    Args:
        words: The words of the corpus, after NFKC and MeCab.
        size: Pieces of the vocabulary, special tokens included.
        alphabet: How many different characters may begin a word; words with rarer ones become ``[UNK]``.

    Returns:
        The vocabulary; special tokens first.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL_TOKENS[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        limit_alphabet=alphabet,
        continuing_subword_prefix=CONTINUES,
        show_progress=False,
    )
    tokenizer.train_from_iterator(words, trainer)
    ids: dict[str, int] = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)
