"""What a file of tickets predicts, without the data that it was made of, is what the comparison scored."""

import sys
from copy import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from drawn_tickets import STREAM, drawn_tickets
from small_contexts import NAMES, mlp, regression, tensors
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torchmetrics.classification import MulticlassAccuracy

from rtl_core import ContextProblem, find_tickets, load, save
from rtl_core.construction import networks_of
from rtl_core.describing import described
from rtl_core.description.architecture import Classifier, ImportedNetwork
from rtl_core.description.decision import Classes, Colours, Speech
from rtl_core.description.preprocessing import Arrays
from rtl_core.errors import DataError, RtlError, SettingsError, TicketFileError
from rtl_core.evaluation import best_threshold
from rtl_core.one_network import as_one_network, scored_subsets
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.problems.images.class_clusters import ClassClusters
from rtl_core.problems.images.labelled_images import LabelledImages
from rtl_core.problems.images.stored_images import load_images, save_images
from rtl_core.problems.images.within_cluster import WithinCluster
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.routing.outputs import comparable, meaning_of
from rtl_core.routing.routed import by_confidence, fitted, is_offered
from rtl_core.scoring import complete_scores
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from rtl_core.use.storage import storage_of
from rtl_core.use.tickets_in_use import TicketsInUse


def in_file(problem, tickets=None, method="rtl", allow=()):
    """Tickets of a problem, scored and described, as they are read from their file."""
    tickets = tickets or drawn_tickets(problem)
    networks = networks_of(problem, [tickets], STREAM)
    scores = complete_scores(problem.score(networks), scored_subsets(problem))
    numbers = fitted(problem, networks).numbers if len(networks) > 1 and is_offered(problem) else None
    data = tickets_to_bytes(described(tickets, problem, method, 0.5, 0, scores, routing=numbers))
    return TicketsInUse.of(tickets_from_bytes(data, "x"), "x", allow, "cpu"), scores


@pytest.fixture(scope="module")
def images(digits):
    return load_images_of(digits)


def load_images_of(problem):
    """The test images as they are stored, from what a network is given."""
    preprocessing = problem.usage().preprocessing
    mean, deviation = (torch.tensor(x).reshape(1, -1, 1, 1) for x in (preprocessing.mean, preprocessing.deviation))
    return (problem.images["test"] * deviation + mean).round().to(torch.uint8)


@pytest.fixture(scope="module")
def used(digits):
    return in_file(digits)


@pytest.fixture(scope="module")
def within(tmp_path_factory):
    """Six classes of coloured noise in two clusters."""
    folder, generator = tmp_path_factory.mktemp("within"), torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 6
    splits = {
        split: LabelledImages(torch.randint(256, (60, 3, 8, 8), generator=generator).to(torch.uint8), labels.clone())
        for split in ("train", "validation", "test")
    }
    save_images(folder, splits, [f"class {k}" for k in range(6)], ClassClusters(("a", "b"), (0, 1, 0, 1, 1, 0)))
    return WithinCluster(folder, device="cpu"), load_images(folder).splits["test"]


def test_claims_are_those_of_the_comparison_to_the_bit(digits, images, used):
    tickets, scores = used
    networks = [digits.network(torch.Generator()) for _ in digits.subsets]
    for k, network in enumerate(networks):
        tickets.network(k, network)
    logits = {
        split: torch.stack([digits._logits(network, split)[:, k] for k, network in enumerate(networks)], dim=1)
        for split in ("validation", "test")
    }
    value = {(s.protocol, s.metric, s.subset): s.value for s in scores}
    for k, name in enumerate(digits.subsets):
        truth = digits.subset_of("test") == k
        claims = tickets.predict(images, name)
        assert torch.equal(claims.probabilities, logits["test"].sigmoid()[:, k])
        threshold = best_threshold(logits["validation"].sigmoid()[:, k], digits.subset_of("validation") == k)
        assert claims.rule == "matched" and claims.thresholds.unique().tolist() == [threshold.item()]
        for rule, protocol in (("matched", "matched"), ("paper", "paper")):
            claimed = tickets.predict(images, name, rule=rule).claimed
            recall, specificity = claimed[truth].double().mean(), (~claimed)[~truth].double().mean()
            found = (recall + specificity).item() / 2
            assert found == pytest.approx(value[protocol, "balanced_accuracy", name], abs=1e-6)


