"""Video jobs, with OpenAI's SDK as judge: docs/internals/jobs.md."""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import sqlite3
import threading
import time

import openai
import pytest
import standardwebhooks

from conftest import Makers
from lib.client import Closed, fetch
from lib.proc import SANITIZED, create_key
from lib.videos import Videos, content
from lib.wait import wait_for

FAST = {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "resolve_for": "1s", "polls_per_second": 500}


def config(videos, **more):
    return {"providers": {"up": {"kind": "openai-compatible", "base_url": videos.url, "keys": ["the-provider-key"]}},
            "models": {"clip": "up/sora-2"}, "videos": dict(FAST, **more), "resilience": {"breaker": False}}


def client_of(g, key=None):
    return openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0)


def rows(g, sql):
    with sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    v = makers.adopt(Videos())
    g = makers.gateway(config(v))
    g.videos = v
    yield g
    makers.end()


@pytest.fixture
def videos(served):
    v = served.videos
    v.on_create, v.size, v.finish_after, v.links = None, 1_000_000, 2, False
    return v


@pytest.fixture
def client(served):
    with client_of(served) as c:
        yield c


def test_created_polled_downloaded_listed_deleted(served, videos, client):
    made = client.videos.create(model="clip", prompt="a cat", seconds="4", size="1280x720")
    assert made.id.startswith("video_") and made.status == "queued" and made.seconds == "4" and made.model == "clip"
    done = client.videos.poll(made.id, poll_interval_ms=20)
    assert done.status == "completed" and done.progress == 100 and done.id == made.id and done.prompt == "a cat"
    assert client.videos.download_content(made.id).read() == content(0, videos.size)
    assert made.id in [x.id for x in client.videos.list(limit=5).data]
    sent = videos.creates[-1]
    assert sent["model"] == "sora-2" and sent["prompt"] == "a cat"
    assert client.videos.delete(made.id).deleted
    for act in (client.videos.retrieve, client.videos.delete, client.videos.download_content):
        with pytest.raises(openai.NotFoundError):
            act(made.id)
    assert made.id not in [x.id for x in client.videos.list().data]


def test_pages_of_the_list(client, videos):
    ids = [client.videos.create(model="clip", prompt=f"p{i}").id for i in range(4)]
    page = client.videos.list(limit=3)
    assert [x.id for x in page.data] == ids[:0:-1] and page.has_more
    assert [x.id for x in client.videos.list(after=ids[1], limit=1).data] == [ids[0]]
    assert [x.id for x in client.videos.list(after=ids[1], order="asc").data] == ids[2:]


def test_ranges(served, videos, client):
    made = client.videos.create_and_poll(model="clip", prompt="r", poll_interval_ms=20)
    path = f"/v1/videos/{made.id}/content"

    def get(range):
        return fetch(served.address, "GET", path, headers=[("authorization", "Bearer " + served.key.text), ("range", range)])
    some = get("bytes=100-299")
    assert some.status == 206 and some.body == content(100, 300) and some.get("content-range") == f"bytes 100-299/{videos.size}"
    beyond = get(f"bytes={videos.size}-")
    assert beyond.status == 416 and beyond.error()["code"] == "range_not_satisfiable"


def test_links_are_followed_without_the_key_and_not_shown(served, videos, client):
    videos.links = True
    made = client.videos.create_and_poll(model="clip", prompt="r", poll_interval_ms=20)
    answer = fetch(served.address, "GET", f"/v1/videos/{made.id}/content",
                   headers=[("authorization", "Bearer " + served.key.text)])
    assert answer.status == 200 and answer.body == content(0, videos.size)
    assert "signature" not in str(answer.headers)
    last = [h for m, p, h in videos.calls if p.endswith("/content")][-1]
    assert "the-provider-key" not in json.dumps(last) and served.key.text not in json.dumps(last)


def test_a_failed_job_is_refunded(served, videos, client):
    videos.finish_after = 0
    made = client.videos.create(model="clip", prompt="bad")
    videos.finish(status="failed", error={"code": "moderation_blocked", "message": "no"})
    done = client.videos.poll(made.id, poll_interval_ms=20)
    assert done.status == "failed" and done.error
    with pytest.raises(openai.NotFoundError) as info:
        client.videos.download_content(made.id)
    assert info.value.body["code"] == "video_failed"
    job = wait_for(lambda: rows(served, f"SELECT cost_p, attempt_id FROM videos WHERE id = '{made.id}' AND settled = 1"), "the end")
    attempt = rows(served, f"SELECT cost_p, state, outcome FROM attempts WHERE attempt_id = x'{job[0][1].hex()}'")
    assert job[0][0] == 0 and attempt == [(0, 1, "job_failed")]


def test_not_ready(served, videos, client):
    videos.finish_after = 0
    made = client.videos.create(model="clip", prompt="slow")
    with pytest.raises(openai.ConflictError) as info:
        client.videos.download_content(made.id)
    assert info.value.body["code"] == "video_not_ready"
    videos.finish()


def test_nobody_elses(served, videos, client):
    other = create_key(served.state, "other", "--tenant", "other")
    made = client.videos.create_and_poll(model="clip", prompt="mine", poll_interval_ms=20)
    with client_of(served, other) as foreign:
        wait_for(lambda: works(foreign), "the other key")
        assert foreign.videos.list().data == []
        for act in (foreign.videos.retrieve, foreign.videos.delete, foreign.videos.download_content):
            with pytest.raises(openai.NotFoundError) as info:
                act(made.id)
            with pytest.raises(openai.NotFoundError) as unknown:
                act("video_" + "x" * 32)
            assert info.value.message.replace(made.id, "") == unknown.value.message.replace("video_" + "x" * 32, "")
    assert client.videos.retrieve(made.id).id == made.id


def works(client):
    try:
        return bool(client.models.list().data)
    except openai.AuthenticationError:
        return False


def test_refused_goes_on_to_the_next_and_is_made_once():
    makers = Makers()
    try:
        full, free = makers.adopt(Videos()), makers.adopt(Videos())
        full.on_create = lambda v, body: ("refuse", 429, "rate_limit_exceeded", "too many")
        c = config(full)
        c["providers"]["second"] = {"kind": "openai-compatible", "base_url": free.url, "keys": ["k"]}
        c["models"]["clip"] = {"targets": ["up/sora-2", "second/sora-2"]}
        g = makers.gateway(c)
        with client_of(g) as client:
            done = client.videos.create_and_poll(model="clip", prompt="x", poll_interval_ms=20)
        assert done.status == "completed" and len(free.creates) == 1 and not full.jobs
    finally:
        makers.end()


# What the process dies at, and whether the provider has the job then.
STEPS = {"video_row": 0, "video_accepted": 1, "video_submitted": 1, "video_unclear": 1, "video_adopted": 1, "video_runs": 1, "video_polled": 1,
         "video_ended": 1, "video_settled": 1}


def once(client):
    return client.videos.create(model="clip", prompt="once", extra_headers={"Idempotency-Key": "the-key"})


@pytest.mark.parametrize("step", list(STEPS) + ["unanswered"])
def test_a_kill_loses_nothing_and_sends_nothing_twice(step):
    """kill -9 at every step of a job's machine: the next process takes it up, and the provider was asked once."""
    makers = Makers()
    try:
        v = makers.adopt(Videos())
        v.on_create = (lambda s, body: "hang") if step in ("unanswered", "video_unclear", "video_adopted") else None
        if step != "unanswered":
            v.hang.set()  # taken, and the connection closed
        g = makers.gateway(config(v), env={"SLUICE_DIE_AT": step})
        with client_of(g) as client:
            if step == "unanswered":
                asking = threading.Thread(target=lambda: swallow(lambda: once(client)))
                asking.start()
                wait_for(lambda: v.jobs, "the create at the provider")
                g.kill()
                asking.join()
            else:
                swallow(lambda: once(client))
                g.exit_code = None
                g.wait_exit()
        taken = STEPS.get(step, 1)
        assert len(v.creates) == taken
        v.on_create = None
        g._env = None
        again = makers.adopt(g.restart())
        with client_of(again) as client:
            def job():
                got = client.videos.list().data
                return got[0] if got and got[0].status in ("completed", "failed") else None
            done = wait_for(job, "the end of the job")
            assert done.status == ("completed" if taken else "failed"), done
            if taken:
                assert client.videos.download_content(done.id).read() == content(0, v.size)
            assert once(client).id == done.id  # what the first one made, also when it came to nothing
        assert len(v.creates) == taken and len(v.jobs) == taken
        wait_for(lambda: rows(again, "SELECT count(*) FROM videos WHERE settled = 1") == [(1,)], "the settlement")
        assert rows(again, "SELECT count(*) FROM attempts WHERE operation = 'videos'") == [(1,)]
        assert rows(again, "SELECT count(*) FROM attempts WHERE state <> 1") == [(0,)]
    finally:
        makers.end()


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_kill_while_it_is_given_up(act):
    makers = Makers()
    try:
        v = makers.adopt(Videos())
        v.finish_after = 0
        g = makers.gateway(config(v), env={"SLUICE_DIE_AT": "video_cancelled"})
        with client_of(g) as client:
            made = once(client)
        path, method = f"/v1/videos/{made.id}", "DELETE"
        if act == "cancel":
            path, method = path + "/cancel", "POST"
        g.exit_code = None
        with contextlib.suppress(OSError, Closed):  # whether the answer gets out before: either may be
            fetch(g.address, method, path, headers=[("authorization", "Bearer " + g.key.text)])
        g.wait_exit()
        g._env = None
        again = makers.adopt(g.restart())
        with client_of(again) as client:
            seen = [x.status for x in client.videos.list().data]
            assert seen == (["failed"] if act == "cancel" else [])
        v.finish()
        wait_for(lambda: rows(again, "SELECT settled FROM videos") == [(1,)], "the settlement")
        assert rows(again, "SELECT count(*), min(state) FROM attempts WHERE operation = 'videos'") == [(1, 1)] and len(v.creates) == 1
    finally:
        makers.end()


