"""The shop: small services that every lesson meets again.

contracts      an order on the wire, version by version
once           done once for each order, however often it is asked for
tables         made when a service starts
next_service   who is asked next, and waited for
orders         takes an order: POST /orders, GET /orders/{order}
payments       charges it: POST /charges
inventory      reserves it: POST /reservations
shipping       sends it: POST /shipments
notifications  writes to the customer: POST /messages
card           somebody else's: the card network
checkout       what a checkout holds: services to ask, a queue for later, its answer

As participants of a saga, when they are started with `in_saga=True`:

holds          inventory: held, then sold or given back: POST /holds, /holds/release, /holds/sell
refunds        payments: POST /payments, /payments/refund
parcels        shipping: POST /parcels, which nobody undoes
mails          notifications: POST /mails, /mails/apologise
order_saga     takes orders and coordinates them: POST /orders, GET /orders/{order}, and /cancel
order_events   the same without a coordinator: who hears what, and says what

Each but the card takes `then`, the URL of the next in the chain, so that who calls whom is said where they
are started and in no service:

    world.start("orders", partial(orders, then="http://payments/charges"))
"""
