"""What answers over a wire: numbers as JSON has them, one ticket file or K, and which context stands for none."""

from dataclasses import replace

import pytest
import torch
from drawn_tickets import STREAM, drawn_tickets
from small_contexts import NAMES, regression, tensors

from rtl_core import load, save
from rtl_core.construction import networks_of
from rtl_core.describing import described
from rtl_core.errors import DataError, SettingsError, TicketFileError
from rtl_core.one_network import as_one_network, scored_subsets
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.routing.routed import fitted, is_offered
from rtl_core.scoring import complete_scores
from rtl_core.serving import Serving

ALLOWED = ["small_contexts:mlp"]


def file_of(problem, path, tickets=None, method="rtl"):
    tickets = tickets or drawn_tickets(problem)
    networks = networks_of(problem, [tickets], STREAM)
    scores = complete_scores(problem.score(networks), scored_subsets(problem))
    numbers = fitted(problem, networks).numbers if len(networks) > 1 and is_offered(problem) else None
    save(described(tickets, problem, method, 0.5, 0, scores, routing=numbers), path)
    return path


@pytest.fixture(scope="module")
def served(digits, tmp_path_factory):
    return Serving.of_files([file_of(digits, tmp_path_factory.mktemp("served") / "t.safetensors")], "model")


def test_whole_numbers_may_come_as_float64_and_fractions_may_not(served):
    images = torch.randint(17, (3, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    answer = served.answer(images.double().numpy(), "digit 3")
    assert torch.equal(answer.probabilities, served.sets[0].predict(images, "digit 3").probabilities)
    for spoilt, line in ((0.5, "found .3, 1, 8, 8. float64"), (float("nan"), "not finite in example 0"), (-1, "int64")):
        with pytest.raises(DataError, match=line):
            served.answer(images.double().index_fill(0, torch.tensor([0]), spoilt).numpy(), "digit 3")


def test_a_context_is_named_where_tickets_differ(served, digits, tmp_path):
    assert served.default is None and served.contexts == digits.subsets
    for context in (None, "cat"):
        with pytest.raises(SettingsError, match="allowed: digit 0, digit 1"):
            served.answer(served.example(), context)
    one = Serving.of_files([file_of(as_one_network(digits), tmp_path / "one.safetensors", method="imp_single")], "one")
    assert one.default == "digit 0" and one.answer(one.example()).contexts == ("digit 0",)


def test_a_context_is_told_where_the_file_knows_how(served, digits, tmp_path):
    images = torch.randint(17, (3, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    for together in (False, True):
        answer = served.answer(images.double().numpy(), "auto", together)
        assert answer.rows() == served.sets[0].predict(images, "auto", together=together).rows()
        assert all(0.1 <= row["posterior"] <= 1 for row in answer.rows())
    with pytest.raises(SettingsError, match="together: found with a context that is given; allowed: with 'auto'"):
        served.answer(images.double().numpy(), "digit 3", True)
    one = Serving.of_files([file_of(as_one_network(digits), tmp_path / "one.safetensors", method="imp_single")], "one")
    with pytest.raises(SettingsError, match="found 'auto', but one has no numbers to tell it by; allowed: digit 0, "):
        one.answer(one.example(), "auto")


def test_each_of_k_files_serves_its_own_context(tmp_path):
    problem = regression()
    together = drawn_tickets(problem)
    paths = []
    for k, name in enumerate(NAMES):
        masks, weights = together.masks.select([k]), together.weights * together.masks[k]
        alone = replace(together, subsets=(name,), masks=masks, weights=weights, statistics=together.statistics[k:][:1])
        save(described(alone, problem, "imp_multiple", 0.5, 0, []), tmp_path / f"{k}.safetensors")
        paths.append(tmp_path / f"{k}.safetensors")
    serving, (inputs, _) = Serving.of_files(paths, "model", ALLOWED), tensors(4)
    assert serving.contexts == NAMES and serving.default is None
    for name, path in zip(NAMES, paths, strict=True):
        assert torch.equal(serving.answer(inputs.double(), name).values, load(path, ALLOWED).predict(inputs).values)
    with pytest.raises(TicketFileError, match="code that is not ours"):
        Serving.of_files(paths, "model")


def test_files_that_do_not_say_how_they_are_used_are_refused(digits, tmp_path):
    save(drawn_tickets(digits), tmp_path / "bare.safetensors")
    with pytest.raises(TicketFileError, match="does not say what its input is"):
        Serving.of_files([tmp_path / "bare.safetensors"], "model")


def test_an_example_of_an_image_and_of_sound_is_answered(tmp_path):
    ImageRegions.partition(tmp_path / "image", longest_side=24, num_regions=3)
    painted = Serving.of_files([file_of(ImageRegions(tmp_path / "image/china", device="cpu"), tmp_path / "i")], "model")
    assert painted.answer(painted.example(), painted.contexts[0]).values.shape == (1, 3)
    (tmp_path / "sound").mkdir()
    SpeechScenes.partition(tmp_path / "sound", seconds=0.5, mixtures=[2, 2, 2])
    problem = SpeechScenes(tmp_path / "sound", device="cpu", perceptual=[])
    heard = Serving.of_files([file_of(problem, tmp_path / "s")], "model")
    values = heard.answer(heard.example(), heard.contexts[0]).values
    assert values.shape == heard.example().shape and values.isfinite().all()
