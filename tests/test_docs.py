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


def examples_pass(test: doctest.DocTest) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the python blocks of one page in order, in one namespace."""
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
        if test.examples:
            examples_pass(test)


def test_links_lead_somewhere():
    broken = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken
