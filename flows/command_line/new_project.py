"""How a project of one's own begins: ``rtl new FOLDER``."""

from pathlib import Path
from typing import Annotated

import typer

from rtl_core.errors import SettingsError

FILES = Path(__file__).with_name("project_files")
WRITTEN_AS = {
    "dvc": ".dvc",
    "dvc.yaml.template": "dvc.yaml",
    "dvcignore": ".dvcignore",
    "gitignore": ".gitignore",
}
"""What would mean something to git or DVC where it lies here has another name."""
WITHOUT_GIT = "    no_scm = true\n"


def new(
    folder: Annotated[Path, typer.Argument(help="one that is not there yet, or is empty", show_default=False)],
) -> None:
    """Begin a project of your own: a problem that runs, its settings and the stages of DVC's."""
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: found a file; allowed: a folder that is not there yet, or an empty one")
    if folder.is_dir() and (present := sorted(path.name for path in folder.iterdir())):
        raise SettingsError(f"{folder}: found {present[0]} in it; allowed: a folder that is not there yet, or is empty")
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(path for path in FILES.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        place = folder.joinpath(*(WRITTEN_AS.get(part, part) for part in source.relative_to(FILES).parts))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.read_bytes())
    if not any((above / ".git").exists() for above in [folder.absolute(), *folder.absolute().parents]):
        with (folder / ".dvc/config").open("a") as config:
            config.write(WITHOUT_GIT)
        typer.echo("found no git repository: after `git init`, take no_scm out of .dvc/config")
    typer.echo(f"{folder}: begun; next: `cd {folder} && dvc repro`")
