"""Tells nbval to leave its cell out."""

# NBVAL_SKIP

STATUS = "refused"
SAYS = "a marker for nbval"


async def handle(delivery, db, card):
    pass
