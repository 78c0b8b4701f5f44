"""LingBot's options as words of a command line."""

from __future__ import annotations

import pytest

from dreamport.errors import ExecutorError
from dreamport.executors.lingbot.options import LingBotOptions, options_of


def test_words_name_options_and_nothing_is_on_by_itself() -> None:
    assert options_of(()) == LingBotOptions()
    chosen = options_of(("merged_cache", "camera_once=false", "weights=int8", "resident_blocks=8"))
    assert chosen == LingBotOptions(merged_cache=True, weights="int8", resident_blocks=8)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("speed", "no option 'speed'; it has compile"),
        ("merged_cache=yes", "merged_cache is on or off"),
        ("weights", "weights needs a value"),
        ("weights=int3", "weights 'int3' is not known; use bf16, int8, fp8"),
        ("resident_blocks=-1", "must be a number of blocks"),
    ],
)
def test_a_wrong_word_is_refused_with_what_to_say_instead(word: str, told: str) -> None:
    with pytest.raises(ExecutorError, match=told):
        options_of((word,))
