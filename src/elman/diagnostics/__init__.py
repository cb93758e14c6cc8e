"""What a model remembers, as numbers and pictures: each diagnosis is one function of a `elman.nn.subject.Subject`.

A diagnosis reads a model and never changes it. Its result has ``plot()``, ``to_dict()`` and a few sentences as text.
"""

from elman.diagnostics.ablation import Ablation, ablation
from elman.diagnostics.activity import Activity, activity
from elman.diagnostics.attribution import Attribution, attribution
from elman.diagnostics.capacity import Capacity, capacity, plot_capacities
from elman.diagnostics.context import Context, Usable, context, plot_contexts
from elman.diagnostics.excitation import Excitation, excitation
from elman.diagnostics.findings import Finding, findings
from elman.diagnostics.gradient_flow import GradientFlow, gradient_flow, plot_gradient_flows
from elman.diagnostics.half_life import HalfLife, half_life
from elman.diagnostics.inspection import Inspection, inspect
from elman.diagnostics.jacobian import Jacobian, jacobian
from elman.diagnostics.lyapunov import Lyapunov, lyapunov, plot_spectra
from elman.diagnostics.memory import Memory, input_to_state, memory
from elman.diagnostics.reach_log import ReachLog
from elman.diagnostics.report import write_report
from elman.diagnostics.same_input import SameInput, same_input
from elman.diagnostics.saturation import Saturation, saturation
from elman.diagnostics.units import Units, units

__all__ = [
    "Ablation",
    "Activity",
    "Attribution",
    "Capacity",
    "Context",
    "Excitation",
    "Finding",
    "GradientFlow",
    "HalfLife",
    "Inspection",
    "Jacobian",
    "Lyapunov",
    "Memory",
    "ReachLog",
    "SameInput",
    "Saturation",
    "Units",
    "Usable",
    "ablation",
    "activity",
    "attribution",
    "capacity",
    "context",
    "excitation",
    "findings",
    "gradient_flow",
    "half_life",
    "input_to_state",
    "inspect",
    "jacobian",
    "lyapunov",
    "memory",
    "plot_capacities",
    "plot_contexts",
    "plot_gradient_flows",
    "plot_spectra",
    "same_input",
    "saturation",
    "units",
    "write_report",
]
