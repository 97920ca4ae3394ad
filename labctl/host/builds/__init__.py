"""Images built from packages with mmdebstrap."""
