"""A small message broker, to be read. In this order:

message          what is sent, and the record of its deaths
delivery_states  the table of all moves that a message can make
lease            one delivery, and its receipt
settings         what a queue promises
entry            what a queue knows of a message
shelf            where each message stands, and every move that it makes
ready_line       who is next
fifo             groups: order where it is needed
expiry           a time to live
dedup            the same send again is the same message
queue_facts      what of all this is written down, and how it is read again
work_queue       leases, acks, retries, dead letters: the rules, without a clock of their own
deadlines        when the next lease or delay ends
dead_letter      why it died, and the way back
snapshot         a queue in numbers
markup           ... and as a small table
record           one line of the log
timestamps       when it was written: one time for a whole batch
rows             what a partition holds, and which offset stands where
producers        a retry that the log recognises
partition        records in a row, each under an offset; reading removes nothing
partitioner      which partition: the one that Kafka would choose
retention        what a log forgets: by age, by number, by bytes, by key
topic_snapshot   a topic in numbers
topic            a log in several partitions
group_states     the table of all moves that a consumer group can make
assignment       who reads which partition: range, round_robin, sticky
group_settings   what all members of a group must agree on
group_members    sessions, and the barrier between two generations
group_offsets    how far a group has read, and how far behind it is
fencing          who may speak in this generation
consumer_group   generations, and commits that are fenced by them
log_facts        what of all this is written down, and how it is read again
waiting          consumers in line, and one alarm for all deadlines
journal          facts in one file, each frame under a checksum; group commit
storage          ... the file itself: fsync, a lock, a full disk
recovery         the facts, sorted by what they speak of
queue_broker     queues by name, in one event loop
operations       the same, as JSON
client           a queue as a service sees it
consumer         fetching ahead, with a window, and stopping
local            the client in the broker's own process
local_topic      a topic's client in the broker's own process
log_broker       topics and groups by name, in one event loop
log_operations   the same, as JSON
log_client       a topic as a service sees it
topic_consumer   a reader that shares partitions with others, and remembers
topic_filter     subjects, and patterns with wildcards that they fit
router           publish to a subject: what is bound by a filter that fits
publishing       bindings, and where a published message went
publisher        a broker's subjects as a service sees them
broker           all of it as one, over one journal
http             the broker as an ASGI app, and a client's side of it
arguments        checked once, at the door
errors           definite and indefinite
__main__         the broker on its own, and a look at what one has kept
mqtt             MQTT 3.1.1 and 5 on the wire: a package of its own
engines          the same client on RabbitMQ, Kafka and MQTT: a package of its own
"""

from minibroker.broker import Broker
from minibroker.client import Call, Delivery, Queue
from minibroker.consumer import QueueConsumer
from minibroker.consumer_group import ConsumerGroup
from minibroker.delivery_states import TRANSITIONS, Event, State
from minibroker.engines import Capabilities, Capability, connect
from minibroker.errors import (
    BrokerError,
    BrokerFault,
    BrokerUnreachable,
    EngineMissing,
    FencedMember,
    GroupNotEmpty,
    IllegalMove,
    InvalidArgument,
    NoAnswer,
    NoSuchQueue,
    NoSuchTopic,
    OffsetOutOfRange,
    OutOfOrderSequence,
    QueueExists,
    QueueFull,
    StaleGeneration,
    StaleReceipt,
    StorageFailed,
    StorageInUse,
    TopicExists,
    Unsupported,
)
from minibroker.group_members import Membership
from minibroker.group_offsets import Lag, Lags
from minibroker.group_states import TRANSITIONS as GROUP_TRANSITIONS
from minibroker.group_states import GroupEvent, GroupState
from minibroker.http import BrokerApp, http_ask, http_call
from minibroker.journal import Fact, Found, Journal
from minibroker.lease import Lease
from minibroker.log_client import Topic
from minibroker.message import Death, Message, Reason
from minibroker.partition import Partition
from minibroker.publisher import Publisher
from minibroker.record import Record
from minibroker.retention import Cleaning, Cleanup
from minibroker.router import Router
from minibroker.settings import Overflow, QueueSettings
from minibroker.snapshot import QueueSnapshot
from minibroker.storage import FileStorage, Storage
from minibroker.topic import TopicLog
from minibroker.topic_consumer import TopicConsumer
from minibroker.topic_snapshot import PartitionSnapshot, TopicSnapshot
from minibroker.work_queue import WorkQueue

__all__ = [
    "GROUP_TRANSITIONS",
    "TRANSITIONS",
    "Broker",
    "BrokerApp",
    "BrokerError",
    "BrokerFault",
    "BrokerUnreachable",
    "Call",
    "Capabilities",
    "Capability",
    "Cleaning",
    "Cleanup",
    "ConsumerGroup",
    "Death",
    "Delivery",
    "EngineMissing",
    "Event",
    "Fact",
    "FencedMember",
    "FileStorage",
    "Found",
    "GroupEvent",
    "GroupNotEmpty",
    "GroupState",
    "IllegalMove",
    "InvalidArgument",
    "Journal",
    "Lag",
    "Lags",
    "Lease",
    "Membership",
    "Message",
    "NoAnswer",
    "NoSuchQueue",
    "NoSuchTopic",
    "OffsetOutOfRange",
    "OutOfOrderSequence",
    "Overflow",
    "Partition",
    "PartitionSnapshot",
    "Publisher",
    "Queue",
    "QueueConsumer",
    "QueueExists",
    "QueueFull",
    "QueueSettings",
    "QueueSnapshot",
    "Reason",
    "Record",
    "Router",
    "StaleGeneration",
    "StaleReceipt",
    "State",
    "Storage",
    "StorageFailed",
    "StorageInUse",
    "Topic",
    "TopicConsumer",
    "TopicExists",
    "TopicLog",
    "TopicSnapshot",
    "Unsupported",
    "WorkQueue",
    "connect",
    "http_ask",
    "http_call",
]
