"""Contents of video jobs that are kept: docs/internals/kept-videos.md. In a directory, and in a real S3 server (lib/s3.py)."""

import base64
import hashlib
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import warnings

import pytest


from lib import s3
from lib.client import fetch
from lib.proc import SANITIZED, create_key
from lib.videos import Videos, content
from lib.wait import wait_for
from test_video_jobs import client_of, config, rows, swallow

warnings.filterwarnings("ignore", category=DeprecationWarning, message="The Sora API")

BUCKET = "kept-videos"
ENV = {"TEST_S3_KEY": s3.ACCESS, "TEST_S3_SECRET": s3.SECRET}


@pytest.fixture(scope="session")
def store():
    why = s3.missing()
    if why:
        print("no S3 server:", why)
        pytest.skip(why)
    server = s3.Server()
    server.make_bucket(BUCKET)
    yield server
    server.close()


class Folder:
    """Copies in a directory."""

    def __init__(self, path=None):
        self.own = path is None
        self.path = path or tempfile.mkdtemp(prefix="sluice-kept-")
        self.settings = {"directory": f"{self.path}/videos"}

    def names(self):
        try:
            return sorted(os.listdir(f"{self.path}/videos"))
        except FileNotFoundError:
            return []

    def read(self, name):
        with open(f"{self.path}/videos/{name}", "rb") as f:
            return f.read()

    def close(self):
        if self.own:
            shutil.rmtree(self.path, ignore_errors=True)


class Bucket:
    """Copies in a bucket, each test behind a prefix of its own. What was begun and not completed counts."""

    made = 0

    def __init__(self, server, **more):
        Bucket.made += 1
        self.server, self.prefix = server, f"t{Bucket.made}/"
        self.settings = {"s3": dict({"endpoint": server.endpoint, "bucket": BUCKET, "prefix": self.prefix,
                                     "access_key_id": "${TEST_S3_KEY}", "secret_access_key": "${TEST_S3_SECRET}"}, **more)}

    def uploads(self):
        return self.server.uploads(BUCKET, self.prefix)

    def names(self):
        return [k[len(self.prefix):] for k in self.server.keys(BUCKET, self.prefix)] + self.uploads()

    def read(self, name):
        return self.server.read(BUCKET, self.prefix + name)

    def close(self):
        pass


@pytest.fixture(params=["directory", "s3"])
def where(request):
    place = Folder() if request.param == "directory" else Bucket(request.getfixturevalue("store"))
    yield place
    place.close()


def keeping(videos, where, **more):
    return config(videos, content=dict(where.settings, retry="50ms", **more))


def copies(g, id=None):
    return rows(g, "SELECT state FROM copies" + (f" WHERE id = '{id}'" if id else ""))


def kept(g, id):
    return wait_for(lambda: copies(g, id) == [(2,)], "the copy")


def ask(g, id, method="GET", variant="", key=None, **headers):
    path = f"/v1/videos/{id}/content" + (f"?variant={variant}" if variant else "")
    return fetch(g.address, method, path, headers=[("authorization", "Bearer " + (key or g.key).text)] +
                 [(k.replace("_", "-"), v) for k, v in headers.items()])


def create(client, **more):
    return client.videos.create_and_poll(model="clip", prompt="keep", poll_interval_ms=20, **more)


def no_secrets(g):
    log = "\n".join(g.lines + g.out_lines)
    assert s3.SECRET not in log and "the-provider-key" not in log and "signature=secret" not in log


def test_a_copy_is_served_when_the_provider_has_it_no_more(make, where):
    v = make.adopt(Videos())
    v.size, v.links = 3_000_000, True
    g = make.gateway(keeping(v, where), env=ENV)
    with client_of(g) as client:
        made = create(client)
        kept(g, made.id)
        before = len(v.calls)
        v.gone = True
        whole = content(0, v.size)
        assert client.videos.download_content(made.id).read() == whole
        first = ask(g, made.id)
        etag = first.get("etag")
        assert first.status == 200 and first.body == whole and etag == '"%s"' % hashlib.sha256(whole).hexdigest()[:32]
        assert first.get("content-type") == "video/mp4" and first.get("accept-ranges") == "bytes"
        head = ask(g, made.id, "HEAD")
        assert head.status == 200 and head.get("content-length") == str(v.size) and head.get("etag") == etag
        for asked, start, end in (("bytes=100-299", 100, 300), ("bytes=-5", v.size - 5, v.size),
                                  ("bytes=2999990-", 2999990, v.size), ("bytes=5-99999999999999999999999", 5, v.size)):
            some = ask(g, made.id, range=asked)
            assert some.status == 206 and some.body == content(start, end)
            assert some.get("content-range") == f"bytes {start}-{end - 1}/{v.size}"
        assert ask(g, made.id, range="bytes=0-9", if_range=etag).status == 206
        assert ask(g, made.id, range="bytes=0-9", if_range='"another"').body == whole
        assert ask(g, made.id, range="bytes=0-1,5-6").status == 200
        beyond = ask(g, made.id, range=f"bytes={v.size}-")
        assert beyond.status == 416 and beyond.get("content-range") == f"bytes */{v.size}"
        same = ask(g, made.id, if_none_match=etag)
        assert same.status == 304 and not same.body and same.get("etag") == etag
        thumb = ask(g, made.id, variant="thumbnail")
        assert thumb.status == 200 and thumb.body == whole
        assert len(v.calls) == before, "the provider was asked"
        assert ask(g, made.id, variant="spritesheet").status == 410  # there is none: as the provider says
        assert where.names() == [f"{made.id}.thumbnail", f"{made.id}.video"]
        assert where.read(f"{made.id}.video") == whole
        stranger = create_key(g.state, "other", "--tenant", "other")
        wait_for(lambda: ask(g, made.id, key=stranger).status == 404, "the other key")
        assert client.videos.delete(made.id).deleted
        wait_for(lambda: not where.names(), "that nothing is left")
        wait_for(lambda: copies(g) == [], "the row's end")
    no_secrets(g)