def test_the_ledger_equals_the_simulators_account():
    """Seedance with all that can become of a job and of its create: nothing is made twice, and each is paid for as it was billed."""
    makers = Makers()
    try:
        sim = makers.sim()
        c = config(Named(sim.url + "/api/v3"))
        c["providers"]["up"].update(kind="byteplus", keys=["sim-key-of-the-gateway"])
        c["models"]["clip"] = "up/dreamina-seedance-2-0-260128"
        g = makers.gateway(c)
        prompts = ["", "fate=policy", "fate=fail", "fate=expire", "fate=vanish", "create=lost", "create=late", "create=error", "takes=600"]
        with client_of(g) as client:
            for i, p in enumerate(prompts):
                swallow(lambda: client.videos.create(model="clip", prompt=f"[[video takes=150 {p}]] {i}", size="1280x720", seconds="4"))
            wait_for(lambda: rows(g, "SELECT count(*) FROM videos WHERE settled = 1") == [(len(prompts),)], "all of them")
            seen = {int(v.prompt.split("]] ")[1]): v.status for v in client.videos.list().data}
        told = fetch(sim.address, "GET", "/sim/video").json()
        assert told["creates"] == len(prompts) and told["leaked"] == 0
        assert [seen[i] for i in range(len(prompts))] == ["completed"] + 4 * ["failed"] + 4 * ["completed"]
        tokens, cost = rows(g, "SELECT sum(video_out), sum(cost_p) FROM attempts")[0]
        assert tokens == told["billed"]["tokens"] and cost == tokens * 7_000_000  # 7 USD per million
        assert rows(g, "SELECT count(*) FROM attempts WHERE state <> 1") == [(0,)]
    finally:
        makers.end()


class Named:
    def __init__(self, url):
        self.url = url


class Receiver:
    """Takes webhooks: refuses the first ones, then takes them."""

    def __init__(self, refuse):
        self.got, self.refuse = [], refuse
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((dict(self.headers), body))
                self.send_response(500 if len(outer.got) <= outer.refuse else 204)
                self.send_header("content-length", "0")
                self.end_headers()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/hooks" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


SECRET = "whsec_" + base64.b64encode(b"a secret of the tests").decode()


def test_webhooks_are_signed_and_told_again():
    """OpenAI's library checks the signatures; a refusal is followed by the same event under the same id, also from another process."""
    makers = Makers()
    try:
        v, r = makers.adopt(Videos()), makers.adopt(Receiver(refuse=1))
        g = makers.gateway(config(v, webhook_secret=SECRET, webhook_hosts=["127.0.0.1"], webhook_private=True))
        with client_of(g) as client:
            done = client.videos.create_and_poll(model="clip", prompt="x", extra_body={"webhook_url": r.url}, poll_interval_ms=20)
            wait_for(lambda: r.got, "the first try")
            g.kill()
        again = makers.adopt(g.restart())
        wait_for(lambda: len(r.got) >= 2, "the second try")
        for headers, body in r.got[:2]:
            event = openai.OpenAI(api_key="x").webhooks.unwrap(body.decode(), headers, secret=SECRET)
            assert event.type == "video.completed" and event.data.id == done.id
            with pytest.raises(openai.InvalidWebhookSignatureError):
                openai.OpenAI(api_key="x").webhooks.unwrap(body.decode() + " ", headers, secret=SECRET)
        assert r.got[0][0]["webhook-id"] == r.got[1][0]["webhook-id"] and r.got[0][1] == r.got[1][1]
        wait_for(lambda: rows(again, "SELECT hook_due_ns FROM videos") == [(0,)], "that it was taken")
    finally:
        makers.end()


