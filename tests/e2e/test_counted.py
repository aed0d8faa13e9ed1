"""What no provider reports is counted here, with the model's own vocabulary where that is public: the client and the ledger are told
the number that the reference implementation gives."""

import json

import pytest

from lib.client import Conn, fetch, request_bytes
from lib.encodings import encoding
from lib.proc import run_sluice
from lib.upstream import DONE, Answer, chat_events, chunk, completion, head_bytes, json_answer, stream_answer
from test_usage import FACES

PROMPT = 'Wie heißt "Köln" auf Chinesisch? 科隆\nand 3.14159 \\ in numbers, 🙂?'
WORDS = ["Die", " Antwort", ":", " 科", "隆", ' ("', "Kē", 'lóng")', "\n\n", "1234", "567", " 🙂", " done."]
TEXT = "".join(WORDS)
FRAME = 7  # of a user's message and of the answer's start (cookbook of OpenAI, "How to count tokens", 2024)


@pytest.fixture(scope="module")
def o200k():
    with encoding("o200k_base") as found:
        yield lambda text: len(found.encode(text, disallowed_special=()))


def pair(make, model="gpt-4o", **settings):
    up = make.upstream()
    return up, make.gateway({"providers": {"p": {"kind": "openai-compatible", "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                             "models": {"m": f"p/{model}"}, "resilience": {"rescue": "error", "retry": {"attempts": 1}}, **settings})


def body_of(face, prompt, stream):
    path, body, _, _ = FACES[face]
    body = {k: v for k, v in body.items() if k != "stream_options"}
    if face == "gemini":
        return path.replace("METHOD", "streamGenerateContent?alt=sse" if stream else "generateContent"), {
            "contents": [{"role": "user", "parts": [{"text": prompt}]}]}
    if face == "responses":
        body["input"] = prompt
    else:
        body["messages"] = [{"role": "user", "content": prompt}]
    return path, {**body, **({"stream": True} if stream else {})}


def ask(g, face, stream, prompt=PROMPT):
    path, body = body_of(face, prompt, stream)
    answer = fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)
    assert answer.status == 200, answer
    return answer


def told(face, answer, stream):
    """The usage that the client's own format says, or None."""
    _, _, read, names = FACES[face]
    values = [json.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data: {")] if stream else [answer.json()]
    found = None
    for value in values:
        try:
            found = read(value) or found
        except (KeyError, TypeError, AttributeError):
            continue
    return found and tuple(found[n] for n in names)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_every_face(make, o200k, stream):
    """Translated: the client is told. The same format: its bytes are the provider's, and the record has it."""
    up, g = pair(make)
    whole = {k: v for k, v in completion(TEXT).items() if k != "usage"}
    up.answer = stream_answer(*chat_events(WORDS, usage=False), DONE) if stream else json_answer(whole)
    wanted = (FRAME + o200k(PROMPT), o200k(TEXT))
    for face in FACES:
        answer = ask(g, face, stream)
        record = g.record(answer.id)
        assert (record["usage"]["input"], record["usage"]["output"]) == wanted, (face, record["usage"])
        assert record["estimated"] and not record.get("reported")
        if face != "chat":
            assert told(face, answer, stream) == wanted, face


def test_a_client_that_leaves(make, o200k):
    """What was made until then is charged, and nobody reports it."""
    up, g = pair(make)
    events = b"".join(chat_events(WORDS, usage=False)[:-1])
    up.answer = Answer(head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]) + chunk(events), "hang")
    for face in ("chat", "messages"):
        path, body = body_of(face, PROMPT, True)
        with Conn(g.address) as c:
            c.send(request_bytes("POST", path, json.dumps(body).encode(), key=g.key))
            c.until(b"done.")
    for record in g.wait_records(2):
        assert record["usage"] == {"input": FRAME + o200k(PROMPT), "output": o200k(TEXT)} and record["partial"], record


def test_long_ones(make, o200k):
    """The first 32 KiB of an answer stand for all of it; a long prompt is counted whole."""
    up, g = pair(make)
    prompt, text = PROMPT * 3000, "".join(f"{TEXT} {i}\n" for i in range(2000))
    up.answer = stream_answer(*chat_events([text[i:i + 2000] for i in range(0, len(text), 2000)], usage=False), DONE)
    for face in ("chat", "responses"):
        usage = g.record(ask(g, face, True, prompt).id)["usage"]
        assert usage["input"] == FRAME + o200k(prompt)
        assert abs(usage["output"] / o200k(text) - 1) < 0.03, (face, usage, o200k(text))


def unreported(face, text):
    """A whole answer in that format, without its usage; the kind of provider that gives it."""
    call = {"city": "Köln"}
    if face == "chat":
        tools = [{"id": "call_1", "type": "function", "function": {"name": "forecast", "arguments": json.dumps(call)}}]
        return "openai-compatible", {k: v for k, v in completion(choices=[{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": text, "tool_calls": tools}}]).items() if k != "usage"}
    if face == "responses":
        return "openai", {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-4o", "output": [
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": text, "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "forecast", "arguments": json.dumps(call), "status": "completed"}]}
    if face == "messages":
        return "anthropic", {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "stop_sequence": None,
                             "content": [{"type": "text", "text": text}, {"type": "tool_use", "id": "toolu_1", "name": "forecast", "input": call}]}
    return "gemini", {"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
        {"text": text}, {"functionCall": {"name": "forecast", "args": call}}]}}], "modelVersion": "m"}


@pytest.mark.parametrize("face", FACES)
def test_answers_that_pass_in_slices(make, o200k, face):
    """They are not kept: of one that is longer than 32 KiB its beginning stands for all of it, calls and frames are in the number."""
    up = make.upstream()
    kind, _ = unreported(face, "")
    g = make.gateway({"providers": {"p": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}}, "models": {"m": "p/gpt-4o"},
                      "relay": {"hold_bytes": "1KiB"}, "resilience": {"rescue": "error", "retry": {"attempts": 1}}})
    short, long = (TEXT + "\n") * 40, "".join(f"{FEW}{i}, {TEXT}\n" for i in range(3000))
    for text, wrong in ((short, 2), (long, 0.03 * o200k(long))):
        whole = unreported(face, text)[1]
        up.answer = json_answer(whole)
        answer = ask(g, face, False)
        assert answer.json() == whole
        record = g.record(answer.id)
        wanted = o200k(text) + o200k("forecast") + o200k(json.dumps({"city": "Köln"}))
        assert record["usage"]["input"] == FRAME + o200k(PROMPT) and abs(record["usage"]["output"] - wanted) <= wrong, (record["usage"], wanted)
        assert record["estimated"] and not record.get("reported")


