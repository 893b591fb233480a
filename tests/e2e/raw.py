"""HTTP by hand: bodies that no SDK would send, and streams read event by event."""

import http.client
import json
import select
import ssl
from urllib.parse import urlsplit

from processes import PATIENCE

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def body(dialect, model, text="Hello", **more):
    """A small request in a client's dialect."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
    if dialect == "anthropic":
        body.setdefault("max_tokens", 1000)
    return body


class Connection:
    def __init__(self, gateway):
        address = urlsplit(gateway.url)
        if address.scheme == "https":
            self.connection = http.client.HTTPSConnection(
                address.hostname, address.port, context=gateway.tls(), timeout=PATIENCE
            )
        else:
            self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
        self.key = gateway.key

    def send(self, method, path, body=None, headers=None, key=...):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        headers = {"content-type": "application/json"} | (headers or {})
        key = self.key if key is ... else key
        if key is not None:
            headers.setdefault("authorization", f"Bearer {key}")
        self.connection.request(method, path, body, headers)
        return self.connection.getresponse()

    def close(self):
        self.connection.close()


class Reply:
    """A reply that has been read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.bytes = response.read()

    @property
    def text(self):
        return self.bytes.decode()

    @property
    def json(self):
        return json.loads(self.bytes)


def call(gateway, method, path, body=None, **options):
    connection = Connection(gateway)
    try:
        return Reply(connection.send(method, path, body, **options))
    finally:
        connection.close()


def post(gateway, dialect, body, **options):
    return call(gateway, "POST", PATHS[dialect], body, **options)


class Stream:
    """A streamed reply: `event()` reads the next one, `hang_up()` leaves without a word."""

    def __init__(self, gateway, dialect, body):
        self.connection = Connection(gateway)
        self.response = self.connection.send("POST", PATHS[dialect], body | {"stream": True})
        self.headers = {name.lower(): value for name, value in self.response.getheaders()}
        self.request_id = self.headers.get("x-workjet-request-id")
        self.status = self.response.status
        self.buffer = b""
        self.ended = False

    def more(self):
        """Reads what has arrived, waiting for at least one byte; false at the end."""
        try:
            chunk = self.response.read1(65536)
        except http.client.IncompleteRead:
            chunk = b""
        self.buffer += chunk
        self.ended = not chunk
        return bool(chunk)

    def ready(self):
        """Whether there is something to read already; says no only after a moment."""
        socket = self.connection.connection.sock
        if b"\n\n" in self.buffer or select.select([socket], [], [], 0.05)[0]:
            return True
        if isinstance(socket, ssl.SSLSocket):
            return socket.pending() > 0
        # What Python's own buffer holds is not in the socket any more.
        socket.settimeout(0)
        try:
            return self.response.fp is None or bool(self.response.fp.peek(1))
        finally:
            socket.settimeout(PATIENCE)

    def event(self):
        """The next event as (name, data), or None at the end; comments are left out."""
        while True:
            while b"\n\n" not in self.buffer:
                if not self.more():
                    return None
            block, self.buffer = self.buffer.split(b"\n\n", 1)
            name, data = None, []
            for line in block.decode().split("\n"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
            if data:
                text = "\n".join(data)
                return name, text if text == "[DONE]" else json.loads(text)

    def events(self):
        while (event := self.event()) is not None:
            yield event

    def hang_up(self):
        self.response.close()
        self.connection.close()

    close = hang_up

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()


def text_of(dialect, event):
    """The text that an event adds to the reply."""
    _, data = event
    if data == "[DONE]":
        return ""
    if dialect == "openai":
        choices = data.get("choices")
        deltas = [choice.get("delta", {}) for choice in choices] if isinstance(choices, list) else []
        return "".join(delta.get("content") or "" for delta in deltas)
    return data["delta"].get("text", "") if data.get("type") == "content_block_delta" else ""


def error_of(dialect, body):
    """The error inside a body or an event of either dialect; checks the shape around it."""
    if dialect == "anthropic":
        assert body["type"] == "error", body
    error = body["error"]
    assert isinstance(error["type"], str) and isinstance(error["message"], str), body
    return error