def secret_of(text):
    return "whsec_" + base64.b64encode(text.encode()).decode()


def believed(got, secret):
    """By the library of Standard Webhooks and by OpenAI's, which must agree."""
    headers, body = got
    believers = 0
    with contextlib.suppress(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(body, headers)
        believers += 1
    with contextlib.suppress(openai.InvalidWebhookSignatureError):
        openai.OpenAI(api_key="x").webhooks.unwrap(body.decode(), headers, secret=secret)
        believers += 1
    assert believers != 1
    return believers == 2


def test_secrets_of_tenants_are_replaced():
    """A tenant's webhooks are signed with its own secret alone, and with both while that is being replaced; another's with the
    gateway's; and where the gateway has none, only those that have one get any."""
    makers = Makers()
    ours, first, second = (secret_of(t * 8) for t in ("ours", "first", "second"))
    try:
        v, r = makers.adopt(Videos()), makers.adopt(Receiver(refuse=0))
        hosts = {"webhook_hosts": ["127.0.0.1"], "webhook_private": True}
        c = config(v, **hosts, webhook_secret=ours)
        g = makers.gateway(c | {"tenants": {"acme": {"webhook": {"secret": first}}}})
        acme = create_key(g.state, "acme", "--tenant", "acme")
        wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], acme.text).status == 200, "the new key")

        def told(key):
            n = len(r.got)
            with client_of(g, key) as client:
                client.videos.create(model="clip", prompt="x", extra_body={"webhook_url": r.url})
            wait_for(lambda: len(r.got) == n + 1, "the webhook")
            return [believed(r.got[-1], s) for s in (ours, first, second)], r.got[-1][0]["webhook-signature"].count("v1,")

        assert told(acme) == ([False, True, False], 1) and told(g.key) == ([True, False, False], 1)
        g.reload(c | {"tenants": {"acme": {"webhook": {"secret": second, "previous": first}}}})
        assert told(acme) == ([False, True, True], 2) and told(g.key) == ([True, False, False], 1)
        g.reload(config(v, **hosts) | {"tenants": {"acme": {"webhook": {"secret": second}}}})
        assert told(acme) == ([False, False, True], 1)
        with client_of(g) as client, pytest.raises(openai.BadRequestError, match="sends no webhooks"):
            client.videos.create(model="clip", prompt="x", extra_body={"webhook_url": r.url})
        g.reload(config(v, **hosts, webhook_secret=ours, webhook_previous=first))
        assert told(g.key) == ([True, True, False], 2) and told(acme) == ([True, True, False], 2)
        g.reload(c | {"tenants": {"acme": {"webhook": {"previous": first}}}}, expect="config.refused")
    finally:
        makers.end()


@pytest.mark.parametrize("more,url,why", [
    ({}, "https://hooks.example.com/x", "sends no webhooks"),
    ({"webhook_secret": SECRET}, "http://hooks.example.com/x", "https"),
    ({"webhook_secret": SECRET, "webhook_hosts": ["hooks.example.com"]}, "https://169.254.169.254/latest", "not allowed"),
    ({"webhook_secret": SECRET}, "https://user@hooks.example.com/", "user name"),
], ids=["off", "plain", "host", "user"])
def test_webhooks_that_may_not_be(more, url, why):
    makers = Makers()
    try:
        v = makers.adopt(Videos())
        g = makers.gateway(config(v, **more))
        with client_of(g) as client, pytest.raises(openai.BadRequestError) as info:
            client.videos.create(model="clip", prompt="x", extra_body={"webhook_url": url})
        assert info.value.body["param"] == "webhook_url" and why in info.value.message
        assert not v.creates
    finally:
        makers.end()


