"""Requests in the provider's own dialect arrive as the client wrote them, byte for byte, but for what must change."""

import json

import pytest

from raw import error_of, post

# Numbers that parsers round, spacing that writers leave out, fields that nobody knows, escapes that need not be.
WRITTEN = (
    '{ "temperature": 1e0,\n\t"model" : MODEL , "max_tokens":100,"messages":[{"role":"user" ,"content":"h\\u0069 \\/ TEXT"}],\n'
    '"x_new" : {"big": 12345678901234567890123, "small": 1.0e-7, "twice": 1, "twice": 2.50, "null":null }MORE}\r\n'
)


def written(model, text="", more=""):
    return WRITTEN.replace("MODEL", json.dumps(model)).replace("TEXT", text).replace("MORE", more)


@pytest.mark.parametrize("text", ["", "and \\ud83d\\ude00"], ids=["plain", "escapes"])
def test_what_need_not_change_stays(mock, gateway, dialect, text):
    model = mock.says("ok")
    reply = post(gateway, dialect, written(f"{dialect}:{model}", text).encode())
    assert reply.status == 200, reply.text
    assert mock.only_request(model)["body"] == written(model, text)


def test_of_what_was_found_nothing_else_changes(mock, gateway, dialect):
    model = mock.says("ok")
    card = "\\u0034111 1111 1111 1111"
    reply = post(gateway, dialect, written(f"{dialect}:{model}", f"pay {card} \\u00e9").encode())
    assert reply.status == 200, reply.text
    assert mock.only_request(model)["body"] == written(model, "pay [REDACTED:credit_card] \\u00e9")


def test_usage_is_asked_for_and_nothing_else(mock, gateway):
    model = mock.says("ok")
    asked = ', "stream" : true, "stream_options": { "include_obfuscation" : false , "x": 1e2 }'
    told = ', "stream" : true, "stream_options": { "include_obfuscation" : false , "x": 1e2,"include_usage":true }'
    reply = post(gateway, "openai", written(f"openai:{model}", more=asked).encode())
    assert reply.status == 200, reply.text
    assert mock.only_request(model)["body"].replace(" ", "") == written(model, more=told).replace(" ", "")


@pytest.mark.parametrize("more", [', "model": "other"', ', "stream": false, "str\\u0065am": true', ', "x_new": 1'])
def test_a_field_given_twice_at_the_top_is_refused(mock, gateway, dialect, more):
    """Whoever reads the body next might believe the other one."""
    model = mock.says("ok")
    reply = post(gateway, dialect, written(f"{dialect}:{model}", more=more).encode())
    assert reply.status == 400
    assert "twice" in error_of(dialect, reply.json)["message"]
    assert mock.requests(model) == []


def test_a_part_that_says_twice_what_it_is_is_refused(mock, gateway, dialect):
    model = mock.says("ok")
    part = '{"type": "text", "text": "hello", "type": "image", "source": {}}'
    body = written(f"{dialect}:{model}").replace('"h\\u0069 \\/ "', f"[{part}]")
    reply = post(gateway, dialect, body.encode())
    assert reply.status == 400
    assert "say once what it is" in error_of(dialect, reply.json)["message"]
    assert mock.requests(model) == []
