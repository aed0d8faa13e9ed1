"""A video server of OpenAI's shape, for what a simulator with a clock cannot show: jobs that end when the test says so, creates that
are taken and never answered, bytes that are made as they are read, and an exact account of what was asked."""

import http.server
import json
import re
import threading
import time

PIECE = bytes(range(256)) * 256  # 64 KiB: the bytes of a video repeat this


def content(start, end):
    """Bytes start to end (exclusive) of any video."""
    at = start % len(PIECE)
    out = PIECE[at:] + PIECE * ((end - start) // len(PIECE) + 1)
    return out[:end - start]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # each create comes on a connection of its own


def form_of(raw):
    """The fields of a form, without files."""
    found = re.findall(rb'name="([^"]+)"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', raw, re.S)
    return {name.decode(): value.decode("latin-1") for name, value in found}


class Videos:
    def __init__(self):
        self.lock = threading.Lock()
        self.jobs = {}          # id -> job
        self.creates = []       # bodies, in order
        self.calls = []         # (method, path, headers)
        self.on_create = None   # function(server, body) -> None: as usual; "hang": taken, no answer; ("refuse", status, code, message)
        self.size = 1_000_000
        self.finish_after = 2   # polls
        self.links = False      # content redirects to another origin
        self.gone = False       # it has no content any more; a number: answers that instead of it
        self.parts = ("video", "thumbnail")
        self.stall = None       # an event: what is downloaded waits for it in the middle
        self.sums = None        # function(bytes) -> headers: what is said of a download
        self.hang = threading.Event()
        handler = type("Handler", (Handler,), {"videos": self})
        self.server = Server(("127.0.0.1", 0), handler)
        self.other = Server(("127.0.0.1", 0), handler)
        for s in (self.server, self.other):
            threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/v1" % self.server.server_address[1]

    @property
    def other_url(self):
        return "http://127.0.0.1:%d/v1" % self.other.server_address[1]

    def close(self):
        self.hang.set()
        for s in (self.server, self.other):
            s.shutdown()
            s.server_close()

    def polls(self):
        return sum(1 for m, p, _ in self.calls if m == "GET" and re.fullmatch(r"/v1/videos/[^/]+", p))

    def finish(self, id=None, status="completed", error=None):
        with self.lock:
            for job in self.jobs.values():
                if id is None or job["id"] == id:
                    job["status"], job["error"] = status, error


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    videos = None

    def log_message(self, *_):
        pass

    def answer(self, status, value, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name, v in headers:
            self.send_header(name, v)
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, code, message):
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})

    def note(self):
        path = self.path.split("?")[0]
        with self.videos.lock:
            self.videos.calls.append((self.command, path, dict(self.headers)))
        return path

    def do_POST(self):
        v, path = self.videos, self.note()
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(raw) if "json" in self.headers.get("content-type", "") else form_of(raw)
        what = v.on_create(v, body) if v.on_create else None
        if isinstance(what, tuple):
            with v.lock:
                v.creates.append(dict(body, refused=True))
            return self.error(*what[1:])
        with v.lock:
            id = "up_%d" % (len(v.jobs) + 1)
            job = {"id": id, "object": "video", "model": body.get("model", "m"), "status": "queued", "progress": 0,
                   "created_at": int(time.time()), "completed_at": None, "expires_at": None,
                   "seconds": str(body.get("seconds", "4")), "size": body.get("size", "720x1280"),
                   "prompt": body.get("prompt", ""), "remixed_from_video_id": path.split("/")[3] if "remix" in path else None,
                   "error": None}
            v.jobs[id] = job
            v.creates.append(body)
        if what == "hang":
            v.hang.wait(120)
            self.close_connection = True
            return None
        return self.answer(200, self.shown(job))

    def shown(self, job):
        return {k: x for k, x in job.items() if k != "looks"}

    def do_GET(self):
        v, path = self.videos, self.note()
        parts = path.split("/")
        if path == "/v1/videos":
            with v.lock:
                data = [self.shown(j) for j in reversed(list(v.jobs.values()))]
            return self.answer(200, {"object": "list", "data": data, "first_id": data[0]["id"] if data else None,
                                     "last_id": data[-1]["id"] if data else None, "has_more": False})
        job = v.jobs.get(parts[3])
        if job is None:
            return self.error(404, "not_found", "no such video")
        if len(parts) > 4:
            return self.bytes_of(job, path)
        with v.lock:
            job["looks"] = job.get("looks", 0) + 1
            if job["status"] in ("queued", "in_progress"):
                job["status"], job["progress"] = "in_progress", min(90, 10 * job["looks"])
                if v.finish_after and job["looks"] >= v.finish_after:
                    job["status"] = "completed"
            if job["status"] == "completed":
                job["progress"], job["completed_at"] = 100, int(time.time())
                job["expires_at"] = int(time.time()) + 3600
        return self.answer(200, self.shown(job))

    def bytes_of(self, job, path):
        v = self.videos
        part = re.search(r"variant=(\w+)", self.path)
        if v.gone or (part[1] if part else "video") not in v.parts:
            return self.error(503 if v.gone == 503 else 404, "not_found", "no content any more")
        if v.links and self.server is v.server:
            self.send_response(302)
            self.send_header("location", v.other_url.replace("/v1", "") + path + "?signature=secret" + self.path[len(path):].replace("?", "&"))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        start, end, status = 0, v.size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if asked:
            start, end, status = int(asked[1]), min(int(asked[2] or v.size - 1) + 1, v.size), 206
            if start >= v.size:
                self.send_response(416)
                self.send_header("content-range", f"bytes */{v.size}")
                self.send_header("content-length", "0")
                self.end_headers()
                return
        self.send_response(status)
        self.send_header("content-type", "video/mp4")
        self.send_header("content-length", str(end - start))
        if status == 206:
            self.send_header("content-range", f"bytes {start}-{end - 1}/{v.size}")
        for name, value in v.sums(content(0, v.size)) if v.sums else ():
            self.send_header(name, value)
        self.end_headers()
        middle = (start + end) // 2
        while start < end:
            if v.stall is not None and start >= middle:
                v.stall.wait(120)
            n = min(len(PIECE), end - start)
            self.wfile.write(content(start, start + n))
            start += n

    def do_DELETE(self):
        v, path = self.videos, self.note()
        job = v.jobs.get(path.split("/")[3])
        if job is None:
            return self.error(404, "not_found", "no such video")
        return self.answer(200, {"id": job["id"], "object": "video.deleted", "deleted": True})
