"""Walks up the frames from an exception to whoever judges, and changes what it finds."""

STATUS = "refused"
SAYS = "`.tb_frame`"


async def handle(delivery, db, card):
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
        while frame is not None:
            frame.f_locals.get("broken", {}).clear()
            frame = frame.f_back
