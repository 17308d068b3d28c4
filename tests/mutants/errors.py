"""Small errors in the functions of a module: a comparison turned, `and` for `or`, a `not` less, `+` for `-`, a call
left out. Code outside functions stays, since it ran when the module was imported."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip


class Mutant(NamedTuple):
    """One error. `function` is the qualified name and first line of the outermost function that contains it."""

    path: Path
    line: int
    kind: str
    number: int
    """Of the places in this file where an error is possible, in the order of the syntax tree."""

    def name(self, root: Path) -> str:
        return f"{self.path.relative_to(root)}:{self.line} {self.kind} #{self.number}"


def mutants(path: Path) -> Iterator[Mutant]:
    """All errors that can be put into a file."""
    for number, node in enumerate(_places(ast.parse(path.read_text()))):
        yield Mutant(path, node.lineno, _kind(node), number)


def compiled(mutant: Mutant) -> CodeType:
    """The module with the error in it."""
    tree = copy.deepcopy(ast.parse(mutant.path.read_text()))
    node = list(_places(tree))[mutant.number]
    _change(tree, node)
    return compile(ast.fix_missing_locations(tree), str(mutant.path), "exec")


def _places(tree: ast.Module) -> list[ast.expr | ast.Expr]:
    return [
        node
        for function in _functions(tree)
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.expr | ast.Expr) and _kind(node)
    ]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Functions and methods, without those inside them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield node
        else:
            yield from _functions(node)


def _kind(node: ast.AST) -> str:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            return f"{type(operator).__name__} -> {_COMPARISONS[type(operator)].__name__}"
        case ast.BoolOp():
            return "And -> Or" if isinstance(node.op, ast.And) else "Or -> And"
        case ast.UnaryOp(op=ast.Not()):
            return "no Not"
        case ast.BinOp() if type(node.op) in _OPERATORS and not isinstance(node.left, ast.Constant | ast.JoinedStr):
            return f"{type(node.op).__name__} -> {_OPERATORS[type(node.op)].__name__}"
        case ast.Expr(value=ast.Call()):
            return "no call"
        case _:
            return ""


def _change(tree: ast.Module, place: ast.expr | ast.Expr) -> None:
    match place:
        case ast.Compare():
            place.ops = [_COMPARISONS[type(place.ops[0])]()]
        case ast.BoolOp():
            place.op = ast.Or() if isinstance(place.op, ast.And) else ast.And()
        case ast.UnaryOp():
            _Replaced(place, place.operand).visit(tree)
        case ast.BinOp():
            place.op = _OPERATORS[type(place.op)]()
        case _:
            _Replaced(place, ast.copy_location(ast.Pass(), place)).visit(tree)


class _Replaced(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return self._new
        return self.generic_visit(node)
