"""What the documentation says can be done: every command in it is one that works, and every link leads somewhere."""

import ast
import importlib
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import rtl_core

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RESULTS = sorted((ROOT / "results").glob("*/README.md"))
KINDS = {"sh", "sh cluster", "python", "yaml", "text"}
"""What may stand behind the three backticks; CONTRIBUTING.md says what each means."""
PLACEHOLDER = re.compile(r"[A-Z]{2,}")
OVERRIDE = re.compile(r"(\+?)([\w.]+)=(.*)")
MENTION = r"make \w+$|(rtl|dvc|prefect|mlflow|dask|git|pip) \w"
AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@b"]


class Block(NamedTuple):
    """A fenced block: where it begins, what stands behind the backticks, and what is in it."""

    page: Path
    line: int
    kind: str
    text: str


def blocks_in(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    kind, begun, lines = None, 0, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            if kind is not None:
                yield Block(page, begun, kind, "\n".join(lines))
            kind, begun, lines = (line[3:].strip() if kind is None else None), number, []
        elif kind is not None:
            lines.append(line)
    assert kind is None, f"{page.name}:{begun}: a block that does not end"


BLOCKS = [block for page in PAGES for block in blocks_in(page)]


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def commands_in(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell's lines, each as its words."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars="&|;<>()")
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if word in ("&&", "&", ";"):
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def name_of(place: Path | Block, command: Sequence[str]) -> str:
    where = f"{place.page.name}:{place.line}" if isinstance(place, Block) else place.name
    return f"{where}: {' '.join(command)}"


FENCED = {
    name_of(block, command): command
    for block in BLOCKS
    if block.kind.startswith("sh")
    for command in commands_in(block.text)
}
MENTIONED = {
    name_of(page, command): command
    for page in PAGES
    for code in re.findall(r"`([^`\n]+)`", prose_of(page))
    if re.match(MENTION, code)
    for command in commands_in(code)
}


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(b, id=f"{b.page.name}:{b.line}") for b in BLOCKS if b.kind == kind]


# What each program may be told. A check fails, or raises what the program itself raises.


def check_make(words: list[str]) -> None:
    assert words and not any(word.startswith("-") for word in words)
    subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True, timeout=20)


def check_rtl(words: list[str]) -> None:
    check_parameters(rtl_commands()[words[0]].make_context(words[0], words[1:]).params)


@cache
def rtl_commands() -> dict[str, Any]:
    import typer

    from flows.command_line.app import app

    return typer.main.get_command(app).commands


def check_parameters(told: dict[str, Any]) -> None:
    """Check what a command of ours was told, beyond that it understood it."""
    from pydantic import TypeAdapter

    from flows.parameters import Runner

    for problem in told.get("problems") or [name for name in [told.get("problem")] if name]:
        check_section(problem)
    if "runner" in told:
        TypeAdapter(Runner).validate_python(told["runner"])


@cache
def sections() -> set[str]:
    own = {key for block in BLOCKS if block.kind == "yaml" for key in yaml.safe_load(block.text)}
    own |= {*yaml.safe_load((ROOT / "flows/command_line/project_files/params.yaml").read_text())}
    return {*yaml.safe_load((ROOT / "params.yaml").read_text()), *own} - {"problems"}


def check_section(name: str) -> None:
    assert name in sections() or PLACEHOLDER.fullmatch(name), f"params.yaml has no section {name}"


def check_dvc(words: list[str]) -> None:
    try:
        told = dvc_parser().parse_args(words)
    except BaseException as problem:  # of DVC's own
        raise AssertionError(f"dvc does not understand {' '.join(words)}") from problem
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for target in getattr(told, "targets", None) or []:
        stage, _, problem = target.partition("@")
        assert stage in stages, f"dvc.yaml has no stage {stage}"
        check_section(problem)
    for override in getattr(told, "set_param", None) or []:
        check_override(override, getattr(told, "queue", False))


@cache
def dvc_parser() -> Any:
    from dvc.cli.parser import get_main_parser

    return get_main_parser()


