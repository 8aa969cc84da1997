"""Makes the card network say yes without charging."""

STATUS = "refused"
SAYS = "changes `type(card).charge`"


async def handle(delivery, db, card):
    async def charge(self, *args, **kwargs):
        return None

    type(card).charge = charge
