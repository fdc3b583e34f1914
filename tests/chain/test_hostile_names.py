"""A name in params.yaml made to do harm costs one line when DVC reads it."""

import pytest
import yaml
from small_project import Project


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """A project in and beside which there is something to lose."""
    folder = tmp_path_factory.mktemp("names")
    project = Project.new(repository, folder / "project")
    for precious in (folder / "project/precious", folder / "precious"):
        precious.mkdir()
        (precious / "file").touch()
    project.succeed("git", "init", "--quiet")
    return project


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("x; touch deed; true", "error: params.yaml: 'x; touch deed; true': allowed in a problem's name: letters"),
        ("$(touch deed)", "error: params.yaml: '$(touch deed)': allowed in a problem's name: letters"),
        ('x"`touch deed`"\n"', "allowed: up to 80 printable letters"),
        ("../precious", "overlap and are thus in the same tracked directory"),
        ("../../precious", "overlap and are thus in the same tracked directory"),
    ],
)
def test_a_name_in_params_is_no_program_and_no_folder_elsewhere_to_dvc(repository, project, name, line):
    precious = [project.folder / "precious", project.folder.parent / "precious"]
    settings = yaml.safe_load((repository / "params.yaml").read_text())["digits"]
    (project.folder / "params.yaml").write_text(yaml.safe_dump({"problems": [name], name: settings}))
    done = project.run("dvc", "repro")
    assert done.returncode and line in done.stdout + done.stderr
    assert not (project.folder / "deed").exists() and all((folder / "file").exists() for folder in precious)
