"""Every control and late rewinding in one run: what is published is what the library makes, also under a control that
is added by its row and its function.
"""

from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from few_digits import of_few_digits
from small_project import Project

from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.controls import masks_for
from rtl_core.duration import Duration
from rtl_core.extraction import extract_tickets
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.problems.digits import Digits
from rtl_core.pruning import plan_rounds
from rtl_core.randomness import Stream
from rtl_core.rewinding import late_tickets, weights_at
from rtl_core.ticket_file import masks_from_bytes, tickets_from_bytes, tickets_to_bytes
from tasks.artefacts import paths
from tasks.jobs.training_times import read_training_times

LOOK = '"mask control", "#882255", "wedge", (1, 3), "RTL under masks of what tickets leave"'
ROW = f'    "inverted_masks": Method("inverted masks", {LOOK}),\n'
FUNCTION = '''

@mask_control
def inverted_masks(masks: Masks, initial: Tensor, _stream: Stream) -> Masks:
    """As many weights as each mask has, among those that it has not, while these last: the largest of θ₀."""
    rest = initial.abs().expand(len(masks), -1) - 1e3 * masks.values
    order = rest.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return Masks(masks.layout, order < masks.active().unsqueeze(1))
'''
CONTROLS = [
    "imp_single_union", "shared_mask", "shared_mask_union", "random_masks", "layer_shuffled_masks",
    "initial_magnitude_masks", "shared_statistics",
]  # fmt: skip


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One in which all but the comparison has run."""
    extract = {"duration": "1ep", "weights_per_round": 0.25, "rewind_every": 2, "rewind_to": "3it"}
    extract |= {"controls": ["same_subset", "random_partition"], "control_chains": 3}
    baselines = {"methods": ["imp_single", "imp_multiple", *CONTROLS], "single_duration_factor": 2}
    settings = {"seeds": [0], "sparsities": [0.4], "extract": extract, "baselines": baselines}
    settings["retrain"] = {"duration": "3it", "update": ["synchronous"]}
    folder = tmp_path_factory.mktemp("controls")
    project = of_few_digits(Project.new(repository, folder, **settings, collapse={"semantics": "meaning.csv"}))
    names = [f"digit {k}" for k in range(3)]
    meaning = pd.DataFrame([[1 / (1 + abs(a - b)) for b in range(3)] for a in range(3)], index=names, columns=names)
    meaning.to_csv(folder / "meaning.csv")
    for stage in ("partition", "extract", "retrain", "baselines"):
        project.flow(stage)
    return project


@pytest.fixture(scope="module")
def again(project: Project) -> list[str]:
    """The steps of the baselines that run once there is a further control; then the comparison with it, whole."""
    before = len(project.executed())
    methods, controls = (project.folder / f"rtl_core/{name}.py" for name in ("methods", "controls"))
    place = '    "shared_statistics": Method('
    assert methods.read_text().count(place) == 1
    methods.write_text(methods.read_text().replace(place, ROW + place))
    controls.write_text(controls.read_text() + FUNCTION)
    params = project.folder / "params.yaml"
    sections = yaml.safe_load(params.read_text())
    sections["digits"]["baselines"]["methods"].append("inverted_masks")
    params.write_text(yaml.safe_dump(sections, sort_keys=False))
    project.flow("baselines")
    steps = project.executed()[before:]
    assert project.run("rtl", "run", "pipeline", "digits").stderr == ""
    return steps


def test_a_mask_control_is_a_row_and_a_function(project, again):
    of_masks = {*CONTROLS, "inverted_masks"} - {"imp_single_union", "shared_statistics"}
    made = ["description of inverted_masks", "inverted_masks", "score inverted_masks"]
    made += [f"masks of {name}" for name in of_masks]
    assert sorted(again) == sorted(f"{name}, seed 0, sparsity 0.4" for name in made)
    tables = project.folder / "artifacts/digits/tables"
    results, parameters = (pd.read_csv(tables / f"{name}.csv") for name in ("results", "parameters"))
    assert "inverted_masks" in set(results.method)
    own = parameters.set_index("method").loc["inverted_masks"]
    assert own.active_mean == own.prunable - round(0.4 * own.prunable)
    page = (project.folder / "artifacts/digits/report.html").read_text()
    assert "inverted masks" in page and "#882255" in page


def test_controls_run_in_the_same_flow(project, again, monkeypatch):
    artifacts = project.folder / "artifacts/digits"
    results = pd.read_csv(artifacts / "tables/results.csv")
    assert set(CONTROLS) < set(results.method)
    kept = pd.read_csv(artifacts / "tables/parameters.csv").set_index("method")
    assert kept.loc["imp_single_union", "union"] == kept.loc["rtl", "union"] > kept.loc["imp_single", "union"]
    assert kept.loc["initial_magnitude_masks", "union"] == kept.loc["rtl", "active_mean"]
    assert kept.loc["shared_mask", "union"] == kept.loc["imp_single", "union"] == kept.loc["rtl", "active_mean"]
    assert kept.loc["shared_mask_union", "union"] == kept.loc["shared_mask_union", "active_mean"]
    assert kept.loc["shared_mask_union", "union"] == kept.loc["rtl", "union"]
    costs = kept[["steps", "presentations", "multiply_adds"]]
    assert (costs.loc["shared_mask_union"] == costs.loc["rtl"]).all() and (
        costs.loc["random_masks"] == costs.loc["rtl"]
    ).all()
    of_own_masks, of_others = kept.loc[["rtl", "imp_single"]].steps, kept.loc[["imp_single_union", "shared_mask"]].steps
    assert of_others.sum() - of_own_masks.sum() == 3 + 2 * 3  # both starts, where masks and training begin differently
    monkeypatch.chdir(project.folder)
    assert set(read_training_times("digits").method) == set(kept.index) - {"inverted_masks"}  # which is unknown here
    rows = pd.read_json(paths.training_times("digits", "extract"))
    assert set(rows.method[rows.part == "start"]) == {"rtl"}
    assert set(rows.method[rows.part == "masks"]) == {"rtl", "same_subset", "random_partition"}
    assert (rows.seconds > 0).all()
    assert kept.loc["shared_statistics", "union"] == kept.loc["rtl", "union"]
    similarity = pd.read_csv(artifacts / "tables/similarity.csv")
    everywhere = similarity[(similarity.layer == "all") & (similarity.sparsity == 0.4)].set_index("masks")
    assert set(everywhere.index) == {"rtl", "same_subset", "random_partition", "initial_magnitude"}
    assert everywhere.loc["same_subset", "departure"] > everywhere.loc["rtl", "departure"] > 0
    pairs = pd.read_parquet(artifacts / "tables/pairs.parquet")
    named = pairs[pairs.masks == "same_subset"]
    assert set(named.subset_a) | set(named.subset_b) == {"order 1", "order 2", "order 3"}

    problem, stream = (
        Digits(project.folder / "data/digits", batch_size=64, device="cpu"),
        Stream(0).at(problem="digits"),
    )
    adam, one, rounds = OptimizerChoice("adam", 0.003), Duration.parse("1ep"), plan_rounds(13_968, [0.4], 0.25, 2)
    late = late_tickets(problem, Duration.parse("3it"), adam, stream)
    assert (artifacts / "masks/start/seed-0.safetensors").read_bytes() == tickets_to_bytes(late)
    start = weights_at(late, problem, stream)
    masks = extract_tickets(problem, rounds, one, adam, stream, start)[0.4]

    def published(path: str) -> Masks:
        return masks_from_bytes((artifacts / path / "seed-0/sparsity-40.safetensors").read_bytes(), path)[1]

    assert torch.equal(published("masks/rtl").values, masks.values)
    dealt, chain = problem.random_partition(stream.at(draw="random partition").generator()), unpruned(masks.layout)
    for pruning_round in rounds:
        place = stream.at(method="random_partition", subset="part 1")
        chain = extract_round(start.copy(), dealt.objectives[0], chain, pruning_round, one, adam, place)
    assert torch.equal(published("masks/random_partition")[0], chain.mask)
    initial = initial_weights(problem, stream).prunable.detach()
    single, shared = (
        tickets_from_bytes(
            (artifacts / f"baselines/{method}/seed-0/sparsity-40/network-000.safetensors").read_bytes(), ""
        )
        for method in ("imp_single", "shared_mask")
    )
    assert torch.equal(shared.masks.values, single.masks.values.expand(3, -1))
    for control in ("random_masks", "layer_shuffled_masks", "initial_magnitude_masks"):
        data = (artifacts / f"baselines/{control}/seed-0/sparsity-40/network-000.safetensors").read_bytes()
        expected = masks_for(control, masks, initial, stream.at(method=control).at(draw="masks"))
        assert torch.equal(tickets_from_bytes(data, control).masks.values, expected.values)

    first = extract_round(
        start.copy(), problem.objectives[2], unpruned(masks.layout), rounds[0], one, adam,
        stream.at(method="rtl", subset="digit 2"),
    )  # fmt: skip
    _, halves = masks_from_bytes((artifacts / "masks/epochs/seed-0/epoch-1.safetensors").read_bytes(), "epoch 1")
    assert (halves.active() == 13_968 // 2).all()
    kept, lost = (first.carried["weights"].abs()[chosen] for chosen in (halves[2], first.mask & ~halves[2]))
    assert (halves[2] <= first.mask).all() and kept.min() >= lost.max()
    alignment = pd.read_csv(artifacts / "tables/alignment.csv")
    assert alignment.groupby("over").size().to_dict() == {"sparsity": 2 * 4, "epoch": 4}
    assert alignment.rho.between(-1, 1).all() and alignment.p.between(0, 1).all()
