"""The list of methods names what there is, and nothing else."""

import torch

from rtl_core import updates
from rtl_core.construction import initial_weights
from rtl_core.controls import MASK_CONTROLS
from rtl_core.duration import Duration
from rtl_core.extraction import extract_tickets
from rtl_core.masks import Masks
from rtl_core.methods import METHODS, UPDATES
from rtl_core.one_network import as_one_network, scored_subsets
from rtl_core.pruning import plan_rounds


def test_mask_controls_are_the_functions_that_are_registered():
    assert {name for name, method in METHODS.items() if method.kind == "mask control"} == set(MASK_CONTROLS)


def test_each_update_of_joint_retraining_is_one_method_of_rtl():
    assert set(UPDATES) == set(updates.UPDATES)
    assert list(UPDATES.values()) == [name for name, method in METHODS.items() if method.kind == "rtl"]
    assert not [name for name, method in METHODS.items() if method.update and method.kind != "rtl"]


def test_methods_are_told_apart_by_title_colour_and_shape():
    for looks in zip(*((method.title, method.colour, method.shape) for method in METHODS.values()), strict=True):
        assert len(set(looks)) == len(METHODS)


def test_each_method_is_defined_in_a_line_of_its_own():
    meanings = [method.meaning for method in METHODS.values()]
    assert len(set(meanings)) == len(METHODS) and all(0 < len(meaning) <= 70 for meaning in meanings)


def test_one_network_is_the_job_with_one_subset_of_all_data(digits, stream, adam):
    one = as_one_network(digits)
    assert one.subsets == ("all",) == (digits.single_objective.name,) and scored_subsets(one) == digits.subsets
    layout_size = initial_weights(one, stream).layout.size
    rounds = plan_rounds(layout_size, [0.5], 0.5, 1)
    masks = extract_tickets(one, rounds, Duration.parse("2it"), adam, stream, method="imp_single")[0.5]
    assert isinstance(masks, Masks) and masks.values.shape == (1, layout_size)
    others = extract_tickets(one, rounds, Duration.parse("2it"), adam, stream, method="rtl")[0.5]
    assert not torch.equal(masks.values, others.values)  # whose draws these are is said
