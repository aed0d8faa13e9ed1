"""Waiting for a state, with a deadline. Nothing here sleeps for its own sake: a wait ends when the state is there."""

import time

# How long a wait for something that normally takes milliseconds may last: only what is broken gets there, also on a machine
# that has other things to do. A bound on how fast the gateway must be is something else: see quickest.
LONG = 90.0


class NotYet(AssertionError):
    """The state did not come in time."""


def wait_for(check, what, seconds=LONG, every=0.01):
    """Calls `check` until it gives something true and returns that. `what` completes "waited N s for ..."."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= end:
            raise NotYet(f"waited {seconds} s for {what}")
        time.sleep(every)


def quickest(measure, bound, what, tries=20):
    """For promises about time: `measure` does the thing and gives the seconds it took, again and again until that is within
    the bound. A busy machine makes some runs long; what waits where it should not makes all of them long."""
    took = []
    while len(took) < tries:
        took.append(measure())
        if took[-1] <= bound:
            return took[-1]
    raise AssertionError(f"{what}: never within {bound} s, but {sorted(round(t, 3) for t in took)}")
