"""Which partition? The one that Kafka's Java client would choose.

Idea      A hash of the key, modulo the number of partitions: whoever knows the key knows the
          partition, and no table has to be kept or asked. So records of one key are in one
          partition, in order. The price: another number of partitions sends (most) keys
          elsewhere, and what is already written does not move with them.
Not here  Records without a key (topic.py).
Source    Kafka's BuiltInPartitioner: toPositive(murmur2(key)) % partitions, over the key's
          bytes (here UTF-8, as its StringSerializer writes). MurmurHash2 is Austin Appleby's;
          the seed is Kafka's. librdkafka's default is another (crc32 of the key): two
          producers with different partitioners break the order of a key between them.
"""

from functools import lru_cache

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_SHIFT = 24
_32_BITS = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """MurmurHash2 of `data`, as a signed 32-bit integer, as Java has it."""
    whole = len(data) - len(data) % 4
    hashed = (_SEED ^ len(data)) & _32_BITS
    for start in range(0, whole, 4):
        block = int.from_bytes(data[start : start + 4], "little") * _MIX & _32_BITS
        block ^= block >> _SHIFT
        hashed = (hashed * _MIX & _32_BITS) ^ (block * _MIX & _32_BITS)
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _MIX & _32_BITS
    hashed ^= hashed >> 13
    hashed = hashed * _MIX & _32_BITS
    hashed ^= hashed >> 15
    return hashed - (1 << 32) if hashed >> 31 else hashed


def to_positive(number: int) -> int:
    """`number` without its sign bit. Not abs(): that would send -1 elsewhere than Kafka does."""
    return number & 0x7FFFFFFF


@lru_cache(maxsize=65536)  # the hash is a loop in Python: a key that is in use is hashed once
def partition_for(key: str, partitions: int) -> int:
    """The number of the partition, 0 to `partitions` - 1, in which the records of `key` are."""
    return to_positive(murmur2(key.encode())) % partitions
