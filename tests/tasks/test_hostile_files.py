"""A file made to do harm costs one line, and neither memory nor a program run."""

import hashlib
import io
import itertools
import json
import os
import pickle
import re
import shutil
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hostile_tickets import file_of, packed, packed_floats, parts_of, signed
from PIL import Image
from safetensors.torch import save_file
from torchvision import datasets

from rtl_core.errors import DataError, RtlError, SettingsError, TicketFileError
from rtl_core.networks.coordinate_mlp import CoordinateMLP
from rtl_core.problems.cifar import read_npz, read_torchvision
from rtl_core.problems.image_folder import ImageFolder, read_image_folder
from rtl_core.problems.images.image_file import open_image
from rtl_core.problems.images.stored_images import FILE, load_images
from rtl_core.problems.regions.folders import folder_files
from rtl_core.problems.speech.audio_file import facts_of
from rtl_core.problems.speech.mixtures import Recording, groups_of
from rtl_core.ticket_file import masks_from_bytes, tickets_from_bytes
from rtl_core.use.painting import painted as painted_image
from rtl_core.use.tickets_in_use import TicketsInUse
from rtl_core.valid_problem import check_problem
from tasks.artefacts.publishing import publish_files
from tasks.jobs.left_out import read_left_out
from tasks.settings.params_file import read_params
from tasks.settings.problem_settings import problem_settings

MB = 1 << 20