def dvc_commands() -> dict[str, Any]:
    (commands,) = [action.choices for action in dvc_parser()._actions if action.dest == "cmd"]
    return commands


def check_override(override: str, queued: bool) -> None:
    """Check that ``-S`` changes a key that stands in params.yaml, or with a plus sign adds one that may stand there."""
    from dvc.utils.hydra import apply_overrides

    from tasks.settings.problem_settings import problem_settings

    plus, key, values = OVERRIDE.fullmatch(override).groups()
    for value in values.split(",") if queued else [values]:
        shutil.copy(ROOT / "params.yaml", "params.yaml")
        apply_overrides("params.yaml", [f"{plus}{key}={value}"])
        problem_settings(key.partition(".")[0])


def check_prefect(words: list[str]) -> None:
    from prefect.cli._app import _app

    _app.parse_args(words, exit_on_error=False, print_error=False)


def check_mlflow(words: list[str]) -> None:
    import click

    with warnings.catch_warnings(action="ignore"):  # MLflow's own
        from mlflow.cli import cli

    name, command, rest = cli.resolve_command(click.Context(cli), words)
    assert command is not None
    command.make_context(name, rest)


def check_dask(words: list[str]) -> None:
    module = importlib.import_module(f"distributed.cli.dask_{words[0]}")
    told = module.main.make_context(words[0], words[1:]).params
    assert not told["preload_argv"], f"dask {words[0]} has no {told['preload_argv'][0]}"


def check_git(words: list[str]) -> None:
    """Run it in a repository where what the pages name has changed."""
    named = [".dvc/config", "dvc.lock"]
    for name in named:
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, name)
    for command in (["init", "--quiet"], ["add", named[0]], ["commit", "--quiet", "-m", "all"], ["add", *named], words):
        subprocess.run(["git", *AUTHOR, *command], check=True, capture_output=True, timeout=20)


