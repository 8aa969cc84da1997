"""Working with a queue and a log.

worker       takes deliveries, one after the other
worker_pool  several at once, with a window and a graceful stop
outbox       to write and to publish, though no transaction holds both
inbox        what comes twice is done once
"""
