"""What a small run is of a section, and what its tables advise: by intervals over subsets, or over instances."""

import math

import numpy as np
import pandas as pd
import pytest
import yaml
from example_tables import mirrored, scoring_of

from rtl_core.intervals import t_interval
from rtl_core.methods import METHODS
from tasks.settings.problem_settings import problem_settings
from tasks.settings.small_run import small_run
from tasks.tables.advice import advice
from tasks.tables.names import difference_text

SPREAD = np.array([0.03, -0.02, 0.01, -0.03, 0.02, -0.01])
KEPT = {"imp_single": 50, "shared_mask": 50, "rtl": 80, "imp_multiple": 300}


def tables_of(means, apart=0.1, instances=1, subsets=6):
    """Tables of methods about their means, ``apart`` times further off in each place than in the one before."""
    rows = [
        {"instance": f"image {i}", "subset": f"part {s}", "method": method, "value": mean + apart * wave}
        for number, (method, mean) in enumerate(means.items())
        for i in range(instances)
        for s in range(subsets)
        for wave in [np.roll(SPREAD, number)[(i + s) % len(SPREAD)]]
    ]
    of_subsets = pd.DataFrame(rows)
    whole = of_subsets.groupby(["method", "instance"], sort=False).value.mean().reset_index().assign(subset="mean")
    results = pd.concat([of_subsets, whole]).assign(protocol="matched", metric="accuracy", sparsity=0.5, seed=0)
    if instances == 1:
        results = results.drop(columns="instance")
    kept = pd.DataFrame({"method": list(means), "union": [KEPT[method] for method in means]})
    doubts = pd.DataFrame(columns=["method", "sparsity", "kind", "metrics", "text"])
    return {"results": results, "scoring": scoring_of(results), "parameters": kept, "doubts": doubts}


@pytest.mark.parametrize(
    ("means", "enough", "said"),
    [
        ({"imp_single": 0.7, "rtl": 0.8, "shared_mask": 0.6, "imp_multiple": 0.75}, ["rtl"], "use RTL: it is ahead of"),
        ({"imp_single": 0.8, "rtl": 0.7, "shared_mask": 0.6, "imp_multiple": 0.75}, ["imp_single"], "use one mask "),
        (
            {"imp_single": 0.7, "rtl": 0.8, "shared_mask": 0.8, "imp_multiple": 0.75},
            ["shared_mask", "rtl"],
            "use objectives of each subset's own under one shared mask: it cannot be told from RTL, and is simpler.",
        ),
        (
            {"imp_single": 0.6, "rtl": 0.7, "shared_mask": 0.6, "imp_multiple": 0.8},
            ["imp_multiple"],
            "use K networks (IMP multiple): it is ahead of all others; or, where 3.8 times RTL's weights are too many, "
            "RTL.",
        ),
        (
            {"imp_single": 0.7, "rtl": 0.7, "shared_mask": 0.7, "imp_multiple": 0.7},
            ["imp_single", "shared_mask", "rtl", "imp_multiple"],
            "not decided: ",
        ),
    ],
)
def test_what_is_advised_is_the_simplest_that_none_is_told_to_be_ahead_of(means, enough, said):
    found, turned = (advice(tables) for tables in (tables_of(means), mirrored(tables_of(means) | no_summary())))
    for one in (found, turned):
        assert one.enough() == enough and one.sentence().startswith(said), one.sentence()
    assert (found.higher, turned.higher) == (True, False)
    for rival, lead in found.rivals.items():
        assert lead == pytest.approx(turned.rivals[rival])  # above zero: RTL is better, whichever way scores are read
        assert lead.mean == pytest.approx(means["rtl"] - means[rival]) and lead.low <= lead.mean <= lead.high
        assert lead.is_decided == (abs(lead.mean) > 0.01)


def no_summary():
    """What of tables is mirrored and not looked at."""
    return {"summary": pd.DataFrame(columns=["mean", "low", "high"])}


def test_a_difference_is_paired_and_its_interval_is_over_subsets():
    means = {"imp_single": 0.7, "rtl": 0.72}
    wide = advice(tables_of(means, apart=5))
    ours, theirs = wide.scores["rtl"], wide.scores["imp_single"]
    assert tuple(wide.rivals["imp_single"])[1:] == t_interval((ours - theirs).tolist())
    assert not wide.rivals["imp_single"].is_decided and wide.over == "6 subsets"
    together = advice(tables_of(means, apart=0))
    assert together.rivals["imp_single"].is_decided
    assert not advice(tables_of(means, apart=0, subsets=1)).rivals["imp_single"].is_decided  # of one there is none


