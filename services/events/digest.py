"""A digest of rows: two views are the same if their digests are.

Idea      Rows have no order and columns neither, so both are sorted before they are hashed. Compare what
          is of the view: a column of times at which rows were written differs from run to run.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping


def digest(rows: Iterable[Mapping[str, object]]) -> str:
    """16 hex digits of the SHA-256 of all rows, each a mapping from column to number, text or None."""
    lines = sorted(json.dumps(dict(row), sort_keys=True, separators=(",", ":")) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
