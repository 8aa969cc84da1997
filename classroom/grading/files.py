"""A file is written as a whole or stays as it was.

Idea      Written under another name, then renamed: a full disk or an interrupt in the middle leaves
          the file that was there, not half of the new one.
Source    POSIX rename(); os.replace does the same on Windows.
"""

from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write the text, in UTF-8 with its own line ends. Raises OSError; then nothing has changed."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
