"""The two SDKs behind one small interface, so that one test can be run through both."""

import dataclasses
import json


@dataclasses.dataclass
class Answer:
    text: str = ""
    refusal: str = ""
    thinking: str = ""
    # (id, name, arguments as text)
    tools: list = dataclasses.field(default_factory=list)
    # In the client's own dialect: "stop", "end_turn", …
    stop: str = ""
    model: str = ""
    # Tokens that came from no cache, tokens that did, tokens written.
    input: int = None
    cached: int = None
    output: int = None
    raw: object = None


class OpenAI:
    name = "openai"
    stops = {"end": "stop", "length": "length", "tool": "tool_calls"}

    def __init__(self, client):
        self.client = client

    def ask(self, model, text="Hello", stream=False, system=None, tools=None, messages=None, **more):
        messages = messages or [{"role": "user", "content": text}]
        if system:
            messages = [{"role": "system", "content": system}, *messages]
        if tools:
            more["tools"] = [
                {"type": "function", "function": {"name": t["name"], "description": t["description"],
                                                  "parameters": t["schema"]}}
                for t in tools
            ]
        if stream:
            more.setdefault("stream_options", {"include_usage": True})
        return self.read(self.client.chat.completions.create(model=model, messages=messages, stream=stream, **more))

    def read(self, reply):
        return self._stream(reply) if hasattr(reply, "__next__") else self._whole(reply)

    def tool_results(self, text, answer, results):
        """The conversation after the tools have run."""
        return [
            {"role": "user", "content": text},
            {"role": "assistant", "content": answer.text or None, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for id, name, arguments in answer.tools
            ]},
            *({"role": "tool", "tool_call_id": id, "content": result}
              for (id, _, _), result in zip(answer.tools, results)),
        ]

    @staticmethod
    def _usage(answer, usage):
        if usage:
            cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
            answer.cached = cached or 0
            answer.input = usage.prompt_tokens - answer.cached
            answer.output = usage.completion_tokens

    def _whole(self, reply):
        message = reply.choices[0].message
        answer = Answer(
            text=message.content or "", refusal=message.refusal or "",
            thinking=getattr(message, "reasoning_content", None) or "",
            tools=[(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or []],
            stop=reply.choices[0].finish_reason, model=reply.model, raw=reply,
        )
        self._usage(answer, reply.usage)
        return answer

    def _stream(self, chunks):
        answer, calls = Answer(raw=[]), {}
        for chunk in chunks:
            answer.raw.append(chunk)
            answer.model = chunk.model
            self._usage(answer, chunk.usage)
            for choice in chunk.choices:
                answer.stop = choice.finish_reason or answer.stop
                answer.text += choice.delta.content or ""
                answer.refusal += choice.delta.refusal or ""
                answer.thinking += getattr(choice.delta, "reasoning_content", None) or ""
                for call in choice.delta.tool_calls or []:
                    known = calls.setdefault(call.index, ["", "", ""])
                    known[0] = call.id or known[0]
                    known[1] = (call.function.name if call.function else None) or known[1]
                    known[2] += (call.function.arguments if call.function else None) or ""
        answer.tools = [tuple(call) for _, call in sorted(calls.items())]
        return answer


class Anthropic:
    name = "anthropic"
    stops = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use"}

    def __init__(self, client):
        self.client = client

    def ask(self, model, text="Hello", stream=False, system=None, tools=None, messages=None, **more):
        messages = messages or [{"role": "user", "content": text}]
        if system:
            more["system"] = system
        if tools:
            more["tools"] = [
                {"name": t["name"], "description": t["description"], "input_schema": t["schema"]} for t in tools
            ]
        more.setdefault("max_tokens", 1000)
        if stream:
            # The SDK's own accumulator: it complains where a stream is not as the API documents it.
            with self.client.messages.stream(model=model, messages=messages, **more) as events:
                return self._read(events.get_final_message())
        return self._read(self.client.messages.create(model=model, messages=messages, **more))

    def tool_results(self, text, answer, results):
        content = [{"type": "text", "text": answer.text}] if answer.text else []
        content += [
            {"type": "tool_use", "id": id, "name": name, "input": json.loads(arguments)}
            for id, name, arguments in answer.tools
        ]
        return [
            {"role": "user", "content": text},
            {"role": "assistant", "content": content},
            # Results of parallel calls go in one message.
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": result}
                for (id, _, _), result in zip(answer.tools, results)
            ]},
        ]

    @staticmethod
    def _read(message):
        blocks = {kind: [b for b in message.content if b.type == kind] for kind in ("text", "thinking", "tool_use")}
        return Answer(
            text="".join(b.text for b in blocks["text"]),
            thinking="".join(b.thinking for b in blocks["thinking"]),
            tools=[(b.id, b.name, json.dumps(b.input)) for b in blocks["tool_use"]],
            stop=message.stop_reason, model=message.model, raw=message,
            input=message.usage.input_tokens, cached=message.usage.cache_read_input_tokens or 0,
            output=message.usage.output_tokens,
        )


def caller(dialect, gateway, **options):
    return OpenAI(gateway.openai(**options)) if dialect == "openai" else Anthropic(gateway.anthropic(**options))
