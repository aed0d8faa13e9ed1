"""Towards providers: TLS with verification, HTTP/2, a CONNECT proxy, reuse, stale connections, the address guard."""

import ipaddress
import socket
import ssl
import threading
import time

import pytest

from conftest import relay_config
from lib.client import Conn, chat, chat_body, request_bytes
from lib.proc import PATIENCE, free_port, merge, run_sluice
from lib.upstream import (DONE, Answer, body_answer, completion, delta, head_bytes, json_answer,
                          stream_answer)
from lib.wait import LONG, quickest, wait_for
from test_relay import read_gated, read_stream


def provider(up, **more):
    """The configuration with one provider's settings changed, and one worker: each keeps connections of its own."""
    return merge(relay_config(up.url), {"providers": {"up": more}, "listen": {"workers": 1}})


# ---- TLS ----

@pytest.mark.parametrize("http2", [None, "alpn"], ids=["http1", "http2"])
def test_tls(make, certs, http2):
    context = certs.server_context(certs.leaf(f"up-{http2}"), alpn=["h2", "http/1.1"] if http2 else ["http/1.1"])
    up = make.upstream(tls=context, http2=http2)
    g = make.gateway(provider(up, tls={"ca": certs.ca.cert}))
    for stream in (False, True, False, True):
        answer = read_stream(g, chat_body(stream=stream))
        assert answer.status == 200 and answer.complete
    record = g.record(answer.id)
    assert record["attempts"][0].get("h2", False) == bool(http2)
    assert up.last().version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert up.last().get("authorization") == "Bearer provider-secret-1"
    # A stream's connection reads its last framing bytes before it is free: the next request may come first and open one more.
    assert up.connections <= 2, "connections are reused"


BAD_CERTIFICATES = {
    "expired": dict(start="200101000000Z", end="210101000000Z"),
    "not yet valid": dict(start="390101000000Z", end="400101000000Z"),
    "wrong name": dict(cn="other.test", san="DNS:other.test"),
    "name in CN only": dict(cn="localhost", san=None),
    "wildcard misuse": dict(cn="*", san="DNS:*"),
    "RSA-1024": dict(bits=1024),
    "SHA-1": dict(digest="sha1"),
    "client's certificate": dict(usage="clientAuth"),
    "self-signed": None,
    "unknown authority": "other",
}


@pytest.mark.parametrize("name", BAD_CERTIFICATES)
def test_bad_certificates_are_refused_with_a_reason(make, certs, name):
    how = BAD_CERTIFICATES[name]
    file = "bad-" + name.replace(" ", "-").replace("'", "")
    if how is None:
        pair = certs.self_signed(file)
    elif how == "other":
        certs.authority("stranger-ca")
        pair = certs.leaf(file, ca="stranger-ca")
    else:
        pair = certs.leaf(file, **how)
    bad = make.upstream(tls=certs.server_context(pair))
    good = make.upstream()
    g = make.gateway(merge(provider(bad, tls={"ca": certs.ca.cert}), {
        "providers": {"second": {"kind": "openai-compatible", "base_url": good.url, "keys": ["${RELAY_PROVIDER_KEY}"], "direct": True}},
        "models": {"both": {"targets": ["up/x", "second/y"]}}}))
    answer = chat(g)
    assert answer.status == 502 and answer.error()["code"] == "upstream_tls_failed", answer
    attempt = g.record(answer.id)["attempts"][0]
    assert attempt["outcome"] == "tls_failed" and attempt["detail"], attempt
    assert attempt["sent"] is False
    assert len(g.record(answer.id)["attempts"]) == 1, "a wrong certificate never gets another try"
    assert chat(g, model="both").status == 200
    assert bad.requests == []


def test_system_authorities_do_not_trust_ours(make, certs):
    up = make.upstream(tls=certs.server_context(certs.leaf("up-sys")))
    g = make.gateway(provider(up))
    assert chat(g).error()["code"] == "upstream_tls_failed"


def test_old_tls_is_refused(make, certs):
    up = make.upstream(tls=certs.server_context(certs.leaf("up-old"), maximum=ssl.TLSVersion.TLSv1_1))
    g = make.gateway(provider(up, tls={"ca": certs.ca.cert}))
    assert chat(g).error()["code"] == "upstream_tls_failed"


def test_plain_text_where_tls_is_expected(make, certs):
    up = make.upstream()
    up.greeting = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
    g = make.gateway(merge(provider(up, tls={"ca": certs.ca.cert}),
                           {"providers": {"up": {"base_url": f"https://localhost:{up.port}/v1"}}}))
    assert chat(g).error()["code"] == "upstream_tls_failed"


