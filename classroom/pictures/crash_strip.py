"""A strip of crash points: one tick a place to die, and whether the promise survived it.

Idea      A sweep is a list of (effect, before or after, what was wrong). Drawn as a strip, with
          the effects named below, the eye finds the window in which a crash costs money.
Not here  The sweep (classroom.adversary.sweep).
"""

from collections.abc import Sequence
from typing import Any

from classroom.pictures.picture import Picture
from classroom.pictures.svg import clip, cross, document, element, escape, line, rect, text, tick, wrap
from classroom.world.effects import Effect

Struck = tuple[Effect, str, Sequence[Any]]
WIDTH, LEFT, ROW = 760.0, 24.0, 30.0
BEFORE, AFTER, WHAT, WRONG = 300.0, 368.0, 24.0, 410.0


def crash_strip(struck: Sequence[Struck], *, title: str | None = None) -> Picture:
    """Draw what came of a crash before and after each effect.

    struck: (effect, "before" or "after", what was wrong: texts or violations, empty if nothing).
    title:  the finding; by default how many crash points broke the promise.
    Raises ValueError if there is nothing to draw.
    """
    if not struck:
        raise ValueError("crash_strip: the sweep struck nowhere; has the node any effects?")
    bad = sum(bool(wrong) for _, _, wrong in struck)
    node = struck[0][0].node
    one = f"1 of {len(struck)} crash points breaks the promise"
    found = title or (
        f"{node}: none of {len(struck)} crash points breaks the promise"
        if not bad
        else f"{node}: {one if bad == 1 else f'{bad} of {len(struck)} crash points break the promise'}"
    )
    effects = list(dict.fromkeys(effect for effect, _, _ in struck))
    results = {(effect, when): [_words(each) for each in wrong] for effect, when, wrong in struck}
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 34.0 + 20 * len(heading) + 26
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(text(WHAT, head - 12, f"effect of {node}", size=11.5, fill="soft"))
    body.append(text(BEFORE, head - 12, "killed before", size=11.5, anchor="middle", fill="soft"))
    body.append(text(AFTER + 12, head - 12, "killed after", size=11.5, anchor="middle", fill="soft"))
    rows = []
    for index, effect in enumerate(effects):
        y = head + ROW * (index + 0.5)
        wrong = [said for when in ("before", "after") for said in results.get((effect, when), ())]
        if wrong:
            body.append(
                rect(LEFT - 8, y - ROW / 2 + 1, WIDTH - 2 * LEFT + 16, ROW - 2, fill="vermillion-tint", rx=4)
            )
        elif index:
            body.append(line(LEFT, y - ROW / 2, WIDTH - LEFT, y - ROW / 2, "rule", 0.6))
        body.append(
            text(
                WHAT, y + 4, clip(f"{effect.number}  {_short(effect.what)}", BEFORE - WHAT - 56, 12), size=12
            )
        )
        for x, when in ((BEFORE, "before"), (AFTER + 12, "after")):
            if (effect, when) in results:
                body.append(_mark(x, y, results[effect, when], f"killed {when} {_short(effect.what)}"))
        if wrong:
            told = " / ".join(dict.fromkeys(wrong))
            body.append(
                text(WRONG + 30, y + 4, clip(told, WIDTH - WRONG - 60, 12), size=12, fill="vermillion-text")
            )
        states = (
            f"{when}: {'; '.join(results[effect, when]) or 'kept'}"
            for when in ("before", "after")
            if (effect, when) in results
        )
        rows.append(f"{effect.number:>3}  {_short(effect.what):<38} {', '.join(states)}")
    height = head + ROW * len(effects) + 14
    broken = [row.strip() for row in rows if "kept, after: kept" not in row]
    alt = f"{found}. " + ("Broken at: " + "; ".join(broken) if bad else "Every crash point is green.")
    return Picture(found, document(WIDTH, height, "".join(body), title=found, desc=alt), alt, "\n".join(rows))


def _mark(x: float, y: float, wrong: Sequence[str], where: str) -> str:
    drawn = cross(x, y, 5) if wrong else tick(x, y, 5)
    said = f"{where}: {'; '.join(wrong) if wrong else 'kept'}"
    return element("g", element("title", escape(said)), drawn)


def _words(wrong: Any) -> str:
    return str(getattr(wrong, "message", wrong))


def _short(what: str) -> str:
    """An effect in few words: "send POST broker/queues/charges/ack" is "ask broker: ack"."""
    verb, _, rest = what.partition(" POST ")
    if not rest:
        return what
    host, _, path = rest.partition("/")
    last = path.rstrip("/").rpartition("/")[2]
    return f"ask {host}: {last}" if verb == "send" else f"{host} answers: {last}" if host else what
