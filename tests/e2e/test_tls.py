"""TLS towards clients: 1.3 by default, certificates replaced under way, client certificates."""

import shutil
import socket
import ssl
import threading

import pytest

from conftest import relay_config
from lib.client import Conn, chat_body, fetch, request_bytes
from lib import proc
from lib.proc import Gateway, PATIENCE
from lib.upstream import DONE, delta, stream_answer
from lib.wait import NotYet


def secure(make, up, pair, **tls):
    return make.gateway(relay_config(up.url, listen={"tls": {"cert": pair.cert, "key": pair.key, **tls}}))


def chat_over(g, context, **more):
    return fetch(g.address, "POST", "/v1/chat/completions", chat_body(**more), key=g.key, tls=context)


def test_relay_over_tls(make, certs):
    up = make.upstream()
    g = secure(make, up, certs.leaf("server"))
    context = certs.client_context()
    with Conn(g.address, tls=context) as c:
        assert c.sock.version() == "TLSv1.3" and c.sock.selected_alpn_protocol() == "http/1.1"
        for stream in (False, True, False):
            answer = c.request("POST", "/v1/chat/completions", chat_body(stream=stream), key=g.key)
            assert answer.status == 200
        assert g.record(answer.id)["tls"] is True


def test_old_versions_are_refused_by_default(make, certs):
    up = make.upstream()
    g = secure(make, up, certs.leaf("server-12"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        chat_over(g, certs.client_context(maximum=ssl.TLSVersion.TLSv1_2))
    g.wait_metric("sluice_tls_handshake_failures_total", lambda v: v >= 1)
    assert chat_over(g, certs.client_context()).status == 200


def test_1_2_can_be_allowed(make, certs):
    up = make.upstream()
    g = secure(make, up, certs.leaf("server-12b"), min_version="1.2")
    with Conn(g.address, tls=certs.client_context(maximum=ssl.TLSVersion.TLSv1_2)) as c:
        assert c.sock.version() == "TLSv1.2"
        assert c.request("POST", "/v1/chat/completions", chat_body(), key=g.key).status == 200
    context = certs.client_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        chat_over(g, context)


def test_plain_http_on_a_tls_port_and_the_other_way_round(make, certs):
    up = make.upstream()
    g = secure(make, up, certs.leaf("server-p"))
    with Conn(g.address) as c:
        c.send(request_bytes("GET", "/v1/models", key=g.key))
        assert c.at_end() and b"200" not in bytes(c.received)
    plain = make.gateway(relay_config(up.url))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        chat_over(plain, certs.client_context())


def serial_of(g, context):
    with Conn(g.address, tls=context) as c:
        return c.sock.getpeercert()["serialNumber"]


def test_certificate_replaced_without_dropping_a_stream(make, certs, tmp_path):
    up = make.upstream()
    first, second = certs.leaf("first"), certs.leaf("second")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(first.cert, cert)
    shutil.copy(first.key, key)
    g = make.gateway(relay_config(up.url, listen={"tls": {"cert": str(cert), "key": str(key)}}))
    context = certs.client_context()
    gate = threading.Event()
    up.queue(stream_answer(delta("before"), gate, delta("after"), delta(finish="stop"), DONE))
    with Conn(g.address, tls=context) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        events = c.events(c.read_head())
        assert b"before" in next(events)
        old = serial_of(g, context)
        for source, target in ((second.key, key), (second.cert, cert)):
            beside = target.with_suffix(".new")
            shutil.copy(source, beside)
            beside.replace(target)
        g.reload()
        assert serial_of(g, context) != old
        gate.set()
        assert b"after" in next(events)
        assert list(events)[-1] == DONE
        assert c.request("POST", "/v1/chat/completions", chat_body(), key=g.key).status == 200
    # A pair that does not fit is refused and the good one stays.
    shutil.copy(first.key, key)
    g.reload(expect="config.refused")
    assert serial_of(g, context) != old


def test_client_certificates(make, certs):
    up = make.upstream()
    g = secure(make, up, certs.leaf("mtls"), client_ca=certs.ca.cert, client_certificate="required")
    mine = certs.leaf("client", cn="a client", san=None, usage="clientAuth")
    assert chat_over(g, certs.client_context(pair=mine)).status == 200
    for context in (certs.client_context(), certs.client_context(pair=certs.self_signed("stranger"))):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            chat_over(g, context)
    assert len(up.requests) == 1


def test_client_certificates_may_be_optional(make, certs):
    up = make.upstream()
    g = secure(make, up, certs.leaf("mtls-o"), client_ca=certs.ca.cert, client_certificate="optional")
    assert chat_over(g, certs.client_context()).status == 200
    other = certs.leaf("client-o", cn="a client", san=None, usage="clientAuth")
    assert chat_over(g, certs.client_context(pair=other)).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        chat_over(g, certs.client_context(pair=certs.self_signed("stranger-o")))


def test_bad_pairs_are_refused_at_the_start(make, certs, tmp_path):
    up = make.upstream()
    a, b = certs.leaf("one"), certs.leaf("other")
    for cert, key in ((a.cert, b.key), (str(tmp_path / "none.pem"), a.key), (a.key, a.key)):
        with pytest.raises(NotYet):
            Gateway(relay_config(up.url, listen={"tls": {"cert": cert, "key": key}}))
        bad = make.adopt(proc.live[-1])
        bad.exit_code = None
        assert bad.wait_exit() != 0
        assert ".pem" in "\n".join(bad.lines) or ".key" in "\n".join(bad.lines), "it names the file"


def test_slow_handshake_has_an_end(make, certs):
    up = make.upstream()
    pair = certs.leaf("slow")
    g = make.gateway(relay_config(up.url, listen={"tls": {"cert": pair.cert, "key": pair.key},
                                                  "deadlines": {"tls_handshake": "300ms"}}))
    with Conn(g.address) as c:
        c.send(b"\x16\x03\x01\x02\x00\x01")  # the start of a ClientHello
        assert c.at_end(5 * PATIENCE)


def test_hello_in_tiny_records(make, certs):
    """Every handshake byte in a segment of its own."""
    up = make.upstream()
    g = secure(make, up, certs.leaf("tiny"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = certs.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(g.address, timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def flush():
            for byte in outgoing.read():
                s.sendall(bytes([byte]))
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                flush()
                incoming.write(s.recv(65536))
        tls.write(request_bytes("GET", "/v1/models", key=g.key))
        flush()
        data = b""
        while b"\r\n\r\n" not in data:
            try:
                data += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(s.recv(65536))
        assert data.startswith(b"HTTP/1.1 200")
