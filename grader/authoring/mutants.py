"""Wrong answers made by machine: each is a right one with one small change.

Comparisons, arithmetic, signs, booleans and loops are changed by Cosmic Ray's operators; what goes
wrong with arrays and layers in particular, by those below.
"""

from __future__ import annotations

import ast
import difflib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_REPLACED = {
    "Comparison": "Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt "
    "Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is",
    "Binary": "Add_Sub Sub_Add Mul_Div Div_Mul Mul_Add FloorDiv_Mul Mod_FloorDiv Pow_Mul "
    "LShift_RShift RShift_LShift BitOr_BitAnd BitAnd_BitOr BitXor_BitOr",
    "Unary": "Delete_USub Delete_Invert Delete_Not",
}
_OPERATORS = (
    *(f"Replace{kind}Operator_{pair}" for kind, pairs in _REPLACED.items() for pair in pairs.split()),
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
)
"""Those of Cosmic Ray that make a mistake which people make; the others make code that no one would write.
Numbers are left to us: it adds one to 10,000 too."""

_OTHER_TYPES = {
    "float64": "int32",
    "float32": "int32",
    "int32": "float32",
    "int64": "float32",
    "uint8": "int64",
}
"""Fractions are lost, or made. That float32 is less exact than float64 is within the checks' tolerance."""
_SYMMETRIC = {"maximum", "minimum", "max", "min", "add", "multiply", "allclose", "array_equal", "zip"}
_SAME_VALUES = {
    "asarray",
    "convert_to_tensor",
    "convert_to_numpy",
    "constant",
    "numpy",
    "float",
    "list",
    "tolist",
    "tuple",
}
"""Functions whose result is what they are given, in another form."""
_SIMPLE = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Tuple, ast.Dict)


@dataclass(frozen=True)
class Mutant:
    """A changed answer.

    Attributes:
        label: What made it.
        code: The changed code.
        before: The lines that changed, as they were, stripped and joined.
        after: The same lines as they are.
    """

    label: str
    code: str
    before: str
    after: str

    def __str__(self) -> str:
        """Shows the change in one line."""
        return f"{self.before or '(nothing)'}  →  {self.after or '(nothing)'}"


def mutants_of(codes: Sequence[str]) -> list[Mutant]:
    """Makes the mutants of several right answers to one exercise; a change that several share is made once.

    Args:
        codes: The answers.

    Returns:
        Mutants that differ in more than docstrings and error messages, from the answers and from each other.
    """
    seen, tried = set(map(_gist, codes)), set[tuple[str, str, int]]()
    found = []
    for code in codes:
        places = Counter[tuple[str, str]]()
        for mutant in mutants(code):
            places[mutant.before, mutant.after] += 1
            place = (mutant.before, mutant.after, places[mutant.before, mutant.after])
            gist = _gist(mutant.code)
            if gist not in seen and place not in tried:
                found.append(mutant)
            seen.add(gist)
            tried.add(place)
    return found


def mutants(code: str) -> list[Mutant]:
    """Makes every mutant of a code that is Python, and not the same as another or as the code itself.

    Args:
        code: The code.

    Returns:
        The mutants, one operator after another.
    """
    seen, found = {_gist(code)}, []
    for label, changed in [*_by_cosmic_ray(code), *_by_our_own(code)]:
        try:
            gist = _gist(changed)
        except SyntaxError:
            continue
        if gist not in seen and "posonlyargs=[arg" not in gist:  # "*" between parameters, taken for a product
            seen.add(gist)
            found.append(Mutant(label, changed, *_changed_lines(code, changed)))
    return found


def _gist(code: str) -> str:
    """Returns what a code does: its tree without docstrings, without what its errors say."""
    with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # of blanks that an operator ate
        return ast.dump(_Bare().visit(ast.parse(code)))


class _Bare(ast.NodeTransformer):
    """Takes out what does nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Replaces a docstring, or a name alone."""
        return ast.Pass() if isinstance(node.value, (ast.Constant, ast.Name)) else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Leaves of an error that there is one."""
        return ast.Raise()

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Takes out a message."""
        return ast.Assert(node.test)


def _changed_lines(before: str, after: str) -> tuple[str, str]:
    lines = before.splitlines(), after.splitlines()
    blocks = difflib.SequenceMatcher(None, *lines, autojunk=False).get_opcodes()
    blocks = [block for block in blocks if block[0] != "equal"]
    spans = (blocks[0][1], blocks[-1][2]), (blocks[0][3], blocks[-1][4])
    first, second = (
        " ".join(line.strip() for line in side[start:end])
        for side, (start, end) in zip(lines, spans, strict=True)
    )
    return first, second


