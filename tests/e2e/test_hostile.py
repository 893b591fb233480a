"""Bodies that no SDK would send."""

import gzip
import json
import socket
from urllib.parse import urlsplit

import pytest

from raw import body, call, error_of, post

MALFORMED = {
    "nothing": b"",
    "no json": b"hello",
    "cut": b'{"model": "openai:x", "messages": [',
    "two documents": b'{"model": "openai:x"} {"model": "openai:x"}',
    "invalid utf-8": b'{"model": "openai:x", "messages": [{"role": "user", "content": "\xff"}]}',
    "lone surrogate": b'{"model": "openai:x", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "a list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "deep inside": b'{"model": "openai:x", "messages": ' + b'[{"a":' * 50_000,
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_body_is_refused(mock, gateway, dialect, case):
    since = mock.count()
    reply = post(gateway, dialect, MALFORMED[case])
    assert reply.status == 400, reply.text
    error_of(dialect, reply.json)
    assert mock.count() == since


WRONG = [
    {"model": 7}, {"model": None}, {"model": ""}, {"messages": "hi"}, {"messages": None}, {"messages": [7]}, {"messages": {}},
    {"messages": [{"role": 7, "content": "x"}]}, {"messages": [{"role": "user", "content": 7}]},
    {"messages": [{"content": "x"}]}, {"stream": "yes"}, {"tools": "all"}, {"tools": [7]}, {"max_tokens": "many"},
    {"max_tokens": -1}, {"temperature": "hot"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_wrong_types_are_refused(mock, gateway, dialect, provider, wrong):
    """Refused here, or by a provider of the same dialect that saw them as they were; never a crash, never a guess."""
    model = mock.says("ok")
    reply = post(gateway, dialect, body(dialect, f"{provider}:{model}") | wrong)
    if reply.status == 200:
        assert provider == dialect, "a translation must understand what it translates"
    else:
        assert reply.status in (400, 404), reply.text
        error_of(dialect, reply.json)


@pytest.mark.parametrize("missing", ["model", "messages", "max_tokens"])
def test_missing_fields_are_refused(mock, gateway, missing):
    sent = body("anthropic", f"openai:{mock.says('ok')}")
    del sent[missing]
    reply = post(gateway, "anthropic", sent)
    assert reply.status == 400
    assert missing in error_of("anthropic", reply.json)["message"]


def test_a_field_given_twice_hides_nothing(mock, gateway, dialect):
    """Parsers disagree about which of two equal keys counts, so neither may reach a provider uninspected."""
    model = mock.says("ok")
    text = json.dumps(body(dialect, f"{dialect}:{model}", "harmless"))
    for twice in (
        text.replace('"content": "harmless"', '"content": "4111 1111 1111 1111", "content": "harmless"'),
        text.replace('"content": "harmless"', '"content": "harmless", "content": "4111 1111 1111 1111"'),
    ):
        post(gateway, dialect, twice.encode())
    assert all("4111" not in request["body"] for request in mock.requests(model))


def test_escaped_text_hides_nothing(mock, gateway, dialect):
    model = mock.says("ok")
    escaped = "".join(f"\\u{ord(c):04x}" for c in "4111 1111 1111 1111")
    text = json.dumps(body(dialect, f"{dialect}:{model}", "CARD")).replace("CARD", escaped)
    assert post(gateway, dialect, text.encode()).status == 200
    sent = json.loads(mock.only_request(model)["body"])
    assert sent["messages"][0]["content"] == "[REDACTED:credit_card]"


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "only said to be"])
def test_an_encoded_body_is_not_passed_blindly(mock, gateway, dialect, packed):
    """What a provider would unpack must have been unpacked here, or refused."""
    model = mock.says("ok")
    text = json.dumps(body(dialect, f"{dialect}:{model}", "4111 1111 1111 1111")).encode()
    sent = gzip.compress(text) if packed else text
    reply = post(gateway, dialect, sent, headers={"content-encoding": "gzip"})
    assert reply.status in (200, 400, 415)
    for request in mock.requests(model):
        assert "[REDACTED:credit_card]" in request["body"]
        assert "content-encoding" not in {name for name, _ in request["headers"]}


def test_request_ids_are_the_gateways_own(mock, gateway, dialect):
    ids = set()
    for _ in range(3):
        reply = post(gateway, dialect, body(dialect, "no-such"), headers={"x-workjet-request-id": "mine", "x-request-id": "mine"})
        ids.add(reply.headers["x-workjet-request-id"])
    assert len(ids) == 3 and "mine" not in ids


def test_open_paths_need_no_key_and_say_nothing(gateway):
    for path in ("/healthz", "/readyz"):
        reply = call(gateway, "GET", path, key=None)
        assert reply.status == 200
        assert "default" not in reply.text
    assert call(gateway, "GET", "/metrics", key=None).status in (401, 403, 404)
    assert call(gateway, "GET", "/metrics").status in (401, 403, 404), "a caller's key is no token for metrics"


def test_plain_http_and_tls_1_2_are_refused(gateway):
    import ssl

    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert not plain.recv(1024).startswith(b"HTTP/1.1 200")
    old = gateway.tls()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError), socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        old.wrap_socket(raw, server_hostname="localhost")


def test_the_certificate_is_for_this_machine_and_pinned_by_its_key(gateway):
    import hashlib
    import ssl

    assert gateway.announced["pin"].startswith("sha256/")
    address = urlsplit(gateway.url)
    for name in ("localhost", "127.0.0.1", "::1"):
        with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
            with gateway.tls().wrap_socket(raw, server_hostname=name) as tls:
                assert tls.version() == "TLSv1.3"
                assert hashlib.sha256(tls.getpeercert(True)).digest()
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        with pytest.raises(ssl.SSLCertVerificationError):
            gateway.tls().wrap_socket(raw, server_hostname="example.com")
