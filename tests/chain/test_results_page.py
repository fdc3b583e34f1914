"""results/README.md says what the tables beside it say."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

RESULTS = (
    next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file()) / "results"
)


def module_at(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def verdicts():
    return module_at(RESULTS / "verdicts.py")


@pytest.fixture(scope="module")
def differences(verdicts):
    return verdicts.differences()


def test_every_table_and_sentence_is_what_the_tables_of_the_runs_give(verdicts, differences):
    page = (RESULTS / "README.md").read_text()
    assert verdicts.with_tables(page, verdicts.tables(differences)) == page
    kept = differences.to_csv(index=False, float_format="%.6g")
    assert (RESULTS / "differences.csv").read_text() == kept


def test_nothing_is_told_apart_on_few_repeats_or_by_an_interval_around_zero(differences):
    told = differences[differences.told != ""]
    assert len(told) and (told["count"] >= told.over.map({"seeds": 3, "instances": 5})).all()
    assert ((told.low > 0) == (told.told == "ahead")).all() and ((told.high < 0) == (told.told == "behind")).all()


def test_a_difference_is_the_mean_of_what_was_scored_and_turned_round_where_lower_is_better(differences):
    for job, folder, higher in (("photographs", "image_regions", True), ("stations", "stations", False)):
        results = pd.read_csv(RESULTS / "controls" / folder / "results.csv")
        mean = results[(results.subset == "mean") & (results.sparsity == 0.75)]
        for row in differences[(differences.job == job) & (differences.sparsity == 0.75)].itertuples():
            of_metric = mean[mean.protocol + "." + mean.metric == row.metric].groupby("method").value.mean()
            apart = of_metric[row.method] - of_metric[row.against]
            assert row.difference == pytest.approx(apart if higher else -apart)


def test_every_job_names_a_commit_and_a_command(verdicts):
    jobs = pd.read_csv(RESULTS / "jobs.csv")
    assert jobs.commit.str.fullmatch("[0-9a-f]{7}").all() and jobs.command.str.match("rtl run ").all()
    assert all((RESULTS / folder / "results.csv").is_file() for folder in jobs.tables)


def test_the_tables_of_better_masks_are_those_of_their_csv():
    module = module_at(RESULTS / "controls" / "better_masks_tables.py")
    page = (RESULTS / "controls" / "README.md").read_text()
    made = module.tables(pd.read_csv(module.CSV))
    assert made and all(table in page for table in made)
