"""Reload under load and drain: nothing fails, each exchange sees one configuration, live streams finish."""

import json
import signal
import threading
import time

import pytest

from conftest import relay_config
from lib.client import Closed, Conn, chat, chat_body, request_bytes
from lib.proc import merge
from lib.upstream import DONE, delta, stream_answer
from lib.wait import LONG, wait_for


class Traffic:
    """Threads that keep asking, over kept connections, until told to stop; everything that was not right is kept."""

    def __init__(self, gateway, threads=6, stream=False):
        self.gateway, self.failures, self.done = gateway, [], 0
        self.ids = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]
        for t in self._threads:
            t.start()

    def _run(self, number):
        conn = None
        while not self._stop.is_set():
            try:
                conn = conn or Conn(self.gateway.address)
                stream = number % 2 == 0
                answer = conn.request("POST", "/v1/chat/completions", chat_body(stream=stream), key=self.gateway.key)
                good = answer.status == 200 and answer.complete and (not stream or answer.body.endswith(DONE))
                with self._lock:
                    self.done += 1
                    self.ids.append(answer.id)
                    if not good:
                        self.failures.append(answer)
                if answer.get("connection") == "close":
                    conn.close()
                    conn = None
            except (OSError, Closed) as error:
                with self._lock:
                    self.failures.append(repr(error))
                conn = None

    def stop(self):
        self._stop.set()
        for t in self._threads:
            t.join(LONG)