@pytest.mark.parametrize("step", ["video_settled", "video_copying", "video_copied"])
def test_a_kill_while_it_is_copied(make, step):
    place = make.adopt(Folder())
    v = make.adopt(Videos())
    g = make.gateway(keeping(v, place), env={"SLUICE_DIE_AT": step})
    with client_of(g) as client:
        swallow(lambda: client.videos.create(model="clip", prompt="once"))
        g.exit_code = None
        g.wait_exit()
    assert copies(g) == [(1,)]
    g._env = None
    again = make.adopt(g.restart())
    id = rows(again, "SELECT id FROM videos")[0][0]
    kept(again, id)
    assert place.names() == [f"{id}.thumbnail", f"{id}.video"]
    v.gone = True
    assert ask(again, id).body == content(0, v.size)


def test_a_kill_in_the_middle_of_an_upload_to_s3(make, store):
    """The upload that was left behind is ended; what is there is whole."""
    place = Bucket(store)
    v = make.adopt(Videos())
    v.size, v.stall, v.parts = 20 << 20, threading.Event(), ("video",)
    g = make.gateway(keeping(v, place), env=ENV)
    with client_of(g) as client:
        made = create(client)
        wait_for(lambda: place.uploads(), "a part")
        g.kill()
    v.stall.set()
    assert place.uploads()
    again = make.adopt(g.restart())
    kept(again, made.id)
    assert place.names() == [f"{made.id}.video"]
    v.gone = True
    assert ask(again, made.id).body == content(0, v.size)
    some = ask(again, made.id, range="bytes=8388600-8388620")  # across two parts
    assert some.status == 206 and some.body == content(8388600, 8388621)


def test_nothing_is_kept_for_those_who_want_nothing_stored(make, where):
    v = make.adopt(Videos())
    v.size = 50_000
    c = keeping(v, where)
    c["responses"] = {"except": ["quiet"]}
    c["videos"]["zero_retention"] = True
    c["providers"]["zero"] = dict(c["providers"]["up"], zero_retention=True)
    c["models"]["forgotten"] = "zero/sora-2"
    g = make.gateway(c, env=ENV)
    quiet = create_key(g.state, "quiet", "--tenant", "quiet")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", headers=[("authorization", "Bearer " + quiet.text)]).status == 200,
             "the key")
    with client_of(g, quiet) as client, client_of(g) as usual:
        none = [create(client).id, usual.videos.create_and_poll(model="forgotten", prompt="x", poll_interval_ms=20).id]
        one = create(usual).id
        kept(g, one)  # what comes later is there
        wait_for(lambda: rows(g, "SELECT count(*) FROM videos WHERE settled = 1") == [(3,)], "all of them")
        assert copies(g) == [(2,)]
        assert where.names() == [f"{one}.thumbnail", f"{one}.video"]
        assert ask(g, none[0], key=quiet).body == ask(g, none[1]).body == content(0, v.size)
        # Since a reload nothing is stored for anybody: not for those either that had waited.
        v.gone = 503
        two = create(usual).id
        wait_for(lambda: g.find("video.copy_failed"), "a failure")
        c["responses"]["store"] = False
        g.reload(c)
        v.gone = False
        wait_for(lambda: copies(g, two) == [], "that it is not wanted any more")
        assert not [n for n in where.names() if two in n]


def test_its_time_is_over(make, where):
    v = make.adopt(Videos())
    v.size = 50_000
    g = make.gateway(keeping(v, where, **{"for": "1s"}), env=ENV)
    with client_of(g) as client:
        made = create(client)
        wait_for(lambda: where.names(), "the copy")
        wait_for(lambda: copies(g) == [] and where.names() == [], "its end")
        assert client.videos.download_content(made.id).read() == content(0, v.size)  # the job is remembered


