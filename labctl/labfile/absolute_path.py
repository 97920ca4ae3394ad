"""The path of a Labfile. It identifies the lab, so it must be the same from every folder and through every link."""

import os
import unicodedata

# Characters that XML, in which libvirt keeps the path, or a line of text can't hold: controls, line ends, bytes that
# are not UTF-8, and two that Unicode says are none.
_UNFIT = {
    "Cc": "a control character",
    "Cs": "bytes that are not UTF-8",
    "Zl": "a line's end",
    "Zp": "a line's end",
}
_NO_CHARACTERS = "\ufffe\uffff"


def absolute_path(source: str | os.PathLike[str]) -> str:
    """Its path as its own folder has it; a Labfile that is a link itself stays where the link is."""
    folder, name = os.path.split(source)
    return os.path.join(os.path.realpath(folder), name)


def unusable_reason(path: str) -> str:
    """Why no lab can be made from a Labfile at this absolute path, as `a control character`; empty where one can."""
    for each in path if not path.isascii() or not path.isprintable() else ():
        if each in _NO_CHARACTERS:
            return "no character"
        if found := _UNFIT.get(unicodedata.category(each), ""):
            return found
    if "${" in os.path.dirname(path):
        return "${, which OpenSSH takes for a variable of the environment"
    return ""
