"""Realtime: sessions over WebSockets, with OpenAI's SDK, with other clients, and with those that break the protocol. What they cost is what the
simulator says that it would bill."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import httpx
import openai
import pytest
import websockets
from websockets.sync.client import connect
from websockets.sync.server import serve

from lib import ledger
from lib.client import fetch
from lib.proc import create_key, merge, run_sluice
from lib.sessions import (BINARY, BREAKERS, PROVIDER_BREAKERS, PROVIDER_KEY, billed, bytes_provider, close_code, ending, frame, hear, open_socket, plain,
                          raw, same, say, serving, settled)
from lib.upstream import error_answer
from lib.wait import LONG, wait_for

PATH = "/v1/realtime?model=voice"
SOUND = base64.b64encode(bytes(24000)).decode()


def config(sim, **more):
    return merge({"providers": {"up": {"kind": "openai", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY], "direct": True}},
                  "models": {"voice": {"targets": ["up/gpt-realtime"]}}}, more)


served, g = serving(config)


def dial(g, model="voice", query="", key=None, headers=(), **more):
    head = {**({"authorization": f"Bearer {key or g.key.text}"} if key != "" else {}), **dict(headers)}
    return open_socket(g, f"/v1/realtime?model={model}{query}", head, **more)


def until(ws, kind):
    """All events up to one of that kind."""
    heard = []
    while not heard or heard[-1]["type"] != kind:
        heard.append(hear(ws))
    return heard


def ask(ws, text, **more):
    say(ws, type="conversation.item.create",
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    say(ws, type="response.create", **more)
    return until(ws, "response.done")[-1]["response"]


# ---- what applications do ----

def test_official_sdk(g):
    before = len(g.sim.count()["served"])

    async def talk():
        client = openai.AsyncOpenAI(api_key=g.key.text, base_url=g.url + "/v1")
        texts = []
        async with client.realtime.connect(model="voice") as c:
            await c.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            for words in ("ECHO: hello there", "say something"):
                await c.conversation.item.create(item={"type": "message", "role": "user",
                                                       "content": [{"type": "input_text", "text": words}]})
                await c.response.create()
                text = ""
                async for event in c:
                    if event.type == "response.output_text.delta":
                        text += event.delta
                    elif event.type == "response.done":
                        break
                texts.append((text, event.response.usage))
        return texts

    (first, usage), (second, _) = asyncio.run(asyncio.wait_for(talk(), LONG))
    assert first == "hello there" and second.startswith("[simulated] word")
    assert usage.output_tokens == 1 and usage.input_token_details.text_tokens == usage.input_tokens > 0
    r = g.record(where=lambda r: r["operation"] == "realtime" and r["session"]["responses"] == 2)
    rows = settled(g, r["id"], 2)
    same(rows, billed(g, before))
    assert all(a.outcome == "ok" and a.model == "voice" and a.target == "gpt-realtime" and a.cost_p > 0 for a in rows)
    assert r["status"] == 101 and r["ended"] == {"by": "client", "in": "session", "why": "ok"} and r["session"]["closed"] == 1000
    assert r["usage"]["output"] == sum(a.tokens["output"] for a in rows) and float(r["cost_usd"]) > 0
    assert r["session"]["messages_in"] == 5 and r["session"]["messages_out"] == r["events"] > 10


def test_sound_and_transcriptions(g):
    """Sound in, sound out, a turn that the provider begins by itself, and transcriptions that are charged apart."""
    before = len(g.sim.count()["served"])
    with dial(g) as ws:
        assert hear(ws)["type"] == "session.created"
        say(ws, type="session.update", session={"type": "realtime", "output_modalities": ["audio"],
                                                "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"},
                                                                    "turn_detection": {"type": "server_vad"}}}})
        until(ws, "session.updated")
        say(ws, type="input_audio_buffer.append", audio=SOUND)
        heard = until(ws, "response.done")
        assert [e["type"] for e in heard].count("response.output_audio.delta") == 8
        say(ws, type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None,
                                                                                        "transcription": {"model": "whisper-1"}}}})
        say(ws, type="input_audio_buffer.append", audio=SOUND)
        say(ws, type="input_audio_buffer.commit")
        say(ws, type="response.create", response={"output_modalities": ["text"]})
        until(ws, "response.done")
        id = ws.response.headers["x-sluice-id"]
    rows = settled(g, id, 4)
    same(rows, billed(g, before))
    assert sorted(r.target for r in rows) == ["gpt-4o-transcribe", "gpt-realtime", "gpt-realtime", "whisper-1"]
    assert {r.tokens["audio_out"] for r in rows if r.target == "gpt-realtime"} == {80, 0}
    assert [r.cost_p for r in rows if r.target == "whisper-1"] == [50_000_000]  # half a second: 0.006 $ a minute
    assert g.record(id)["session"]["responses"] == 2


def test_a_browser(g):
    """The key as a subprotocol, in no record; the beta's names pass as they are."""
    offer = ["realtime", f"openai-insecure-api-key.{g.key.text}", "openai-beta.realtime-v1"]
    with dial(g, key="", subprotocols=offer, headers={"openai-beta": "realtime=v1"}.items()) as ws:
        assert ws.subprotocol == "realtime" and hear(ws)["type"] == "session.created"
        say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]})
        assert hear(ws)["type"] == "conversation.item.created"
        id = ws.response.headers["x-sluice-id"]
        assert not ws.response.headers.get("sec-websocket-extensions")
    record = g.record(id)
    assert record["key"] == "test" and g.key.text not in json.dumps(record)
    assert g.key.text not in str(g.tail(1000))


