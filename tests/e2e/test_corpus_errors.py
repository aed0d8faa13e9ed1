"""Recorded errors of real providers, through every face: the caller is told in its own format; what is the caller's to know is told
in the provider's words, as the official SDK of the provider reads them from the record; what is about the gateway's own account is
not quoted. Needs the recordings (lib/corpus.py)."""

import collections
import concurrent.futures
import json
import re
import threading

import anthropic
import openai
import pytest
from google.genai import errors as genai_errors

from conftest import Makers
from lib import views
from lib.corpus import CORPUS, all_records, text_of
from lib.upstream import body_answer
from test_corpus_faces import FORMATS, NOT_THAT_SHAPE, Run, config

ACCOUNT = (401, 402, 403)
MINE = (400, 404, 405, 409, 413, 415, 422)  # statuses of what is the caller's to mend
# Providers say with these that it is not the caller's fault, whatever the status is.
THEIRS = re.compile(r"api[ _-]?key|credit|quota|billing|balance|rate limit|too many|overloaded|capacity|unavailable|permission|"
                    r"not (?:been )?(?:enabled|supported in your)|location|organization|token (?:expired|is)|unauthor", re.IGNORECASE)


def own_words(format, status, body):
    """The message of the exception that the provider's SDK raises; empty: it has none."""
    local = views._clients()
    local.answer = (status, "application/json", body)
    try:
        if format in ("chat", "responses"):
            local.openai.chat.completions.create(model="m", messages=[])
        elif format == "messages":
            local.anthropic.messages.create(model="m", messages=[], max_tokens=1)
        else:
            local.google.models.generate_content(model="m", contents="x")
    except openai.APIStatusError as error:
        return error.body.get("message") if isinstance(error.body, dict) else ""
    except anthropic.APIStatusError as error:
        inner = error.body.get("error") if isinstance(error.body, dict) else None
        return inner.get("message") if isinstance(inner, dict) else ""
    except genai_errors.APIError as error:
        return error.message
    except Exception:  # an SDK that falls over its own provider's page
        return ""
    raise AssertionError("no SDK takes that for an answer")


def told(face, answer):
    """(kind, message) of an error in that face's form, every member in its place."""
    value = answer.json()
    error = value["error"]
    if face == "messages":
        assert value["type"] == "error" and set(error) >= {"type", "message"}, value
        return error["type"], error["message"]
    if face == "gemini":
        assert error["code"] == answer.status and error["status"].isupper(), value
        return error["status"], error["message"]
    assert set(error) >= {"message", "type", "param", "code"} and "type" not in value, value
    return error["type"], error["message"]


def letters(text):
    """Without blanks, escapes and quotes, at whatever depth of JSON in JSON they stand."""
    return re.sub(r"\\+[nrt]?|[\s\"'`]", "", text)


class Errors(Run):
    def __init__(self, g, up):
        super().__init__(g, None)
        self.cases, self.lock, self.up = {}, threading.Lock(), up
        up.answer = self.answer

    def answer(self, seen):
        record = self.cases[re.search(rb"record-([0-9a-f]{16})", seen.body)[1].decode()]
        self.up.requests.clear()
        return body_answer(text_of(record, "response"), record["status"], record["response_headers"].get("content-type", "application/json"))

    def one(self, format, record):
        case = type("Case", (), {})()
        case.format, case.record, case.id, case.stream = format, record, record["id"], False
        case.view = {"calls": []}
        case.tools, case.request = (lambda: []), (lambda face: request(case, face))
        with self.lock:
            self.cases[case.id] = record
        body = text_of(record, "response")
        words = own_words(format, record["status"], body) or ""
        for face in ("chat", "responses", "messages", "gemini"):
            if face == format or (format == "responses" and face != "messages"):
                continue
            wrong = self.judge(face, record["status"], words, body, self.fetch(case, face))
            with self.count.lock:
                self.count.by[format, face, "tried"] += 1
                self.count.by[format, face, "equal"] += wrong is None
            if wrong:
                self.count.unexplained.append((case.id, record["api"], face, record["status"], words[:200], wrong))

    def judge(self, face, status, words, body, answer):
        _, message = told(face, answer)
        if status in ACCOUNT:
            quoted = len(words) > 30 and words in message
            return f"{answer.status} {message}" if answer.status < 429 and answer.status in ACCOUNT or quoted else None
        if status not in MINE or THEIRS.search(words):
            return None if answer.status >= 400 else f"{answer.status} {message}"
        if answer.status >= 500 and (THEIRS.search(body.decode()) or "grpcMessage" in words):
            return None  # about the gateway's account, said with a status of the caller's
        have = views.plain(message)
        if words and views.plain(words) not in have:
            inner = letters(have) in letters(body.decode())  # the provider behind the provider: its words, unwrapped
            cut = len(have) > 500 and views.plain(words).startswith(have[:500])
            if not inner and not cut:
                return f"{answer.status}: {message!r}"
        return None if 400 <= answer.status < 500 else f"{answer.status} {message}"


def request(case, face):
    from test_corpus_faces import Case
    return Case.request(case, face)


@pytest.mark.timeout(900)
def test_recorded_errors_through_every_face(capsys):
    if not CORPUS.is_dir():
        pytest.skip(f"no recordings at {CORPUS}: set SLUICE_CORPUS")
    makers = Makers()
    try:
        up = makers.upstream()
        run = Errors(makers.gateway(config(up.url)), up)
        wanted = [(FORMATS[r["api"].split(".", 1)[1]], r) for r in all_records()
                  if FORMATS.get(r["api"].split(".", 1)[1]) and r["api"] not in NOT_THAT_SHAPE and (r["status"] or 0) >= 400 and
                  r["response_encoding"] in ("json", "text")]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(run.one, *item) for item in wanted]:
                done.result()
    finally:
        makers.end()
    with capsys.disabled():
        print()
        for format, face in sorted({k[:2] for k in run.count.by}):
            print(f"{format:>9} -> {face:<9} errors tried {run.count.by[format, face, 'tried']}  equal {run.count.by[format, face, 'equal']}")
    wrong = run.count.unexplained
    assert sum(run.count.by.values()) > 0
    assert not wrong, f"{len(wrong)} not as they should be:\n" + "\n".join(map(str, wrong[:25]))
