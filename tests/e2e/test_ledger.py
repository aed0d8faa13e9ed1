"""The ledger: every attempt exactly once, whatever happens to the process; sums agree; a full disk is never silent."""

import json
import os
import random
import shutil
import subprocess
import threading

import pytest

from conftest import relay_config
from lib import ledger
from lib.client import Closed, Conn, chat, chat_body, fetch, request_bytes
from lib.proc import PATIENCE, SANITIZED, scratch
from lib.upstream import DONE, Answer, body_answer, completion, delta, error_answer, json_answer, stream_answer, usage_event
from lib.wait import quickest, wait_for
from test_relay import read_gated, read_stream

NIGHTLY = bool(os.environ.get("SLUICE_NIGHTLY"))
ROUNDS = 100 if NIGHTLY else 10
STREAMS = 200 if not SANITIZED else 60


def settled(g, n):
    """The attempts once n of them are there and none is open."""
    def look():
        rows = ledger.attempts(g.state)
        return rows if len(rows) >= n and all(r.state != ledger.OPEN for r in rows) else None
    return wait_for(look, f"{n} settled attempts in the ledger", every=0.05)


def test_each_attempt_has_its_row(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"rescue": "error"}))
    ids = {}
    ids["ok"] = chat(g).id
    ids["stream"] = read_stream(g).id
    up.queue(error_answer(503), json_answer())
    ids["retried"] = chat(g).id
    up.queue(error_answer(400, "invalid_value"))
    ids["refused"] = chat(g).id
    seen_first = threading.Event()
    up.queue(stream_answer(delta("a"), seen_first, "rst", end=False))
    ids["cut"] = read_gated(g, seen_first).id
    chat(g, key="sk-sluice-no")           # never reaches a provider:
    chat(g, model="nope")                 # no row
    rows = settled(g, 6)
    assert len(rows) == 6 == len(up.requests)
    by = {name: [r for r in rows if r.exchange == i] for name, i in ids.items()}
    assert [r.outcome for r in by["ok"]] == ["ok"] and by["ok"][0].tokens["input"] == 9
    assert [r.outcome for r in by["retried"]] == ["overloaded", "ok"]
    assert by["refused"][0].outcome == "client_fault" and by["refused"][0].status == 400
    assert by["cut"][0].outcome != "ok"
    assert all(r.key == g.key.id and r.provider == "up" and r.target == "upstream-model" and r.model == "m" for r in rows)