def test_a_callback_is_a_reason_to_look_and_no_more():
    makers = Makers()
    try:
        v = makers.adopt(Videos())
        v.finish_after = 0
        g = makers.gateway(config(v, poll_first="10m", poll_interval="10m", poll_max="10m"))
        with client_of(g) as client:
            made = client.videos.create(model="clip", prompt="x")
            token = rows(g, "SELECT token FROM videos")[0][0]
            forged = json.dumps({"id": "up_1", "status": "succeeded"}).encode()

            def call(token):
                return fetch(g.address, "POST", "/callbacks/videos/" + token, body=forged)
            answers = [call(token), call("x" * len(token)), call("%00")]
            assert len({(a.status, a.body) for a in answers}) == 1 and answers[0].status == 200
            wait_for(lambda: v.polls() >= 1, "the look")
            assert client.videos.retrieve(made.id).status in ("queued", "in_progress")
            v.finish()
            n = v.polls()
            call(token)
            wait_for(lambda: client.videos.retrieve(made.id).status == "completed" or None, "the end")
            assert v.polls() > n and token not in g.access_path.read_text()
    finally:
        makers.end()


def test_arks_face(served, videos):
    def call(method, path="", body=None):
        return fetch(served.address, method, "/api/v3/contents/generations/tasks" + path,
                     headers=[("authorization", "Bearer " + served.key.text), ("content-type", "application/json")],
                     body=json.dumps(body).encode() if body else b"")
    made = call("POST", body={"model": "clip", "content": [{"type": "text", "text": "a dog"}], "duration": 4})
    assert made.status == 200 and list(made.json()) == ["id"], made
    id = made.json()["id"]
    done = wait_for(lambda: (t := call("GET", "/" + id).json())["status"] == "succeeded" and t, "the end")
    assert done["model"] == "clip" and f"/v1/videos/{id}/content" in done["content"]["video_url"] and "up_" not in json.dumps(done)
    listed = call("GET", "?page_size=5&filter.task_ids=" + id).json()
    assert listed["total"] == 1 and listed["items"][0]["id"] == id
    assert call("DELETE", "/" + id).status == 200
    gone = call("GET", "/" + id)
    assert gone.status == 404 and gone.json()["error"]["code"]


def test_a_cancelled_job_stays_so_and_is_paid_for(served, videos, client):
    videos.finish_after = 0
    made = client.videos.create(model="clip", prompt="stop")
    answer = fetch(served.address, "POST", f"/v1/videos/{made.id}/cancel", headers=[("authorization", "Bearer " + served.key.text)])
    assert answer.status == 200 and answer.json()["status"] == "failed" and answer.json()["error"]["code"] == "cancelled"
    videos.finish()
    wait_for(lambda: rows(served, f"SELECT settled FROM videos WHERE id = '{made.id}'") == [(1,)], "the settlement")
    assert client.videos.retrieve(made.id).status == "failed"


def test_a_remix_goes_to_the_account_of_its_source(served, videos, client):
    source = client.videos.create_and_poll(model="clip", prompt="first", poll_interval_ms=20)
    upstream = rows(served, f"SELECT task FROM videos WHERE id = '{source.id}'")[0][0]
    made = client.videos.remix(source.id, prompt="second")
    assert made.remixed_from_video_id == source.id
    assert ("POST", f"/v1/videos/{upstream}/remix") in [c[:2] for c in videos.calls]
    with pytest.raises(openai.NotFoundError):
        client.videos.remix("video_" + "0" * 32, prompt="x")


def swallow(act):
    try:
        return act()
    except openai.APIError:
        return None


def test_an_unanswered_create_is_found_and_not_repeated(served, videos, client):
    before = len(videos.creates)
    videos.on_create = lambda v, body: "hang"
    failed = []

    def ask():
        try:
            client.videos.create(model="clip", prompt="where is it")
        except openai.APIStatusError as e:
            failed.append(e)
    t = threading.Thread(target=ask)
    t.start()
    wait_for(lambda: len(videos.creates) == before + 1, "the create at the provider")
    videos.hang.set()
    t.join()
    videos.hang.clear()
    videos.on_create = None
    assert failed[0].status_code == 502 and failed[0].response.headers["x-should-retry"] == "false"
    id = failed[0].message.split("'")[-2] if "video_" in failed[0].message else None
    assert id and id.startswith("video_")
    wait_for(lambda: client.videos.retrieve(id).status == "completed" or None, "it is found", seconds=20)
    assert len(videos.creates) == before + 1


