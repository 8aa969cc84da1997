"""inventory by gRPC: a contract that both sides are generated from. In this order:

inventory.proto   the contract
generated/        what protoc makes of it; never edited (`make stubs`)
inventory         the servicer: what each method does
client            the stub, and what its status codes mean to a caller
listening         a real server on a port, over HTTP/2
tunnel            the same stub over a node's network, where no HTTP/2 can be
tunnel_app        ... and the same servicer
"""

from services.rpc.client import InventoryClient, OutOfStock
from services.rpc.generated.inventory_pb2 import Line, Outcome, Reserved
from services.rpc.inventory import Inventory
from services.rpc.listening import listening
from services.rpc.tunnel import TunnelChannel
from services.rpc.tunnel_app import TunnelApp

__all__ = [
    "Inventory",
    "InventoryClient",
    "Line",
    "OutOfStock",
    "Outcome",
    "Reserved",
    "TunnelApp",
    "TunnelChannel",
    "listening",
]
