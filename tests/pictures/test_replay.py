"""The replay as a value: what it says, how large it is, and that no history can break out of it."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
import zlib
from html.parser import HTMLParser
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from classroom.pictures.replay import replay
from classroom.pictures.replay_stage import layout, stage_of
from classroom.pictures.replay_story import CRASHED, IN_FLIGHT, PAUSED, READY, state_at, story_of
from tests.pictures.replay_histories import HandMadeRun, hostile, lesson_08, long_run, lossy_shop

KB = 1000
ALL = (lesson_08, lossy_shop, hostile)


class _Tags(HTMLParser):
    """Which elements a browser would see; the text of a script is no markup to it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def still_of(html: str) -> str:
    return base64.b64decode(re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)[0]).decode()


def data_of(html: str) -> Any:
    kind, text = re.findall(r'<script type="([^"]+)" class="r-data">(.*?)</script>', html, re.DOTALL)[0]
    return json.loads(zlib.decompress(base64.b64decode(text)) if "deflate" in kind else text)


# ---- what it says ------------------------------------------------------------------------


def test_the_title_is_the_finding_and_the_plain_text_carries_the_digest() -> None:
    run = lesson_08()
    shown = replay(run)
    assert shown.title == "Order 7 is charged twice"
    assert shown._repr_mimebundle_()["text/plain"] == f"Order 7 is charged twice [{run.digest}]"


def test_a_title_that_was_given_is_kept() -> None:
    assert replay(lesson_08(), title="Ada paid twice").title == "Ada paid twice"


def test_the_still_stands_at_the_most_telling_moment_and_the_alt_text_says_it() -> None:
    shown = replay(lesson_08())
    assert "order 7 has its second charge at card" in shown.alt
    assert "worker-1 works on order 7" in shown.alt
    assert _Tags(shown.html).of("img")[0]["alt"] == shown.alt


def test_about_chooses_the_moment_and_what_is_marked() -> None:
    story = story_of(lesson_08().history, about=13)
    assert story.trouble == ["order 13"]
    assert story.beats[story.still].words == (
        "order 13 is given up after 3 deliveries: it goes to charges-dead (max_receive_count)"
    )


def test_the_words_say_who_still_holds_a_message_that_is_delivered_again() -> None:
    words = [beat.words for beat in story_of(lesson_08().history).beats]
    assert "order 7 is delivered a second time, to worker-2; worker-1 still holds it" in words


def test_an_empty_history_is_a_replay_too() -> None:
    shown = replay(HandMadeRun(()))
    assert "nothing happened" in shown.alt


def test_a_bare_history_is_taken_as_it_is() -> None:
    run = lesson_08()
    assert replay(run.history).html == replay(run).html


# ---- the state that still frame and browser share -------------------------------------------


def test_the_state_at_a_beat_is_what_the_events_up_to_it_made() -> None:
    run = lesson_08()
    story = story_of(run.history)
    expired = next(event.number for event in run.history if event.kind == "expired")
    before, after = state_at(story, expired - 1), state_at(story, expired)
    seven = story.messages.index("order 7")
    worker = story.stage.index("worker-1")
    assert before.slots[seven][1] == IN_FLIGHT
    assert after.slots[seven][1] == READY
    assert after.status[worker][0] == PAUSED
    assert after.held[worker] == [seven]


def test_a_crash_empties_the_hands_of_a_node() -> None:
    run = lesson_08()
    story = story_of(run.history)
    crash = next(event for event in run.history if event.kind == "crash")
    state = state_at(story, crash.number)
    worker = story.stage.index(crash.node)
    assert state.status[worker][0] == CRASHED
    assert not state.held.get(worker)


def test_story_time_never_goes_back_and_an_idle_stretch_is_short() -> None:
    story = story_of(lesson_08().history)
    positions = [beat.pos for beat in story.beats]
    assert positions == sorted(positions)
    longest = max((b.at - a.at, b.pos - a.pos) for a, b in zip(story.beats, story.beats[1:], strict=False))
    assert longest[0] > 4
    assert longest[1] < 4


