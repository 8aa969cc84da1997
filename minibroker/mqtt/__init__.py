"""MQTT 3.1.1 and 5 on the wire. In this order:

packets       what the two sides say to each other, as values
reason_codes  why: all that MQTT 5 can answer, and what 3.1.1 makes of it
errors        a packet that breaks the protocol, and which clause
"""