def test_tls_that_is_never_spoken_has_an_end(make, certs):
    up = make.upstream()
    g = make.gateway(merge(provider(up, tls={"ca": certs.ca.cert}), {
        "providers": {"up": {"base_url": f"https://localhost:{up.port}/v1"}},
        "resilience": {"retry": {"attempts": 1}, "deadline": {"tls": "1s"}}}))
    answer = chat(g)
    assert answer.status == 504 and g.record(answer.id)["attempts"][0]["outcome"] == "tls_timeout"


def test_verify_name(make, certs):
    up = make.upstream(tls=certs.server_context(certs.leaf("up-name", cn="api.test", san="DNS:api.test")))
    g = make.gateway(provider(up, tls={"ca": certs.ca.cert, "verify_name": "api.test"}))
    assert chat(g).status == 200


# ---- HTTP/2 ----

def test_http2_prior_knowledge_shares_one_connection(make):
    up = make.upstream(http2="prior")
    g = make.gateway(merge(provider(up, http="2"), {"listen": {"workers": 1}}))
    assert chat(g).status == 200
    conns = []
    up.answer = stream_answer(delta("x"), 0.2, delta(finish="stop"), DONE)
    for _ in range(30):
        c = Conn(g.address)
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        conns.append(c)
    for c in conns:
        answer = c.read()
        assert answer.body.endswith(DONE)
        c.close()
    assert up.connections == 1
    assert g.record(answer.id)["attempts"][0]["h2"] is True


def test_http2_stream_reset_and_goaway(make):
    up = make.upstream(http2="prior")
    g = make.gateway(provider(up, http="2") | {"resilience": {"rescue": "error"}})
    up.queue(Answer(status=200, headers=[("content-type", "application/json")], parts=[b'{"half', "rst"]), json_answer())
    answer = chat(g)
    assert answer.status in (200, 502), answer
    if answer.status == 200:
        assert answer.json() == completion()
    seen_first = threading.Event()
    up.queue(Answer(status=200, headers=[("content-type", "text/event-stream")], parts=[delta("x"), seen_first, "rst"]))
    cut = read_gated(g, seen_first)
    assert b"[DONE]" not in cut.body and b'"error"' in cut.body
    up.queue(Answer(status=200, headers=[("content-type", "application/json")],
                    parts=["goaway", b"{}"]))
    assert chat(g).status in (200, 502)
    assert chat(g).status == 200


def test_http2_cancel_reaches_the_provider(make):
    up = make.upstream(http2="prior")
    g = make.gateway(provider(up, http="2"))

    def cancelled_after():
        up.queue(Answer(status=200, headers=[("content-type", "text/event-stream")], parts=[delta("x"), "hang"]))
        c = Conn(g.address)
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        next(c.events(c.read_head()))
        left = time.monotonic()
        c.close()
        seen = up.last()
        assert seen.gone.wait(LONG), "the provider was not cancelled"
        return seen.gone_at - left
    quickest(cancelled_after, 0.1 * PATIENCE, "cancelling the provider")
    assert chat(g).status == 200 and up.connections == 1


def test_http2_large_bodies_obey_the_window(make):
    up = make.upstream(http2="prior")
    g = make.gateway(provider(up, http="2"))
    body = chat_body(pad="y" * 3_000_000)
    answer = chat(g, body)
    assert answer.status == 200
    assert len(up.last().body) > 3_000_000 and up.last().json()["pad"] == body["pad"]
    big = body_answer(b'{"x":"' + b"z" * 2_000_000 + b'"}')
    up.queue(big)
    assert chat(g).body == big.parts[0]


# ---- proxy ----

@pytest.mark.parametrize("secure", [False, True])
def test_connect_proxy(make, certs, secure):
    proxy = make.proxy()
    up = make.upstream(tls=certs.server_context(certs.leaf("behind-proxy")) if secure else None)
    settings = {"proxy": {"url": proxy.url, "user": "me", "password": "proxy-secret"}}
    if secure:
        settings["tls"] = {"ca": certs.ca.cert}
    g = make.gateway(provider(up, **settings))
    for _ in range(3):
        assert chat(g).status == 200
    assert proxy.tunnels == 1
    assert proxy.heads[0].startswith(b"CONNECT ") and b":%d HTTP/1.1" % up.port in proxy.heads[0]
    import base64
    assert base64.b64encode(b"me:proxy-secret") in proxy.heads[0]
    assert b"provider-secret" not in proxy.heads[0]
    assert b"proxy-authorization" not in up.last().raw_head.lower()


