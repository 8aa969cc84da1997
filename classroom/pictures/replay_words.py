"""One sentence for each event of a history, and how much it matters.

Idea      A sentence is in the present tense, names who and what ("order 7"), and says what a
          reader could not see by himself: that a delivery is the second one, who still holds
          the message, that nobody can know. To say that, the narrator keeps in mind what has
          happened so far.
          weight 2: a turning point; 1: a step of the story; 0: routine (a hop, an empty poll).
Not here  Movement and time (replay_story.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from classroom.pictures.facts import BUILT_IN, calls, ordinal, seconds, short
from classroom.world.history import Event

_QUEUE_PATH = re.compile(r"/queues/([^/?]+)/(\w+)")
_NUMBER_IN_PATH = re.compile(r"/([\w-]*\d[\w-]*)(?=[/?]|$)")


class Said(NamedTuple):
    """What is said of an event. subject: what it is about ("order 7"), or ""."""

    words: str
    weight: int
    subject: str


def subject_of(value: Any, depth: int = 0) -> str:
    """What a body is about: "order 7" where it has such a field somewhere, else ""."""
    if isinstance(value, str) and value[:1] in "{[" and depth < 4:
        try:
            value = json.loads(value)
        except ValueError:
            return ""
    if isinstance(value, Mapping):
        for key in ("order", "order_id"):
            found = value.get(key)
            if isinstance(found, str | int) and not isinstance(found, bool):
                text = short(found, 24)
                return text if text.startswith("order") else f"order {text}"
        value = list(value.values())
    if isinstance(value, list) and depth < 4:
        return next((found for item in value if (found := subject_of(item, depth + 1))), "")
    return ""


class Narrator:
    """Says one sentence after another; give it the events in order."""

    def __init__(self, history: Iterable[Event]) -> None:
        self.empty = {number for number, call in calls(history).items() if call.is_empty_poll}
        self._about: dict[str, str] = {}  # message id -> subject
        self._receipts: dict[str, str] = {}  # receipt -> message id
        self._calls: dict[int, tuple[str, str, str, str]] = {}  # call -> caller, callee, what, subject
        self._open: set[int] = set()
        self._held: dict[str, list[str]] = {}  # message id -> who still works on it
        self._leases: dict[str, str] = {}  # receipt -> consumer
        self.done: dict[tuple[str, str, str], int] = {}  # node, kind, subject -> how often

    def say(self, event: Event) -> Said:
        speak: Callable[[Event], Said] | None = getattr(self, f"_{event.kind}", None)
        if event.kind not in BUILT_IN or speak is None:
            return self._recorded(event)
        said = speak(event)
        return Said(said.words, said.weight, said.subject or self._subject(event))

    # ---- what an event is about ------------------------------------------------------

    def _subject(self, event: Event) -> str:
        message = event.get("message")
        if message is not None:
            return self._about.get(str(message), f"message {short(message, 12)}")
        call = event.get("call")
        if call in self._calls:
            return self._calls[call][3]
        return subject_of(dict(event.data))

    def _in_request(self, event: Event) -> str:
        body = event.get("body")
        if found := subject_of(body):
            return found
        if isinstance(body, Mapping):
            message = self._receipts.get(str(body.get("receipt")), body.get("message"))
            if message is not None:
                return self._about.get(str(message), "")
        path = str(event.get("path", ""))
        if not _QUEUE_PATH.search(path) and (number := _NUMBER_IN_PATH.search(path)):
            return f"order {number[1]}" if re.search(r"order|charge|pay", path) else short(number[1], 12)
        return ""

    # ---- nodes -----------------------------------------------------------------------

    def _start(self, event: Event) -> Said:
        again = (event.get("incarnation") or 1) > 1
        words = (
            f"{event.node} starts again; what it had in memory is gone" if again else f"{event.node} starts"
        )
        return Said(words, 2 if again else 0, "")

    def _crash(self, event: Event) -> Said:
        down = event.get("down")
        then = (
            f"; it will be down for {seconds(down)}"
            if isinstance(down, int | float)
            else "; nobody restarts it"
        )
        for holders in self._held.values():
            if event.node in holders:
                holders.remove(event.node)
        self._open -= {call for call in self._open if self._calls[call][0] == event.node}
        return Said(f"{event.node} crashes, without a goodbye{then}", 2, "")

    def _exit(self, event: Event) -> Said:
        error = event.get("error")
        return Said(
            f"{event.node} ends by {short(error)}" if error else f"{event.node} is done",
            2 if error else 0,
            "",
        )

    def _pause(self, event: Event) -> Said:
        lasts = event.get("lasts")
        long = f" for {seconds(lasts)}" if isinstance(lasts, int | float) else ""
        holds = [self._about.get(m, m) for m, who in self._held.items() if event.node in who]
        holding = f", with {holds[-1]} in hand" if holds else ""
        return Said(
            f"{event.node} stands still{long}{holding}; it does not notice", 2, holds[-1] if holds else ""
        )

    def _resume(self, event: Event) -> Said:
        return Said(f"{event.node} goes on, as if nothing had been", 2, "")

    def _partition(self, event: Event) -> Said:
        a, b = event.get("a"), event.get("b")
        words = (
            f"from {a} to {b} nothing gets through any more"
            if event.get("one_way")
            else f"the network between {a} and {b} is cut"
        )
        return Said(words, 2, "")

    def _heal(self, event: Event) -> Said:
        return Said(f"the network between {event.get('a')} and {event.get('b')} is whole again", 2, "")

    def _fault(self, event: Event) -> Said:
        return Said(f"a fault strikes: {short(event.get('fault'), 90)}", 1, "")

    def _fault_over(self, event: Event) -> Said:
        return Said(f"the fault is over: {short(event.get('fault'), 90)}", 1, "")

    def _error(self, event: Event) -> Said:
        return Said(f"an error escapes in {event.node}: {short(event.get('error'), 90)}", 2, "")

    # ---- exchanges -------------------------------------------------------------------

    def _request(self, event: Event) -> Said:
        path, to = str(event.get("path", "")), str(event.get("to"))
        subject = self._in_request(event)
        thing = subject or "a message"
        empty = event.get("call") in self.empty
        queue = _QUEUE_PATH.search(path)
        if queue:
            name, verb = queue.groups()
            known = {
                "messages": f"{event.node} sends {thing} to the queue {name}",
                "send": f"{event.node} sends {thing} to the queue {name}",
                "receive": f"{event.node} asks the queue {name} for work"
                + ("; there is none" if empty else ""),
                "ack": f"{event.node} tells the broker that {thing} is done (ack)",
                "nack": f"{event.node} gives {thing} back (nack)",
                "extend": f"{event.node} asks for a longer lease on {thing}",
                "redrive": f"{event.node} sends what is in {name} back to where it came from (redrive)",
            }
            what = (
                known.get(verb)
                or known.get(verb.rstrip("s"))
                or f"{event.node} asks {to} to {verb} in the queue {name}"
            )
        else:
            about = f" for {subject}" if subject and subject.split()[-1] not in path else ""
            what = f"{event.node} asks {to}{about}: {event.get('method', '')} {short(path, 48)}"
        self._calls[event["call"]] = (event.node, to, what, subject)
        self._open.add(event["call"])
        return Said(what, 0 if empty or (queue and queue[2] == "receive") else 1, subject)

    def _who(self, event: Event) -> tuple[str, str, str, str]:
        return self._calls.get(event["call"], (str(event.get("caller", "?")), event.node, "", ""))

    def _arrive(self, event: Event) -> Said:
        if (event.get("copy") or 1) > 1:
            return Said(f"the same request reaches {event.node} once more: a duplicate", 2, "")
        return Said(f"{event.node} gets the request of {self._who(event)[0]}", 0, "")

    def _reply(self, event: Event) -> Said:
        status = event.get("status")
        if event["call"] not in self._open:
            return Said(f"{event.node} answers {event.get('to')}, who does not wait any more", 1, "")
        bad = isinstance(status, int) and status >= 400
        return Said(f"{event.node} answers {event.get('to')}: {status}", 1 if bad else 0, "")

    def _answer(self, event: Event) -> Said:
        self._open.discard(event["call"])
        status = event.get("status")
        bad = isinstance(status, int) and status >= 400
        return Said(f"{event.node} has the answer of {event.get('callee')}: {status}", 1 if bad else 0, "")

    def _lost(self, event: Event) -> Said:
        subject = self._who(event)[3]
        about = f" about {subject}" if subject else ""
        why = "into the cut" if event.get("why") == "partition" else "on the way"
        doubt = "; it was carried out all the same" if event.get("part") == "reply" else ""
        return Said(
            f"the {event.get('part')} of {event.node} to {event.get('to')}{about} is lost {why}{doubt}", 2, ""
        )

    def _refused(self, event: Event) -> Said:
        self._open.discard(event["call"])
        return Said(
            f"{event.get('to')} does not listen: {event.node} is refused, and knows that nothing was done",
            2,
            "",
        )

    def _reset(self, event: Event) -> Said:
        self._open.discard(event["call"])
        return Said(
            f"{event.get('to')} died while it served {event.node}: nobody knows whether it was done", 2, ""
        )

    def _timeout(self, event: Event) -> Said:
        self._open.discard(event["call"])
        after, subject = event.get("after"), self._who(event)[3]
        waited = f" after {seconds(after)}" if isinstance(after, int | float) else ""
        about = f" about {subject}" if subject else ""
        return Said(
            f"{event.node} gives up on {event.get('to')}{about}{waited}, and cannot know whether it was done",
            2,
            "",
        )

    def _cancelled(self, event: Event) -> Said:
        self._open.discard(event["call"])
        if event["call"] in self.empty:
            return Said(f"{event.node} does not wait for {event.get('to')} any more", 0, "")
        about = f" about {subject}" if (subject := self._who(event)[3]) else ""
        words = (
            f"{event.node} stops waiting for {event.get('to')}{about}, and cannot know whether it was done"
        )
        return Said(words, 2, "")

    def _commit(self, event: Event) -> Said:
        statements = event.get("statements") or [""]
        own = (
            "its database" if event.get("database") == event.node else f"the database {event.get('database')}"
        )
        weight = 0 if all(str(one).startswith("CREATE ") for one in statements) else 1
        return Said(f"{event.node} commits to {own}: {short(statements[-1], 60)}", weight, "")

    # ---- the queue -------------------------------------------------------------------

    def _sent(self, event: Event) -> Said:
        message = str(event.get("message"))
        self._about[message] = subject_of(event.get("body")) or f"message {short(message, 12)}"
        delay = event.get("delay")
        later = f", to be seen in {seconds(delay)}" if delay else ""
        return Said(f"{self._about[message]} is in the queue {event.get('queue')}{later}", 1, "")

    def _leased(self, event: Event) -> Said:
        subject, consumer, count = (
            self._subject(event),
            str(event.get("consumer")),
            event.get("receive_count") or 1,
        )
        message, receipt = str(event.get("message")), str(event.get("receipt"))
        others = [who for who in self._held.get(message, []) if who != consumer]
        self._receipts[receipt] = message
        self._leases[receipt] = consumer
        holders = self._held.setdefault(message, [])
        if consumer not in holders:
            holders.append(consumer)
        if count == 1:
            until = event.get("until")
            lease = f"; the lease ends at {until:.6g} s" if isinstance(until, int | float) else ""
            return Said(f"{subject} is delivered to {consumer}{lease}", 1, "")
        still = f"; {others[-1]} still holds it" if others else ""
        return Said(f"{subject} is delivered a {ordinal(count)} time, to {consumer}{still}", 2, "")

    def _let_go(self, event: Event) -> str:
        message, receipt = str(event.get("message")), str(event.get("receipt"))
        who = self._leases.get(receipt, "")
        if who in self._held.get(message, []):
            self._held[message].remove(who)
        return who

    def _acked(self, event: Event) -> Said:
        who = self._let_go(event) or "its worker"
        return Said(
            f"{self._subject(event)} is done, says {who}: it leaves the queue {event.get('queue')}", 1, ""
        )

    def _nacked(self, event: Event) -> Said:
        who = self._let_go(event) or "its worker"
        why = f" ({short(event.get('reason'), 50)})" if event.get("reason") else ""
        delay = event.get("delay")
        back = f"back in the queue in {seconds(delay)}" if delay else "back in the queue"
        return Said(f"{who} gives {self._subject(event)} back{why}; it is {back}", 1, "")

    def _extended(self, event: Event) -> Said:
        return Said(f"the lease on {self._subject(event)} is made longer", 1, "")

    def _expired(self, event: Event) -> Said:
        subject, who = self._subject(event), event.get("consumer")
        still = f", and {who} still holds it" if who in self._held.get(str(event.get("message")), []) else ""
        lease = f"{who}'s lease on {subject}" if who else f"the lease on {subject}"
        return Said(f"{lease} runs out{still}: the message is for anybody again", 2, "")

    def _dead(self, event: Event) -> Said:
        count = event.get("receive_count")
        often = f" after {count} deliveries" if count else ""
        where = f"it goes to {event.get('to')} ({short(event.get('reason'), 40)})"
        return Said(f"{self._subject(event)} is given up{often}: {where}", 2, "")

    def _redriven(self, event: Event) -> Said:
        return Said(
            f"{self._subject(event)} leaves the dead letters and goes back to {event.get('to')}", 2, ""
        )

    def _stale(self, event: Event) -> Said:
        who = self._let_go(event) or "a worker"
        late = f"{who} comes too late with its {event.get('operation') or 'ack'} of {self._subject(event)}"
        return Said(f"{late}: the lease is not its own any more", 2, "")

    def _handling(self, event: Event) -> Said:
        return Said(f"{event.node} begins to work on {self._subject(event)}", 1, "")

    def _handled(self, event: Event) -> Said:
        holders = self._held.get(str(event.get("message")), [])
        if event.node in holders:
            holders.remove(event.node)
        outcome = event.get("outcome")
        subject = self._subject(event)
        if outcome in (None, "ok"):
            return Said(f"{event.node} has finished {subject}", 1, "")
        return Said(f"{event.node} could not finish {subject}: {short(outcome, 60)}", 1, "")

    # ---- what services record --------------------------------------------------------

    def _recorded(self, event: Event) -> Said:
        subject = subject_of(dict(event.data))
        if event.get("repeated"):
            return Said(
                f"{event.node} knows this {event.kind} of {subject or 'it'} already and does nothing",
                1,
                subject,
            )
        key = event.node, event.kind, subject
        self.done[key] = count = self.done.get(key, 0) + (1 if subject else 0)
        hidden = {"order", "order_id", "repeated"} if subject else set()
        rest = [
            f"{name} {short(value, 24)}"
            for name, value in event.data.items()
            if name not in hidden and value is not None
        ]
        tail = f" ({', '.join(rest)})" if rest else ""
        if count > 1:
            return Said(f"{subject} has its {ordinal(count)} {event.kind} at {event.node}{tail}", 2, subject)
        return Said(f"{event.node}: {event.kind}{' of ' + subject if subject else ''}{tail}", 1, subject)
