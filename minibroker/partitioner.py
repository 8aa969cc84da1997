"""Which partition? The one that Kafka's Java client would choose.

Idea      A hash of the key, modulo the number of partitions: whoever knows the key knows the
          partition, and no table has to be kept or asked. So records of one key are in one
          partition, in order. The price: another number of partitions sends (most) keys
          elsewhere, and what is already written does not move with them.
No key    A record without a key goes to the next partition in turn: round-robin. Those of one
          batch stay together, as in Kafka since 2.4 (its "sticky" partitioner).
Speed     The hash is a loop in Python, so the partitions of keys in use are remembered.
Source    Kafka's BuiltInPartitioner: toPositive(murmur2(key)) % partitions, over the key's
          bytes (here UTF-8, as its StringSerializer writes). MurmurHash2 is Austin Appleby's;
          the seed is Kafka's. librdkafka's default is another (crc32 of the key): two
          producers with different partitioners break the order of a key between them.
"""

from collections.abc import Iterable
from struct import iter_unpack
from typing import Any

from minibroker.errors import InvalidArgument
from minibroker.record import Row, checked_key, row_of

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_SHIFT = 24
_32_BITS = 0xFFFFFFFF
_REMEMBERED = 65_536  # keys; then it forgets them all and begins again


def murmur2(data: bytes) -> int:
    """MurmurHash2 of `data`, as a signed 32-bit integer, as Java has it."""
    whole = len(data) - len(data) % 4
    hashed = (_SEED ^ len(data)) & _32_BITS
    for (block,) in iter_unpack("<I", data[:whole]):
        block = block * _MIX & _32_BITS
        block ^= block >> _SHIFT
        hashed = (hashed * _MIX ^ block * _MIX) & _32_BITS
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _MIX & _32_BITS
    hashed ^= hashed >> 13
    hashed = hashed * _MIX & _32_BITS
    hashed ^= hashed >> 15
    return hashed - (1 << 32) if hashed >> 31 else hashed


def to_positive(number: int) -> int:
    """`number` without its sign bit. Not abs(): that would send -1 elsewhere than Kafka does."""
    return number & 0x7FFFFFFF


def partition_for(key: str, partitions: int) -> int:
    """The number of the partition, 0 to `partitions` - 1, in which the records of `key` are."""
    return to_positive(murmur2(key.encode())) % partitions


class Partitioner:
    """Chooses one of so many `partitions`. `keyless` False: a record needs a key.

    `turn` is where the next record without a key goes. InvalidArgument for a key that is neither None nor
    a string that UTF-8 can write.
    """

    def __init__(self, partitions: int, *, turn: int = 0, keyless: bool = True) -> None:
        self.partitions = partitions
        self.turn = turn
        self._keyless = keyless
        self._known: dict[str | None, int] = {}  # key -> partition

    def choose(self, key: Any) -> int:
        """The partition of one record."""
        try:
            return self._known[key]
        except (KeyError, TypeError):  # a new key, or what no dict takes as one
            return self._choose(self.check(key))

    def group(self, records: Iterable[Any]) -> list[list[Row]]:
        """For each partition its (key, value) or (key, value, headers), in the order in which they came."""
        batches: list[list[Row]] = [[] for _ in range(self.partitions)]
        known = self._known
        try:
            for record in records:
                try:
                    key, _ = record
                    number = known[key]
                except (KeyError, TypeError, ValueError):  # a new key, or headers, or this is no record
                    record = row_of(record)
                    number = known[record[0]] = self.choose(record[0])
                if type(record) is not tuple:  # a list might be changed after it was handed over
                    record = row_of(record)
                batches[number].append(record)
        finally:
            known.pop(None, None)  # the next batch without keys goes elsewhere
        return batches

    def check(self, key: Any) -> str | None:
        """`key`, if a record may have it."""
        if key is None and not self._keyless:
            raise InvalidArgument("this topic is compacted by key: a record needs one")
        return checked_key(key)

    def _choose(self, key: str | None) -> int:
        if key is None:
            number, self.turn = self.turn, (self.turn + 1) % self.partitions
            return number
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        try:
            number = self._known[key] = partition_for(key, self.partitions)
        except UnicodeEncodeError as error:
            raise InvalidArgument(f"a key is hashed as UTF-8, and this one cannot be: {error}") from None
        return number
