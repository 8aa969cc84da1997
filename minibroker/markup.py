"""A small HTML table, for what a notebook shows of a broker.

Idea      One caption, one row of names, one row a thing; all text is escaped. No style of its
          own: the notebook's tables look as the others there do.
Not here  What is in it (snapshot.py, broker.py).
"""

from collections.abc import Iterable, Sequence
from html import escape


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table. Numbers stand to the right, as they should be read."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"
    )


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f'<td style="text-align:right">{value:g}</td>'
    return f'<td style="text-align:left">{escape(str(value))}</td>'
