"""The shape of the code: who may import whom, and how large, typed and documented files and functions are.

Each rule reads the syntax tree of one file and gives its complaints; `test_rule_catches` shows each rule code
that breaks it. Run: pytest tests/test_architecture.py
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARIES = ("dino_lite", "dino_notebooks")
# What dino_lite may import besides the standard library; the second set only inside functions that need it.
CORE = {"torch", "numpy", "PIL", "safetensors", "tqdm", "dino_lite"}
LAZY = {"timm", "huggingface_hub", "torchvision", "sklearn", "faiss"}  # timm brings the second
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_ARGUMENTS = 200, 60, 8

Function = ast.FunctionDef | ast.AsyncFunctionDef
Rule = Callable[[str], Iterator[str]]


def functions(source: str) -> Iterator[tuple[Function, bool]]:
    """Every function, with whether it is a method that gets self or cls."""
    tree = ast.parse(source)
    members = {member for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for member in node.body}
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node, node in members and "staticmethod" not in map(ast.unparse, node.decorator_list)


def arguments(function: Function, is_method: bool) -> list[ast.arg]:
    """Its arguments without self or cls, without *args and **kwargs."""
    named = [*function.args.posonlyargs, *function.args.args][is_method:]
    return named + function.args.kwonlyargs


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether this is `if TYPE_CHECKING:`, which never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(source: str) -> Iterator[tuple[str, int, bool]]:
    """(top-level package, line, whether it waits for a function to be called) of every import."""
    tree = ast.parse(source)
    lazy = [node for node in ast.walk(tree) if isinstance(node, Function) or is_for_type_checkers(node)]
    inside = {inner for outer in lazy for inner in ast.walk(outer)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno, node in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = node.level > 0  # from . import x
            yield "dino_lite" if here else str(node.module).split(".")[0], node.lineno, node in inside


# --- the rules ----------------------------------------------------------------------------------------------


def imports_one_way(source: str) -> Iterator[str]:
    """Nothing of Jupyter, matplotlib or dino_notebooks in dino_lite, and what is slow to load waits."""
    for package, line, waits in imports(source):
        if package in LAZY and not waits:
            yield f"line {line}: import {package} inside the function that needs it, it is slow to load"
        elif package not in CORE | LAZY | sys.stdlib_module_names:
            yield f"line {line}: dino_lite may not import {package}"


def short_file(source: str) -> Iterator[str]:
    """A file is read in one sitting."""
    if (lines := source.count("\n")) > MAX_FILE_LINES:
        yield f"{lines} lines, at most {MAX_FILE_LINES}"


def small_functions(source: str) -> Iterator[str]:
    """A function fits on a screen and its call on a line or two."""
    for function, is_method in functions(source):
        where = f"line {function.lineno}: {function.name} has"
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES:
            yield f"{where} {lines} lines, at most {MAX_FUNCTION_LINES}"
        if (count := len(arguments(function, is_method))) > MAX_ARGUMENTS:
            yield f"{where} {count} arguments, at most {MAX_ARGUMENTS}"


def annotated(source: str) -> Iterator[str]:
    """Every argument and every result has its type."""
    for function, is_method in functions(source):
        stars = [a for a in (function.args.vararg, function.args.kwarg) if a]
        bare = [a.arg for a in arguments(function, is_method) + stars if a.annotation is None]
        bare += ["its result"] if function.returns is None else []
        if bare:
            yield f"line {function.lineno}: {function.name} lacks the type of {', '.join(bare)}"


def documented(source: str) -> Iterator[str]:
    """A file, and every class, function and method in it whose name has no underscore, says what it is."""

    def visit(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
                if ast.get_docstring(node) is None:
                    yield f"line {node.lineno}: {node.name} has no docstring"
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body)

    tree = ast.parse(source)
    if ast.get_docstring(tree) is None:
        yield "the file has no docstring"
    yield from visit(tree.body)


# --- the rules, on the code ---------------------------------------------------------------------------------


def python_files(*folders: str) -> list[Path]:
    """Every Python file under the folders of the repository."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize(
    ("rule", "libraries"),
    [
        (imports_one_way, ("dino_lite",)),
        (short_file, ("dino_lite",)),
        (small_functions, LIBRARIES),
        (annotated, LIBRARIES),
        (documented, LIBRARIES),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else value.__name__,
)
def test_rule_holds(rule: Rule, libraries: tuple[str, ...]) -> None:
    files = python_files(*libraries)
    assert {path.relative_to(ROOT).parts[0] for path in files} == set(libraries)  # not a rule over no files
    complaints = [f"{path.relative_to(ROOT)} {text}" for path in files for text in rule(path.read_text())]
    assert not complaints, "\n" + "\n".join(complaints)


