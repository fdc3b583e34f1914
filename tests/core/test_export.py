"""Tickets as an ONNX graph say in onnxruntime what they say in torch."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_tickets import drawn_in_use as in_use
from exported_once import exported_once
from small_contexts import mlp, regression, tensors
from torch import nn

from rtl_core.errors import DataError, SettingsError, TicketFileError
from rtl_core.one_network import as_one_network
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.problems.images.class_clusters import ClassClusters
from rtl_core.problems.images.labelled_images import LabelledImages
from rtl_core.problems.images.stored_images import save_images
from rtl_core.problems.images.within_cluster import WithinCluster
from rtl_core.use.export import onnx_model
from rtl_core.use.export.comparison import Session, drawn_inputs
from rtl_core.use.export.exporting import exported_graph
from rtl_core.use.export.onnx_model import MOST, to_onnx
from rtl_core.use.prediction import Values

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.usefixtures("onnx_operators", "once")


def said(tickets, inputs, context):
    predicted = tickets.predict(inputs, context)
    return predicted.values if isinstance(predicted, Values) else predicted.probabilities


def check_joint(tickets, joint, alone=None):
    """The graph of all contexts says what torch does in each, in batches of any size, and what that of one does."""
    session = Session(joint.model, joint.contexts)
    of_one = alone and Session(to_onnx(tickets, alone).model, (alone,))
    for name in joint.contexts:
        for count in (1, 5, 33):
            inputs = drawn_inputs(tickets.about.preprocessing, count)
            expected, together = said(tickets, inputs, name), session.run(inputs, name)
            assert together.shape == expected.shape and together.dtype == torch.float32
            assert together.allclose(expected.float(), rtol=0, atol=MOST)
            assert name != alone or together.allclose(of_one.run(inputs, name), rtol=0, atol=MOST)


@pytest.fixture(scope="module")
def once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_model, "exported_graph", exported_once(exported_graph))
        yield


@pytest.fixture(scope="module")
def tickets(digits):
    return in_use(digits)


@pytest.fixture(scope="module")
def joint(tickets, once):
    return to_onnx(tickets)


@pytest.fixture(scope="module")
def within(tmp_path_factory):
    """Six classes of noise in two clusters."""
    folder, generator = tmp_path_factory.mktemp("within"), torch.Generator().manual_seed(0)
    splits = {
        split: LabelledImages(
            torch.randint(256, (12, 3, 8, 8), generator=generator).to(torch.uint8), torch.arange(12) % 6
        )
        for split in ("train", "validation", "test")
    }
    save_images(folder, splits, [f"class {k}" for k in range(6)], ClassClusters(("a", "b"), (0, 1, 0, 1, 1, 0)))
    return WithinCluster(folder, device="cpu")


@pytest.fixture(scope="module")
def of_classes(within):
    return in_use(within)


@pytest.fixture(scope="module")
def of_quantities():
    return in_use(regression(mlp, told="one-hot"), allow=["small_contexts:mlp"])


def test_one_graph_of_all_contexts_is_each_of_them(tickets, joint):
    assert joint.contexts == tickets.contexts and joint.difference <= MOST
    check_joint(tickets, joint, "digit 3")
    inputs = drawn_inputs(tickets.about.preprocessing, 5)
    session = Session(joint.model, joint.contexts)
    assert not session.run(inputs, "digit 0").allclose(session.run(inputs, "digit 1"), rtol=0, atol=1e-3)


def test_it_is_smaller_than_a_graph_for_each_as_it_holds_each_weight_once(tickets, joint):
    assert len(joint.model) < 2 * len(to_onnx(tickets, "digit 3").model)
    held = {tensor.name: tensor for tensor in onnx.load_from_string(joint.model).graph.initializer}
    used = int(tickets.masks.union().sum())
    assert list(held["tensors.weights.union"].dims) == [used]
    assert list(held["tensors.masks"].dims) == [10, -(-used // 8)] and held["tensors.masks"].data_type == 2


def test_a_graph_says_what_it_is_and_not_where_or_on_what_it_was_made(tickets, joint, monkeypatch):
    told = {prop.key: json.loads(prop.value) for prop in onnx.load_from_string(joint.model).metadata_props}
    assert told["contexts"] == list(tickets.contexts) and told["thresholds"] == {}
    assert told["about"] == tickets.about.model_dump(mode="json")
    assert b".py" not in joint.model
    monkeypatch.setattr(onnx_model, "exported_graph", exported_graph)
    assert to_onnx(tickets, inputs=torch.zeros(1, 1, 8, 8).byte()).model == joint.model


@pytest.mark.parametrize("context", [-1, 10])
def test_a_number_that_is_no_contexts_is_an_error(tickets, joint, context):
    session = Session(joint.model, joint.contexts)
    inputs = drawn_inputs(tickets.about.preprocessing, 2).numpy()
    with pytest.raises(Exception, match="out of data bounds"):
        session._session.run(None, {"inputs": inputs, "context": np.array(context)})


@pytest.mark.slow
@pytest.mark.parametrize("one_network", [False, True])
def test_within_a_cluster_other_classes_have_no_share(within, of_classes, one_network):
    tickets = in_use(as_one_network(within)) if one_network else of_classes
    joint = to_onnx(tickets)
    check_joint(tickets, joint, None if one_network else "b")
    shares = Session(joint.model, joint.contexts).run(drawn_inputs(tickets.about.preprocessing, 5), "a")
    assert shares[:, [1, 3, 4]].eq(0).all() and shares.sum(1).allclose(torch.ones(5))


def test_one_network_for_all_needs_no_context(digits):
    tickets = in_use(as_one_network(digits))
    whole = to_onnx(tickets)
    assert [given.name for given in onnx.load_from_string(whole.model).graph.input] == ["inputs"]
    assert whole.contexts == tickets.contexts and whole.difference <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("one_network", [False, True])
def test_quantities_are_as_they_are_also_of_a_network_that_is_told_the_context(of_quantities, one_network):
    view = as_one_network(regression(mlp, told="one-hot"))
    tickets = in_use(view, allow=["small_contexts:mlp"]) if one_network else of_quantities
    check_joint(tickets, to_onnx(tickets), "west")


@pytest.mark.slow
@pytest.mark.parametrize("one_network", [False, True])
def test_colours_of_places(tmp_path, one_network):
    ImageRegions.partition(tmp_path, longest_side=24, num_regions=3)
    precision = "float32" if one_network else "bfloat16"  # of which a graph is one of float32
    problem = ImageRegions(tmp_path / "china", device="cpu", precision=precision)
    tickets = in_use(as_one_network(problem) if one_network else problem)
    check_joint(tickets, to_onnx(tickets), tickets.contexts[-1] if one_network else None)


@pytest.mark.slow
@pytest.mark.parametrize(("smaller", "context"), [("half", None), ("half", "digit 3"), ("int8", "digit 3")])
def test_smaller_weights_say_what_they_change(digits, tickets, smaller, context):
    preprocessing = tickets.about.preprocessing
    mean, deviation = (torch.tensor(x).reshape(1, -1, 1, 1) for x in (preprocessing.mean, preprocessing.deviation))
    images = (digits.images["test"] * deviation + mean).round().to(torch.uint8)
    labels = digits.subset_of("test")
    exported = to_onnx(tickets, context, smaller=smaller, inputs=images, labels=labels)
    cost = exported.cost
    assert len(exported.model) < 0.75 * cost.float32_bytes and cost.inputs == len(images)
    assert 0 < cost.difference < 0.02
    session, balanced = Session(exported.model, exported.contexts), []
    for name in exported.contexts:
        true, claimed = labels == tickets.contexts.index(name), session.run(images, name) > 0.5
        balanced.append((claimed[true].double().mean() + (~claimed[~true]).double().mean()) / 2)
    assert cost.score == ("balanced accuracy", pytest.approx(float(sum(balanced) / len(balanced))))
    assert to_onnx(tickets, context, smaller=smaller).cost.score is None


@pytest.mark.slow
def test_scores_of_classes_and_of_quantities(within, of_classes, of_quantities):
    images = drawn_inputs(of_classes.about.preprocessing, 12)
    labels = torch.arange(12) % 6
    cost = to_onnx(of_classes, smaller="half", inputs=images, labels=labels).cost
    right = []
    for k, name in enumerate(within.subsets):
        own = torch.tensor([within.cluster_of[label] == k for label in labels])
        right.append((said(of_classes, images, name).argmax(1) == labels)[own].double().mean().item())
    assert cost.torch_score == ("accuracy", pytest.approx(sum(right) / 2))
    inputs, targets = tensors(1)
    cost = to_onnx(of_quantities, "west", smaller="half", inputs=inputs, labels=targets).cost
    error = (said(of_quantities, inputs, "west") - targets).square().mean().sqrt().item()
    assert cost.torch_score == ("root mean square error", pytest.approx(error))
    assert to_onnx(of_quantities, smaller="half", inputs=inputs, labels=targets).cost.score is None


class Looped(nn.Module):
    """As often as its input says: no graph of fixed steps."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, inputs):
        while bool(inputs.sum() > 1e6):
            inputs = self.layer(inputs)
        return self.last(inputs)


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        ({"context": "cat"}, SettingsError, "context: found 'cat'; allowed with x: digit 0, digit 1"),
        ({"smaller": "int4"}, SettingsError, "smaller: found 'int4'; allowed: half, int8"),
        ({"smaller": "int8"}, SettingsError, "int8: found several contexts; allowed: one (context=…, --context)"),
        ({"labels": [1]}, SettingsError, "labels: found them alone; allowed: with their inputs, and with smaller"),
        ({"context": "digit 1", "inputs": torch.zeros(1, 9)}, DataError, "x: inputs: found [1, 9] float32; allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_one_line(tickets, arguments, error, line):
    with pytest.raises(error) as raised:
        to_onnx(tickets, **arguments)
    assert line in str(raised.value) and len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        ([3, 4], "labels: found too few to judge 8 of 10 contexts, as digit 0; allowed: examples for each"),
        ([0, 0, 0], "labels: found [3] torch.int64; allowed: 2 whole numbers"),
    ],
)
def test_labels_that_cannot_judge_are_refused_before_anything_is_exported(tickets, monkeypatch, labels, line):
    monkeypatch.setattr("rtl_core.use.export.onnx_model.exported_graph", lambda *_: pytest.fail("exported"))
    with pytest.raises(DataError) as raised:
        to_onnx(tickets, smaller="half", inputs=torch.zeros(2, 1, 8, 8).byte(), labels=torch.tensor(labels))
    assert str(raised.value) == line


