"""Who gets what: all subscriptions, and for a topic the ways that a message goes.

Idea      The filters stand in the broker's own router. What it finds for a topic is folded into a
          plan, which is kept until a subscription changes: one Way a session, and the shared groups.
Overlap   Several filters of one session that fit are one delivery: at the highest QoS, with the
          identifiers of all. (MQTT lets a server send one a filter instead [MQTT-3.3.4-2]; most do one
          or the other, and few say which.)
Not here  Delivering (server.py), choosing a member of a group (shares.py).
Source    MQTT 5.0, 3.3.4 "PUBLISH actions", 3.8.3.1 "Subscription Options", 4.8.2 "Shared Subscriptions".
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minibroker.errors import InvalidArgument
from minibroker.mqtt.copy import Identifiers
from minibroker.mqtt.packets import Subscription
from minibroker.router import REMEMBERED, Router
from minibroker.topic_filter import checked_filter

if TYPE_CHECKING:
    from minibroker.mqtt.session import Session
    from minibroker.mqtt.shares import Group

SHARE = "$share/"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One subscription of one session."""

    session: "Session"
    wish: Subscription
    identifier: int | None = None

    @property
    def identifiers(self) -> Identifiers:
        """Its own one, if it has one."""
        return () if self.identifier is None else (self.identifier,)


class Way:
    """How a message goes to one session: all of its entries that fit, folded."""

    __slots__ = ("entries", "identifiers", "no_local", "qos", "retain_as_published", "session")

    def __init__(self, session: "Session", entries: list[Entry]) -> None:
        self.session = session
        self.entries = entries
        self.qos = max(entry.wish.qos for entry in entries)
        self.retain_as_published = any(entry.wish.retain_as_published for entry in entries)
        self.no_local = any(entry.wish.no_local for entry in entries)
        self.identifiers: Identifiers = tuple(i for entry in entries for i in entry.identifiers)

    def for_own(self) -> "Way | None":
        """The way of what the session published itself: without those that are no_local [MQTT-3.8.3-3]."""
        rest = [entry for entry in self.entries if not entry.wish.no_local]
        return Way(self.session, rest) if rest else None


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a message on one topic goes."""

    ways: list[Way]
    groups: list["Group"]


class Subscriptions:
    """All entries and groups, by filter."""

    def __init__(self) -> None:
        self._router: Router[Entry | Group] = Router()
        self._plans: dict[str, Plan] = {}
        self._planned_at = 0  # how often the router had changed by then

    def __len__(self) -> int:
        """How many filters are bound (a group counts once)."""
        return len(self._router)

    def add(self, filter: str, target: "Entry | Group") -> None:
        """From now on `target` is in the plans of what fits `filter`."""
        self._router.bind(filter, target)

    def remove(self, filter: str, target: "Entry | Group") -> None:
        """And from now on not."""
        self._router.unbind(filter, target)

    def plan(self, topic: str) -> Plan:
        """Where a message on `topic` goes, the oldest subscription first."""
        if self._planned_at != self._router.changes:
            self._plans.clear()
            self._planned_at = self._router.changes
        plan = self._plans.get(topic)
        if plan is None:
            if len(self._plans) >= REMEMBERED:
                self._plans.clear()
            plan = self._plans[topic] = self._make(topic)
        return plan

    def _make(self, topic: str) -> Plan:
        entries: dict[Session, list[Entry]] = {}
        groups: list[Group] = []
        for target in self._router.match(topic):
            if isinstance(target, Entry):
                entries.setdefault(target.session, []).append(target)
            else:
                groups.append(target)
        return Plan([Way(session, mine) for session, mine in entries.items()], groups)


def split_share(filter: str) -> tuple[str | None, str]:
    """(name of the group, filter) of `$share/name/filter`; (None, filter) of any other.

    InvalidArgument if either cannot be [MQTT-4.7.1-1, MQTT-4.8.2-1, MQTT-4.8.2-2].
    """
    if not filter.startswith(SHARE):
        return None, checked_filter(filter)
    name, slash, rest = filter.removeprefix(SHARE).partition("/")
    if not name or not slash or "+" in name or "#" in name:
        raise InvalidArgument(
            f"a shared subscription is '$share/name/filter', the name without wildcards; got {filter[:80]!r}"
        )
    return name, checked_filter(rest)
