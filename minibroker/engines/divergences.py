"""Where the engines do it otherwise: each difference that the contract's tests have found.

Idea      What an engine lacks is refused (capabilities.py). More dangerous is what it has and does
          differently: the same code runs, and means something else. Each row names the test that
          runs the same scenario on both and asserts both outcomes; lesson 19 shows the table.
Not here  Versions other than those that the tests met: RabbitMQ 3.10, librdkafka 2.16's mock cluster.
"""

from typing import NamedTuple


class Divergence(NamedTuple):
    """One topic on which minibroker and an engine differ."""

    engine: str
    topic: str
    minibroker: str
    there: str  # what that engine does
    test: str  # in tests/minibroker/engines/test_divergences.py


DIVERGENCES = (
    Divergence(
        "RabbitMQ",
        "end of a lease",
        "after visibility_timeout, whether or not the worker lives",
        "with the connection of the worker, however long that is",
        "test_a_lease_ends_by_time_here_and_with_the_connection_there",
    ),
    Divergence(
        "RabbitMQ",
        "an ack that is lost",
        "ack() returns when it is done, or raises: over a network NoAnswer",
        "ack() returns when it is written to the socket; nobody is told that it never arrived",
        "test_an_ack_is_answered_here_and_not_there",
    ),
    Divergence(
        "RabbitMQ",
        "what a stopping consumer gives back",
        "does not count as a delivery",
        "counts, and brings what was only fetched ahead nearer to the dead letters (not since 4.3)",
        "test_what_was_only_fetched_ahead_is_not_counted_here_and_counted_there",
    ),
    Divergence(
        "RabbitMQ",
        "place of what is given back",
        "each its old place",
        "at the head, in the order of giving back",
        "test_what_is_given_back_has_its_old_place_here_and_a_new_one_there",
    ),
    Divergence(
        "RabbitMQ",
        "place of what is given back, without max_receive_count",
        "its old place",
        "the end of the queue",
        "test_without_a_limit_what_is_given_back_goes_to_its_place_here_and_to_the_end_there",
    ),
    Divergence(
        "RabbitMQ",
        "max_length",
        "exact: one more is refused",
        "soft: a message or more above it is taken",
        "test_max_length_is_exact_here_and_soft_there",
    ),
    Divergence(
        "RabbitMQ",
        "what a dead letter tells",
        "reason, the consumer's words, how often it was received",
        "the reason; the words and the number of deliveries are lost",
        "test_a_dead_letter_has_the_consumers_words_here_and_not_there",
    ),
    Divergence(
        "RabbitMQ",
        "drop-oldest beside a dead-letter queue",
        "dropped for good",
        "refused, since RabbitMQ would dead-letter what it drops",
        "test_dropping_beside_a_dead_letter_queue_is_possible_here_and_refused_there",
    ),
    Divergence(
        "RabbitMQ",
        "ids of messages",
        "the broker counts 1, 2, 3",
        "the sender draws one at random",
        "test_ids_count_here_and_are_drawn_there",
    ),
    Divergence(
        "RabbitMQ",
        "enqueued_at",
        "the broker's clock",
        "the sender's clock",
        "test_the_time_of_a_message_is_the_brokers_here_and_the_senders_there",
    ),
    Divergence(
        "Kafka",
        "a group's name",
        "belongs to a topic: the same name on another topic is another group",
        "one group for all topics, with one set of members",
        "test_a_group_is_of_one_topic_here_and_of_all_there",
    ),
    Divergence(
        "Kafka",
        "a member's name",
        "who joins under it takes the place of the one before, who is fenced",
        "is for logs; two of one name are two members",
        "test_two_of_one_name_are_one_member_here_and_two_there",
    ),
    Divergence(
        "Kafka",
        "sign of life",
        "a poll: no poll within session_timeout, and the member is out",
        "a thread of the client sends it; polls are watched by rebalance_timeout (max.poll.interval.ms)",
        "test_who_does_not_poll_is_out_here_and_lives_on_there",
    ),
    Divergence(
        "Kafka",
        "records without a key",
        "to each partition in turn",
        "to any partition, at random",
        "test_records_without_a_key_take_turns_here_and_any_partition_there",
    ),
    Divergence(
        "Kafka",
        "a record's time",
        "the broker's clock, and so never going back in a partition",
        "the producer's, seconds since 1970 (CreateTime)",
        "test_a_records_time_is_the_brokers_here_and_the_producers_there",
    ),
)
