"""Who reads which partition? Three ways to share them out.

Idea      A pure function: who subscribed to what, and how many partitions there are, gives who
          owns which. Each partition has one owner, so a group cannot use more members
          than there are partitions: the others get nothing, and wait.
          range        per topic, in runs: good for joining two topics by key; but the first
                       members get the extra one of *each* topic
          round_robin  all partitions in turn: even, but one member less moves nearly all
          sticky       even, and each keeps what it had: what does not move needs no
                       second reading of what was not yet committed
Not here  When to do it (consumer_group.py).
Source    Kafka's RangeAssignor, RoundRobinAssignor and StickyAssignor (KIP-54): partitions by
          number, topics and members by name. Sticky here moves partitions one at a time
          between two members; where members subscribe to different topics, Kafka's
          also tries chains of moves.
"""

from collections.abc import Callable, Collection, Mapping

from minibroker.errors import InvalidArgument

TopicPartition = tuple[str, int]
Assignment = dict[str, list[TopicPartition]]  # member -> what it owns, sorted; every member has an entry
Subscriptions = Mapping[str, Collection[str]]  # member -> topics
Assignor = Callable[[Subscriptions, Mapping[str, int], Mapping[str, Collection[TopicPartition]]], Assignment]


def assign_range(
    members: Subscriptions,
    partitions: Mapping[str, int],
    before: Mapping[str, Collection[TopicPartition]],
) -> Assignment:
    """Each topic for itself: n partitions over m members, the first n % m of them get one more."""
    owned: Assignment = {member: [] for member in sorted(members)}
    for topic in sorted(partitions):
        readers = [member for member in owned if topic in members[member]]
        start = 0
        for place, member in enumerate(readers):
            share, extra = divmod(partitions[topic], len(readers))
            end = start + share + (1 if place < extra else 0)
            owned[member] += [(topic, number) for number in range(start, end)]
            start = end
    return owned


def assign_round_robin(
    members: Subscriptions,
    partitions: Mapping[str, int],
    before: Mapping[str, Collection[TopicPartition]],
) -> Assignment:
    """All partitions of all topics in a row, dealt out in turn to those who subscribed."""
    owned: Assignment = {member: [] for member in sorted(members)}
    order, turn = list(owned), 0
    for topic, number in _all(members, partitions):
        while topic not in members[order[turn % len(order)]]:
            turn += 1
        owned[order[turn % len(order)]].append((topic, number))
        turn += 1
    return owned


def assign_sticky(
    members: Subscriptions,
    partitions: Mapping[str, int],
    before: Mapping[str, Collection[TopicPartition]],
) -> Assignment:
    """Each keeps what it had; the free ones go to who has least; then as few as possible move."""
    free = _all(members, partitions)
    owned: Assignment = {member: [] for member in sorted(members)}
    for member in owned:
        owned[member] = [tp for tp in free if tp in before.get(member, ()) and tp[0] in members[member]]
        free = [tp for tp in free if tp not in owned[member]]
    for tp in free:
        readers = [member for member in owned if tp[0] in members[member]]
        owned[min(readers, key=lambda member: len(owned[member]))].append(tp)
    while move := _one_move_to_balance(members, owned):
        tp, source, target = move
        owned[source].remove(tp)
        owned[target].append(tp)
    return {member: sorted(own) for member, own in owned.items()}


def _one_move_to_balance(members: Subscriptions, owned: Assignment) -> tuple[TopicPartition, str, str] | None:
    """From who has most to who has least, if that is a difference of two or more; None: it is even."""
    for source in sorted(owned, key=lambda member: -len(owned[member])):
        for target in sorted(owned, key=lambda member: len(owned[member])):
            if len(owned[source]) - len(owned[target]) < 2:
                break
            for tp in reversed(owned[source]):
                if tp[0] in members[target]:
                    return tp, source, target
    return None


def _all(members: Subscriptions, partitions: Mapping[str, int]) -> list[TopicPartition]:
    """Every partition that somebody subscribed to, by topic and number."""
    wanted = {topic for topics in members.values() for topic in topics}
    return [(topic, n) for topic in sorted(wanted) for n in range(partitions[topic])]


ASSIGNORS: dict[str, Assignor] = {
    "range": assign_range,
    "round_robin": assign_round_robin,
    "sticky": assign_sticky,
}


def assignor(name: str) -> Assignor:
    """The assignor of that name."""
    if name not in ASSIGNORS:
        raise InvalidArgument(f"no assignor {str(name)[:40]!r}; there are: {', '.join(ASSIGNORS)}")
    return ASSIGNORS[name]


def by_topic(partitions: tuple[TopicPartition, ...]) -> dict[str, list[int]]:
    """(("orders", 0), ("orders", 1)) as {"orders": [0, 1]}."""
    found: dict[str, list[int]] = {}
    for topic, number in partitions:
        found.setdefault(topic, []).append(number)
    return found


def in_words(partitions: tuple[TopicPartition, ...]) -> str:
    """ "orders/0, orders/1", for people."""
    return ", ".join(f"{topic}/{number}" for topic, number in partitions) or "no partition"
