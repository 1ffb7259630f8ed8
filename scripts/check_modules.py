"""Checks the shape of the modules: each has a docstring and at most 400 lines, and none import each other in a circle.

`make check` runs it. An import within a function, or for type checkers only, counts as well: it hides a circle, and
does not open it. Exit code 1 where something is wrong, with a line for each finding.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = "src"
FOLDERS = (SOURCE, "tests", "bench", "scripts")
NOT_OURS = ("tests/e2e/eb-demo/",)  # an example as its authors wrote it
BUILT = (".aws-sam", "node_modules", "cdk.out")
MOST_LINES = 400


def main() -> int:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")) if _is_ours(file)]
    texts = {file: file.read_text() for file in files}
    trees = {file: ast.parse(text, str(file)) for file, text in texts.items()}
    findings = [finding for file in files for finding in shape_findings(file, texts[file], trees[file])]
    package = {module_name(file): tree for file, tree in trees.items() if file.is_relative_to(ROOT / SOURCE)}
    findings += circle_findings(package)
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


def _is_ours(file: Path) -> bool:
    path = file.relative_to(ROOT)
    return not path.as_posix().startswith(NOT_OURS) and not set(path.parts) & set(BUILT)


def shape_findings(file: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with one module by itself."""
    path = file.relative_to(ROOT)
    if not ast.get_docstring(tree):
        yield f"{path}: it has no docstring; the first line says what the module does"
    if (count := text.count("\n")) > MOST_LINES:
        yield f"{path}: it has {count} lines, more than {MOST_LINES}; it is two modules"


def circle_findings(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """One circle of imports, if there is any. `trees` maps the full names of a package's modules to their code."""
    imports = {name: set(imported_modules(name, tree, trees)) for name, tree in trees.items()}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        yield f"modules import each other in a circle (what two of them need belongs into one below both): {circle}"


def imported_modules(name: str, tree: ast.Module, known: Mapping[str, ast.Module]) -> Iterator[str]:
    """The modules among `known` that module `name` imports, at its top or anywhere below, with absolute names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            candidates = [one if one in known else node.module for one in submodules]
        else:
            continue
        yield from (one for one in candidates if one in known and one != name)


def module_name(file: Path) -> str:
    """`nightbus.cli.main` for `src/nightbus/cli/main.py`; a package's own name for its `__init__.py`."""
    parts = file.relative_to(ROOT / SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    sys.exit(main())
