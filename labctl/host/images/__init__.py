"""Untrusted image files: their format is detected, and they are checked, decompressed and converted."""
