"""What belongs to the whole process is the command line's alone: a program that calls labctl has its own ways."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "labctl"
MODULES = {"signal", "gc", "atexit"}
CALLS = {"print", "input", "sys.exit", "os._exit", "os.execvp", "sys.stdout.write", "sys.stderr.write"}
NAMES = {call.rpartition(".")[2] for call in CALLS}
ALLOWED = {
    "host/images/qemu_img.py": "reads which signal ended qemu-img",
    "host/access/shared_ssh.py": "ends ways through a VM that is gone",
    "host/machine/forwarders.py": "ends the forwarders that it started",
    "host/machine/command.py": "sends signals to the commands that it started",
    "host/rootless/world.py": "asks PID 1 of a user's own libvirt to end",
    "host/rootless/holder.py": "a process of its own, which outlasts the terminal",
    "host/rootless/init.py": "a process of its own, PID 1",
    "host/rootless/joining.py": "the process outside follows the one inside, and those between end",
    "labfile/docs.py": "a program of its own, which writes docs/labfile.md",
    "__main__.py": "the command line's entry",
}


def reaches_out(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import) and MODULES & {each.name for each in node.names}:
            return True
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            return True
        if isinstance(node, ast.Call) and calls_one_of_them(node.func):
            return True
    return False


def calls_one_of_them(function: ast.expr) -> bool:
    """Few have such a name at all, and unparsing takes most of the time."""
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name in NAMES and ast.unparse(function) in CALLS


def test_signals_exits_and_printing_are_in_cli_alone():
    found = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if reaches_out(path)}
    assert {each for each in found if not each.startswith("cli/")} == set(ALLOWED)
