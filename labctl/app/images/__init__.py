"""Use cases of the image store: what is there, what can be had, what may go."""
