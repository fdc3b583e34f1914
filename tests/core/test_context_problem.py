import copy
import random
from functools import partial

import pytest
import torch
from small_contexts import NAMES, mlp, regression, tensors
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset, IterableDataset, TensorDataset
from torchmetrics.classification import BinaryAUROC, MulticlassAccuracy
from torchmetrics.regression import MeanSquaredError, R2Score

from rtl_core import ContextProblem, Measure, OptimizerChoice
from rtl_core.checks import problem_failures
from rtl_core.construction import initial_weights, new_network
from rtl_core.errors import DataError, SettingsError
from rtl_core.one_network import as_one_network
from rtl_core.prunable import prunable_weights
from rtl_core.randomness import Stream

STREAM = Stream(0).at(problem="regions")


def classification(targets=(0, 1, 2, 1), outputs=3, **changes):
    data = {name: (torch.randn(4, 3), torch.tensor(targets)) for name in NAMES}
    settings = dict(train=data, test=data, loss=F.cross_entropy, metrics={"accuracy": MulticlassAccuracy(3)})
    return ContextProblem(partial(mlp, outputs=outputs), **(settings | changes))


class Rows(Dataset):
    def __init__(self, count, item=lambda n: (torch.full((3,), float(n)), torch.tensor([1.0]))):
        self.count, self.item = count, item

    def __len__(self):
        return self.count

    def __getitem__(self, n):
        return self.item(n)


class Endless(IterableDataset):
    def __iter__(self):
        yield from ()


@pytest.mark.parametrize("told", ["no", "one-hot"])
def test_it_passes_every_check_of_a_problem(told):
    problem = regression(told=told)
    for view in (problem, as_one_network(problem)):
        assert not list(problem_failures(view, OptimizerChoice(), STREAM))


def test_an_epoch_has_every_example_of_a_context_once_and_single_has_all():
    problem = regression()
    for k, objective in enumerate([*problem.objectives, problem.single_objective]):
        batches = list(objective.batches(torch.Generator().manual_seed(3)))
        assert len(batches) == objective.batches_per_epoch
        assert max(len(x) for x, _ in batches) - min(len(x) for x, _ in batches) <= 1
        expected = problem.splits["train"].inputs if k == 3 else tensors(k, 10 + k)[0]
        drawn = torch.cat([x for x, _ in batches])
        assert sorted(map(tuple, drawn.tolist())) == sorted(map(tuple, expected.tolist()))
        assert drawn.tolist() != expected.tolist()


def test_no_batch_is_of_one_example():
    problem = regression(batch_size=2, train={name: tensors(k, 3) for k, name in enumerate(NAMES)})
    assert [len(x) for objective in problem.objectives for x, _ in objective.batches(torch.Generator())] == [3] * 3


def test_datasets_are_their_tensors():
    as_tensors = regression()
    as_rows = {name: TensorDataset(*tensors(k, 10 + k)) for k, name in enumerate(NAMES)}
    as_items = {name: Rows(len(rows), rows.__getitem__) for name, rows in as_rows.items()}
    as_arrays = {name: tuple(part.double().numpy() for part in rows.tensors) for name, rows in as_rows.items()}
    for data in (as_rows, as_items, as_arrays):
        assert regression(train=data).digest == as_tensors.digest
    assert regression(train=as_rows | {"west": tensors(9)}).digest != as_tensors.digest


def test_an_instance_is_copied_and_is_then_the_initial_weights_of_every_seed():
    network = mlp()
    problem = regression(network)
    before = copy.deepcopy(network.state_dict())
    nn.init.zeros_(network[0].weight)
    for seed in range(2):
        made = new_network(problem, Stream(seed)).state_dict()
        assert all(torch.equal(made[name], value) for name, value in before.items())
    drawn = [initial_weights(regression(), Stream(seed)).prunable for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_making_a_problem_draws_nothing_from_the_shared_generator():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    regression(told="one-hot")
    assert torch.equal(torch.rand(1), expected)


def test_what_masks_cover():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.LayerNorm([2, 6, 6]), nn.Flatten(), nn.Linear(72, 4), nn.Linear(4, 2)
    )
    assert prunable_weights(network) == ["0.weight", "4.weight"]
    assert prunable_weights(nn.Linear(3, 2)) == ["weight"]
    problem = regression(prunable=["*.weight"])
    assert list(problem.prunable(mlp())) == ["0.weight", "2.weight"]


def test_the_one_network_that_is_told_the_context_keeps_its_initial_weights_and_tells_contexts_apart():
    plain, told = regression(), regression(told="one-hot")
    wide = as_one_network(told).network(STREAM.generator()).eval()
    network = new_network(plain, STREAM)
    with torch.no_grad():
        wide_drawn = new_network(as_one_network(told), STREAM)
    assert torch.equal(wide_drawn[0].weight[:, :3], network[0].weight)
    assert wide[0].weight.shape == (8, 6)
    x = tensors(1)[0]
    outputs = [told.tell(wide, name)(x) for name in NAMES]
    assert not torch.equal(outputs[0], outputs[1])
    weight, bias = wide[0].weight, wide[0].bias
    by_hand = F.linear(x, weight[:, :3], bias) + weight[:, 4]
    assert torch.allclose(outputs[1], wide[2](by_hand.relu()), atol=1e-6)


