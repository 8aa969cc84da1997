from minibroker.deadlines import Deadlines


def test_deadlines_come_up_in_order_of_time_and_then_of_place():
    deadlines = Deadlines(lambda deadline: True)
    for deadline in ((3.0, 0, 10), (1.0, 2, 12), (1.0, 1, 11)):
        deadlines.add(deadline)

    assert deadlines.earliest() == (1.0, 1, 11)
    assert [deadlines.pop_due(2.0) for _ in range(3)] == [(1.0, 1, 11), (1.0, 2, 12), None]
    assert deadlines.pop_due(3.0) == (3.0, 0, 10)


def test_a_deadline_that_no_longer_counts_is_skipped():
    counts = {(1.0, 0, 1): False, (2.0, 1, 2): True}
    deadlines = Deadlines(counts.__getitem__)
    for deadline in counts:
        deadlines.add(deadline)

    assert deadlines.earliest() == (2.0, 1, 2)
    assert deadlines.pop_due(1.5) is None


def test_deadlines_that_no_longer_count_do_not_pile_up():
    newest = (0.0, 0, 0)
    deadlines = Deadlines(lambda deadline: deadline == newest)
    for n in range(5000):
        newest = (1e6 - n, n, n)
        deadlines.add(newest)

    assert len(deadlines) < 100
    assert deadlines.earliest() == newest