def test_one_network_for_all_says_the_class(digits, images):
    one = as_one_network(digits)
    tickets, _ = in_file(one, method="imp_single")
    network = tickets.network(0, digits.single_network(torch.Generator()))
    choices = tickets.predict(images)
    assert torch.equal(choices.probabilities, digits._logits(network, "test").softmax(1))
    assert choices.labels == tuple(digits.classes[k] for k in choices.probabilities.argmax(1))
    assert tickets.contexts == digits.subsets and choices.rows()[0]["class"] == choices.labels[0]
    asked = tickets.predict(images, "digit 3")
    assert torch.equal(asked.probabilities, choices.probabilities)
    assert asked.rows()[0]["context"] == "digit 3" and "context" not in choices.rows()[0]


@pytest.mark.parametrize("view", [lambda problem: problem, as_one_network])
def test_within_a_cluster_only_its_classes_count(within, view):
    problem, test = within
    tickets, scores = in_file(view(problem))
    accuracy = {s.subset: s.value for s in scores}
    for k, name in enumerate(problem.subsets):
        own = problem.subset_of("test") == k
        choices = tickets.predict(test.images[own], name)
        others = [number for number in range(6) if problem.cluster_of[number] != k]
        assert choices.probabilities[:, others].eq(0).all()
        assert choices.probabilities.sum(1).allclose(torch.ones(len(choices.labels), dtype=torch.float64))
        right = [label == problem.classes[c] for label, c in zip(choices.labels, test.labels[own], strict=True)]
        assert sum(right) / len(right) == accuracy[name]
    with pytest.raises(SettingsError, match="context: found none; allowed with x: a, b"):
        tickets.predict(test.images)


def test_a_context_for_each_example_gives_what_each_context_gives_alone(digits, images, used):
    tickets, _ = used
    few = images[:40]
    names = [digits.subsets[n % 3] for n in range(40)]
    together = tickets.predict(few, contexts=names)
    assert together.contexts == tuple(names)
    for name in digits.subsets[:3]:
        own = torch.tensor([one == name for one in names])
        alone = tickets.predict(few[own], name)
        assert torch.equal(together.probabilities[own], alone.probabilities)
        assert torch.equal(together.claimed[own], alone.claimed)


def test_a_context_that_is_told_is_the_one_that_the_comparison_counts(digits, images, used):
    tickets, _ = used
    networks, truth = networks_of(digits, [drawn_tickets(digits)], STREAM), digits.subset_of("test")
    rows = by_confidence(digits, networks, fitted(digits, networks), STREAM).rows
    told = tickets.predict(images, "auto")
    chosen = torch.tensor([digits.subsets.index(name) for name in told.contexts])
    for row in [row for row in rows if row["batch"] == 1 and row["subset"] != "mean"]:
        k = digits.subsets.index(row["subset"])
        assert (chosen[truth == k] == k).double().mean() == row["found"]
    assert ((told.posterior >= 1 / 10) & (told.posterior <= 1)).all()
    named = tickets.predict(images, contexts=told.contexts)
    assert torch.equal(told.probabilities, named.probabilities) and torch.equal(told.claimed, named.claimed)
    assert named.posterior is None and "posterior" not in named.rows()[0]
    assert [row["posterior"] for row in told.rows()] == told.posterior.tolist()


