"""Writes jax.npz: small Haiku and Flax models with random weights, and what they compute.

Run where Haiku and Flax are installed (the file at hand: JAX 0.10.2, Haiku 0.0.17, Flax 0.12.8); Elman itself needs
neither. An entry is called ``MODEL/PATH/IN/THE/TREE``; ``inputs`` is shared, ``MODEL/outputs`` belongs to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

UNITS = 4


def main() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((2, 5, 3)).astype(np.float32)
    entries = {"inputs": inputs}
    for name, (tree, outputs) in {**haiku(inputs, rng), **linen(inputs, rng), **nnx(inputs, rng)}.items():
        entries |= flat(tree, name) | {f"{name}/outputs": np.asarray(outputs)}
    np.savez_compressed(Path(__file__).with_name("jax.npz"), **entries)


def flat(tree: Any, path: str) -> dict[str, Any]:
    """The arrays of a nested dictionary by their paths; slashes in names become bars."""
    if not isinstance(tree, dict):
        return {path: np.asarray(tree)}
    return {key: v for name, sub in tree.items() for key, v in flat(sub, f"{path}/{name.replace('/', '|')}").items()}


def shaken(tree: Any, rng: np.random.Generator) -> Any:
    """No weight is left where it began, the biases of zero among them."""
    if isinstance(tree, dict):
        return {name: shaken(sub, rng) for name, sub in tree.items()}
    return np.asarray(tree) + 0.3 * rng.standard_normal(tree.shape).astype(np.float32)


def haiku(inputs: Any, rng: np.random.Generator) -> dict[str, Any]:
    import haiku as hk
    import jax

    cores = {
        "haiku lstm": lambda: hk.LSTM(UNITS),
        "haiku gru": lambda: hk.GRU(UNITS),
        "haiku vanilla_rnn": lambda: hk.VanillaRNN(UNITS),
        "haiku single": lambda: hk.VanillaRNN(UNITS, double_bias=False, name="single"),
    }
    found = {}
    for name, make in cores.items():

        def unroll(x: Any, make: Any = make) -> Any:
            core = make()
            return hk.dynamic_unroll(core, x, core.initial_state(x.shape[0]), time_major=False)[0]

        model = hk.without_apply_rng(hk.transform(unroll))
        params = shaken(model.init(jax.random.PRNGKey(0), inputs), rng)
        found[name] = params, model.apply(params, inputs)
    return found


def linen(inputs: Any, rng: np.random.Generator) -> dict[str, Any]:
    import jax
    from flax import linen as nn

    models = {
        "linen lstm": nn.RNN(nn.LSTMCell(UNITS)),
        "linen optimized": nn.RNN(nn.OptimizedLSTMCell(UNITS)),
        "linen gru": nn.RNN(nn.GRUCell(UNITS)),
        "linen simple": nn.RNN(nn.SimpleCell(UNITS)),
        "linen both": nn.Bidirectional(nn.RNN(nn.GRUCell(UNITS)), nn.RNN(nn.GRUCell(UNITS))),
        "linen functions": nn.RNN(nn.LSTMCell(UNITS, gate_fn=nn.hard_sigmoid, activation_fn=nn.relu)),
    }
    found = {}
    for name, model in models.items():
        params = shaken(model.init(jax.random.PRNGKey(0), inputs), rng)
        found[name] = params, model.apply(params, inputs)
    return found


def nnx(inputs: Any, rng: np.random.Generator) -> dict[str, Any]:
    from flax import nnx

    def sizes() -> Any:
        return {"in_features": inputs.shape[2], "hidden_features": UNITS, "rngs": nnx.Rngs(0)}

    models = {
        "nnx lstm": nnx.RNN(nnx.LSTMCell(**sizes())),
        "nnx optimized": nnx.RNN(nnx.OptimizedLSTMCell(**sizes())),
        "nnx gru": nnx.RNN(nnx.GRUCell(**sizes())),
        "nnx simple": nnx.RNN(nnx.SimpleCell(**sizes())),
        "nnx both": nnx.Bidirectional(nnx.RNN(nnx.GRUCell(**sizes())), nnx.RNN(nnx.GRUCell(**sizes()))),
    }
    found = {}
    for name, model in models.items():
        state = nnx.state(model, nnx.Param)
        params = shaken(nnx.to_pure_dict(state), rng)
        nnx.replace_by_pure_dict(state, params)
        nnx.update(model, state)
        found[name] = params, model(inputs)
    return found


if __name__ == "__main__":
    main()
