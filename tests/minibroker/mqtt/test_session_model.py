"""Sessions against a model that shares no idea with them: each a flat list of rows, searched each time.

Ada and Bob come and go, with and without a word, and ack when they like; a speaker publishes to a few
topics. After each step what a client has heard must be, packet by packet, what the model says.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from minibroker.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel
from tests.minibroker.conftest import JumpingLoop
from tests.minibroker.mqtt.raw import Client, World, settle, sleep

WINDOW = 2  # of each client: so that messages wait for acks
EXPIRY = 30
TOPICS = {
    "a": ["a", "+", "a/#", "#"],
    "a/b": ["a/b", "a/#", "+/b", "#"],
    "$x": ["$x"],
}  # topic -> filters that fit
FILTERS = sorted({filter for fits in TOPICS.values() for filter in fits})
names = st.sampled_from(["ada", "bob"])


@dataclass
class Row:
    """A message of QoS 1 or 2 that a client does not have yet."""

    payload: bytes
    qos: int
    sent: bool = False  # ever
    released: bool = False  # PUBREC came
    on_the_way: bool = False  # on this connection, and not finished


@dataclass
class Known:
    """What the model believes of a session."""

    filters: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    keeps: bool = True
    left_at: float = 0.0


class Sessions(RuleBasedStateMachine):
    @initialize()
    def build(self) -> None:
        self.loop = JumpingLoop()
        self.clients: dict[str, Client] = {}
        self.sessions: dict[str, Known] = {}
        self.ids: dict[str, dict[int, Row]] = {"ada": {}, "bob": {}}
        self.expected: dict[str, list[tuple]] = {"ada": [], "bob": []}
        self.count = 0
        self.run(self.begin())
        for name, filter, qos in (("ada", "#", 2), ("ada", "a", 1), ("bob", "+", 1)):
            if name not in self.clients:
                self.connect(name, clean=False, keeps=True)
            self.subscribe_to(name, filter, qos)

    async def begin(self) -> None:
        self.world = World()
        self.speaker = await self.world.connect("speaker")

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

    # -- the model's own moves

    def pump(self, name: str) -> None:
        """What goes to a client that is there: first again what it was sent before, then what waits."""
        if name not in self.clients:
            return
        rows = self.sessions[name].rows
        for row in sorted(rows, key=lambda row: not row.sent):  # stable: what was sent comes first
            if sum(other.on_the_way for other in rows) == WINDOW:
                return
            if not row.on_the_way:
                row.on_the_way = True
                said = ("rel",) if row.released else ("pub", row.payload, row.qos, row.sent)
                self.expected[name].append(said)
                row.sent = True

    def gone(self, name: str) -> None:
        del self.clients[name]
        known = self.sessions[name]
        known.left_at = self.loop.now
        for row in known.rows:
            row.on_the_way = False
        if not known.keeps:
            self.forget(name)

    def forget(self, name: str) -> None:
        self.sessions.pop(name, None)
        self.ids[name] = {}

    def tidy(self) -> None:
        for name, known in list(self.sessions.items()):
            if name not in self.clients and self.loop.now - known.left_at >= EXPIRY:
                self.forget(name)

    def compare(self) -> None:
        self.run(settle())
        for name, client in self.clients.items():
            heard, client.heard = client.heard, []
            said = []
            for packet in heard:
                if isinstance(packet, Publish):
                    said.append(("pub", packet.payload, packet.qos, packet.dup))
                    if packet.qos:
                        row = next(r for r in self.sessions[name].rows if r.payload == packet.payload)
                        assert self.ids[name].setdefault(packet.packet_id, row) is row
                else:
                    assert isinstance(packet, Pubrel)
                    said.append(("rel",))
                    assert self.ids[name][packet.packet_id].released
            assert said == self.expected[name]
            self.expected[name] = []

    def unfinished(self) -> list[str]:
        """Who is there and does not have all of its messages: only then is it worth while to go."""
        return [name for name in sorted(self.clients) if self.sessions[name].rows]

    # -- steps

    @rule(
        name=names,
        clean=st.sampled_from([False, False, False, True]),
        keeps=st.sampled_from([True, True, True, False]),
    )
    def connect(self, name: str, clean: bool, keeps: bool) -> None:
        self.tidy()
        if name in self.clients:
            self.gone(name)  # taken over
        if clean:
            self.forget(name)
        present = name in self.sessions
        expiry = EXPIRY if keeps else 0
        client = self.run(
            self.world.connect(
                name, clean_start=clean, session_expiry_interval=expiry, receive_maximum=WINDOW
            )
        )
        assert client.connack.session_present == present
        self.sessions.setdefault(name, Known()).keeps = keeps
        self.clients[name] = client
        self.expected[name] = []
        self.pump(name)
        self.compare()

    @precondition(lambda self: self.unfinished())
    @rule(data=st.data(), politely=st.booleans())
    def disconnect(self, data: st.DataObject, politely: bool) -> None:
        name = data.draw(st.sampled_from(self.unfinished()))
        client = self.clients[name]
        self.run(client.leave() if politely else client.vanish())
        self.gone(name)

    @precondition(lambda self: self.clients and not self.unfinished())
    @rule(data=st.data(), filter=st.sampled_from(FILTERS), qos=st.integers(0, 2))
    def subscribe(self, data: st.DataObject, filter: str, qos: int) -> None:
        self.subscribe_to(data.draw(st.sampled_from(sorted(self.clients))), filter, qos)

    def subscribe_to(self, name: str, filter: str, qos: int) -> None:
        self.run(self.clients[name].subscribe(filter, qos=qos))
        self.sessions[name].filters[filter] = qos

    @rule(topic=st.sampled_from(sorted(TOPICS)), qos=st.sampled_from([2, 1, 0]))
    def publish(self, topic: str, qos: int) -> None:
        self.tidy()
        self.count += 1
        payload = str(self.count).encode()
        self.run(self.speaker.publish(topic, payload, qos=qos))
        for name, known in self.sessions.items():
            granted = [known.filters[f] for f in TOPICS[topic] if f in known.filters]
            if not granted:
                continue
            level = min(qos, max(granted))
            if level:
                known.rows.append(Row(payload, level))
                self.pump(name)
            elif name in self.clients:
                self.expected[name].append(("pub", payload, 0, False))
        self.compare()

    @precondition(lambda self: self.unfinished())
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """One step of one message that is on its way."""
        name = data.draw(st.sampled_from(self.unfinished()))
        rows = self.sessions[name].rows
        ids = sorted(i for i, row in self.ids[name].items() if row.on_the_way)
        if not ids:
            return
        packet_id = data.draw(st.sampled_from(ids))
        row, client = self.ids[name][packet_id], self.clients[name]
        if row.qos == 2 and not row.released:
            client.say(Pubrec(packet_id))
            row.released = True
            self.expected[name].append(("rel",))
        else:
            client.say(Puback(packet_id) if row.qos == 1 else Pubcomp(packet_id))
            rows.remove(row)
            del self.ids[name][packet_id]
            self.pump(name)
        self.compare()

    @precondition(lambda self: any(s.rows for name, s in self.sessions.items() if name not in self.clients))
    @rule(seconds=st.sampled_from([10, 20, 40]))
    def wait(self, seconds: int) -> None:
        self.run(sleep(seconds))
        self.tidy()
        self.compare()


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=40)