def test_inputs_of_one_context_are_told_by_the_sum_of_their_evidence(within):
    problem, test = within
    tickets, _ = in_file(problem)
    networks = networks_of(problem, [drawn_tickets(problem)], STREAM)
    outputs = torch.stack([problem._logits(network, "test") for network in networks], dim=1)
    evidence = fitted(problem, networks).evidence(comparable(tickets.about.decision, outputs, problem.subsets))
    alone, together = (tickets.predict(test.images, "auto", together=kind) for kind in (False, True))
    assert alone.contexts == tuple(problem.subsets[k] for k in evidence.argmax(1))
    assert set(together.contexts) == {problem.subsets[evidence.sum(0).argmax()]}
    likely = (tickets.about.routing.sharpness * evidence.sum(0)).softmax(0).max().expand(len(test.images))
    torch.testing.assert_close(together.posterior, likely)
    assert alone.labels == tickets.predict(test.images, contexts=alone.contexts).labels
    one = tickets.predict(test.images[:1], "auto", together=True)
    assert one.contexts == alone.contexts[:1] and torch.equal(one.posterior, alone.posterior[:1])


def test_a_context_that_is_called_auto_is_meant_itself(within):
    problem, test = within
    called = copy(problem)
    called.subsets = ("a", "auto")
    tickets, _ = in_file(called)
    named = tickets.predict(test.images, "auto")
    assert set(named.contexts) == {"auto"} and named.posterior is None


def test_where_the_context_cannot_be_told_is_one_line(digits, images, used):
    tickets, _ = used
    bare = replace(tickets, about=tickets.about.model_copy(update={"routing": None}))
    one, _ = in_file(as_one_network(digits), method="imp_single")
    for other in (bare, one):
        with pytest.raises(SettingsError, match="found 'auto', but x has no numbers to tell it by; allowed: digit 0, "):
            other.predict(images[:2], "auto")
    quantities, _ = in_file(regression(), allow=["small_contexts:mlp"])
    with pytest.raises(SettingsError, match="found outputs that are quantities, which do not say how sure a ticket is"):
        quantities.predict(tensors(10)[0], "auto")
    for decision in (Colours(), Speech()):
        with pytest.raises(SettingsError, match=f"found outputs that are {decision.kind}, which do not say"):
            meaning_of(decision)


def test_numbers_for_routing_are_checked_where_a_file_is_read(used):
    tickets, _ = used
    numbers = tickets.about.routing.model_dump()
    for changed, line in [
        ({"slopes": numbers["slopes"][1:]}, "routing has other numbers than one of each of 10 contexts"),
        ({"slopes": (-1.0, *numbers["slopes"][1:])}, "greater than or equal to 0"),
        ({"temperatures": (0.0,) * 10}, "greater than 0"),
        ({"sharpness": 0.0}, "greater than 0"),
        ({"offsets": (float("nan"),) * 10}, "header 'about.routing.offsets"),
    ]:
        routing = tickets.about.routing.model_copy(update=changed)
        data = tickets_to_bytes(replace(tickets, about=tickets.about.model_copy(update={"routing": routing})))
        with pytest.raises(TicketFileError, match=line):
            tickets_from_bytes(data, "x")
    about = tickets.about.model_copy(update={"decision": Colours()})
    with pytest.raises(TicketFileError, match="routing is of outputs that do not say how sure a ticket is"):
        tickets_from_bytes(tickets_to_bytes(replace(tickets, about=about)), "x")


def test_switching_is_in_place_and_gives_the_network_of_the_context(digits, images, used):
    tickets, _ = used
    inputs = digits.images["test"][:20]
    network = tickets.context("digit 0")
    assert isinstance(network, nn.Sequential) and not network.training
    places = {name: value.data_ptr() for name, value in network.state_dict().items()}
    for name in ("digit 7", "digit 0", "digit 3"):
        tickets.switch(network, name)
        assert {key: value.data_ptr() for key, value in network.state_dict().items()} == places
        fresh = tickets.context(name)
        assert fresh is not network
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), fresh.parameters(), strict=True))
        with torch.inference_mode():
            assert torch.equal(network(inputs), fresh(inputs))
    with pytest.raises(TicketFileError, match=r"x: its weights are not those of Linear; allowed: its network"):
        tickets.switch(nn.Linear(2, 2), "digit 0")


def test_switching_allocates_nothing(used):
    tickets, _ = used
    network = tickets.context("digit 0")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiled:
        tickets.switch(network, "digit 7")
    assert {event.name for event in profiled.events()} >= {"aten::copy_", "aten::mul_"}
    assert not [event.name for event in profiled.events() if event.cpu_memory_usage > 0]