def check_pip(words: list[str]) -> None:
    """Check that what is installed by hand is the package, an extra, or part of one."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    parts = {re.split(r"\W", requirement)[0] for requirements in extras.values() for requirement in requirements}
    assert words[0] == "install" and {*words[1:]} <= {".", *(f".[{extra}]" for extra in extras)} | parts


def check_cd(words: list[str]) -> None:
    """Check that it leads into a folder that the page itself has made."""
    assert len(words) == 1 and any(f"rtl new {words[0]}\n" in block.text for block in BLOCKS)


def check_export(words: list[str]) -> None:
    for word in words:
        check_variable(word.partition("=")[0])


def check_variable(name: str) -> None:
    import mlflow.environment_variables
    import prefect.settings

    ours = [path for package in ("flows", "tasks", "rtl_core") for path in (ROOT / package).rglob("*.py")]
    known = {
        "RTL": lambda: any(f'"{name}"' in path.read_text() for path in ours),
        "PREFECT": lambda: hasattr(prefect.settings, name),
        "MLFLOW": lambda: hasattr(mlflow.environment_variables, name),
        "CUDA": lambda: name == "CUDA_VISIBLE_DEVICES",
    }
    assert known[name.partition("_")[0]](), f"nothing reads {name}"


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": check_make,
    "rtl": check_rtl,
    "cd": check_cd,
    "dvc": check_dvc,
    "prefect": check_prefect,
    "mlflow": check_mlflow,
    "dask": check_dask,
    "git": check_git,
    "pip": check_pip,
    "export": check_export,
}


def check_command(command: Sequence[str]) -> None:
    """Check one simple command, with what is set in front of it."""
    words = list(command)
    while re.match(r"[A-Z_]+=", words[0]):
        check_variable(words.pop(0).partition("=")[0])
    assert words[0] in CHECKS, f"no test knows commands of {words[0]}"
    CHECKS[words[0]](words[1:])


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A folder with the settings and what they name, in which a command may leave something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RTL_DATA", str(tmp_path))
    (tmp_path / "rtl_core").symlink_to(ROOT / "rtl_core")
    return tmp_path


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in FENCED.items()])
def test_a_command_is_one_that_its_program_understands(command, scratch):
    check_command(command)


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in MENTIONED.items()])
def test_so_is_one_that_is_only_mentioned(command, scratch):
    program, *words = command
    if program in ("rtl", "dvc") and len(words) == 1:  # without what it works on
        assert words[0] in {"rtl": rtl_commands, "dvc": dvc_commands}[program]()
    else:
        check_command(command)


@pytest.mark.parametrize(
    "wrong",
    [
        "make dinner", "rtl dance", "rtl info", "rtl info nothing", "rtl bench digits --yaml", "rtl serve digits twice",
        "rtl run pipeline nothing", "rtl run extract digits --runner tcp:somewhere", "python mine.py", "rtl run dance",
        "rtl run extract --seed 3", "rtl new", "cd nowhere", "dvc dance", "dvc repro --fast",
        "dvc repro -f dance@digits",
        "dvc exp run -S digits.retrain.durration=4ep", "dvc exp run -S +digits.training.width=4",
        "dvc exp run --queue -S digits.retrain.duration=4ep,ten", "prefect server start --hos x",
        "prefect dance", "mlflow dance", "mlflow server --hos x", "dask worker tcp://a:1 --nthread 1", "dask dance",
        "git dance", "pip install numpy", "export RTL_STOR=x", "RTL_RUNER=x dvc repro", "curl x", "rtl results | less",
    ],
)  # fmt: skip
def test_the_checks_refuse(wrong, scratch):
    (command,) = commands_in(wrong)
    with pytest.raises(BaseException):  # noqa: B017 — each program's own
        check_command(command)


def test_every_block_says_what_is_in_it():
    assert not [f"{block.page.name}:{block.line}: {block.kind!r}" for block in BLOCKS if block.kind not in KINDS]
    marked = {block.page for block in BLOCKS if block.kind == "sh cluster"}
    assert all("This is an example for a cluster" in prose_of(page) for page in marked)
    prompts = tuple(f"{program} " for program in [*CHECKS, "$", ">", "%"])
    printed = [(block, line) for block in BLOCKS if block.kind == "text" for line in block.text.splitlines()]
    assert not [f"{block.page.name}:{block.line}: {line}" for block, line in printed if line.startswith(prompts)]


@pytest.mark.parametrize("block", of_kind("python"))
def test_a_piece_of_python_runs_word_for_word(block, scratch, capsys):
    (scratch / "piece.py").write_text(block.text)
    runpy.run_path("piece.py")
    assert ("print(" in block.text) == bool(capsys.readouterr().out)


@pytest.mark.parametrize("block", of_kind("yaml"))
def test_a_piece_of_params_yaml_is_valid_there(block, scratch, monkeypatch):
    from tasks.settings.params_file import read_params
    from tasks.settings.problem_settings import problem_settings

    with_example(scratch, monkeypatch)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    piece = yaml.safe_load(block.text)
    chosen = piece.pop("problems", params["problems"])
    for section, settings in piece.items():
        for key, value in settings.items():
            here = params.setdefault(section, {})
            here[key] = {**here[key], **value} if isinstance(here.get(key), dict) else value
    (scratch / "params.yaml").write_text(yaml.safe_dump(params | {"problems": chosen}))
    assert read_params()["problems"] == chosen
    for section in piece:
        problem_settings(section)


def with_example(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the example of an own problem where its page says; the section that goes with it."""
    import rtl_core.problems

    page = [block for block in BLOCKS if block.page.name == "own_problem.md"]
    (code,), (section,) = ([block.text for block in page if block.kind == kind] for kind in ("python", "yaml"))
    (scratch / "beside").mkdir()
    (scratch / "beside/mine.py").write_text(code)
    monkeypatch.setattr(rtl_core.problems, "__path__", [*rtl_core.problems.__path__, str(scratch / "beside")])
    monkeypatch.setitem(sys.modules, "rtl_core.problems.mine", None)  # and none after the test
    del sys.modules["rtl_core.problems.mine"]
    return section


