"""The mock providers themselves: if the SDKs understand them, a failure elsewhere is the gateway's."""

import json

import anthropic
import openai
import pytest

from callers import Anthropic, OpenAI

USAGE = {"input": 100, "cache_read": 20, "output": 30, "reasoning": 10}
WIRES = [
    {},
    {"bytes": 1},
    {"bytes": 7, "crlf": True},
    {"comments": True, "split_data": True, "escape": True},
]


class Direct:
    """A mock in the place of the gateway."""

    def __init__(self, mock):
        self.mock = mock

    def caller(self, dialect):
        if dialect == "openai":
            return OpenAI(openai.OpenAI(api_key="k", base_url=self.mock.url + "/v1", max_retries=0))
        return Anthropic(anthropic.Anthropic(api_key="k", base_url=self.mock.url, max_retries=0))


@pytest.fixture
def direct(mock, dialect):
    return Direct(mock).caller(dialect)


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_text_and_usage(mock, direct, stream, wire):
    script = {"reply": {"parts": [{"text": "Grüße, 世界 😀"}], "every": 2, "usage": USAGE}, "wire": wire}
    answer = direct.ask(mock.script(script), stream=stream)
    assert answer.text == "Grüße, 世界 😀"
    assert (answer.input, answer.cached, answer.output) == (100, 20, 30)
    assert answer.stop == direct.stops["end"]


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_parallel_tools(mock, direct, stream, wire):
    calls = [("call_1", "weather", {"city": "Bonn é"}), ("call_2", "weather", {})]
    parts = [{"tool": {"id": id, "name": name, "arguments": arguments}} for id, name, arguments in calls]
    answer = direct.ask(mock.script({"reply": {"parts": parts, "every": 1}, "wire": wire}), stream=stream)
    assert [(id, name, json.loads(arguments)) for id, name, arguments in answer.tools] == calls
    assert answer.stop == direct.stops["tool"]


def test_thinking(mock, direct, stream):
    parts = [{"thinking": {"text": "Hmm.", "signature": "c2ln"}}, {"text": "Yes."}]
    answer = direct.ask(mock.script({"reply": {"parts": parts, "every": 1}}), stream=stream)
    assert (answer.thinking, answer.text) == ("Hmm.", "Yes.")


def test_errors_and_sequences(mock, direct):
    model = mock.script({"error": {"status": 429, "headers": {"retry-after": "7"}}}, {"error": {"status": 529}}, {})
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError)) as caught:
        direct.ask(model)
    assert caught.value.response.headers["retry-after"] == "7"
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
        direct.ask(model)
    direct.ask(model)
    assert len(mock.requests(model)) == 3


def test_requests_are_kept_as_they_came(mock, direct):
    model = mock.says("ok")
    direct.ask(model, text="a canary")
    request = mock.only_request(model)
    assert "a canary" in request["body"] and request["method"] == "POST"
    assert request["ended"] == "sent"


def test_a_cut_stream_ends_early(mock, direct):
    model = mock.script({"reply": {"parts": [{"text": "x" * 100}], "every": 1}, "wire": {"cut": {"after": 900}}})
    with pytest.raises(Exception):
        assert direct.ask(model, stream=True).stop