@pytest.mark.parametrize("instances", [5, 4, 2])
def test_the_interval_is_over_instances_and_of_few_there_is_none(instances):
    found = advice(tables_of({"imp_single": 0.7, "rtl": 0.8}, instances=instances))
    assert found.over == f"{instances} instances" and len(found.scores) == instances
    assert found.rivals["imp_single"].is_decided == (instances == 5)
    said = "use RTL" if instances == 5 else f"not decided: {instances} instances are too few to tell methods apart."
    assert found.sentence().startswith(said)


@pytest.mark.parametrize("lacking", ["imp_single", "rtl", "imp_multiple"])
def test_where_a_score_is_lacking_nothing_is_advised_and_it_is_named(lacking):
    tables = tables_of({"imp_single": 0.7, "rtl": 0.6, "imp_multiple": 0.5})
    results = tables["results"]
    found = advice(tables | {"results": results[results.method != lacking]})
    assert found.sentence() == f"not decided: accuracy is not defined of {METHODS[lacking].title}."
    assert math.isnan(found.lead("rtl", "imp_single").mean) == (lacking != "imp_multiple")
    only_means = advice(tables | {"results": results[results.subset == "mean"]})
    assert only_means.over == "" and not only_means.rivals["imp_single"].is_decided


def test_no_end_of_an_interval_is_shown_as_zero_that_is_not():
    assert difference_text(-0.0027, -0.0051, -0.0003, signs=True) == "−.0027 [−.0051, −.0003]"
    assert difference_text(-0.0027, -0.0051, -0.0003) == "−.003 [−.005, +.000]"
    assert difference_text(0.5, 0.0, 1.0, signs=True) == "+.50 [+.00, +1.00]"


@pytest.fixture
def settings_of(repository, tmp_path, monkeypatch):
    """The settings of a shipped section with changes, and of a small run of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rtl_core").symlink_to(repository / "rtl_core")
    params = yaml.safe_load((repository / "params.yaml").read_text())

    def read(section, changes=(), share=0.1, sparsity=None):
        for part, values in dict(changes).items():
            params[section][part] = {**params[section][part], **values} if isinstance(values, dict) else values
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        settings = problem_settings(section)
        small = small_run(section, settings, share, sparsity)
        return settings, problem_settings(small.name, small)

    return read


def test_a_small_run_has_less_data_one_level_one_seed_and_as_many_steps_an_epoch(settings_of):
    changes = {"seeds": [4, 5], "retrain": {"training": {"batch_size": 40}, "update": ["sequential", "synchronous"]}}
    whole, small = settings_of("cifar10_quick", changes, share=0.3)
    assert (whole.partition["share"], small.partition["share"]) == (0.1, 0.03)
    assert (small.training["batch_size"], small.retrain.training["batch_size"]) == (96, 12)
    assert (small.seeds, small.sparsities, small.compared_sparsities) == ([4], [0.5], [0.5])
    assert small.retrain.update == ["sequential"]
    assert small.baselines.methods == ["imp_single", "shared_mask", "imp_multiple"]
    assert small.extract.controls == [] and small.collapse.sparsities == []
    same = ("problem", "optimizer", "duration", "weights_per_round", "rewind_every", "single_duration_factor")
    for part in (lambda one: one, lambda one: one.extract, lambda one: one.retrain, lambda one: one.baselines):
        both = (part(one).model_dump(include={*same}) for one in (whole, small))
        assert next(both) == next(both)


def test_data_without_a_share_stay_whole_and_small_batches_as_they_are(settings_of):
    levels = {"sparsities": [0.25, 0.75], "retrain": {"sparsities": None}, "collapse": {"sparsities": []}}
    whole, small = settings_of("digits", levels)
    assert (small.partition, small.training) == (whole.partition, whole.training)
    assert small.sparsities == [0.25]  # the lowest, as there is no half
    assert settings_of("digits", sparsity=0.6)[1].sparsities == [0.6]
    whole, small = settings_of("speech_scenes", {"training": {"batch_size": 6}})
    assert small.partition["share"] == 0.1 and small.training == whole.training


def test_nothing_is_advised_where_a_method_is_at_chance():
    tables = tables_of({"imp_single": 0.8, "rtl": 0.5, "shared_mask": 0.7, "imp_multiple": 0.5})
    doubts = [("rtl", "chance", "paper.auroc matched.accuracy"), ("imp_multiple", "chance", "matched.accuracy_of_all")]
    for rows, weak in ((doubts, "RTL"), ([("", *doubts[0][1:])], "IMP single, one shared mask, RTL and IMP multiple")):
        found = advice(tables | {"doubts": pd.DataFrame(rows, columns=["method", "kind", "metrics"])})
        assert found.sentence() == f"not decided: {weak} learned no more than chance gives."
    of_instance = pd.DataFrame([doubts[0]], columns=["method", "kind", "metrics"]).assign(instance="image 1")
    assert advice(tables | {"doubts": of_instance}).sentence().startswith("use one mask")
