"""Imports that a notebook's tools make for nothing, left out.

Idea      nbformat imports jsonschema, which imports whatever is there to judge IRIs and durations.
          JupyterLab brings those packages; no notebook holds either. One of them compiles a grammar
          as it is imported: 1 to 4 s of every process that only wants to read a notebook.
Not here  Anything else: what is needed is imported as usual.
Source    jsonschema/_format.py: each of these imports stands under suppress(ImportError).
"""

import sys


def skip_slow_imports() -> None:
    """Make them fail at once in this process, unless they are imported already."""
    for name in ("rfc3987_syntax", "isoduration"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