def test_a_journey_takes_long_enough_to_be_seen() -> None:
    story = story_of(lossy_shop().history)
    for travel in story.travels:
        if travel.end >= 0:
            assert story.beats[travel.end].pos - story.beats[travel.start].pos >= 0.19


# ---- the stage -----------------------------------------------------------------------------


def test_callers_stand_left_the_broker_in_the_middle_workers_and_data_right() -> None:
    stage = stage_of(lesson_08().history)
    wide = layout(stage)
    left = {place.name: spot.x for place, spot in zip(stage.places, wide.spots, strict=True)}
    assert left["ada"] < left["broker"] < left["worker-1"] < left["card"]
    assert left["worker-1"] == left["worker-2"]
    assert left["worker-1"] < left["database ledger"]


@pytest.mark.parametrize("make", [lesson_08, lossy_shop, long_run])
@pytest.mark.parametrize("tall", [False, True])
def test_no_two_places_overlap_and_all_are_on_the_paper(make: Any, tall: bool) -> None:
    stage = stage_of(make().history)
    found = layout(stage, tall=tall)
    for number, one in enumerate(found.spots):
        assert one.x >= 0
        assert one.x + one.width <= found.width
        assert one.y + one.height <= found.height
        for other in found.spots[number + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y


# ---- one file that nothing can break ----------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_a_lesson_s_replay_is_at_most_120_kb(make: Any) -> None:
    assert len(replay(make()).html.encode()) <= 120 * KB


def test_five_thousand_events_are_at_most_120_kb() -> None:
    run = long_run(230)
    assert len(run.history) >= 5000
    assert len(replay(run).html.encode()) <= 120 * KB


@pytest.mark.parametrize("make", ALL)
def test_the_same_run_gives_the_same_bytes(make: Any) -> None:
    assert replay(make()).html == replay(make()).html


@pytest.mark.parametrize("make", [*ALL, long_run])
def test_it_asks_for_nothing_from_anywhere(make: Any) -> None:
    html = replay(make()).html
    for tag, attributes in _Tags(html).found:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:").startswith("data:")
    code = html.split("<script>")[-1]
    assert not re.search(r"https?://(?!www\.w3\.org)|fetch\(|XMLHttpRequest|import\(|url\(", code)


def test_a_hostile_history_stays_text() -> None:
    shown = replay(hostile())
    for html in (shown.html, shown.page()):
        assert "<script>alert(1)" not in html
        assert len(_Tags(html).of("script")) == 2
        assert not _Tags(html).of("b")[1:]  # the title's own, no other
    ElementTree.fromstring(still_of(shown.html))


@pytest.mark.parametrize("make", [*ALL, long_run])
def test_the_still_is_well_formed_and_needs_no_ids(make: Any) -> None:
    drawn = still_of(replay(make()).html)
    root = ElementTree.fromstring(drawn)
    assert not [node for node in root.iter() if "id" in node.attrib]
    assert "prefers-color-scheme:dark" in drawn


@pytest.mark.parametrize("make", [*ALL, long_run])
def test_the_browser_gets_every_event(make: Any) -> None:
    run = make()
    data = data_of(replay(run).html)
    assert len(data["beats"]["words"]) == len(run.history)
    at = [total / 10_000 for total in accumulate(data["beats"]["at"])]
    assert at == pytest.approx([event.at for event in run.history], abs=1e-4)


def test_without_scripts_the_turning_points_stand_in_a_list() -> None:
    html = replay(lesson_08()).html
    assert "order 7 is delivered a second time, to worker-2; worker-1 still holds it</li>" in html
    assert '<div class="r-live" hidden>' in html


def test_save_writes_a_page_with_faults_seed_and_the_line_that_replays_it(tmp_path: Path) -> None:
    run = lesson_08()
    page = replay(run).save(tmp_path / "story.html").read_text(encoding="utf-8")
    assert "<title>Order 7 is charged twice</title>" in page
    assert "Pause(&#x27;worker-1&#x27;, after=9, lasts=40)" in page
    assert "simulate(scenario, seed=7, faults=[" in page
    assert run.digest in page


def test_save_says_which_name_it_wants(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one \.html file; got 'story\.svg'"):
        replay(lesson_08()).save(tmp_path / "story.svg")
