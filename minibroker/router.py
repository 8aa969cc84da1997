"""Router: publish to a subject; whatever is bound by a filter that fits receives it.

Idea      A publisher names a subject, not a receiver. Receivers bind themselves by filters,
          so that a new one needs no change at the publisher's. All filters are in one
          tree, a branch a level, so that finding those that fit costs by the levels of
          the subject, not by the number of bindings.
Targets   may be anything hashable: the names of a queue or log (publishing.py), a client's
          subscription (mqtt/). A target is found once, however many of its filters fit, in
          the order in which the first of these was bound.
Not here  What a filter is (topic_filter.py), delivering (whoever asked).
Source    MQTT 5.0, 4.7. RabbitMQ's topic exchange is the same with dots, and `*` for `+`.
"""

from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

from minibroker.topic_filter import checked_filter, checked_subject

Target = TypeVar("Target", bound=Hashable)

REMEMBERED = 1_024  # subjects: services publish to few, again and again


class _Node(Generic[Target]):
    """The filters that begin with the same levels."""

    __slots__ = ("children", "targets")

    def __init__(self) -> None:
        self.children: dict[str, _Node[Target]] = {}  # by the next level, which may be + or #
        self.targets: dict[Target, int] = {}  # of the filter that ends here: when each was bound


class Router(Generic[Target]):
    """Filters and what is bound by them. `changes` counts binds and unbinds, for whoever caches."""

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()
        self._bound: dict[tuple[str, Target], int] = {}  # in order
        self._numbers = count()
        self._recent: dict[str, tuple[Target, ...]] = {}
        self.changes = 0

    def __len__(self) -> int:
        """How many bindings there are."""
        return len(self._bound)

    def bindings(self) -> list[tuple[str, Target]]:
        """All of them, (filter, target), in the order in which they were made."""
        return list(self._bound)

    def bind(self, filter: str, target: Target) -> bool:
        """From now on `target` receives what fits `filter`. False if it was bound so before.

        InvalidArgument if no subject can fit it (topic_filter.py).
        """
        if (checked_filter(filter), target) in self._bound:
            return False
        node = self._root
        for level in filter.split("/"):
            node = node.children.setdefault(level, _Node())
        node.targets[target] = self._bound[filter, target] = next(self._numbers)
        self._changed()
        return True

    def unbind(self, filter: str, target: Target) -> bool:
        """Take that binding back; others of the target stay. False if there was none."""
        if self._bound.pop((filter, target), None) is None:
            return False
        levels = filter.split("/")
        path = [self._root]
        for level in levels:
            path.append(path[-1].children[level])
        del path[-1].targets[target]
        for level in reversed(levels):  # what leads nowhere any more goes
            node = path.pop()
            if node.targets or node.children:
                break
            del path[-1].children[level]
        self._changed()
        return True

    def match(self, subject: str) -> tuple[Target, ...]:
        """The targets of all filters that fit `subject`, each once, the first bound first.

        InvalidArgument if one cannot publish to it.
        """
        found = self._recent.get(subject)
        if found is None:
            found = self._search(checked_subject(subject))
            if len(self._recent) >= REMEMBERED:
                self._recent.clear()
            self._recent[subject] = found
        return found

    def _search(self, subject: str) -> tuple[Target, ...]:
        found: dict[Target, int] = {}

        def collect(node: _Node[Target] | None) -> None:
            if node is not None:
                for target, number in node.targets.items():
                    found[target] = min(number, found.get(target, number))

        wildcards = not subject.startswith("$")  # at the first level; further down, always
        nodes = [self._root]
        for level in subject.split("/"):
            reached = []
            for node in nodes:
                if wildcards:
                    collect(node.children.get("#"))
                for step in (level, "+") if wildcards else (level,):
                    if step in node.children:
                        reached.append(node.children[step])
            nodes, wildcards = reached, True
        for node in nodes:
            collect(node)
            collect(node.children.get("#"))
        return tuple(sorted(found, key=found.__getitem__))

    def _changed(self) -> None:
        self.changes += 1
        self._recent.clear()
