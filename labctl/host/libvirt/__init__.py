"""A libvirt host: its connection, its capabilities, and its domains, networks, pools and volumes."""
