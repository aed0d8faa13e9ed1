"""Every face in front of every upstream format, with the vendors' own SDKs as judges: whoever calls cannot tell that the provider
speaks something else. The simulator stands for the providers; it refuses what the real ones refuse, so a wrong translation of a
request shows as an error here.

One table is printed at the end and written to build/matrix.txt. Besides what a case asks for, each asserts: the tokens that the
client is told, those of the ledger and those of the simulator are one; nothing is left out of the request that the case does not
expect; the streamed answer is the whole one.
"""

import base64
import itertools
import json
import re
import struct
import sys
import zlib

import pytest

from conftest import Makers
from lib import sdk_python
from lib.matrix import STRICT, UPSTREAMS, Elsewhere, Here, Served
from lib.proc import ROOT

FACES = ("chat", "responses", "messages", "gemini")
PYTHON = [f"python {face}" for face in FACES]
LANGCHAIN = [f"langchain {face}" for face in FACES]
NODE = [f"node {face}" for face in FACES]
VERCEL = [f"vercel {face}" for face in FACES]
VENDORS = [*PYTHON, *NODE]
SDKS = [*VENDORS, "python azure", *LANGCHAIN, *VERCEL]
vendors_only = pytest.mark.parametrize("sdk", VENDORS, indirect=True)  # what frameworks do not change


