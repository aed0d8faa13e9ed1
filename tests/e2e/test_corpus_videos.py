"""Recorded tasks of real providers of videos, replayed as the upstream: what /v1/videos tells of each step against what the record says
(id, status, length, size, link, cost, error), and what we ask against what the recorded client asked. Tasks that make pictures stand
beside them: DashScope and Replicate serve both by the same calls. Needs the recordings (lib/corpus.py); prints what was tried.
"""

import collections
import http.server
import json
import sqlite3
import threading

import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.corpus import CORPUS, all_records, text_of
from lib.wait import wait_for

FAST = {"poll_first": "10ms", "poll_interval": "10ms", "poll_max": "20ms", "polls_per_second": 500}
APIS = ("alibaba.dashscope_async", "gemini.predict_long", "gemini.operations", "xai.videos", "replicate.predictions")
# What no video job could be told by: (why, test of the record)
SKIPPED = {"the answer to a cancel": lambda r: r["path"].endswith("/cancel"),
           "a client waited for it (Prefer: wait), which we never do": lambda r: "create_blocking" in r["source"]}
WORDS = {"PENDING": "queued", "RUNNING": "in_progress", "SUCCEEDED": "completed", "FAILED": "failed",  # DashScope
         "starting": "queued", "processing": "in_progress", "succeeded": "completed", "failed": "failed",  # Replicate
         "pending": "in_progress", "done": "completed", "expired": "failed"}  # xAI
NOT_OURS = {"extend_prompt", "function"}  # members of the recorded clients' that are no part of a job: an SDK's own


class Upstream(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.create = self.task = (500, b"")
        self.asked, self.polls = None, 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body, type="application/json"):
        self.send_response(status)
        self.send_header("content-type", type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.asked = (self.path, json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))
        self.say(*self.server.create)

    def do_GET(self):
        if ":download" in self.path:
            return self.say(200, self.path.encode(), "video/mp4")
        self.server.polls += 1
        return self.say(*self.server.task)


def kind_of(record):
    return {"alibaba": "qwen", "gemini": "gemini", "xai": "xai", "replicate": "replicate"}[record["provider"]]


def task_of(record):
    """The id that the provider gave it, and what the record says of it: None where the answer is no task."""
    body, kind = record["response_body"], kind_of(record)
    if not isinstance(body, dict) or (record["status"] or 200) >= 400:
        return None
    if kind == "gemini":
        return body.get("name")
    if kind == "xai":
        return body.get("request_id") or record["path"].rpartition("/")[2]
    return (body.get("output") or {}).get("task_id") if kind == "qwen" else body.get("id")


def said(record):
    """What the record tells of its task, in our words."""
    body, kind, out = record["response_body"], kind_of(record), {}
    if kind == "gemini":
        out["status"] = "completed" if body.get("done") else "in_progress"
        videos = body.get("response", {}).get("generateVideoResponse", {}).get("generatedSamples", [])
        return dict(out, link=videos[0]["video"]["uri"]) if videos else out
    task = body["output"] if kind == "qwen" else body
    out["status"] = WORDS[task["task_status" if kind == "qwen" else "status"]]
    if kind == "xai":
        out.update(link=body["video"]["url"], seconds=str(body["video"]["duration"]),
                   cost_p=body["usage"]["cost_in_usd_ticks"] * 100, progress=body["progress"])
    elif kind == "qwen" and "video_url" in task:
        out.update(link=task["video_url"], seconds=str(body["usage"]["video_duration"]),
                   size=body["usage"]["video_ratio"].replace("*", "x"))
    elif kind == "replicate" and task.get("output"):
        out["link"] = task["output"][0] if isinstance(task["output"], list) else task["output"]
    return out


def stories():
    """task id -> (record of its creation or None, records of the looks at it in order), of one recording; refused creations."""
    out, refused, skipped = collections.OrderedDict(), [], collections.Counter()
    for r in all_records():
        if r["api"] not in APIS and "contents/generations/tasks" not in (r["path"] or ""):
            continue
        why = next((w for w, test in SKIPPED.items() if test(r)), None)
        if why is None and (r["status"] or 200) >= 400:
            refused.append(r)
        elif why is None and task_of(r) is None:
            why = "no task in the answer"
        if r in refused:
            continue
        if why:
            skipped[why] += 1
            continue
        story = out.setdefault(task_of(r), [None, []])
        if r["method"] == "POST":
            story[0] = r
        else:
            story[1].append(r)
    return out, refused, skipped


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    up = makers.adopt(Upstream())
    base = {"qwen": "/compatible-mode/v1", "gemini": "/v1beta", "xai": "/v1", "replicate": "/v1"}
    models = {"wan": "qwen/wanx2.1-t2v-turbo", "veo": "gemini/veo-3.1-lite-generate-preview", "grok": "xai/grok-imagine-video",
              "sdxl": "replicate/stability-ai/sdxl"}
    g = makers.gateway({"providers": {k: {"kind": k, "base_url": up.url + p, "keys": ["the-provider-key"]} for k, p in base.items()},
                        "models": models, "videos": FAST, "resilience": {"breaker": False}})
    g.up, g.models = up, {m.partition("/")[0]: name for name, m in models.items()}
    yield g
    makers.end()