def line_of(error: type[RtlError], call, *arguments, memory: int = 32 * MB) -> str:
    """The one line that a call costs, having taken up no more than so many bytes at a time."""
    tracemalloc.start()
    try:
        with pytest.raises(error) as raised:
            call(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(raised.value)
    assert len(message.splitlines()) == 1 and len(message) < 1000, message
    assert peak < memory, f"{peak} bytes for {message}"
    return message


HEADER = {"format": "rtl-tickets/2", "subsets": ["a", "b"], "prunable": [["w", [3, 3]]], "like": [0, 1]}
TENSORS = {
    "masks": packed(bytes([255, 1, 255, 0, 255, 1])),  # the union, then each of the two over it
    "weights": packed_floats(torch.arange(9.0)),
    "dense.bias": torch.ones(2),
    "statistics.mean": torch.tensor([[0.0, 0.0], [1.0, 1.0]]),
}


def test_the_ticket_file_that_others_are_made_from_is_sound():
    data = signed(HEADER, TENSORS)
    assert tickets_from_bytes(data, "x").masks.active().tolist() == [8, 9]
    header, tensors = parts_of(data)
    assert signed(header, tensors) == data


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"format": 1}, "header 'format': "),
        ({"format": "x" * 5000}, "found format 'xxx"),
        ({"format": "rtl-masks/1"}, "found format 'rtl-masks/1', expected 'rtl-tickets/2'"),
        ({"subsets": []}, "header 'subsets': "),
        ({"subsets": ["a", 1]}, "header 'subsets.1': "),
        ({"subsets": ["a", "a"]}, "names a subset twice"),
        ({"subsets": ["a"]}, "like: found 2 numbers; allowed: 1"),
        ({"like": None}, "like: found 0 numbers; allowed: 2"),
        ({"like": [0, 2]}, "masks: found a mask that is told by a later one"),
        ({"like": [-1, 0]}, "masks: found a mask that is told by a later one"),
        ({"like": [0, 1.0]}, "header 'like.1': "),
        ({"about": {}}, "header 'about.architecture': "),
        ({"about": 5}, "header 'about': "),
        ({"prunable": []}, "header 'prunable': "),
        ({"prunable": 5}, "header 'prunable': "),
        ({"prunable": [["w", [9]], ["w", []]]}, "names a prunable tensor twice"),
        ({"prunable": [["w", [-3, -3]]]}, "header 'prunable.0.1.0': "),
        ({"prunable": [["w", [3.0, 3]]]}, "header 'prunable.0.1.0': "),
        ({"prunable": [["w", [float("nan"), 3]]]}, "header "),
        ({"prunable": [["w", [True, 9]]]}, "header 'prunable.0.1.0': "),
        ({"prunable": [["w", ["9"]]]}, "header 'prunable.0.1.0': "),
        ({"prunable": [["w", [2**60]]]}, "header 'prunable.0.1.0': "),
        ({"prunable": [["w", [2**30, 2**30]]]}, "found 2 masks of 1152921504606846976 weights in "),
        ({"prunable": [["w", [1] * 100]]}, "header 'prunable.0.1': "),
        ({"prunable": [["w", [2**40] * 8]] * 5_000}, "names a prunable tensor twice"),
        ({"more": "x"}, "header 'more': "),
        ({"a\nb": "x"}, "header "),
    ],
)  # fmt: skip
def test_a_header_that_lies_under_a_right_digest(changed, line):
    message = line_of(TicketFileError, tickets_from_bytes, signed(HEADER | changed, TENSORS), "some/file")
    assert message.startswith("some/file: ") and line in message


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"masks": None}, "masks: found none; allowed: torch.uint8 ['n']"),
        ({"masks": torch.ones(2)}, "masks: found torch.float32 [2]; allowed"),
        ({"masks": torch.ones(2, 2, dtype=torch.uint8)}, "masks: found torch.uint8 [2, 2]; allowed"),
        ({"masks": torch.ones(9, dtype=torch.uint8)}, "masks: not compressed as it should be"),
        ({"masks": packed(bytes([255, 3, 255, 0, 255, 1]))}, "masks: found a spare bit that is set"),
        ({"masks": packed(bytes([255, 1, 255, 0, 255, 2]))}, "masks: found a spare bit that is set"),
        ({"masks": packed(bytes([255, 1, 255, 0, 255]))}, "masks: found 3 bytes when unpacked; allowed: 4"),
        ({"masks": packed(bytes([255]))}, "masks: found 1 bytes when unpacked; allowed: 2"),
        ({"masks": packed(bytes(1 << 24))}, "masks: found more than 6 bytes when unpacked"),
        ({"masks": TENSORS["masks"][:-1]}, "masks: found more than 6 bytes when unpacked, or an end that is cut off"),
        ({"masks": torch.cat([TENSORS["masks"], TENSORS["masks"]])}, "masks: found more than 6 bytes"),
        ({"masks": packed(bytes([255, 1, 127, 0, 127, 1]))}, "masks: found a union that is not that of the masks"),
        ({"weights": None}, "weights: found none; allowed: torch.uint8 ['n']"),
        ({"weights": torch.ones(9)}, "weights: found torch.float32 [9]; allowed: torch.uint8 ['n']"),
        ({"weights": torch.ones(9).bfloat16()}, "not a complete ticket file"),
        ({"weights": packed_floats(torch.ones(8))}, "weights: found 32 bytes when unpacked; allowed: 36"),
        ({"weights": packed(bytes(1 << 24))}, "weights: found more than 36 bytes when unpacked"),
        ({"statistics.other": torch.ones(3)}, "statistics.other: found [3]; allowed: [2, …], one a ticket"),
        ({"statistics.mean": torch.tensor(1.0)}, "statistics.mean: found []; allowed: [2, …], one a ticket"),
        ({"unknown.mean": torch.ones(2)}, "holds the tensor 'unknown.mean'"),
        ({"../evil\n": torch.ones(2)}, r"holds the tensor '../evil\n'"),
        ({"buffer.mean": torch.ones(2)}, "its tickets do not have the same buffers"),
    ],
)
def test_tensors_that_do_not_belong_under_a_right_digest(changed, line):
    tensors = {name: value for name, value in (TENSORS | changed).items() if value is not None}
    message = line_of(TicketFileError, tickets_from_bytes, signed(HEADER, tensors), "some/file")
    assert message.startswith("some/file: ") and line in message


def test_a_masks_file_holds_masks_alone():
    tensors = {"masks": torch.tensor([[255, 0], [255, 1]], dtype=torch.uint8), "dense.bias": torch.ones(2)}
    header = HEADER | {"format": "rtl-masks/1"}
    assert "found what tickets have" in line_of(TicketFileError, masks_from_bytes, signed(header, tensors), "x")
    del header["like"]
    data = signed(header, tensors)
    assert "holds the tensor 'dense.bias'; allowed: masks" in line_of(TicketFileError, masks_from_bytes, data, "x")


