"""The library's public names, which `import labctl` has."""

from labctl.app.lab import Lab
from labctl.app.prepare import Prepared
from labctl.app.status import Status
from labctl.app.validate import Verdict
from labctl.core.address import Address
from labctl.core.errors import (
    Interrupted,
    LabctlError,
    LabHeld,
    NotReady,
    Problem,
    Refused,
    Rejected,
    RunFailed,
    StoppedAtOnce,
    Untrusted,
    UsageError,
)
from labctl.core.events import (
    ConsoleLine,
    Diagnostic,
    Ending,
    Event,
    Finished,
    PlanReady,
    Sink,
    StepDone,
    StepFailed,
    StepOutput,
    StepProgress,
    StepSkipped,
    StepStarted,
    VmStage,
)
from labctl.core.host_reach import HostReach
from labctl.core.plan import Action, Plan, Step

__all__ = [
    "Action",
    "Address",
    "ConsoleLine",
    "Diagnostic",
    "Ending",
    "Event",
    "Finished",
    "HostReach",
    "Interrupted",
    "Lab",
    "LabHeld",
    "LabctlError",
    "NotReady",
    "Plan",
    "PlanReady",
    "Prepared",
    "Problem",
    "Refused",
    "Rejected",
    "RunFailed",
    "Sink",
    "Status",
    "Step",
    "StepDone",
    "StepFailed",
    "StepOutput",
    "StepProgress",
    "StepSkipped",
    "StepStarted",
    "StoppedAtOnce",
    "Untrusted",
    "UsageError",
    "Verdict",
    "VmStage",
]
