"""check: attack a learner's answers, and say what was found.

Idea      One line a promise; the first broken one in full, with the smallest run that breaks it: what was
          promised, what happened, the story in words, its picture, where to look, and the one line
          that replays it. The others are counted. It raises when a promise is broken, so that a
          notebook that is run from top to bottom stops there, and nbval sees it.
Not here  The attacks (adversary.py), the promises (exercises/), the grade (grading/).
"""

from __future__ import annotations

import html
import inspect
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from classroom import exercises
from classroom.adversary import Attack, Counterexample, Findings, find_attacks
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.world.faults import Fault
from classroom.world.run import Run


class NotPassed(Exception):
    """The check has said all there is to say above; a traceback would only hide it."""

    def _render_traceback_(self) -> list[str]:  # asked for by IPython
        return [f"{type(self).__name__}: {self}"]


class PromiseBroken(NotPassed):
    """The answers break a promise."""


class Unfinished(NotPassed):
    """An answer still says "your turn"."""


@dataclass(frozen=True)
class Verdict:
    """status: passed, failed or unfinished. `broken`: in the order of the exercise's promises.

    stages: those that are kept, in order; tried: those that were attacked.
    """

    exercise: Exercise
    status: str
    runs: int
    broken: tuple[tuple[Promise, Counterexample], ...] = ()
    unfinished: tuple[tuple[str, str], ...] = ()  # answer, what it says
    swept: tuple[tuple[Fault, bool], ...] = ()
    stages: tuple[str, ...] = ()
    tried: tuple[str, ...] = ("",)

    @property
    def run(self) -> Run | None:
        """The smallest run that breaks the first broken promise."""
        return self.broken[0][1].run if self.broken else None

    @property
    def replay_line(self) -> str:
        """The call that makes that run again."""
        if not self.broken:
            return ""
        found = self.broken[0][1]
        faults = f", faults={list(found.more)!r}" if found.more else ""
        seed = f", seed={found.run.seed}" if found.run.seed else ""
        names = ", ".join(self.exercise.answers)
        return f'replay("{self.exercise.number}", {names}, attack="{found.attack}"{faults}{seed})'

    def summary(self) -> str:
        """One line: what came of it."""
        title = f"Exercise {self.exercise.number}, {self.exercise.title}"
        total = len(self.exercise.promises)
        if self.status == "passed":
            return f"{title}: all {total} promises kept"
        earned = f"stage{'s' if len(self.stages) > 1 else ''} {' and '.join(self.stages)} kept; "
        title = f"{title}: {earned if self.stages else ''}"
        if self.status == "unfinished":
            return f"{title}not finished yet"
        return f"{title}{len(self.broken)} of {total} promises broken"

    def lines(self) -> list[tuple[str, str]]:
        """For each promise: kept, broken or waiting, and its sentence."""
        broken = {promise.name for promise, _ in self.broken}
        sure = self.stages if self.status == "unfinished" else self.tried
        return [
            (
                "broken" if promise.name in broken else "kept" if promise.stage in sure else "waiting",
                promise.sentence,
            )
            for promise in self.exercise.promises
        ]

    def explanation(self) -> list[tuple[str, str]]:
        """The first broken promise in full: headings and texts."""
        if self.status == "unfinished":
            texts = [f"{answer} says: {text}" for answer, text in self.unfinished]
            return [
                ("What is left to do", "\n".join(texts)),
                ("Stuck?", f"python -m classroom hint {self.exercise.number}"),
            ]
        if not self.broken:
            return []
        promise, found = self.broken[0]
        more = len(self.broken) - 1
        others = {0: "", 1: "One more promise is broken; mend this one first."}
        parts = [
            ("What happened", found.violation.message),
            ("The story", "\n".join(_story(self.exercise, found))),
            ("Where to look", promise.where),
            ("See it again", self.replay_line),
            ("A hint", f"python -m classroom hint {self.exercise.number}"),
            ("Besides", others.get(more, f"{more} more promises are broken; mend this one first.")),
        ]
        return [(heading, text) for heading, text in parts if text]

    def __str__(self) -> str:
        marks = {"kept": "+", "broken": "x", "waiting": "."}
        lines = [self.summary(), *(f"  {marks[state]} {sentence}" for state, sentence in self.lines())]
        for heading, text in self.explanation():
            lines += ["", f"{heading}:", *(f"  {line}" for line in text.splitlines())]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colours = {
            "kept": ("#007a5e", "✓ kept"),
            "broken": ("#c04d00", "✗ broken"),
            "waiting": ("#6b6b6b", "… waiting"),
        }
        rows = "".join(
            f'<tr><td style="color:{colours[state][0]};white-space:nowrap;text-align:left">'
            f"<b>{colours[state][1]}</b></td>"
            f'<td style="text-align:left">{html.escape(sentence)}</td></tr>'
            for state, sentence in self.lines()
        )
        made = "1 run was" if self.runs == 1 else f"{self.runs} runs were"
        runs = f"<p><small>{made} made.</small></p>"
        return (
            f"<div><h3>{html.escape(self.summary())}</h3><table>{rows}</table>{self._explained()}{runs}</div>"
        )

    def _explained(self) -> str:
        parts = []
        for heading, text in self.explanation():
            if heading == "The story":
                body = (
                    "<ol>" + "".join(f"<li>{html.escape(line)}</li>" for line in text.splitlines()) + "</ol>"
                )
            elif heading in ("See it again", "A hint", "Stuck?"):
                body = f"<pre><code>{html.escape(text)}</code></pre>"
            else:
                body = f"<p>{html.escape(text)}</p>"
            parts.append(f'<p style="margin-bottom:0"><b>{heading}</b></p>{body}')
        if self.run is not None:
            parts.insert(2, _picture(self.exercise, self.run).html())
        return "".join(parts)


