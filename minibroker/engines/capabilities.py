"""What an engine can do, and for what it cannot: why not, and what to do instead.

Idea      One client for several engines tempts to paper over what they do not share: a delay by a
          sleeping task, a lease that ends by a timer in the client. Such a thing holds until the
          process that fakes it dies, which is when it was needed. So what an engine lacks is
          data, to be looked at before, and a typed error when it is asked for all the same.
Not here  What an engine does have but does otherwise: divergences.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from minibroker.errors import Unsupported


class Capability(StrEnum):
    """Something that not every engine has. All else of the client works on each."""

    QUEUES = "queues"  # each message is for one consumer, who acks it
    LEASE_TIMEOUT = "visibility_timeout"  # a delivery that nobody settles comes back after a time
    EXTEND = "extend"  # ... which its holder can make longer
    RELEASE = "release"  # giving back without counting a delivery
    DELAY = "delay"  # of a send or a nack
    TTL = "ttl"
    GROUP = "group"  # messages of one group one after the other
    DEDUP = "dedup_id"
    PEEK = "peek"
    SNAPSHOT = "snapshot"
    REDRIVE = "redrive"

    TOPICS = "topics"  # a log: records stay, readers have offsets
    APPEND_MANY = "append_many"  # a batch, all or none
    SEQUENCE = "sequence"  # appends that the caller numbers
    STICKY = "sticky"  # an assignor
    RETENTION_RECORDS = "retention_records"  # a partition that keeps so many records at most

    PUBLISH = "publish"  # to a subject; whoever subscribes by a filter that fits receives it


# What is nothing without another: an engine that lacks the second lacks the first, for its reason.
PART_OF = {
    **dict.fromkeys(
        (
            Capability.LEASE_TIMEOUT,
            Capability.EXTEND,
            Capability.RELEASE,
            Capability.DELAY,
            Capability.TTL,
            Capability.GROUP,
            Capability.DEDUP,
            Capability.PEEK,
            Capability.SNAPSHOT,
            Capability.REDRIVE,
        ),
        Capability.QUEUES,
    ),
    **dict.fromkeys(
        (
            Capability.APPEND_MANY,
            Capability.SEQUENCE,
            Capability.STICKY,
            Capability.RETENTION_RECORDS,
        ),
        Capability.TOPICS,
    ),
}


class Lack(NamedTuple):
    """Why an engine does not have something, and what its users do."""

    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine of that name lacks; the rest it has."""

    engine: str
    lacks: Mapping[Capability, Lack]

    def lack(self, capability: Capability) -> Lack | None:
        """Why the engine does not have it, or None if it does."""
        if capability in self.lacks:
            return self.lacks[capability]
        whole = PART_OF.get(capability)
        return None if whole is None else self.lacks.get(whole)

    def has(self, capability: Capability) -> bool:
        """Can it be asked for?"""
        return self.lack(capability) is None

    def require(self, capability: Capability) -> None:
        """Unsupported, with the reason, if the engine does not have it."""
        if not self.has(capability):
            raise self.unsupported(capability)

    def unsupported(self, capability: Capability) -> Unsupported:
        """The error for what the engine lacks."""
        lack = self.lack(capability)
        if lack is None:
            raise ValueError(f"{self.engine} does have {capability}")
        return Unsupported(
            f"{self.engine} does not have {capability}: {lack.why}. Instead: {lack.instead}",
            engine=self.engine,
            capability=capability,
        )

    def table(self) -> list[tuple[str, str, str]]:
        """All of it, to be shown: capability, "yes" or why not, what to do instead."""
        rows = ((capability, self.lack(capability)) for capability in Capability)
        return [(str(c), lack.why, lack.instead) if lack else (str(c), "yes", "") for c, lack in rows]
