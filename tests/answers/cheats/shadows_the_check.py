"""Calls something else by the name of the check."""

STATUS = "refused"
SAYS = "the name `check`"


async def handle(delivery, db, card):
    pass


def check(*answers):
    print("Exercise 08: all 6 promises kept")
