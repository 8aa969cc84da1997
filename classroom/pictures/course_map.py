"""The course map: the way through, and what lies beside it.

Idea      A line from the top to the bottom, with a stop for each lesson of the spine; what goes deeper lies
          on a side line. A full stop is here, an empty one is to come; you stand at the one with a rim.
Not here  What the lessons are (classroom.lessons). Links: a picture has none; they stand beside it.
"""

from collections.abc import Collection

from classroom.grading.course import Course, numbered
from classroom.lessons import LESSONS, Lesson
from classroom.pictures.picture import Picture
from classroom.pictures.svg import clip, document, element, line, paint, path, rect, text, wrap
from classroom.pictures.svg import d as data

WIDTH, TOP, ROW = 760.0, 64.0, 31.0
MAIN, SIDE, WORDS, MINUTES = 44.0, 74.0, 104.0, 740.0
STOP = 11.0  # radius of a stop on the spine


def course_map(at: str | None = None, *, here: Collection[str] | None = None) -> Picture:
    """Draw it.

    at:   the number of the lesson that you are in, "08"; None: of none.
    here: the numbers of the lessons that there are; by default those whose notebooks lie in the clone.
    Raises ValueError for an `at` that is no lesson.
    """
    if at is not None and at not in {lesson.number for lesson in LESSONS}:
        raise ValueError(f"no lesson {at!r}; they are numbered 00 to {LESSONS[-1].number}")
    there = set(numbered(Course.here().lessons) if here is None else here)
    spine = [lesson for lesson in LESSONS if lesson.spine]
    minutes = sum(lesson.minutes + lesson.exercise for lesson in spine)
    exercises = sum(1 for lesson in spine if lesson.exercise)
    title = (
        f"The way through: {len(spine)} lessons and {exercises} exercises, "
        f"{minutes // 60} h {minutes % 60:02} min; {len(there)} of {len(LESSONS)} lessons are here"
    )
    heading = wrap(title, WIDTH - 40, 15, bold=True)
    first = TOP + 20 * (len(heading) - 1)
    ys = {lesson.number: first + ROW * index for index, lesson in enumerate(LESSONS)}
    last = max(ys[lesson.number] for lesson in spine)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(line(MAIN, first, MAIN, last, stroke="blue", width=5))
    body += _side_lines(ys, last)
    for lesson in LESSONS:
        body.append(_row(lesson, ys[lesson.number], here=lesson.number in there, at=lesson.number == at))
    foot = ys[LESSONS[-1].number] + 34
    legend = "thick line: the way through · full: here · empty: to come · minutes: lesson + exercise"
    body.append(text(20, foot, legend, size=11.5, fill="soft"))
    rows = [_told(lesson, lesson.number in there, lesson.number == at) for lesson in LESSONS]
    alt = f"{title}. " + "; ".join(rows) + "."
    drawn = document(WIDTH, foot + 16, "".join(body), title=title, desc=alt)
    return Picture(title, drawn, alt, "\n".join(rows))


def _side_lines(ys: dict[str, float], last: float) -> list[str]:
    """From each stop on the spine, past the lessons that follow it, back to the next stop if there is one."""
    found, start, beside = [], 0.0, list[float]()
    for lesson in (*LESSONS, None):
        if lesson is not None and not lesson.spine:
            beside.append(ys[lesson.number])
            continue
        if beside:
            way: list[str | float] = ["M", MAIN, start]
            way += ["C", MAIN, start + 18, SIDE, start + 12, SIDE, beside[0]]
            way += ["L", SIDE, beside[-1]]
            if lesson is not None:
                y = ys[lesson.number]
                way += ["C", SIDE, y - 12, MAIN, y - 18, MAIN, y]
            found.append(path(data(*way), stroke="soft", stroke_width=1.5, stroke_dasharray="4 3"))
        if lesson is not None:
            start, beside = ys[lesson.number], []
    return found


def _row(lesson: Lesson, y: float, *, here: bool, at: bool) -> str:
    x, radius = (MAIN, STOP) if lesson.spine else (SIDE, 8.0)
    marks = ""
    if at:
        marks = rect(WORDS - 10, y - 14, MINUTES - WORDS + 14, 28, fill="mark", rx=4)
        marks += element(
            "circle", cx=x, cy=y, r=radius + 4, stroke_width=2, **paint(fill="none", stroke="ink")
        )
    fill, ink = ("blue-fill", "blue-on") if here else ("paper", "soft")
    edge = "blue" if lesson.spine or here else "soft"
    stop = element("circle", cx=x, cy=y, r=radius, stroke_width=2, **paint(fill=fill, stroke=edge))
    size = 10.5 if lesson.spine else 9
    number = text(x, y + size * 0.36, lesson.number, size=size, anchor="middle", fill=ink, bold=here)
    took = _minutes(lesson) if here else f"to come · {_minutes(lesson)}"
    name = text(WORDS, y - 1, lesson.title, size=12.5, bold=here, fill="ink" if here else "soft")
    asks = clip(lesson.question, MINUTES - WORDS - 90, 10.5)
    return (
        marks
        + stop
        + number
        + name
        + text(WORDS, y + 11, asks, size=10.5, fill="soft")
        + text(MINUTES, y + 3, took, size=11, anchor="end", fill="ink" if here else "soft")
    )


def _minutes(lesson: Lesson) -> str:
    return f"{lesson.minutes} + {lesson.exercise} min" if lesson.exercise else f"{lesson.minutes} min"


def _told(lesson: Lesson, here: bool, at: bool) -> str:
    where = "on the way through" if lesson.spine else "beside it"
    state = "here" if here else "to come"
    stands = "; you are here" if at else ""
    return f"{lesson.number} {lesson.title} ({where}, {state}, {_minutes(lesson)}){stands}: {lesson.question}"
