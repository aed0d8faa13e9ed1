"""`sluice tokens` against the reference implementation: the same numbers for any text, and in time for any bytes.

The vocabularies and rank files are made by dev/setup.sh. Where they are missing these tests are skipped, but not in CI.
"""

import json
import os
import pathlib
import random
import subprocess
import time

import pytest

from lib.encodings import ROOT, SHARE, encoding, missing
from lib.proc import PATIENCE, SLUICE, clean_environment

MODELS = {"o200k_base": "gpt-4o", "cl100k_base": "gpt-4"}


def run(*args, data=b"", code=0):
    done = subprocess.run([SLUICE, "tokens", *args], input=data, capture_output=True, timeout=60 * PATIENCE,
                          env=clean_environment())
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module", params=MODELS)
def reference(request):
    """The encoding of the reference implementation, from the rank files that are here, and our model of it."""
    with encoding(request.param) as found:
        yield found, MODELS[request.param]


def ours(model, texts):
    assert not any("\0" in text for text in texts)
    data = b"".join(text.encode() + b"\0" for text in texts)
    out, _ = run("--null", "--ids", "-m", model, "--vocabularies", SHARE, data=data)
    return [[int(i) for i in line.split()] for line in out.split("\n")[:-1]]


def compare(reference, texts):
    encoding, model = reference
    got = ours(model, texts)
    assert len(got) == len(texts)
    for text, ids in zip(texts, got):
        want = encoding.encode_ordinary(text)
        assert ids == want, f"{text!r}: {[encoding.decode_single_token_bytes(i) for i in ids]}, not " \
                            f"{[encoding.decode_single_token_bytes(i) for i in want]}"


POOLS = ["abcdefghij ", "ABCdef'sSlLdDmMtTvVeErR ſ", " \t\n\r\x0b\x0c\x85\xa0\u2003\u3000\u2028ab1", "0123456789٣४½Ⅷ",
         "!?.,;:/\\-_=+*#@\"'()[]{}<>|\n\r ", "ʰʱˆ一二中文字テスト한국어", "éÈñÑüÜßſǅǈ", "\u0301\u0308\u200d\ufe0f\u0903",
         "😀👨👩👧🇫🇷🏳️\u200d🌈", "абвгДЕЖЗ", "العربية", "हिन्दी", "ไทยภาษา", "a", "=", "-", " ", "\n", "ÃÂ", "─"]
CODE = (ROOT / "src/tokens/scan.c").read_text() + (ROOT / "dev/gate.py").read_text() + (ROOT / "README.md").read_text()


def characters(rng, pools, n):
    return "".join(rng.choice(rng.choice(pools)) for _ in range(n))


def any_character(rng):
    return chr(rng.choice([rng.randrange(1, 0xD800), rng.randrange(0xE000, 0x110000), rng.randrange(1, 128), rng.randrange(1, 0x3000)]))


def one_text(rng, encoding):
    n = rng.choice([1, 2, 3, 5, 8, 13, 30, 80])
    kind = rng.randrange(7)
    if kind == 0:
        return characters(rng, POOLS, n)
    if kind == 1:
        return characters(rng, rng.sample(POOLS, rng.randint(1, 4)), n)
    if kind == 2:
        return "".join(any_character(rng) for _ in range(n))
    if kind == 3:
        return rng.choice(POOLS)[0] * rng.randrange(1, 300) + rng.choice(["", "a", " ", "\n", "1"])
    if kind == 4:
        return "".join(rng.choice("-=*#/~a\nÃÂ ─") * rng.randrange(1, 150) for _ in range(rng.randrange(1, 8)))
    if kind == 5:  # what tokens can be in
        tokens = (encoding.decode_single_token_bytes(rng.randrange(100000)) for _ in range(n))
        return b"".join(tokens).decode("utf-8", "replace").replace("\0", "")
    at = rng.randrange(len(CODE) - 300)
    return CODE[at:at + rng.randrange(1, 300)]


def test_the_same_tokens(reference):
    rng = random.Random(20261121)
    compare(reference, [one_text(rng, reference[0]) for _ in range(8000)])