@pytest.mark.timeout(600)
def test_reloads_under_load(make):
    up = make.upstream()
    config = relay_config(up.url)
    g = make.gateway(config)
    long_gate = threading.Event()
    up.queue(stream_answer(delta("begin"), long_gate, delta("end"), delta(finish="stop"), DONE))
    long = Conn(g.address)
    long.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
    head = long.read_head()
    events = long.events(head)
    assert b"begin" in next(events)
    traffic = Traffic(g)
    revisions = set()
    for n in range(20):
        if n % 2:
            bad = [{"providrs": {}}, {"models": {"m": {"targets": ["nobody/x"]}}}, {"listen": {"workers": "many"}}][n // 2 % 3]
            event = g.reload(merge(config, bad), expect="config.refused")
        else:
            good = merge(config, {"models": {f"extra-{n}": {"targets": ["up/upstream-model"]}}})
            event = g.reload(good, expect="config.reloaded")
            revisions.add(event.get("revision"))
            done = traffic.done
            wait_for(lambda: traffic.done > done + 10, "traffic on the new configuration")
    traffic.stop()
    long_gate.set()
    assert b"end" in next(events) and list(events)[-1] == DONE
    long.close()
    assert not traffic.failures, traffic.failures[:3]
    assert traffic.done > 100
    records = {r["id"]: r for r in g.wait_records(traffic.done)}
    missing = [i for i in traffic.ids if i not in records]
    assert not missing
    seen = {records[i]["config"] for i in traffic.ids}
    assert len(revisions) == 10 and revisions <= seen
    assert g.record(head.id)["config"] not in revisions, "a stream stays on the configuration it began with"
    assert g.metrics().sum("sluice_config_reloads_total") >= 10
    # The watch may see a bad file before the signal comes, which gets its own answer; never the other way round.
    assert 10 <= g.metrics().sum("sluice_config_reloads_refused_total") <= 20


def test_reload_changes_what_is_served(make):
    one, two = make.upstream(), make.upstream()
    g = make.gateway(relay_config(one.url))
    assert chat(g).status == 200
    g.reload(merge(relay_config(two.url), {"models": {"new": {"targets": ["up/x"]}}}))
    assert chat(g, model="new").status == 200 and len(two.requests) == 1
    g.reload(relay_config(two.url))
    assert chat(g, model="new").status == 404


def test_reload_by_file_change(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    since = g.mark()
    g.write(relay_config(up.url, models={"watched": {"targets": ["up/x"]}}))
    g.wait_event("config.reloaded", since=since)
    assert chat(g, model="watched").status == 200


def test_refused_reload_names_the_place_and_keeps_running(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    since = g.mark()
    g.write('providers:\n  up: {kind: openai-compatible, base_url: "http://x/v1", keys: [a]}\nmodls: {}\n')
    g.signal(signal.SIGHUP)
    g.wait_event("config.refused", since=since)
    found = [e for e in g.find("config.finding") if e["path"] == "modls"]
    assert found and (found[0]["line"], found[0]["column"]) == (3, 1) and "models" in found[0]["todo"], g.tail()
    assert chat(g).status == 200


def test_file_that_goes_away(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    g.config_path.unlink()
    g.signal(signal.SIGHUP)
    g.wait_event("config.refused")
    assert chat(g).status == 200


def price_file(model, input_usd, output_usd):
    """A catalogue of one model, in the form of data/model-prices.json."""
    return json.dumps({"schema": 1, "generated": "2026-11-20", "models": [
        {"id": model, "provider": "openai", "price": {"input": input_usd, "output": output_usd}}]})


def test_prices_are_replaced_without_a_restart(make):
    up = make.upstream()
    config = relay_config(up.url, providers={"up": {"kind": "openai", "allow_private": "yes"}})
    g = make.gateway(config)
    answer = chat(g)
    assert g.record(answer.id).get("unpriced"), "nobody knows the price of upstream-model"
    prices = g.directory / "prices.json"
    prices.write_text(price_file("upstream-model", 1.0, 2.0))
    g.reload(merge(config, {"ledger": {"prices": str(prices)}}))
    record = g.record(chat(g).id)
    assert not record.get("unpriced"), record
    assert float(record["cost_usd"]) == pytest.approx((9 * 1.0 + 3 * 2.0) / 1e6)
    prices.write_text(price_file("upstream-model", 10, 20))
    g.signal(signal.SIGHUP)
    wait_for(lambda: float(g.record(chat(g).id)["cost_usd"]) == pytest.approx(150e-6), "the new prices")
    prices.write_text("{ this is no price file")
    since = g.mark()
    g.signal(signal.SIGHUP)
    wait_for(lambda: [e for e in g.events[since:] if "refused" in e["event"]], "the refusal")
    assert float(g.record(chat(g).id)["cost_usd"]) == pytest.approx(150e-6), "the good prices stay"


# ---- the end ----

def test_drain_finishes_live_streams(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    n = 50
    gate = threading.Event()
    up.answer = stream_answer(delta("begin"), gate, delta("end"), delta(finish="stop"), DONE)
    conns = []
    for _ in range(n):
        c = Conn(g.address)
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        c.stream = c.events(c.read_head())
        assert b"begin" in next(c.stream)
        conns.append(c)
    idle = Conn(g.address)
    assert idle.request("GET", "/v1/models", key=g.key).status == 200
    g.signal(signal.SIGTERM)
    g.wait_event("serve.draining")
    wait_for(lambda: refuses(g), "no new connections to be taken")
    assert g.running()
    assert idle.at_end(), "idle connections are closed"
    try:
        assert g.admin_get("/readyz").status == 503
    except OSError:
        pass  # the admin port may be gone by now
    gate.set()
    for c in conns:
        assert list(c.stream)[-1] == DONE
        c.close()
    assert g.wait_exit() == 0
    closed = [r for r in g.records() if r["stream"]]
    assert len(closed) == n and all(r["ended"].get("why") == "ok" for r in closed)


def refuses(g):
    try:
        with Conn(g.address) as c:
            c.send(request_bytes("GET", "/v1/models", key=g.key))
            c.read()
            return False
    except (OSError, Closed):
        return True


def test_drain_has_a_deadline(make):
    up = make.upstream()
    # Nothing else would end the stream for a long time.
    g = make.gateway(relay_config(up.url, listen={"deadlines": {"drain": "500ms"}},
                                  resilience={"deadline": {"between_bytes": "10m", "answer": "10m", "total": "10m"}}))
    up.answer = stream_answer(delta("begin"), "hang")
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        next(c.events(c.read_head()))
        began = time.monotonic()
        g.signal(signal.SIGTERM)
        assert g.wait_exit() == 0
        assert time.monotonic() - began > 0.4
        c.at_end()
        assert b"[DONE]" not in bytes(c.received)
    record = g.records()[-1]
    assert record["attempts"][0]["outcome"] in ("cancelled", "interrupted", "client_gone"), record


def test_second_sigterm_ends_at_once(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"deadlines": {"drain": "10m"}},
                                  resilience={"deadline": {"between_bytes": "10m", "answer": "10m", "total": "10m"}}))
    g.exit_code = None
    up.answer = stream_answer(delta("begin"), "hang")
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        next(c.events(c.read_head()))
        g.signal(signal.SIGTERM)
        g.wait_event("serve.draining")
        assert g.running()
        g.signal(signal.SIGTERM)
        g.wait_exit()


def test_ctrl_c_is_a_clean_end(make):
    g = make.gateway(relay_config("http://127.0.0.1:1/v1"))
    g.signal(signal.SIGINT)
    assert g.wait_exit() == 0


def test_http2_drain_says_goaway(make):
    from test_http2 import H2Client
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    gate = threading.Event()
    up.answer = stream_answer(delta("begin"), gate, delta(finish="stop"), DONE)
    c = H2Client(g.address)
    i = c.request(g.key, chat_body(stream=True))
    c.flush()
    c.pump(lambda: b"begin" in c.streams[i]["body"])
    g.signal(signal.SIGTERM)
    c.pump(lambda: c.goaway is not None)
    gate.set()
    c.pump(lambda: c.streams[i]["ended"])
    assert c.streams[i]["body"].endswith(DONE) and c.streams[i]["reset"] is None
    assert g.wait_exit() == 0
    c.close()
