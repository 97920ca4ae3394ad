"""What a command that goes on says, line by line."""

import signal
import threading
import time

PROMPT_S = 60.0


class Following:
    """A command that goes on until it is interrupted, and its lines so far."""

    def __init__(self, process):
        self.process, self.lines = process, []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def until(self, wanted, after=0):
        """Wait until a line fits, of those after the first ones, and give the number of lines up to it."""
        deadline = time.monotonic() + PROMPT_S
        while not (
            found := next((at for at, line in enumerate(self.lines, 1) if at > after and wanted(line)), 0)
        ):
            assert time.monotonic() < deadline, self.lines[-30:]
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.1)
        return found

    def interrupted(self):
        """Press Ctrl-C, and give the exit code and what was said to the user."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        return code, self.process.stderr.read()
