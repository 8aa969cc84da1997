"""What is said of a broken promise of exercise 11, computed from the run that broke it.

Not here  Whether a promise is broken (checks.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from classroom.exercises.cqrs.system import QUEUE, name_of
from classroom.pictures import Picture, sequence
from classroom.pictures.facts import listed, seconds, times
from classroom.world.history import Event
from classroom.world.run import Run

Row = Mapping[str, Any]


def about(run: Run, order: int, version: int | None = None) -> tuple[Any, ...]:
    """What a story keeps to: each change of an order (or this one), as the queue calls it, and who died."""
    versions = [event["version"] for event in run.of("changed", of=order)] if version is None else [version]
    return (*(name_of(order, each) for each in versions), *run.of("crash", "pause"))


def picture(run: Run) -> Picture:
    """Who said what to whom, without the many looks of Ben."""
    return sequence([event for event in run.history if event.kind != "read"], limit=30)


# -- the view ------------------------------------------------------------------------------


def why_not_a_rebuild(run: Run, order: int, row: Row | None, wanted: Row) -> str:
    seen = f"At the end the view says of order {order}: {_told(row)}. A rebuild says: {_told(wanted)}."
    too_much = row is not None and (row["items"] or 0) > wanted["items"]
    return f"{seen} {_why_too_much(run, order) if too_much else _why_too_little(run, order)}"


def _why_too_much(run: Run, order: int) -> str:
    often = [version for version, many in _deliveries(run, order).items() if many > 1]
    seen = f"{_changes(often)} delivered more than once, "
    if run.of("crash"):
        return (
            f"{seen}since a projector died before the ack. What it had written was there, and the next one "
            "knew nothing of that."
        )
    if run.of("pause"):
        return (
            f"{seen}since a projector stood still past its lease; between its look and its write somebody "
            "else had written."
        )
    return f"{seen}and counted each time."


def _why_too_little(run: Run, order: int) -> str:
    acked = {_versions(run, order).get(event["message"]) for event in run.of("acked", queue=QUEUE)}
    for version, often in _deliveries(run, order).items():
        if version not in acked:
            errors = [e["outcome"] for e in run.of("handled") if e["outcome"] != "ok"]
            last = f" The last error was {errors[-1].rstrip('.')}." if errors else ""
            return f"Change {version} was delivered {times(often)} and never taken.{last}"
    if _half_done(run, order):
        return (
            "A projector died after it had written something of a change. The change came again, and was "
            "taken for done. What made it look done, and was that written together with the rest?"
        )
    early = _early(run, order)
    if early is not None:
        return (
            f"Change {early} came before change {early - 1}, and both were acked; what is acked never comes "
            "again. What is to become of an event that comes too early?"
        )
    return "Each change was delivered and acked, and yet the row does not hold them all."


def why_half_a_page(run: Run, read: Event, known: Mapping[tuple[int, int], Row]) -> str:
    right = known.get((read["of"], read["version"]))
    who = "Ada" if read["token"] is not None else "Ben"
    seen = f"At {read.at:.3f} s {who} was shown order {read['of']} as: {_told(read['page'])}."
    if right is None:
        return f"{seen} The order never had this version; it was made up."
    early = _early(run, read["of"])
    late = (
        f" Change {early} had come before change {early - 1}, and the page already calls itself version "
        f"{read['version']}."
        if early is not None
        else ""
    )
    return f"{seen} At version {read['version']} it was: {_told(right)}.{late}"


# -- the reads -----------------------------------------------------------------------------


def why_older(run: Run, read: Event) -> str:
    shown = f"version {read['version']}" if read["came"] == "page" else "no order at all"
    seen = (
        f"Ada changed order {read['of']}, which made it version {read['token']}, and looked with that "
        f"token at {read.at - read['took']:.3f} s. She was shown {shown}, after {seconds(read['took'])}"
    )
    if read["took"] >= read["deadline"] - 0.1:
        return f"{seen}, at the deadline, with no word that it is old. At the deadline old is 'pending'."
    if read["took"] > 0.05:
        return f"{seen}: a wait, but not for her change. How late a view is, no constant knows."
    return f"{seen}. What does the answer do with the token?"


def why_waited(run: Run, read: Event) -> str:
    if read["came"] == "pending":
        return (
            f"Ben looked at order {read['of']} at {read.at:.3f} s. He holds no token, and was told "
            "'pending': of what? Whatever the view has is right for him."
        )
    asked = " It asked the orders service." if read["writer"] else ""
    return (
        f"Ben looked at order {read['of']} at {read.at - read['took']:.3f} s and waited "
        f"{seconds(read['took'])}. He holds no token: he has written nothing that he could miss.{asked}"
    )


def why_from_the_writer(reads: Sequence[Event], asked: Sequence[Event]) -> str:
    without = [read for read in asked if read["token"] is None]
    return (
        f"On an ordinary day {len(reads)} pages were read, and for {len(asked)} of them "
        f"({len(asked) / len(reads):.0%}) the orders service was asked; a tenth is the limit. "
        f"{len(without)} of those readers held no token. The view is there so that the service that "
        "writes need not be asked."
    )


def why_no_answer(run: Run, read: Event) -> str:
    who = "Ada" if read["token"] is not None else "Ben"
    seen = f"{who} looked at order {read['of']} at {read.at - read['took']:.3f} s"
    if read["came"] == "error":
        return f"{seen} and got neither a page nor 'pending', but an error: {read['error']}. {_outages(run)}"
    late = f"{seen}; the deadline was {seconds(read['deadline'])}, "
    if read["came"] == "hung":
        return f"{late}and {seconds(read['took'])} later there was still no answer. {_outages(run)}"
    return f"{late}and the answer came after {seconds(read['took'])}. {_outages(run)}"


def why_pending(run: Run, read: Event) -> str:
    asked = read.at - read["took"]
    return (
        f"Ada looked at order {read['of']} with the token {read['token']} at {asked:.3f} s, and was told "
        f"'pending' after {seconds(read['took'])}; she would have waited {seconds(read['deadline'])}. By "
        f"then the view {_the_view(run, read)}, and the orders service was up the whole time."
    )


def _the_view(run: Run, read: Event) -> str:
    name = name_of(read["of"], read["token"])
    messages = {event["message"] for event in run.of("sent", queue=QUEUE) if event["body"]["order"] == name}
    done = [event.at for event in run.of("handled", outcome="ok") if event["message"] in messages]
    return f"had her change, since {done[0]:.3f} s" if done else "did not have her change"


def _outages(run: Run) -> str:
    dead = sorted({event.node for event in run.of("crash") if event["down"] is None})
    down = f"{listed(dead)} {'was' if len(dead) == 1 else 'were'} dead" if dead else ""
    lost = run.of("lost", to="pages")
    failed = [event for event in run.of("answer", callee="orders", node="pages") if event["status"] >= 500]
    writer = "no answer of the orders service came through" if lost else ""
    writer = "the orders service answered 503" if failed and not lost else writer
    told = " and ".join(part for part in (down, writer) if part)
    return f"At that time {told}." if told else ""


# -- what the queue did ----------------------------------------------------------------------


def _versions(run: Run, order: int) -> dict[Any, int]:
    """Message id -> which change of the order it tells."""
    return {
        event["message"]: event["body"]["event"]["version"]
        for event in run.of("sent", queue=QUEUE)
        if event["body"]["event"]["order_id"] == order
    }


def _deliveries(run: Run, order: int) -> dict[int, int]:
    """Which change -> how often it was delivered."""
    versions = _versions(run, order)
    found = Counter(versions[e["message"]] for e in run.of("leased", queue=QUEUE) if e["message"] in versions)
    return {version: found[version] for version in sorted(set(versions.values()))}


def _half_done(run: Run, order: int) -> bool:
    """Did a projector die, or stand still, between a commit to the view and the end of the same delivery?"""
    versions, wrote = _versions(run, order), {}
    for event in run.history:
        if event.kind == "handling":
            wrote[event.node] = False
            at_it = event["message"] in versions
        elif event.kind == "commit" and event["database"] == "view" and event.node in wrote:
            wrote[event.node] = at_it and any("INTO" in words for words in event["statements"])
        elif event.kind in ("crash", "pause") and wrote.get(event.node):
            return True
    return False


def _early(run: Run, order: int) -> int | None:
    """The first change that was handled without an error before the one before it was."""
    versions = _versions(run, order)
    done: set[int] = set()
    for event in run.of("handled", outcome="ok"):
        if event["message"] in versions:
            version = versions[event["message"]]
            if version > 1 and version - 1 not in done:
                return version
            done.add(version)
    return None


def _changes(versions: Sequence[int]) -> str:
    numbers = listed(str(version) for version in versions)
    return f"Change {numbers} was" if len(versions) == 1 else f"Changes {numbers} were"


def _told(row: Row | None) -> str:
    if row is None:
        return "nothing"
    facts = [f"version {row.get('version')}", f"{row.get('address')!r}"]
    return ", ".join([*facts, f"{row.get('items')} items", f"{row.get('total')} cents"])