def png():
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x10\x20\x30" * 2 for _ in range(2)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav():
    sound = b"\0\0" * 80
    return b"RIFF" + struct.pack("<I", 36 + len(sound)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + \
        b"data" + struct.pack("<I", len(sound)) + sound


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    yield Served(makers)
    makers.end()


def langchain(url, key):
    packages = ROOT / "build/venv/langchain"
    if not packages.exists():
        pytest.skip("LangChain is missing: dev/setup.sh test installs it")
    return Elsewhere([sys.executable, ROOT / "tests/e2e/lib/sdk_langchain.py"], url, key, {"PYTHONPATH": str(packages)})


def node(script, url, key):
    """The packages bring a Node of their own: the SDKs want a newer one than distributions have."""
    where = ROOT / "tests/e2e/node"
    program = where / "node_modules/.bin/node"
    if not program.exists():
        pytest.skip("the Node packages, or a Node for this machine, are missing: dev/setup.sh test installs them")
    return Elsewhere([program, where / script], url, key)


@pytest.fixture(scope="module")
def drivers(served):
    """Each is started when its first case comes."""
    started = {}
    here = (served.url, served.key.text)
    make = {"python": lambda: Here(sdk_python.FACES, *here), "langchain": lambda: langchain(*here),
            "node": lambda: node("vendors.mjs", *here), "vercel": lambda: node("vercel.mjs", *here)}

    def driver(name):
        if name not in started:
            started[name] = make[name]()
        return started[name]
    yield driver
    for d in started.values():
        d.close()


CLASSES = ("input", "cache_read", "cache_write", "output", "reasoning")


class Asker:
    """One SDK in front of one upstream."""

    def __init__(self, served, drivers, sdk, upstream):
        self.served, self.sdk, self.upstream = served, sdk, upstream
        name, self.client = sdk.split(" ", 1)
        self.face = "chat" if self.client == "azure" else self.client
        self.driver = drivers(name)
        self.model = "m-" + upstream
        self.target = UPSTREAMS[upstream]

    def run(self, op, dropped=(), check=True, **spec):
        """The answers; None for `dropped`: whatever is told there. What is seen below the SDK is in self.http."""
        found = self.driver.run(self.client, {"op": op, "model": self.model, "text": "hello there", **spec})
        assert op != "loop" or "lacks" in found or len(found["answers"]) == 2, found
        if "lacks" in found:
            pytest.skip("the SDK has no word for it: " + found["lacks"])
        self.http = found["http"]
        if op in ("ask", "loop") and check:
            self.check(found["answers"], dropped)
        return found["answers"]

    def check(self, answers, dropped):
        good = [h for h in self.http if h["status"] == 200]
        told = [a for a in answers if "error" not in a]
        if not any("error" in a for a in answers):
            assert len(good) == len(told), self.http
        for seen, answer in zip(good, told):
            words = [w.split(";")[0].strip() for w in seen.get("x-sluice-dropped", "").split(",") if w.strip()]
            words = [w for w in words if not w.startswith("anthropic-beta:")]  # what a client could use, not what it asked for
            assert dropped is None or sorted(words) == sorted(dropped), seen
            record = self.served.record(seen["x-sluice-id"])
            account = dict.fromkeys(CLASSES, 0)  # of all attempts: one request may become several
            for row in self.served.account(record):
                if row["format"] == "bedrock-converse":  # it does not tell them apart
                    row = {**row, "output": row["output"] + row["reasoning"], "reasoning": 0}
                account = {name: n + row[name] for name, n in account.items()}
            for name in CLASSES:
                assert record["usage"].get(name, 0) == account[name], (name, record["usage"], account)
            assert answer["in"] == sum(account[n] for n in ("input", "cache_read", "cache_write")), (answer, account)
            assert answer["out"] == account["output"] + account["reasoning"], (answer, account)
            assert answer["cached"] == account["cache_read"], (answer, account)

    def ask(self, **spec):
        return self.run("ask", **spec)[0]

    def both(self, **spec):
        """Asked for whole and as a stream; they must be the same."""
        whole, streamed = (self.ask(stream=stream, **spec) for stream in (False, True))
        self.same(whole, streamed)
        return whole

    @staticmethod
    def same(whole, streamed):
        assert "error" not in whole and "error" not in streamed, (whole, streamed)
        for name in ("text", "texts", "finish", "thought", "signed", "in", "out"):
            assert whole[name] == streamed[name], (name, whole[name], streamed[name])
        assert [c[1:] for c in whole["calls"]] == [c[1:] for c in streamed["calls"]]

    def lacks(self, what):
        """Whether that is not to be had there; what passes as bytes is the provider's affair."""
        return what in self.target.lacks and self.face not in self.target.native

    def words_for(self, what):
        """How this face calls it, in x-sluice-dropped."""
        return {"think": {"chat": ["reasoning_effort"], "responses": ["reasoning"], "messages": [],
                          "gemini": ["generationConfig.thinkingConfig"]}, "search": {**dict.fromkeys(FACES, ["tools[0]"]), "chat": ["web_search_options"]}}[what][self.face]

    def refuses(self, **spec):
        error = self.fails(**spec)
        assert error["status"] == 400 and re.search("cannot be passed|can serve this request", error["message"]), error

    def fails(self, **spec):
        answers = self.run("ask", **spec)
        assert "error" in answers[-1], answers
        return answers[-1]["error"]


@pytest.fixture(params=SDKS)
def sdk(request):
    return request.param


@pytest.fixture(params=list(UPSTREAMS))
def upstream(request, served):
    if not served.speaks(request.param):
        pytest.skip(f"the simulator does not speak {request.param} yet")
    return request.param


@pytest.fixture
def asker(request, served, drivers, sdk, upstream):
    names = request.node.callspec.params
    case = request.node.originalname.removeprefix("test_").replace("_", " ")
    request.node.matrix_cell = (sdk, upstream, case + (" " + names["fault"] if "fault" in names else ""))
    return Asker(served, drivers, sdk, upstream)


# ---- what is asked for ----

def test_plain(asker):
    answer = asker.both()
    assert answer["text"] and not answer["calls"] and answer["finish"] == "stop"


def test_system(asker):
    assert "zebra-stripes" in asker.both(text="hello", system="Be brief. SAY: zebra-stripes")["text"]


def check_loop(first, second):
    assert first["finish"] == "tool_calls"
    assert [n for _, n, _ in first["calls"]] == ["weather", "news"]
    ids = {i for i, _, _ in first["calls"]}
    assert len(ids) == 2 or ids == {None}  # Vertex has none, and Google's own clients get its bytes
    for _, _, arguments in first["calls"]:
        assert isinstance(arguments["city"], str) and int(arguments["days"]) == arguments["days"]
    assert "result-of-weather" in second["text"] and "result-of-news" in second["text"]
    assert second["finish"] == "stop"


def test_two_calls_and_their_results(asker):
    whole, streamed = (asker.run("loop", text="call weather and news", stream=s) for s in (False, True))
    for answer, again in zip(whole, streamed):
        asker.same(answer, again)
    check_loop(*whole)


@vendors_only
def test_max_tokens(asker):
    answer = asker.both(max=20)
    assert answer["text"] and answer["finish"] == "length" and answer["out"] <= 20, answer


@vendors_only
def test_text_as_it_is(asker):
    """Not one character is changed on the way there and back."""
    text = 'é 😀\u2028 "quoted" \\ \\u0041 </b>\ttab \u0000 中文 e\u0301'.replace("\u0000", "")
    assert asker.both(text="ECHO: " + text)["text"] == "[simulated] " + text


@vendors_only
def test_conversation(asker):
    history = [["user", "one"], ["assistant", "two"], ["user", "three"], ["assistant", "four"]]
    answer = asker.both(history=history, text="ECHO: five")
    assert answer["text"] == "[simulated] five" and answer["in"] == 23  # 5 messages of 3 tokens, and their texts


@vendors_only
def test_forced_and_forbidden_tools(asker):
    forced = asker.both(tools=True, choice="news")
    assert [n for _, n, _ in forced["calls"]] == ["news"]
    forbidden = asker.both(tools=True, choice="none", text="call weather")
    assert not forbidden["calls"] and forbidden["text"] and forbidden["finish"] == "stop"


def test_image(asker):
    text = asker.both(text="look", image=b64(png()))["text"]
    assert "image/png" in text and str(len(png())) in text, text


def test_pdf(asker):
    if asker.lacks("pdf"):
        asker.refuses(text="read", pdf=b64(PDF))
        return
    text = asker.both(text="read", pdf=b64(PDF))["text"]
    assert "application/pdf" in text and str(len(PDF)) in text, text


@vendors_only
def test_audio(asker):
    if "audio" in asker.target.lacks:  # known of the model, so it is not even sent
        asker.refuses(text="listen", audio=b64(wav()))
        return
    text = asker.both(text="listen", audio=b64(wav()))["text"]
    assert "audio/" in text and str(len(wav())) in text, text


def test_structured(asker):
    # Vercel asks Anthropic's models it does not know by a forced tool, alone; Gemini has no word for that last.
    lone = asker.sdk == "vercel messages" and "lone-calls" in asker.target.lacks
    value = json.loads(asker.both(text="plan", schema=True, dropped=["tool_choice.disable_parallel_tool_use"] if lone else ())["text"])
    assert isinstance(value["city"], str) and isinstance(value["days"], int)


THINK = "call weather and news, think"


def test_thinking_and_its_return(asker):
    """The simulator refuses a signature that is not its own for this model and text."""
    dropped = asker.words_for("think") if asker.lacks("think") else ()
    whole, streamed = (asker.run("loop", text=THINK, think=True, stream=s, dropped=dropped) for s in (False, True))
    for first, second in (whole, streamed):
        check_loop(first, second)
        hidden = asker.upstream == "openai" and asker.face in ("chat", "gemini")  # OpenAI's chat keeps its thoughts
        if not hidden and asker.sdk not in ("langchain chat", "vercel chat"):  # which do not look for them
            assert first["thought"] or first["signed"], first
    for answer, again in zip(whole, streamed):
        asker.same(answer, again)


@pytest.mark.parametrize("upstream", STRICT, indirect=True)
def test_thinking_must_return(asker):
    """To models that refuse to go on without what they thought: each SDK brings back what the gateway gave it for that. Two keep
    nothing of what OpenAI's chat does not know; for them the gateway goes on without thinking, and says so."""
    forgets = asker.sdk in ("langchain chat", "vercel chat")
    for stream in (False, True):
        answers = asker.run("loop", text=THINK, think="budget", stream=stream, model="s-" + asker.upstream,
                            dropped=None if forgets else ())
        check_loop(*answers)


@vendors_only
def test_thinking_goes_to_another(asker):
    """The second turn is another provider's: it must take it, without the first one's thoughts."""
    names = list(UPSTREAMS)
    native = [n for n in names if asker.face in UPSTREAMS[n].native and n != asker.upstream]
    others = {names[(names.index(asker.upstream) + 1) % len(names)], *native[-1:]}
    for stream, other in itertools.product((False, True), sorted(others)):
        first, second = asker.run("loop", text=THINK, think=True, stream=stream, second="m-" + other, dropped=None)
        check_loop(first, second)


@vendors_only
def test_stop_sequence(asker):
    answer = asker.both(text="hello", stop="fox")
    assert answer["text"] and "fox" not in answer["text"] and answer["finish"] == "stop"


@vendors_only
def test_n(asker):
    answer = asker.ask(n=2)
    if "error" in answer:  # until one request becomes several
        assert asker.lacks("n") and answer["error"]["status"] == 400, answer
    else:
        assert len(answer["texts"]) == 2 and all(answer["texts"])


@vendors_only
def test_log_probabilities(asker):
    if asker.lacks("logprobs"):
        asker.refuses(logprobs=True)
    else:
        assert asker.ask(logprobs=True)["finish"] == "stop"


@vendors_only
def test_web_search(asker):
    """Where there is none its name is in x-sluice-dropped; the answer comes all the same."""
    none = asker.lacks("search") or (asker.face, asker.upstream) == ("gemini", "openai")  # chat is spoken there, for Gemini's clients
    assert asker.both(search=True, dropped=asker.words_for("search") if none else ())["finish"] == "stop"


@vendors_only
def test_cached_tokens(asker):
    """Told in the face's own convention; checked against the account in every case, here with something to tell."""
    text = f"{asker.sdk} {asker.upstream} " + "long words " * 600
    dropped = ("cache_control",) if asker.face == "messages" and asker.lacks("marks") else ()
    for stream in (False, False, True):
        answer = asker.ask(system=text, cache=True, stream=stream, dropped=dropped)
    assert answer["in"] > 1024
    if "unasked-cache" not in asker.target.lacks or asker.face == "messages":
        assert answer["cached"] >= 1024, answer


@vendors_only
def test_count_tokens(asker):
    (answer,) = asker.run("count", text="hello world " * 100)
    assert 150 <= answer["tokens"] <= 350, answer


@vendors_only
def test_models(asker):
    (answer,) = asker.run("models")
    assert answer["one"] == asker.model and asker.model in answer["ids"]


# ---- what goes wrong ----

class Wrong:
    """What a client's SDK must make of a fault: the status; words of the message."""

    def __init__(self, status, words, retry_after=None):
        self.status, self.words, self.retry_after = status, words, retry_after


WRONG = {
    "400": Wrong(400, r"nvalid value|does not match the expected|invalid argument|Malformed input"),
    "401": Wrong(502, "credentials"),  # the gateway's own key: never the client's fault
    "404": Wrong(404, "sim-fault-404|does not exist|end of its life"),
    "429": Wrong(429, "rate|RATE", "1"),
    "500": Wrong((500, 502), "error|failed"),
    "context": Wrong(400, "too long|maximum|exceeds"),
}


@pytest.mark.parametrize("sdk,fault", [(s, f) for s in SDKS for f in WRONG if s in VENDORS or f in ("400", "429")], indirect=["sdk"])
def test_error(asker, fault):
    wrong = WRONG[fault]
    for stream in (False, True):
        error = asker.fails(model=f"f-{asker.upstream}-{fault}", stream=stream)
        assert error["status"] in (wrong.status if isinstance(wrong.status, tuple) else (wrong.status,)), error
        assert asker.driver.kinds(asker.face, error["status"]) & set(error["kinds"]), error
        assert re.search(wrong.words, error["message"]), error
        hint = None if asker.target.kind == "bedrock" else wrong.retry_after  # AWS gives none
        assert asker.http[0].get("retry-after") == hint, asker.http
        assert len(asker.http) == 1, asker.http
        if asker.face != "gemini":
            assert error["request_id"], error
        if fault == "context" and asker.face == "messages":
            assert "prompt is too long" in error["message"]
        if fault == "context" and asker.face in ("chat", "responses"):
            assert error["code"] == "context_length_exceeded"


@vendors_only
def test_refused_content(asker):
    """By an error or by an answer that says so, as the provider did; never an empty answer that looks good."""
    for stream in (False, True):
        (answer,) = asker.run("ask", model=f"f-{asker.upstream}-content-policy", stream=stream, check=False)
        if "error" in answer:
            assert answer["error"]["status"] == 400, answer
        else:
            assert answer["finish"] == "content_filter", answer


def test_error_in_mid_stream(asker):
    """Text has come; the provider then tells of an error: an exception of the SDK, never a short answer."""
    error = asker.fails(model=f"f-{asker.upstream}-late", stream=True)
    # 200: it had begun. A reader that is slow enough sees all of it at once, and the client nothing of it.
    assert asker.http[0]["status"] in (200, 502, 503, 529), asker.http
    assert re.search("fail|error|verload", error["message"]), error


def test_wrong_key(asker):
    error = asker.fails(key="sk-sluice-nobody", retries=2)
    assert error["status"] in (401, 400) and asker.driver.kinds(asker.face, error["status"]) & set(error["kinds"]), error
    assert len(asker.http) == 1, asker.http


@vendors_only
def test_unknown_model(asker):
    error = asker.fails(model="nobody-has-this", retries=2)
    assert error["status"] == 404 and "nobody-has-this" in error["message"], error
    assert len(asker.http) == 1, asker.http


@vendors_only
def test_failures_are_not_multiplied(asker):
    """With the SDK's own retries on: x-should-retry stops those that know it (clients.md 3.6)."""
    asker.fails(model=f"f-{asker.upstream}-500", retries=2)
    assert len(asker.http) <= asker.driver.tries(asker.face), asker.http


@pytest.mark.parametrize("sdk", [s for s in VENDORS if not s.endswith("gemini")], indirect=True)
@pytest.mark.parametrize("upstream", ["openai", "anthropic", "gemini"], indirect=True)
def test_limits_are_waited_for(asker):
    """With the SDK's own retries on, a 429 that says when to come again is tried again, as often as the caller allows."""
    error = asker.fails(model=f"f-{asker.upstream}-429-ms", retries=2)
    assert error["status"] == 429 and len(asker.http) == 3, asker.http
