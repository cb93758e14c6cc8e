"""What a model folder says of its model in words: for the model card and for `elman info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Figures that are told, by their key in ``metrics.json``: what each is called, and how it is written.
FIGURES = {
    "nats_per_symbol": ("nats per symbol", ".4f"),
    "perplexity": ("perplexity", ".3f"),
    "bits_per_character": ("bits per character", ".4f"),
    "span_f1": ("F1 of spans", ".3f"),
    "accuracy": ("accuracy", ".1%"),
    "micro_f1": ("micro-F1", ".3f"),
    "macro_f1": ("macro-F1", ".3f"),
    "wer": ("word error", ".1%"),
    "cer": ("character error", ".1%"),
    "bleu": ("BLEU", ".1f"),
    "chrf": ("chrF", ".1f"),
    "cider": ("CIDEr-D", ".2f"),
    "symbol_error": ("symbol error", ".1%"),
    "character_error": ("character error", ".1%"),
    "exact": ("exactly right", ".1%"),
    "rmse": ("RMSE", ".4g"),
    "mae": ("MAE", ".4g"),
    "r2": ("R2", ".3f"),
    "false_alarms": ("alarms in normal steps", ".3%"),
}

#: Labels that are named; of more only how many there are.
NAMED = 12


def facts(config: Mapping[str, Any], metrics: Mapping[str, Any], parameters: int) -> dict[str, str]:
    """What a model is made of and how it came about, by the name of each fact."""
    network = config["network"]
    rows = {
        "task": config["task"],
        "network": _network(network),
        "parameters": f"{parameters:,}",
        "reads": _reads(config),
    }
    if "answers" in config:
        rows["says"] = _says(config["answers"])
    if "target" in config:
        rows["writes"] = _writes(config)
    if "transcripts" in config:
        rows["writes"] = f"{config['transcripts']['kind']}, {config['transcripts']['symbols']:,} symbols"
    rows["written by"] = f"Elman {config['elman']}"
    if training := metrics.get("training"):
        several = f"{training['sequences']:,} sequences, " if "sequences" in training else ""
        unit = "steps" if several else "symbols"
        rows["trained on"] = f"{training['source']}: {several}{training['symbols']:,} {unit}"
        rows["data"] = f"sha256 {training['sha256'][:16]}"
        rows["training"] = (
            f"{training['epochs']:.2f} epochs, {training['seconds']:.0f} s, ended by {training['stopped_by']}"
        )
    return rows


def scores(metrics: Mapping[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """What its figures are called, and for each part of the data and each model or baseline the figures."""
    found = {
        f"{part.replace('_', '-')}, {name}": figures
        for part in ("held_out", "test")
        for name, figures in metrics.get(part, {}).items()
    }
    keys = [key for key in FIGURES if any(figures.get(key) is not None for figures in found.values())]
    rows = {
        name: [format(figures[key], FIGURES[key][1]) if figures.get(key) is not None else "" for key in keys]
        for name, figures in found.items()
    }
    return [FIGURES[key][0] for key in keys], rows


def _network(network: Mapping[str, Any]) -> str:
    if "horizon" in network:
        return f"{network['network']}, {network['cell']}, {_units(network)} units, tells {network['distribution']}"
    if "rebuilding" in network:
        count = "" if len(network) == 1 else ", and one that reads forward"
        return _label_network(network["rebuilding"]) + count
    if "decoder" in network:
        return _pair_network(network["encoder"], network["decoder"])
    if network.get("head") == "transducer":
        said = f"after {network['symbols']:,} symbols by {network['cell']}, {_units(network)} units"
        return f"transducer: {_label_network(network['encoder'])}, {said}"
    return _text_network(network) if "vocabulary" in network else _label_network(network)


def _pair_network(encoder: Mapping[str, Any], decoder: Mapping[str, Any]) -> str:
    if "frame" in encoder:
        read = "regions of pictures"
    else:
        read = f"encoder of {_units(encoder)} units{' in both directions' if encoder['bidirectional'] else ''}"
    fed = " and input feeding" if decoder["input_feeding"] else ""
    asks = f"{decoder['attention']} attention{fed}"
    return f"{decoder['cell']}, {read}, decoder of {_units(decoder)} units, {asks}"


def _text_network(network: Mapping[str, Any]) -> str:
    tied = ", tied" if network["tie_weights"] else ""
    return f"{network['cell']}, {_units(network)} units, embedding {network['embedding_size']}{tied}"


def _label_network(network: Mapping[str, Any]) -> str:
    ways = " in both directions" if network["bidirectional"] else ""
    pooling = f", pooled by {' and '.join(network['pooling'])}" if network["pooling"] else ", scores at every step"
    bag = f", beside a bag of {network['bag']:,} features" if network["bag"] else ""
    return f"{network['cell']}, {_units(network)} units{ways}{pooling}{bag}, head {network['head']}"


def _units(network: Mapping[str, Any]) -> str:
    return " + ".join(map(str, network["hidden_sizes"]))


def _reads(config: Mapping[str, Any]) -> str:
    network, kind = config["network"], config["codec"]["kind"]
    if "horizon" in network:
        return f"windows of {network['context']:,} steps of series, for {network['horizon']:,} steps ahead"
    if "vocabulary" in network:
        return f"{kind}, {network['vocabulary']:,} symbols"
    if "decoder" in network and "frame" in network["encoder"]:
        return f"{kind}, {' x '.join(map(str, network['encoder']['frame']))} numbers each"
    if "decoder" in network:
        return f"{kind}, {config['codec']['symbols']:,} symbols"
    if "rebuilding" in network:
        return f"channels: {', '.join(config['codec']['names'][:NAMED])}"
    if network.get("head") == "transducer":
        network = network["encoder"]
    if network["symbols"]:
        return f"{kind}, {' and '.join(f'{count:,}' for count in network['symbols'])} symbols"
    return f"{kind}, frames of {' x '.join(map(str, network['frame']))} numbers"


def _writes(config: Mapping[str, Any]) -> str:
    target = config["target"] or config["codec"]
    return f"{target['kind']}, {target['symbols']:,} symbols"


def _says(answers: Mapping[str, Any]) -> str:
    names = answers["names"]
    what = {"class": "one of", "classes": "any of", "tags": "at every step one of", "numbers": "how much:"}
    some = f"{len(names):,} labels" if len(names) > NAMED else ", ".join(names)
    return f"{what[answers['kind']]} {some}"
