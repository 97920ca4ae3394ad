"""How many threads are somewhere at the same time."""

import threading


class AtOnce:
    """Its block is what they are in; `most` is how many were at one moment."""

    def __init__(self):
        self._lock, self._now, self.most = threading.Lock(), 0, 0

    def __enter__(self):
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_error):
        with self._lock:
            self._now -= 1