def test_using_tickets_leaves_the_shared_generator_as_it_was(digits, images, used):
    before = torch.get_rng_state()
    TicketsInUse.of(used[0], "x", device="cpu").predict(images[:2], "digit 1")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("inputs", "asked", "line"),
    [
        (torch.zeros(2, 1, 8, 8), {}, "inputs: found [2, 1, 8, 8] float32; allowed: [N, 1, 8, 8] uint8, as trained"),
        (torch.zeros(2, 3, 8, 8).byte(), {}, "found [2, 3, 8, 8] uint8; allowed: [N, 1, 8, 8] uint8"),
        (torch.zeros(2, 1, 9, 8).byte(), {}, "found [2, 1, 9, 8] uint8; allowed: [N, 1, 8, 8] uint8"),
        (torch.zeros(1, 8, 8).byte(), {}, "found [1, 8, 8] uint8; allowed: [N, 1, 8, 8] uint8"),
        (torch.zeros(0, 1, 8, 8).byte(), {}, "found [0, 1, 8, 8] uint8; allowed"),
        (torch.full((1, 1, 8, 8), 17), {}, "inputs: found the value 17; allowed: 0 to 16, as trained"),
        (torch.full((1, 1, 8, 8), -1), {}, "found [1, 1, 8, 8] int64; allowed: [N, 1, 8, 8] uint8"),
        ("picture.png", {}, "inputs: found a str; allowed: a tensor, one row an example"),
        (None, {"context": "cat"}, "context: found 'cat'; allowed with x: digit 0, digit 1"),
        (None, {"context": None}, "context: found none; allowed with x: digit 0"),
        (None, {"contexts": ["digit 1"]}, "context and contexts: found both; allowed: one of them"),
        (None, {"context": None, "contexts": ["digit 1"]}, "contexts: found 1 for 2 inputs; allowed: one for each"),
        (None, {"context": None, "contexts": ["digit 1", "cat"]}, "context: found 'cat'; allowed with x: digit 0"),
        (None, {"rule": "best"}, "rule: found 'best'; allowed: matched, paper"),
        (None, {"together": True}, "together: found with a context that is given; allowed: with 'auto'"),
        (None, {"context": "auto", "contexts": ["digit 1"] * 2}, "context and contexts: found both; allowed: one"),
    ],
)  # fmt: skip
def test_what_cannot_be_predicted_is_one_line(used, inputs, asked, line):
    inputs = torch.zeros(2, 1, 8, 8).byte() if inputs is None else inputs
    with pytest.raises(RtlError) as raised:
        used[0].predict(inputs, **({"context": "digit 2"} | asked))
    assert line in str(raised.value) and len(str(raised.value).splitlines()) == 1


def test_tickets_are_loaded_with_networks_of_a_module_only_where_it_is_named(tmp_path):
    found = find_tickets(regression(), [0.4], baselines=["imp_single"], extract_duration="1it", retrain_duration="2it")
    path = tmp_path / "t.safetensors"
    save(found.at(0.4), path)
    with pytest.raises(TicketFileError, match=r"t\.safetensors: its network is 'small_contexts:mlp', code that is not"):
        load(path)
    tickets = load(path, allow=["small_contexts:mlp"], device="cpu")
    assert tickets.contexts == NAMES and tickets.about.scores[0].metric == "rmse"
    for k, name in enumerate(NAMES):
        inputs, _ = tensors(10 + k)
        with torch.inference_mode():
            outputs = found.network(name, 0.4)(inputs)
        assert torch.equal(tickets.predict(inputs, name).values, outputs)
        assert torch.equal(tickets.predict(inputs.double().numpy(), name).values, outputs)
    assert torch.equal(found.at(0.4).predict(inputs, NAMES[-1]).values, outputs)
    inputs[3, 1] = torch.nan
    with pytest.raises(DataError, match="inputs: found a number that is not finite in example 3; allowed: finite ones"):
        tickets.predict(inputs, "north")
    with pytest.raises(SettingsError, match="device: found 'tpu'; allowed: auto, cpu, cuda"):
        load(path, allow=["small_contexts:mlp"], device="tpu")


