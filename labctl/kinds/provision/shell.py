"""Runs a step's script in a guest."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING

from labctl import resources
from labctl.kinds.provision import guest_log
from labctl.kinds.provision.job import REBOOTS
from labctl.kinds.provision.output import Output
from labctl.kinds.provision.work import Shell

if TYPE_CHECKING:
    from labctl.host.access.transport import Transport
    from labctl.kinds.provision.job import Job
    from labctl.kinds.provision.spec import ProvisionSpec, Target

SIGNALLED = 128  # exit codes above it mean a signal, as in sh
_ENDED = f"a signal ended it, as in a guest that restarts; if so {REBOOTS}"


async def run(job: Job) -> None:
    """Run the script in each VM.

    Raises:
        NotReady: it failed in one of them.
    """
    await job.in_each(partial(_run, job))


async def _run(job: Job, target: Target, way: Transport) -> None:
    work = job.spec.work
    assert isinstance(work, Shell)
    output = Output(lambda line: job.tell.output(target.vm, line))
    done = await way.run(
        script(job.spec, work),
        stdin=read_by_it(job.spec, work, target),
        stdout=output,
        stderr=output,
        timeout=None,
    )
    output.end()
    if done.exit_code:
        hint = _ENDED if done.exit_code > SIGNALLED else ""
        raise job.failure(target, f"exit code {done.exit_code}{output.last}", hint)


def script(spec: ProvisionSpec, work: Shell) -> str:
    """What the guest's shell runs. All users of the guest can read it: nothing of the step is in it but its name."""
    settings = f"user={shlex.quote(spec.user)}\nprogram={shlex.quote(program(work.text))}\n"
    return settings + guest_log.begins(spec) + resources.text("templates/guest/provision.sh")


def program(text: str) -> str:
    """What runs a script, as a command for sh: as its first line says, in the way of the kernel, else `sh -e`.

    The script itself may be in a folder from which nothing can be run.
    """
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        return "sh -e"
    return shlex.join(first[2:].strip().split(None, 1)) or "sh -e"


def read_by_it(spec: ProvisionSpec, work: Shell, target: Target) -> bytes:
    """What `templates/guest/provision.sh` reads: the number of lines of the environment, these lines, the script."""
    env = {"LABCTL_VM": target.vm, "LABCTL_INDEX": target.index, **dict(spec.env)}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
    return f"{exports.count(chr(10))}\n{exports}{work.text}".encode()
