"""Arguments, checked once: at the door of the queue, with a sentence that names the value.

Idea      A negative delay or a NaN timeout that slips in breaks something later and
          elsewhere. So each number, name and body is checked where it comes in.
Not here  Which operation takes which argument (operations.py).
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from minibroker.errors import InvalidArgument
from minibroker.message import NO_HEADERS

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")


def seconds(name: str, value: Any, *, above_zero: bool = False) -> float:
    """`value` as float seconds: finite and not negative (or `above_zero`)."""
    if type(value) is float and (0.0 < value < math.inf or (value == 0.0 and not above_zero)):
        return value  # nearly always
    wanted = "a positive number of seconds" if above_zero else "a number of seconds, 0 or more"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"{name} must be {wanted}; got {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 0 or (above_zero and number == 0):
        raise InvalidArgument(f"{name} must be {wanted}; got {_shown(value)}")
    return number


def whole_number(name: str, value: Any, *, at_least: int) -> int:
    """`value` as an int that is `at_least` so much (True and 1.0 are no counts)."""
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise InvalidArgument(f"{name} must be a whole number, {at_least} or more; got {_shown(value)}")
    return value


def text(name: str, value: Any) -> str:
    """`value`, if it is a string."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be a string; got {_shown(value)}")
    return value


def queue_name(value: Any) -> str:
    """A name of 1 to 80 ASCII letters, digits, `_`, `.` or `-`, so that it can stand in a URL as it is."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidArgument(
            f"a queue's name is 1 to 80 letters, digits, '_', '.' or '-' of ASCII; got {_shown(value)}"
        )
    return value


def topic_name(value: Any) -> str:
    """A topic's or a group's or a member's name: of the same letters as a queue's."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidArgument(
            f"a name (of a topic, a group, a member) is 1 to 80 letters, digits, '_', '.' or '-' of ASCII; "
            f"got {_shown(value)}"
        )
    return value


def headers_or_none(value: Any) -> Mapping[str, str]:
    """A copy of `value` as headers, strings to strings (`traceparent` travels here); None means none."""
    if value is None or value == {}:
        return NO_HEADERS
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"headers must be a mapping of strings to strings; got {_shown(value)}")
    for name, content in value.items():
        if not isinstance(name, str) or not isinstance(content, str):
            raise InvalidArgument(f"headers are strings; got {_shown(name)}: {_shown(content)}")
    return dict(value)


def group_or_none(value: Any) -> str | None:
    """`value`, if it is a string that is not empty; None means no group."""
    if value is None:
        return None
    if not text("group", value):
        raise InvalidArgument("group must not be empty; leave it out for a message without a group")
    return str(value)


def to_json(value: Any) -> str:
    """`value` as JSON text. InvalidArgument for what JSON cannot say: a set, a datetime, NaN."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"only JSON values can travel: {error}; got {_shown(value)}") from None


def from_json(data: bytes | str) -> Any:
    """The value of JSON text. InvalidArgument if it is none (NaN, which Python would take, is none)."""
    try:
        text = data if isinstance(data, str) else data.decode(json.detect_encoding(data), "surrogatepass")
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise InvalidArgument(f"this is not JSON: {error}") from None


def json_copy(value: Any) -> Any:
    """`value` as it would arrive over a network, sharing nothing that can be changed. InvalidArgument if
    it could not travel.
    """
    if value is None or type(value) in (str, bool):
        return value
    return from_json(to_json(value))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


# Made once: json.dumps() and json.loads() would make them anew for each value.
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _shown(value: Any) -> str:
    """A repr that fits on a line, and that cannot itself fail (an int of 10,000 digits has no repr)."""
    try:
        shown = repr(value)
    except Exception:
        shown = f"a {type(value).__name__} that cannot be shown"
    return shown if len(shown) <= 80 else shown[:77] + "..."
