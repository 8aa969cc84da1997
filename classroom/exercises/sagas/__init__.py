"""Exercise 13 in parts: what advance is given, the shop, the system under attack, the checks, their words."""
