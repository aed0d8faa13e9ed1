"""Waiting for a state, with a deadline. Nothing here sleeps for its own sake: a wait ends when the state is there."""

import time


class NotYet(AssertionError):
    """The state did not come in time."""


def wait_for(check, what, seconds=10.0, every=0.01):
    """Calls `check` until it gives something true and returns that. `what` completes "waited N s for ..."."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= end:
            raise NotYet(f"waited {seconds} s for {what}")
        time.sleep(every)
