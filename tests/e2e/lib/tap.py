"""A wire-tap on loopback: forwards every byte both ways as it comes and keeps a copy, read as HTTP/1.1 afterwards. For clients whose
requests and answers no test can see otherwise."""

import collections
import http.client
import io
import socket
import threading

Exchange = collections.namedtuple("Exchange", "method target headers body status answer_headers answer")


class Replay:
    """The socket that http.client reads a kept stream from."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def makefile(self, *_):
        return self

    def __getattr__(self, name):
        return getattr(self.file, name)

    def close(self):
        pass


class Nowhere:
    """A proxy that leads nowhere and keeps what it was asked for."""

    def __init__(self):
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._refuse, args=(client,), daemon=True).start()

    def _refuse(self, client):
        with client:
            try:
                client.settimeout(30)
                self.asked.append(client.recv(1 << 16).split(b"\r\n")[0].decode("latin-1"))
                client.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            except OSError:
                pass

    def close(self):
        self._listener.close()


class Tap:
    def __init__(self, address):
        self.target = address
        self.wires = []  # of each connection: [bytes of the client, bytes of the server]
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = self._listener.getsockname()[:2]
        self.url = f"http://127.0.0.1:{self.address[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=30)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            wire = [bytearray(), bytearray()]
            with self._lock:
                self.wires.append(wire)
            for a, b, copy in ((client, server, wire[0]), (server, client, wire[1])):
                threading.Thread(target=self._pump, args=(a, b, copy), daemon=True).start()

    def _pump(self, source, sink, copy):
        try:
            while data := source.recv(1 << 16):
                with self._lock:
                    copy += data
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def exchanges(self):
        """What was asked and answered so far, connection by connection; status None: no answer came."""
        found = []
        with self._lock:
            wires = [(bytes(a), bytes(b)) for a, b in self.wires]
        for asked, answered in wires:
            replay = Replay(answered)
            for method, target, headers, body in requests_of(asked):
                answer = http.client.HTTPResponse(replay, method=method)
                try:
                    answer.begin()
                    data = answer.read()
                except (http.client.HTTPException, ValueError):
                    found.append(Exchange(method, target, headers, body, None, {}, b""))
                    break
                found.append(Exchange(method, target, headers, body, answer.status, {k.lower(): v for k, v in answer.getheaders()}, data))
        return found

    def close(self):
        self._listener.close()


def requests_of(data):
    while data:
        head, mark, rest = data.partition(b"\r\n\r\n")
        if not mark:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target = first.split(" ")[:2]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, rest = chunks_of(rest)
        else:
            n = int(headers.get("content-length", 0))
            body, rest = rest[:n], rest[n:]
        yield method, target, headers, body
        data = rest


def chunks_of(data):
    body = b""
    while True:
        size, _, rest = data.partition(b"\r\n")
        n = int(size or b"0", 16)
        body, data = body + rest[:n], rest[n + 2:]
        if n == 0:
            return body, data
