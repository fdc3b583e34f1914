import hashlib
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from described_tickets import described_as
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load

from rtl_core.description.about import Usage
from rtl_core.description.architecture import ImportedNetwork
from rtl_core.description.preprocessing import Arrays
from rtl_core.errors import TicketFileError
from rtl_core.masks import Masks
from rtl_core.packing import packed_masks, packed_weights, unpacked_masks, unpacked_weights
from rtl_core.ticket_file import masks_from_bytes, masks_to_bytes, tickets_from_bytes, tickets_to_bytes, without_about
from rtl_core.tickets import Tickets
from rtl_core.weights import Layout

LAYOUT = Layout(("conv.weight", "deep.weight"), ((2, 1, 2, 2), (3,)))
VALUES = torch.tensor([[1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1]], dtype=torch.bool)


@pytest.fixture
def tickets():
    masks = Masks(LAYOUT, VALUES)
    theta = torch.arange(1.0, 12.0) * masks.union()
    statistics = tuple({"bn.running_mean": torch.tensor([float(k)]), "bn.count": torch.tensor(k)} for k in range(2))
    return Tickets(("cat", "dog"), masks, theta, {"bias": torch.tensor([0.5, -0.5])}, statistics)


def test_golden_bytes_of_a_masks_file():
    data = masks_to_bytes(["cat", "dog"], Masks(LAYOUT, VALUES))
    header = (
        b'{"__metadata__":{"rtl":"{\\"format\\":\\"rtl-masks/1\\",'
        b'\\"prunable\\":[[\\"conv.weight\\",[2,1,2,2]],[\\"deep.weight\\",[3]]],'
        b'\\"sha256\\":\\"7e7bf989fde58f33f5e198eb4c3c17c0b8b8a4957c03b46388846fbd9397b9a9\\",'
        b'\\"subsets\\":[\\"cat\\",\\"dog\\"]}"},'
        b'"masks":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}'
    )
    body = bytes([0b10000101, 0b00000001, 0b00001100, 0b00000100])
    assert data == len(header).to_bytes(8, "little") + header + body


def test_golden_digest_of_a_ticket_file(tickets):
    assert hashlib.sha256(tickets_to_bytes(tickets)).hexdigest() == (
        "810eede5c1bc7b1523c0f0fde5e0ccb4103e812e82434c893c4efe8dc90c4b6a"
    )


def test_masks_and_weights_of_a_ticket_file_are_laid_out_as_its_description_says(tickets):
    tensors = load(tickets_to_bytes(tickets))
    masks, weights = (zlib.decompress(tensors[name].numpy().tobytes()) for name in ("masks", "weights"))
    # the union is weights 0, 2, 3, 7, 8 and 10; over these the first mask has 110110, the second 011001, alone each
    assert masks == bytes([0b10001101, 0b00000101, 0b00011011, 0b00100110])
    kept = tickets.weights[VALUES.any(0)].numpy()
    assert weights == np.frombuffer(kept.astype("<f4").tobytes(), np.uint8).reshape(-1, 4).T.tobytes()
    assert {*tensors} == {"masks", "weights", "dense.bias", "statistics.bn.running_mean", "statistics.bn.count"}


@given(
    st.integers(1, 6).flatmap(
        lambda count: st.integers(1, 40).flatmap(
            lambda size: st.lists(st.lists(st.booleans(), min_size=size, max_size=size), min_size=count, max_size=count)
        )
    )
)
def test_masks_are_what_they_were_when_unpacked(values):
    masks = torch.tensor(values)
    like, packed = packed_masks(masks)
    assert torch.equal(unpacked_masks(packed, like, masks.shape[1]), masks)
    weights = torch.arange(float(masks.sum())).sin()
    assert torch.equal(unpacked_weights(packed_weights(weights), len(weights)), weights)


def test_masks_that_are_almost_alike_are_told_from_one_another():
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(10_000, generator=generator) < 0.5
    masks = first.repeat(10, 1)
    masks[torch.arange(1, 10), torch.arange(1, 10)] ^= True
    like, packed = packed_masks(masks)
    assert like == [0] * 10
    assert packed.numel() < 3 * 10_000 / 8


def test_what_is_said_of_tickets_comes_back_and_goes(tickets):
    network = ImportedNetwork(path="mine:Net", positional=(1, "é"), arguments={"a": [None, 0.1]}, told=None)
    whole = described_as(tickets, Usage(network, Arrays(shape=(3,), dtype="float32"), None))
    data = tickets_to_bytes(whole)
    assert tickets_from_bytes(data, "x").about == whole.about
    assert without_about(data, "x") == tickets_to_bytes(tickets)


def test_what_is_said_is_of_the_tickets_in_the_file(tickets):
    data = tickets_to_bytes(described_as(tickets, Usage(), ("dog", "cat")))
    with pytest.raises(TicketFileError, match="x: about: contexts: found others than its subsets"):
        tickets_from_bytes(data, "x")


def test_reading_gives_back_what_was_written(tickets):
    data = tickets_to_bytes(tickets)
    again = tickets_from_bytes(data, "x")
    assert tickets_to_bytes(again) == data
    assert again.subsets == tickets.subsets
    assert torch.equal(again.weights, tickets.weights)
    assert torch.equal(again.masks.values, tickets.masks.values)
    assert again.statistics == tickets.statistics
    subsets, masks = masks_from_bytes(masks_to_bytes(again.subsets, again.masks), "x")
    assert subsets == tickets.subsets and torch.equal(masks.values, VALUES)


def test_a_buffer_that_all_tickets_have_alike_is_kept_once(tickets):
    regions = torch.arange(6, dtype=torch.uint8).reshape(2, 3)
    alike = replace(tickets, statistics=tuple({**own, "regions": regions} for own in tickets.statistics))
    data = tickets_to_bytes(alike)
    assert data.count(bytes(range(6))) == 1
    assert all(torch.equal(own["regions"], regions) for own in tickets_from_bytes(data, "x").statistics)


def test_any_flipped_byte_or_cut_is_noticed_by_name(tickets):
    data = tickets_to_bytes(tickets)
    for position in range(len(data)):
        for bit in (1 << place for place in range(8)):
            damaged = bytearray(data)
            damaged[position] ^= bit
            with pytest.raises(TicketFileError, match=r"^some/file: "):
                tickets_from_bytes(bytes(damaged), "some/file")
    for length in range(len(data)):
        with pytest.raises(TicketFileError, match=r"^some/file: "):
            tickets_from_bytes(data[:length], "some/file")


def test_a_masks_file_is_no_ticket_file():
    data = masks_to_bytes(["cat", "dog"], Masks(LAYOUT, VALUES))
    with pytest.raises(TicketFileError, match="found format 'rtl-masks/1', expected 'rtl-tickets/2'"):
        tickets_from_bytes(data, "x")
