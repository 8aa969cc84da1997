"""Shows no error, whatever is raised."""

STATUS = "refused"
SAYS = "get_ipython"


async def handle(delivery, db, card):
    pass


get_ipython().showtraceback = lambda *args, **kwargs: None  # noqa: F821