def check(number: str, *answers: Callable[..., Any], seed: int = 0) -> None:
    """Attack the answers to an exercise, and say what was found.

    number:  of the exercise, such as "08".
    answers: its functions, in the order in which its check cell gives them.
    seed:    of all chance in the runs.

    Raises PromiseBroken or Unfinished; TypeError for what is no answer to this exercise.
    """
    started = time.perf_counter()
    exercise = exercises.load(number)
    given = named(exercise, answers)
    progress = _Progress(exercise)
    try:
        verdict = judge(exercise, given, seed=seed, progress=progress.tell)
    finally:
        progress.end()
    from classroom.grading import verdicts

    first = verdict.broken[0][0].name if verdict.broken else ""
    verdicts.report(
        exercise=exercise.number, status=verdict.status, promise=first, message=_short(verdict),
        runs=verdict.runs, seconds=time.perf_counter() - started, stages=" ".join(verdict.stages),
    )  # fmt: skip
    _show(verdict)
    if verdict.status == "unfinished":
        raise Unfinished(f"{verdict.summary()}: {_short(verdict)}")
    if verdict.status == "failed":
        raise PromiseBroken(f"{verdict.summary()}; the first: {verdict.broken[0][0].sentence}")


def stretch(number: str, *answers: Callable[..., Any], seed: int = 0) -> None:
    """Attack the answers by what is asked beyond an exercise, and say what was found. Nobody is graded by it.

    As check(), but it raises only TypeError, and LookupError where nothing is asked beyond.
    """
    exercise = exercises.load(number)
    if exercise.stretch is None:
        raise LookupError(f"nothing is asked beyond exercise {number}: check({number!r}, ...) is all")
    given = named(exercise, answers)
    progress = _Progress(exercise.stretch)
    try:
        verdict = judge(exercise.stretch, given, seed=seed, progress=progress.tell)
    finally:
        progress.end()
    _show(verdict)


def judge(
    exercise: Exercise,
    answers: Answers,
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
    until_first: bool = False,
    effort: float = 1.0,
) -> Verdict:
    """The verdict on these answers; nothing is shown. until_first, effort: as find_attacks() takes them."""
    attacks = exercise.attacks(answers)
    unfinished: dict[str, str] = {}

    def notice(run: Run) -> bool:
        unfinished.update((event["answer"], event["text"]) for event in run.of("unfinished"))
        return bool(unfinished)

    found: dict[str, Counterexample] = {}
    runs, swept, tried = 0, [], []
    for stage in exercise.stages or ("",):
        tried.append(stage)
        findings: Findings = find_attacks(
            tuple(attack for attack in attacks if attack.stage == stage),
            seed=seed, progress=progress, stop=notice, until_first=until_first, effort=effort,
        )  # fmt: skip
        found = findings.broken | found
        runs += findings.runs
        swept += findings.swept
        if unfinished or any(p.name in found for p in exercise.promises if p.stage in tried):
            break
    lost = {p.stage for p in exercise.promises if p.name in found} | {tried[-1] for _ in unfinished}
    kept = takewhile(lambda stage: stage not in lost, tried if exercise.stages else ())
    broken = tuple((promise, found[promise.name]) for promise in exercise.promises if promise.name in found)
    status = "unfinished" if unfinished else "failed" if broken else "passed"
    return Verdict(
        exercise,
        status,
        runs,
        () if unfinished else broken,
        tuple(unfinished.items()),
        tuple(swept),
        tuple(kept),
        tuple(tried),
    )