def test_no_grab_bags() -> None:
    """A name that says nothing gathers everything."""
    files = [path.relative_to(ROOT) for path in python_files(*LIBRARIES, "tests", "tools", "bench")]
    says_nothing = re.compile(r"(^|_)(utils?|helpers?|common|misc)(_|$)")
    assert not [path for path in files if any(map(says_nothing.search, path.with_suffix("").parts))]


def test_importing_dino_lite_loads_nothing_heavy() -> None:
    """The syntax tree could miss an import that another import brings: ask a fresh process."""
    heavy = {"matplotlib", "IPython", "ipywidgets", "timm", "huggingface_hub", "torchvision", "sklearn"}
    heavy |= {"dino_notebooks"}
    code = """if True:
        import importlib, pkgutil, sys, dino_lite
        for module in pkgutil.iter_modules(dino_lite.__path__, "dino_lite."):
            if module.name != "dino_lite.__main__":
                importlib.import_module(module.name)
        print(*sys.modules)"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert not heavy & set(process.stdout.split())


# --- the rules, on code that breaks them --------------------------------------------------------------------

LONG = "\n".join(f"    x{i} = {i}" for i in range(60))


@pytest.mark.parametrize(
    ("rule", "source", "complaint"),
    [
        (imports_one_way, "import matplotlib.pyplot", "line 1: dino_lite may not import matplotlib"),
        (imports_one_way, "def f():\n  import IPython.display", "line 2: dino_lite may not import IPython"),
        (imports_one_way, "class A:\n  import timm.layers", "line 2: import timm inside the function"),
        (imports_one_way, "import json, torch.nn\nfrom . import x\ndef f():\n  import timm", None),
        (imports_one_way, "if TYPE_CHECKING:\n  import timm", None),
        (imports_one_way, "if TYPE_CHECKING:\n  import umap", "line 2: dino_lite may not import umap"),
        (short_file, "\n" * 201, "201 lines"),
        (short_file, "\n" * 200, None),
        (small_functions, f"def f():\n{LONG}", "line 1: f has 61 lines"),
        (small_functions, "def f(a, b, c, d, e, *, f, g, h, i): ...", "line 1: f has 9 arguments"),
        (small_functions, "class A:\n  def f(self, a, b, c, d, e, f, g, h): ...", None),
        (annotated, "def f(a, *b: int) -> None: ...", "line 1: f lacks the type of a"),
        (annotated, "def f(**kwargs): ...", "line 1: f lacks the type of kwargs, its result"),
        (annotated, "class A:\n  @staticmethod\n  def f(a) -> None: ...", "line 3: f lacks the type of a"),
        (annotated, "class A:\n  def f(self, a: int) -> None: ...", None),
        (documented, "", "the file has no docstring"),
        (documented, "'A file.'\nclass A:\n  'A class.'\n  def f(self): ...", "line 4: f has no docstring"),
        (documented, "'A file.'\ndef _f():\n  def g(): ...", None),
    ],
)
def test_rule_catches(rule: Rule, source: str, complaint: str | None) -> None:
    complaints = list(rule(source))
    assert len(complaints) == (complaint is not None)
    assert complaint is None or complaint in complaints[0]
