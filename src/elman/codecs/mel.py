"""Spectra on the mel scale: what a spectrogram is read through. The scale and the filters of Slaney (1998).

M. Slaney, "Auditory Toolbox", 1998, also what librosa takes by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Up to 1000 Hz a mel is 200 / 3 Hz, from there 27 of them are a factor of 6.4.
_LINEAR, _BREAK, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def mel_of(hertz: Numbers) -> Numbers:
    """Frequency on the mel scale.

    >>> mel_of(np.array([200.0, 1000.0, 6400.0])).round(6).tolist()
    [3.0, 15.0, 42.0]
    """
    above = np.log(np.maximum(hertz, _BREAK) / _BREAK) / _LOG_STEP
    mels: Numbers = np.minimum(hertz, _BREAK) / _LINEAR + above
    return mels


def hertz_of(mel: Numbers) -> Numbers:
    """The frequency of a place on the mel scale: `mel_of` backwards."""
    linear = _BREAK / _LINEAR
    hertz: Numbers = np.minimum(mel, linear) * _LINEAR * np.exp(np.maximum(mel - linear, 0) * _LOG_STEP)
    return hertz


def mel_edges(rate: int, mels: int) -> Numbers:
    """Where the filters begin, peak and end, (mels + 2,) in hertz: even on the mel scale from 0 to rate / 2."""
    return hertz_of(np.linspace(0, mel_of(np.array(rate / 2)), mels + 2))


def mel_filters(rate: int, window: int, mels: int) -> Numbers:
    """Triangular filters (mels, window // 2 + 1) over the power spectrum of ``window`` samples, each of area 1.

    Filter m rises from edge m to edge m + 1 and falls to edge m + 2, with 2 / (width in hertz) at its peak.
    """
    edges = mel_edges(rate, mels)
    bins = np.fft.rfftfreq(window, 1 / rate)
    below, peak, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - below) / (peak - below), (above - bins) / (above - peak))
    filters: Numbers = np.maximum(triangles, 0) * 2 / (above - below)
    return filters


def cosines(mels: int, coefficients: int) -> Numbers:
    """The first rows of the orthonormal discrete cosine transform (type II), from spectra to cepstra."""
    k, n = np.arange(coefficients)[:, None], np.arange(mels)
    rows: Numbers = np.sqrt(2 / mels) * np.cos(np.pi * k * (2 * n + 1) / (2 * mels))
    rows[0] /= np.sqrt(2)
    return rows


def longer_tract(rate: int, mels: int, factor: float) -> Numbers:
    """Where to read the mel bands so that the vocal tract seems longer (``factor`` above 1) or shorter, (mels,).

    What was at ``factor`` times a frequency comes to that frequency; beyond 0.6 of the highest one the warp bends so
    that this one stays (vocal tract length perturbation, Jaitly and Hinton 2013).
    """
    edges = mel_edges(rate, mels)
    hertz, highest = edges[1:-1], rate / 2
    knee = 0.6 * highest * min(factor, 1.0)
    slope = (highest - knee) / (highest - knee / factor)
    warped = np.where(hertz <= knee / factor, hertz * factor, highest - slope * (highest - hertz))
    places: Numbers = mel_of(warped) / mel_of(edges[1:2]) - 1
    return np.clip(places, 0, mels - 1)
