"""Finds the check's own module through the function that it was given."""

STATUS = "refused"
SAYS = "`.__globals__`"


async def handle(delivery, db, card):
    pass


check.__globals__["judge"] = None  # noqa: F821
