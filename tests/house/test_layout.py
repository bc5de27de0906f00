"""Files say on their first line what they say, are of readable size, and lie where the architecture wants them."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("service", "tests", "bench", "scripts")
SOURCES = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts
)
PACKAGE = ROOT / "service" / "alvh"
FILE_WALL = 450  # lines; "about 400" is wished
FUNCTION_WALL = 70  # lines
SAYS_NOTHING = {"utils", "helpers", "manager", "common", "data", "process", "misc"}
PURE = {
    "abc", "array", "bisect", "collections", "csv", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics", "struct", "types",
    "typing", "zlib", "zoneinfo", "alvh", "numpy",
}  # fmt: skip


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_first_line_says_what_the_file_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), "begins with something else than its docstring"
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "no docstring"
    assert len(docstring.splitlines()[0]) >= 10, "the first line says too little"


@pytest.mark.parametrize("path", [path for path in SOURCES if ROOT / "tests" not in path.parents], ids=name)
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= FILE_WALL
    long = [
        f"{node.name}: {lines}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno) > FUNCTION_WALL
    ]
    assert not long


def test_names_say_something() -> None:
    assert not [name(path) for path in SOURCES if path.stem in SAYS_NOTHING]


def test_the_source_root_is_no_package_and_the_package_is_typed() -> None:
    assert not (ROOT / "service" / "__init__.py").exists()
    assert (PACKAGE / "py.typed").is_file()
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [name(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_test_files_have_names_of_their_own() -> None:
    """Pytest imports them by path, but a report names them alone."""
    count = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [file for file, times in count.items() if times > 1]
    assert not list((ROOT / "tests").rglob("__init__.py"))


def imported(path: Path) -> Iterator[str]:
    """Return each module a file imports, with its dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=name)
def test_the_core_imports_arithmetic_and_itself(path: Path) -> None:
    """An allowed list, where the contract is a forbidden one: what nobody thought of is found here."""
    for module in imported(path):
        top = module.partition(".")[0]
        assert top in PURE or module.startswith("scipy.special"), module
        if top == "alvh":
            assert module.startswith(("alvh.core", "alvh.messages", "alvh.message_parts", "alvh.errors")), module
        assert not module.startswith("numpy.random"), module


def test_the_list_above_is_of_the_standard_library() -> None:
    assert {top for top in PURE if top not in sys.stdlib_module_names} == {"alvh", "numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.sh")), ids=name)
def test_scripts_say_what_they_do(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    said = lines[1] if lines[0].startswith("#!") else lines[0]
    assert said.startswith("# ")
    assert said.endswith((".", ";"))


def test_nothing_names_this_machine() -> None:
    """A clone works anywhere: neither the path of this one nor the home of its owner stands in a file."""
    suffixes = {".py", ".sh", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".html", ".js", ".css", ".json"}
    places = "|".join(re.escape(str(place)) for place in (ROOT, Path.home()) if place != Path(place.anchor))
    named = re.compile(rf"(?<![\w./$}}>-])(?:{places})/")
    folders = (*FOLDERS, "docs", "requirements", "examples", "deploy")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [ROOT / file for file in ("CHANGELOG.md", "README.md", "pyproject.toml")]
    read = (path for path in files if path.suffix in suffixes)
    assert not [name(path) for path in read if named.search(path.read_text(encoding="utf-8"))]
