"""A libvirt host and its machine, a room for each part of it."""
