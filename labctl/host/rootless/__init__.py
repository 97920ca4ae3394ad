"""A user's own libvirt: the system's libvirtd in namespaces of this user, who has no rights outside of them.

`world` starts and ends it, `holder` is the process that keeps it, `init` its PID 1, `contents` what it sees of the
machine. `joining` brings labctl in, which goes on there as root on `qemu:///system`; `outside` is what it may still ask
of the process that it left outside (docs/adr/0047-rootless.md).
"""
