"""Every tolerance of the tests, each with its reason."""

from __future__ import annotations

#: Relative error of a few float64 operations: some units of 2**-53, with room for sums of thousands of terms.
ROUNDING = 1e-12

#: A few float32 steps of a small network with values near 1, taken in another order: some units of 2**-24.
FLOAT32_STEP = {"rtol": 1e-5, "atol": 1e-5}

#: The same float32 equations summed in another order, as NumPy and torch do: about 1e-6 for a dozen steps.
NUMPY_AGAINST_TORCH = {"rtol": 1e-4, "atol": 2e-5}

#: float64 recurrences computed in two orders of summation: rounding carried through some dozens of steps.
FLOAT64_RECURRENCE = 1e-10

#: float32 outputs and states of two kernels: 2**-24 times sums of a few hundred terms, over some dozens of steps.
FLOAT32_RECURRENCE = 2e-5

#: float32 gradients: like `FLOAT32_RECURRENCE`, and summed over batch and time as well.
FLOAT32_GRADIENT = 2e-4

#: bfloat16 products keep 8 bits; a recurrence of a few steps stays within a few units of 2**-8.
BFLOAT16_RECURRENCE = 3e-2

#: Empirical mean or bound of a few thousand random draws.
SAMPLING = 5e-2

#: Relative distance to a published figure that comes from counting, not from training: details such as padding.
PUBLISHED = 0.005

#: Long text is scored in parts that each read 512 symbols before their own: what an older past would have changed
#: is below this share of the loss for a network of random weights.
WARM_STATE = 1e-3

#: bfloat16 keeps 8 bits; a gradient that went through a few rounded products is off by some times 2**-8 of its norm.
BFLOAT16 = 0.02

#: Central differences in float64 with a step of 1e-6: truncation about 1e-12, rounding about 1e-10 of the value.
FINITE_DIFFERENCES = {"rtol": 1e-6, "atol": 1e-7}

#: Compiled functions against the exact value, in units of the last place: a series, a division and their roundings.
ULPS = 4

#: Compiled float64 loops: functions to a few ulp, sums in another order, a few steps of amplification.
COMPILED = 1e-11

#: Fast activations are off by about 1e-4, carried through a dozen steps of a small layer.
FAST_RECURRENCE = 1e-3

#: Weights of 8 bits in a stack of three small layers with weights below 2: sums of some dozens of errors of 2**-9.
BFLOAT16_WEIGHTS = 5e-2

#: ONNX Runtime keeps the constant factors of some float64 products in float32: 2**-24 of values near 1, carried through
#: a dozen steps.
ONNX_FLOAT64 = 2e-6

#: Moving averages after a hundred calls: 0.9 ** 100 = 3e-5 of where they began, and sums over the steps of a call that
#: the statistics move in meanwhile.
BATCH_NORM_SETTLED = 0.05

#: Exact derivatives against central differences in float64: the 1e-5 that was asked for; below 1e-8 all is rounding.
DERIVATIVES = {"rtol": 1e-5, "atol": 1e-8}

#: Derivatives against central differences in float64 with a step of 1e-6, beside the largest: the promised bound.
JACOBIAN = 1e-5

#: Rates of linear recurrences over some hundred steps: what has not yet died out of the other eigenvalues.
LONG_RUN = 1e-3

#: Integrals over smooth functions by 64 points of Gauss and Legendre: what is left is rounding of the function.
QUADRATURE = 1e-8

#: Shares that regression recovers of a few thousand random inputs: 1 where they lie in the state, but for tanh, and
#: otherwise 0, below which nothing is counted, but for the luck of the draw.
MEMORY_CAPACITY = 1e-3

#: Spectra in dB against librosa's, which are float32: 2**-24 of the largest power of a frame, in dB of the quiet bands.
SPECTRA = 1e-3

#: Scaled spectra of sound that comes in chunks: the same sums in float64 in another order, rounded to float32.
SPECTRUM_CHUNKS = 1e-5

#: Directions and places of ink, about 1 in size, in float32.
INK_STEPS = 1e-5

#: Scaled pixels of frames that come in chunks: the same sums of some dozens of pixels in float32 in another order.
PIXELS = 1e-5

#: Sound that a copied resampler gives, and its spectra in units of their deviation: soxr sums in float32, beginning at
#: another sample.
RESAMPLED = 1e-3
