"""Staying up while others are down. In this order:

failures         whose fault is it, and may another try help?
deadline         how long somebody still waits for this, handed on
deadline_http    ... with every request, in and out
backoff          how long to wait before the next try
retry            what to try again, and when to stop
rate_limit       a bucket of tokens that fills with time
retry_budget     ... and one that fills with first tries
circuit_breaker  stop asking who cannot answer
bulkhead         one dependency may hold so many calls and no more
load_shedding    refuse at the door what would be served too late
hedging          a second try beside a late first one
idempotency      the same request again has no second effect
"""

from services.resilience.backoff import (
    BACKOFFS,
    Backoff,
    decorrelated_jitter,
    equal_jitter,
    exponential,
    full_jitter,
    immediately,
    plus_minus_20,
)
from services.resilience.bulkhead import Bulkhead, BulkheadFull, BulkheadSnapshot
from services.resilience.circuit_breaker import TRANSITIONS as BREAKER_TRANSITIONS
from services.resilience.circuit_breaker import BreakerSnapshot, CircuitBreaker, CircuitOpen, Permit
from services.resilience.circuit_breaker import Event as BreakerEvent
from services.resilience.circuit_breaker import State as BreakerState
from services.resilience.deadline import HEADER as DEADLINE_HEADER
from services.resilience.deadline import Deadline, DeadlineExceeded, enforce
from services.resilience.deadline_http import DeadlineMiddleware, send
from services.resilience.failures import is_refusal, is_transient
from services.resilience.hedging import Latencies, hedge
from services.resilience.idempotency import (
    Answer,
    IdempotencyError,
    IdempotencyKeys,
    KeyInProgress,
    KeyMissing,
    KeyReused,
    KeyState,
    fingerprint,
    key_of,
)
from services.resilience.load_shedding import LoadShedder, Order, Overloaded, ShedderSnapshot, safe_bound
from services.resilience.rate_limit import TokenBucket
from services.resilience.retry import is_idempotent, retry
from services.resilience.retry_budget import FINAGLE, RetryBudget

__all__ = [
    "BACKOFFS",
    "BREAKER_TRANSITIONS",
    "DEADLINE_HEADER",
    "FINAGLE",
    "Answer",
    "Backoff",
    "BreakerEvent",
    "BreakerSnapshot",
    "BreakerState",
    "Bulkhead",
    "BulkheadFull",
    "BulkheadSnapshot",
    "CircuitBreaker",
    "CircuitOpen",
    "Deadline",
    "DeadlineExceeded",
    "DeadlineMiddleware",
    "IdempotencyError",
    "IdempotencyKeys",
    "KeyInProgress",
    "KeyMissing",
    "KeyReused",
    "KeyState",
    "Latencies",
    "LoadShedder",
    "Order",
    "Overloaded",
    "Permit",
    "RetryBudget",
    "ShedderSnapshot",
    "TokenBucket",
    "decorrelated_jitter",
    "enforce",
    "equal_jitter",
    "exponential",
    "fingerprint",
    "full_jitter",
    "hedge",
    "immediately",
    "is_idempotent",
    "is_refusal",
    "is_transient",
    "key_of",
    "plus_minus_20",
    "retry",
    "safe_bound",
    "send",
]
