"""Limits: what one broker gives to all of its clients, and to each.

Idea      A server on a network is asked for too much sooner or later: by a bug, a slow reader or a
          flood. Each answer is a number here, decided before it is needed, and a sentence that
          says what happens at it. MQTT 5 tells the client most of them in CONNACK.
Source    OASIS, MQTT Version 5.0, 3.2.2.3 (what a CONNACK can announce) and 4.9 "Flow Control".
"""

from dataclasses import dataclass, fields

from minibroker.arguments import seconds, whole_number


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, bytes and seconds. The defaults suit a laptop. At most max_queued messages of max_packet_size
    wait for a session, so whoever lets strangers in lowers one of the two.

    max_connections     one more is closed before it says a word
    max_sessions        one more CONNECT that would need a new session gets 0x97, quota exceeded
    max_subscriptions   of one session; one more gets 0x97
    connect_timeout     s; who has not sent a CONNECT by then is closed
    max_packet_size     bytes; a larger packet ends its connection (0x95)
    max_keep_alive      s; who asks MQTT 5 for more is told this (Server Keep Alive); none asked, none kept
    receive_maximum     QoS 2 messages of one client that may be unfinished; one more ends its
                        connection (0x93)
    max_in_flight       QoS 1 and 2 messages on their way to one client, unacked; its own Receive Maximum
                        may be lower. The others wait in its session
    max_queued          messages that wait for one session or one shared subscription; one more pushes out the
                        oldest that waits
    max_session_expiry  s; how long a session outlives its connection at most (MQTT 3.1.1's are kept so long)
    max_buffered        bytes written to a client that it has not taken. Above this its QoS 0 messages are
                        dropped, QoS 1 and 2 wait in its session, and nothing more is read from it
    topic_aliases       that a client may set; and that we set, if it allows as many
    max_retained        topics with a retained message; on one more, the message is delivered but not retained
    linger              s; how long a connection that we end may take to hear why
    """

    max_connections: int = 5_000
    max_sessions: int = 20_000
    max_subscriptions: int = 10_000
    connect_timeout: float = 10.0
    max_packet_size: int = 1024 * 1024
    max_keep_alive: int = 60
    receive_maximum: int = 1_000
    max_in_flight: int = 1_000
    max_queued: int = 10_000
    max_session_expiry: float = 7 * 86_400.0
    max_buffered: int = 1024 * 1024
    topic_aliases: int = 100
    max_retained: int = 100_000
    linger: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float:
                seconds(field.name, value, above_zero=True)
            else:
                whole_number(field.name, value, at_least=0 if field.name == "topic_aliases" else 1)
        for name in ("max_keep_alive", "receive_maximum", "max_in_flight", "topic_aliases"):
            if getattr(self, name) > 65_535:
                raise ValueError(f"{name} is sent in two bytes: at most 65535; got {getattr(self, name)}")
