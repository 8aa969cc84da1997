"""Ends the kernel before the check can say a word."""

import os

STATUS = "refused"
SAYS = "import of os"


async def handle(delivery, db, card):
    os._exit(0)
