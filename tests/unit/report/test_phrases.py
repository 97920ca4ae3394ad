"""Words for what steps did, and for numbers."""

import pytest

from labctl.report.phrases import series


@pytest.mark.parametrize(
    ("words", "told"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_series_of_words(words, told):
    assert series(words) == told