def test_one_network_that_is_told_the_context_is_told_it():
    problem = regression(mlp, told="one-hot")
    tickets, _ = in_file(as_one_network(problem), allow=["small_contexts:mlp"])
    inputs, _ = tensors(10)
    network = tickets.network(0, problem.single_network(torch.Generator()))
    outputs = []
    for name in NAMES:
        with torch.inference_mode():
            outputs.append(problem.tell(network, name)(inputs))
            assert torch.equal(tickets.context(name)(inputs), outputs[-1])
        assert torch.equal(tickets.predict(inputs, name).values, outputs[-1])
    assert not torch.equal(outputs[0], outputs[1])
    with pytest.raises(SettingsError, match="context: found none"):
        tickets.predict(inputs)


def test_a_network_without_a_name_is_given_where_it_is_used():
    problem = regression(lambda: mlp())
    tickets, _ = in_file(problem)
    inputs, _ = tensors(10)
    assert tickets.about.architecture is None
    with pytest.raises(TicketFileError, match=r"x: does not say what network it is of; allowed: context\(…, into="):
        tickets.context("north")
    outputs = tickets.context("north", into=mlp())(inputs)
    assert torch.equal(tickets.predict(inputs, "north", into=mlp()).values, outputs)
    with pytest.raises(TicketFileError, match="x: its weights are not those of Sequential; allowed: its network"):
        tickets.context("north", into=mlp(inputs=4))


def test_targets_that_are_numbers_of_classes_make_choices_with_names():
    def examples(seed):
        inputs, _ = tensors(seed)
        return inputs, torch.arange(10) % 3

    problem = ContextProblem(
        partial(mlp, outputs=3),
        train={name: examples(k) for k, name in enumerate(NAMES)},
        test={name: examples(k) for k, name in enumerate(NAMES)},
        loss=F.cross_entropy,
        metrics={"accuracy": MulticlassAccuracy(3)},
        outputs=("red", "green", "blue"),
    )
    tickets, _ = in_file(problem, allow=["small_contexts:mlp"])
    inputs, _ = examples(0)
    choices = tickets.predict(inputs, "west")
    with torch.inference_mode():
        logits = tickets.context("west")(inputs)
    assert choices.labels == tuple(choices.classes[k] for k in logits.argmax(1))
    assert choices.classes == ("red", "green", "blue")
    with pytest.raises(
        SettingsError, match=r"outputs: found 2 names for outputs \[N, 1\]; allowed: \[N, number of names\]"
    ):
        regression(mlp, outputs=("a", "b"))


ARCHITECTURES = {
    "a path": (ImportedNetwork, dict(path="os:system", positional=("touch x",), arguments={}, told=None)),
    "a path as a classifier": (Classifier, dict(name="os:system", arguments={}, channels=1, outputs=10)),
    "positional": (
        ImportedNetwork, dict(path="torchvision.models:resnet18", positional=({},), arguments={}, told=None),
    ),
    "timm itself": (ImportedNetwork, dict(path="timm:create_model", positional=("x",), arguments={}, told=None)),
}  # fmt: skip


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_code_that_is_not_allowed_is_not_imported(digits, tmp_path, kind):
    statement, fields = ARCHITECTURES[kind]
    modules = {*sys.modules}
    with pytest.raises(TicketFileError, match="code that is not ours; allowed: small_cnn, ghostnet, timm:NAME"):
        load(file_with(digits, tmp_path, statement(**fields)))
    assert {*sys.modules} == modules


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("small_cnn", {"width": 1 << 19}, "its weights are not those of Sequential; allowed: its network"),
        ("small_cnn", {"width": "x"}, "its network cannot be made (TypeError"),
        ("small_cnn", {"unknown": 1}, "its network cannot be made (TypeError"),
        ("timm:resnet18", {}, "its weights are not those of ResNet"),
        ("timm:resnet18", {"pretrained": True}, "asks for pretrained; allowed: weights of the file alone"),
        ("timm:vit_tiny_patch16_224", {"depth": 100_000}, "its network has more than 144 parameters"),
        ("timm:nothing", {}, "its network cannot be made (SettingsError"),
        ("torchvision.models:get_model", {"name": "resnet18"}, "found the network 'torchvision.models:get_model'"),
        ("torchvision.models:resnet18", {"weights": "DEFAULT"}, "asks for weights; allowed: weights of the file alone"),
    ],
)
def test_a_network_of_other_arguments_than_the_file_has_weights_for_is_not_made(
    digits, tmp_path, name, arguments, line
):
    with pytest.raises(TicketFileError) as raised:
        path = file_with(digits, tmp_path, Classifier(name=name, arguments=arguments, channels=1, outputs=10))
        load(path, device="cpu").context("digit 1")
    assert line in str(raised.value)