def test_proxy_that_refuses(make):
    proxy = make.proxy(refuse=b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
    up = make.upstream()
    g = make.gateway(provider(up, proxy={"url": proxy.url}))
    answer = chat(g)
    assert answer.status == 502, answer
    assert g.record(answer.id)["attempts"][0]["outcome"] == "proxy_failed"
    assert up.connections == 0


def test_proxy_that_is_not_there(make):
    _, port = free_port()
    up = make.upstream()
    g = make.gateway(provider(up, proxy={"url": f"http://127.0.0.1:{port}"}))
    answer = chat(g)
    assert answer.status == 502 and up.connections == 0


def test_proxy_of_all_providers(make):
    proxy = make.proxy()
    up = make.upstream()
    g = make.gateway(relay_config(up.url, upstream={"proxy": {"url": proxy.url}}))
    assert chat(g).status == 200 and proxy.tunnels == 1


# ---- reuse ----

def test_reuse_is_counted(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"workers": 1}))
    with Conn(g.address) as c:
        for _ in range(20):
            assert c.request("POST", "/v1/chat/completions", chat_body(), key=g.key).status == 200
    assert up.connections == 1
    g.wait_metric("sluice_upstream_connections_opened_total", 1)
    g.wait_metric("sluice_upstream_connections_reused_total", 19)


def test_stale_connection_gets_a_free_try(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"workers": 1}, resilience={"retry": {"attempts": 1}}))
    for round in range(5):
        assert chat(g).status == 200
        # The next request finds a connection that closes when it is used: as a keep-alive that ran out just now.
        up.queue(Answer("rst" if round % 2 else "fin"))
        answer = chat(g)
        assert answer.status == 200, (round, answer)
    g.wait_metric("sluice_upstream_connections_stale_total", 5)


def test_connections_closed_while_idle(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"retry": {"attempts": 1}}))
    for _ in range(5):
        assert chat(g).status == 200
        up.drop_connections()
        assert chat(g).status == 200


def test_fresh_connection_that_dies_is_no_free_try(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"retry": {"attempts": 1}}))
    up.queue(Answer("rst"), json_answer())
    answer = chat(g)
    assert answer.status == 502, answer
    assert len(up.requests) == 1


GOOD = b'{"ok":1}'
EVIL = head_bytes(200, [("content-type", "application/json"), ("content-length", "10")]) + b'{"evil":1}'


