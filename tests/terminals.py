"""Terminals of tests, and what labctl writes for them."""

import io
import re

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")  # what moves and colours, and shows nothing


class Tty(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True