def file_with(problem, folder, architecture):
    tickets = described(drawn_tickets(problem), problem, "rtl", 0.5, 0, [])
    path = folder / "t.safetensors"
    about = tickets.about.model_copy(update={"architecture": architecture})
    path.write_bytes(tickets_to_bytes(replace(tickets, about=about)))
    return path


def test_colours_are_those_that_were_scored(tmp_path):
    ImageRegions.partition(tmp_path, longest_side=24, num_regions=3)
    problem = ImageRegions(tmp_path / "china", device="cpu")
    for view in (problem, as_one_network(problem)):
        tickets, _ = in_file(view)
        networks = networks_of(view, [drawn_tickets(view)], STREAM)
        whole = problem._painted(networks) if len(networks) > 1 else problem._painted_single(networks[0])
        places = problem.features[:, :2].double()
        for k, name in enumerate(problem.subsets):
            colours = tickets.predict(places[problem.members[k]], name).values
            assert torch.allclose(colours, whole[problem.members[k]], atol=1e-4)


def test_signals_are_those_that_were_scored(tmp_path):
    SpeechScenes.partition(tmp_path, seconds=0.5, mixtures=[2, 2, 2])
    problem = SpeechScenes(tmp_path, device="cpu", perceptual=[])
    tickets, _ = in_file(problem)
    for k, name in enumerate(problem.subsets):
        noisy, _, enhanced = next(problem._enhanced(tickets.context(name), problem.scored[k]))
        assert torch.equal(tickets.predict(noisy, name).values, enhanced)


def test_what_tickets_take_up_is_less_than_what_they_stand_for(used):
    storage = storage_of(used[0])
    assert storage.tickets < storage.pruned_networks < storage.dense_networks == 10 * storage.dense_network
    assert storage.tickets == len(tickets_to_bytes(replace(used[0], about=None)))


def test_a_network_of_a_class_that_says_nothing_of_it_is_unknown(digits):
    class Other(type(digits)):
        def network(self, generator):
            return nn.Sequential(*super().network(generator), nn.Identity())

    other = copy(digits)
    other.__class__ = Other
    for view in (other, as_one_network(other)):
        about = described(drawn_tickets(view), view, "rtl", 0.5, 0, []).about
        assert about.architecture is None and about.preprocessing == digits.usage().preprocessing


def test_a_file_whose_network_takes_something_else_is_one_line(digits, images):
    tickets = described(drawn_tickets(digits), digits, "rtl", 0.5, 0, [])
    for changed, inputs, line in [
        (
            {"preprocessing": Arrays(shape=(3,), dtype="float32")},
            torch.zeros(2, 3),
            "its network does not take what it",
        ),
        (
            {"decision": Classes(classes=("x",) * 11, among={})},
            images[:2],
            "a network returns [10] outputs, and the file",
        ),
        (
            {"decision": None},
            images[:2],
            "x: does not say what its input is or what its output means; allowed: files that do, or in Python context(",
        ),
    ]:
        about = tickets.about.model_copy(update=changed)
        with pytest.raises(TicketFileError) as raised:
            TicketsInUse.of(replace(tickets, about=about), "x", device="cpu").predict(inputs, "digit 1")
        assert line in str(raised.value)
