"""MQTT 3.1.1 and 5 on the wire. In this order:

packets       what the two sides say to each other, as values
reason_codes  why: all that MQTT 5 can answer, and what 3.1.1 makes of it
errors        a packet that breaks the protocol, and which clause
wire          the data types of MQTT, as bytes
properties    what MQTT 5 can say beside the packet: one table
bodies        each packet's own bytes
codec         bytes to packets and back, whole or in pieces; PUBLISH, fast
"""
