"""Files that were changed at random are read as what they are, or cost one clear line: nothing else happens."""

import json
import os
import pickle
import random
import sys
from collections import Counter

import pytest
import torch
import yaml
from described_tickets import described_as
from drawn_tickets import drawn_tickets
from hostile_tickets import file_of, parts_of, signed
from mutations import mutated_bytes, mutated_tree

from rtl_core.describing import described
from rtl_core.description.about import Usage
from rtl_core.description.architecture import Classifier, ImportedNetwork, Told
from rtl_core.description.decision import Classes, OneVsRest
from rtl_core.description.preprocessing import Arrays, Images
from rtl_core.errors import RtlError, SettingsError, TicketFileError
from rtl_core.masks import Masks
from rtl_core.ticket_file import masks_from_bytes, masks_to_bytes, tickets_from_bytes, tickets_to_bytes
from rtl_core.tickets import Tickets
from rtl_core.use.allowed import check_allowed
from rtl_core.use.tickets_in_use import TicketsInUse
from rtl_core.weights import Layout
from tasks.settings.problem_settings import problem_settings

TICKET_FILES, USED_FILES, PARAMS_FILES = 10_000, 1_000, 2_000
DEEDS = ("os.", "shutil.", "subprocess.", "socket.", "pickle.", "ctypes.dlopen", "webbrowser.")
HARMLESS = {
    "os.listdir",
    "os.scandir",
    "os.walk",
    "os.fwalk",
    "os.listxattr",
    "os.getxattr",
    "os.putenv",
    "os.unsetenv",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
watches: list[list[str]] = []


def _watch(event, arguments):
    if not watches:
        return
    if event == "open":
        path, mode, flags = arguments
        if (mode and set(mode) & set("wax+")) or (flags or 0) & WRITING:
            watches[-1].append(f"{event} {path!r} {mode}")
    elif event.startswith(DEEDS) and event not in HARMLESS:
        watches[-1].append(f"{event} {arguments!r}")


@pytest.fixture(scope="module", autouse=True)
def audit():
    sys.addaudithook(_watch)  # there is no taking it back; it rests where nothing is watched


@pytest.fixture
def deeds(tmp_path, monkeypatch):
    """What was written, started, connected to or unpickled while the test ran in a folder of its own."""

    def unpickled(*_args, **_settings):
        raise AssertionError("a pickle was loaded")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, unpickled)
    monkeypatch.setattr(torch, "load", unpickled)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    watches.append([])
    yield watches[-1]
    watches.pop()


def outcome(call, error, mutation):
    """The message of the one error that is allowed, or nothing; any other error is told with its mutation."""
    try:
        call()
    except error as problem:
        message = str(problem)
        assert len(message.splitlines()) == 1 and message.isprintable(), (mutation, message)
        assert len(message) < 1200, (mutation, message)
        return message
    except BaseException as problem:
        raise AssertionError(f"mutation {mutation}: {type(problem).__name__}: {problem}") from problem
    return ""


@pytest.fixture(scope="module")
def sound():
    """A file of masks, one of tickets alone, one that says what they are for, and one of a single network."""
    layout = Layout(("conv.weight", "deep.weight"), ((2, 1, 2, 2), (3,)))
    masks = Masks(layout, torch.rand(3, 11, generator=torch.Generator().manual_seed(0)) < 0.5)
    statistics = tuple({"mean": torch.full((2,), float(k)), "map": torch.arange(4).byte()} for k in range(3))
    theta = torch.arange(1.0, 12.0) * masks.union()
    tickets = Tickets(("cat", "dog", "eel"), masks, theta, {"bias": torch.ones(2)}, statistics)
    single = Tickets(("all",), masks.select([0]), theta * masks[0], {"bias": torch.ones(2)}, statistics[:1])
    images = Images(channels=1, height=8, width=8, white=16, fitted=False, mean=(4.0,), deviation=(6.0,))
    claims = OneVsRest(outputs={"cat": 0, "dog": 1, "eel": 2}, thresholds={"cat": 0.5})
    network = Classifier(name="small_cnn", arguments={"width": 2}, channels=1, outputs=3)
    code = ImportedNetwork(path="os:system", positional=(), arguments={}, told=Told(layer="0", contexts=3))
    choices = Classes(classes=("a", "b"), among={"cat": (0,), "dog": (1,), "eel": (0, 1)})
    return [
        masks_to_bytes(tickets.subsets, masks),
        tickets_to_bytes(tickets),
        tickets_to_bytes(described_as(tickets, Usage(network, images, claims))),
        tickets_to_bytes(
            described_as(single, Usage(code, Arrays(shape=(3,), dtype="float32"), choices), tickets.subsets)
        ),
    ]


def mutated_ticket_file(sound, draws):
    """Bytes that were changed; or tensors or header that were, under a digest that is right again."""
    data, other = draws.sample(sound, 2)
    kind = draws.randrange(4)
    if kind == 0:
        return mutated_bytes(data, other, draws)
    header, tensors = parts_of(data)
    if kind == 1:
        return signed(mutated_tree(header, draws), tensors)
    if kind == 2:
        for name in draws.sample(sorted(tensors), min(2, len(tensors))):
            tensors |= mutated_tensor(name, tensors.pop(name), draws)
        return signed(header, tensors)
    length = int.from_bytes(data[:8], "little")
    described = mutated_tree(json.loads(data[8 : 8 + length]), draws)
    return file_of(json.dumps(described).encode(), data[8 + length :])


