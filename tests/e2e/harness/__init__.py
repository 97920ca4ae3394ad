"""A private libvirtd for tests: `python -m tests.e2e.harness -- CMD ...`.

CMD runs with its own mount, network, PID and IPC namespaces, in which `qemu:///system` is a libvirtd that knows
nothing of the host's. When CMD ends, or when anything kills the launcher, the kernel ends every process inside.
"""