def test_record_ledger_and_metrics_agree(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    rng = random.Random(3)
    for i in range(60):
        p, o = rng.randrange(1, 5000), rng.randrange(1, 900)
        usage = {"prompt_tokens": p, "completion_tokens": o, "total_tokens": p + o,
                 "prompt_tokens_details": {"cached_tokens": p // 3}, "completion_tokens_details": {"reasoning_tokens": o // 4}}
        up.queue(json_answer(completion(usage=usage)))
        assert chat(g).status == 200
    rows = settled(g, 60)
    records = g.wait_records(60)
    page = g.metrics()
    total = {c: sum(r.tokens[c] for r in rows) for c in ledger.CLASSES}
    assert total["cache_read"] > 0 and total["reasoning"] > 0
    for name in ledger.CLASSES:
        assert sum(r["usage"].get(name, 0) for r in records) == total[name]
        metric = [v for (n, ls), v in page.samples.items() if n.startswith("sluice_tokens") and ("class", name) in ls]
        assert sum(metric) == total[name], (name, metric)
    said = ledger.usage(g.state)["total"]["tokens"]
    assert all(said.get(c, 0) == total[c] for c in ledger.CLASSES)


def test_usage_by_key_model_provider_day(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, models={"n": {"targets": ["up/other-model"]}}))
    for i in range(6):
        chat(g, model="m" if i % 3 else "n")
    settled(g, 6)
    for by, groups in (("model", {"m": 4, "n": 2}), ("provider", {"up": 6}), ("key", None), ("day", None)):
        said = ledger.usage(g.state, "--by", by)
        assert sum(r["attempts"] for r in said["rows"]) == 6 == said["total"]["attempts"], said
        if groups:
            assert {r["group"]: r["attempts"] for r in said["rows"]} == groups
        if by == "key":
            assert said["rows"][0]["group"] == g.key.id and said["rows"][0]["name"] == "test"
    assert g.stop() == 0
    assert ledger.usage(g.state, "--by", "model")  # also without a running gateway


@pytest.mark.parametrize("usage,expected", [
    ({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
      "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
      "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5}},
     {"input": 30, "cache_read": 60, "audio_in": 10, "output": 25, "reasoning": 20, "audio_out": 5}),
    ({"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}, {"input": 7}),
])
def test_token_classes(make, usage, expected):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    up.queue(json_answer(completion(usage=usage)))
    assert g.record(chat(g).id)["usage"] == expected
    row = settled(g, 1)[0]
    assert {k: v for k, v in row.tokens.items() if v} == expected


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -5, "completion_tokens": 3}, {"prompt_tokens": 1.5e300},
                                   {"prompt_tokens": "9"}, {"prompt_tokens": 2**70, "completion_tokens": 1}, [], "x"])
def test_missing_or_strange_usage_is_estimated(make, usage):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    body = completion("some words of an answer")
    if usage is None:
        del body["usage"]
    else:
        body["usage"] = usage
    up.queue(json_answer(body))
    answer = chat(g)
    assert answer.status == 200 and answer.json() == body
    record = g.record(answer.id)
    assert record.get("estimated") or record.get("inconsistent"), record
    assert all(0 <= v < 10**12 for v in record["usage"].values())
    assert record["usage"].get("input", 0) > 0 or record.get("inconsistent"), "never 0 silently"


# ---- kill -9 ----

@pytest.mark.timeout(1500 if NIGHTLY else 600)
def test_kill_9_with_streams_running(make):
    """Streams run, kill -9, restart, again and again: what the provider saw is in the ledger exactly once, closed where the
    client got its whole answer, else interrupted; and the sums agree."""
    up = make.upstream()
    rng = random.Random(11)
    directory = scratch("kill")
    config = relay_config(up.url)
    g = make.gateway(config, directory=directory)
    g.own_directory = True
    heads, whole = set(), set()
    for round in range(ROUNDS):
        gate = threading.Event()
        up.answer = lambda seen: stream_answer(
            delta("begin"), *([] if seen.json()["n"] % 4 == 0 else [gate]), delta(finish="stop"), usage_event(), DONE)
        conns = []
        seen_before = len(up.requests)
        for n in range(STREAMS):
            c = Conn(g.address)
            c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True, n=n), key=g.key))
            conns.append(c)
        if round % 2 == 0:
            up.wait_requests(seen_before + STREAMS)
        else:  # in the midst of it
            up.wait_requests(seen_before + rng.randrange(1, STREAMS))
        if round % 3 == 0:
            gate.set()
        g.kill()
        gate.set()
        for c in conns:
            try:
                answer = c.read(partial=True)
                heads.add(answer.id)
                if answer.body.endswith(DONE):
                    whole.add(answer.id)
            except (Closed, OSError, AssertionError):
                pass
            c.close()
        g = make.adopt(g.restart())
    rows = settled(g, len(up.requests))
    by_exchange = {}
    for r in rows:
        by_exchange.setdefault(r.exchange, []).append(r)
    assert len({r.id for r in rows}) == len(rows)
    # Each request came once to the gateway: an exchange has one attempt (the provider never failed).
    assert all(len(v) == 1 for v in by_exchange.values())
    missing = [i for i in heads if i not in by_exchange]
    assert not missing, f"{len(missing)} answers that clients saw are not in the ledger"
    for i in whole:
        row = by_exchange[i][0]
        assert row.state == ledger.CLOSED and row.outcome == "ok", row
        assert row.tokens["input"] == 9 and row.tokens["output"] == 3
    # What the provider saw is there; what is there beyond was opened and did not reach it before the kill.
    assert len(up.requests) <= len(rows) <= ROUNDS * STREAMS
    extra = len(rows) - len(up.requests)
    states = {s: sum(r.state == s for r in rows) for s in (ledger.CLOSED, ledger.INTERRUPTED)}
    assert states[ledger.CLOSED] + states[ledger.INTERRUPTED] == len(rows)
    assert states[ledger.INTERRUPTED] >= extra and states[ledger.INTERRUPTED] > 0
    assert all(r.tokens["input"] > 0 or r.flags & 1 for r in rows if r.state == ledger.INTERRUPTED)
    said = ledger.usage(g.state)
    assert said["total"]["attempts"] == len(rows) and said["total"]["interrupted"] == states[ledger.INTERRUPTED]
    for name in ledger.CLASSES:
        assert said["total"]["tokens"].get(name, 0) == sum(r.tokens[name] for r in rows)
    up.answer = json_answer()
    assert chat(g).status == 200


