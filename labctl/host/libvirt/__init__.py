"""One libvirt: its connection, what it can do, and what it tells of domains, networks, pools and volumes."""
