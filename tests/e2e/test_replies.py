"""What a provider says: sensitive text in any channel of a reply is redacted, however the stream is cut."""

import json

import anthropic
import openai
import pytest

from callers import caller
from raw import Stream, body, error_of, post, text_of

CARD = "4111 1111 1111 1111"
MARK = "[REDACTED:credit_card]"
SAID = f"Grüße! Pay with {CARD}, then 世界 😀 say {CARD}. The end"
HEARD = SAID.replace(CARD, MARK)

# Fragments of so many characters, sent in chunks of so many bytes, as `\u` escapes or not.
CUTS = [
    {"every": 0},
    {"every": 1},
    {"every": 2},
    {"every": 3},
    {"every": 5, "bytes": 1},
    {"every": 7, "bytes": 3, "escape": True},
    {"every": 1, "bytes": 2, "crlf": True},
    {"every": 4, "comments": True, "split_data": True},
]


@pytest.fixture(params=CUTS, ids=str)
def cut(request):
    wire = dict(request.param)
    return wire.pop("every"), wire


def reply(mock, parts, cut):
    every, wire = cut
    return mock.script({"reply": {"parts": parts, "every": every}, "wire": wire})


def test_text_is_redacted(mock, client, provider, stream, cut):
    model = reply(mock, [{"text": SAID}], cut)
    assert client.ask(f"{provider}:{model}", stream=stream).text == HEARD


def test_a_card_at_the_very_end_is_redacted(mock, client, provider, stream, cut):
    model = reply(mock, [{"text": f"It is {CARD}"}], cut)
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert answer.text == f"It is {MARK}"
    assert answer.stop == client.stops["end"]


def test_what_only_looks_like_a_card_arrives_whole(mock, client, provider, stream, cut):
    text = "Numbers: 4111 1111 1111 1112, 4111 1111, 1700000000000 and 4111"
    model = reply(mock, [{"text": text}], cut)
    assert client.ask(f"{provider}:{model}", stream=stream).text == text


def test_tool_arguments_are_redacted_and_stay_json(mock, client, provider, stream, cut):
    arguments = {
        "card": CARD, "note": f"née \"{CARD}\" \\", "number": 4111111111111111, "price": 12.5, "flag": True, "none": None,
        "list": ["fine", CARD], "deep": {"inner": {"card": CARD}},
    }
    model = reply(mock, [{"tool": {"id": "c1", "name": "pay", "arguments": arguments}}], cut)
    [(_, name, text)] = client.ask(f"{provider}:{model}", stream=stream).tools
    assert name == "pay"
    assert json.loads(text) == {
        # A number that must not be seen becomes a string.
        "card": MARK, "note": f"née \"{MARK}\" \\", "number": MARK, "price": 12.5, "flag": True, "none": None,
        "list": ["fine", MARK], "deep": {"inner": {"card": MARK}},
    }


@pytest.mark.parametrize("every", [0, 1, 3, 4])
def test_escaped_tool_arguments_are_redacted(mock, client, stream, every):
    """The card is written in escapes inside the arguments, which are a string themselves."""
    escaped = "".join(f"\\u{ord(c):04x}" for c in CARD)
    written = f'{{"card": "{escaped}", "city": "K\\u00f6ln \\ud83d\\ude00"}}'
    model = reply(mock, [{"tool": {"id": "c1", "name": "pay", "arguments": written}}], (every, {}))
    [(_, _, text)] = client.ask(f"{client.name}:{model}", stream=stream).tools
    assert json.loads(text) == {"card": MARK, "city": "Köln 😀"}


@pytest.mark.parametrize("every", [0, 1, 3])
def test_arguments_that_are_no_json_are_scanned_as_text(mock, gateway, stream, every):
    model = reply(mock, [{"tool": {"id": "c1", "name": "pay", "arguments": f"{{card: {CARD} and more"}}], (every, {}))
    [(_, _, text)] = caller("openai", gateway).ask(f"openai:{model}", stream=stream).tools
    assert "1111" not in text and MARK in text


def test_parallel_channels_do_not_mix(mock, client, provider, stream, cut):
    """Half a card at the end of one channel and half at the start of the next is no card."""
    parts = [
        {"text": "The first half is 4111 1111"},
        {"tool": {"id": "c1", "name": "a", "arguments": {"x": "1111 1111", "y": CARD}}},
        {"tool": {"id": "c2", "name": "b", "arguments": {"x": f"{CARD} 4111"}}},
    ]
    model = reply(mock, parts, cut)
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert answer.text == "The first half is 4111 1111"
    assert [json.loads(text) for _, _, text in answer.tools] == [{"x": "1111 1111", "y": MARK}, {"x": f"{MARK} 4111"}]


def test_refusals_and_reasoning_are_redacted(mock, gateway, stream, cut):
    parts = [{"thinking": {"text": f"Hmm, {CARD}?"}}, {"refusal": f"Not {CARD}."}]
    model = reply(mock, parts, cut)
    answer = caller("openai", gateway).ask(f"openai:{model}", stream=stream)
    assert answer.thinking == f"Hmm, {MARK}?"
    assert answer.refusal == f"Not {MARK}."