@pytest.mark.parametrize("late", [False, True], ids=["at once", "while idle"])
@pytest.mark.parametrize("what", ["stray bytes", "longer than told", "two answers"])
def test_connection_is_not_reused_behind_a_doubtful_answer(make, what, late):
    """Bytes behind an answer never become somebody's next answer."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"workers": 1}))
    good = body_answer(GOOD).steps[0]
    more = {"stray bytes": b"\r\nstray", "longer than told": b"more", "two answers": EVIL}[what]
    for _ in range(10):
        up.queue(Answer(good, 0.003, more) if late else Answer(good + more))
        answer = chat(g)
        assert answer.body == GOOD
        seen = up.last()
        wait_for(lambda: seen.answered.is_set() or seen.gone.is_set(), "the end of the answer")
        for _ in range(2):
            answer = chat(g)
            assert answer.status == 200 and answer.json() == completion(), answer


def test_connection_close_is_obeyed(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"workers": 1}))
    up.answer = json_answer(headers=[("connection", "close")])
    for n in range(1, 4):
        assert chat(g).status == 200
        assert up.connections == n


# ---- addresses ----

def test_redirects_are_not_followed(make):
    up, other = make.upstream(), make.upstream()
    g = make.gateway(relay_config(up.url))
    for status in (301, 302, 303, 307, 308):
        up.answer = body_answer(b"", status, headers=[("location", other.url + "/chat/completions")])
        answer = chat(g)
        assert answer.status == 502 and answer.error()["code"] == "upstream_redirect_refused", answer
        assert other.url not in str(answer.headers)
    assert other.connections == 0


@pytest.mark.parametrize("member", ["api_base", "base_url", "endpoint"])
def test_body_never_chooses_the_host(make, member):
    up, other = make.upstream(), make.upstream()
    g = make.gateway(relay_config(up.url))
    assert chat(g, **{member: other.url}).status == 200
    assert chat(g, headers=[("host", f"127.0.0.1:{other.port}"), ("x-forwarded-host", f"127.0.0.1:{other.port}")]).status == 200
    assert other.connections == 0


def test_private_addresses_need_permission(make):
    """A name of the public kind that resolves to an address of this machine: refused when connecting."""
    name = socket.gethostname()
    try:
        if not ipaddress.ip_address(socket.gethostbyname(name)).is_private:
            pytest.skip("this machine's name has a public address")
    except OSError:
        pytest.skip("this machine's name does not resolve")
    up = make.upstream()
    g = make.gateway(provider(up, kind="openai", base_url=f"http://{name}:{up.port}/v1", allow_private="no"))
    answer = chat(g)
    assert answer.status == 502 and answer.error()["code"] == "upstream_address_refused", answer
    assert up.connections == 0


def test_private_literal_without_permission_is_refused_at_once(make, tmp_path):
    path = tmp_path / "sluice.yaml"
    path.write_text('providers:\n  up: {kind: openai, base_url: "http://10.0.0.1/v1", keys: ["file:k"], allow_private: no}\n')
    (tmp_path / "k").write_text("secret")
    done = run_sluice("check", "-c", path)
    assert done.returncode == 1 and "allow_private" in done.stdout + done.stderr, done


def test_name_that_does_not_resolve(make):
    up = make.upstream()
    g = make.gateway(provider(up, base_url="http://nowhere.invalid/v1"))
    answer = chat(g)
    assert answer.status == 502 and answer.error()["code"] == "upstream_unreachable"
    assert g.record(answer.id)["attempts"][0]["outcome"] == "resolve_failed"


def test_name_with_both_families(make):
    """localhost may resolve to ::1 first, where nobody listens: the next address is tried."""
    up = make.upstream()
    g = make.gateway(provider(up, base_url=f"http://localhost:{up.port}/v1"))
    for _ in range(3):
        assert chat(g).status == 200


def test_organization_and_project_and_own_headers(make):
    up = make.upstream()
    g = make.gateway(provider(up, kind="openai", organization="org-1", project="proj_1", headers={"X-Team": "t-1"},
                              allow_private="yes"))
    assert chat(g, headers=[("openai-organization", "org-theirs"), ("openai-project", "proj_theirs")]).status == 200
    seen = up.last()
    assert seen.get("openai-organization") == "org-1" and seen.get("openai-project") == "proj_1"
    assert seen.get("x-team") == "t-1" and b"theirs" not in seen.raw_head


def test_answer_head_over_the_limit(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    up.answer = Answer(head_bytes(200, [("content-type", "application/json"), ("x-big", "y" * 300000),
                                        ("content-length", "2")]) + b"{}")
    answer = chat(g)
    assert answer.status == 502 and answer.error(), answer


def test_answer_body_over_the_limit(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, upstream={"answer_bytes": "1MiB"}))
    up.answer = body_answer(b'"' + b"x" * (2 << 20) + b'"')
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(), key=g.key))
        answer = c.read(partial=True)
    # Refused, or visibly cut where the client has seen the beginning.
    assert not answer.complete or answer.error()["code"] == "upstream_answer_too_large", answer
    assert g.record(where=lambda r: r["attempts_n"])["attempts"][0]["outcome"] == "answer_too_large"


GARBAGE = {
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n", "no status": b"HTTP/1.1 \r\n\r\n", "status 99": b"HTTP/1.1 99 X\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 X\r\n\r\n", "version 9": b"HTTP/9.1 200 OK\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    "length and chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "huge chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
    "chunk cut by fin": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{}",
    "NUL in head": b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
    "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\ncontent-length: 2\r\n\r\n{}",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "endless 100s": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "empty": b"",
    "204 for a chat": b"HTTP/1.1 204 No Content\r\n\r\n",
    "unknown encoding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}",
}


@pytest.fixture(scope="module")
def two_targets():
    from conftest import Makers
    makers = Makers()
    bad, good = makers.upstream(), makers.upstream()
    g = makers.gateway(merge(relay_config(bad.url), {
        "providers": {"second": {"kind": "openai-compatible", "base_url": good.url, "keys": ["${RELAY_PROVIDER_KEY}"], "direct": True}},
        "models": {"both": {"targets": ["up/x", "second/y"]}},
        "resilience": {"retry": {"attempts": 4}, "deadline": {"first_byte": "10s", "answer": "10s"}}}))
    g.bad, g.good = bad, good
    yield g
    makers.end()


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_answers_fail_over(two_targets, name):
    g = two_targets
    g.bad.reset()
    g.good.reset()
    g.bad.answer = Answer(GARBAGE[name], "fin")
    answer = chat(g, model="both")
    assert answer.status == 200 and answer.json() == completion(), answer
    assert answer.get("x-sluice-target") == "second/y"
    assert g.record(answer.id)["attempts"][0]["outcome"] in ("malformed", "truncated", "reset", "stale_connection",
                                                             "server_error", "send_failed"), g.record(answer.id)
    g.bad.answer = Answer(GARBAGE[name], "fin")
    alone = chat(g, model="up/x")
    assert alone.status in (502, 503), alone
    assert alone.error()


def test_process_is_not_stopped_by_a_provider_that_floods(make):
    """An endless answer head and an endless event line end at their limits."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"retry": {"attempts": 1}}))
    before = g.rss_kib()
    up.queue(Answer(b"HTTP/1.1 200 OK\r\n", *[b"x-a: " + b"y" * 60000 + b"\r\n" for _ in range(400)], "fin"))
    assert chat(g).status == 502
    up.queue(stream_answer(b"data: {", *[b"x" * 65536 for _ in range(800)]))
    answer = read_stream(g)
    assert b"[DONE]" not in answer.body
    assert g.rss_kib() - before < 48 * 1024
    assert g.running() and chat(g).status == 200
