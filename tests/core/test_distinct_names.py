"""Names made safe: allowed where they are used, of any script, and never one for two."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name
from prefect.client.schemas.actions import ArtifactCreate

from rtl_core.distinct_names import DEVICES, FILES, KEYS, METRICS, distinct_names

RULES = {"files": FILES, "metrics": METRICS, "keys": KEYS}
NAMES = st.lists(st.text(max_size=12) | st.text("aA_ .,-/é\u0301", max_size=4) | st.text(min_size=200), max_size=8)


@given(names=NAMES, rule=st.sampled_from([*RULES.values()]))
def test_names_that_differ_stay_apart_in_any_order_and_beside_any_others(names, rule):
    found = distinct_names(names, rule)
    composed = {unicodedata.normalize("NFC", name) for name in names}
    assert len({rule.alike(name) for name in found.values()}) == len(composed)
    assert distinct_names(reversed(names), rule) == found
    assert all(rule.size(name) <= rule.most for name in found.values())
    again = distinct_names(found.values(), rule)
    assert all(again[name] == name for name in found.values())
    for name in names:
        assert distinct_names([name], rule)[name] in (found[name], rule.mended(unicodedata.normalize("NFC", name)))


@given(names=NAMES)
def test_every_name_is_one_that_its_place_takes(names):
    for name in distinct_names(names, FILES).values():
        assert os.path.basename(name) == name and name[0] not in ".-" and name[-1] not in ". "
        assert name.partition(".")[0].upper() not in DEVICES and not set(name) & set('\0/\\:*?"<>| ')
        assert len(name.encode()) <= 150
    for name in distinct_names(names, METRICS).values():
        _validate_metric_name(f"{name}.{name}")
        assert "." not in name and len(name) <= 60
    for name in distinct_names(names, KEYS).values():
        ArtifactCreate(key=name)


@pytest.mark.parametrize(
    ("rule", "names", "expected"),
    [
        ("files", ["фото", "снег", "हिन्दी", "é1²"], ["фото", "снег", "हिन्दी", "é1²"]),
        ("files", ["e\u0301", "é"], ["é", "é"]),
        ("files", ["", "..", ".x", "CON", "nul.txt", "a?b"], ["_", "__", "_x", "_CON", "_nul.txt", "a_b"]),
        ("metrics", ["a/b: c", "v1.5"], ["a_b_ c", "v1_5"]),
        ("keys", ["cifar10_quick", "rtl: joint retraining"], ["cifar10-quick", "rtl-joint-retraining"]),
    ],
)  # fmt: skip
def test_names_are_as_near_to_what_was_given_as_they_can_be(rule, names, expected):
    assert [*distinct_names(names, RULES[rule]).values()] == expected


def test_one_that_is_allowed_keeps_its_name_beside_those_that_become_it():
    found = distinct_names(["a b", "a_b", "a,b"], FILES)
    assert found["a_b"] == "a_b" and found["a b"].startswith("a_b-") and found["a,b"].startswith("a_b-")
    assert found["a b"] == distinct_names(["a b", "a_b"], FILES)["a b"]
    assert all(name.startswith(("A-", "a-")) for name in distinct_names(["A", "a"], FILES).values())
    assert distinct_names(["A", "a"], METRICS) == {"A": "A", "a": "a"}


def test_a_name_that_looks_like_one_told_apart_stays_apart():
    taken = distinct_names(["a b", "a,b"], FILES)["a b"]
    assert len(set(distinct_names(["a b", "a,b", taken], FILES).values())) == 3
