"""The world that services run in: its clock, its network, its storage and what befalls it.

Read in this order: history, faults, process, loop, effects, network, storage, node, world, simulated, run;
then live, live_world, live_network, live_server.
"""
