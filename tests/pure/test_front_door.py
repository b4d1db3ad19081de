"""What `from newsmill import …` offers."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator

import pytest

import newsmill

NAMES = [name for name in newsmill.__all__ if name != "__version__"]


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        "import sys, newsmill; print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('newsmill', 'apache_beam', 'pyarrow', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['newsmill']\n"


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(newsmill, name)
    assert inspect.getdoc(found)
    assert name in dir(newsmill)


@pytest.mark.parametrize("name", ["nothing", "utils"])
def test_name_that_is_not_offered_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(newsmill, name)


def signatures(thing: object) -> Iterator[ast.FunctionDef]:
    """The public functions of a name, and how it is made."""
    (node,) = ast.parse(inspect.getsource(thing)).body  # type: ignore[arg-type]
    for inner in [node] if isinstance(node, ast.FunctionDef) else getattr(node, "body", []):
        if isinstance(inner, ast.FunctionDef) and (inner.name == "__init__" or inner.name[0] != "_"):
            yield inner


@pytest.mark.parametrize("name", NAMES)
def test_no_public_signature_has_any(name: str) -> None:
    for function in signatures(getattr(newsmill, name)):
        arguments = function.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        types = [a.annotation for a in given if a.annotation is not None] + [function.returns]
        words = {n.id for t in types if t is not None for n in ast.walk(t) if isinstance(n, ast.Name)}
        assert "Any" not in words, f"{name}.{function.name}"
