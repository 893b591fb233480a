"""What goes wrong, as each SDK's users see it."""

import base64
import json

import anthropic
import openai
import pytest

from callers import caller
from raw import Stream, body, call, error_of, post, text_of

CARD = "4111 1111 1111 1111"
SHORT = '[timeouts]\nconnect = "2s"\nfirst_byte = "1s"\nidle = "1s"\nrequest = "20s"\n'


def sdk_error(name):
    return getattr(openai, name), getattr(anthropic, name)


def raised(client, kind, *arguments, **options):
    with pytest.raises(sdk_error(kind)) as caught:
        client.ask(*arguments, **options)
    return caught.value


def code(error):
    body = error.body if isinstance(error.body, dict) else {}
    return body.get("error", body).get("code")


@pytest.mark.parametrize("key", ["", "wrong", "wj_live_abcdefgh_" + "0" * 43 + "_000000"], ids=["none", "junk", "unknown"])
def test_a_wrong_key(gateway, dialect, key):
    reply = post(gateway, dialect, body(dialect, "openai:x"), key=key or None)
    assert reply.status == 401
    assert error_of(dialect, reply.json)["code"] == "unauthenticated"
    if key:
        assert key not in reply.text
        raised(caller(dialect, gateway, api_key=key), "AuthenticationError", "openai:x")


def test_an_unknown_model(gateway, client, dialect):
    error = raised(client, "NotFoundError", "no-such-model")
    assert (error.status_code, code(error)) == (404, "model_not_found")
    assert raised(client, "NotFoundError", "nowhere:model").status_code == 404


def test_an_unknown_path(gateway):
    assert call(gateway, "POST", "/v1/nothing", {}).status == 404
    assert call(gateway, "GET", "/v1/chat/completions").status == 405


def test_a_blocked_request_names_detector_direction_and_path_but_not_the_value(mock, own_gateway, dialect, stream):
    gateway = own_gateway('[dlp.request]\nus_ssn = "block"\n')
    model = mock.says("ok")
    error = raised(caller(dialect, gateway), "BadRequestError", f"openai:{model}", "My SSN is 536-90-4399.", stream=stream)
    assert code(error) == "dlp_blocked"
    for part in ("us_ssn", "request", "messages[0].content"):
        assert part in error.message, error.message
    assert "4399" not in str(error.body)
    assert mock.requests(model) == []
    refused = [e for e in gateway.entries() if e["kind"] == "ai.refused"]
    assert len(refused) == 1 and "4399" not in json.dumps(refused)


def test_a_warning_passes_and_is_recorded(mock, own_gateway, dialect):
    gateway = own_gateway('[dlp.request]\ncredit_card = "warn"\n')
    model = mock.says("ok")
    reply = post(gateway, dialect, body(dialect, f"{dialect}:{model}", f"Card {CARD}"))
    assert reply.headers["x-workjet-dlp"] == "request=credit_card:warn*1"
    assert CARD in mock.only_request(model)["body"]
    intent = [e for e in gateway.entries() if e["kind"] == "ai.intent"][-1]
    assert intent["findings"][0]["action"] == "warn"


def test_detectors_can_be_off(mock, own_gateway, dialect):
    gateway = own_gateway('[dlp.request]\ncredit_card = "off"\n')
    model = mock.says("ok")
    post(gateway, dialect, body(dialect, f"{dialect}:{model}", f"Card {CARD}"))
    assert CARD in mock.only_request(model)["body"]


def test_a_custom_detector(mock, own_gateway, dialect, stream):
    gateway = own_gateway('[[dlp.custom]]\nname = "employee_id"\npattern = \'EMP-[0-9]{6}\'\nrequest = "redact"\nresponse = "redact"\n')
    model = mock.says("Ask EMP-654321 today.", every=1)
    answer = caller(dialect, gateway).ask(f"{dialect}:{model}", "I am EMP-123456.", stream=stream)
    assert answer.text == "Ask [REDACTED:employee_id] today."
    assert "I am [REDACTED:employee_id]." in mock.only_request(model)["body"]