def tickets_in_use(data, name):
    """Everything that is made of a file before a network is: what is not allowed is refused here."""
    tickets = TicketsInUse.of(tickets_from_bytes(data, name), name, device="cpu")
    check_allowed(tickets.about.architecture if tickets.about else None, (), name)
    return tickets.contexts


def mutated_tensor(name, tensor, draws):
    renamed = draws.choice([name, name, name, "masks", "weights", "x", "statistics.mean", "dense.conv.weight"])
    kind = draws.randrange(5)
    if kind == 0:
        tensor = tensor.to(draws.choice([torch.uint8, torch.float32, torch.float64, torch.bfloat16, torch.bool]))
    elif kind == 1:
        tensor = tensor.flatten()[: draws.randrange(tensor.numel() + 1)]
    elif kind == 2:
        tensor = torch.randint(0, 256, tensor.shape, generator=torch.Generator().manual_seed(7)).to(tensor.dtype)
    elif kind == 3:
        return {}
    return {renamed: tensor}


@pytest.mark.slow
def test_ten_thousand_ticket_files(sound, deeds):
    draws = random.Random(0)
    found = Counter()
    for number in range(TICKET_FILES):
        data = mutated_ticket_file(sound, draws)
        read = draws.choice([masks_from_bytes, tickets_in_use, tickets_in_use])
        message = outcome(lambda read=read, data=data: read(data, "file"), TicketFileError, number)
        assert not message or message.startswith("file: ")
        found[message.split("(")[0][:30]] += 1
    assert deeds == []
    assert 100 < found[""] < TICKET_FILES // 2  # changes that leave a sound file, as another name or weight does
    assert len(found) > 20 and found["file: the content does not mat"] < TICKET_FILES // 2, found


def test_a_thousand_files_that_say_other_things_of_sound_tickets(digits, deeds):
    tickets = drawn_tickets(digits)
    header, tensors = parts_of(tickets_to_bytes(described(tickets, digits, "rtl", 0.5, 0, [])))
    images, draws, found = torch.zeros(2, 1, 8, 8).byte(), random.Random(0), Counter()

    def predict(data):
        used = TicketsInUse.of(tickets_from_bytes(data, "file"), "file", device="cpu")
        assert len(used.predict(images, used.contexts[0]).contexts) == 2

    predict(signed(header, tensors))
    for number in range(USED_FILES):
        data = signed({**header, "about": mutated_tree(header["about"], draws)}, tensors)
        message = outcome(lambda data=data: predict(data), RtlError, number)
        found[message.split("(")[0][:60]] += 1
    assert deeds == []
    assert 10 < found[""] < USED_FILES // 2 and len(found) > 20, found


def blocks_of(text):
    """Some sections of params.yaml, each alone, below the list of problems, rewritten."""
    head, *sections = text.split("\n\n")[1:]
    assert head == "problems: [digits, photographs]"
    named = {section.partition(":")[0]: section for section in sections}
    chosen = ["digits", "cifar10_quick", "images", "image_regions", "speech_scenes"]
    return {name: f"problems: [{name}]\n\n{named[name]}" for name in chosen}


def mutated_params(blocks, draws):
    name, other = draws.sample(sorted(blocks), 2)
    if draws.randrange(2):
        return name, mutated_bytes(blocks[name].encode(), blocks[other].encode(), draws)
    tree = yaml.load(blocks[name], yaml.CSafeLoader)
    if draws.randrange(4):
        tree[name] = mutated_tree(tree[name], draws)
    else:
        tree = mutated_tree(tree, draws)
    return name, yaml.dump(tree, Dumper=yaml.CSafeDumper, allow_unicode=True).encode()


@pytest.mark.slow
def test_two_thousand_params_files(repository, tmp_path, deeds):
    (tmp_path / "rtl_core").symlink_to(repository / "rtl_core")  # files that sections name
    blocks = blocks_of((repository / "params.yaml").read_text())
    for name, text in blocks.items():
        (tmp_path / "params.yaml").write_text(text)
        problem_settings(name)  # imports what sections name, before anything is watched
    draws = random.Random(0)
    found = Counter()
    with (tmp_path / "params.yaml").open("r+b", buffering=0) as file:  # opening it each time takes longest
        for number in range(PARAMS_FILES):
            name, content = mutated_params(blocks, draws)
            file.seek(0)
            file.truncate(file.write(content))
            deeds.clear()
            message = outcome(lambda name=name: problem_settings(name), SettingsError, (number, content[:3000]))
            assert deeds == []
            assert not message or "params.yaml" in message
            found[message[:30]] += 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "rtl_core"]
    assert 100 < found[""] < PARAMS_FILES // 2 and len(found) > 50, found


def test_the_watch_sees_what_it_is_to_see(tmp_path, deeds):
    (tmp_path / "x").write_text("x")
    os.mkdir("y")
    assert [line.split()[0] for line in deeds] == ["open", "os.mkdir"]
    with pytest.raises(AssertionError, match="a pickle was loaded"):
        pickle.loads(b"")  # noqa: S301