def test_messages_pass_unchanged(make):
    """Byte for byte, whatever is in them, in fragments or not, small and large."""
    messages = ['{"type" : "x" }', '{"a":1.00e3,"\\u0074ype":"y"}', "no JSON at all", "", "é" * 1000, '{"big":"' + "z" * 3_000_000 + '"}']
    got = []

    async def run(provider_ready, stop):
        async def handle(ws):
            await ws.send('{"type":"session.created"}')
            async for m in ws:
                got.append(m)
                await ws.send(m)
        async with websockets.serve(handle, "127.0.0.1", 0, max_size=None, compression=None) as server:
            provider_ready.set_result(server.sockets[0].getsockname()[1])
            await stop

    async def scene():
        loop = asyncio.get_running_loop()
        ready, stop = loop.create_future(), loop.create_future()
        task = asyncio.create_task(run(ready, stop))
        g = await asyncio.to_thread(make.gateway, {
            "providers": {"up": {"kind": "openai-compatible", "base_url": f"http://127.0.0.1:{await ready}/v1", "keys": ["k"], "direct": True}},
            "models": {"voice": {"targets": ["up/m"]}}})
        def talk():
            with dial(g) as ws:
                assert hear(ws) == {"type": "session.created"}
                back = []
                for m in messages:
                    ws.send([m[:1], m[1:2], m[2:]] if len(m) > 5 else m)
                    back.append(ws.recv(timeout=LONG))
                return back
        back = await asyncio.to_thread(talk)
        stop.set_result(None)
        await task
        return back

    assert asyncio.run(asyncio.wait_for(scene(), 3 * LONG)) == messages
    assert got == messages


def test_node(g):
    """Node's own client, which can set no headers: the key goes as in a browser."""
    script = """
const ws = new WebSocket(process.argv[1], ["realtime", "openai-insecure-api-key." + process.env.KEY]);
ws.onmessage = (m) => {
  const e = JSON.parse(m.data);
  if (e.type === "session.created") {
    ws.send(JSON.stringify({type: "conversation.item.create", item: {type: "message", role: "user", content: [{type: "input_text", text: "ECHO: from node"}]}}));
    ws.send(JSON.stringify({type: "response.create"}));
  } else if (e.type === "response.output_text.delta") console.log(e.delta);
  else if (e.type === "response.done") ws.close(1000);
};
ws.onclose = (e) => console.log("closed", e.code, e.wasClean);
ws.onerror = () => console.log("error");
"""
    if shutil.which("node") is None or subprocess.run(["node", "--experimental-websocket", "-e", "WebSocket"], capture_output=True).returncode:
        pytest.skip("there is no Node with a WebSocket of its own")
    done = subprocess.run(["node", "--experimental-websocket", "-e", script, f"ws://127.0.0.1:{g.address[1]}/v1/realtime?model=voice"],
                          capture_output=True, text=True, timeout=LONG, env={**os.environ, "KEY": g.key.text})
    assert done.stdout == "from node\nclosed 1000 true\n", done


