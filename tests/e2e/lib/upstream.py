"""A provider made of scripts: keeps exactly what arrived and answers exactly the bytes it is told, with pauses and cuts.

    up = Upstream()
    up.queue(json_answer({...}))                 # for the next request
    up.answer = sse_answer([...])                # for all others
    up.answer = lambda seen: ...                 # chosen by what was asked

All servers run on one thread with one loop; `Seen` objects are handed to the tests' thread when their request is complete.
"""

import asyncio
import collections
import json
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .wait import LONG, wait_for


class Loop:
    """The servers' thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine, seconds=LONG):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def call(self, function, *args):
        self.loop.call_soon_threadsafe(function, *args)


_loop = None


def shared_loop():
    global _loop
    if _loop is None:
        _loop = Loop()
    return _loop


# ---- answers ----

class Answer:
    """Steps, done one after the other: bytes to send, seconds to pause, "fin", "rst", "hang", "close" (after sending), or a
    threading.Event to wait for. Without one of the ends the connection stays open for the next request. The first element
    may be replaced for HTTP/2 by `status`, `headers` and `parts`, which are what the bytes say."""

    def __init__(self, *steps, status=200, headers=(), parts=()):
        self.steps = list(steps)
        self.status, self.headers, self.parts = status, list(headers), list(parts)


def head_bytes(status, headers, reason="X"):
    return (f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n").encode("latin-1")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def body_answer(body, status=200, content_type="application/json", headers=()):
    """A body with its length."""
    all_headers = [("content-type", content_type), ("content-length", str(len(body))), *headers]
    return Answer(head_bytes(status, all_headers) + body, status=status,
                  headers=[("content-type", content_type), *headers], parts=[body])


def json_answer(value=None, status=200, headers=()):
    return body_answer(json.dumps(value if value is not None else completion()).encode(), status, headers=headers)


def error_answer(status, code=None, type="invalid_request_error", message="told by the script", param=None, headers=()):
    return json_answer({"error": {"message": message, "type": type, "param": param, "code": code}}, status, headers)


STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("transfer-encoding", "chunked"))


def stream_answer(*steps, headers=(), end=True):
    """A chunked event stream. Bytes are sent as one chunk each; other steps as in Answer."""
    out = [head_bytes(200, [*STREAM_HEADERS, *headers])]
    out += [chunk(s) if isinstance(s, bytes) else s for s in steps]
    if end:
        out.append(b"0\r\n\r\n")
    return Answer(*out, headers=[STREAM_HEADERS[0], *headers], parts=[s for s in steps])


def data_event(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def completion(text="Hello there.", model="upstream-model", **more):
    out = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1764000000, "model": model,
           "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": None},
                        "logprobs": None, "finish_reason": "stop"}],
           "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12,
                     "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                     "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}}}
    out.update(more)
    return out


def delta(content=None, finish=None, model="upstream-model", **more):
    out = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": model,
           "choices": [{"index": 0, "delta": {} if content is None else {"content": content},
                        "finish_reason": finish}]}
    out.update(more)
    return data_event(out)


def usage_event(prompt=9, output=3, model="upstream-model"):
    return data_event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": model,
                       "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": output,
                                                "total_tokens": prompt + output}})


def chat_events(words=("Hello", " there", "."), usage=True):
    """The events of a short stream, without [DONE]."""
    out = [data_event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000,
                       "model": "upstream-model", "choices": [{"index": 0, "finish_reason": None,
                                                               "delta": {"role": "assistant", "content": ""}}]})]
    out += [delta(w) for w in words]
    out.append(delta(finish="stop"))
    if usage:
        out.append(usage_event())
    return out


def chat_answer(seen):
    """What a well-behaved provider says: a stream where one was asked for (with usage where that was), else a body."""
    try:
        asked = json.loads(seen.body)
    except ValueError:
        return error_answer(400, "bad_json")
    if seen.path.endswith("/embeddings"):
        return json_answer({"object": "list", "model": "upstream-model",
                            "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1.5, 3.0]}],
                            "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    if not asked.get("stream"):
        return json_answer()
    usage = (asked.get("stream_options") or {}).get("include_usage", False)
    return stream_answer(*chat_events(usage=usage), DONE)


# ---- what arrived ----

class Seen:
    """One request as it came."""

    def __init__(self, connection):
        self.connection = connection   # number of the connection
        self.raw_head = b""
        self.method = self.target = self.version = ""
        self.headers = []
        self.body = b""
        self.began = time.monotonic()
        self.complete_at = None
        self.complete = threading.Event()
        self.gone_at = None            # when the gateway left before the answer was over
        self.gone = threading.Event()
        self.answered = threading.Event()
        self.sent = 0                  # bytes of the answer handed to the kernel (or its queue)

    @property
    def path(self):
        return self.target.split("?")[0]

    def get(self, name):
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def left(self, when):
        self.gone_at = self.gone_at or when
        self.gone.set()


class Upstream:
    """A listening server. `tls` is a server's SSLContext; h2 "alpn" or "prior" makes it speak HTTP/2."""

    def __init__(self, tls=None, http2=None, host="127.0.0.1", backlog=4096, sndbuf=None):
        self.requests = []             # Seen, complete ones, in order
        self.connections = 0
        self.open_connections = 0
        self.answer = chat_answer
        self._queue = collections.deque()
        self._lock = threading.Lock()
        self.tls, self.http2 = tls, http2
        self.greeting = None           # bytes sent to a connection when it is accepted
        self._loop = shared_loop()
        self._transports = set()

        def protocol():
            return (H2Connection if http2 else H1Connection)(self)

        async def start():
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sndbuf:  # accepted sockets have it too: the kernel holds little for us
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
            sock.bind((host, 0))
            return await self._loop.loop.create_server(protocol, sock=sock, ssl=tls, backlog=backlog)

        self._server = self._loop.run(start())
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}/v1"

    def queue(self, *answers):
        with self._lock:
            self._queue.extend(answers)
        return self

    def next_answer(self, seen):
        with self._lock:
            chosen = self._queue.popleft() if self._queue else self.answer
        return chosen(seen) if callable(chosen) else chosen

    def took(self, seen):
        seen.complete_at = time.monotonic()
        with self._lock:
            self.requests.append(seen)
        seen.complete.set()

    def last(self):
        return self.requests[-1]

    def wait_requests(self, n):
        wait_for(lambda: len(self.requests) >= n, f"{n} requests upstream (there are {len(self.requests)})")
        return self.requests[n - 1]

    def reset(self):
        """Forgets requests and scripts; connections stay."""
        with self._lock:
            self.requests = []
            self._queue.clear()
            self.answer = chat_answer

    def drop_connections(self):
        """Closes all connections there are, as a server does that restarts. The gateway may open others meanwhile (it looks after
        jobs on its own): those stay, and nobody waits for them."""
        dropped = []

        async def drop():
            dropped.extend(self._transports)
            for transport in dropped:
                transport.close()
        self._loop.run(drop())
        wait_for(lambda: self._transports.isdisjoint(dropped), "the connections to be closed")

    def close(self):
        def stop():
            self._server.close()
            for transport in list(self._transports):
                transport.abort()
        self._loop.call(stop)


