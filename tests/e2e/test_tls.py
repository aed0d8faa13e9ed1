"""TLS towards clients: 1.3 by default, certificates replaced under way, client certificates."""

import datetime
import json
import os
import shutil
import socket
import ssl
import threading

import pytest

from conftest import relay_config
from lib.client import Conn, chat_body, fetch, request_bytes
from lib import proc
from lib.proc import Gateway, merge, run_sluice
from lib.upstream import DONE, delta, stream_answer
from lib.wait import LONG, NotYet, wait_for


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


def install(pair, directory):
    """Certificate and key as cert.pem and key.pem, replaced the way ACME clients do: written beside, then renamed."""
    for source, name in ((pair.key, "key.pem"), (pair.cert, "cert.pem")):
        beside = directory / f"{name}.new"
        shutil.copy(source, beside)
        beside.replace(directory / name)


def tls_at(directory, **more):
    return {"tls": {"cert": str(directory / "cert.pem"), "key": str(directory / "key.pem"), **more}}


def in_days(days):
    """For the `start` and `end` of a certificate."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%y%m%d%H%M%SZ")


def test_certificate_replaced_without_dropping_a_stream(make, certs, tmp_path):
    """No signal: the file is enough. What is open keeps the certificate it began with."""
    up = make.upstream()
    first, second = certs.leaf("first"), certs.leaf("second")
    install(first, tmp_path)
    g = make.gateway(relay_config(up.url, listen=tls_at(tmp_path)))
    context = certs.client_context()
    gate = threading.Event()
    up.queue(stream_answer(delta("before"), gate, delta("after"), delta(finish="stop"), DONE))
    with Conn(g.address, tls=context) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        events = c.events(c.read_head())
        assert b"before" in next(events)
        old = serial_of(g, context)
        since = g.mark()
        install(second, tmp_path)
        g.wait_event("tls.loaded", since=since)
        new = serial_of(g, context)
        assert new != old
        gate.set()
        assert b"after" in next(events)
        assert list(events)[-1] == DONE
        assert c.request("POST", "/v1/chat/completions", chat_body(), key=g.key).status == 200
    assert not g.find("config.reloaded"), "a certificate is not a configuration"
    assert serial_of(g, context) == new


@pytest.mark.parametrize("how", ["kubernetes", "directory"])
def test_certificate_behind_a_replaced_directory(make, certs, tmp_path, how):
    """All files of a mounted secret change by renaming one link, `..data`; and a link further up tells a watch nothing."""
    up = make.upstream()
    pairs = [certs.leaf(f"{how}-1"), certs.leaf(f"{how}-2")]
    for i, pair in enumerate(pairs):
        (tmp_path / f"version-{i}").mkdir()
        install(pair, tmp_path / f"version-{i}")
    link = tmp_path / ("..data" if how == "kubernetes" else "current")
    link.symlink_to("version-0")
    if how == "kubernetes":
        for name in ("cert.pem", "key.pem"):
            (tmp_path / name).symlink_to(f"..data/{name}")
    g = make.gateway(relay_config(up.url, listen=tls_at(tmp_path if how == "kubernetes" else link)))
    context = certs.client_context()
    old = serial_of(g, context)
    since = g.mark()
    beside = tmp_path / "link.new"
    beside.symlink_to("version-1")
    beside.replace(link)
    g.wait_event("tls.loaded", since=since)
    assert serial_of(g, context) != old
    assert not g.find("tls.refused")


def test_bad_pair_keeps_the_old_one(make, certs, tmp_path):
    up = make.upstream()
    install(certs.leaf("good"), tmp_path)
    config = relay_config(up.url, listen=tls_at(tmp_path))
    g = make.gateway(config)
    context = certs.client_context()
    old = serial_of(g, context)
    other = certs.leaf("good-2")
    over = certs.leaf("over", start=in_days(-9), end=in_days(-1))

    def refused(change, words, file):
        since = g.mark()
        change()
        event = g.wait_event("tls.refused", since=since)
        assert words in event["error"] and str(tmp_path / file) in event["error"], event
        assert event["todo"] and event["kept_expires"].startswith("20"), event
        assert serial_of(g, context) == old
        return since

    since = refused(lambda: shutil.copy(other.cert, tmp_path / "cert.pem"), "does not belong", "key.pem")
    refused(lambda: (tmp_path / "cert.pem").write_text("-----BEGIN nothing"), "no PEM block", "cert.pem")
    refused(lambda: (tmp_path / "cert.pem").unlink(), "cannot be opened", "cert.pem")
    refused(lambda: install(over, tmp_path), "expired at", "cert.pem")
    # SIGHUP takes all or nothing, and names the place in the file.
    since = g.mark()
    g.reload(expect="config.refused")
    found = [e for e in g.find("config.finding", since) if e["path"] == "listen.tls.cert"]
    assert found and found[0]["line"] > 1 and "expired" in found[0]["text"] and found[0]["todo"], g.tail()
    assert serial_of(g, context) == old
    since = g.mark()
    install(other, tmp_path)
    g.wait_event("tls.loaded", since=since)
    assert serial_of(g, context) != old
    assert not g.find("tls.refused", since), "each bad state is told once"


def test_expiry_is_told_in_time(make, certs, tmp_path):
    up = make.upstream()
    plain = make.gateway(relay_config(up.url))
    name = "sluice_tls_certificate_expires_seconds"
    assert name not in plain.admin_get("/metrics").body.decode(), "no certificate, nothing to alert on"
    install(certs.leaf("ends-20", end=in_days(20.5)), tmp_path)
    g = make.gateway(relay_config(up.url, listen=tls_at(tmp_path)))
    told = g.find("tls.expires")
    assert len(told) == 1 and told[0]["days_left"] == 20 and "renew" in told[0]["todo"], g.tail()
    assert told[0]["file"] == str(tmp_path / "cert.pem") and told[0]["level"] == "warn"
    assert 20 * 86400 < g.metrics().sum(name) < 21 * 86400
    for days, level in ((5.5, "warn"), (0.5, "error"), (90, None)):
        since = g.mark()
        install(certs.leaf(f"ends-{days}", end=in_days(days)), tmp_path)
        g.wait_event("tls.loaded", since=since)
        if level is not None:
            event = g.wait_event("tls.expires", since=since)
            assert (event["days_left"], event["level"]) == (int(days), level)
        else:
            assert not g.find("tls.expires", since)
        g.wait_metric(name, lambda v, days=days: (days - 0.1) * 86400 < v <= days * 86400)


def test_certificate_that_ends_while_it_is_used(make, certs, tmp_path):
    up = make.upstream()
    install(certs.leaf("ends-now", end=in_days(10 / 86400)), tmp_path)
    try:
        g = make.gateway(relay_config(up.url, listen=tls_at(tmp_path)))
    except NotYet:
        make.adopt(proc.live[-1]).exit_code = None
        pytest.skip("this machine took longer to start than the certificate is good for")
    event = g.wait_event("tls.expired")
    assert event["level"] == "error" and event["days_left"] < 0
    assert g.metrics().sum("sluice_tls_certificate_expires_seconds") < 0
    context = certs.client_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert chat_over(g, context).status == 200, "clients judge, not we"


def session_of(g, context, session=None):
    """A connection with one request on it: whether the session was resumed, and the one to go on with."""
    sock = socket.create_connection(g.address, timeout=LONG)
    with context.wrap_socket(sock, server_hostname="localhost", session=session) as s:
        s.sendall(request_bytes("GET", "/v1/models", key=g.key))
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
        return s.session_reused, s.session


def test_sessions_outlive_a_renewal_but_not_their_terms(make, certs, tmp_path):
    up = make.upstream()
    install(certs.leaf("resume-1"), tmp_path)
    config = relay_config(up.url, listen={"workers": 1, **tls_at(tmp_path)})
    g = make.gateway(config)
    context = certs.client_context()
    reused, session = session_of(g, context)
    assert not reused
    reused, session = session_of(g, context, session)
    assert reused
    since = g.mark()
    install(certs.leaf("resume-2"), tmp_path)
    g.wait_event("tls.loaded", since=since)
    serial_of(g, context)  # the worker has it by now: messages keep their order
    reused, session = session_of(g, context, session)
    assert reused, "a renewed certificate does not cost every client a full handshake"
    # A session from before must not be a way around client certificates.
    g.reload(merge(config, {"listen": {"tls": {"client_ca": certs.ca.cert, "client_certificate": "required"}}}))
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        session_of(g, context, session)
    mine = certs.leaf("resume-client", cn="a client", san=None, usage="clientAuth")
    assert chat_over(g, certs.client_context(pair=mine)).status == 200


def test_tls_on_and_off_by_reload(make, certs, tmp_path):
    up = make.upstream()
    plain = relay_config(up.url)
    g = make.gateway(plain)
    install(certs.leaf("later"), tmp_path)
    g.reload(merge(plain, {"listen": tls_at(tmp_path)}))
    context = certs.client_context()
    wait_for(lambda: takes(g, context), "TLS on all workers")
    old = serial_of(g, context)
    since = g.mark()
    install(certs.leaf("later-2"), tmp_path)  # files that were named only by the reload are watched, too
    g.wait_event("tls.loaded", since=since)
    assert serial_of(g, context) != old
    since = g.mark()
    g.reload(plain)
    assert g.find("tls.off", since)
    wait_for(lambda: takes(g, None), "plain HTTP again")


def takes(g, context):
    try:
        return all(chat_over(g, context).status == 200 for _ in range(8))
    except (OSError, AssertionError):
        return False


# ---- sluice check ----

def checked(tmp_path, config):
    path = tmp_path / "checked.yaml"
    path.write_text(json.dumps(config, indent=1))
    done = run_sluice("check", "-c", path, "--json")
    report = json.loads(done.stdout)
    assert report["valid"] == (done.returncode == 0)
    for f in report["findings"]:
        line = path.read_text().splitlines()[f["line"] - 1]
        assert f["path"].split(".")[-1] in line and f["column"] > 1, f
    return {f["path"]: (f["grade"], f["text"], f["todo"]) for f in report["findings"]}


def test_check_opens_the_files(certs, tmp_path):
    a, b = certs.leaf("check-a"), certs.leaf("check-b")
    base = relay_config("https://up.example/v1")

    def of(listen, ca=None):
        found = checked(tmp_path, merge(base, {"listen": {"tls": listen}},
                                        {"providers": {"up": {"tls": {"ca": ca}}}} if ca else {}))
        assert all(text and todo for _, text, todo in found.values()), found
        return {path: (grade, text) for path, (grade, text, _) in found.items()}

    assert of({"cert": a.cert, "key": a.key, "client_ca": certs.ca.cert, "client_certificate": "required"},
              certs.ca.cert) == {}
    none = str(tmp_path / "none")
    found = of({"cert": none + ".pem", "key": none + ".key", "client_ca": none, "client_certificate": "required"}, none)
    assert set(found) == {"listen.tls.cert", "listen.tls.key", "listen.tls.client_ca", "providers.up.tls.ca"}
    assert all(grade == "error" and "No such file" in text for grade, text in found.values()), found
    found = of({"cert": a.cert, "key": b.key})
    assert found == {"listen.tls.key": ("error", f"'{b.key}' does not belong to the certificate")}
    found = of({"cert": a.key, "key": a.key}, a.key)
    assert set(found) == {"listen.tls.cert", "providers.up.tls.ca"} and found["listen.tls.cert"][0] == "error"
    over = certs.leaf("check-over", start=in_days(-9), end=in_days(-1))
    found = of({"cert": over.cert, "key": over.key})
    assert found["listen.tls.cert"][0] == "error" and "expired at 20" in found["listen.tls.cert"][1]
    soon = certs.leaf("check-soon", end=in_days(3))
    found = of({"cert": soon.cert, "key": soon.key})
    assert found["listen.tls.cert"][0] == "warning" and "expires at 20" in found["listen.tls.cert"][1]


def test_check_as_text(certs, tmp_path):
    a = certs.leaf("check-text")
    path = tmp_path / "sluice.yaml"
    path.write_text("providers: {sim: {kind: sim}}\nlisten:\n  tls:\n    cert: cert.pem\n    key: ${KEY_FILE}\n")
    shutil.copy(a.cert, tmp_path / "cert.pem")  # relative to the configuration's folder
    done = run_sluice("check", "-c", path, env={"KEY_FILE": str(tmp_path / "none.key")})
    assert done.returncode == 1
    # What came out of a variable is not shown.
    assert f"{path}:5:10: listen.tls.key: the file cannot be opened: No such file or directory. " in done.stderr, done.stderr
    assert "none.key" not in done.stderr
    done = run_sluice("check", "-c", path, env={"KEY_FILE": a.key})
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_check_of_an_unreadable_key(certs, tmp_path):
    a = certs.leaf("check-unreadable")
    os.chmod(a.key, 0)
    found = checked(tmp_path, relay_config("https://up.example/v1", listen={"tls": {"cert": a.cert, "key": a.key}}))
    assert "Permission denied" in found["listen.tls.key"][1]


def test_other_commands_do_not_need_the_certificate(make, certs, tmp_path):
    """`sluice keys` runs as whoever may read the state, with a certificate that is not theirs to read."""
    path = tmp_path / "sluice.yaml"
    path.write_text(json.dumps(relay_config("http://127.0.0.1:1/v1", state=str(tmp_path / "state"),
                                            listen={"tls": {"cert": "none.pem", "key": "none.key"}})))
    run_sluice("keys", "create", "-c", path, "--name", "x", check=True)


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
        assert c.at_end()


def test_hello_in_tiny_records(make, certs):
    """Every handshake byte in a segment of its own."""
    up = make.upstream()
    pair = certs.leaf("tiny")
    g = make.gateway(relay_config(up.url, listen={"tls": {"cert": pair.cert, "key": pair.key},
                                                  "deadlines": {"tls_handshake": "5m"}}))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = certs.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(g.address, timeout=LONG) as s:
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
