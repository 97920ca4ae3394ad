"""labctl makes a lab, several virtual machines and the networks between them, out of one file, on libvirt."""

__version__ = "0.1.0"
