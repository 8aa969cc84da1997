"""The world that services run in: its clock, its network, its storage and what befalls it.

Read in this order: history, faults, process, coroutines, loop, effects, network, transport, asgi, sql,
storage, node, world, watchdog, patches, simulated, run; then live, live_world, live_network, live_server.
"""