def test_the_same_key_makes_one_job(served, videos, client):
    """Idempotency-Key: the job that the first one made, whoever asks of the tenant and however the form is cut; 409 while it is being
    sent, 422 for another request; nothing for others, and again when nothing was made."""
    same, foreign = create_key(served.state, "same"), create_key(served.state, "foreign", "--tenant", "foreign")
    before = len(videos.creates)

    def create(c, key, prompt="x", **more):
        answer = c.videos.with_raw_response.create(model="clip", prompt=prompt, extra_headers={"Idempotency-Key": key}, **more)
        return answer.parse().id, answer.headers.get("idempotent-replayed")

    first = create(client, "k-1")
    assert first[1] is None and create(client, "k-1") == (first[0], "true")
    picture = ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png")
    form = create(client, "k-2", input_reference=picture)
    assert create(client, "k-2", input_reference=picture) == (form[0], "true") and form[0] != first[0]
    with client_of(served, same) as c, client_of(served, foreign) as other:
        wait_for(lambda: works(c) and works(other), "the new keys")
        assert create(c, "k-1") == (first[0], "true")
        assert create(other, "k-1")[1] is None
    assert len(videos.creates) == before + 3
    for bad in ({"prompt": "y"}, {"input_reference": picture}):
        with pytest.raises(openai.UnprocessableEntityError) as e:
            create(client, "k-1", **bad)
        assert e.value.body["code"] == "idempotency_key_reused"
    for bad in ("", "x" * 256, "a b"):
        with pytest.raises(openai.BadRequestError) as e:
            create(client, bad)
        assert e.value.body["code"] == "invalid_idempotency_key"
    client.videos.poll(first[0], poll_interval_ms=20)
    client.videos.delete(first[0])
    with pytest.raises(openai.ConflictError) as e:
        create(client, "k-1")
    assert e.value.body["code"] == "idempotency_key_spent"

    videos.on_create = lambda v, body: ("refuse", 400, "invalid_value", "no")
    with pytest.raises(openai.BadRequestError):
        create(client, "k-3")
    videos.on_create = None
    assert create(client, "k-3")[1] is None  # nothing was made: the key is free
    assert len(videos.creates) == before + 5

    def race(_):
        try:
            return create(client, "k-4", prompt="race")[0]
        except openai.ConflictError as e:
            return e.body["code"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = set(pool.map(race, range(16)))
    assert len(videos.creates) == before + 6
    assert len(said - {"idempotency_key_in_use"}) == 1
    kept = rows(served, "SELECT hex(key), hex(body) FROM once")
    assert kept and not any(b"k-1".hex().upper() in k for k, _ in kept)  # digests only


@pytest.mark.slow
def test_a_thousand_jobs_with_bounded_calls():
    """At a provider that can list: ten calls a second, at most, look after all of them."""
    makers = Makers()
    try:
        sim = makers.sim()
        c = config(Named(sim.url + "/api/v3"), polls_per_second=10, poll_first="500ms", poll_interval="500ms", poll_max="1s")
        c["providers"]["up"].update(kind="byteplus", keys=["sim-key-of-the-gateway"])
        c["models"]["clip"] = "up/dreamina-seedance-2-0-260128"
        g = makers.gateway(c)
        began = time.monotonic()
        with client_of(g) as client, concurrent.futures.ThreadPoolExecutor(16) as pool:
            ids = list(pool.map(lambda i: client.videos.create(model="clip", prompt=f"[[video takes=3000]] {i}", seconds="4",
                                                               size="1280x720").id, range(1000)))
        assert len(set(ids)) == 1000
        wait_for(lambda: rows(g, "SELECT count(*) FROM videos WHERE settled = 1 AND state = 4") == [(1000,)], "all", every=0.1)
        took = time.monotonic() - began
        told = fetch(sim.address, "GET", "/sim/video").json()
        assert told["creates"] == 1000 and told["polls"] + told["lists"] <= 10 * took + 20
        assert rows(g, "SELECT count(*), sum(video_out) FROM attempts WHERE state = 1") == [(1000, told["billed"]["tokens"])]
    finally:
        makers.end()


@pytest.mark.slow
def test_a_large_video_passes_in_constant_memory(served, videos, client):
    made = client.videos.create_and_poll(model="clip", prompt="large", poll_interval_ms=20)
    videos.size = 500 << 20
    got, most = 0, 0
    with client.videos.with_streaming_response.download_content(made.id) as answer:
        for piece in answer.iter_bytes(1 << 20):
            got += len(piece)
            if got % (50 << 20) == 0:
                most = max(most, served.rss_kib())
    assert got == videos.size
    assert most < 64 << 10 or SANITIZED, most