def reset_socket(transport):
    """RST instead of FIN."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Base(asyncio.Protocol):
    def __init__(self, upstream):
        self.up = upstream
        self.transport = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport):
        self.transport = transport
        self.up.connections += 1
        self.up.open_connections += 1
        self.number = self.up.connections
        self.up._transports.add(transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.up.greeting:
            transport.write(self.up.greeting)

    def connection_lost(self, exc):
        self.up.open_connections -= 1
        self.up._transports.discard(self.transport)
        self.left()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    async def wait_event(self, event):
        while not event.is_set():
            await asyncio.sleep(0.002)


class H1Connection(Base):
    """HTTP/1.1, read just as strictly as the tests need."""

    def __init__(self, upstream):
        super().__init__(upstream)
        self.buffer = bytearray()
        self.seen = None
        self.task = None
        self.need = None     # body bytes to come; "chunked"

    def left(self):
        if self.task is not None and not self.task.done():
            self.task.cancel()
        if self.seen is not None and not self.seen.answered.is_set():
            self.seen.left(time.monotonic())

    def eof_received(self):
        self.left()
        return False

    def data_received(self, data):
        self.buffer += data
        try:
            while self.task is None and self.step():
                pass
        except Exception as error:  # a malformed request is what some tests look for
            self.up.malformed = error
            self.transport.abort()

    def step(self):
        """Takes one message's head or body out of the buffer; False when more bytes are needed."""
        if self.seen is None:
            at = self.buffer.find(b"\r\n\r\n")
            if at < 0:
                return False
            seen = Seen(self.number)
            seen.raw_head = bytes(self.buffer[:at + 4])
            del self.buffer[:at + 4]
            lines = seen.raw_head[:-4].decode("latin-1").split("\r\n")
            seen.method, seen.target, seen.version = lines[0].split(" ")
            seen.headers = [tuple(p.strip() if i else p for i, p in enumerate(line.split(":", 1))) for line in lines[1:]]
            self.seen = seen
            self.raw = bytearray()
            if (seen.get("transfer-encoding") or "").lower() == "chunked":
                self.need = "chunked"
            else:
                self.need = int(seen.get("content-length") or 0)
        if self.need == "chunked":
            if not self.take_chunks():
                return False
        else:
            n = min(self.need - len(self.raw), len(self.buffer))
            self.raw += self.buffer[:n]
            del self.buffer[:n]
            if len(self.raw) < self.need:
                return False
        self.seen.body = bytes(self.raw)
        self.up.took(self.seen)
        self.task = asyncio.ensure_future(self.reply(self.seen))
        return True

    def take_chunks(self):
        while True:
            at = self.buffer.find(b"\r\n")
            if at < 0:
                return False
            size = int(bytes(self.buffer[:at]), 16)
            if len(self.buffer) < at + 2 + size + 2:
                return False
            data = self.buffer[at + 2:at + 2 + size]
            del self.buffer[:at + 4 + size]
            if size == 0:
                return True
            self.raw += data

    async def reply(self, seen):
        try:
            keep = await self.play(self.up.next_answer(seen), seen)
        except asyncio.CancelledError:
            return
        except Exception as error:
            self.up.failed = error
            self.transport.abort()
            raise
        seen.answered.set()
        self.seen = self.task = None
        if keep and self.buffer:
            self.data_received(b"")

    async def play(self, answer, seen):
        for step in answer.steps:
            if isinstance(step, (bytes, bytearray)):
                self.transport.write(step)
                await self.writable.wait()
                seen.sent += len(step)
            elif isinstance(step, (int, float)):
                await asyncio.sleep(step)
            elif isinstance(step, threading.Event):
                await self.wait_event(step)
            elif callable(step):
                await step(self, seen)
            elif step == "rst":
                seen.answered.set()
                await self.flushed()
                reset_socket(self.transport)
                return False
            elif step in ("fin", "close"):
                seen.answered.set()
                self.transport.close()
                return False
            elif step == "hang":
                await asyncio.Event().wait()
            else:
                raise ValueError(step)
        return True

    async def flushed(self):
        while self.transport.get_write_buffer_size():
            await asyncio.sleep(0.001)
        # What was written must have been read by the other side, or the reset would take it back.
        await asyncio.sleep(0.003)


