"""Extraction that is told to stop does so at the last level before tickets collapse."""

import json

import pandas as pd
from few_digits import of_few_digits
from small_project import Project


def test_extraction_stops_at_the_last_level_before_tickets_collapse(repository, tmp_path):
    extract = {"duration": "2it", "weights_per_round": 0.4, "rewind_every": 1, "stop_on_collapse": "stop"}
    settings = {
        "seeds": [0], "sparsities": [0.5, 0.9, 0.99, 0.997], "optimizer": {"learning_rate": 0.01}, "extract": extract,
        "retrain": {"duration": "3it", "update": ["sequential"], "sparsities": [0.9, 0.99]},
        "baselines": {"methods": ["imp_single"]},
    }  # fmt: skip
    project = of_few_digits(Project.new(repository, tmp_path, **settings))
    told = project.run("rtl", "run", "pipeline", "digits")
    assert told.returncode == 0 and "extraction ends at 90 % sparsity" in told.stderr
    reached = json.loads((project.folder / "artifacts/digits/masks/levels.json").read_text())
    assert reached["levels"] == [0.5, 0.9] and reached["alarms"]["0"]["side"] == "fall"
    assert len(list((project.folder / "artifacts/digits/masks/rtl/seed-0").iterdir())) == len(reached["rounds"])
    rounds = [int(name.rpartition(" ")[2]) for name in project.executed() if name.startswith("rtl, seed 0, digit")]
    assert max(rounds) <= reached["alarms"]["0"]["rung"] + 2 < 14  # chains were stopped while they went on
    results = pd.read_csv(project.folder / "artifacts/digits/tables/results.csv")
    knees = pd.read_csv(project.folder / "artifacts/digits/tables/knees.csv")
    assert knees[knees.curve == "alarm"].rung.item() == reached["alarms"]["0"]["rung"]
    assert "extraction ended at" in (project.folder / "artifacts/digits/report.html").read_text()
    assert set(results.sparsity) == {0.9} and set(results.method) == {"rtl_sequential", "imp_single"}
