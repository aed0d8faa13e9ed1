"""limits.adaptive: a process that does not keep up takes on less, says so honestly, and takes more again when it does."""

import concurrent.futures
import signal
import threading
import time

import pytest

from conftest import Makers
from lib.client import chat
from lib.upstream import Answer, json_answer
from lib.wait import wait_for

HELD = 40  # requests in flight


@pytest.fixture(scope="module")
def bed():
    makers = Makers()
    up = makers.upstream()
    g = makers.gateway({
        "providers": {"up": {"kind": "openai-compatible", "base_url": up.url, "keys": ["sk-up"]}},
        "models": {"m": "up/m"}, "listen": {"workers": 2}, "resilience": {"breaker": False},
        "limits": {"exchanges": 64, "queue": 64, "queue_wait": "300ms", "adaptive": True}})
    g.up = up
    yield g
    makers.end()


def places(g):
    return g.metrics().sum("sluice_places_adapted")


class Late:
    """The process gets no processor for most of the time, as on a machine that is too full."""

    def __init__(self, g):
        self.g, self.over = g, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.g.signal(signal.SIGSTOP)
            time.sleep(0.18)
            self.g.signal(signal.SIGCONT)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def test_places_fall_and_rise(bed):
    g, go = bed, threading.Event()
    whole = json_answer()
    g.up.answer = Answer(go, *whole.steps)
    pool = concurrent.futures.ThreadPoolExecutor(HELD)
    held = [pool.submit(chat, g) for _ in range(HELD)]
    try:
        g.up.wait_requests(HELD)
        assert places(g) == 0  # it keeps up
        with Late(g):
            wait_for(lambda: 0 < places(g) < HELD * 0.8 or None, "fewer places", seconds=60)
        low = places(g)
        assert low >= 16
        refused = chat(g)
        assert refused.status in (429, 503), refused
        assert refused.error()["code"], refused.body
        after = int(refused.get("retry-after"))
        assert 1 <= after <= 30
        # It keeps up again: with all places in use more are given.
        wait_for(lambda: places(g) > low or places(g) == 0 or None, "more places", seconds=60)
    finally:
        go.set()
        pool.shutdown()
    assert all(f.result().status == 200 for f in held)
    g.up.answer = whole
    assert chat(g).status == 200