def test_thinking_never_shows_a_card(mock, client, provider, stream, cut):
    """Signed thinking must not be rewritten, so a card in it is refused; unsigned thinking is redacted or left out."""
    parts = [{"thinking": {"text": f"Hmm, {CARD}?", "signature": "c2ln"}}, {"text": "Yes."}]
    model = reply(mock, parts, cut)
    try:
        answer = client.ask(f"{provider}:{model}", stream=stream)
    except (openai.APIError, anthropic.APIError) as error:
        assert "1111" not in str(error)
    else:
        assert "1111" not in answer.thinking
        assert (provider, client.name) != ("anthropic", "anthropic"), "the signature would not fit any more"


def test_fields_that_nobody_knows_are_redacted(mock, gateway, dialect, stream):
    extra = {"x_new": {"deep": [f"the card {CARD}"]}}
    model = mock.script({"reply": {"parts": [{"text": "ok"}], "extra": extra}})
    sent = body(dialect, f"{dialect}:{model}")
    if stream:
        with Stream(gateway, dialect, sent) as reply:
            first = next(reply.events())[1]
    else:
        first = post(gateway, dialect, sent).json
    assert first["x_new"] == {"deep": [f"the card {MARK}"]}


def test_what_was_found_is_recorded_but_not_shown(mock, gateway, dialect, provider, stream):
    model = mock.says(SAID, every=3)
    sent = body(dialect, f"{provider}:{model}")
    if stream:
        with Stream(gateway, dialect, sent) as reply:
            list(reply.events())
            request_id = reply.request_id
    else:
        reply = post(gateway, dialect, sent)
        request_id = reply.headers["x-workjet-request-id"]
        assert "response=credit_card:redact*2" in reply.headers["x-workjet-dlp"]
    outcome = gateway.outcome_of(request_id)
    [finding] = outcome["findings"]
    assert (finding["detector"], finding["action"], finding["direction"]) == ("credit_card", "redact", "response")
    assert finding["count"] == 2
    # Four digits alone stand in a hash by chance, now and then.
    logged = json.dumps(outcome)
    assert "1111 1111" not in logged and "11111111" not in logged


BLOCK = '[dlp.response]\ncredit_card = "block"\n'


@pytest.mark.parametrize("every", [0, 1, 5])
def test_a_blocked_reply_stops_before_the_match(mock, own_gateway, dialect, provider, every):
    gateway = own_gateway(BLOCK)
    model = reply(mock, [{"text": SAID}], (every, {}))
    with Stream(gateway, dialect, body(dialect, f"{provider}:{model}")) as answer:
        assert answer.status in (200, 400, 502)
        if answer.status != 200:
            error = error_of(dialect, json.loads(answer.response.read()))
        else:
            events = list(answer.events())
            error = error_of(dialect, events[-1][1])
            text = "".join(text_of(dialect, event) for event in events[:-1])
            assert SAID.split(CARD)[0].startswith(text)
            if every:
                assert text == SAID.split(CARD)[0], "what stands before the match is the client's"
            assert all(data != "[DONE]" for _, data in events)
    assert error["code"] == "dlp_blocked"
    whole = post(gateway, dialect, body(dialect, f"{provider}:{model}"))
    assert whole.status >= 400 and "1111" not in whole.text
    assert error_of(dialect, whole.json)["code"] == "dlp_blocked"


def test_a_tool_call_waits_for_its_verdict(mock, own_gateway, dialect, provider):
    """A client may run a call as soon as it has it, so a blocked one must not begin."""
    gateway = own_gateway(BLOCK)
    parts = [{"text": "Fine."}, {"tool": {"id": "c1", "name": "pay", "arguments": {"to": "someone", "card": CARD}}}]
    model = reply(mock, parts, (2, {}))
    with Stream(gateway, dialect, body(dialect, f"{provider}:{model}")) as answer:
        events = list(answer.events()) if answer.status == 200 else []
        said = json.dumps([data for _, data in events])
    assert '"pay"' not in said and "someone" not in said
    if events:
        assert error_of(dialect, events[-1][1])["code"] == "dlp_blocked"


def test_logprobs_would_repeat_the_text(mock, gateway):
    model = mock.says("ok")
    refused = post(gateway, "openai", body("openai", f"openai:{model}", logprobs=True, top_logprobs=2))
    assert refused.status == 400
    assert "logprobs" in refused.json["error"]["message"]
    assert mock.requests(model) == []


def test_logprobs_pass_when_no_reply_is_changed(mock, own_gateway):
    detectors = ["credit_card", "us_ssn", "email", "phone", "aws_key", "api_secret"]
    gateway = own_gateway("[dlp.response]\n" + "".join(f'{name} = "warn"\n' for name in detectors))
    model = mock.says("ok")
    assert post(gateway, "openai", body("openai", f"openai:{model}", logprobs=True)).status == 200
