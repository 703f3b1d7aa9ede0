"""Which texts a person can see, read from the source: every string of the given files that has words in it.

An f-string becomes a template, `{}` where a value stands. Over-reporting is fine: what is no text for people is named
in the test, one by one, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Two words, the first of them lower case or not: what is no code, no key, no path.
_WORDS = re.compile(r"[A-Za-z',;:.)]\s+[(A-Za-z]")
# Statements for the database, commands to type, markup.
_CODE = re.compile(
    r"\b(SELECT|WHERE|UNION ALL|INDEXED BY|ORDER BY|LIMIT 11)\b|^ AND |^(\{\})? *fieldsync |<[a-z!]"
)
_SILENT_CALLS = frozenset(
    {"log", "emit", "debug", "info", "warning", "compile", "execute", "text", "exec_driver_sql"}
)


def texts_of(path: Path) -> set[str]:
    """The templates in one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        text for text in _texts(tree) if _WORDS.search(text.replace("{}", "x")) and not _CODE.search(text)
    }


def template(node: ast.expr) -> str | None:
    """A string or f-string as a template; None for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = template(left), template(right)
            return None if first is None or second is None else first + second
    return None


def _texts(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            if isinstance(node, ast.FunctionDef) and _is_command(node):
                yield _docstring(node)
            continue
        if isinstance(child, ast.Call) and _called(child) in _SILENT_CALLS:
            continue
        if isinstance(child, ast.Assert):
            yield from _texts(child.test)
            continue
        if isinstance(child, ast.expr):
            text = template(child)
            if text is not None:
                yield text
                if isinstance(child, ast.JoinedStr):
                    for part in child.values:
                        if isinstance(part, ast.FormattedValue):
                            yield from _texts(part)
                continue
        yield from _texts(child)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _is_command(function: ast.FunctionDef) -> bool:
    return any(
        "command" in ast.unparse(each) or "group" in ast.unparse(each) for each in function.decorator_list
    )


def _docstring(function: ast.FunctionDef) -> str:
    return ast.get_docstring(function) or ""