@pytest.mark.parametrize("hold", ["256KiB", "1KiB"], ids=["whole", "slices"])
def test_completions(make, o200k, hold):
    """The old ones: their prompts and texts are nobody's conversation."""
    up, g = pair(make, relay={"hold_bytes": hold})
    up.answer = json_answer({"id": "cmpl-1", "object": "text_completion", "model": "m",
                             "choices": [{"index": 0, "text": TEXT * 30, "logprobs": None, "finish_reason": "stop"}]})
    for prompt, n in ((PROMPT, o200k(PROMPT)), ([PROMPT, "Hi"], o200k(PROMPT) + 1), ([1, 2, 3], 3)):
        answer = fetch(g.address, "POST", "/v1/completions", json.dumps({"model": "m", "prompt": prompt}).encode(), key=g.key)
        assert answer.status == 200, answer
        assert g.record(answer.id)["usage"] == {"input": n, "output": o200k(TEXT * 30)}, (n, o200k(TEXT * 30))


def test_calls_and_thoughts(make, o200k):
    """Arguments of calls and what the model thought are output, too."""
    up, g = pair(make)
    arguments = json.dumps({"city": "Köln", "days": list(range(40))})
    message = {"role": "assistant", "content": None, "reasoning_content": TEXT, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "forecast", "arguments": arguments}}]}
    whole = {k: v for k, v in completion().items() if k != "usage"}
    up.answer = json_answer({**whole, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    for face in FACES:
        usage = g.record(ask(g, face, False).id)["usage"]
        assert abs(usage["output"] - o200k(TEXT + "forecast" + arguments)) <= 2, (face, usage)


def test_a_stream_that_goes_on_elsewhere(make, o200k):
    """Neither half is reported: the client is told the sum of what the ledger has, and that it is counted."""
    first, second = make.upstream(), make.upstream()
    g = make.gateway({"providers": {n: {"kind": "openai-compatible", "base_url": up.url, "keys": ["k-of-the-gateway"]}
                                    for n, up in (("p", first), ("q", second))},
                      "models": {"m": {"targets": ["p/gpt-4o", "q/gpt-4o"]}}, "resilience": {"rescue": "continue"}})
    events = b"".join(chat_events(WORDS, usage=False)[:-1])
    first.answer = Answer(head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]) + chunk(events), "rst")
    second.answer = stream_answer(*chat_events([" And", " more", " of", " it."], usage=False), DONE)
    answer = ask(g, "messages", True)
    record = g.record(answer.id)
    one, two = record["attempts"]
    assert one["usage"] == {"input": FRAME + o200k(PROMPT), "output": o200k(TEXT)}, record
    assert two["usage"]["input"] >= one["usage"]["input"] + o200k(TEXT) and two["usage"]["output"] > 0 and two["estimated"], record
    assert told("messages", answer, True) == (record["usage"]["input"], record["usage"]["output"])
    assert b'"estimated":true' in answer.body