@pytest.mark.timeout(600)
def test_kill_9_against_the_simulator(make):
    """The same join by count, against `sluice sim`: every attempt that it counted has its row."""
    sim = make.sim()
    directory = scratch("kill-sim")
    config = relay_config(sim.url + "/v1", providers={"up": {"open_models": True}})
    g = make.gateway(config, directory=directory)
    g.own_directory = True
    streams = 60
    for round in range(3):
        conns = []
        before = served(sim)
        for n in range(streams):
            c = Conn(g.address)
            c.send(request_bytes("POST", "/v1/chat/completions", chat_body("sim-slow", stream=True), key=g.key))
            conns.append(c)
        wait_for(lambda: served(sim) >= before + streams, "the simulator to see all streams")
        g.kill()
        for c in conns:
            c.close()
        g = make.adopt(g.restart())
    rows = settled(g, 3 * streams)
    assert len(rows) == served(sim) == 3 * streams


def served(sim):
    count = sim.count()
    return count["requests"] if "requests" in count else count["total"]


def test_restart_keeps_keys_and_is_quick(make):
    up = make.upstream()
    directory = scratch("again")
    g = make.gateway(relay_config(up.url), directory=directory)
    g.own_directory = True
    for _ in range(20):
        chat(g)
    settled(g, 20)
    runs = [g]

    def starts_in():
        runs[-1].kill()
        runs.append(make.adopt(runs[-1].restart()))
        return runs[-1].ready_after
    quickest(starts_in, 2.0 * PATIENCE, "a start after kill -9", tries=5)
    assert chat(runs[-1]).status == 200
    assert len(settled(runs[-1], 21)) == 21


def test_one_gateway_for_a_state_directory(make):
    from lib.proc import SLUICE, Process, clean_environment
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    second = make.adopt(Process("second", [SLUICE, "serve", "-c", str(g.config_path)], env=clean_environment()))
    second.exit_code = None
    assert second.wait_exit() != 0
    assert str(g.pid) in "\n".join(second.lines + second.out_lines), "it says who has it"
    assert chat(g).status == 200


def journal_after_kill(make, up, directory, n=12):
    """A journal with `n` open records, left behind by kill -9; gives the fullest segment."""
    g = make.gateway(relay_config(up.url, listen={"workers": 1}), directory=directory)
    g.own_directory = True
    up.answer = stream_answer(delta("x"), "hang")
    conns = []
    for _ in range(n):
        c = Conn(g.address)
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        next(c.events(c.read_head()))
        conns.append(c)
    g.kill()
    for c in conns:
        c.close()
    segments = [p for p in (g.state / "journal").iterdir() if p.stat().st_size]
    return g, max(segments, key=lambda p: len(p.read_bytes().rstrip(b"\0")))


