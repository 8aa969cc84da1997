"""Exercise 05: a retry policy that survives a stall, and still gets everybody through on an ordinary day."""

from __future__ import annotations

from classroom.adversary import Attack
from classroom.checks import came_to_its_end
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.retry_storm.checks import (
    exact_cap,
    few_retries,
    full_spread,
    lucky,
    not_beyond,
    only_what_may,
    recovers,
    the_same_again,
)
from classroom.exercises.retry_storm.explain import picture, story
from classroom.exercises.retry_storm.system import lunch, questions, services, twice
from classroom.world.faults import Pause

PROMISES = (
    Promise(
        "recovery",
        "Within 30 s of the end of a stall, 95 % of the requests are served again.",
        "Ask what your policy does when every single request fails. How many tries does the server then get "
        "for each request, and how many can it serve? What of that does a wait between the tries change?",
    ),
    Promise(
        "luck",
        "When 2 % of the tries fail by chance and nothing else is wrong, 99.9 % of the requests succeed.",
        "Whoever never tries again makes no storm, and lets each small failure through. Ask when your policy "
        "retries at all, and, if it stopped in a storm, what makes it begin again.",
    ),
    Promise(
        "ratio",
        "In any 10 s there is at most one retry for ten first tries, and 10 on top.",
        "A cap for each request says nothing of how many requests retry at once. Look at what the object "
        "remembers from one request to the next: what fills it, what empties it, and how full it can get.",
    ),
    Promise(
        "attempts",
        "A request that fails every time is tried 4 times, the first try counted.",
        "Count on your fingers: try 1 fails, and delay is asked with attempt=1. With which attempt must the "
        "answer be None for the first time?",
    ),
    Promise(
        "retryable",
        "What another try can cure is tried again; a refusal (400, 404, 422) and what may not be sent "
        "twice is not.",
        "Look at both parts of the failure: its status (None is no answer in time) says whether another "
        "try can help, and idempotent says whether it may be made.",
    ),
    Promise(
        "remaining",
        "No wait is longer than what remains until the caller leaves.",
        "Compare the wait with remaining after you have drawn it, not before. A wait that is too long is no "
        "retry at all, so it should cost nothing either.",
    ),
    Promise(
        "spread",
        "The waits are spread by rng over all of their range, not over its end.",
        "Try the rng at its lowest and at its highest, by hand. Full jitter draws from 0 to the whole "
        "wait; what else is added to it narrows the spread.",
    ),
    Promise(
        "fresh",
        "Two policy objects share nothing: the same lunch again goes the same way.",
        "Look for what belongs to the class or the notebook and not to self, and for chance or time that "
        "is not handed in. Each caller is another process on another machine.",
    ),
    Promise(
        "services",
        "The real services, behind one policy, are back within 30 s too.",
        "The real shop is small: 8 orders a second. What is a small number at 80 requests a second, such "
        "as a fixed count of retries, may be a large one here.",
    ),
)


def attacks(answers: Answers) -> tuple[Attack, ...]:
    policy = answers["RetryPolicy"]
    after = {"stall_at": 3.0, "lasts": 55.0}
    return (
        Attack(
            "a stall of 3 s",
            lunch(policy, stall=3.0, **after),
            (came_to_its_end("recovery"), recovers(), few_retries),
        ),
        Attack(
            "a stall of 6 s at 60/s", lunch(policy, load=60.0, stall=6.0, **after), (recovers(), few_retries)
        ),
        Attack(
            "2 % fail",
            lunch(policy, stall=0.0, failures=0.02, lasts=45.0),
            (came_to_its_end("luck"), lucky(), few_retries),
        ),
        Attack(
            "a stall, then 2 % fail",
            lunch(policy, load=70.0, stall=3.0, failures=0.02, stall_at=3.0, lasts=65.0),
            (recovers(), lucky(since=35.0), few_retries),
        ),
        Attack(
            "one failure after the other",
            questions(policy),
            (came_to_its_end("attempts"), exact_cap, only_what_may, not_beyond, full_spread),
        ),
        Attack(
            "the same again",
            twice(policy, load=40.0, workers=5, stall=2.0, stall_at=0.5, lasts=6.0),
            (came_to_its_end("fresh"), the_same_again),
        ),
        Attack(
            "the real services",
            services(policy, load=8.0, lasts=52.0),
            (came_to_its_end("services"), recovers("services")),
            faults=(Pause("orders", at=5.0, lasts=3.0),),
            most_steps=80_000,
        ),
    )


EXERCISE = Exercise(
    number="05",
    title="Retries, and the storm they make",
    answers=("RetryPolicy",),
    signatures={"RetryPolicy": "*, rng, [clock]"},
    promises=PROMISES,
    attacks=attacks,
    hints=(
        "Each request may be tried 4 times. Now the server stands still for 3 s, and *all* requests "
        "fail. How many tries come then? What would have to be limited, if it is not the tries of one "
        "request?",
        "One object serves all requests of a caller, and is told of each first try and each success. Look at "
        "what it could count there, so that it knows in delay how many retries the last requests have "
        "earned. In the lesson it is the budget; look at what fills it and how full it can get.",
        "Keep tokens in the object: a tenth of one for each first try, never more than ten. In delay, "
        "first say None to what must not be tried again: the fourth attempt, a request that is not "
        "idempotent, a refusal. Then draw the wait, from 0 to a length that doubles with each attempt. "
        "If it is longer than what remains, or there is no whole token left, None; else take a token and "
        "return the wait.",
    ),
    plain=("RetryPolicy",),
    picture=picture,
    story=story,
)