class H2Connection(Base):
    """HTTP/2: each stream plays its answer's `parts`; "rst", "fin" (of the connection) and "goaway" are known as steps."""

    def __init__(self, upstream):
        super().__init__(upstream)
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.streams = {}
        self.tasks = {}
        self.window = asyncio.Event()

    def connection_made(self, transport):
        super().connection_made(transport)
        self.conn.initiate_connection()
        self.flush()

    def flush(self):
        self.transport.write(self.conn.data_to_send())

    def left(self):
        for stream_id in list(self.tasks):
            self.stream_left(stream_id)

    def stream_left(self, stream_id):
        task = self.tasks.pop(stream_id, None)
        if task is not None and not task.done():
            task.cancel()
            self.streams[stream_id].left(time.monotonic())

    def eof_received(self):
        self.left()
        return False

    def data_received(self, data):
        try:
            events = self.conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            self.up.malformed = error
            self.flush()
            self.transport.close()
            return
        for event in events:
            self.on_event(event)
        self.flush()

    def on_event(self, event):
        if isinstance(event, h2.events.RequestReceived):
            seen = Seen(self.number)
            pseudo = {n: v for n, v in event.headers if n.startswith(":")}
            seen.method, seen.target, seen.version = pseudo[":method"], pseudo[":path"], "HTTP/2"
            seen.headers = [("host", pseudo.get(":authority", ""))] + \
                [(n, v) for n, v in event.headers if not n.startswith(":")]
            self.streams[event.stream_id] = seen
        elif isinstance(event, h2.events.DataReceived):
            self.streams[event.stream_id].body += event.data
            self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            seen = self.streams[event.stream_id]
            self.up.took(seen)
            self.tasks[event.stream_id] = asyncio.ensure_future(self.reply(event.stream_id, seen))
        elif isinstance(event, h2.events.StreamReset):
            self.stream_left(event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated):
            self.window.set()

    async def send(self, stream_id, data):
        while data:
            room = min(self.conn.local_flow_control_window(stream_id), self.conn.max_outbound_frame_size)
            if room <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.conn.send_data(stream_id, data[:room])
            data = data[room:]
            self.flush()
            await self.writable.wait()

    async def reply(self, stream_id, seen):
        try:
            answer = self.up.next_answer(seen)
            headers = [(":status", str(answer.status))] + [(n, v) for n, v in answer.headers
                                                          if n.lower() not in ("transfer-encoding", "connection")]
            self.conn.send_headers(stream_id, headers)
            self.flush()
            for step in answer.parts:
                if isinstance(step, (bytes, bytearray)):
                    await self.send(stream_id, bytes(step))
                    seen.sent += len(step)
                elif isinstance(step, (int, float)):
                    await asyncio.sleep(step)
                elif isinstance(step, threading.Event):
                    await self.wait_event(step)
                elif step == "rst":
                    self.conn.reset_stream(stream_id, 2)
                    self.flush()
                    seen.answered.set()
                    return
                elif step == "goaway":
                    # By hand: the library would send nothing behind it, but a server may finish what it has begun.
                    self.transport.write(b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", stream_id, 0))
                elif step == "fin":
                    seen.answered.set()
                    self.transport.close()
                    return
                elif step == "hang":
                    await asyncio.Event().wait()
            seen.answered.set()
            self.tasks.pop(stream_id, None)
            self.conn.end_stream(stream_id)
            self.flush()
        except asyncio.CancelledError:
            return
        except Exception as error:
            self.up.failed = error
            raise


class ConnectProxy:
    """A tiny HTTP CONNECT proxy: keeps what it was asked, passes bytes both ways."""

    def __init__(self, refuse=None):
        self.heads = []
        self.refuse = refuse   # bytes to answer instead
        self.tunnels = 0
        self._loop = shared_loop()

        async def start():
            return await asyncio.start_server(self._serve, "127.0.0.1", 0)

        self._server = self._loop.run(start())
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if self.refuse is not None:
                writer.write(self.refuse)
                await writer.drain()
                return
            host, port = head.split(b" ")[1].decode().rsplit(":", 1)
            up_reader, up_writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.tunnels += 1
            await asyncio.gather(self._pass(reader, up_writer), self._pass(up_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _pass(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def close(self):
        self._loop.call(self._server.close)