def test_several_hundred_at_once(g):
    """Cheap, and each is accounted."""
    before, n = len(g.sim.count()["served"]), 300

    async def one(i):
        async with websockets.connect(f"ws://127.0.0.1:{g.address[1]}/v1/realtime?model=voice", open_timeout=LONG, compression=None, proxy=None,
                                      additional_headers={"authorization": f"Bearer {g.key.text}"}) as ws:
            await ws.send(json.dumps({"type": "conversation.item.create", "item": {
                "type": "message", "role": "user", "content": [{"type": "input_text", "text": f"ECHO: {i}"}]}}))
            gate.append(i)
            while len(gate) < n:
                await asyncio.sleep(0.01)
            await ws.send(json.dumps({"type": "response.create"}))
            text = ""
            async for m in ws:
                e = json.loads(m)
                text += e.get("delta", "")
                if e["type"] == "response.done":
                    return text

    gate = []

    async def all_of_them():
        return await asyncio.wait_for(asyncio.gather(*(one(i) for i in range(n))), 4 * LONG)

    assert asyncio.run(all_of_them()) == [str(i) for i in range(n)]
    assert len(billed(g, before)) == n
    g.wait_metric("sluice_realtime_sessions", 0)
    rows = wait_for(lambda: (lambda r: r if len(r) >= n else None)([r for r in ledger.attempts(g.state) if r.state == ledger.CLOSED]), "all")
    assert sum(r.tokens["output"] for r in rows[-n:]) == n


# ---- before the upgrade ----

def handshake(g, path="/v1/realtime?model=voice", headers=None, key=True):
    head = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    head.update(headers or {})
    return fetch(g.address, "GET", path, headers=[(k, v) for k, v in head.items() if v is not None], key=g.key if key else None)


def test_refused_before_the_upgrade(g):
    for status, code, more in (
            (401, "missing_api_key", {"key": False}),
            (404, "model_not_found", {"path": "/v1/realtime?model=nope"}),
            (400, "missing_required_parameter", {"path": "/v1/realtime"}),
            (400, "invalid_value", {"path": "/v1/realtime?call_id=rtc_1"}),
            (426, "upgrade_not_served", {"headers": {"upgrade": None}}),
            (426, "upgrade_not_served", {"headers": {"sec-websocket-version": "8"}}),
            (400, "invalid_upgrade", {"headers": {"sec-websocket-key": "short"}}),
            (400, "invalid_upgrade", {"headers": {"connection": "close"}})):
        answer = handshake(g, **more)
        assert answer.status == status and answer.json()["error"]["code"] == code, (more, answer)
    assert handshake(g, headers={"sec-websocket-version": "8"}).get("sec-websocket-version") == "13"


def test_what_is_not_offered_says_why(g):
    answer = fetch(g.address, "POST", "/v1/realtime/calls", b"v=0", [("content-type", "application/sdp")], key=g.key)
    assert answer.status == 404 and "WebRTC" in answer.json()["error"]["message"]


# ---- ephemeral keys ----

def mint(g, path="client_secrets", key=None, **body):
    return fetch(g.address, "POST", f"/v1/realtime/{path}", json.dumps(body).encode(), [("content-type", "application/json")], key=key or g.key)


def test_ephemeral_keys(g):
    """Made here for one model and session, taken for sessions only; nobody sees the provider's."""
    made = openai.OpenAI(api_key=g.key.text, base_url=g.url + "/v1").realtime.client_secrets.create(
        session={"type": "realtime", "model": "voice", "output_modalities": ["text"], "instructions": "be \"kind\""})
    assert made.value.startswith("ek_") and abs(made.expires_at - time.time() - 600) < 60 and made.session.model == "voice"
    offer = ["realtime", f"openai-insecure-api-key.{made.value}"]
    for how in ({"key": "", "subprotocols": offer}, {"key": made.value, "model": ""}):  # more than once, and without a model, too
        with dial(g, **how) as ws:
            assert until(ws, "session.updated")[0]["type"] == "session.created"
            assert ask(ws, "ECHO: hello")["status"] == "completed"
            id = ws.response.headers["x-sluice-id"]
        row, = settled(g, id, 1)
        assert row.key == g.key.id and row.model == "voice"
    assert g.record(id)["key"] == "test" and made.value not in str(g.tail(1000))
    for status, code, more in ((400, "invalid_value", {"path": "/v1/realtime?model=other"}), (401, "invalid_api_key", {"path": "/v1/models", "plain": True})):
        head = [("authorization", f"Bearer {made.value}")]
        answer = fetch(g.address, "GET", more["path"], headers=head) if "plain" in more else handshake(g, more["path"], dict(head), key=False)
        assert answer.status == status and answer.json()["error"]["code"] == code, answer
    middle = len(made.value) // 2
    forged = made.value[:middle] + ("A" if made.value[middle] != "A" else "B") + made.value[middle + 1:]
    for text in (forged, made.value[:-4], "ek_", "ek_" + "A" * 20000, made.value + "AAAA", "ek_\xff"):
        answer = handshake(g, headers={"authorization": f"Bearer {text}"}, key=False)
        assert answer.status in (400, 401, 431), (text[:40], answer)
    assert mint(g, session={"type": "realtime", "model": "voice"}, key=type(g.key)("", made.value, "")).status == 401  # not by one of them


def test_ephemeral_keys_end(make):
    """With their time, and with the key that they were made with; not with the process."""
    sim = make.sim()
    g = make.gateway(config(sim, realtime={"ping": "200ms"}))
    key = create_key(g.state, "maker")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=key).status == 200, "the key is known")
    short = mint(g, key=key, expires_after={"anchor": "created_at", "seconds": 10}, session={"type": "realtime", "model": "voice"}).json()
    beta = mint(g, "sessions", key=key, model="voice", modalities=["text"]).json()
    long = beta["client_secret"]["value"]
    assert beta["object"] == "realtime.session" and beta["modalities"] == ["text"]
    g.kill()
    g = make.adopt(g.restart())
    with dial(g, key=short["value"]) as ws:
        hear(ws)
        wait_for(lambda: handshake(g, headers={"authorization": f"Bearer {short['value']}"}, key=False).status == 401, "its time is over", every=0.5)
        assert ask(ws, "hi")["status"] == "completed"  # what has begun goes on
    with dial(g, key=long) as ws:
        hear(ws)
        run_sluice("keys", "revoke", "--state", g.state, key.id, check=True)
        heard, code = ending(ws)
        assert code == 1008 and heard[-1]["error"]["code"] == "invalid_api_key"
    assert handshake(g, headers={"authorization": f"Bearer {long}"}, key=False).status == 401


def test_ephemeral_keys_that_are_not_made(g):
    session = {"type": "realtime", "model": "voice"}
    for status, param, body in ((400, "session", {}), (400, "session.model", {"session": {"type": "realtime"}}),
                                (400, "session.type", {"session": {**session, "type": "translation"}}),
                                (404, "session.model", {"session": {**session, "model": "nope"}}),
                                (400, "session", {"session": {**session, "instructions": "x" * 5000}}),
                                (400, "expires_after.seconds", {"session": session, "expires_after": {"seconds": 9}}),
                                (400, "expires_after.seconds", {"session": session, "expires_after": {"seconds": "1"}})):
        answer = mint(g, **body)
        assert answer.status == status and answer.json()["error"]["param"] == param, (body, answer)
    assert fetch(g.address, "POST", "/v1/realtime/client_secrets", b"{", [("content-type", "application/json")], key=g.key).status == 400


def test_failover_before_the_upgrade(make):
    """A refusal, an upgrade that is none, and one whose first message is an error: the next target, and the client sees nothing of it."""
    sim = make.sim()
    other = make.upstream()
    other.answer = error_answer(503)
    g = make.gateway({"providers": {"bad": {"kind": "openai", "base_url": other.url, "keys": ["k"], "direct": True},
                                    "good": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["k"], "direct": True}},
                      "models": {"voice": {"targets": ["bad/x", "good/sim-fault-error-event", "good/gpt-realtime"]}},
                      "resilience": {"retry": {"attempts": 4, "backoff": {"base": "10ms", "cap": "50ms"}}}})
    with dial(g) as ws:
        assert hear(ws)["session"]["model"] == "gpt-realtime"
        assert ask(ws, "ECHO: here")["status"] == "completed"
        id = ws.response.headers["x-sluice-id"]
    outcomes = [a["outcome"] for a in g.record(id)["attempts"]]
    assert outcomes[-1] == "ok" and len(outcomes) >= 3, outcomes
    assert len(settled(g, id, 1)) == 1  # what never was a session costs nothing


# ---- when things go wrong ----

@pytest.mark.parametrize("fault", ["close", "reset", "garbage-chunk"])
def test_the_provider_breaks(g, fault):
    g.sim.rules({"fault": fault, "arg": 3, "times": 1})
    with dial(g) as ws:
        hear(ws)
        say(ws, type="response.create")
        heard, code = ending(ws)
        id = ws.response.headers["x-sluice-id"]
    assert code == 1011 and heard[-1]["type"] == "error", (code, heard[-1])
    row, = settled(g, id, 1)
    assert row.outcome in ("truncated", "reset", "malformed") and row.tokens["output"] > 0
    assert g.record(id)["ended"]["by"] == "provider"


def test_errors_leave_the_session_open(g):
    before = len(g.sim.count()["served"])
    with dial(g) as ws:
        hear(ws)
        say(ws, type="no.such.event", event_id="mine")
        error = hear(ws)
        assert error["type"] == "error" and error["error"]["event_id"] == "mine"
        say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "LONG: 30"}]})
        say(ws, type="response.create", event_id="one")
        say(ws, type="response.create", event_id="two")
        heard = until(ws, "response.done")
        assert [e["error"]["code"] for e in heard if e["type"] == "error"] == ["conversation_already_has_active_response"]
        id = ws.response.headers["x-sluice-id"]
    rows = settled(g, id, 2)
    assert sorted(r.outcome for r in rows) == ["client_fault", "ok"]
    same([r for r in rows if r.outcome == "ok"], billed(g, before))


@pytest.mark.parametrize("orderly", [True, False])
def test_the_client_leaves(g, orderly):
    """In the middle of a response: it is stopped, and accounted by what the provider says of it."""
    before = len(g.sim.count()["served"])
    ws = dial(g).__enter__()
    hear(ws)
    say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "LONG: 2000"}]})
    say(ws, type="response.create")
    until(ws, "response.output_text.delta")
    id = ws.response.headers["x-sluice-id"]
    if orderly:
        ws.close(1000)
    else:
        ws.socket.shutdown(socket.SHUT_RDWR)
    row, = settled(g, id, 1)
    served, = wait_for(lambda: billed(g, before), "the account")
    same([row], [served])
    assert 0 < row.tokens["output"] < 1000
    assert g.record(id)["ended"]["by"] == "client"


# ---- those who break the protocol ----

@pytest.mark.parametrize("bytes_, code", [*BREAKERS.values(), BINARY], ids=[*BREAKERS, "binary"])
def test_breakers(g, bytes_, code):
    with raw(g, PATH) as s:
        s.sendall(bytes_)
        assert close_code(s) == code


def test_providers_that_break_the_protocol(make):
    """Never a clean end: the client is told by an event and 1011; what had begun is settled."""
    with contextlib.ExitStack() as stack:
        hello = plain(b'{"type":"session.created"}')
        ports = {name: stack.enter_context(bytes_provider(hello, bad)) for name, bad in PROVIDER_BREAKERS.items()}
        g = make.gateway({"providers": {n: {"kind": "openai", "base_url": f"http://127.0.0.1:{port}/v1", "keys": ["k"]} for n, port in ports.items()},
                          "models": {n: {"targets": [f"{n}/m"]} for n in ports}})
        for name in ports:
            with dial(g, name) as ws:
                hear(ws)
                say(ws, type="response.create")
                heard, code = ending(ws)
                id = ws.response.headers["x-sluice-id"]
            assert code == 1011 and [e["type"] for e in heard] == ["error"], (name, heard, code)
            row, = settled(g, id, 1)
            assert row.outcome == ("truncated" if name == "cut" else "malformed"), (name, row)


def test_upgrades_that_are_none(make):
    """A wrong answer to the handshake, an extension that nobody asked for, frames of nonsense instead of a greeting: the next target."""
    sim = make.sim()
    hello = plain(b'{"type":"session.created"}')
    with bytes_provider(hello, accept=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=") as wrong, \
            bytes_provider(hello, more=b"\r\nsec-websocket-extensions: permessage-deflate") as extended, bytes_provider(b"\xff\x00\xff") as noise:
        kinds = {"wrong": wrong, "extended": extended, "noise": noise}
        g = make.gateway(config(sim, providers={n: {"kind": "openai", "base_url": f"http://127.0.0.1:{port}/v1", "keys": ["k"]} for n, port in kinds.items()},
                                models={n: {"targets": [f"{n}/m", "up/gpt-realtime"]} for n in kinds}))
        for name in kinds:
            with dial(g, name) as ws:
                assert hear(ws)["session"]["model"] == "gpt-realtime"
                id = ws.response.headers["x-sluice-id"]
            assert [(a["provider"], a["outcome"]) for a in g.record(id)["attempts"]] == [(name, "malformed"), ("up", "ok")]


@pytest.mark.parametrize("face", ["openai", "gemini"])
def test_moved_only_at_its_end(make, face):
    """A session stays at its provider while others of its model go elsewhere, be that provider at fault or no target any more; when its
    provider breaks, it ends, and the client's next one is elsewhere."""
    here, there = make.sim(), make.sim()
    kind, base, target = ("openai", "/v1", "gpt-realtime") if face == "openai" else ("gemini", "/v1beta", "gemini-3.1-flash-live-preview")

    def config_of(*targets):
        return {"providers": {name: {"kind": kind, "base_url": sim.url + base, "keys": ["k"]} for name, sim in (("here", here), ("there", there))},
                "models": {"voice": {"targets": [f"{t}/{target}" for t in targets]}},
                "resilience": {"retry": {"attempts": 3, "backoff": {"base": "10ms", "cap": "50ms"}}}}

    def talk(ws):
        if face == "openai":
            return ask(ws, "hi")["status"] == "completed"
        say(ws, clientContent={"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True})
        while not hear(ws).get("serverContent", {}).get("turnComplete"):
            pass
        return True

    def begin():
        path = PATH if face == "openai" else "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        ws = stack.enter_context(open_socket(g, path, {"authorization": f"Bearer {g.key.text}"}))
        if face == "gemini":
            say(ws, setup={"model": "models/voice", "generationConfig": {"responseModalities": ["TEXT"]}})
        hear(ws)
        assert talk(ws)
        return ws

    def served(*sims):
        return [len([r for r in sim.count()["served"] if r["status"] == 101]) for sim in sims or (here, there)]

    g = make.gateway(config_of("here", "there"))
    with contextlib.ExitStack() as stack:
        first = begin()
        assert served() == [1, 0]
        here.rules({"fault": "503", "times": 1000})
        begin()
        assert served() == [1, 1] and talk(first) and served() == [2, 1]
        here.rules()
        g.reload(config_of("there"))
        begin()
        assert served() == [2, 2] and talk(first) and served() == [3, 2]
        here.kill()
        assert ending(first)[1] == 1011
        id = first.response.headers["x-sluice-id"]
        assert [a["provider"] for a in g.record(id)["attempts"]] == ["here"] and g.record(id)["session"]["responses"] == 3
        begin()
        assert served(there) == [3]


def test_half_sent_and_cut_by_bytes(g):
    """Frames may come in any pieces; one that never ends is nobody's message."""
    with raw(g, PATH) as s:
        for b in frame(b'{"type":"input_audio_buffer.clear"}') + frame(b"ping", first=0x89):
            s.sendall(bytes([b]))
        seen = b""
        while b"\x8a\x04ping" not in seen or b"input_audio_buffer.cleared" not in seen:
            more = s.recv(65536)
            assert more, seen
            seen += more
        s.sendall(frame(b'{"type":"response.create"', length=1000))
    record = g.record(where=lambda r: r.get("session", {}).get("messages_in") == 1 and r["ended"]["why"] == "client_gone")
    assert record["session"]["responses"] == 0


# ---- limits ----

def test_limits_within_a_session(make):
    sim = make.sim()
    g = make.gateway(config(sim, realtime={"responses_per_minute": 2}))
    with dial(g) as ws:
        hear(ws)
        assert [ask(ws, "hi")["status"] for _ in range(2)] == ["completed"] * 2
        say(ws, type="response.create", event_id="third")
        error = hear(ws)["error"]
        assert error["code"] == "rate_limit_exceeded" and error["event_id"] == "third"
        say(ws, type="input_audio_buffer.clear")
        assert hear(ws)["type"] == "input_audio_buffer.cleared"  # the session goes on
    g.reload(config(sim, realtime={"max_cost": "0.0001"}))
    with dial(g) as ws:
        hear(ws)
        say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 4000}]})
        say(ws, type="response.create")
        heard, code = ending(ws)
    assert [e["type"] for e in heard[-2:]] == ["response.done", "error"] and heard[-1]["error"]["code"] == "session_cost_limit" and code == 1008


def test_times_and_keys(make):
    """A session ends when its time is over, when nobody says anything, and when its key is revoked: behind its response."""
    sim = make.sim()
    g = make.gateway(config(sim, realtime={"session": "1s"}))
    with dial(g) as ws:
        hear(ws)
        say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "LONG: 100"}]})
        say(ws, type="response.create")
        heard, code = ending(ws)
    kinds = [e["type"] for e in heard]
    assert code == 1001 and kinds[-2:] == ["response.done", "error"] and heard[-1]["error"]["code"] == "session_expired"
    g.reload(config(sim, realtime={"idle": "300ms"}))
    with dial(g) as ws:
        assert ending(ws)[1] == 1001
    g.reload(config(sim, realtime={"ping": "200ms"}))
    key = create_key(g.state, "short")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=key).status == 200, "the key is known")
    with dial(g, key=key.text) as ws:
        hear(ws)
        assert ask(ws, "hi")["status"] == "completed"
        run_sluice("keys", "revoke", "--state", g.state, key.id, check=True)
        heard, code = ending(ws)
        assert code == 1008 and heard[-1]["error"]["code"] == "invalid_api_key"


def test_drain(make):
    """Those who say nothing are closed at once, a response is finished first."""
    sim = make.sim()
    g = make.gateway(config(sim))
    quiet, busy = dial(g).__enter__(), dial(g).__enter__()
    hear(quiet), hear(busy)
    say(busy, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "LONG: 40"}]})
    say(busy, type="response.create")
    until(busy, "response.output_text.delta")
    g.signal(15)
    assert ending(quiet)[1] == 1001
    heard, code = ending(busy)
    assert heard[-1]["type"] == "response.done" and heard[-1]["response"]["status"] == "completed" and code == 1001
    assert g.wait_exit() == 0


# ---- the ways there ----