def test_a_convolution_is_told_the_context_as_planes():
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(36, 2))
    data = {name: (torch.randn(6, 2, 5, 5), torch.randint(2, (6,))) for name in NAMES}
    problem = ContextProblem(
        network, data, data, loss=F.cross_entropy, metrics={"accuracy": MulticlassAccuracy(2)}, told="one-hot"
    )
    assert not list(problem_failures(as_one_network(problem), OptimizerChoice(), STREAM))
    assert problem.single_network(torch.Generator())[0].weight.shape == (4, 5, 3, 3)


def test_scores_are_the_metrics_of_each_context_with_direction_and_chance():
    problem = regression(
        validation={name: tensors(20 + k) for k, name in enumerate(NAMES)},
        metrics={
            "rmse": MeanSquaredError(squared=False),
            "r2": R2Score(),
            "worst": Measure(lambda outputs, targets: (outputs - targets).abs().max(), False, chance=7.0),
        },
    )
    networks = [new_network(problem, Stream(k)).eval() for k in range(3)]
    scores = problem.score(networks)
    assert len(scores) == 2 * 3 * 3 and scores[0].protocol == "matched"
    for k, name in enumerate(NAMES):
        x, y = tensors(10 + k)
        of_context = {s.metric: s for s in scores if s.subset == name and s.protocol == "matched"}
        assert of_context["rmse"].value == pytest.approx(F.mse_loss(networks[k](x), y).sqrt().item(), rel=1e-5)
        assert [s.higher_is_better for s in of_context.values()] == [False, True, False]
        assert [s.chance for s in of_context.values()] == [None, 0.0, 7.0]
    assert problem.score_single(networks[0]) == problem.score([networks[0]] * 3)


def test_chance_of_choices_is_the_commonest_share():
    metrics = {"accuracy": MulticlassAccuracy(3, average="micro"), "balanced": MulticlassAccuracy(3)}
    problem = classification(metrics=metrics)
    scores = problem.score([new_network(problem, STREAM).eval()] * 3)
    assert {score.metric: score.chance for score in scores} == {"accuracy": 0.5, "balanced": pytest.approx(1 / 3)}
    data = {name: (torch.randn(4, 3), torch.tensor([[0.0], [1.0], [1.0], [0.0]])) for name in NAMES}
    binary = regression(train=data, test=data, loss=F.binary_cross_entropy_with_logits, metrics={"auroc": auroc()})
    assert binary.score([new_network(binary, STREAM).eval()] * 3)[0].chance == 0.5


def auroc():
    metric = BinaryAUROC()
    return Measure(lambda outputs, targets: metric(outputs, targets.long()), True, 0.5)


def test_every_ticket_on_every_context_is_its_own_score_on_its_own():
    for problem in (regression(), classification()):
        network = new_network(problem, STREAM).eval()
        across = problem.across_subsets(network)
        assert across.scores == tuple(score.value for score in problem.score_single(network))
        assert across.predictions.is_floating_point() == (across.metric == "rmse")


def test_random_parts_hold_every_example_once_in_equal_numbers():
    problem = regression()
    dealt = problem.random_partition(torch.Generator().manual_seed(1))
    assert torch.cat(dealt.members).sort().values.tolist() == list(range(33))
    assert [len(part) for part in dealt.members] == [11, 11, 11]
    assert [len(part) for part in problem.members] == [10, 11, 12]


def frozen():
    network = mlp()
    network[0].weight.requires_grad_(False)
    return network


def tied():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    network[1].weight = network[0].weight
    return network


SAME = mlp()
RANDOM = {name: Rows(4, lambda n: (torch.rand(3), torch.ones(1))) for name in NAMES}
PYTHONS = {name: Rows(4, lambda n: (random.random(), torch.ones(1))) for name in NAMES}
FLIPS = {name: Rows(40, lambda n: (torch.ones(3) * (random.random() < 0.5), torch.ones(1))) for name in NAMES}
THREE = {name: tensors(k) for k, name in enumerate(NAMES)}
NAN = torch.tensor([[1.0, 2, 3], [1, 2, float("nan")]])


