"""Working with events: views that are made from a log.

digest      are two sets of rows the same?
projection  a view, and how far into the log it is
follower    keeps a view up to date, as a member of a consumer group
rebuild     makes a view anew from the first record, beside the one in use
"""
