"""Exercise 14 in parts: the traces to read, the shop, the checks, what is said of them."""
