"""A hunt: what the kernel keeps of it, and what stands where no script runs."""

from __future__ import annotations

import pytest

from classroom.panels import Hunt
from classroom.pictures import Picture

LINES = ["14:02:01  orders  begins", "14:02:05  payments  <did it>"]
SUSPECTS = ["orders", "payments"]


def hunt(evidence=LINES, culprit="payments"):
    return Hunt("Who was it:", evidence, suspects=SUSPECTS, culprit=culprit, title="Logs")


def test_the_seconds_are_those_at_which_the_right_one_was_named():
    a_hunt = hunt()
    a_hunt.answer({"start": True})

    assert a_hunt.answer({"guess": "orders", "seconds": 3.2}) == {
        "sentence": "It was not orders. The clock runs on.",
        "found": False,
    }
    assert (a_hunt.seconds, a_hunt.wrong, str(a_hunt)) == (None, 1, "not hunted yet")

    found = a_hunt.answer({"guess": "payments", "seconds": 41.36})
    assert found == {"sentence": "It was payments. You needed 41.4 s, one wrong guess.", "found": True}
    assert (a_hunt.seconds, str(a_hunt)) == (41.36, "41.4 s, one wrong guess")


def test_who_starts_again_starts_at_nothing():
    a_hunt = hunt()
    a_hunt.answer({"guess": "orders", "seconds": 1})
    a_hunt.answer({"guess": "payments", "seconds": 9})
    a_hunt.answer({"start": True})
    assert (a_hunt.seconds, a_hunt.wrong) == (None, 0)


@pytest.mark.parametrize(
    "asked", [{"guess": "the cat", "seconds": 1}, {"guess": "payments", "seconds": None}]
)
def test_what_no_page_of_ours_sends_finds_nobody(asked):
    a_hunt = hunt()
    assert a_hunt.answer(asked)["found"] is False
    assert a_hunt.seconds is None


def test_a_page_that_says_hello_is_told_nothing_new():
    assert hunt().answer({"hello": True}) == {}


def test_the_page_is_not_told_who_it_was():
    assert hunt().spec() == hunt(culprit="orders").spec()


def test_without_scripts_the_question_and_the_evidence_stand_there():
    bundle = hunt()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "14:02:05  payments  &lt;did it&gt;" in bundle["text/html"]
    assert bundle["text/html"].startswith("<div") and bundle["text/html"].endswith("</div>")
    assert bundle["text/plain"].splitlines()[:2] == ["Hunt: Logs", "Who was it: orders, payments?"]


def test_no_stored_output_holds_the_learners_time():
    a_hunt = hunt()
    before = a_hunt._repr_mimebundle_()
    a_hunt.answer({"guess": "payments", "seconds": 41})
    assert a_hunt._repr_mimebundle_() == before


def test_a_picture_is_evidence_too():
    picture = Picture("a waterfall", "<svg width='9'/>", "alt", "text")
    bundle = hunt(picture)._repr_mimebundle_()
    assert "<img" in bundle["text/html"]
    assert picture.digest in bundle["text/plain"]


def test_the_culprit_is_one_of_the_suspects():
    with pytest.raises(ValueError, match="orders, payments; got 'fraud'"):
        hunt(culprit="fraud")
