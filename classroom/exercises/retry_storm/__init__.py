"""Exercise 05 taken apart: the systems, what is promised of a policy, what is said when it is broken."""
