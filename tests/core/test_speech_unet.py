"""The network that enhances speech, its transforms, its loss and its scores, against what others make of them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from rtl_core.networks import as_published
from rtl_core.networks.speech_unet import (
    CONTEXT,
    RATE,
    InterleavedTranspose,
    SpeechUNet,
    apply_mask,
    signals_of,
    spectrogram_of,
    speech_unet,
)
from rtl_core.problems.speech.scores import improvements
from rtl_core.problems.speech.weighted_sdr import weighted_sdr


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=drawn(seed))


@pytest.fixture(scope="module")
def network():
    network = SpeechUNet(drawn())
    network(noise(4, RATE))
    return network.eval()


def test_it_has_the_weights_and_the_spectrogram_of_the_paper(network):
    assert sum(part.numel() for part in network.parameters() if part.dim() == 4) == 37_368
    spectrogram = spectrogram_of(noise(1, 10 * RATE))
    assert spectrogram.shape == (1, 2, 626, 513)
    with torch.inference_mode():
        assert network.mask(spectrogram).shape == spectrogram.shape


@pytest.mark.parametrize("length", [160_000, 16_001, 1024, 700, 1])
def test_the_mask_of_ones_gives_the_input_back(length):
    signal = noise(2, length)
    spectrogram = spectrogram_of(signal)
    ones = torch.zeros_like(spectrogram)
    ones[:, 0] = 1
    back = signals_of(apply_mask(ones, spectrogram), length)
    assert 10 * (signal.square().sum() / (signal - back).square().sum()).log10() > 60


@torch.inference_mode()
def test_a_mask_turns_and_never_amplifies_and_sees_ten_frames_to_each_side(network):
    spectrogram = spectrogram_of(noise(1, 2 * RATE))
    mask = network.mask(spectrogram)
    assert mask.square().sum(1).max() < 1 + 1e-6  # rounding
    product = apply_mask(mask, spectrogram)
    as_complex = torch.complex(mask[:, 0], mask[:, 1]) * torch.complex(spectrogram[:, 0], spectrogram[:, 1])
    assert torch.allclose(torch.complex(product[:, 0], product[:, 1]), as_complex, atol=1e-5)
    changed = spectrogram.clone()
    changed[:, :, 60] += 1
    differs = (network.mask(changed) != mask).any(3).any(1)[0].nonzero().flatten().tolist()
    assert (min(differs), max(differs)) == (60 - CONTEXT, 60 + CONTEXT)


@torch.inference_mode()
def test_what_it_does_follows_the_level_of_the_signal(network):
    signal = noise(2, RATE)
    assert torch.allclose(network(100 * signal), 100 * network(signal), rtol=1e-4, atol=1e-3)
    assert torch.equal(network(torch.zeros(1, 2000)), torch.zeros(1, 2000))


@pytest.mark.parametrize("span", [3, 5])
def test_an_interleaved_transpose_is_a_transposed_convolution(span):
    plain = nn.ConvTranspose2d(4, 3, (3, span), stride=(1, 2), padding=(1, span // 2)).double()
    x = noise(2, 4, 6, 9).double().requires_grad_()
    found = {}
    for kind in (nn.ConvTranspose2d, InterleavedTranspose):
        plain.__class__ = kind
        out = plain(x)
        found[kind] = (out, *torch.autograd.grad(out.square().sum(), [x, plain.weight, plain.bias]))
    assert all(torch.allclose(a, b) for a, b in zip(*found.values(), strict=True))


def test_half_precision_trains_the_same_weights_and_scores_the_same(network):
    fast = speech_unet("bfloat16", drawn())
    assert all(torch.equal(a, b) for a, b in zip(fast.parameters(), network.parameters(), strict=True))
    fast.load_state_dict(network.state_dict())
    signal = noise(2, RATE)
    with torch.inference_mode():
        assert torch.allclose(fast.eval()(signal), network(signal), atol=1e-5)
        trained = fast.train()(signal)
        assert not torch.equal(trained, network(signal)) and trained.dtype == torch.float32
    published = as_published(fast)
    assert type(published) is SpeechUNet
    assert {type(layer) for layer in published.decoder} == {nn.ConvTranspose2d}


def plain_weighted_sdr(noisy, clean, enhanced):
    """As Choi et al. write it, in NumPy, one signal at a time."""

    def sdr(target, estimate):
        return -np.dot(target, estimate) / (np.linalg.norm(target) * np.linalg.norm(estimate))

    speech, rest = np.sum(clean**2), np.sum((noisy - clean) ** 2)
    alpha = speech / (speech + rest)
    return alpha * sdr(clean, enhanced) + (1 - alpha) * sdr(noisy - clean, noisy - enhanced)


def plain_si_snr(estimate, target):
    """Scale-invariant signal-to-noise ratio in NumPy (Luo & Mesgarani 2018), in dB."""
    estimate, target = estimate - estimate.mean(), target - target.mean()
    projected = np.dot(estimate, target) / np.dot(target, target) * target
    return 10 * np.log10(np.sum(projected**2) / np.sum((estimate - projected) ** 2))


signals = arrays.arrays(np.float64, (3, 64), elements=st.floats(-1, 1, width=32)).filter(
    lambda parts: (parts.std(1) > 0.05).all() and np.linalg.matrix_rank(parts) == 3
)


@given(signals)
def test_the_loss_is_that_of_the_paper_and_least_where_speech_is_clean(parts):
    noisy, clean, enhanced = torch.from_numpy(parts)
    found = weighted_sdr(noisy[None], clean[None], enhanced[None])
    assert found.item() == pytest.approx(plain_weighted_sdr(*parts), abs=1e-6)
    assert -1 - 1e-9 <= weighted_sdr(noisy[None], clean[None], clean[None]).item() <= found.item() + 1e-9
    assert weighted_sdr(noisy[None], clean[None], clean[None]).item() == pytest.approx(-1)


def test_the_improvement_in_si_snr_is_that_of_an_independent_implementation():
    clean = noise(3, RATE)
    noisy, enhanced = clean + noise(3, RATE, seed=1), 7 * clean + 2 * noise(3, RATE, seed=2)
    found = improvements(noisy, clean, enhanced)
    as_numpy = [part.double().numpy() for part in (noisy, clean, enhanced)]
    expected = [plain_si_snr(e, c) - plain_si_snr(n, c) for n, c, e in zip(*as_numpy, strict=True)]
    assert found["si_snri"] == pytest.approx(expected, abs=1e-3)
    assert improvements(noisy, clean, noisy) == {"si_snri": [0, 0, 0], "sdri": [0, 0, 0]}


def test_perceptual_scores_are_those_of_their_packages():
    from pystoi import stoi

    clean = noise(1, 2 * RATE)
    noisy = clean + noise(1, 2 * RATE, seed=1)
    (found,) = improvements(noisy, clean, noisy, ["stoi"])["stoi"]
    assert found == pytest.approx(stoi(clean[0].numpy(), noisy[0].numpy(), RATE), abs=1e-5)
    brief = torch.zeros(1, 2 * RATE)
    brief[:, 5000:8000] = clean[:, :3000]
    with pytest.warns(RuntimeWarning, match="Not enough STFT frames"):
        assert math.isnan(improvements(noisy, brief, brief + 1e-6 * noisy, ["stoi"])["stoi"][0])
    pesq = pytest.importorskip("pesq", reason="the optional package pesq is not installed")
    (found,) = improvements(noisy, clean, noisy, ["pesq"])["pesq"]
    assert found == pytest.approx(pesq.pesq(RATE, clean[0].numpy(), noisy[0].numpy(), "wb"), abs=1e-4)
