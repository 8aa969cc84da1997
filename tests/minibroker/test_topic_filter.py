import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibroker import InvalidArgument
from minibroker.topic_filter import MAX_LEVELS, checked_filter, checked_subject, matches

# MQTT 5.0, 4.7.1 and 4.7.2: each example that the standard gives, and the corners beside them.
FITS = [
    ("sport/tennis/player1/#", "sport/tennis/player1"),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
    ("sport/#", "sport"),
    ("#", "sport/tennis"),
    ("sport/tennis/+", "sport/tennis/player1"),
    ("sport/+", "sport/"),
    ("+/+", "/finance"),
    ("/+", "/finance"),
    ("+/tennis/#", "sport/tennis"),
    ("$SYS/#", "$SYS/uptime"),
    ("$SYS/#", "$SYS"),
    ("$SYS/monitor/+", "$SYS/monitor/Clients"),
    ("+/$SYS", "a/$SYS"),
    ("a//b", "a//b"),
    ("a/+/b", "a//b"),
    ("#", "/"),
    ("+/+", "/"),
    ("å/+", "å/b"),
]
DOES_NOT_FIT = [
    ("sport/tennis/+", "sport/tennis/player1/ranking"),
    ("sport/+", "sport"),
    ("+", "/finance"),
    ("#", "$SYS/uptime"),
    ("+/monitor/Clients", "$SYS/monitor/Clients"),
    ("+", "$SYS"),
    ("Accounts", "ACCOUNTS"),
    ("/finance", "finance"),
    ("a/b", "a/b/"),
    ("a/#", "ab"),
    ("a/b/#", "a"),
]


@pytest.mark.parametrize(("filter", "subject"), FITS)
def test_a_subject_fits(filter, subject):
    assert matches(checked_filter(filter), checked_subject(subject))


@pytest.mark.parametrize(("filter", "subject"), DOES_NOT_FIT)
def test_a_subject_does_not_fit(filter, subject):
    assert not matches(checked_filter(filter), checked_subject(subject))


@pytest.mark.parametrize(
    ("filter", "why"),
    [
        ("sport/tennis#", "a level of its own"),
        ("sport+", "a level of its own"),
        ("a/++/b", "a level of its own"),
        ("sport/#/ranking", "only be the last level"),
        ("#/#", "only be the last level"),
        ("", "one character or more"),
        (None, "one character or more"),
        (b"a/b", "one character or more"),
        ("a\0b", r"U\+0000"),
        ("\ud800", "UTF-8"),
        ("å" * 32_768, "at most 65535 bytes of UTF-8; this one has 65536"),
        ("/" * MAX_LEVELS, f"at most {MAX_LEVELS} levels; this one has {MAX_LEVELS + 1}"),
    ],
)
def test_a_filter_that_nothing_could_fit_is_refused(filter, why):
    with pytest.raises(InvalidArgument, match=why):
        checked_filter(filter)


@pytest.mark.parametrize("subject", ["a/+", "#", "a+b", "", "a\0", 7, "\udfff"])
def test_nobody_can_publish_to_what_is_no_subject(subject):
    with pytest.raises(InvalidArgument, match="subject"):
        checked_subject(subject)


@given(st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_each_subject_fits_itself_and_what_begins_like_it(subject):
    assert matches(checked_filter(subject), checked_subject(subject))
    assert matches(checked_filter(subject + "/#"), subject)
    assert matches("#", subject) == (not subject.startswith("$"))
