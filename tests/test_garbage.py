"""A test that looks for leaks is not misled by what another thread is busy with."""

from __future__ import annotations

import gc
import threading
import weakref

from tests.garbage import Circle, collect_garbage


class TakesLong(Circle):
    began, may_end = threading.Event(), threading.Event()

    def __del__(self) -> None:
        self.began.set()
        self.may_end.wait(60)


def test_garbage_is_collected_though_another_thread_is_in_the_middle_of_it():
    gc.disable()  # or this thread may come upon the one that takes long
    try:
        TakesLong()
        other = threading.Thread(target=gc.collect)
        other.start()
        assert TakesLong.began.wait(60)
        circle = weakref.ref(Circle())
        assert gc.collect() == 0
        assert circle() is not None

        threading.Timer(0.05, TakesLong.may_end.set).start()
        collect_garbage()

        assert circle() is None
    finally:
        TakesLong.may_end.set()
        gc.enable()
        other.join()
