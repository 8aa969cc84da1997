"""The same counts from a run of real services, so that a model can be laid over it.

Idea      A model is worth what it was compared with. This reads the history of a run, in either world,
          and counts what the model counts: who asked, what reached the server, who was served in time.
Not here  The model (retry_storm.py).
"""

from collections import Counter
from collections.abc import Iterable

from classroom.scale.storm_counts import Storm
from classroom.world.faults import Pause
from classroom.world.history import GAVE_UP
from classroom.world.run import Run


def measured(run: Run, callee: str, *, key: str, capacity: float, deadline: float = 10.0) -> Storm:
    """Counts for each second of what was asked of `callee`.

    key: of a request's JSON body, names the request: two tries of one request have the same value.
    capacity: tries a second that it can serve. deadline: seconds that a request may take with all its tries.

    The stall is the run's Pause of `callee`. Raises ValueError if nothing was asked.
    """
    requests = run.of("request", to=callee)
    if not requests:
        raise ValueError(f"nobody asked {callee!r} in this run")
    begun: dict[object, float] = {}
    tries: dict[int, object] = {}
    for event in requests:
        tries[event["call"]] = event["body"][key]
        begun.setdefault(event["body"][key], event.at)
    gone = {event["call"] for event in run.of(*GAVE_UP, to=callee)}
    good = [event for event in run.of("answer", callee=callee) if event["status"] < 400]
    replies = run.of("reply", node=callee)
    in_vain = [event.at for event in replies if event["status"] < 400 and event["call"] in gone]
    pause = next((f for f in run.faults if isinstance(f, Pause) and f.node == callee), None)
    start = pause.at if pause is not None and pause.at is not None else 0.0

    def by_second(moments: Iterable[float]) -> tuple[int, ...]:
        found = Counter(map(int, moments))
        return tuple(found[second] for second in range(int(run.duration)))

    return Storm(
        demand=by_second(begun.values()),
        offered=by_second(event.at for event in requests),
        retries=by_second(event.at for event in requests if event.at != begun[tries[event["call"]]]),
        goodput=by_second(event.at for event in good),
        in_vain=by_second(in_vain),
        rejected=by_second(event.at for event in replies if event["status"] == 503),
        served=by_second(begun[name] for name in {tries[event["call"]] for event in good}),
        stall=(start, start + (pause.lasts if pause is not None else 0.0)),
        capacity=capacity,
        deadline=deadline,
        seed=run.seed,
    )
