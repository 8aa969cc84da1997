"""Who may come in, and do what: two questions that whoever runs the broker may answer.

Idea      Two functions, asked at CONNECT and for each topic; without them everybody may do everything,
          which is why a broker listens to this machine alone unless told otherwise. They are
          called in the event loop, so they look things up and do not wait.
Source    MQTT 5.0, 5.4 "Security: Implementation notes", authentication and authorization.
"""

from collections.abc import Callable

Authenticate = Callable[[str, str | None, bytes | None], bool]
"""(client id, user name, password) -> may it come in? The client id is the assigned one if it sent none."""

Authorize = Callable[[str, str, str], bool]
"""(client id, "publish" or "subscribe", topic or filter) -> may it? A filter comes without its $share/name/,
a will is asked for at CONNECT, as a publish."""


def everybody(client_id: str, username: str | None, password: bytes | None) -> bool:
    """The default: no password is asked for."""
    return True


def everything(client_id: str, action: str, topic: str) -> bool:
    """The default: each topic is everybody's."""
    return True
