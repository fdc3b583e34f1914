import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
import torch

from rtl_core.errors import DataError
from rtl_core.semantics import wordnet
from rtl_core.semantics.matrix import read_semantics
from rtl_core.semantics.wordnet_nouns import FILES

CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
VEHICLES = ["airplane", "automobile", "ship", "truck"]
ANIMALS = [name for name in CIFAR10 if name not in VEHICLES]
LIKENESS = ",a,b,c\na,1,0.2,0.3\nb,0.2,1,0.4\nc,0.3,0.4,1\n"


@pytest.fixture
def debian() -> Path:
    """The folder of WordNet's files."""
    if not (wordnet.DEBIAN / "data.noun").is_file():
        pytest.skip(f"WordNet's files are not in {wordnet.DEBIAN} (apt-get install wordnet-base)")
    return wordnet.DEBIAN


def write(folder: Path, text: str) -> Path:
    path = folder / "likeness.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_kept_table_is_symmetric_with_a_unit_diagonal():
    matrix = read_semantics(wordnet.TABLE, CIFAR10)
    assert matrix.dtype == torch.float64
    assert matrix.shape == (10, 10)
    assert torch.equal(matrix, matrix.T)
    assert torch.equal(matrix.diagonal(), torch.ones(10, dtype=torch.float64))
    assert ((matrix > 0) & (matrix <= 1)).all()


@pytest.mark.parametrize(
    ("one", "other", "edges"),
    [
        ("automobile", "truck", 2),  # car – motor vehicle – truck
        ("bird", "frog", 3),  # bird – vertebrate – amphibian – frog
        ("cat", "dog", 4),  # cat – feline – carnivore – canine – dog
        ("airplane", "ship", 5),  # airplane – heavier-than-air craft – aircraft – craft – vessel – ship
        ("deer", "horse", 6),  # deer – ruminant – even-toed – ungulate – odd-toed – equine – horse
        ("airplane", "deer", 19),  # eight up to 'whole', eleven down
    ],
)
def test_similarities_counted_by_hand(one, other, edges):
    assert read_semantics(wordnet.TABLE, [one, other])[0, 1] == pytest.approx(1 / (1 + edges), abs=5e-7)


def test_animals_are_closer_to_each_other_than_to_vehicles():
    matrix = read_semantics(wordnet.TABLE, ANIMALS + VEHICLES)
    among = torch.stack([matrix[i, j] for i, j in combinations(range(len(ANIMALS)), 2)])
    assert among.min() > matrix[: len(ANIMALS), len(ANIMALS) :].max()


def test_the_order_is_that_of_the_subsets(tmp_path):
    found = read_semantics(write(tmp_path, LIKENESS), ["c", "a"])
    assert found.tolist() == [[1, 0.3], [0.3, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 row(s) under 0 name(s); allowed: a square matrix"),
        (LIKENESS.rsplit("c,", 1)[0], "2 row(s) under 3 name(s); allowed: a square matrix"),
        (LIKENESS.replace("0.4,1", "0.4"), "row c has 2 value(s); allowed: 3, a square matrix"),
        (LIKENESS.replace("0.4,1", "0.4,1,1"), "row c has 4 value(s); allowed: 3, a square matrix"),
        (LIKENESS.replace("\nc,", "\nd,"), "found row 'd'; allowed: 'c', as the rows repeat the header's order"),
        (LIKENESS.replace("c", "b"), "a name stands twice in a, b, b; allowed: different names"),
        (LIKENESS.replace("a,1", "a,one"), "a, a is 'one'; allowed: a finite number"),
        (LIKENESS.replace("a,1", "a,nan"), "a, a is 'nan'; allowed: a finite number"),
        (LIKENESS.replace("c,0.3", "c,0.31"), "a, c is 0.3 but c, a is 0.31; allowed: a symmetric matrix"),
        (LIKENESS.replace("c", "cc"), "no row for subset 'c'; found a, b, cc; allowed: one per subset"),
        ('"a', "not a CSV (unexpected end of data); allowed: a CSV of similarities in UTF-8"),
    ],
)
def test_what_is_no_table_of_the_subsets_is_one_clear_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(DataError) as raised:
        read_semantics(path, ["a", "b", "c"])
    assert str(raised.value) == f"{path}: {message}"


def test_a_missing_file_and_one_that_is_no_text_are_one_clear_line(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv: not readable \(No such file or directory\); allowed: a CSV"):
        read_semantics(tmp_path / "absent.csv", ["a"])
    (tmp_path / "image").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match=r"^.*image: not a CSV \(.*\); allowed: a CSV of similarities in UTF-8$"):
        read_semantics(tmp_path / "image", ["a"])


def test_generating_the_table_again_gives_the_same_bytes(repository, tmp_path, debian):
    out = tmp_path / "cifar10.csv"
    command = [sys.executable, "-W", "error", "-m", "rtl_core.semantics.wordnet", str(debian), "--out", str(out)]
    ran = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert out.read_bytes() == wordnet.TABLE.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_the_senses_are_checked_by_their_glosses(tmp_path, capsys, monkeypatch, debian):
    monkeypatch.setitem(wordnet.SENSES, "cat", ("guy", "feline mammal"))
    assert wordnet.main([str(debian), "--out", str(tmp_path / "out.csv")]) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"{debian}: guy is 'an informal term for a youth or man")
    assert line.endswith("allowed: WordNet 3.0's 'feline mammal'\n") and line.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", FILES)
def test_a_folder_without_a_file_of_wordnet_is_one_clear_line(tmp_path, capsys, missing):
    for name in {*FILES} - {missing}:
        (tmp_path / name).touch()
    before = sorted(tmp_path.iterdir())
    assert wordnet.main([str(tmp_path), "--out", str(tmp_path / "out.csv")]) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"{tmp_path}: no readable index.noun and data.noun (No such file or directory); allowed: ")
    assert "apt-get install wordnet-base" in line
    assert line.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_files_that_are_not_wordnets_are_one_clear_line(tmp_path, capsys):
    for name in FILES:
        (tmp_path / name).touch()
    assert wordnet.main([str(tmp_path), "--out", str(tmp_path / "out.csv")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}: no noun 'airplane'; allowed: WordNet 3.0's files\n"