@pytest.mark.parametrize(
    "wrong, line",
    [
        (dict(train=THREE | {"west": Rows(0)}), "train, context 'west': found 0 examples; allowed: 2 and more"),
        (dict(train=THREE | {"west": tensors(1, 1)}), "train, context 'west': found 1 example; allowed: 2 and more"),
        (dict(test={"north": tensors(1)}), "test: found no data of context 'south'"),
        (dict(validation={}), "validation: found no data of context 'north'"),
        (dict(test=THREE | {"east": tensors(1)}), "test: found context 'east'; allowed: those of train, north,"),
        (dict(train={}, test={}), "train: found no context; allowed: two and more"),
        (dict(train={1: tensors(1), 2: tensors(2)}), "train: found a context called 1; allowed: text"),
        (dict(train={"north": tensors(1)}, test={"north": tensors(1)}), "found 1 subset"),
        (dict(train=THREE | {"west": tensors(1, inputs=4)}), r"west': found inputs \[N, 4\] float32 and .* \[N, 3\]"),
        (dict(train=THREE | {"west": Rows(3, lambda n: torch.ones(3))}), "found items of type Tensor; allowed: pairs"),
        (dict(train=THREE | {"west": torch.ones(3, 3)}), "found a Tensor; allowed: a Dataset, or a pair of tensors"),
        (dict(train=THREE | {"west": Endless()}), "found a Endless without a length"),
        (dict(train=THREE | {"west": Rows(3, lambda n: [][n])}), "not readable: IndexError"),
        (dict(train=RANDOM), "its examples are drawn anew at every look"),
        (dict(train=FLIPS), "its examples are drawn anew at every look"),
        (dict(train=PYTHONS), "its examples are drawn anew at every look"),
        (dict(train=THREE | {"west": (NAN, torch.ones(2, 1))}), "inputs: found a number that is not finite in example"),
        (dict(train=THREE | {"west": (torch.ones(3, 3), torch.ones(2, 1))}), "found 3 inputs and 2 targets"),
        (dict(loss=partial(F.mse_loss, reduction="none")), "the loss is a tensor .*; allowed: the mean over examples"),
        (dict(loss=partial(F.mse_loss, reduction="sum")), "allowed: the mean over examples, not a sum"),
        (dict(loss=lambda outputs, targets: 1.0), "the loss is a float; allowed: the mean over examples"),
        (dict(loss=F.cross_entropy, network=partial(mlp, outputs=2)), "the loss does not take outputs"),
        (dict(network=lambda: nn.Sequential(mlp(), nn.Flatten(0))), "broadcasting"),
        (dict(network=lambda: mlp(inputs=4)), r"north': the network does not take inputs \[8, 3\] float32: Runtime"),
        (dict(network=lambda: nn.LSTM(3, 1)), "the network's outputs are a tuple; allowed: a tensor, one row"),
        (dict(network=lambda: SAME), "gives the same parameters at every call"),
        (dict(network=nn.Linear), "network: cannot be made: TypeError: .*missing 2 required positional"),
        (dict(network=lambda: nn.LazyLinear(1)), "network: weight has no size yet; allowed: layers that say what"),
        (dict(network=lambda: 3), "network: found a int; allowed: an nn.Module"),
        (dict(network=frozen), "parameter '0.weight' is frozen"),
        (dict(network=tied), r"parameters '0.weight' and '1.weight' are one \(tied\)"),
        (dict(metrics={}), "metrics: found none"),
        (dict(metrics={"cost": lambda outputs, targets: 1.0}), "'cost': nothing says whether higher is better"),
        (dict(metrics={"mse": 3}), "'mse': found a int; allowed: a metric of torchmetrics, or a function"),
        (dict(prunable=["layers.*"]), "no parameter matches 'layers.*'; allowed: patterns of 0.weight"),
        (dict(batch_size=0), "batch_size: found 0; allowed: 2 and more"),
        (dict(told="yes"), "told: found 'yes'; allowed: no, one-hot"),
        (dict(network=lambda: nn.Sequential(nn.Bilinear(3, 3, 1)), told="one-hot"), "the network does not take inputs"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_before_training(wrong, line):
    with pytest.raises((DataError, SettingsError), match=line) as raised:
        regression(**({"network": mlp} | wrong))
    assert "\n" not in str(raised.value)


def test_a_class_that_there_is_no_output_for_is_one_line():
    for target in (3, -1):
        with pytest.raises(SettingsError, match=f"found the target {target}; allowed: 0 to 2"):
            classification((0, 1, 2, target))
    classification((0, 1, 2, -100))


def test_counts_are_no_classes_where_the_loss_takes_them():
    data = {name: (torch.randn(4, 3), torch.tensor([0, 5, 7, 2])) for name in NAMES}
    rates = regression(
        train=data, test=data, loss=lambda outputs, targets: F.poisson_nll_loss(outputs.squeeze(1), targets.float()),
        metrics={"mae": lambda outputs, targets: (outputs.squeeze(1).exp() - targets).abs().mean()},
    )  # fmt: skip
    assert not list(problem_failures(rates, OptimizerChoice(), STREAM))


def test_a_network_whose_first_layer_cannot_be_told_more_is_one_line():
    network = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 1))
    data = {name: (torch.randint(5, (4, 2)), torch.ones(4, 1)) for name in NAMES}
    with pytest.raises(SettingsError, match=r"first layer that inputs reach is 0 \(Embedding\); allowed: a linear"):
        regression(network, train=data, test=data, told="one-hot")


def test_a_metric_that_does_not_fit_is_one_line_before_training():
    problem = classification(metrics={"rmse": MeanSquaredError()})
    with pytest.raises(SettingsError, match=r"metrics: 'rmse' of outputs \[4, 3\] float32 and targets \[4\] int64"):
        raise next(map(SettingsError, problem_failures(problem, OptimizerChoice(), STREAM)))
