"""A mask control is added by its row and its function: settings, tables, figures and pages have it then."""

import pandas as pd
import yaml
from small_project import Project

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


def with_method(project: Project, name: str) -> None:
    file = project.folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["digits"]["baselines"]["methods"].append(name)
    file.write_text(yaml.safe_dump(params, sort_keys=False))


def test_a_mask_control_is_a_row_and_a_function(one_level, tmp_path):
    project = one_level.copied(tmp_path)
    with_method(project, "random_masks")
    project.flow("baselines")
    before = project.executed()

    methods, controls = (tmp_path / f"rtl_core/{name}.py" for name in ("methods", "controls"))
    place = '    "shared_statistics": Method('
    assert methods.read_text().count(place) == 1
    methods.write_text(methods.read_text().replace(place, ROW + place))
    controls.write_text(controls.read_text() + FUNCTION)
    with_method(project, "inverted_masks")
    assert project.run("rtl", "run", "pipeline", "digits").stderr == ""

    again = project.executed()[len(before) :]
    made = ["description of inverted_masks", "inverted_masks", "masks of inverted_masks", "masks of random_masks"]
    made.append("score inverted_masks")
    steps = sorted(name for name in again if not name.endswith(" of digits"))  # beside tables and figures
    assert steps == [f"{name}, seed 0, sparsity 0.4" for name in made]
    tables = tmp_path / "artifacts/digits/tables"
    results, parameters = (pd.read_csv(tables / f"{name}.csv") for name in ("results", "parameters"))
    assert "inverted_masks" in set(results.method)
    own = parameters.set_index("method").loc["inverted_masks"]
    assert own.active_mean == own.prunable - round(0.4 * own.prunable)
    page = (tmp_path / "artifacts/digits/report.html").read_text()
    assert "inverted masks" in page and "#882255" in page
