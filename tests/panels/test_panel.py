"""A panel without a browser: what it answers, keeps and says when it fails, and its still output."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from classroom.panels import Choice, Panel, Prediction, Slider
from classroom.panels.outcome import KEPT
from classroom.pictures import Picture
from classroom.world.run import Run

PAUSE = Slider("pause", 0, 90, step=5, value=40, unit="s", code="Pause('worker-1', at=3, lasts={value})")
ACK = Choice("ack", ["first", "last"], value="last", code="ack={value}")


class Night:
    """A run that is only its values; counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, pause, ack):
        self.made += 1
        if pause == 90:
            raise ValueError("a pause of 90 s is\ntoo long")
        error = TimeoutError("every task waits for ever") if pause == 85 else None
        return SimpleNamespace(pause=pause, ack=ack, charges=2 if pause > 30 else 1, error=error)


def picture(run):
    if run.pause == 80:
        raise LookupError("nothing to draw")
    return Picture(f"A pause of {run.pause} s", f"<svg><text>{run.pause}</text></svg>", "alt", "text")


def say(run):
    return f"Ada was charged {run.charges} times <here>."


def panel(night=None, **options):
    return Panel(night or Night(), [PAUSE, ACK], view=picture, say=say, title="One night", **options)


def asked(a_panel, pause=40, ack="last", **more):
    return a_panel.answer({"ask": "1", "values": {"pause": pause, "ack": ack}, **more})


def test_moving_a_control_gives_the_sentence_the_picture_and_the_code_of_that_run():
    answer = asked(panel(), pause=20, ack="first")
    assert answer["sentence"] == "Ada was charged 1 times <here>."
    assert answer["lines"] == {"pause": "Pause('worker-1', at=3, lasts=20)", "ack": "ack=first"}
    assert answer["call"] == "run(pause=20, ack='first')"
    assert "<img" in answer["html"] and not answer["failed"]


def test_the_call_is_written_with_the_name_of_the_function_or_as_the_author_says():
    def night(pause, ack):
        return Night()(pause, ack)

    assert asked(panel(night))["call"] == "night(pause=40, ack='last')"
    assert asked(panel(code="simulate(night({pause}))"))["call"] == "simulate(night(40))"
    assert asked(panel(code=lambda pause, ack: f"{ack}:{pause}"))["call"] == "last:40"
    assert asked(panel(code=""))["call"] == ""


def test_a_run_is_made_once_for_one_set_of_values():
    night = Night()
    a_panel = panel(night)
    for pause in (20, 40, 20, 40):
        asked(a_panel, pause=pause)
    assert night.made == 2


def test_only_the_last_runs_are_kept():
    night = Night()
    a_panel = Panel(night, [Slider("pause", 0, 80, value=0), ACK], view=lambda run: None, say=say)
    for pause in range(KEPT + 1):
        asked(a_panel, pause=pause)
    asked(a_panel, pause=KEPT)
    assert night.made == KEPT + 1
    asked(a_panel, pause=0)
    assert night.made == KEPT + 2


@pytest.mark.parametrize(
    ("pause", "sentence"),
    [
        (90, "No run: ValueError: a pause of 90 s is too long"),
        (85, "The run broke off: TimeoutError: every task waits for ever"),
        (80, "Ada was charged 2 times <here>. It has no picture: LookupError: nothing to draw"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence_and_the_panel_goes_on(pause, sentence):
    a_panel = panel()
    failed = asked(a_panel, pause=pause)
    assert (failed["sentence"], failed["failed"], failed["html"]) == (sentence, True, "")
    assert not asked(a_panel, pause=20)["failed"]


def test_an_interrupted_run_is_told_and_made_again_when_asked_again():
    interrupts = iter([KeyboardInterrupt()])

    def night(pause, ack):
        for error in interrupts:
            raise error
        return Night()(pause, ack)

    a_panel = panel(night)
    assert "interrupted" in asked(a_panel)["sentence"]
    assert not asked(a_panel)["failed"]


@pytest.mark.parametrize("values", [{"pause": 41}, {"ack": "never"}, {"pause": "<script>"}])
def test_a_page_that_sends_nonsense_is_told_so_and_nothing_changes(values):
    a_panel = panel()
    assert a_panel.answer({"values": values})["failed"]
    assert a_panel.values == {"pause": 40, "ack": "last"}


def test_the_cells_below_can_use_the_values_and_the_run_that_are_shown():
    a_panel = panel()
    asked(a_panel, pause=20)
    assert a_panel.values == {"pause": 20, "ack": "last"}
    assert a_panel.run.pause == 20


def test_a_page_made_anew_is_told_where_the_controls_stand_by_now():
    a_panel = panel(predict=Prediction("How often?", 0, 4, answer=lambda run: run.charges))
    assert a_panel.answer({"hello": True}) == {}
    asked(a_panel, pause=20, ack="first", prediction=1)
    answer = a_panel.answer({"hello": True})
    assert (answer["values"], answer["prediction"]) == ({"pause": 20, "ack": "first"}, 1)
    assert answer["sentence"] == "Ada was charged 1 times <here>."


def test_a_prediction_stands_beside_what_it_was():
    a_panel = panel(predict=Prediction("How often?", 0, 4, answer=lambda run: run.charges))
    assert a_panel.spec()["verdict"] == {"words": "No prediction made; it was 2.", "right": None}
    assert asked(a_panel, prediction=1)["verdict"] == {"words": "You said 1; it was 2.", "right": False}
    assert asked(a_panel, pause=20, prediction=1)["verdict"] == {
        "words": "You said 1; it was 1.",
        "right": True,
    }
    assert a_panel.prediction == 1


def test_a_run_that_failed_answers_no_prediction():
    a_panel = panel(predict=Prediction("How often?", 0, 4, 2, answer=lambda run: run.charges))
    assert asked(a_panel, pause=85)["verdict"]["words"] == ""


def test_without_scripts_a_panel_is_its_picture_its_sentence_and_its_lines():
    bundle = panel()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}  # a widget view would show an error without a kernel
    html = bundle["text/html"]
    assert "<code>Pause(&#x27;worker-1&#x27;, at=3, lasts=40)</code>" in html
    assert "Ada was charged 2 times &lt;here&gt;." in html and "<img" in html
    assert html.startswith("<div") and html.endswith("</div>")  # so that nbval knows it for markup


def test_the_plain_text_of_a_panel_names_values_sentence_and_the_digest_of_its_picture():
    assert panel()._repr_mimebundle_()["text/plain"].splitlines() == [
        "Panel: One night",
        "pause: 40 s",
        "ack: last",
        "Ada was charged 2 times <here>.",
        f"A pause of 40 s [{picture(Night()(40, 'last')).digest}]",
    ]


def test_two_panels_of_the_same_values_are_the_same_output():
    assert panel()._repr_mimebundle_() == panel()._repr_mimebundle_()


def test_a_panel_needs_controls_each_with_its_own_name():
    for controls in ([], [PAUSE, PAUSE]):
        with pytest.raises(ValueError, match="a name of its own"):
            Panel(Night(), controls, view=picture, say=say)


def test_an_empty_run_of_the_house_is_shown_by_its_own_pictures():
    answer = Panel(
        lambda ack: Run(history=()), [ACK], view=lambda run: run.table(), say=lambda run: repr(run.duration)
    ).answer({})
    assert answer["sentence"] == "0.0" and not answer["failed"]


def test_importing_the_panels_imports_no_widgets():
    heavy = "('anywidget', 'ipywidgets', 'IPython')"
    code = f"import sys, classroom.panels; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
