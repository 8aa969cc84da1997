"""Staying up while others are down. In this order:

failures         whose fault is it, and may another try help?
deadline         how long somebody still waits for this, handed on
deadline_http    ... with every request, in and out
"""

from services.resilience.deadline import HEADER as DEADLINE_HEADER
from services.resilience.deadline import Deadline, DeadlineExceeded, enforce
from services.resilience.deadline_http import DeadlineMiddleware, send
from services.resilience.failures import is_refusal, is_transient

__all__ = [
    "DEADLINE_HEADER",
    "Deadline",
    "DeadlineExceeded",
    "DeadlineMiddleware",
    "enforce",
    "is_refusal",
    "is_transient",
    "send",
]
