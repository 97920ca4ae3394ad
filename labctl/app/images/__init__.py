"""Use cases of the image store: list, fetch, build, import, pin and remove images."""