@pytest.mark.parametrize("what", ["last record", "middle", "cut", "garbage behind"])
def test_damaged_journal_is_reported_and_the_rest_is_read(make, what):
    up = make.upstream()
    n = 12
    g, segment = journal_after_kill(make, up, scratch("damage"), n)
    data = bytearray(segment.read_bytes())
    end = len(bytes(data).rstrip(b"\0"))
    if what == "last record":
        data[end - 20] ^= 0x40
    elif what == "middle":
        data[end // 2] ^= 0x40
    elif what == "cut":
        del data[end - 30:]
    else:
        data[end + 64:end + 128] = os.urandom(64)  # a record may itself end in zeros
    segment.write_bytes(data)
    again = make.adopt(g.restart())
    up.answer = json_answer()
    fresh = chat(again).id
    wait_for(lambda: fresh in [r.exchange for r in ledger.attempts(again.state)], "the new attempt's row")
    rows = settled(again, 1)
    lost = n + 1 - len(rows)
    assert lost <= (0 if what == "garbage behind" else 1), f"{lost} records are lost to one damaged one"
    told = [e for e in again.events if e["event"].startswith("journal.")]
    assert [e for e in told if e.get("torn_at", -1) >= 0 or e["level"] in ("warn", "error")] or what == "garbage behind", told


# ---- disk full ----

@pytest.fixture
def small_disk():
    """A file system of few megabytes."""
    directory = scratch("disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(directory)], capture_output=True, text=True)
    if done.returncode != 0:
        directory.rmdir()
        pytest.skip(f"no right to mount a small file system: {done.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=False)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("policy", ["refuse", "continue"])
def test_full_disk(make, small_disk, policy):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"workers": 1}, ledger={"on_full": policy, "segment_bytes": "1MiB"},
                                  log={"access": {"path": "-"}}), directory=small_disk)
    g.exit_code = None
    assert chat(g).status == 200
    fill(small_disk)
    statuses = set()
    with Conn(g.address) as c:
        def push():
            for _ in range(200):
                answer = c.request("POST", "/v1/chat/completions", chat_body(), key=g.key)
                statuses.add(answer.status)
                if answer.status != 200:
                    assert answer.status == 503 and answer.error()["code"] == "ledger_unavailable", answer
            return 503 in statuses if policy == "refuse" else loud(g)
        wait_for(push, "the full disk to be noticed")
        assert g.running() and loud(g), "never silent"
        assert (503 in statuses) == (policy == "refuse"), statuses
        (small_disk / "filler").unlink()
        wait_for(lambda: c.request("POST", "/v1/chat/completions", chat_body(), key=g.key).status == 200,
                 "service after space came back")
    if policy == "refuse":
        rows = settled(g, len(up.requests))
        assert len(rows) == len(up.requests), "no gap"
    assert g.stop() == 0


def fill(directory):
    fd = os.open(directory / "filler", os.O_CREAT | os.O_WRONLY)
    try:
        while os.write(fd, bytes(4096)):
            pass
    except OSError:
        pass
    finally:
        os.close(fd)


def loud(g):
    return [e for e in g.events if e["level"] in ("warn", "error")]


def test_synced_ledger(make):
    """With `close: synced` an answer waits for the flush; it is still quick and right."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url, ledger={"close": "synced", "open": "kept"}))
    conns = [Conn(g.address) for _ in range(20)]
    for c in conns:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(), key=g.key))
    for c in conns:
        assert c.read().status == 200
        c.close()
    assert read_stream(g).body.endswith(DONE)
    assert len(settled(g, 21)) == 21


def test_answers_unused(make):
    """An answer with usage for a client that has left is booked with what the provider said."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    gone = threading.Event()
    up.answer = Answer(gone, *body_answer(json.dumps(completion()).encode()).steps)
    c = Conn(g.address)
    c.send(request_bytes("POST", "/v1/chat/completions", chat_body(), key=g.key))
    up.wait_requests(1)
    c.close()
    row = settled(g, 1)[0]
    gone.set()
    assert row.outcome == "client_gone" and row.tokens["input"] > 0
    assert fetch(g.address, "GET", "/v1/models", key=g.key).status == 200