def test_the_example_of_an_own_problem_passes_the_check(scratch, monkeypatch):
    from typer.testing import CliRunner

    from flows.command_line.app import app

    (scratch / "params.yaml").write_text(with_example(scratch, monkeypatch))
    done = CliRunner().invoke(app, ["check", "mine"])
    assert done.exit_code == 0 and "found nothing to change" in done.output, done.output


def links_in(page: Path) -> list[str]:
    """Where a page leads inside the repository: links, pictures, and the targets of links by name."""
    prose = prose_of(page)
    named = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", prose, flags=re.MULTILINE))
    used = set(re.findall(r"\]\[([^]]+)\]", prose))
    assert used == set(named), f"{page}: {used ^ set(named)} has no target, or is not used"
    return [link for link in [*re.findall(r"\]\(([^)\s]+)\)", prose), *named.values()] if "://" not in link]


def anchors_in(page: Path) -> set[str]:
    """The fragments by which the headings of a page are reached."""
    titles = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in [*PAGES, *RESULTS]])
def test_every_link_and_picture_is_there(page):
    for link in links_in(page):
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert ROOT in [target.resolve(), *target.resolve().parents], f"{link} leads out of the repository"
        assert not fragment or fragment in anchors_in(target), f"{link}: no such heading"


def test_every_page_can_be_reached():
    ways = {(page, (page.parent / link.partition("#")[0]).resolve()) for page in PAGES for link in links_in(page)}
    assert not {path.resolve() for path in (ROOT / "docs").iterdir()} - {
        target for page, target in ways if target != page
    }


def test_the_readme_is_short_and_no_line_is_long():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 140
    lines = {f"{page.name}:{n}": line for page in PAGES for n, line in enumerate(page.read_text().splitlines(), 1)}
    assert not [place for place, line in lines.items() if len(line) > 120 and not line.startswith("|")]


def test_the_tree_in_the_readme_is_the_repository():
    (tree,) = (block.text for block in BLOCKS if block.page.name == "README.md" and block.kind == "text")
    above, places = Path(), set()
    for line in tree.splitlines():
        place = Path(line.split()[0])
        above, place = (above, above / place) if line.startswith(" ") else (place, place)
        assert (ROOT / place).exists(), f"{place} is not there"
        places.add(place)
    modules = [path for package in ("flows", "tasks", "rtl_core") for path in ROOT.glob(f"{package}/*/*.py")]
    assert {path.parent.relative_to(ROOT) for path in modules} <= places


def test_files_modules_and_tests_that_are_named_are_there():
    """In code spans: paths, dotted names, and tests."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`", prose_of(page)):
            if re.fullmatch(r"(flows|tasks|rtl_core|tests|docs)/[\w./]*", code):
                assert (ROOT / code).exists(), f"{page.name}: {code} is not there"
            elif found := re.fullmatch(r"((?:flows|tasks|rtl_core)\.[\w.]+)(?::(\w+))?(?:\(.*\))?", code):
                assert resolves(*found.groups()), f"{page.name}: {code} is not there"
            elif found := re.fullmatch(r"(test_\w+)(\[.*\])?", code):
                assert f"def {found[1]}(" in tests, f"{page.name}: {code} is not there"


def resolves(dotted: str, attribute: str | None) -> bool:
    """Whether a name is that of a module, or of something that a module defines."""
    parts = [*dotted.split("."), *([attribute] if attribute else [])]
    if parts[0] == "rtl_core" and parts[1:2] and parts[1] in rtl_core.OFFERED:
        return len(parts) == 2
    for end in (len(parts), len(parts) - 1):
        path = ROOT.joinpath(*parts[:end])
        if path.is_dir() and end == len(parts):
            return True
        if (file := path.with_suffix(".py")).is_file():
            defined = {node.name for node in ast.walk(ast.parse(file.read_text())) if hasattr(node, "name")}
            return end == len(parts) or parts[end] in defined
    return False
