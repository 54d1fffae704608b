"""What all tests share; this folder's own modules are importable from every test."""

from collections.abc import Callable
from pathlib import Path

import pytest

GSET = Path(__file__).parents[1] / "../shared/data/gset"


@pytest.fixture
def gset() -> Callable[[str], Path]:
    """A function from a name (``"G14"``) to its file; skips where there is none."""

    def path(name: str) -> Path:
        file = (GSET / name).resolve()
        if not file.is_file():
            pytest.skip(f"{name} is not in ../shared/data/gset")
        return file

    return path
