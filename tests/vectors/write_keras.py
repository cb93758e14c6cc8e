"""Writes a small Keras model with random weights in both forms of files, and what its layers compute.

Run where Keras is installed, for example ``KERAS_BACKEND=jax python tests/vectors/write_keras.py``; Elman itself does
not need it. The files at hand are from Keras 2.15.0 (TensorFlow 2.15.1) and 3.15.1 (JAX 0.10.2). ``keras-2.npz`` and
``keras-3.npz`` hold ``inputs`` and, by the name of the layer, its outputs; ``inner inputs`` are what the layer of the
inner model is given. Keras 2 also writes ``keras-cudnn.npz``: weights of layers for cuDNN, of 2 inputs and 3 units, and
what it makes of them for a plain layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    import keras

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((2, 5, 3)).astype(np.float32)
    model = network(keras)
    model.set_weights([w + 0.3 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    stem = Path(__file__).with_name(f"keras-{keras.__version__.split('.')[0]}")
    model.save(f"{stem}.keras")
    model.save(f"{stem}.h5")
    if keras.__version__.startswith("2."):
        np.savez_compressed(Path(__file__).with_name("keras-cudnn.npz"), **for_cudnn(keras, rng))
    entries = dict(zip(NAMES, map(np.asarray, model(inputs)), strict=True))
    entries["inner inputs"] = np.asarray(model.get_layer("inner").layers[0](inputs))
    np.savez_compressed(f"{stem}.npz", inputs=inputs, **entries)


#: The recurrent layers, in the order of the outputs.
NAMES = ("plain", "after", "before", "relu", "backwards", "both", "sum", "stack", "gated", "inner")


def for_cudnn(keras: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Kernel, recurrent kernel and bias in both layouts."""
    from keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    entries = {}
    for kind, columns in (("LSTM", 12), ("GRU", 9)):
        given = [
            rng.standard_normal(shape).astype(np.float32) for shape in ((2, columns), (3, columns), (2 * columns,))
        ]
        plain = preprocess_weights_for_loading(getattr(keras.layers, kind)(3), given)
        for form, arrays in (("cudnn", given), ("plain", plain)):
            entries |= {f"{kind} {form} {index}": array for index, array in enumerate(arrays)}
    return entries


def network(keras: Any) -> Any:
    """All layers over the same input."""
    layers = keras.layers
    every = {"return_sequences": True}
    made = [
        layers.LSTM(3, name="plain", **every),
        layers.GRU(3, name="after", **every),
        layers.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid", name="before", **every),
        layers.SimpleRNN(3, activation="relu", use_bias=False, name="relu", **every),
        layers.LSTM(3, activation="softsign", go_backwards=True, name="backwards", **every),
        layers.Bidirectional(layers.GRU(2, **every), name="both"),
        layers.Bidirectional(layers.LSTM(2, **every), merge_mode="sum", name="sum"),
        layers.RNN([layers.LSTMCell(3), layers.LSTMCell(2)], name="stack", **every),
        layers.RNN(layers.GRUCell(2), name="gated", **every),
        keras.Sequential([keras.Input((5, 3)), layers.Dense(2), layers.GRU(2, name="gru", **every)], name="inner"),
    ]
    inputs = keras.Input((5, 3))
    return keras.Model(inputs, [layer(inputs) for layer in made])


if __name__ == "__main__":
    main()
