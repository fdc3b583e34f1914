"""What the terminal shows of where the seconds of a problem's stages went."""

import json

from rtl_core.errors import DataError


def show_profile(problem: str, as_json: bool) -> None:
    """Print it for the last run of each stage, as a table or as JSON.

    Raises:
        DataError: no stage has run.
        SettingsError: there is no such section.
    """
    from rich.console import Console
    from rich.table import Table

    from flows.stage_times import stage_profiles
    from tasks.settings.params_file import read_params, section

    section(read_params(), problem)
    if not (profiles := stage_profiles(problem)):
        raise DataError(f"{problem}: no stage has run here; run one first (rtl run pipeline {problem})")
    if as_json:
        print(json.dumps(profiles, indent=2))
        return
    columns = next(iter(profiles.values()))
    table = Table(
        title=f"{problem}: seconds of each stage's last run in which a thread was at it", title_justify="left"
    )
    for column in ("stage", *columns):
        table.add_column(column.replace("_", " "), justify="left" if column == "stage" else "right")
    for stage, times in profiles.items():
        table.add_row(stage, *(f"{seconds:.1f}" for seconds in times.values()))
    Console().print(table)
