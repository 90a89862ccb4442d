"""What answers to one exercise share that hardly any other answer has: evidence to read, never a verdict.

Answers are compared by tokens, without comments, blanks and the names that their writer chose, so that a
copy that was renamed, commented or put into another order is found all the same. Passages are compared by
fingerprints (Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document Fingerprinting",
SIGMOD 2003). What the course gives away, what its right answers hold and what many in the class have is
left out: two who write the only sensible line did not copy. Who copies the course's own answer is not found.
"""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

GRAM, WINDOW = 8, 4
"""Tokens of a fingerprint; of so many in turn one is kept: shared passages of 11 tokens are always found."""

FEW, SHARE_OF_CLASS = 8, 0.05
"""A passage that more answers have, as a number and as a share of the class, is common."""

LEAST_TOKENS, LEAST_SHARE = 30, 0.5
"""Rare tokens that two answers must share to be named, also as a share of those of the one that has fewer."""

MOST_TOKENS = 20_000
"""An answer is compared as far as this."""

_PLAIN = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})
_SKIPPED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}

Place = tuple[int, int]
"""Line, from 1, and column, from 0."""


@dataclass(frozen=True)
class Token:
    """A token of an answer.

    Attributes:
        text: What it is compared by.
        start: Where it begins.
        end: Where it ends.
    """

    text: str
    start: Place
    end: Place


@dataclass(frozen=True)
class Alike:
    """Two answers, or several equal ones, that share what hardly any other has.

    Attributes:
        first: Submissions that gave the first answer.
        second: Those that gave the other; empty where all gave the same.
        tokens: Rare tokens that they share.
        share: Their share of the rare tokens of the answer that has fewer.
        first_code: The first answer, cut into pieces; each with whether it is shared.
        second_code: The other one; empty where all gave the same.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    tokens: int
    share: float
    first_code: tuple[tuple[str, bool], ...]
    second_code: tuple[tuple[str, bool], ...]


def find_alike(answers: Mapping[str, str], known: Iterable[str]) -> list[Alike]:
    """Finds the answers to an exercise that share rare passages.

    Args:
        answers: The code of each answer, by its submission.
        known: Code that everybody may have: the course's own, and its right answers.

    Returns:
        What was found, most shared tokens first.
    """
    by_code = defaultdict[str, list[str]](list)
    for name, code in sorted(answers.items()):
        by_code[code].append(name)
    texts = {code: _Text(code) for code in by_code}
    having = Counter(each for code, names in by_code.items() for each in texts[code].prints for _ in names)
    given = {each for code in known for each in _Text(code).prints}
    most = max(FEW, SHARE_OF_CLASS * len(answers))
    for text in texts.values():
        text.rare = {each for each in text.prints if each not in given and having[each] <= most}
    found = [_alike(by_code[code], [], text, text) for code, text in texts.items() if len(by_code[code]) > 1]
    found += [_alike(by_code[a], by_code[b], texts[a], texts[b]) for a, b in _pairs(texts)]
    named = [each for each in found if each.tokens >= LEAST_TOKENS and each.share >= LEAST_SHARE]
    return sorted(named, key=lambda each: (-each.tokens, -each.share, each.first, each.second))


def tokens_of(code: str) -> list[Token]:
    """Reads a code's tokens, as far as Python can.

    Args:
        code: Any text.

    Returns:
        Its tokens. Names that are neither Python's nor an attribute are all the same, and so are texts.
    """
    found: list[Token] = []
    attribute = False
    try:
        for kind, text, start, end, _line in tokenize.generate_tokens(io.StringIO(code).readline):
            if kind in _SKIPPED:
                continue
            if kind == tokenize.NAME and not attribute and text not in _PLAIN:
                compared = "name"
            else:
                compared = '""' if kind == tokenize.STRING else text
            found.append(Token(compared, start, end))
            attribute = text == "."
            if len(found) == MOST_TOKENS:
                break
    except (tokenize.TokenError, SyntaxError):
        pass  # an answer that is no Python is compared as far as it is some
    return found


def winnowed(tokens: Sequence[Token]) -> dict[int, list[int]]:
    """Chooses the fingerprints of a text.

    Args:
        tokens: Its tokens.

    Returns:
        The number of the first token of each passage that a fingerprint stands for, by fingerprint.
    """
    grams = [tokens[start : start + GRAM] for start in range(len(tokens) - GRAM + 1)]
    hashes = [zlib.crc32(" ".join(token.text for token in gram).encode()) for gram in grams]
    chosen = {
        min(range(start, min(start + WINDOW, len(hashes))), key=lambda place: (hashes[place], -place))
        for start in range(max(1, len(hashes) - WINDOW + 1))
        if hashes
    }
    places = defaultdict[int, list[int]](list)
    for place in sorted(chosen):
        places[hashes[place]].append(place)
    return dict(places)


class _Text:
    """A code with its fingerprints."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.tokens = tokens_of(code)
        self.prints = winnowed(self.tokens)
        self.rare: set[int] = set()

    def covered(self, prints: Iterable[int]) -> list[int]:
        """Returns the numbers of the tokens that fingerprints stand for, in order."""
        numbers = {place + step for each in prints for place in self.prints[each] for step in range(GRAM)}
        return sorted(numbers)

    def pieces(self, prints: Iterable[int]) -> tuple[tuple[str, bool], ...]:
        """Cuts the code into pieces, each with whether fingerprints stand for it."""
        line_starts = [0, *(end + 1 for end, sign in enumerate(self.code) if sign == "\n")]
        borders: list[int] = []
        before = None
        for number in self.covered(prints):
            token = self.tokens[number]
            start, end = (line_starts[line - 1] + column for line, column in (token.start, token.end))
            if before is not None and number == before + 1:
                borders[-1] = end
            else:
                borders += [start, end]
            before = number
        cuts = pairwise([0, *borders, len(self.code)])
        pieces = ((self.code[start:end], index % 2 == 1) for index, (start, end) in enumerate(cuts))
        return tuple(piece for piece in pieces if piece[0])


def _pairs(texts: Mapping[str, _Text]) -> list[tuple[str, str]]:
    """Returns the different codes that share a rare fingerprint, two at a time."""
    having = defaultdict[int, list[str]](list)
    for code, text in texts.items():
        for each in text.rare:
            having[each].append(code)
    return sorted({pair for codes in having.values() for pair in combinations(codes, 2)})


def _alike(first: Sequence[str], second: Sequence[str], one: _Text, other: _Text) -> Alike:
    shared = one.rare & other.rare
    tokens = min(len(text.covered(shared)) for text in (one, other))
    own = min(len(text.covered(text.rare)) for text in (one, other))
    return Alike(
        tuple(first),
        tuple(second),
        tokens,
        tokens / own if own else 0.0,
        one.pieces(shared),
        other.pieces(shared) if second else (),
    )