def test_characters_are_of_the_right_class(reference):
    """Beside a letter, a capital, a number and a sign, so that a wrong class cuts somewhere else. All of the first two planes;
    of the others, which are one class over long ranges, every 16th."""
    points = [p for p in range(1, 0x110000) if not 0xD800 <= p < 0xE000 and (p < 0x20000 or p % 16 == 0)]
    for at in range(0, len(points), 65536):
        some = points[at:at + 65536]
        compare(reference, ["".join(f"{chr(p)}a{chr(p)}B{chr(p)}c 1{chr(p)}!{chr(p)} " for p in some[i:i + 64])
                            for i in range(0, len(some), 64)])


@pytest.mark.parametrize("fill", ["a", " ", "\n", "-", "=", "0", "ab", "ÃÂ", "─", "A", "ʰA", "中", "1a", "\r\n", "!/"])
def test_long_runs(reference, fill):
    compare(reference, [(fill * 20000)[:20000], (fill * 3000) + "x", "x" + fill * 300 + "\n"])


def test_no_bytes_take_long(reference):
    """The definition of the encoding takes minutes for these; ours some hundredths of a second, of which most is starting."""
    rng = random.Random(7)
    n = 1_000_000
    inputs = [b"a" * n, b" " * n, b"-" * n, b"\xff" * n, rng.randbytes(n), b"ab" * (n // 2), "ʰA".encode() * (n // 3),
              bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(n)),
              b"".join(b"-" * rng.randrange(65, 200) + b" " for _ in range(n // 132))]
    for data in inputs:
        start = time.monotonic()
        out, _ = run("--json", "-m", reference[1], "--vocabularies", SHARE, data=data)
        assert time.monotonic() - start < 10 * PATIENCE, data[:10]
        assert n // 200 < json.loads(out)["tokens"] <= n and json.loads(out)["exact"]


def test_bytes_that_are_no_text(reference):
    """Every byte counts once; around them text is what it is elsewhere."""
    encoding, model = reference
    out, _ = run("--json", "-m", model, "--vocabularies", SHARE, data=b"Hello, world!\xff\xfe")
    assert json.loads(out)["tokens"] - len(encoding.encode_ordinary("Hello, world!")) in (1, 2)
    rng = random.Random(9)
    for n in (1, 2, 3, 100, 5000):
        data = rng.randbytes(n)
        out, _ = run("--json", "-m", model, "--vocabularies", SHARE, data=data)
        assert 1 <= json.loads(out)["tokens"] <= n


def test_special_tokens_are_text(reference):
    compare(reference, ["<|endoftext|>", "a<|fim_prefix|>b", "<|start|>system<|message|>x<|end|>"])


def test_files_and_slices_count_the_same(reference, tmp_path):
    """A file is read in slices: longer than one, with characters across their borders."""
    encoding, model = reference
    text = "Ein wörtliches Beispiel – 文字列 123 \n" * 9000
    path = tmp_path / "text"
    path.write_text(text)
    out, _ = run("-m", model, "--vocabularies", SHARE, str(path))
    assert out == f"{len(encoding.encode_ordinary(text))} exact, {encoding.name}\n"


def test_without_vocabularies_it_is_an_estimate(tmp_path):
    out, err = run("--vocabularies", str(tmp_path), data=b"Hello, world!")
    assert out.split()[0] in ("3", "4", "5") and "estimated without o200k_base" in out
    assert "o200k_base.vocab" in err and "estimated" in err
    (tmp_path / "o200k_base.vocab").write_bytes(b"x" * 5000)
    out, err = run("--vocabularies", str(tmp_path), data=b"Hello, world!")
    assert "estimated" in out and "no vocabulary of sluice" in err
    _, err = run("--ids", "--vocabularies", str(tmp_path), data=b"Hello, world!", code=1)
    assert "missing" in err


def test_the_command():
    out, _ = run("--json", "-m", "anthropic/claude-opus-4.7", data=b"Hello, world! " * 100)
    said = json.loads(out)
    assert said["method"] == "claude-4.7" and not said["exact"] and said["error_percent"] == [-20, 20]
    assert 400 < said["tokens"] < 800
    _, err = run("--ids", "-m", "claude-opus-5", data=b"x", code=1)
    assert "not public" in err
    _, err = run("/nonexistent/file", code=1)
    assert "No such file" in err
    run("--modell", "x", code=2)
    out, _ = run("--null", "--json", data=b"a\0b c\0\0d")
    assert len(out.splitlines()) == 4
    assert len(run("--help")[0].splitlines()) < 24


# -- Against what providers said -----------------------------------------------------------------------------------------

CORPUS = pathlib.Path(os.environ.get("SLUICE_CORPUS", ROOT.parent / "shared/corpus"))
# Marks that end an answer, which the provider counts and the text does not show.
ENDS = {"o200k_base": 0, "cl100k_base": 0, "gpt": 0, "other": 1, "claude": 3, "claude-4.7": 2, "gemini": 0}

# Where a request has these, the answer may hold what is counted and not shown.
MORE_THAN_TEXT = ["tools", "functions", "thinking", "output_config", "output_format", "response_format", "prediction", "logprobs",
                  "mcp_servers", "container"]


def openai_answer(body):
    message = body["choices"][0]["message"]
    usage = body["usage"]
    hidden = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    plain = len(body["choices"]) == 1 and not message.get("tool_calls") and not message.get("audio") and not hidden
    return message["content"] if plain else None, usage["completion_tokens"]


def claude_answer(body):
    plain = body["stop_reason"] == "end_turn" and all(part["type"] == "text" for part in body["content"])
    return "".join(part["text"] for part in body["content"]) if plain else None, body["usage"]["output_tokens"]


def gemini_answer(body):
    parts = body["candidates"][0]["content"]["parts"]
    plain = all(set(part) <= {"text"} for part in parts)
    return "".join(part["text"] for part in parts) if plain else None, body["usageMetadata"]["candidatesTokenCount"]


def recorded(name, answer):
    """Text and reported tokens of the recorded answers of 20 tokens and more, by model."""
    import gzip
    found = {}
    with gzip.open(CORPUS / f"{name}.jsonl.gz", "rt") as lines:
        for record in map(json.loads, lines):
            try:
                text, tokens = answer(record["response_body"])
                asks_for_more = any(record["request_body"].get(k) for k in MORE_THAN_TEXT)
            except (KeyError, TypeError, IndexError, AttributeError):
                continue
            if not asks_for_more and record["status"] == 200 and isinstance(text, str) and "\0" not in text and tokens and tokens >= 20:
                found.setdefault(record["model"], set()).add((text, tokens))
    return found


def counted(name, answer):
    """Our count, theirs and what we say of ours, by method."""
    by_method = {}
    for model, pairs in recorded(name, answer).items():
        pairs = sorted(pairs)
        out, _ = run("--null", "--json", "-m", model, data=b"".join(text.encode() + b"\0" for text, _ in pairs))
        for line, (_, tokens) in zip(out.splitlines(), pairs, strict=True):
            said = json.loads(line)
            by_method.setdefault(said["method"], []).append((said["tokens"] + ENDS[said["method"]], tokens, said))
    return by_method


def is_as_promised(ours, theirs, said):
    if said["exact"]:
        return abs(ours - theirs) <= 1  # some models report a mark at the end, some do not
    low, high = said["error_percent"]
    return low - 3 <= 100 * ours / theirs - 100 <= high + 3


@pytest.mark.parametrize("name, answer, method", [("openai.chat", openai_answer, "o200k_base"),
                                                  ("anthropic.messages", claude_answer, "claude"),
                                                  ("gemini.generate", gemini_answer, "gemini")])
def test_what_providers_reported(name, answer, method):
    """The bounds are the 5th and the 95th percentile, so most but not all are within."""
    if not (CORPUS / f"{name}.jsonl.gz").exists():
        pytest.skip(f"no recordings in {CORPUS}: put shared/ beside the checkout or set SLUICE_CORPUS")
    if missing(*MODELS):
        pytest.skip(f"run dev/setup.sh test: there is no {missing(*MODELS)[0]}")
    found = counted(name, answer)[method]
    assert len(found) >= 10, "the recordings are others than those the bounds were taken from"
    wrong = [(ours, theirs, said["model"]) for ours, theirs, said in found if not is_as_promised(ours, theirs, said)]
    assert len(wrong) <= len(found) * 0.15, wrong