@pytest.mark.parametrize("size", ["declared", "chunked"])
def test_a_body_that_is_too_large(mock, own_gateway, dialect, size):
    gateway = own_gateway(top='max_body = "16KiB"')
    since = mock.count()
    sent = json.dumps(body(dialect, "openai:x", "x" * 20_000)).encode()
    chunks = sent if size == "declared" else iter([sent[:9000], sent[9000:]])
    reply = post(gateway, dialect, chunks)
    assert reply.status == 413
    assert error_of(dialect, reply.json)["code"] == "too_large"
    assert mock.count() == since
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        caller(dialect, gateway).ask("openai:x", "x" * 20_000)
    assert caught.value.status_code == 413


def test_rate_limit(mock, own_gateway, dialect):
    gateway = own_gateway('[limits.user]\nrequests = 1\nper = "1h"\nburst = 3\n')
    client, model = caller(dialect, gateway), mock.says("ok")
    for _ in range(3):
        client.ask(f"openai:{model}")
    error = raised(client, "RateLimitError", f"openai:{model}")
    assert code(error) == "rate_limited"
    assert 0 < int(error.response.headers["retry-after"]) <= 3600
    assert len(mock.requests(model)) == 3, "exactly the burst, from rest"
    assert [e["kind"] for e in gateway.entries() if e["kind"] == "ai.refused"] == ["ai.refused"]


# What a provider says, and what the client gets to know.
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_provider_that_fails(mock, gateway, dialect, provider, stream, status):
    model = mock.script({"error": {"status": status, "message": "go away", "headers": {"retry-after": "1"}}})
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        caller(dialect, gateway).ask(f"{provider}:{model}", stream=stream)
    error = caught.value
    assert error.status_code in ((429, 502, 503) if status == 429 else (502, 503, 504)), error
    if error.status_code == 429:
        assert int(error.response.headers["retry-after"]) >= 1
    assert error.message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_provider_that_will_not_is_asked_once(mock, gateway, dialect, provider, status):
    model = mock.script({"error": {"status": status, "message": f"card {CARD} is bad"}})
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        caller(dialect, gateway).ask(f"{provider}:{model}")
    assert len(mock.requests(model)) == 1
    # A provider that does not know the gateway's key is not the client's mistake.
    assert caught.value.status_code not in (401, 403)
    assert "1111" not in str(caught.value.body), "what a provider says in an error is inspected, too"


