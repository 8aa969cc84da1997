"""Exercise 11 in parts: what answers are given, the system under attack, the checks, what is said of them."""