@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", "[]", '{"a":' * 5000, "9" * 100_000, '"\\ud800"', "[[],", ""])
def test_json_that_is_none_or_nests_without_end(text):
    for header in (f'{{"__metadata__":{{"rtl":{text!r}}}}}', f'{{"__metadata__":{text}}}', text):
        data = file_of(header.replace("'", '"').encode(), b"")
        assert "ticket file" in line_of(TicketFileError, tickets_from_bytes, data, "x")
    assert "ticket file" in line_of(TicketFileError, tickets_from_bytes, struct.pack("<Q", 2**63) + b"{}", "x")


def test_few_bytes_do_not_become_many():
    # each ticket would have a dictionary of all buffers: 3,000 times 3,000 entries
    subsets = [str(k) for k in range(3000)]
    tensors = {"masks": packed(bytes(1)), "weights": packed(b"")}
    tensors |= {f"buffer.{k}": torch.zeros(0) for k in range(3000)}
    header = HEADER | {"subsets": subsets, "prunable": [["w", [1]]], "like": list(range(3000))}
    data = signed(header, tensors)
    assert "found 9000000 buffers; allowed: up to " in line_of(TicketFileError, tickets_from_bytes, data, "x")
    # empty masks of a network of any size, of as many tickets as have a name
    tensors = {"masks": packed(bytes(1 << 20)), "weights": packed(b"")}
    data = signed(header | {"prunable": [["w", [1 << 23]]]}, tensors)
    assert "found 3000 masks of 8388608 weights in " in line_of(TicketFileError, tickets_from_bytes, data, "x")
    # lists in Python take up thirty times what they take up as text
    data = file_of(b'{"__metadata__":{"rtl":"[' + b"[]," * (4 * MB) + b'[]]"}}', b"")
    assert "not a complete" in line_of(TicketFileError, tickets_from_bytes, data, "x", memory=4 * len(data))


def npy(shape, descr="|u1", body=b""):
    """An array file whose header says what it is told to."""
    text = str({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


IMAGES, LABELS, CLASSES = npy((4, 2, 2, 3), body=bytes(48)), npy((4,), body=b"\0\1\0\1"), npy((2,), "|S1", b"ab")


def write_npz(folder, how=zipfile.ZIP_DEFLATED, **changed):
    with zipfile.ZipFile(folder / "train.npz", "w", how) as archive:
        for name, content in ({"images": IMAGES, "labels": LABELS, "classes": CLASSES} | changed).items():
            with archive.open(f"{name}.npy", "w") as file:
                for part in [content] if isinstance(content, bytes) else content:
                    file.write(part)
    return folder / "train.npz"


def zeros(count):
    return itertools.repeat(bytes(MB), count // MB)


def test_the_archive_that_others_are_made_from_is_sound(tmp_path):
    write_npz(tmp_path)
    data, classes = read_npz(tmp_path, "train")
    assert data.images.shape == (4, 3, 2, 2) and len(classes) == 2


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"images": npy((2**60, 32, 32, 3))}, "its header promises"),
        ({"images": npy((2**40, 0, 32, 3))}, "found 1099511627776 images, labels or classes"),
        ({"images": npy((-4, 2, 2, 3), body=bytes(48))}, "no such array is read"),
        ({"images": npy((4, 2, 2, 3), body=bytes(47))}, "its header promises"),
        ({"images": npy((4, 2, 2, 3), body=bytes(49))}, "its header promises"),
        ({"images": npy((1,), "|O", b"cos\nsystem\n(S'touch x'\ntR.")}, "no such array is read"),
        ({"classes": npy((1,), "|O", b"cos\nsystem\n(S'touch x'\ntR.")}, "no such array is read"),
        ({"classes": npy((1,), [("a", "|O")], bytes(8))}, "no such array is read"),
        ({"classes": npy((2,), "<U1", b"\xff" * 8)}, "not readable as images, labels and classes"),
        ({"classes": npy((2,), "<U1", b"\n\0\0\0b\0\0\0")}, r"found the class name '\n'; allowed: printable text"),
        ({"labels": npy((4,), "<f4", bytes(16))}, "labels float32 [4]; expected"),
        ({"labels": npy((2**20 + 1,), body=bytes(2**20 + 1))}, "found 1048577 images, labels or classes"),
        ({"images": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f"}, "not readable as images, labels and classes"),
        ({"images": npy((4, 2, 2, 3), "|u1", bytes(48)).replace(b"False", b"[" * 5)}, "not readable as images"),
        ({"images": npy("x" * 20_000)}, "not readable as images, labels and classes"),
        ({"images": b""}, "not readable as images, labels and classes"),
    ],
)
def test_an_archive_whose_arrays_lie(tmp_path, changed, line):
    path = write_npz(tmp_path, **changed)
    message = line_of(DataError, read_npz, tmp_path, "train")
    assert message.startswith(f"{path}: ") and line in message


def test_a_small_archive_does_not_become_a_large_array(tmp_path):
    count = 2**31
    header = npy((count // 12, 2, 2, 3))
    body = itertools.chain([header], zeros(count // 8))
    path = write_npz(tmp_path, images=body)
    assert "its header promises" in line_of(DataError, read_npz, tmp_path, "train")
    content = path.read_bytes()
    assert len(content) < MB
    for found in re.finditer(re.escape(b"PK\x01\x02"), content):  # the directory now says what the array's header says
        if content[found.start() + 46 :].startswith(b"images"):
            promised = struct.pack("<I", len(header) + count // 12 * 12)
            content = content[: found.start() + 24] + promised + content[found.start() + 28 :]
    path.write_bytes(content)
    message = line_of(DataError, read_npz, tmp_path, "train")
    assert f"and {count // 12 * 12 + 4 + 2} bytes when unpacked; allowed: up to 1048576 and 1073741824" in message


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_without_a_bound_on_what_comes_out(tmp_path, how):
    write_npz(tmp_path, how, images=itertools.chain([npy((2**26,))], zeros(2**26)))
    assert "packed by a method that np.savez does not use" in line_of(DataError, read_npz, tmp_path, "train")


def bomb(levels, joined):
    """Each level of aliases holds the one before it ten times: ten to the power of so many values."""
    lines = ["problems: [x]", "a0: &a0 {k: v}"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n} {joined % ', '.join([f'*a{n - 1}'] * 10)}")
    return "\n".join([*lines, f"x: *a{levels - 1}"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (bomb(9, "[%s]"), "line 3: found the alias 'a0' of a mapping; allowed: settings written out in each section ("),
        (bomb(9, "{<<: [%s]}"), "line 3: found the alias 'a0' of a mapping; allowed: settings written out"),
        ("problems: &a [*a]", "line 1: found the alias 'a' of a list; allowed: settings written out"),
        ("problems: [x]\nx: &a {<<: *a}", "line 2: found the alias 'a' of a mapping; allowed: settings written out"),
        ("problems: [x]\nx: {<<: {seeds: [0]}}", "line 2: found the merge key '<<'; allowed: settings written out"),
        ("problems: &a [x]\nx:\n  seeds: *a", "line 3: found the alias 'a' of a list; allowed: settings written out"),
        (f"problems: [x]\nx: &a {'v' * 99}\ny: *a", "line 3: found the alias 'a' of a long text; allowed: settings"),
        ("problems: " + "[" * 1000, "nested too deeply"),
        ("- " * 1000, "nested too deeply"),
        ("#" * (2**18 + 1), "found more than 262144 bytes"),
        (b"problems: [\xff]", "not valid YAML: 'utf-8' codec"),
        ("problems: [a\0b]", "not valid YAML: unacceptable character"),
        ("", "problems: found None"),
        ("problems: [x]\nx: 1\nx: 2", "line 3: found the key 'x' again; allowed: each key once"),
        ("problems: [x]\nx: {1: 2}", "line 2: found the key '1'; allowed: keys that are text"),
        ("problems: [x]\nx: {? [a] : 2}", "allowed: keys that are text"),
        ('problems: [x]\n"x\\ny": 2', r"line 2: found the key 'x\ny'; allowed: up to 80 printable letters"),
        ("problems: [x]\nx: 2001-02-03", "line 2: found the type 'tag:yaml.org,2002:timestamp'; allowed: text, num"),
        ("problems: [x]\nx: !!binary aGk=", "line 2: found the type 'tag:yaml.org,2002:binary'"),
        ("problems: [x]\nx: !!python/object/apply:os.system [exit]", "line 2: found the type 'tag:yaml.org,2002:pyth"),
        ("problems: [x]\nx: !!int many", "not valid YAML: invalid literal for int()"),
        ("problems: [x]\nx: 0x" + "f" * 9999, "line 2: found a number of 10001 digits; allowed: up to 40"),
        ("problems: [x]\nx: " + "9" * 9999, "line 2: found a number of 9999 digits; allowed: up to 40"),
        ('problems: [x]\nx: "\\UFFFFFFFF"', "not valid YAML: "),
        ("problems: [" + "x" * 9999 + "]\nx: 1", "unknown problem 'xxx"),
        ('problems: ["../x"]\n"../x": 1', "allowed in a problem's name: letters, digits, '_' and '-'"),
        ('problems: ["x; touch y"]\n"x; touch y": 1', "allowed in a problem's name: letters, digits, '_' and '-'"),
    ],
)
def test_params_that_are_no_plain_settings(tmp_path, monkeypatch, text, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert line in line_of(SettingsError, read_params)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seeds: [0, 1, 2]", f"seeds: [{2**63}]", "digits.seeds.0: found 9223372036854775808; allowed: less than"),
        ("duration: 8ep", "duration: " + "9" * 5000 + "ep", "digits.retrain.duration: found '999"),
        ("duration: 8ep", "duration: " + "9" * 400 + "ep", "allowed: up to 1000000000 epochs or steps"),
        (
            "duration: 8ep",
            "duration: 8ep\n    optimizer: {learning_rate: 1, x: 1}",
            "digits.retrain.optimizer.x: unknown key; allowed ",
        ),
        ("metric: matched.auroc", "semantics: " + "x" * 5000, "digits.collapse.semantics: found 'xxx"),
        ("problem: rtl_core.problems.digits:Digits", "problem: exits:X", "digits.problem: cannot import 'exits:X'"),
        ("problem: rtl_core.problems.digits:Digits", r'problem: "a\nb"', r"digits.problem: cannot import 'a\nb'"),
    ],
)
def test_settings_that_would_fail_later(repository, tmp_path, monkeypatch, old, new, line):
    text = (repository / "params.yaml").read_text().partition("\n\ncifar10:")[0]
    text = text.replace("[digits, photographs]", "[digits]")
    assert text.count(old) == 1
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "exits.py").write_text("raise SystemExit(0)")
    (tmp_path / "params.yaml").write_text(text.replace(old, new))
    assert line in line_of(SettingsError, problem_settings, "digits")


@pytest.fixture
def painted():
    """A file of two tickets that paint an image, as parts to spoil."""
    regions = torch.tensor([[0, 0, 1], [0, 1, 1]], dtype=torch.uint8)
    network = CoordinateMLP(regions, 0.0, torch.Generator(), embedded=False)
    parts = network.state_dict()
    prunable = [[name, list(value.shape)] for name, value in parts.items() if name.endswith("weight")]
    size = sum(np.prod(shape) for _, shape in prunable)
    tensors = {f"dense.{name}": value for name, value in parts.items() if name.endswith("bias")}
    tensors |= {f"buffer.{name}": parts[name] for name in ("regions", "sine_frequency")}
    tensors |= {"masks": packed(bytes([255]) * (3 * size // 8)), "weights": packed(bytes(4 * size))}
    about = {
        "architecture": {"kind": "coordinate network", "precision": "float32", "embedded": False},
        "preprocessing": {"kind": "places"},
        "decision": {"kind": "colours"},
        "contexts": ["a", "b"],
        "method": "rtl",
        "sparsity": 0.0,
        "seed": 0,
        "code": {"version": "", "digest": ""},
        "scores": [],
    }
    header = {"format": "rtl-tickets/2", "subsets": ["a", "b"], "prunable": prunable, "like": [0, 1], "about": about}
    return header, tensors


def painting(header, tensors):
    return painted_image(TicketsInUse.of(tickets_from_bytes(signed(header, tensors), "x"), "x", device="cpu"))


def test_the_image_that_others_are_made_from_is_sound(painted):
    assert painting(*painted).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("spoilt", "line"),
    [
        ({"regions": torch.zeros(0, 3, dtype=torch.uint8)}, "regions: found torch.uint8 [0, 3]; allowed: torch.uint8 "),
        ({"regions": torch.ones(3, dtype=torch.uint8)}, "regions: found torch.uint8 [3]; allowed: torch.uint8 [H, W]"),
        ({"regions": torch.ones(1, 2**22, dtype=torch.uint8)}, "found torch.uint8 [1, 4194304]; allowed: torch.uint8 "),
        ({"regions": torch.full((2, 3), 2**62)}, "regions: found torch.int64 [2, 3]; allowed: torch.uint8 [H, W]"),
        ({"regions": torch.full((2, 3), -1.0)}, "regions: found torch.float32 [2, 3]; allowed: torch.uint8 [H, W]"),
        (
            {"regions": torch.full((2, 3), 255, dtype=torch.uint8)},
            "x: holds 2 of the image's 256 regions; allowed: all",
        ),
        ({"sine_frequency": torch.tensor(float("nan"))}, "sine_frequency: found torch.float32 [nan]; allowed: 0, or"),
        (
            {"sine_frequency": torch.tensor(2.0**-10)},
            "sine_frequency: found torch.float32 [0.0009765625]; allowed: 0, or 0.01 to",
        ),
        ({"sine_frequency": torch.ones(2)}, "sine_frequency: found torch.float32 [1.0, 1.0]; allowed: 0, or 0.01 to"),
        ({"more": torch.ones(2)}, "x: its weights are not those of BlockwiseMLP; allowed: its network"),
    ],
)
def test_an_image_that_is_unsound_is_not_painted(painted, spoilt, line):
    header, tensors = painted
    spoilt = {f"buffer.{name}": value for name, value in spoilt.items()}
    assert line in line_of(TicketFileError, painting, header, tensors | spoilt)


def test_an_image_whose_tickets_do_not_share_a_map_is_not_painted(painted):
    header, tensors = painted
    regions = tensors.pop("buffer.regions")
    tensors["statistics.regions"] = torch.stack([regions, regions + 7])
    assert "regions: found maps that differ; allowed: one map" in line_of(TicketFileError, painting, header, tensors)


def png(width, height):
    """A picture of a few bytes that says it is of any size."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(99)))]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + bytes(4) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_of_absurd_size_is_left_out_with_a_line(tmp_path, size):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (4, 4)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "b/huge.png").write_bytes(png(*size))
    data, _, (line,) = read_image_folder(str(tmp_path), 0)
    assert len(data) == 6 and "\n" not in line
    assert re.search(r"b/huge\.png: not readable as an image \(Image size .* exceeds limit of \d+ pixels", line)


CONTROLS = "a\nb\x1b[2J\u202e\udcff"


def test_a_file_whose_name_commands_a_terminal_costs_one_printable_line(tmp_path, monkeypatch):
    line = line_of(DataError, open_image, tmp_path / CONTROLS)
    assert line.isprintable() and r"/a\nb\x1b[2J\u202e\udcff: not readable as an image" in line
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/x").mkdir(parents=True)
    (tmp_path / "data/x/left_out.json").write_text(json.dumps([f"{CONTROLS}: found silence", "é: found silence"]))
    assert read_left_out("x") == [r"a\nb\x1b[2J\u202e\udcff: found silence", "é: found silence"]


def test_a_class_whose_name_commands_a_terminal_is_refused(tmp_path):
    for name in ("a", "b\x1b[2J"):
        (tmp_path / "from" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (16, 16)).save(tmp_path / "from" / name / f"{number}.png")
    ImageFolder.partition(tmp_path / "to", path=str(tmp_path / "from"))
    found = line_of(DataError, lambda: check_problem(ImageFolder(tmp_path / "to")))
    assert found == r"found the subset name 'b\x1b[2J'; allowed: printable text"


@pytest.mark.parametrize(
    ("entry", "target", "line"),
    [
        ("a/loop", "..", "a/loop: found a link to a folder"),
        ("c", "../elsewhere", "c: found a link to a folder"),
        ("a/x.png", "/dev/zero", "a/x.png: found neither a file nor a folder"),
        ("a/x.png", None, "a/x.png: found neither a file nor a folder"),
    ],
)
def test_links_to_folders_and_what_has_no_end_among_images(tmp_path, entry, target, line):
    for path in ("images/a", "images/b", "elsewhere"):
        (tmp_path / path).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (4, 4)).save(tmp_path / path / f"{number}.png")
    (tmp_path / "images/b/same.png").symlink_to("../../elsewhere/0.png")  # as DVC's cache.type symlink leaves it
    (tmp_path / "images/b/gone.png").symlink_to("gone.png")
    data, _, (left_out,) = read_image_folder(str(tmp_path / "images"), 0)
    assert len(data) == 7 and "b/gone.png: not readable as an image" in left_out
    if target:
        (tmp_path / "images" / entry).symlink_to(target)
    else:
        os.mkfifo(tmp_path / "images" / entry)
    for call in (lambda path: read_image_folder(path, 0), lambda path: ImageFolder.source_files(path=path)):
        assert line in line_of(DataError, call, str(tmp_path / "images"))


def test_what_has_no_end_is_no_photograph(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images/x.png")
    os.mkfifo(tmp_path / "images/y.png")
    (tmp_path / "images/z.png").symlink_to("/dev/zero")
    assert folder_files([str(tmp_path)]) == [tmp_path / "images/x.png"]


class Deed:
    """What leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
@pytest.mark.parametrize("hostile", ["batches", "meta", "archive"])
def test_a_pickle_whose_digest_is_not_known_is_not_loaded(tmp_path, monkeypatch, name, hostile):
    def refuse(*_args, **_settings):
        raise OSError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    source = getattr(datasets, name)
    files = [file for file, _ in source.train_list + source.test_list]
    program = pickle.dumps(Deed(tmp_path / "deed"))
    data = pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0]})
    folder = tmp_path / source.base_folder
    folder.mkdir()
    for file in files:
        (folder / file).write_bytes(data if hostile == "meta" else program)
    (folder / source.meta["filename"]).write_bytes(program)
    if hostile == "meta":
        digest = hashlib.md5(data).hexdigest()
        monkeypatch.setattr(source, "train_list", [[file, digest] for file, _ in source.train_list])
        monkeypatch.setattr(source, "test_list", [[file, digest] for file, _ in source.test_list])
    elif hostile == "archive":
        with tarfile.open(tmp_path / source.filename, "w:gz") as archive:
            archive.add(folder, source.base_folder)
        shutil.rmtree(folder)
    line = line_of(DataError, read_torchvision, name, tmp_path, "train")
    assert f"torchvision could not provide {name}" in line
    assert not (tmp_path / "deed").exists()


def test_a_picture_that_is_a_program_is_not_run(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "EPS")
    (tmp_path / "x.png").write_bytes(picture.getvalue())
    with pytest.raises(DataError, match=r"x\.png: not readable as an image \(cannot identify image file"):
        open_image(tmp_path / "x.png")


def test_a_recording_of_many_values_a_second_is_refused(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((10, 64)), 192_000)
    line = line_of(DataError, facts_of, tmp_path / "x.wav")
    assert line.endswith("x.wav: found 12288000 values per second in all channels; allowed: up to 8388608")


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*).*.*.*.*.*.*=", "^(?:a?){60}(a{60})$"])
def test_an_expression_that_would_never_be_done_is_stopped(monkeypatch, pattern):
    monkeypatch.setattr("rtl_core.problems.speech.first_groups.MOST_SECONDS", 0.25)
    files = [Recording(60 * "a" + "b" * k + 200 * "c", 1.0) for k in range(3)]
    line = line_of(DataError, groups_of, files, pattern, "partition.speaker")
    assert line.startswith(
        f"partition.speaker: found {pattern!r}, which is not done with 3 name(s) after 0.25 s; allowed"
    )


def test_an_expression_that_repeats_too_often_is_none():
    line = line_of(DataError, groups_of, [Recording("a", 1.0)], "(a{99999999999})", "partition.speaker")
    assert "'(a{99999999999})' is not a regular expression (the repetition number is too large)" in line


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/tmp/x", "."])
def test_a_record_that_names_a_file_elsewhere_is_not_published(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder, sound = Path("data/digits"), {"sha256": "0" * 64}
    files = {folder / "sound": sound, folder / name: sound}
    assert line_of(DataError, publish_files, folder, files).endswith(
        f"{folder / name}: found a name that leads out of data/digits; allowed: files below it"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        ({"classes": "[" * 100_000}, torch.arange(2)),
        ({"classes": "[1, 2]"}, torch.arange(2)),
        ({"classes": '{"a": 1, "b": 2}'}, torch.arange(2)),
        ({"classes": '["a", "b"]', "clusters": "[]"}, torch.arange(2)),
        ({"classes": '["a", "b"]', "clusters": '{"names": ["x", "y"], "of_class": [0, "1"]}'}, torch.arange(2)),
        ({"classes": '["a", "b"]'}, torch.arange(2.0)),
        ({"classes": '["a", "b"]'}, torch.arange(2)[None]),
    ],
)
def test_stored_images_that_are_not_what_they_claim(tmp_path, metadata, labels):
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    splits = ("train", "validation", "test")
    tensors = {f"{s}.images": images.clone() for s in splits} | {f"{s}.labels": labels.clone() for s in splits}
    save_file(tensors, tmp_path / FILE, metadata)
    assert str(tmp_path / FILE) in line_of(DataError, load_images, tmp_path)