def row_of(g, id):
    with sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True) as db:
        task, result, cost, settled, attempt = db.execute("SELECT task, result, cost_p, settled, attempt_id FROM videos WHERE id = ?",
                                                          (id,)).fetchone()
    return {"task": task, "result": json.loads(result or "{}"), "cost_p": cost, "settled": settled, "attempt": ledger.id_text(attempt)}


def wanted(record):
    """The recorded client's wishes as /v1/videos has them."""
    body = record["request_body"] if record else {}
    if not isinstance(body, dict):
        return {}
    if "instances" in body:
        return {"prompt": body["instances"][0]["prompt"], "seconds": str(body["parameters"]["durationSeconds"])}
    inner = body.get("input", body)
    out = {"prompt": inner.get("prompt"), "seconds": body.get("duration") and str(body["duration"])}
    more = {"resolution": body["resolution"]} if "resolution" in body else {}
    return {k: v for k, v in dict(out, **({"extra_body": more} if more else {})).items() if v}


def leaves(v, path=""):
    if isinstance(v, dict):
        for k, x in v.items():
            yield from leaves(x, f"{path}.{k}" if path else k)
    elif isinstance(v, list):
        for i, x in enumerate(v):
            yield from leaves(x, f"{path}[{i}]")
    else:
        yield path, v


def asked_alike(g, record):
    """Members that the recorded client sent, of those that we know: as we send them."""
    path, mine = g.up.asked
    assert record["kind"] == "replicate" or path == record["path"], (path, record["path"])
    sent = dict(leaves(mine))
    for name, value in leaves(record["request_body"]):
        if name.rpartition(".")[2] not in NOT_OURS and name != "model":
            assert sent.get(name) == value, (record["id"], name, value, sent)


def view_of(g, client, id, expected):
    """What our face and the store say, of what the record says."""
    v, row = client.videos.retrieve(id), row_of(g, id)
    link = (row["result"].get("content") or [{}])[0].get("url")
    have = {"status": v.status, "seconds": v.seconds, "size": v.size, "progress": v.progress, "link": link, "cost_p": row["cost_p"]}
    assert link is None or link not in v.model_dump_json()  # a link is never shown
    return {k: have[k] for k in expected}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recordings are not there: ../shared/corpus")
def test_recorded_tasks(served):
    g, up = served, served.up
    found, refused, skipped = stories()
    count, explained = collections.Counter(), collections.Counter(skipped)
    with openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0) as client:
        for task, (made, looks) in found.items():
            kind = kind_of(made or looks[0])
            pictures = kind == "replicate" or "image_synthesis" in (made or looks[0])["source"]
            if made is not None:
                up.create = (made["status"], text_of(made, "response"))
            else:  # only looks at it were recorded
                answer = {"gemini": {"name": task}, "qwen": {"output": {"task_id": task}}, "xai": {"request_id": task}}.get(kind, {"id": task})
                up.create = (200, json.dumps(answer).encode())
            up.task = (503, b"{}")  # until its first recorded look
            wishes = dict({"prompt": "x"}, **(wanted(made) if not pictures else {}))
            id = client.videos.create(model=g.models[kind], **wishes).id
            row = row_of(g, id)
            assert id.startswith("video_") and task not in id and row["task"] == task, (task, row)
            count["tried"] += made is not None
            count["equal"] += made is not None
            if made is not None and not pictures:
                asked_alike(g, dict(made, kind=kind))
                count["asked alike"] += 1
            for look in looks:
                expected, polls = said(look), up.polls
                up.task = (look["status"], text_of(look, "response"))
                wait_for(lambda: up.polls >= polls + 2 or row_of(g, id)["settled"], "a look at it")
                count["tried"] += 1
                wait_for(lambda: client.videos.retrieve(id).status == expected["status"], f"{task}: {expected}")
                if expected["status"] in ("completed", "failed"):
                    row = wait_for(lambda: (r := row_of(g, id))["settled"] and r, "the settlement")
                assert view_of(g, client, id, expected) == expected, (look["id"], task)
                count["equal"] += 1
                if "seconds" in expected:  # what is billed is what was reported
                    spent = next(a for a in ledger.attempts(g.state) if a.id == row["attempt"])
                    assert spent.units["video_ms_out"] == 1000 * int(expected["seconds"])
                    count["billed alike"] += 1
                if kind == "gemini" and "link" in expected:  # its bytes are asked for where the link says, at the provider's address
                    got = fetch(g.address, "GET", f"/v1/videos/{id}/content", headers=[("authorization", "Bearer " + g.key.text)])
                    assert got.body.decode() == "/" + expected["link"].split("/", 3)[3]
            if pictures:
                explained["a task that made pictures: only its id, status and link were compared"] += 1
        for r in refused:  # the provider refuses our key: that is nothing the client could change
            up.create = (r["status"], text_of(r, "response"))
            with pytest.raises(openai.APIStatusError) as no:
                client.videos.create(model=g.models[kind_of(r)], prompt="x")
            assert r["status"] == 401 and no.value.status_code in (502, 503) and "token" not in no.value.message, no.value
            count["tried"] += 1
            count["equal"] += 1
    explained["Ark: no task of contents/generations was recorded"] += 1
    print(f"\nvideo tasks: {len(found)}; answers tried {count['tried']}, equal {count['equal']}; requests asked alike "
          f"{count['asked alike']}, billed alike {count['billed alike']}; explained: {dict(explained)}")
    assert count["tried"] == count["equal"] >= 30 and count["billed alike"] >= 4
