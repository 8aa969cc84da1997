"""python -m classroom: doctor, start, reset, check, hint, grade.

Exit status: 0 all passed, 1 some did not, 2 usage or environment.
"""

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path

from classroom.grading.course import Course, CourseError, pick


def seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 86_400:
        raise ValueError
    return value


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m classroom", description="The commands of Broken on Purpose."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=help)

    def on_desk(name: str, help: str) -> argparse.ArgumentParser:
        made = command(name, help)
        made.add_argument("number", metavar="NN", help="the number, such as 08")
        made.add_argument(
            "--desk", type=Path, metavar="DIR", help="where `start` put the copies, if not in desk/"
        )
        return made

    def limited(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--timeout",
            type=seconds,
            default=60.0,
            metavar="SECONDS",
            help="for one file (default: 60; from 1 up)",
        )

    command("doctor", "what is installed, what is missing, what that costs")
    start = command("start", "copy lessons and exercises to your desk; never overwrites")
    start.add_argument(
        "desk", type=Path, nargs="?", metavar="DIR", help="default: desk/ in the course's folder"
    )
    on_desk("reset", "save a dated copy of lesson and exercise NN, then lay out fresh ones")
    limited(on_desk("check", "grade your copy of exercise NN"))
    on_desk("hint", "the next hint for exercise NN")
    grade = command("grade", "grade notebooks, and folders of them: a line a file")
    grade.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    grade.add_argument("--out", type=Path, metavar="DIR", help="write junit.xml and grades.csv there")
    limited(grade)
    return top


def main(argv: list[str] | None = None, *, course: Course | None = None) -> int:
    course = course or Course.here()
    options = parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a sign shows an escape, and goes on
            stream.reconfigure(errors="backslashreplace")
    try:
        return run(options, course)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads it, as `| head` does, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace, course: Course) -> int:
    if options.command == "doctor":
        from classroom.commands.doctor import doctor

        return doctor(course)
    if options.command == "grade":
        from classroom.commands import grade

        return grade.run(options.paths, course, out=options.out, timeout=options.timeout)

    from classroom.commands import desk

    place: Path = options.desk or course.desk
    if options.command == "start":
        return desk.start(place, course)
    if not place.is_dir():
        raise CourseError(f"there is no desk at {place} yet: python -m classroom start makes it")
    if options.command == "reset":
        return desk.reset(options.number, place, course, now=datetime.now())
    if options.command == "check":
        from classroom.commands import grade

        return grade.check(desk.exercise_on(place, options.number, course), course, timeout=options.timeout)

    from classroom import exercises
    from classroom.commands.hint import hint

    return hint(exercises.load(pick(options.number, exercises.numbers())), place)


if __name__ == "__main__":
    sys.exit(main())