def test_a_full_disk_only_delays_the_copy(make):
    folder = tempfile.mkdtemp(prefix="sluice-small-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode != 0:
        os.rmdir(folder)
        pytest.skip(f"no right to mount a small file system: {done.stderr.strip()}")
    try:
        place = Folder(folder)
        v = make.adopt(Videos())
        v.size = 3_000_000
        g = make.gateway(keeping(v, place))
        with client_of(g) as client:
            made = create(client)
            failed = g.wait_event("video.copy_failed")
            assert "No space left" in failed["why"] and failed["level"] == "error" and failed["id"] == made.id
            assert client.videos.download_content(made.id).read() == content(0, v.size)
            assert all(n.endswith(".part") for n in place.names())
            assert g.metrics().sum("sluice_video_copies_failed_total") >= 1
            subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
            kept(g, made.id)
            assert place.names() == [f"{made.id}.thumbnail", f"{made.id}.video"] and g.find("video.copies_work_again")
        make.end()
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        os.rmdir(folder)


@pytest.mark.parametrize("wrong", ["secret", "bucket"])
def test_a_store_that_refuses(make, store, wrong):
    """Wrong keys, no such bucket: the job is served from the provider, the log says why, and the copy comes when it can."""
    place = Bucket(store, **({"bucket": "not-there-yet"} if wrong == "bucket" else {"secret_access_key": "${TEST_S3_WRONG}"}))
    v = make.adopt(Videos())
    v.size, v.parts = 100_000, ("video",)
    g = make.gateway(keeping(v, place), env=dict(ENV, TEST_S3_WRONG="another-secret"))
    with client_of(g) as client:
        made = create(client)
        failed = g.wait_event("video.copy_failed")
        assert ("404 NoSuchBucket" if wrong == "bucket" else "403 SignatureDoesNotMatch") in failed["why"], failed
        g.wait_event("video.copy_failed", where=lambda e: e["tries"] >= 2)
        assert client.videos.download_content(made.id).read() == content(0, v.size)
        assert copies(g, made.id) == [(1,)]
        if wrong == "bucket":
            store.make_bucket("not-there-yet")
            kept(g, made.id)
            assert store.read("not-there-yet", f"{place.prefix}{made.id}.video") == content(0, v.size)
        else:
            place.settings["s3"]["secret_access_key"] = "${TEST_S3_SECRET}"
            g.reload(keeping(v, place))
            kept(g, made.id)
            assert place.names() == [f"{made.id}.video"]
    no_secrets(g)
    assert "another-secret" not in "\n".join(g.lines)


class Relay:
    """TCP to the store that stands still while `open` is not set."""

    def __init__(self, to):
        self.to, self.open = to, threading.Event()
        self.passed = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client, socket.create_connection(self.to)), daemon=True).start()

    def relay(self, client, server):
        try:
            while True:
                for s in select.select([client, server], [], [])[0]:
                    if s is client:
                        self.open.wait(120)
                    data = s.recv(65536)
                    if not data:
                        return
                    self.passed += len(data)
                    (server if s is client else client).sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def close(self):
        self.open.set()
        self.listener.close()


def test_a_slow_store_and_a_large_video(make, store):
    """64 MiB in parts, with a store that stands still at first: neither it nor the size costs memory or delays anybody."""
    relay = make.adopt(Relay(store.address))
    place = Bucket(store, endpoint=relay.endpoint)
    v = make.adopt(Videos())
    v.size, v.parts = 64 << 20, ("video",)
    g = make.gateway(keeping(v, place), env=ENV)
    most = 0
    with client_of(g) as client:
        made = create(client)
        wait_for(lambda: [c for c in v.calls if c[1].endswith("/content")], "the download")
        part = ask(g, made.id, range="bytes=0-99")
        assert part.status == 206 and part.body == content(0, 100)
        assert relay.passed == 0 and copies(g) == [(1,)]
        relay.open.set()

        def there():
            nonlocal most
            most = max(most, g.rss_kib())
            return copies(g, made.id) == [(2,)]
        wait_for(there, "the copy")
        v.gone = True
        got = hashlib.sha256()
        with client.videos.with_streaming_response.download_content(made.id) as answer:
            for piece in answer.iter_bytes(1 << 20):
                got.update(piece)
                most = max(most, g.rss_kib())
        assert got.digest() == hashlib.sha256(content(0, v.size)).digest()
    assert most < 64 << 10 or SANITIZED, most


def test_bytes_that_are_not_what_the_provider_says(make):
    place = make.adopt(Folder())
    v = make.adopt(Videos())
    v.size, v.parts = 100_000, ("video",)
    v.sums = lambda body: [("repr-digest", "sha-256=:%s:" % base64.b64encode(hashlib.sha256(b"another").digest()).decode())]
    g = make.gateway(keeping(v, place))
    with client_of(g) as client:
        made = create(client)
        assert "sum" in g.wait_event("video.copy_failed")["why"]
        assert place.names() == []
        v.sums = lambda body: [("repr-digest", "sha-256=:%s:" % base64.b64encode(hashlib.sha256(body).digest()).decode())]
        kept(g, made.id)
        assert place.names() == [f"{made.id}.video"]
