"""Exercise 10 in parts: the system under attack, the checks of its promises, what is said when one breaks."""
