"""Ways into guests: SSH, labctl's port, consoles, and the keys for them."""
