"""How a still output comes to life: a widget model without a view of its own.

Idea      The cell's output is plain HTML: picture, sentence, lines of code. That is what GitHub,
          nbconvert, an untrusted notebook and a notebook without a kernel show. Beside it the kernel
          opens a widget *model*; where there is a page that understands it, its script finds the
          HTML by a token and puts the controls over it.
          An output with a widget view in it would not do: JupyterLab prefers the view to the HTML
          and says "Error displaying widget: model not found" when the notebook is opened again.
          The token is the same whenever the same cell of the same notebook is run, so that an
          executed notebook does not change by itself, and two open notebooks never answer for
          one another.
Not here  The scripts (live.js, then panel.js or explore.js) and their looks (panels.css).
Source    anywidget, "Anywidget Front-End Module": `initialize` runs once for a model, views or none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]
_living: dict[str, Any] = {}  # token -> the model that answers for it


def token(*what: Any) -> str:
    """12 hex digits for an output: of the notebook, the cell and what stands in it."""
    place = (os.environ.get("JPY_SESSION_NAME", ""), _cell())
    return hashlib.sha256(json.dumps([place, what], default=repr).encode()).hexdigest()[:12]


def _cell() -> str:
    """The id of the cell that is being run, where the page told it; else ""."""
    try:
        from IPython import get_ipython

        return str(get_ipython().get_parent()["metadata"].get("cellId", ""))
    except Exception:  # no IPython, no kernel, or one that knows no parent
        return ""


def listened_to() -> bool:
    """Is there a page that may be listening?

    A Jupyter server names the notebook to the kernels of its sessions. nbclient, nbconvert and nbval do
    not: there a model would only leave its state in the notebook, and an exported page would ask a
    content network for the scripts of widgets.
    """
    return bool(os.environ.get("JPY_SESSION_NAME")) and _kernel() is not None


def _kernel() -> Any:
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return getattr(get_ipython(), "kernel", None)


def enliven(kind: str, mark: str, spec: dict[str, Any], answer: Answer) -> None:
    """Open the model for the output with this token. `kind` names its script.

    Each message of a page, {"ask": id, ...}, is answered by {"answer": id, **answer(message)}.
    """
    old = _living.pop(mark, None)
    if old is not None:
        old.close()
    model = _model(kind)(token=mark, spec=spec)

    def on_message(_: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and "ask" in content:
            model.send({"answer": content["ask"], **answer(content)})

    model.on_msg(on_message)
    _living[mark] = model


@cache
def _model(kind: str) -> Any:
    import anywidget
    import traitlets

    return type(
        f"{kind.title()}Model",
        (anywidget.AnyWidget,),
        {
            "_esm": f"{_part('live.js')}\n{_part(kind + '.js')}",
            "_css": _part("panels.css"),
            "token": traitlets.Unicode().tag(sync=True),
            "spec": traitlets.Dict().tag(sync=True),
        },
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
