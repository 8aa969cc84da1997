"""Any log that the tables let through tells a story that keeps the promises; told again by another model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.saga import Event, IllegalMove, Kind, Move, Progress, Record, Saga, SagaState, Step, fold


def saga_of(compensatable: int, *, pivot: bool, retriable: int) -> Saga:
    steps = [Step(f"c{n}", "do", undo="undo") for n in range(compensatable)]
    steps += [Step("pivot", "do", kind=Kind.PIVOT)] if pivot else []
    steps += [Step(f"r{n}", "do", kind=Kind.RETRIABLE) for n in range(retriable)]
    return Saga("made", tuple(steps))


SAGAS = st.builds(saga_of, st.integers(1, 4), pivot=st.just(True), retriable=st.integers(0, 2)) | st.builds(
    saga_of, st.integers(1, 4), pivot=st.just(False), retriable=st.just(0)
)


@st.composite
def logs(draw: st.DrawFn) -> tuple[Saga, list[Record], Progress]:
    """A saga and a log of it, as long as it may be: at each place any record that the tables let through."""
    saga = draw(SAGAS)
    begin = {"saga": saga.name, "steps": saga.description(), "data": None}
    records = [Record(1, "x", 0.0, Event.BEGIN, None, begin)]
    progress = fold("x", records)
    everything = [(event, step) for event in Event for step in (None, *saga.names)]
    for position in range(2, draw(st.integers(2, 40))):
        possible = []
        for event, step in everything:
            try:
                possible.append(progress.after(record := Record(position, "x", 0.0, event, step)))
            except IllegalMove:
                continue
            possible[-1] = (record, possible[-1])
        if not possible:
            break
        record, progress = draw(st.sampled_from(possible))
        records.append(record)
    return saga, records, progress


def retold(records: list[Record]) -> tuple[list[str], set[str], set[str], list[str]]:
    """The same log, by a stack: what may have been done and is not undone, what was done, refused, undone."""
    stack: list[str] = []
    done: set[str] = set()
    refused: set[str] = set()
    undone: list[str] = []
    for record in records:
        step = record.step or ""
        match record.event:
            case Event.START | Event.PIVOT:
                assert not undone, "forward after back"
                stack.append(step)
            case Event.DONE | Event.COMMIT:
                done.add(step)
            case Event.REFUSE:
                assert stack.pop() == step
                refused.add(step)
            case Event.UNDO:
                assert stack[-1] == step, "not the newest first"
            case Event.UNDONE:
                assert stack.pop() == step
                undone.append(step)
    return stack, done, refused, undone


@given(logs())
def test_compensation_goes_back_newest_first_over_all_that_may_have_been_done(log):
    saga, records, progress = log
    left, done, refused, undone = retold(records)

    if progress.state is SagaState.COMPENSATED:
        assert left == []
    if progress.state is SagaState.COMPLETED:
        assert done == set(saga.names) and not undone and not refused


@given(logs())
def test_past_the_pivot_nothing_is_undone_and_nothing_cancelled(log):
    _, records, progress = log
    events = [record.event for record in records]

    if Event.COMMIT in events:
        after = events[events.index(Event.COMMIT) :]
        assert not {Event.UNDO, Event.UNDONE, Event.CANCEL, Event.REFUSE, Event.GIVE_UP} & set(after)
        assert progress.state in (SagaState.COMMITTED, SagaState.COMPLETED)


@given(logs())
def test_from_wherever_a_log_stops_there_is_a_way_to_the_end(log):
    _, records, progress = log
    answers = {Event.START: Event.DONE, Event.PIVOT: Event.COMMIT, Event.UNDO: Event.UNDONE}

    for position in range(len(records) + 1, len(records) + 40):
        move = progress.next()
        if move is None:
            break
        event = answers[move.event] if move.again else move.event
        progress = progress.after(Record(position, "x", 0.0, event, move.step))

    assert progress.ended


@given(logs())
def test_what_is_read_again_from_the_start_is_the_same(log):
    _, records, progress = log

    assert fold("x", records) == progress


def test_the_next_move_says_whether_its_record_is_there_already():
    saga = saga_of(1, pivot=True, retriable=0)
    begin = {"saga": "made", "steps": saga.description(), "data": None}
    records = [Record(1, "x", 0.0, Event.BEGIN, None, begin)]
    assert fold("x", records).next() == Move(Event.START, "c0")

    records.append(Record(2, "x", 0.0, Event.START, "c0"))
    assert fold("x", records).next() == Move(Event.START, "c0", again=True)

    records.append(Record(3, "x", 0.0, Event.CANCEL))
    assert fold("x", records).next() == Move(Event.UNDO, "c0")
