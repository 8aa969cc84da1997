"""The adversary: it does not read code, it attacks it until a promise breaks.

Idea      First each attack as it stands. Then the sweep: a crash before and after each effect, and
          a long pause before each. Then plans of several faults that Hypothesis makes up, and when
          one of them breaks a promise, shrinks. What is kept of each promise is the smallest run
          that breaks it. Everything is counted in runs and nothing in seconds, so that a verdict
          does not depend on the machine.
Not here  What is promised (exercises/); how it is told (check.py).
Source    Jepsen's nemesis; ALICE's crash points; Hypothesis (MacIver et al., 2019) for the shrinking.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classroom.checks import Check, Violation
from classroom.world.effects import Effect
from classroom.world.faults import Crash, Fault, Pause
from classroom.world.history import GAVE_UP
from classroom.world.loop import EndlessLoop
from classroom.world.run import Run
from classroom.world.simulated import Scenario, simulate

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SWEEP_RUNS = 100
SEARCH_RUNS = 50
SHRINK_RUNS = 60
TALK = {"request", "arrive", "reply", "answer", *GAVE_UP}  # kinds that change nothing by themselves
POLLS = ("/receive", "/fetch", "/sync", "/heartbeat")  # a consumer asks what there is to do
MOST_STEPS = 20_000  # of one run; a lively one of an exercise takes about 2,000
PAUSE = 40.0  # seconds of the sweep's pauses: longer than a lease


@dataclass(frozen=True)
class Attack:
    """One way to set the system up, and how to strike at it.

    name:     by which a replay finds it again.
    scenario: what is run; it must make everything anew each time.
    checks:   each gives violations that name a promise.
    faults:   that strike in each run of this attack.
    sweep:    nodes that are crashed before and after each of their effects.
    pauses:   nodes that are paused before each of their effects.
    plans:    makes a strategy of further faults; imported when needed.
    most_steps: of the loop, after which a run is broken off as endless.
    stage:    of an exercise that has some, the one to which it belongs.
    """

    name: str
    scenario: Scenario
    checks: tuple[Check, ...]
    faults: tuple[Fault, ...] = ()
    sweep: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    plans: Callable[[], SearchStrategy[tuple[Fault, ...]]] | None = None
    most_steps: int = MOST_STEPS
    stage: str = ""

    def run(self, *more: Fault, seed: int = 0) -> Run:
        return simulate(self.scenario, seed=seed, faults=self.faults + more, most_steps=self.most_steps)


@dataclass(frozen=True)
class Counterexample:
    """A run that breaks a promise: by which attack, with which faults, and what was seen."""

    attack: str
    rank: int  # of the attack: those that come first are the simplest to tell
    run: Run
    violation: Violation
    more: tuple[Fault, ...] = ()  # on top of the attack's own

    @property
    def size(self) -> tuple[int, int, int, int]:
        """What is easier to understand comes first: few faults, then crashes, then a short history."""
        others = sum(not isinstance(fault, Crash) for fault in self.more)
        return self.rank, len(self.more), others, len(self.run.history)


@dataclass
class Findings:
    """What the adversary found: how many runs it made, and for each broken promise the smallest run."""

    attacks: tuple[Attack, ...]
    runs: int = 0
    broken: dict[str, Counterexample] = field(default_factory=dict)
    swept: list[tuple[Fault, bool]] = field(default_factory=list)  # of the sweep: struck where, and all kept?

    def look_at(self, attack: Attack, more: tuple[Fault, ...], seed: int) -> Run:
        """Make one run, and keep what it broke."""
        run = attack.run(*more, seed=seed)
        self.runs += 1
        violations = run.violations(*attack.checks)
        for violation in violations:
            found = Counterexample(attack.name, self.attacks.index(attack), run, violation, more)
            known = self.broken.get(violation.promise)
            if known is None or found.size < known.size:
                self.broken[violation.promise] = found
        return run


def find_attacks(
    attacks: tuple[Attack, ...],
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
    stop: Callable[[Run], bool] = lambda run: False,
    until_first: bool = False,
    effort: float = 1.0,
) -> Findings:
    """All attacks as they stand, then the sweep; and if nothing broke, the search.

    progress(stage, done, of) is called after each run; stop(run) says that enough is known.
    until_first: one broken promise is enough. effort: the share of the sweep's and the search's runs to make.
    """
    findings = Findings(attacks)
    tell = progress or (lambda stage, done, of: None)
    quiet: dict[str, Run] = {}
    for index, attack in enumerate(attacks):
        quiet[attack.name] = findings.look_at(attack, (), seed)
        tell("as it stands", index + 1, len(attacks))
        if stop(quiet[attack.name]) or (until_first and findings.broken):
            return findings
        if isinstance(quiet[attack.name].error, EndlessLoop):
            return findings  # each further run would end in it too, after seconds of real time
    for attack in attacks:
        points = list(strikes(attack, quiet[attack.name], most=max(1, round(SWEEP_RUNS * effort))))
        for index, fault in enumerate(points):
            before = len(findings.broken)
            findings.look_at(attack, (fault,), seed)
            findings.swept.append((fault, len(findings.broken) == before))
            if until_first and findings.broken:
                return findings
            tell("a strike at every effect", index + 1, len(points))
    if not findings.broken:
        for attack in attacks:
            if attack.plans is not None:
                _search(attack, findings, seed, tell, runs=max(1, round(SEARCH_RUNS * effort)))
    return findings


def strikes(attack: Attack, quiet: Run, *, most: int = SWEEP_RUNS) -> Iterator[Fault]:
    """A crash before and after, and a pause before, each effect of the attack's nodes in its quiet run.

    If there are more points than `most`, they are thinned out evenly.
    """
    points: list[Fault] = []
    for effect in effects_that_matter(quiet):
        if effect.node in attack.sweep:
            points += [Crash(effect.node, before=effect.number), Crash(effect.node, after=effect.number)]
        if effect.node in attack.pauses:
            points.append(Pause(effect.node, before=effect.number, lasts=PAUSE))
    stride = max(1, -(-len(points) // most))
    yield from points[::stride]


def effects_that_matter(quiet: Run) -> list[Effect]:
    """The effects of a run, without those of consumers that ask in vain when all has been done."""
    over = max((event.at for event in quiet.history if event.kind not in TALK), default=0.0)
    return [effect for effect in quiet.effects if effect.at <= over or not _polls(effect)]


def _polls(effect: Effect) -> bool:
    return any(poll in effect.what for poll in POLLS)


def sweep(
    scenario: Scenario, *nodes: str, check: Callable[[Run], list[Any]], seed: int = 0
) -> list[tuple[Effect, str, list[Any]]]:
    """Run a scenario again and again, with a node killed before and after each of its effects.

    check(run) gives what is wrong with a run. Returns (effect, "before" or "after", what was wrong) a run.
    """
    quiet = simulate(scenario, seed=seed)
    quiet.raise_error()
    struck = []
    for effect in effects_that_matter(quiet):
        if effect.node in nodes:
            for when in ("before", "after"):
                crash = Crash(effect.node, **{when: effect.number})
                run = simulate(scenario, seed=seed, faults=[crash], most_steps=MOST_STEPS)
                struck.append((effect, when, check(run)))
    return struck


class _Enough(BaseException):
    """The budget is spent (a BaseException, so that Hypothesis lets it pass)."""


def _search(
    attack: Attack, findings: Findings, seed: int, tell: Callable[[str, int, int], None], *, runs: int
) -> None:
    import hypothesis
    from hypothesis.configuration import set_hypothesis_home_dir

    # Hypothesis keeps notes in a folder .hypothesis beside whatever runs; a learner's desk stays clean
    set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "broken-on-purpose")
    assert attack.plans is not None
    searched = shrunk = 0

    def attempt(plan: tuple[Fault, ...]) -> None:
        nonlocal searched, shrunk
        if findings.broken:
            if shrunk >= SHRINK_RUNS:
                raise _Enough
            shrunk += 1
        searched += 1
        violations = findings.look_at(attack, plan, seed).violations(*attack.checks)
        tell("plans of several faults", min(searched, runs), runs)
        assert not violations

    prepared: Any = hypothesis.given(attack.plans())(attempt)
    prepared = hypothesis.seed(seed)(prepared)
    prepared = hypothesis.settings(
        max_examples=runs,
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )(prepared)
    try:
        prepared()
    except (AssertionError, _Enough):
        pass  # what broke has been kept, the smallest of each promise
