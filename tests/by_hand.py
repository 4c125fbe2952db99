"""Numbers that the documentation works out by hand: the value of an expression, and where it stands in a ledger."""

from __future__ import annotations

import ast
import operator
import re
from typing import Any

OPERATORS: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


def calculated(expression: str) -> float:
    """The value of sums, products and powers of numbers."""

    def value(node: Any) -> float:
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            return OPERATORS[type(node.op)](value(node.operand))
        return float(node.value)

    return value(ast.parse(expression, mode="eval").body)


def looked_up(tree: Any, path: str) -> Any:
    """The entry of a tree of dictionaries and lists at a path such as ``ticks[0].fund``."""
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        tree = tree[name] if name else tree[int(index)]
    return tree
