"""As the one that shadows the check, but by the dictionary of names."""

STATUS = "refused"
SAYS = "`globals`"


async def handle(delivery, db, card):
    pass


globals()["check"] = print
