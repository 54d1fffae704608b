"""Options: presets, ranges, names."""

from dataclasses import fields
from pathlib import Path

import pytest

from derandcut.errors import InputError
from derandcut.options import PRESETS, Options


def test_presets_and_instances():
    assert Options.of(None) == Options.of("default") == Options()
    assert Options.of("quick") is PRESETS["quick"]
    assert Options.of({"rank": 8}).rank == 8
    mine = Options(iterations=5)
    assert Options.of(mine) is mine


def test_the_page_that_helps_to_choose_lists_every_option():
    page = (Path(__file__).parents[1] / "docs/how-to-choose.md").read_text("utf-8")
    for record in fields(Options):
        row = f"| `{record.name}` | {record.default} | {record.metadata['text']} |"
        assert row in page


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"itertions": 3}, "did you mean 'iterations'"),
        ("quik", "did you mean 'quick'"),
        ({"rank": 0}, "rank must be between"),
        ({"rank": "many"}, "rank must be between"),
        (17, "preset's name"),
    ],
)
def test_mistakes_are_named(given, message):
    with pytest.raises(InputError, match=message):
        Options.of(given)
