from __future__ import annotations

import librosa
import numpy as np
import pytest

from elman.codecs.mel import cosines, hertz_of, longer_tract, mel_edges, mel_filters, mel_of


@pytest.mark.parametrize(("rate", "window", "mels"), [(8000, 256, 40), (16000, 512, 80), (22050, 1024, 23)])
def test_filters_are_those_of_librosa(rate: int, window: int, mels: int) -> None:
    expected = librosa.filters.mel(sr=rate, n_fft=window, n_mels=mels)
    np.testing.assert_allclose(mel_filters(rate, window, mels), expected, rtol=1e-5, atol=1e-9)


def test_the_mel_scale_goes_back() -> None:
    hertz = np.linspace(0, 12000, 60)
    np.testing.assert_allclose(hertz_of(mel_of(hertz)), hertz, rtol=1e-12, atol=1e-9)


def test_cosines_are_orthonormal() -> None:
    rows = cosines(40, 20)
    np.testing.assert_allclose(rows @ rows.T, np.eye(20), atol=1e-12)


def test_a_tract_of_the_same_length_changes_nothing() -> None:
    np.testing.assert_allclose(longer_tract(16000, 40, 1.0), np.arange(40), atol=1e-9)


@pytest.mark.parametrize("factor", [0.85, 0.95, 1.1])
def test_a_longer_tract_moves_formants_down(factor: float) -> None:
    """What was at factor * f is at f, below the knee; the order of the bands stays, and so does the highest place."""
    places, peaks = longer_tract(16000, 40, factor), mel_edges(16000, 40)[1:-1]
    low = peaks < 2500
    there = np.interp(peaks[low] * factor, peaks, np.arange(40.0))
    np.testing.assert_allclose(places[low], there, atol=0.02)
    assert (np.diff(places) >= 0).all()
    assert places[-1] > 38
