"""All that fuzzing ever found is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.imap_responses import one_input

CORPUS = sorted((Path(__file__).parents[3] / "fuzz" / "corpus" / "imap").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_stream_of_the_corpus_breaks_nothing(path: Path) -> None:
    one_input(path.read_bytes())


def test_there_is_a_corpus() -> None:
    assert len(CORPUS) > 30
