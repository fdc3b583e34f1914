import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from rtl_core.errors import DataError
from rtl_core.problems.images import class_features
from rtl_core.problems.images.class_clusters import TABLES, ClassClusters, class_clusters, source_of
from rtl_core.problems.images.labelled_images import LabelledImages
from rtl_core.semantics.name_clusters import name_clusters
from rtl_core.semantics.name_encoding import DEBIAN, encode_names
from rtl_core.semantics.wordnet_nouns import WordNetNouns

with TABLES["superclass"].open() as file:
    CIFAR100 = sorted(row["class"] for row in csv.DictReader(file))
PAPER_SIZES = {
    "aquatic animals": 9,
    "people & objects": 28,
    "mammals": 22,
    "reptiles & insects": 15,
    "vehicles": 8,
    "natural scenes": 9,
    "fruits": 4,
    "flowers": 5,
}
NO_IMAGES = LabelledImages(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
PROGRAM = """
import json, sys, warnings
import numba
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ImportWarning)
    from umap import umap_, utils
from rtl_core.semantics.name_clusters import name_clusters
from rtl_core.semantics.name_encoding import encode_names

numba.config.CACHE_DIR = sys.argv[1]
for function in (utils.fast_knn_indices, umap_.smooth_knn_dist, umap_.compute_membership_strengths):
    function.enable_caching()
print(json.dumps(name_clusters(encode_names(json.loads(sys.argv[2]), "wordnet"), 8)[1].tolist()))
assert not utils.fast_knn_indices.stats.cache_misses
"""
needs_wordnet = pytest.mark.skipif(
    not Path(DEBIAN, "data.noun").is_file(),
    reason=f"no WordNet in {DEBIAN} (apt-get install wordnet-base)",
)


def clusters_of(how, classes=CIFAR100, data=NO_IMAGES, num_clusters=8, encoder="wordnet", seed=0) -> ClassClusters:
    return class_clusters(how, data, classes, num_clusters=num_clusters, encoder=encoder, seed=seed)


def sizes_of(clusters):
    return {clusters.names[k]: count for k, count in Counter(clusters.of_class).items()}


def adjusted_rand(a, b):
    return adjusted_rand_score(a.of_class, b.of_class)


def check(clusters, classes=CIFAR100):
    """Every class is in one cluster, every cluster has a class, and names differ."""
    assert len(clusters.of_class) == len(classes)
    assert set(clusters.of_class) == set(range(len(clusters.names)))
    assert len(set(clusters.names)) == len(clusters.names)
    assert "mean" not in clusters.names


@pytest.fixture(scope="module")
def by_text() -> ClassClusters:
    return clusters_of("text")


@pytest.fixture(scope="module")
def compiled(by_text, tmp_path_factory):
    """A folder with what takes numba seconds to compile, and UMAP does not keep."""
    import numba
    from umap import umap_, utils

    folder = tmp_path_factory.mktemp("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "CACHE_DIR", str(folder))
        for function in (utils.fast_knn_indices, umap_.smooth_knn_dist, umap_.compute_membership_strengths):
            function.enable_caching()
            for signature, code in function.overloads.items():
                function._cache.save_overload(signature, code)
    return folder


@pytest.fixture(scope="module")
def digit_images():
    from sklearn.datasets import load_digits

    source = load_digits()
    images = torch.from_numpy(source.images).to(torch.uint8).unsqueeze(1)
    return LabelledImages(images, torch.from_numpy(source.target)), [f"digit {k}" for k in range(10)]


@pytest.fixture(scope="module")
def photographs():
    if not (root := os.environ.get("RTL_DATA")):
        pytest.skip("RTL_DATA is not set")
    with np.load(Path(root, "cifar100/test.npz")) as arrays:
        images, labels = arrays["images"][::5], arrays["labels"][::5]
        classes = [str(name) for name in arrays["classes"]]
    return LabelledImages(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels).long()), classes


@pytest.fixture
def briefly(monkeypatch):
    monkeypatch.setattr(class_features, "STEPS", 20)


@pytest.mark.parametrize("how", ["paper", "superclass", "random", "shuffled"])
def test_each_class_is_in_one_cluster(how):
    check(clusters_of(how))


def test_the_papers_clusters_have_the_papers_sizes():
    assert sizes_of(clusters_of("paper")) == PAPER_SIZES


def test_there_are_twenty_superclasses_of_five():
    assert sorted(sizes_of(clusters_of("superclass")).values()) == [5] * 20


def test_the_tables_are_of_the_classes_that_the_data_have(photographs):
    _, classes = photographs
    assert classes == CIFAR100
    check(clusters_of("paper", classes), classes)


def test_chance_deals_equal_sizes_by_seed():
    one, again, other = (clusters_of("random", seed=seed) for seed in (0, 0, 1))
    assert sorted(sizes_of(one).values()) == [12] * 4 + [13] * 4
    assert one == again
    assert one.of_class != other.of_class
    assert abs(adjusted_rand(one, other)) < 0.1


def test_chance_can_have_the_papers_sizes():
    paper, shuffled = clusters_of("paper"), clusters_of("shuffled")
    assert sorted(sizes_of(shuffled).values()) == sorted(PAPER_SIZES.values())
    assert abs(adjusted_rand(paper, shuffled)) < 0.1


@pytest.mark.slow
@needs_wordnet
def test_meaning_agrees_with_the_paper_beyond_chance(by_text):
    check(by_text)
    assert 5 <= len(by_text.names) <= 11
    by_chance = [adjusted_rand(clusters_of("shuffled", seed=seed), clusters_of("paper")) for seed in range(20)]
    assert adjusted_rand(by_text, clusters_of("paper")) > max(0.2, *by_chance)


@pytest.mark.slow
@needs_wordnet
def test_clusters_by_meaning_are_named_by_three_of_their_classes(by_text):
    for k, name in enumerate(by_text.names):
        members = {CIFAR100[c].replace("_", " ") for c, found in enumerate(by_text.of_class) if found == k}
        assert len(name.split(", ")) == min(3, len(members))
        assert set(name.split(", ")) <= members


@pytest.mark.slow
@needs_wordnet
def test_meaning_gives_the_same_clusters_in_another_process_on_other_threads(by_text, compiled, repository):
    assert clusters_of("text", seed=7) == by_text
    threads = {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(compiled), json.dumps(CIFAR100)]
    done = subprocess.run(command, cwd=repository, env=os.environ | threads, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    order = {label: k for k, label in enumerate(dict.fromkeys(found))}
    assert tuple(order[label] for label in found) == by_text.of_class


@pytest.mark.slow
def test_clusters_of_vectors_are_those_that_lie_together():
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 4
    places, labels = name_clusters(np.eye(4, 20)[truth] + 0.05 * rng.standard_normal((60, 20)), 4)
    assert places.shape == (60, 5)
    assert adjusted_rand(ClassClusters((), tuple(labels)), ClassClusters((), tuple(truth))) == 1


@needs_wordnet
def test_meanings_are_read_from_wordnet(tmp_path):
    nouns = WordNetNouns(Path(DEBIAN))
    (dog, *_), (animal, *_), (cat, *_) = (nouns.meanings(name) for name in ("dog", "Animal", "cat"))
    assert animal in nouns.kinds(dog).keys() & nouns.kinds(cat).keys()
    assert dog not in nouns.kinds(animal)
    assert len(nouns.meanings("dog")) == 7
    assert nouns.meanings("oak tree") == nouns.meanings("oak")[-1:]
    assert nouns.meanings("aquarium_fish") == nouns.meanings("fish") == nouns.meanings("fishes")
    assert nouns.meanings("qwxyz") == []
    with pytest.raises(DataError, match=r"^partition\.encoder: 'wordnet' has no noun 'qwxyz'; allowed: classes named"):
        encode_names(["dog", "qwxyz"], "wordnet")


def test_wordnet_that_is_missing_or_damaged_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    with pytest.raises(DataError, match=r"no readable index\.noun and data\.noun \(No such file .*wordnet-base'"):
        clusters_of("text")
    (tmp_path / "index.noun").write_text("dog n 1 0 1 0 00000123  \ncat n x  \n")
    (tmp_path / "data.noun").write_text("nothing of the kind\n")
    with pytest.raises(DataError, match=r"data\.noun: no line of WordNet's at byte 123$"):
        encode_names(["dog"], "wordnet")
    with pytest.raises(DataError, match=r"index\.noun: no line of WordNet's for 'cat'$"):
        encode_names(["cat"], "wordnet")


def test_an_encoder_that_is_not_there_is_one_clear_line(tmp_path):
    missing = str(tmp_path / "no-model")
    with pytest.raises(DataError, match=r"^partition\.encoder: '.*no-model' needs .*; allowed: wordnet, or a model"):
        clusters_of("text", encoder=missing)


def test_meaning_needs_ten_classes():
    with pytest.raises(DataError, match=r"^partition\.clusters: 'text' found 3 classes; allowed: 10 or more"):
        name_clusters(np.eye(3), 2)


def test_looks_give_as_many_clusters_as_asked_for(digit_images, briefly):
    data, classes = digit_images
    for count in (2, 4):
        found = clusters_of("visual", classes, data, num_clusters=count)
        check(found, classes)
        assert len(found.names) == count


def test_looks_give_the_same_clusters_on_any_number_of_threads(digit_images, briefly):
    data, classes = digit_images
    one = class_features.class_features(data, len(classes), 0)
    torch.set_num_threads(2)
    two = class_features.class_features(data, len(classes), 0)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != class_features.class_features(data, len(classes), 1).tobytes()


def test_looks_cluster_photographs(photographs, monkeypatch):
    monkeypatch.setattr(class_features, "STEPS", 20)
    data, classes = photographs
    found = clusters_of("visual", classes, data)
    check(found)
    assert len(found.names) == 8


def test_large_images_are_averaged_down():
    images = torch.arange(2 * 3 * 64 * 96).reshape(2, 3, 64, 96).remainder(251).to(torch.uint8)
    assert class_features._small(images).shape == (2, 3, 32, 32)
    assert torch.equal(class_features._small(images[..., :32, :32]), images[..., :32, :32])


ROWS = "class,cluster\na,one\nb,one\nc,two\n"


def test_a_users_own_file_gives_its_clusters_in_its_order(tmp_path, monkeypatch):
    (tmp_path / "own.csv").write_text("class,cluster\nc,two\n\na,one\nb, one \n")
    monkeypatch.setenv("CLUSTERS", str(tmp_path))
    assert clusters_of("$CLUSTERS/own.csv", ["a", "b", "c"]) == ClassClusters(("two", "one"), (1, 1, 0))
    assert source_of("$CLUSTERS/own.csv") == [tmp_path / "own.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found the columns ''; allowed: a CSV file in UTF-8 with the columns class,cluster"),
        (ROWS.replace("class,", "name,"), "found the columns 'name,cluster'; allowed: a CSV file in UTF-8 with the"),
        (ROWS.replace("b,one", "b"), "line 3 has 1 value(s); allowed: 2, a class and its cluster"),
        (ROWS.replace("b,one\n", ""), "no row for class 'b' (1 missed); allowed: one for each class"),
        (ROWS + "a,two\n", "line 5 has class 'a' again; allowed: one row for each class"),
        (ROWS + "d,two\n", "line 5 has class 'd'; allowed: a, b, c"),
        (ROWS.replace("two", " "), "line 4 has cluster ''; allowed: a name other than 'mean'"),
        (ROWS.replace("two", "mean"), "line 4 has cluster 'mean'; allowed: a name other than 'mean'"),
        (ROWS.replace("two", "one"), "found one cluster, 'one'; allowed: two or more"),
        (ROWS + '"', "not a CSV (unexpected end of data); allowed: a CSV file in UTF-8 with the columns class,cluster"),
    ],
)
def test_a_file_that_does_not_fit_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(DataError) as raised:
        clusters_of(str(path), ["a", "b", "c"])
    assert str(raised.value).startswith(f"{path}: {message}")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_missing_a_folder_or_no_text_is_one_clear_line(tmp_path):
    for ask in (clusters_of, source_of):
        with pytest.raises(DataError, match=r"^partition\.clusters: .*absent\.csv not found; allowed: paper, super"):
            ask(str(tmp_path / "absent.csv"))
    with pytest.raises(DataError, match=r"not readable \(Is a directory\); allowed: a CSV file in UTF-8"):
        clusters_of(str(tmp_path))
    (tmp_path / "latin.csv").write_bytes("class,cluster\na,Pläne\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.csv: not a CSV \(.*\); allowed: a CSV file in UTF-8"):
        clusters_of(str(tmp_path / "latin.csv"))
    with pytest.raises(DataError, match=r"^partition\.clusters has '\$ABSENT/own.csv', but that environment variable"):
        clusters_of("$ABSENT/own.csv")


def test_the_papers_clusters_of_other_classes_are_one_clear_line():
    with pytest.raises(DataError, match=r"cifar100_paper_clusters\.csv: line 2 has class 'aquarium_fish'; allowed: "):
        clusters_of("paper", ["cat", "dog"])


@pytest.mark.parametrize("how", ["text", "visual", "random"])
@pytest.mark.parametrize("count", [1, 101])
def test_more_clusters_than_classes_or_only_one_is_one_clear_line(how, count):
    with pytest.raises(DataError, match=rf"^partition\.num_clusters: found {count}; allowed: 2 to 100, the number"):
        clusters_of(how, num_clusters=count)


def test_tables_and_what_names_mean_are_read_from_files(tmp_path):
    assert source_of("visual") == source_of("random") == []
    assert [path.name for path in source_of("text")] == ["index.noun", "data.noun"]
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert source_of("text", str(tmp_path)) == [tmp_path / "model.safetensors"]
    assert source_of("text", "all-MiniLM-L6-v2") == []
    assert source_of("paper") == [TABLES["paper"]]
