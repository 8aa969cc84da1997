"""A source of chance that says what it is told: 0 is the bottom of every range, 1 is its top."""

from random import Random


class Scripted(Random):
    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def random(self) -> float:
        return self.share
