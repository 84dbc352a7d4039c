"""Fails where a file of the product has grown past 600 lines, a function past 60, a class past 15
methods."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST_FILE = 600
LONGEST_FUNCTION = 60
MOST_METHODS = 15
ROOT = Path(__file__).parent.parent / "src"


def complaints(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{path}: {lines} lines; split it"
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines; split it"
        if isinstance(node, ast.ClassDef):
            methods = sum(
                isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) for member in node.body
            )
            if methods > MOST_METHODS:
                yield f"{path}:{node.lineno}: {node.name} has {methods} methods; split it"


def main() -> None:
    found = [
        complaint
        for pattern in ("*.py", "*.sql", "*.lua", "*.html")
        for path in sorted(ROOT.rglob(pattern))
        if "dist" not in path.parts
        for complaint in complaints(path)
    ]
    print("\n".join(found) or "sizes are fine")
    sys.exit(bool(found))


main()