def _by_cosmic_ray(code: str) -> Iterator[tuple[str, str]]:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.operators.provider import OperatorProvider

    known = OperatorProvider()
    for name in _OPERATORS:
        occurrence = 0
        while (changed := mutate_code(code, known[name](), occurrence)) is not None:
            yield name, changed
            occurrence += 1


def _by_our_own(code: str) -> Iterator[tuple[str, str]]:
    text = code.encode()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(code)
    for label, node, new in _changes(tree, _Text(code, tree)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        yield label, (text[:start] + new.encode() + text[end:]).decode()


class _Text:
    """Gives the text of a part of a code.

    Attributes:
        modules: Names that the code imports.
    """

    def __init__(self, code: str, tree: ast.Module) -> None:
        self._code = code
        imports = (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
        self.modules = {alias.asname or alias.name for node in imports for alias in node.names}

    def __call__(self, node: ast.AST) -> str:
        """Returns the text as it stands."""
        return ast.get_source_segment(self._code, node) or ""

    def whole(self, node: ast.expr) -> str:
        """Returns the text of an expression so that it can stand in any other."""
        text = self(node)
        return text if isinstance(node, _SIMPLE) and not text.startswith("*") else f"({text})"


Place = ast.expr | ast.stmt
Change = tuple[str, Place, str]
"""What is done, to which part of the code, and the text that it becomes."""


def _changes(tree: ast.Module, text: _Text) -> Iterator[Change]:
    makers: dict[type[ast.AST], list[Callable[..., Iterator[Change]]]] = {
        ast.Call: [_keywords, _order_of_arguments, _dropped_calls, _training, _ranges],
        ast.keyword: [_axes],
        ast.Constant: [_types, _numbers],
        ast.Attribute: [_types],
        ast.Slice: [_slices],
        ast.Return: [_order_of_results],
        ast.AugAssign: [_running_sums, _dropped_statements],
        ast.Assign: [_dropped_statements],
        ast.Expr: [_dropped_statements],
        ast.FunctionDef: [_ignored_parameters],
    }
    for kind, functions in makers.items():
        for change in functions:
            for node in ast.walk(tree):
                if isinstance(node, kind):
                    yield from change(node, text)


def _call(function: str, arguments: Sequence[str]) -> str:
    return f"{function}({', '.join(arguments)})"


def _arguments(call: ast.Call, text: _Text) -> tuple[list[str], list[str]]:
    keywords = [
        f"{each.arg}={text(each.value)}" if each.arg else f"**{text(each.value)}" for each in call.keywords
    ]
    return [text(each) for each in call.args], keywords


def _keywords(call: ast.Call, text: _Text) -> Iterator[Change]:
    """Drops a keyword argument: its default serves instead. Types of numbers are changed elsewhere."""
    positional, keywords = _arguments(call, text)
    for number in (n for n, keyword in enumerate(call.keywords) if keyword.arg != "dtype"):
        kept = keywords[:number] + keywords[number + 1 :]
        yield "keyword dropped", call, _call(text(call.func), positional + kept)


def _order_of_arguments(call: ast.Call, text: _Text) -> Iterator[Change]:
    """Swaps two neighbours among the positional arguments."""
    positional, keywords = _arguments(call, text)
    if isinstance(call.func, (ast.Name, ast.Attribute)) and _name(call.func) in _SYMMETRIC:
        return
    for number in range(len(positional) - 1):
        swapped = positional.copy()
        swapped[number : number + 2] = reversed(swapped[number : number + 2])
        yield "arguments swapped", call, _call(text(call.func), swapped + keywords)


def _dropped_calls(call: ast.Call, text: _Text) -> Iterator[Change]:
    """Takes what a function is called with, or an object whose method is called, for the result."""
    if isinstance(call.func, (ast.Name, ast.Attribute)) and _name(call.func) in _SAME_VALUES:
        return
    if call.args and not isinstance(call.args[0], ast.Starred):
        yield "call dropped", call, text.whole(call.args[0])
    if isinstance(call.func, ast.Attribute) and text(call.func.value) not in text.modules:
        yield "call dropped", call, text.whole(call.func.value)


def _training(call: ast.Call, text: _Text) -> Iterator[Change]:
    """Turns a training flag on and off, whatever it was."""
    for keyword in call.keywords:
        if keyword.arg in ("training", "trainable"):
            for flag in ("True", "False"):
                yield "training flag", keyword.value, flag


def _ranges(call: ast.Call, text: _Text) -> Iterator[Change]:
    """Ends a range one too early or too late; plain numbers are changed elsewhere."""
    if isinstance(call.func, (ast.Name, ast.Attribute)) and _name(call.func) in ("range", "arange"):
        for bound in call.args:
            yield from _off_by_one(bound, text)


def _off_by_one(bound: ast.expr, text: _Text) -> Iterator[Change]:
    plain = bound.operand if isinstance(bound, ast.UnaryOp) else bound
    if not isinstance(plain, (ast.Constant, ast.Starred)):
        yield "off by one", bound, f"{text.whole(bound)} + 1"
        yield "off by one", bound, f"{text.whole(bound)} - 1"


def _axes(keyword: ast.keyword, text: _Text) -> Iterator[Change]:
    """Takes one of several axes for all; single ones are changed as numbers."""
    if keyword.arg in ("axis", "axes") and isinstance(keyword.value, ast.Tuple):
        for axis in keyword.value.elts:
            yield "axis changed", keyword.value, text(axis)


def _types(node: ast.Constant | ast.Attribute, text: _Text) -> Iterator[Change]:
    """Changes a type of numbers."""
    if isinstance(node, ast.Attribute):
        if node.attr in _OTHER_TYPES:
            yield "type changed", node, f"{text(node.value)}.{_OTHER_TYPES[node.attr]}"
    elif isinstance(node.value, str) and node.value in _OTHER_TYPES:
        yield "type changed", node, repr(_OTHER_TYPES[node.value])


def _numbers(node: ast.Constant, text: _Text) -> Iterator[Change]:
    """Adds and subtracts one; doubles fractions and large numbers, of which one more is hardly noticed.

    Zero never becomes -1, which is the same place of an axis of length 1; what keeps a divisor from zero may
    be as tiny as it likes, and what stands for infinity as large.
    """
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 1e6:
        return
    nearby = [value + 1] if abs(value) <= 20 else []
    further = (
        [] if abs(value) < 1e-5 else [value - 1] if isinstance(value, int) and value <= 20 else [2 * value]
    )
    for other in (*nearby, *further):
        yield "number changed", node, repr(other)


def _slices(node: ast.Slice, text: _Text) -> Iterator[Change]:
    """Moves or forgets an end of a slice."""
    for bound in (node.lower, node.upper):
        if bound is not None:
            yield "bound dropped", bound, ""
            yield from _off_by_one(bound, text)


def _order_of_results(node: ast.Return, text: _Text) -> Iterator[Change]:
    if isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
        for number in range(len(node.value.elts) - 1):
            swapped = [text(each) for each in node.value.elts]
            swapped[number : number + 2] = reversed(swapped[number : number + 2])
            yield "results swapped", node.value, f"({', '.join(swapped)})"


def _running_sums(node: ast.AugAssign, text: _Text) -> Iterator[Change]:
    """Assigns where something is added to what was there, or subtracts it."""
    yield "sum forgotten", node, f"{text(node.target)} = {text(node.value)}"
    opposite = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}.get(type(node.op))
    if opposite:
        yield "sum reversed", node, f"{text(node.target)} {opposite}= {text(node.value)}"


def _dropped_statements(node: ast.Expr | ast.Assign | ast.AugAssign, text: _Text) -> Iterator[Change]:
    """Leaves out a statement without which the code still runs: a name that is never set is no finding."""
    binds = isinstance(node, ast.Assign) and all(
        isinstance(each, (ast.Name, ast.Tuple)) for each in node.targets
    )
    if not binds:
        yield "statement dropped", node, "pass"


def _ignored_parameters(function: ast.FunctionDef, text: _Text) -> Iterator[Change]:
    """Reads 0, 1 or the default where a parameter is read."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = dict(zip([each.arg for each in positional[::-1]], given.defaults[::-1], strict=False)) | {
        each.arg: default
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if default
    }
    names = {each.arg for each in (*positional, *given.kwonlyargs)} - {"self"}
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
                for constant in ("0", "1", *([text(defaults[node.id])] if node.id in defaults else [])):
                    yield "parameter ignored", node, constant


def _name(function: ast.Name | ast.Attribute) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr
