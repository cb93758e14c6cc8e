"""Every option of Elman, each a documented field of a frozen dataclass, and the only place of options.

The command line, YAML files and Python keyword arguments all come from here: a field's name is the
keyword and (with dashes) the flag, its ``help`` is the text of ``--help``, its annotation is the parser.
Names are unique across the sections of one settings class, so ``hidden_size`` needs no prefix anywhere.
"""

from elman.settings.caption import CaptionerSettings, CaptionInputSettings
from elman.settings.channels import AlarmSettings, AnomalySettings, ImputerSettings
from elman.settings.forecast import ForecastNetworkSettings, ForecastSettings, WindowSettings
from elman.settings.labels import (
    ClassifierSettings,
    DataSettings,
    InputSettings,
    LabelNetworkSettings,
    LabelSettings,
    RegressorSettings,
    SignalSettings,
    TaggerSettings,
)
from elman.settings.language_model import (
    DemoSettings,
    GenerationSettings,
    LanguageModelSettings,
    NetworkSettings,
    PredictionSettings,
    ScoringSettings,
    TextSettings,
)
from elman.settings.machinery import (
    AUTO,
    Auto,
    Duration,
    Settings,
    alternatives,
    describe,
    fields_of,
    flat,
    option,
    parse,
    read_yaml,
    to_dict,
    update,
)
from elman.settings.training import TrainingSettings
from elman.settings.transcribe import (
    DecodingSettings,
    TranscriberNetworkSettings,
    TranscriberSettings,
    TranscriptSettings,
)
from elman.settings.translate import (
    ObjectiveSettings,
    PairNetworkSettings,
    PairTextSettings,
    PenaltySettings,
    TranslatorSettings,
    WritingSettings,
)

__all__ = [
    "AUTO",
    "AlarmSettings",
    "AnomalySettings",
    "Auto",
    "CaptionInputSettings",
    "CaptionerSettings",
    "ClassifierSettings",
    "DataSettings",
    "DecodingSettings",
    "DemoSettings",
    "Duration",
    "ForecastNetworkSettings",
    "ForecastSettings",
    "GenerationSettings",
    "ImputerSettings",
    "InputSettings",
    "LabelNetworkSettings",
    "LabelSettings",
    "LanguageModelSettings",
    "NetworkSettings",
    "ObjectiveSettings",
    "PairNetworkSettings",
    "PairTextSettings",
    "PenaltySettings",
    "PredictionSettings",
    "RegressorSettings",
    "ScoringSettings",
    "Settings",
    "SignalSettings",
    "TaggerSettings",
    "TextSettings",
    "TrainingSettings",
    "TranscriberNetworkSettings",
    "TranscriberSettings",
    "TranscriptSettings",
    "TranslatorSettings",
    "WindowSettings",
    "WritingSettings",
    "alternatives",
    "describe",
    "fields_of",
    "flat",
    "option",
    "parse",
    "read_yaml",
    "to_dict",
    "update",
]