def test_inputs_of_embeddings(make):
    """In the client's own format; tokens that are given as numbers count as such."""
    with encoding("cl100k_base") as cl100k:
        texts = [f"{PROMPT} {i}" for i in range(100)]
        up, g = pair(make, "text-embedding-3-small")
        up.answer = json_answer({"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]})
        for given, n in ((texts, sum(len(cl100k.encode(t)) for t in texts)), (texts[0], len(cl100k.encode(texts[0]))), ([1, 2, 3, 4], 4)):
            answer = fetch(g.address, "POST", "/v1/embeddings", json.dumps({"model": "m", "input": given}).encode(), key=g.key)
            assert answer.status == 200 and g.record(answer.id)["usage"] == {"input": n}, (answer, n)


def test_embeddings_in_several_calls(make):
    """Each call has its share, and the client is told their sum."""
    up = make.upstream()
    g = make.gateway({"providers": {"p": {"kind": "gemini", "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                      "models": {"m": "p/gemini-embedding-001"}})
    up.answer = lambda seen: json_answer({"embeddings": [{"values": [0.5, 0.25]} for _ in json.loads(seen.body)["requests"]]})
    texts = [f"{PROMPT} {i}" for i in range(250)]
    answer = fetch(g.address, "POST", "/v1/embeddings", json.dumps({"model": "m", "input": texts}).encode(), key=g.key)
    usage, record = answer.json()["usage"], g.record(answer.id)
    shares = [a["usage"]["input"] for a in record["attempts"]]
    assert len(shares) == 3 and max(shares[:2]) - min(shares[:2]) <= 1 and abs(shares[2] * 2 - shares[0]) <= 2, shares
    assert usage["estimated"] is True and usage["prompt_tokens"] == sum(shares) == record["usage"]["input"], (usage, shares)


# ---- before the request ----

FEW = "responsibility international understanding development "  # eleven bytes a token and more
MANY = "7 8 9 "  # two bytes a token
PIXEL = "data:image/png;base64," + "iVBORw0KGgo" * 9000


def contents(text, image=False):
    return [{"role": "user", "content": [{"type": "text", "text": text}, *([{"type": "image_url", "image_url": {"url": PIXEL}}] if image else [])]}]


def test_rules_are_asked_with_a_count(make, tmp_path):
    """Where a rule's bound is near, four bytes a token do not decide; `sluice explain` finds the same."""
    with encoding("o200k_base") as o200k:
        assert len(o200k.encode(FEW * 60)) < 500 < len(FEW * 60) / 4 and len(MANY * 200) / 4 < 500 < len(o200k.encode(MANY * 200))
    up = make.upstream()
    g = make.gateway({"providers": {"p": {"kind": "openai-compatible", "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                      "models": {"gpt-4o": {"route": "by-length"}},
                      "routes": {"by-length": [{"when": {"input_tokens": "> 1500"}, "use": ["p/long"]},
                                               {"when": {"input_tokens": "> 500"}, "use": ["p/middle"]}, {"use": ["p/short"]}]}})
    for messages, wanted in ((contents(FEW * 60), "short"), (contents(MANY * 200), "middle"), (contents("Hi", image=True), "middle"),
                             (contents(FEW * 600), "long"), (contents("Hi"), "short")):
        body = json.dumps({"model": "gpt-4o", "messages": messages}).encode()
        answer = fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key)
        assert answer.status == 200, answer
        record = g.record(answer.id)
        assert record["plan"][0]["model"] == wanted, (wanted, record["plan"], record["routing"])
        request = tmp_path / "request.json"
        request.write_bytes(body)
        done = run_sluice("explain", "-c", g.config_path, "--request", request, "--json", check=True)
        said = fetch(g.admin, "POST", "/api/explain", body)
        assert json.loads(done.stdout)["plan"][0]["model"] == said.json()["plan"][0]["model"] == wanted, (done, said)


def wordy(path, text):
    """A request of that path whose text it is."""
    turn = [{"role": "user", "content": text}]
    members = {"completions": {"prompt": text}, "images/generations": {"prompt": text}, "embeddings": {"input": [text]}, "moderations": {"input": text},
               "rerank": {"query": "q", "documents": [text]}, "responses/input_tokens": {"input": text},
               "chat/completions": {"messages": [{**turn[0], "name": "Zoë-7-8-9"}]}}
    return {"model": "gpt-4o", **members.get(path, {"max_tokens": 9, "messages": turn})}


def test_explain_counts_every_operation_as_the_gateway_does(make, tmp_path, o200k):
    up = make.upstream()
    g = make.gateway({"providers": {"p": {"kind": "openai-compatible", "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                      "models": {"gpt-4o": {"route": "by-length"}},
                      "routes": {"by-length": [{"when": {"input_tokens": "> 500"}, "use": ["p/long"]}, {"use": ["p/short"]}]}})
    request = tmp_path / "request.json"
    ids = {}
    for path in ("completions", "embeddings", "moderations", "rerank", "responses/input_tokens", "images/generations", "messages",
                 "messages/count_tokens", "chat/completions"):
        for text, wanted in ((FEW * 60, "short"), (MANY * 200, "long")):
            body = json.dumps(wordy(path, text)).encode()
            answer = fetch(g.address, "POST", "/v1/" + path, body, key=g.key)
            request.write_bytes(body)
            done = run_sluice("explain", "-c", g.config_path, "--path", "/v1/" + path, "--request", request, "--json", check=True)
            ids[answer.id] = (path, wanted, o200k(text), json.loads(done.stdout))
    for answer, (path, wanted, tokens, said) in ids.items():
        record = g.record(answer)
        found = {record["plan"][0]["model"], said["plan"][0]["model"]}
        assert found == {wanted} and record["routing"]["in"] == said["routing"]["in"], (path, record["routing"], said["routing"])
        assert tokens <= record["routing"]["in"] <= tokens + 20, (path, tokens, record["routing"])


@pytest.mark.parametrize("text, usd, fits", [(FEW * 700, 0.013, True), (FEW * 700, 0.004, False), (MANY * 2000, 0.02, False), (MANY * 2000, 0.04, True)],
                         ids=["fewer than it seems", "too many", "more than it seems", "as many"])
def test_budgets_are_asked_with_a_count(make, tmp_path, o200k, text, usd, fits):
    """Nobody is refused for an estimate that was too high, and nobody let through by one that was too low."""
    (tmp_path / "prices.json").write_text(json.dumps({"schema": 1, "generated": "2026-11-20", "models": [
        {"id": "gpt-4o", "provider": "openai", "price": {"input": 2.5, "output": 10}}]}))
    up = make.upstream()
    g = make.gateway({"providers": {"p": {"kind": "openai", "base_url": up.url, "keys": ["k"], "allow_private": "yes"}},
                      "models": {"m": "p/gpt-4o"}, "tenants": {"default": {"budget": {"usd": usd, "per": "day"}}},
                      "ledger": {"prices": str(tmp_path / "prices.json")}})
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": contents(text)}).encode()
    answer = fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key)
    assert ((o200k(text) + FRAME) * 2.5e-6 + 1e-5 <= usd) == fits
    assert (answer.status == 200) == fits, answer
    assert bool(up.requests) == fits