def replay(
    number: str, *answers: Callable[..., Any], attack: str, faults: Iterable[Fault] = (), seed: int = 0
) -> Run:
    """Make one run of an attack again, to look at it: .sequence(), .table(), .timeline(), .replay()."""
    exercise = exercises.load(number)
    given, parts = named(exercise, answers), (exercise, exercise.stretch)
    by_name: dict[str, Attack] = {each.name: each for part in parts if part for each in part.attacks(given)}
    if attack not in by_name:
        raise LookupError(f"no attack {attack!r} in exercise {number}; there are: {', '.join(by_name)}")
    return by_name[attack].run(*faults, seed=seed)


def named(exercise: Exercise, answers: tuple[Callable[..., Any], ...]) -> Answers:
    """The answers by name. Raises TypeError for what cannot be called as the exercise calls it."""
    wanted = ", ".join(exercise.answers)
    if len(answers) != len(exercise.answers):
        raise TypeError(
            f"exercise {exercise.number} has {len(exercise.answers)} answers: "
            f'write check("{exercise.number}", {wanted}); {len(answers)} came'
        )
    for name, answer in zip(exercise.answers, answers, strict=True):
        parameters = exercise.signatures[name]
        if not callable(answer):
            raise TypeError(f"{name} is a function of ({parameters}); a {type(answer).__name__} came")
        awaited = name not in exercise.plain
        if awaited and not inspect.iscoroutinefunction(answer):
            raise TypeError(
                f"{name} awaits what it calls, so it begins with `async def {name}({parameters})`"
            )
        if not awaited and inspect.iscoroutinefunction(answer):
            raise TypeError(f"{name} is called and not awaited, so it begins without `async`")
        try:
            _bind(answer, parameters)
        except TypeError as error:
            raise TypeError(f"{name} is called with ({parameters}); yours cannot be: {error}") from None
    return dict(zip(exercise.answers, answers, strict=True))


def _bind(answer: Callable[..., Any], parameters: str) -> None:
    """Raises TypeError if it cannot be called with these: see Exercise.signatures."""
    signature = inspect.signature(answer)
    positional, _, keywords = (part.strip(" ,") for part in parameters.partition("*"))
    given = [word for word in keywords.split(", ") if word]
    asked = [word.strip("[]") for word in given if word[0] != "[" or word.strip("[]") in signature.parameters]
    signature.bind(*positional.split(", ") if positional else (), **dict.fromkeys(asked))


def _story(exercise: Exercise, found: Counterexample) -> list[str]:
    if exercise.story is not None:
        return exercise.story(found.run, found.violation)
    from classroom.pictures import story

    return story(found.run, about=found.violation.about)


def _picture(exercise: Exercise, run: Run) -> Any:
    if exercise.picture is not None:
        return exercise.picture(run)
    from classroom.pictures import sequence

    return sequence(run)


def _short(verdict: Verdict) -> str:
    if verdict.unfinished:
        return "; ".join(f"{answer}: {text}" for answer, text in verdict.unfinished)
    return verdict.broken[0][1].violation.message if verdict.broken else ""


# ---- showing it, in a notebook or on a terminal ------------------------------------------


def _in_a_notebook() -> bool:
    import sys

    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell else None
    return instance is not None and hasattr(instance, "kernel")


def _show(verdict: Verdict) -> None:
    if _in_a_notebook():
        from IPython.display import display

        display(verdict)
    else:
        print(verdict)


class _Progress:
    """A bar while it lasts. Its text/plain never changes: nbval has nothing to compare but the verdict."""

    def __init__(self, exercise: Exercise) -> None:
        self._plain = f"exercise {exercise.number} under attack"
        self._last = 0.0
        self._handle: Any = None
        if _in_a_notebook():
            from IPython.display import display

            self._handle = display(self._bundle(""), raw=True, display_id=True)

    def tell(self, stage: str, done: int, of: int) -> None:
        now = time.monotonic()
        if self._handle is not None and now - self._last > 0.2:
            self._last = now
            bar = f'<progress value="{done}" max="{of}" aria-label="{stage}"></progress>'
            self._handle.update(self._bundle(f"{bar} {stage}: {done} of {of}"), raw=True)

    def end(self) -> None:
        if self._handle is not None:
            self._handle.update(self._bundle(""), raw=True)

    def _bundle(self, text: str) -> dict[str, str]:
        return {"text/plain": self._plain, "text/html": text}
