"""The absolute path of a Labfile.

The path identifies the lab, so it must be the same from every working directory and through every symbolic link.
"""

import os
import unicodedata

# libvirt keeps the path in XML, and messages show it on one line. These Unicode categories, and two code points that
# Unicode reserves as no characters, don't fit there.
_UNFIT = {
    "Cc": "a control character",
    "Cs": "bytes that are not UTF-8",
    "Zl": "a line's end",
    "Zp": "a line's end",
}
_NONCHARACTERS = "\ufffe\uffff"


def absolute_path(source: str | os.PathLike[str]) -> str:
    """The absolute path of a Labfile, with links in its folder resolved.

    A Labfile that is itself a link is not resolved: relative paths in it start from the folder of the link.
    """
    folder, name = os.path.split(source)
    return os.path.join(os.path.realpath(folder), name)


def unusable_reason(path: str) -> str:
    """What in this absolute path makes it unusable for a Labfile, as `a control character`; empty if it is usable."""
    for each in path if not path.isascii() or not path.isprintable() else ():
        if each in _NONCHARACTERS:
            return "no character"
        if found := _UNFIT.get(unicodedata.category(each), ""):
            return found
    if "${" in os.path.dirname(path):
        return "${, which OpenSSH takes for a variable of the environment"
    return ""