def test_so_is_a_network_that_torch_does_not_export_or_the_file_may_not_name():
    looped = in_use(regression(Looped), allow=["test_export:Looped"])
    with pytest.raises(TicketFileError, match=r"^x: its network cannot be exported \(") as raised:
        to_onnx(looped)
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(TicketFileError, match="x: its network is 'small_contexts:mlp', code that is not ours"):
        to_onnx(in_use(regression()))
    with pytest.raises(TicketFileError, match="x: does not say what its input is or what its output means"):
        to_onnx(replace(in_use(regression()), about=None))


def test_nobody_has_a_graph_that_says_something_else(tickets, joint, monkeypatch):
    made = onnx_model.exported_graph

    def changed(*arguments):
        model = made(*arguments)
        for tensor in model.graph.initializer:
            if tensor.name == "tensors.masks":
                tensor.raw_data = bytes(len(tensor.raw_data))
        return model

    monkeypatch.setattr(onnx_model, "exported_graph", changed)
    with pytest.raises(TicketFileError, match=r"^x: the graph differs from torch by .*; allowed: up to 0.0001$"):
        to_onnx(tickets)


def test_a_library_that_is_missing_is_one_line(tickets, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        SettingsError, match=r"export needs onnxruntime, .*: pip install 'routing-the-lottery\[export\]'"
    ):
        to_onnx(tickets)