GARBAGE = {
    "no json": b"<html>teapot</html>",
    "invalid utf-8": b'{"choices": [{"message": {"content": "\xff\xfe"}}], "content": "\xff"}',
    "wrong types": b'{"choices": 7, "content": "x", "candidates": {}, "message": []}',
    "empty": b"",
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_provider_that_talks_nonsense(mock, gateway, dialect, provider, garbage):
    model = mock.script({"raw": {"base64": base64.b64encode(GARBAGE[garbage]).decode()}})
    reply = post(gateway, dialect, body(dialect, f"{provider}:{model}"))
    assert reply.status in (502, 503, 504)
    error_of(dialect, reply.json)
    assert "teapot" not in reply.text


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_stream_of_nonsense(mock, gateway, dialect, provider, garbage):
    framed = GARBAGE[garbage] if provider == "ollama" else b"data: " + GARBAGE[garbage] + b"\n\n"
    kind = "application/x-ndjson" if provider == "ollama" else "text/event-stream"
    model = mock.script({"raw": {"base64": base64.b64encode(framed).decode(), "content_type": kind}})
    fails_in_mid_stream_or_before(gateway, dialect, f"{provider}:{model}")


def fails_in_mid_stream_or_before(gateway, dialect, model, text=""):
    """The client learns that the reply is not whole, in its dialect: a status, or an error event and no terminator."""
    with Stream(gateway, dialect, body(dialect, model)) as reply:
        if reply.status != 200:
            assert reply.status in (502, 503, 504)
            error_of(dialect, json.loads(reply.response.read()))
            return
        events = list(reply.events())
    got = "".join(text_of(dialect, event) for event in events)
    assert text.startswith(got)
    name, last = events[-1]
    error_of(dialect, last)
    if dialect == "anthropic":
        assert name == "error"
    assert all(data != "[DONE]" and name != "message_stop" for name, data in events)


@pytest.mark.parametrize("clean", [False, True], ids=["dropped", "clean"])
@pytest.mark.parametrize("after", [1, 300, 700, 1100])
def test_a_provider_that_breaks_off(mock, gateway, dialect, provider, after, clean):
    text = "An answer that is never finished because the line went dead. " * 10
    wire = {"cut": {"after": after, "clean": clean}}
    model = mock.script({"reply": {"parts": [{"text": text}], "every": 10}, "wire": wire})
    fails_in_mid_stream_or_before(gateway, dialect, f"{provider}:{model}", text)
    with pytest.raises((openai.OpenAIError, anthropic.AnthropicError)):
        caller(dialect, gateway).ask(f"{provider}:{model}", stream=True)


def test_an_error_event_after_200(mock, gateway, dialect, provider):
    model = mock.script({"reply": {"parts": [{"text": "Hello there, friend."}], "every": 2}, "wire": {"error_after": 6}})
    fails_in_mid_stream_or_before(gateway, dialect, f"{provider}:{model}", "Hello there, friend.")
    with pytest.raises((openai.OpenAIError, anthropic.AnthropicError)):
        caller(dialect, gateway).ask(f"{provider}:{model}", stream=True)


def test_a_provider_that_hangs(mock, own_gateway, dialect, provider, stream):
    gateway = own_gateway(SHORT)
    model = mock.script({"wire": {"hang": True}})
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        caller(dialect, gateway).ask(f"{provider}:{model}", stream=stream)
    assert caught.value.status_code in (502, 503, 504)


def test_a_provider_that_hangs_in_mid_stream(mock, own_gateway, dialect, provider):
    gateway = own_gateway(SHORT)
    text = "An answer that stops without a word. " * 4
    model = mock.script({"reply": {"parts": [{"text": text}], "every": 8}, "wire": {"hang_after": 6}})
    fails_in_mid_stream_or_before(gateway, dialect, f"{provider}:{model}", text)


def test_a_provider_that_is_not_there(mock, own_gateway, dialect, stream):
    gateway = own_gateway('[[provider]]\nname = "nobody"\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        caller(dialect, gateway).ask("nobody:x", stream=stream)
    assert caught.value.status_code in (502, 503, 504)


def test_the_next_target_answers_when_the_first_fails(mock, own_gateway, dialect, stream):
    broken = mock.script({"error": {"status": 500}})
    sound = mock.says("from the second")
    gateway = own_gateway(f'[[tier]]\nname = "fast"\ntargets = ["openai:{broken}", "anthropic:{sound}"]\n')
    answer = caller(dialect, gateway).ask("fast", stream=stream)
    assert (answer.text, answer.model) == ("from the second", sound)
    [intent] = [e for e in gateway.entries() if e["kind"] == "ai.intent"]
    assert intent["targets"] == [f"openai:{broken}", f"anthropic:{sound}"]
    outcome = gateway.outcome_of(intent["request"])
    assert outcome["attempts"][0]["status"] == 500 and outcome["attempts"][-1]["target"] == f"anthropic:{sound}"


def test_no_fallback_after_the_first_byte(mock, own_gateway, dialect):
    broken = mock.script({"reply": {"parts": [{"text": "half an ans"}], "every": 1}, "wire": {"error_after": 5}})
    sound = mock.says("from the second")
    gateway = own_gateway(f'[[tier]]\nname = "fast"\ntargets = ["openai:{broken}", "anthropic:{sound}"]\n')
    fails_in_mid_stream_or_before(gateway, dialect, "fast", "half an ans")
    assert mock.requests(sound) == []
