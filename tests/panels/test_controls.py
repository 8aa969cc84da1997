"""Controls as values: what they let through, and the line of code that each stands for."""

from __future__ import annotations

import pytest

from classroom.panels import Choice, Prediction, Slider

PAUSE = Slider("pause", 0, 90, step=5, value=40, unit="s", code="Pause('worker-1', at=3, lasts={value})")
CRASH = Choice(
    "crash", ["none", "before"], code={"none": "faults=[]", "before": "Crash('worker-1', before=3)"}
)
GUESS = Prediction("How many times is Ada charged?", 0, 4, answer=lambda run: run)


def test_a_slider_shows_the_line_of_code_for_its_value():
    assert PAUSE.line(55) == "Pause('worker-1', at=3, lasts=55)"


def test_a_slider_gives_whole_numbers_as_ints_and_says_them_with_their_unit():
    assert repr(PAUSE.read(40.0)) == "40"
    assert PAUSE.words(40) == "40 s"


def test_a_slider_takes_every_step_of_a_broken_step_size():
    rate = Slider("rate", 0, 1, step=0.1, value=0.3)
    assert [rate.read(value) for value in (0.1, 0.2, 0.7, 1)] == [0.1, 0.2, 0.7, 1]


@pytest.mark.parametrize("value", [-5, 95, 41, "40", True, None, float("nan")])
def test_a_slider_refuses_what_is_no_step_of_its_range(value):
    with pytest.raises(ValueError, match=r"slider 'pause': takes"):
        PAUSE.read(value)


def test_a_slider_that_starts_outside_its_range_is_refused_when_it_is_made():
    with pytest.raises(ValueError, match=r"takes 0 to 90; got 100"):
        Slider("pause", 0, 90, value=100)


def test_code_may_be_a_function_of_the_value():
    assert Slider("n", 1, 3, value=2, code=lambda n: "await work()\n" * n).line(2).count("work") == 2


def test_a_choice_has_a_line_for_each_of_its_options():
    assert [CRASH.line(CRASH.read(words)) for words in ("none", "before")] == [
        "faults=[]",
        "Crash('worker-1', before=3)",
    ]


def test_a_choice_gives_the_value_behind_the_words():
    choice = Choice("faults", {"nothing": [], "one loss": [1]}, value="one loss")
    assert choice.read("one loss") == [1]
    assert choice.words([1]) == "one loss"


def test_a_choice_without_a_line_for_one_of_its_options_is_refused():
    with pytest.raises(ValueError, match=r"no line of code for 'after'"):
        Choice("crash", ["none", "after"], code={"none": "faults=[]"})


@pytest.mark.parametrize("words", ["later", None, [], 3])
def test_a_choice_names_its_options_when_it_is_given_another(words):
    with pytest.raises(ValueError, match=r"the options: 'none', 'before'"):
        CRASH.read(words)


def test_a_prediction_says_what_was_said_and_what_it_was():
    assert GUESS.verdict(1, 2) == "You said 1; it was 2."
    assert GUESS.verdict(None, 2) == "No prediction made; it was 2."


@pytest.mark.parametrize("value", [-1, 5, 1.5, True, "two"])
def test_a_prediction_takes_whole_numbers_of_its_range_alone(value):
    with pytest.raises(ValueError, match=r"takes a whole number, 0 to 4"):
        GUESS.read(value)
