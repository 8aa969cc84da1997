"""Ends the kernel with the os that logging happens to have imported."""

import logging

STATUS = "refused"
SAYS = "`._exit`"


async def handle(delivery, db, card):
    logging.os._exit(0)
