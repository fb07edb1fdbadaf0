"""The pause before a next attempt."""

import random


def backoff_s(attempt: int, base_s: float, max_s: float) -> float:
    """Seconds before attempt number `attempt` (from 1), with full jitter: clients which lost the same server do not come
    back together. See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.random() * float(min(max_s, base_s * 2 ** min(attempt - 1, 30)))
