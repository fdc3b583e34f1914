"""When a comparison is another one, and is logged and shown anew."""

from pathlib import Path

import pytest

from tasks.report.identity import comparison_identity

WHOLE = {
    "published": {Path("results.csv"): {"sha256": "0"}, Path("figures/metrics.png"): {"sha256": "1"}},
    "settings": {"retrain.duration": "3ep"},
    "data_digest": "2",
    "left_out": ["a.png: not readable as an image"],
}


def test_it_is_the_same_of_the_same_in_any_order():
    published = dict(reversed(WHOLE["published"].items()))
    assert comparison_identity(**WHOLE) == comparison_identity(**WHOLE | {"published": published})


@pytest.mark.parametrize(
    "changed",
    [
        {"published": WHOLE["published"] | {Path("results.csv"): {"sha256": "9"}}},
        {"published": {Path("results.csv"): {"sha256": "0"}}},
        {"settings": {"retrain.duration": "4ep"}},
        {"data_digest": "9"},
        {"left_out": []},
    ],
)
def test_it_changes_with_all_that_is_shown(changed):
    assert comparison_identity(**WHOLE | changed) != comparison_identity(**WHOLE)
