"""Everything the README, the docs and the docstrings show is run."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import derandcut

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
OPTIONAL = {"jl": "sklearn", "nn": "torch", "integrations": "dimod"}
# Of modules and pages that load without them, what needs an optional package to run.
ONLY_WITH = {
    "derandcut.lemma.objective.TorchObjective": "torch",
    "jl.md": "sklearn",
    "nn.md": "torch",
}
EXEMPLARY = ("derandcut.lemma", "derandcut.jl", "derandcut.nn")


def modules() -> list[str]:
    """All importable modules but those whose optional package is absent."""
    names = ["derandcut"]
    for found in pkgutil.walk_packages(
        derandcut.__path__, "derandcut.", onerror=lambda name: None
    ):
        package = OPTIONAL.get(found.name.split(".")[1])
        if package is None or importlib.util.find_spec(package):
            names.append(found.name)
    return names


def installed(name: str) -> bool:
    """False for what needs an optional package that is absent."""
    package = ONLY_WITH.get(name)
    return package is None or importlib.util.find_spec(package) is not None


def examples_pass(test: doctest.DocTest) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the python blocks of one page in order, in one namespace."""
    if not installed(page.name):
        pytest.skip(f"needs {ONLY_WITH[page.name]}")
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    # Everything outside the blocks becomes empty lines: line numbers stay right.
    kept = []
    inside = False
    for line in text.splitlines():
        fence = line.startswith("```")
        kept.append(line if inside and not fence else "")
        inside = not inside and line == "```python" if fence else inside
    parser = doctest.DocTestParser()
    source = "\n".join(kept) + "\n"
    examples_pass(parser.get_doctest(source, {}, page.name, str(page), 0))


@pytest.mark.parametrize("name", modules())
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        if test.examples and installed(test.name):
            examples_pass(test)


@pytest.mark.parametrize("name", EXEMPLARY)
def test_every_public_name_has_an_example(name: str):
    if name not in modules():
        pytest.skip(f"needs {OPTIONAL[name.split('.')[1]]}")
    public = importlib.import_module(name)
    finder = doctest.DocTestFinder(recurse=False)
    bare = []
    for each in public.__all__:
        (test,) = finder.find(getattr(public, each), each)
        run = [e for e in test.examples if not e.options.get(doctest.SKIP)]
        if not run:
            bare.append(each)
    assert not bare


def test_no_example_stands_outside_a_block_that_is_run():
    loose = []
    for page in PAGES:
        inside = False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines()):
            if line.startswith("```"):
                inside = not inside and line == "```python"
            elif ">>>" in line and not inside:
                loose.append(f"{page.name}:{number + 1}")
    assert not loose


def test_links_lead_somewhere():
    broken = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken
