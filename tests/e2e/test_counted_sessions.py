"""What no provider reports of a session over a WebSocket is counted here, with the model's own vocabulary: its texts, and what each
response reads of the conversation so far."""

import json
import threading

import pytest
from websockets.sync.server import serve

from lib import ledger
from lib.encodings import encoding
from lib.sessions import hear, open_socket, say, settled
from test_counted import TEXT, WORDS

ASKED = ['Wie heißt "Köln" auf Chinesisch? 科隆\n7 8 9 7 8 9', "responsibility international \\ understanding development"]
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@pytest.fixture(scope="module")
def o200k():
    with encoding("o200k_base") as found:
        yield lambda text: len(found.encode(text, disallowed_special=()))


def realtime(words):
    """A provider that says words, and nothing of its usage."""
    def handle(ws):
        ws.send('{"type":"session.created","session":{}}')
        n = 0
        for message in ws:
            if json.loads(message)["type"] != "response.create":
                continue
            n += 1
            ws.send(json.dumps({"type": "response.created", "response": {"id": f"resp_{n}"}}))
            for word in words:
                ws.send(json.dumps({"type": "response.output_text.delta", "response_id": f"resp_{n}", "delta": word}))
            ws.send(json.dumps({"type": "response.done", "response": {"id": f"resp_{n}", "status": "completed"}}))
    return handle


def live(words):
    def handle(ws):
        for message in ws:
            if "setup" in json.loads(message):
                ws.send('{"setupComplete":{}}')
                continue
            for word in words:
                ws.send(json.dumps({"serverContent": {"modelTurn": {"parts": [{"text": word}]}}}))
            ws.send('{"serverContent":{"turnComplete":true}}')
    return handle


def until(ws, is_last):
    while not is_last(hear(ws)):
        pass


def talk_realtime(g, asked):
    with open_socket(g, "/v1/realtime?model=voice", {"authorization": f"Bearer {g.key.text}"}) as ws:
        assert hear(ws)["type"] == "session.created"
        for text in asked:
            say(ws, type="conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
            say(ws, type="response.create")
            until(ws, lambda m: m["type"] == "response.done")
        return ws.response.headers["x-sluice-id"]


def talk_live(g, asked):
    with open_socket(g, LIVE, {"x-goog-api-key": g.key.text}) as ws:
        say(ws, setup={"model": "models/voice", "generationConfig": {"responseModalities": ["TEXT"]}})
        assert hear(ws) == {"setupComplete": {}}
        for text in asked:
            say(ws, clientContent={"turns": [{"role": "user", "parts": [{"text": text}]}], "turnComplete": True})
            until(ws, lambda m: m.get("serverContent", {}).get("turnComplete"))
        return ws.response.headers["x-sluice-id"]


@pytest.mark.parametrize("kind, version, handle, talk", [("openai", "v1", realtime, talk_realtime), ("gemini", "v1beta", live, talk_live)],
                         ids=["realtime", "live"])
def test_texts_of_a_session(make, o200k, kind, version, handle, talk):
    """Each response reads what was said before it; of what is longer than 8 KiB the beginning stands for all."""
    for words, asked, wrong in ((WORDS, ASKED, 0), ([f"{i}: {TEXT}\n" for i in range(1000)], [ASKED[1] * 2000], 0.03)):
        with serve(handle(words), "127.0.0.1", 0, compression=None) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            g = make.gateway({"providers": {"up": {"kind": kind, "base_url": f"http://127.0.0.1:{server.socket.getsockname()[1]}/{version}",
                                                   "keys": ["k"], "allow_private": "yes"}},
                              "models": {"voice": {"targets": ["up/gpt-realtime"]}}})
            rows = settled(g, talk(g, asked), len(asked))
            server.shutdown()
        said, read, wanted = o200k("".join(words)), 0, []
        for text in asked:
            wanted.append((read + o200k(text), said))
            read += o200k(text) + said
        found = sorted((r.tokens["input"], r.tokens["output"]) for r in rows)
        assert all(abs(a - b) <= wrong * b for x, y in zip(found, wanted) for a, b in zip(x, y)), (found, wanted)
        assert len(found) == len(wanted) and all(r.state == ledger.CLOSED and r.flags & 1 for r in rows), rows
