"""A raw HTTP/1.1 client: sends exactly the bytes it is given and shows exactly the bytes that came."""

import json
import socket
import ssl
import struct
import time

from .wait import LONG

TIMEOUT = LONG


class Closed(AssertionError):
    """The other side closed, or reset, before what was expected had come."""


class Response:
    def __init__(self, status, reason, headers, version):
        self.status, self.reason, self.headers, self.version = status, reason, headers, version
        self.body = b""
        self.complete = False   # the framing says that all of the body came
        self.trailers = []

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.get("x-sluice-id")

    def error(self):
        """The `error` member, checked for OpenAI's shape: all four members, texts where texts belong."""
        error = self.json()["error"]
        assert {"message", "type", "param", "code"} <= set(error), error
        assert isinstance(error["message"], str) and error["message"], error
        assert isinstance(error["type"], str), error
        assert error["param"] is None or isinstance(error["param"], str), error
        assert error["code"] is None or isinstance(error["code"], str), error
        return error

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r}>"


class Conn:
    """One connection."""

    def __init__(self, address, tls=None, server_name="localhost", timeout=TIMEOUT, rcvbuf=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
        self.buffer = bytearray()
        self.received = bytearray()  # everything that ever came

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def more(self):
        """Reads what there is; False at the end."""
        try:
            data = self.sock.recv(65536)
        except ssl.SSLError as e:
            raise Closed(f"TLS: {e}") from None
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.buffer += data
        self.received += data
        return bool(data)

    def until(self, mark, limit=1 << 26):
        """Takes everything up to and including `mark`."""
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                return self.take(at + len(mark))
            start = max(0, len(self.buffer) - len(mark) + 1)
            assert len(self.buffer) < limit
            if not self.more():
                raise Closed(f"closed before {mark!r}; got {bytes(self.buffer[:500])!r}")

    def take(self, n):
        while len(self.buffer) < n:
            if not self.more():
                raise Closed(f"closed after {len(self.buffer)} of {n} bytes")
        out = bytes(self.buffer[:n])
        del self.buffer[:n]
        return out

    def read_head(self):
        while True:
            lines = self.until(b"\r\n\r\n")[:-4].split(b"\r\n")
            version, status, reason = (lines[0].split(b" ", 2) + [b""])[:3]
            if status != b"100":
                break
        headers = []
        for line in lines[1:]:
            name, value = line.split(b":", 1)
            headers.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        return Response(int(status), reason.decode("latin-1"), headers, version.decode())

    def pieces(self, response, method="POST"):
        """The body as it comes: chunks, or what a read gave. Raises Closed when it is cut."""
        if method == "HEAD" or response.status in (204, 304):
            response.complete = True
            return
        if (response.get("transfer-encoding") or "").lower() == "chunked":
            while True:
                size = int(self.until(b"\r\n")[:-2].split(b";")[0], 16)
                if size == 0:
                    break
                data = self.take(size + 2)
                assert data[-2:] == b"\r\n"
                yield data[:-2]
            while True:
                line = self.until(b"\r\n")
                if line == b"\r\n":
                    break
                response.trailers.append(line)
        elif response.get("content-length") is not None:
            left = int(response.get("content-length"))
            while left:
                if not self.buffer and not self.more():
                    raise Closed(f"closed {left} bytes before the end")
                data = self.take(min(left, len(self.buffer)))
                left -= len(data)
                yield data
        else:
            while self.buffer or self.more():
                yield self.take(len(self.buffer))
        response.complete = True

    def read(self, method="POST", partial=False):
        """A whole response. With `partial`, a cut body is given as far as it came."""
        response = self.read_head()
        body = bytearray()
        try:
            for piece in self.pieces(response, method):
                body += piece
        except Closed:
            if not partial:
                raise
        response.body = bytes(body)
        return response

    def request(self, method, path, body=None, headers=(), key=None):
        try:
            self.send(request_bytes(method, path, body, headers, key))
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before it had all, and closed: what it said can still be read
        return self.read(method)

    def events(self, response):
        """Yields the raw text of each SSE event (with its blank line) as it comes."""
        data = b""
        for piece in self.pieces(response):
            data += piece
            while b"\n\n" in data:
                event, data = data.split(b"\n\n", 1)
                yield event + b"\n\n"
        if data:
            yield data

    def at_end(self, seconds=LONG):
        """True when the other side closes within that time; what else it sends is in `received`."""
        self.sock.settimeout(seconds)
        try:
            while self.more():
                pass
        except (TimeoutError, socket.timeout):
            return False
        except (Closed, OSError):
            pass
        finally:
            self.sock.settimeout(TIMEOUT)
        return True

    def is_silent(self, seconds):
        """True when nothing comes (and nothing ends) for that long."""
        self.sock.settimeout(seconds)
        try:
            self.more()
            return False
        except (TimeoutError, socket.timeout):
            return True
        finally:
            self.sock.settimeout(TIMEOUT)


def request_bytes(method, path, body=None, headers=(), key=None, host="localhost"):
    """A plain request. `body` may be a dictionary (sent as compact JSON), bytes or None."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    names = {n.lower() for n, _ in headers}
    lines = [f"{method} {path} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {host}")
    if key is not None:
        lines.append(f"Authorization: Bearer {getattr(key, 'text', key)}")
    if body is not None and "content-type" not in names:
        lines.append("Content-Type: application/json")
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{n}: {v}" for n, v in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def fetch(address, method, path, body=None, headers=(), key=None, tls=None, timeout=TIMEOUT):
    """One request on a connection of its own."""
    with Conn(address, tls=tls, timeout=timeout) as c:
        return c.request(method, path, body, headers, key)


def chat_body(model="m", stream=False, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    if stream:
        body["stream"] = True
    body.update(more)
    return body


def chat(gateway, body=None, headers=(), key=True, path="/v1/chat/completions", **more):
    """One chat call to a gateway: the whole response."""
    key = gateway.key if key is True else key
    return fetch(gateway.address, "POST", path, body if body is not None else chat_body(**more), headers, key)


def deadline(seconds):
    """A function that gives the seconds left."""
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()
