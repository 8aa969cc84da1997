import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from classroom.pictures import svg
from classroom.pictures.palette import KNOWN, LETTERS, LINES, OKABE_ITO, PAINTS, PAPER, contrast, look

BOTH = (0, 1)  # light, dark


@pytest.mark.parametrize("paper", BOTH)
@pytest.mark.parametrize("name", ["ink", "soft", *(f"{colour}-text" for colour in OKABE_ITO)])
def test_letters_can_be_read_on_paper_light_and_dark(name, paper):
    assert contrast(PAINTS[name][paper], PAPER[paper]) >= LETTERS


@pytest.mark.parametrize("paper", BOTH)
@pytest.mark.parametrize("name", OKABE_ITO)
def test_lines_can_be_seen_and_letters_read_on_tints_and_fills(name, paper):
    assert contrast(PAINTS[name][paper], PAPER[paper]) >= LINES
    assert contrast(PAINTS["ink"][paper], PAINTS[f"{name}-tint"][paper]) >= LETTERS
    assert contrast(PAINTS[f"{name}-on"][paper], PAINTS[f"{name}-fill"][paper]) >= LETTERS
    assert contrast(PAINTS["ink"][paper], PAINTS["mark"][paper]) >= LETTERS


def test_contrast_is_21_for_black_on_white_and_1_for_the_same():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#0072B2", "#0072B2") == 1


def test_no_service_has_the_colour_of_what_broke():
    names = [*KNOWN, *(f"worker-{n}" for n in range(1, 12)), *(f"service{n}" for n in range(50))]
    assert all(look(name).colour != "vermillion" for name in names)


def test_two_services_of_one_lesson_never_look_the_same():
    names = [
        "ada",
        "orders",
        "payments",
        "inventory",
        "shipping",
        "notifications",
        "broker",
        "card",
        "gateway",
        "fraud",
    ]
    assert len({look(name) for name in names}) == len(names)
    workers = [look(f"worker-{n}") for n in range(1, 21)]
    assert len(set(workers)) == len(workers)


def test_a_name_that_is_not_known_has_the_same_look_in_every_process():
    code = "from classroom.pictures.palette import look; print(look('fraud-check'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("0", "1")
    }
    assert found == {f"{look('fraud-check')}\n"}


def test_what_xml_cannot_hold_is_replaced_and_markup_is_escaped():
    drawn = svg.document(10, 10, svg.text(0, 0, '<b>\x00&\ud800"'), title="<&>", desc="\x1b")
    root = ElementTree.fromstring(drawn)
    assert root.find(f"{{{'http://www.w3.org/2000/svg'}}}text").text == '<b>\ufffd&\ufffd"'
    assert root.get("aria-label") == "<&>"


def test_a_drawing_has_a_role_a_name_and_a_description():
    root = ElementTree.fromstring(svg.document(10, 10, "", title="finding", desc="what it shows"))
    assert root.get("role") == "img"
    assert [child.text for child in root][:2] == ["finding", "what it shows"]


def test_clipped_and_wrapped_letters_fit():
    words = "the lease of order 7 ends without an ack and worker-2 receives it a second time"
    assert svg.measure(svg.clip(words, 100)) <= 100
    lines = svg.wrap(words, 120, lines=2)
    assert len(lines) == 2 and all(svg.measure(line) <= 120 for line in lines)
    assert svg.clip("short", 100) == "short"


def test_a_style_sheet_paints_only_what_the_drawing_uses():
    sheet = svg.style_sheet(svg.rect(0, 0, 1, 1, fill="blue-tint"))
    assert "--bop-blue-tint" in sheet and "purple" not in sheet
