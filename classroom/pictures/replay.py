"""The replay: a run to play, pause, scrub and step through. One output that needs nothing else.

Idea      Without scripts (GitHub, a notebook that is not trusted) it is a still frame at the most
          telling moment, an <img> with alt text, and the story as a list. With scripts the
          image's own SVG is set in motion, and the table follows the play.
          Whatever a history contains is text: it is escaped for HTML and SVG, and inside the
          script element no "<" is left as it is.
Not here  The script of the story (replay_story.py), the drawing (replay_draw.py),
          the motion (replay_script.js), the looks around the stage (replay.css).
Source    WAI-ARIA Authoring Practices, "Slider"; WCAG 2.2, 2.2.2 "Pause, Stop, Hide".
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from classroom.pictures.facts import short
from classroom.pictures.headline import headline
from classroom.pictures.palette import look
from classroom.pictures.picture import history_of
from classroom.pictures.replay_draw import draw, squeeze
from classroom.pictures.replay_stage import layout
from classroom.pictures.replay_story import Story, state_at, story_of
from classroom.world.history import Event, digest

PACK_FROM = 60_000  # characters of JSON from which on the data are deflated
STEPS = 24  # rows of the story that is shown without scripts
SHOWN_FAULTS = 12


@dataclass(frozen=True)
class Replay:
    """A replay that a notebook shows.

    title:  the finding, computed from the run unless it was given.
    html:   the whole output, self-contained.
    alt:    what the still frame shows, for those who do not see it.
    text:   the turning points, one a line.
    digest: of the history that it replays.
    """

    title: str
    html: str = field(repr=False)
    alt: str = field(repr=False)
    text: str = field(repr=False)
    digest: str
    how: str = field(default="", repr=False)  # faults, seed and the line that makes the run again, as HTML

    def __str__(self) -> str:
        return f"{self.title}\n\n{self.text}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": f"{self.title} [{self.digest}]"}

    def save(self, path: str | Path) -> Path:
        """Write one HTML file to send on: the replay, its faults and seed, and the line that replays it.

        Raises ValueError if the name does not end in .html.
        """
        target = Path(path)
        if target.suffix not in (".html", ".htm"):
            raise ValueError(f"a replay is saved as one .html file; got {target.name!r}")
        target.write_text(self.page(), encoding="utf-8", errors="replace")
        return target

    def page(self) -> str:
        """The whole page that `save` writes."""
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{escape(self.title)}</title><meta name="description" content="{escape(self.alt)}">'
            "<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:1rem auto;"
            "max-width:100rem;padding:0 .75rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}</style>"
            f"</head><body>{self.html}{self.how}</body></html>\n"
        )


def replay(run: Any, *, title: str | None = None, about: object = None) -> Replay:
    """The replay of a run (or of a bare history).

    title: the finding; by default what stands out in the whole run.
    about: what to follow: an order (7 or "order 7"), an Event, a list of these; by default what went wrong.
    """
    history = history_of(run)
    story = story_of(history, about=about)
    found = digest(history)
    finding = title or headline(history)
    alt = _alt(story, history)
    wide = draw(story, layout(story.stage), alt=alt)
    rows = _telling(story)
    html = _html(story, wide, finding=finding, alt=alt, rows=rows)
    text = "\n".join(f"{story.beats[i].at:10.3f} s  {story.beats[i].words}" for i in rows)
    return Replay(finding, html, alt, text, found, _how(run, found))


# ---- words ---------------------------------------------------------------------------------


def _telling(story: Story) -> list[int]:
    """The beats of the story that is told without scripts: turning points, or else all steps."""
    for weight in (2, 1, 0):
        found = [number for number, beat in enumerate(story.beats) if beat.weight >= weight]
        if len(found) >= 3 or weight == 0:
            break
    if len(found) > STEPS:  # the beginning, and what surrounds the still
        middle = next((n for n, number in enumerate(found) if number >= story.still), 0)
        first = max(0, min(middle - STEPS // 2, len(found) - STEPS))
        found = found[first : first + STEPS]
    return found


def _alt(story: Story, history: Sequence[Event]) -> str:
    names = [place.name for place in story.stage.places]
    cast = ", ".join(short(name, 30) for name in names[:8]) + (
        f" and {len(names) - 8} more" if len(names) > 8 else ""
    )
    if not story.beats:
        return "A replay in which nothing happened."
    beat, state = story.beats[story.still], state_at(story, story.still)
    queues = []
    for number, (_, name) in enumerate(story.queues):
        slots = [slot[1] for slot in state.slots.values() if slot[0] == number]
        queues.append(f"queue {short(name, 30)} has {slots.count(1)} ready and {slots.count(2)} in flight")
    held = [
        f"{short(names[place], 30)} works on {', '.join(short(story.messages[m], 30) for m in messages)}"
        for place, messages in sorted(state.held.items())
        if messages
    ]
    down = [
        f"{short(names[place], 30)} is down"
        for place, (status, *_) in sorted(state.status.items())
        if status == 2
    ]
    parts = "; ".join([*queues, *held, *down])
    return (
        f"A stage with {cast}, out of a run of {len(history)} events in {history[-1].at:.1f} seconds, "
        f"at {beat.at:.3f} seconds: {beat.words}." + (f" {parts[:1].upper()}{parts[1:]}." if parts else "")
    )


def _how(run: Any, found: str) -> str:
    faults = [repr(fault) for fault in getattr(run, "faults", ())]
    seed = getattr(run, "seed", None)
    name = getattr(run, "scenario", "scenario")
    plan = ", ".join(faults)
    line = f"run = simulate({name}, seed={seed}{f', faults=[{plan}]' if faults else ''})"
    shown = "".join(f"<li><code>{escape(fault)}</code></li>" for fault in faults[:SHOWN_FAULTS])
    more = f"<li>and {len(faults) - SHOWN_FAULTS} more</li>" if len(faults) > SHOWN_FAULTS else ""
    return (
        f"<h2>What was done to it</h2>{f'<ul>{shown}{more}</ul>' if faults else '<p>Nothing: no faults.</p>'}"
        f"<h2>To run it again</h2><pre><code>{escape(line)}\nrun.replay()</code></pre>"
        f"<p>Seed {escape(str(seed))}, digest <code>{found}</code>.</p>"
    )


# ---- HTML ----------------------------------------------------------------------------------


def _html(story: Story, wide: str, *, finding: str, alt: str, rows: list[int]) -> str:
    told = (story.beats[number] for number in rows)
    steps = "".join(f"<li>{beat.at:.3f} s: {escape(beat.words)}</li>" for beat in told)
    image = base64.b64encode(wide.encode("utf-8", "replace")).decode("ascii")
    kind, data = _data(story)
    return (
        f'<div class="bop bop-replay" role="group" aria-label="Replay: {escape(finding)}" tabindex="0" '
        f'data-lm-suppress-shortcuts="true"><style>{_part("replay.css")}</style>'
        f'<p class="r-title"><b>{escape(finding)}</b></p><div class="r-grid">'
        f'<div class="r-stage"><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{image}"></div>'
        f'<div class="r-live" hidden></div><details class="r-side" open><summary class="r-summary">'
        f"the story in {len(rows)} of {len(story.beats)} events</summary>"
        f'<div class="r-table"><ul class="r-steps">{steps}</ul></div></details></div>'
        f'<div class="r-tip" role="tooltip" hidden></div>'
        f'<script type="{kind}" class="r-data">{data}</script>'
        f"<script>{_part('replay_script.js')}</script></div>"
    )


def _part(name: str) -> str:
    """A file of this package, without what only its readers need: comments, indentation."""
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        return squeeze(text)
    lines = (re.sub(r"\s+// .*$|^// .*$", "", line.strip()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _data(story: Story) -> tuple[str, str]:
    """The script's data: the media type, and JSON that may stand in a script element."""
    text = json.dumps(_encoded(story), ensure_ascii=False, separators=(",", ":"))
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) > PACK_FROM:
        return "application/json+deflate", base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")
    safe = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
    return "application/json", re.sub("[<>&\u2028\u2029]", lambda found: safe[found[0]], text)


