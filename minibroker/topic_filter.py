"""Topics and filters: a subject, and a pattern that many subjects fit.

Idea      A subject (MQTT: a topic name) is levels with slashes between: `shop/berlin/orders`.
          A filter is the same, and may hold wildcards: `+` is any one level, `#`, at the
          end, is all that follows, nothing included: `shop/#` fits `shop` too. Levels
          may be empty: `/shop` has two.
Dollar    A subject that begins with `$` is the broker's own (`$SYS/...`): a filter that
          begins with a wildcard does not fit it. `$SYS/#` does.
Not here  Many filters at once (router.py). `$share/...`, which says how to share (mqtt/).
Source    MQTT 5.0, 4.7 "Topic Names and Topic Filters" [MQTT-4.7.0-1] to [MQTT-4.7.3-3], 1.5.4 for
          UTF-8. The limit of levels is ours, lest one filter make a tree of 32,000 nodes.
"""

from typing import Any

from minibroker.errors import InvalidArgument

MAX_BYTES = 65_535  # of UTF-8: the length is sent in two bytes
MAX_LEVELS = 200


def checked_subject(subject: Any) -> str:
    """`subject`, if one can publish to it: text of 1 to 65,535 bytes, no NUL, no wildcard."""
    _check_text("a subject", subject)
    if "+" in subject or "#" in subject:
        raise InvalidArgument(
            f"a subject to publish to has no wildcards: {_shown(subject)}; only filters have them"
        )
    return str(subject)


def checked_filter(filter: Any) -> str:
    """`filter`, if a subject could fit it: as a subject, but with `+` and `#` where they may stand."""
    _check_text("a topic filter", filter)
    if "+" not in filter and "#" not in filter:
        return str(filter)
    levels = filter.split("/")
    for level in levels:
        if len(level) > 1 and ("+" in level or "#" in level):
            raise InvalidArgument(
                f"a wildcard is a level of its own ('a/+/b', 'a/#'): {_shown(filter)} has {_shown(level)}"
            )
    if "#" in levels[:-1]:
        raise InvalidArgument(f"'#' can only be the last level: {_shown(filter)}; '+' is for one in between")
    return str(filter)


def matches(filter: str, subject: str) -> bool:
    """Does `subject` fit `filter`? Both are taken to be checked."""
    if filter == subject:
        return True
    if subject[0] == "$" and filter[0] in "+#":
        return False
    wanted, levels = filter.split("/"), subject.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]  # what follows may be anything
    if len(levels) != len(wanted):
        return False
    return all(want in ("+", level) for want, level in zip(wanted, levels, strict=True))


def _check_text(what: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{what} is a string of one character or more; got {_shown(value)}")
    try:
        length = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{what} is sent as UTF-8, and this one cannot be: {error}") from None
    if "\0" in value:
        raise InvalidArgument(f"{what} must not hold the character U+0000: {_shown(value)}")
    if length > MAX_BYTES:
        raise InvalidArgument(f"{what} has at most {MAX_BYTES} bytes of UTF-8; this one has {length}")
    if value.count("/") >= MAX_LEVELS:
        raise InvalidArgument(f"{what} has at most {MAX_LEVELS} levels; this one has {value.count('/') + 1}")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
