"""The promises of exercise 13, stage by stage, and those of what may be tried beyond it.

Not here  How they are checked (checks.py), and who attacks them (e13_sagas.py).
"""

from classroom.exercises.exercise import Promise

PROMISES = (
    Promise(
        "completed",
        "A: an order to which every service says yes is completed.",
        "Follow services.steps in their order. For each there is a line in the log before its command, and "
        "one when its answer has come; at the end there is an Outcome to return.",
        stage="A",
    ),
    Promise(
        "logged",
        "A: no command goes out before the log says so.",
        "Put a finger on each await that sends something, and read what the log says at that line. What "
        "would somebody do who has only that to go by?",
        stage="A",
    ),
    Promise(
        "resumed",
        "A: killed anywhere and called afresh, advance goes on where the log ends.",
        "The first thing that advance can do is to read the log. For each step ask: what does the last entry "
        "about it say, and what is left to do then?",
        stage="A",
    ),
    Promise(
        "over",
        "A: what has ended has ended: called once more, advance sends nothing and says the same.",
        "The last thing that was done must be in the log, too. Then whoever reads it sees that nothing is "
        "left.",
        stage="A",
    ),
    Promise(
        "undone",
        "B: an order to which a service says no is undone: stock and money are back.",
        "When Refused comes, that step has done nothing; those before it have. Go through what the log says "
        "of each of them, and ask who gives it back.",
        stage="B",
    ),
    Promise(
        "newest_first",
        "B: when the order is called off, its stock and its money are back already.",
        "The steps were built one upon the other. Ask in which order they can be taken down, so that nobody "
        "is told of something that is not so yet.",
        stage="B",
    ),
    Promise(
        "way_back",
        "B: killed anywhere on the way back, or called once more after it, advance goes by the log.",
        "A compensation is a command, too. What must be in the log before the first one, so that whoever "
        "comes after a crash does not go forward again, and what after each?",
        stage="B",
    ),
    Promise(
        "retried",
        "B: a compensation that gets no answer is sent until it succeeds.",
        "There is nothing else to do with an order on its way back. What does services.undo raise when its "
        "service is down, and what becomes of that in your code?",
        stage="B",
    ),
    Promise(
        "in_doubt",
        "C: no answer is not a no: what may have been done is done, or undone, and never left.",
        "A step that was started, and of which no answer is in the log, may have been done. It can be asked "
        "for again, or undone; both are safe under its key. To pass over it is not.",
        stage="C",
    ),
    Promise(
        "pivot",
        "C: from the moment the parcel may be gone, nothing is undone.",
        "Ask what your code knows when it sends the first compensation: that the parcel was never asked for, "
        "or that it was refused. All else is a guess.",
        stage="C",
    ),
    Promise(
        "forward",
        "C: past the pivot the order is completed, however long a service is down.",
        "After the parcel there is only one way. How often does your code ask for what is left, and what "
        "does it do when it has asked often enough?",
        stage="C",
    ),
)

# Beyond the exercise: Ada may write `cancel` into the log.
CANCELLED = (
    Promise(
        "cancelled",
        "What Ada cancels before the log speaks of the parcel is called off: stock and money are back.",
        "Her word is an entry `cancel` in the log. Ask what you know of the log when you write your next "
        "entry, what Overtaken says, and what a fresh look at the log would tell you to do.",
    ),
    Promise(
        "too_late",
        "What she could not cancel any more is completed.",
        "The log takes her `cancel` before the parcel's entry, or not at all. So whoever reads the log knows "
        "who was first.",
    ),
    Promise(
        "as_before",
        "All else that exercise 13 promises still holds.",
        "A cancellation is one more reason to go back. The way back is the same.",
    ),
)