def _encoded(story: Story) -> dict[str, Any]:
    """The story in columns; a subject is named by its number."""
    subjects: dict[str, int] = {}

    def number_of(subject: str) -> int:
        return subjects.setdefault(subject, len(subjects))

    kinds = {beat.kind: 0 for beat in story.beats}
    kinds = {kind: number for number, kind in enumerate(sorted(kinds))}
    beats = story.beats
    columns = {
        "at": _differences([round(beat.at * 10_000) for beat in beats]),  # tenths of a millisecond
        "pos": _differences([round(beat.pos * 100) for beat in beats]),
        "idle": [round(beat.idle * 100) for beat in beats],
        "place": [beat.place for beat in beats],
        "kind": [kinds[beat.kind] for beat in beats],
        "weight": [beat.weight for beat in beats],
        "subject": _differences([number_of(beat.subject) for beat in beats]),
        "words": [beat.words for beat in beats],
        "ops": [
            [[round(v, 4) if isinstance(v, float) else v for v in op] for op in beat.ops] or 0
            for beat in beats
        ],
    }
    ordered = story.travels
    travels = {
        "start": _differences([t.start for t in ordered]),
        "takes": [t.end - t.start if t.end >= 0 else 0 for t in ordered],  # in beats; 0: nobody gets it
        "edge": [t.edge for t in ordered],
        "back": [t.back for t in ordered],
        "shape": [t.shape for t in ordered],
        "fate": [t.fate for t in ordered],
        "subject": _differences([number_of(t.subject) for t in ordered]),
        "tells": [t.tells for t in ordered],
    }
    tall = layout(story.stage, tall=True)
    return {
        "names": [place.name.removeprefix("database ") for place in story.stage.places],
        "looks": [look(place.name.removeprefix("database ")).colour for place in story.stage.places],
        "edges": story.stage.edges,
        "kinds": list(kinds),
        "beats": columns,
        "travels": travels,
        "messages": [[subject, body] for subject, body in zip(story.messages, story.bodies, strict=True)],
        "metrics": story.metrics,
        "bands": story.bands,
        "hot": story.trouble,
        "still": story.still,
        "length": story.length,
        "tall": {
            "size": [tall.width, tall.height],
            "spots": [[round(spot.x, 1), round(spot.y, 1)] for spot in tall.spots],
            "curves": [[round(value, 1) for value in curve] for curve in tall.curves],
        },
        "subjects": list(subjects),
    }


def _differences(values: list[int]) -> list[int]:
    """Each value less the one before it: small numbers, which pack well."""
    return [value - before for before, value in zip([0, *values], values, strict=False)]
