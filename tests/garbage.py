"""gc.collect(), for certain.

Idea      While one thread collects garbage, gc.collect() in another does nothing, and does not say so.
          That one may take seconds, if something that it lets go of waits as it ends.
          So collect until a circle that was made for it is gone.
"""

from __future__ import annotations

import gc
import time
import weakref


class Circle:
    def __init__(self) -> None:
        self.itself = self


def collect_garbage() -> None:
    """All that nobody can reach, at once or as soon as another thread is done with it."""
    circle = weakref.ref(Circle())
    while True:
        gc.collect()
        if circle() is None:
            return
        time.sleep(0.01)