def test_over_tls_where_both_sides_have_http2(make, certs):
    """Sessions speak HTTP/1.1 on both sides, whatever else is spoken there; a request for one over HTTP/2 is told so."""
    pair = certs.leaf("realtime")
    sim = make.sim("--tls-cert", pair.cert, "--tls-key", pair.key)
    g = make.gateway({"listen": {"tls": {"cert": pair.cert, "key": pair.key}},
                      "providers": {"up": {"kind": "openai", "base_url": f"https://localhost:{sim.address[1]}/v1", "keys": ["k"], "direct": True,
                                           "tls": {"ca": certs.ca.cert}, "allow_private": "yes"}},
                      "models": {"voice": {"targets": ["up/gpt-realtime"]}, "chat": {"targets": ["up/gpt-4o"]}}})
    with httpx.Client(http2=True, verify=certs.client_context(), timeout=LONG, headers={"authorization": f"Bearer {g.key.text}"}) as client:
        base = f"https://localhost:{g.address[1]}/v1"
        answer = client.post(base + "/chat/completions", json={"model": "chat", "messages": [{"role": "user", "content": "hi"}]})
        assert answer.status_code == 200 and answer.http_version == "HTTP/2"
        assert g.record(answer.headers["x-sluice-id"])["attempts"][0]["h2"] is True
        answer = client.get(base + "/realtime?model=voice")
        assert answer.status_code == 426 and answer.json()["error"]["code"] == "upgrade_not_served"
    with connect(f"wss://localhost:{g.address[1]}/v1/realtime?model=voice", ssl=certs.client_context(), open_timeout=LONG, close_timeout=LONG,
                 proxy=None, additional_headers={"authorization": f"Bearer {g.key.text}"}) as ws:
        assert hear(ws)["type"] == "session.created"
        say(ws, type="input_audio_buffer.append", audio=base64.b64encode(bytes(3 << 20)).decode())
        say(ws, type="input_audio_buffer.clear")
        assert hear(ws)["type"] == "input_audio_buffer.cleared"
        assert ask(ws, "ECHO: safely")["status"] == "completed"
        id = ws.response.headers["x-sluice-id"]
    assert g.record(id)["tls"] is True and len(settled(g, id, 1)) == 1


def test_slow_readers_hold_the_other_side(make):
    """A client that reads nothing stops the provider, one that sends to a provider that reads nothing is stopped: memory stays small."""
    sim = make.sim()
    g = make.gateway(config(sim))
    before = g.rss_kib()
    with raw(g, PATH) as s:
        s.settimeout(2)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        say_raw = lambda **e: s.sendall(frame(json.dumps(e).encode()))
        say_raw(type="session.update", session={"type": "realtime", "output_modalities": ["audio"]})
        sent = 0
        try:
            for i in range(20000):  # some 400 MB of answers, were they read
                say_raw(type="response.create", response={"output_modalities": ["audio"]})
                sent += 1
        except TimeoutError:
            pass
        assert g.rss_kib() - before < 48 << 10, (sent, g.rss_kib() - before)


def test_drain_has_a_deadline(make):
    """A response that takes too long is cut, and accounted as far as it came."""
    sim = make.sim()
    g = make.gateway(config(sim, listen={"deadlines": {"drain": "500ms"}}))
    with dial(g) as ws:
        hear(ws)
        say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "LONG: 5000"}]})
        say(ws, type="response.create")
        until(ws, "response.output_text.delta")
        id = ws.response.headers["x-sluice-id"]
        g.signal(15)
        heard, code = ending(ws)
    assert code == 1001 and g.wait_exit() == 0
    row, = [r for r in ledger.attempts(g.state) if r.exchange == id]
    assert row.state == ledger.CLOSED and row.outcome == "cancelled" and row.tokens["output"] > 0


def test_close_codes_are_passed_on(make):
    """With their reasons, both ways; a provider that breaks off without one was no clean end."""
    seen = []

    def handle(ws):
        ws.send('{"type":"session.created"}')
        what = ws.recv(timeout=LONG)
        if what == "close":
            ws.close(4001, "enough")
        elif what == "break":
            ws.socket.shutdown(socket.SHUT_RDWR)
        else:
            try:
                ws.recv(timeout=LONG)
            except websockets.ConnectionClosed:
                seen.append((ws.close_code, ws.close_reason))

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        g = make.gateway({"providers": {"up": {"kind": "openai-compatible", "base_url": f"http://127.0.0.1:{port}/v1", "keys": ["k"], "direct": True}},
                          "models": {"voice": {"targets": ["up/m"]}}})
        for what, code, reason in (("close", 4001, "enough"), ("break", 1011, "the provider is gone")):
            with dial(g) as ws:
                hear(ws)
                ws.send(what)
                heard, got = ending(ws)
                assert (got, ws.close_reason) == (code, reason) and [e["type"] for e in heard] == ["error"] * (what == "break")
        with dial(g) as ws:
            hear(ws)
            ws.send("wait")
            ws.close(4002, "mine")
        assert wait_for(lambda: seen, "the provider's end") == [(4002, "mine")]
        server.shutdown()
