//! Requests that are refused, and what the refusal says.

use serde_json::{Value, json};
use workjet_router::{ApiError, Inbound, Outbound, RequestErrorKind};

use crate::fixtures::{INBOUNDS, pairs, parsed, request};

#[test]
fn a_model_name_cannot_bend_the_path() {
    let bent = [
        "../../v1/files",
        "gemini#",
        "a@evil.example",
        "a/b",
        "a?key=x",
        "a%2f..",
        "a b",
        "",
        "..",
        ".",
        "a\\b",
        "a\nb",
        "ａ",
        "x:generateContent",
    ];
    for inbound in INBOUNDS {
        for model in bent {
            let error = parsed(inbound, json!({}))
                .encode(Outbound::Google, model)
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.path()),
                (RequestErrorKind::BadValue, "model"),
                "{model}"
            );
            for outbound in [Outbound::OpenAi, Outbound::Anthropic, Outbound::Ollama] {
                let path = parsed(inbound, json!({})).encode(outbound, model).unwrap().path;
                assert!(["chat/completions", "v1/messages", "api/chat"].contains(&path.as_str()));
            }
        }
        let sent = parsed(inbound, json!({"stream": true}))
            .encode(Outbound::Google, "models/gemini-2.5-pro")
            .unwrap();
        assert_eq!(
            sent.url("https://generativelanguage.googleapis.com/"),
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
        );
    }
}

#[test]
fn wrong_types_are_named_by_their_path_and_never_by_their_value() {
    let cases = [
        (Inbound::OpenAiChat, json!({"messages": "secret"}), "messages"),
        (
            Inbound::OpenAiChat,
            json!({"messages": ["secret"]}),
            "messages[0]",
        ),
        (
            Inbound::OpenAiChat,
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[0].content",
        ),
        (
            Inbound::OpenAiChat,
            json!({"messages": [{"content": "secret"}]}),
            "messages[0].role",
        ),
        (
            Inbound::OpenAiChat,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]}),
            "messages[0].content[0].text",
        ),
        (
            Inbound::OpenAiChat,
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": ["secret"]}}]}]}),
            "messages[0].tool_calls[0].function.name",
        ),
        (
            Inbound::OpenAiChat,
            json!({"messages": [{"role": "tool", "content": "secret"}]}),
            "messages[0].tool_call_id",
        ),
        (Inbound::OpenAiChat, json!({"stream": "secret"}), "stream"),
        (Inbound::OpenAiChat, json!({"max_tokens": -1}), "max_tokens"),
        (
            Inbound::OpenAiChat,
            json!({"temperature": "secret"}),
            "temperature",
        ),
        (Inbound::OpenAiChat, json!({"stop": ["a", 7]}), "stop[1]"),
        (
            Inbound::OpenAiChat,
            json!({"tools": [{"type": "function"}]}),
            "tools[0].function",
        ),
        (
            Inbound::OpenAiChat,
            json!({"stream_options": {"include_usage": 1}}),
            "stream_options.include_usage",
        ),
        (Inbound::OpenAiChat, json!({"model": ["secret"]}), "model"),
        (
            Inbound::AnthropicMessages,
            json!({"max_tokens": null}),
            "max_tokens",
        ),
        (Inbound::AnthropicMessages, json!({"system": 7}), "system"),
        (
            Inbound::AnthropicMessages,
            json!({"messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (
            Inbound::AnthropicMessages,
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": "secret"}]}]}),
            "messages[0].content[0].input",
        ),
        (
            Inbound::AnthropicMessages,
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": 7}}]}]}]}),
            "messages[0].content[0].content[0].source.data",
        ),
        (
            Inbound::AnthropicMessages,
            json!({"stop_sequences": [7]}),
            "stop_sequences[0]",
        ),
        (
            Inbound::AnthropicMessages,
            json!({"thinking": {"type": "enabled"}}),
            "thinking.budget_tokens",
        ),
    ];
    for (inbound, more, path) in cases {
        let error = inbound.parse(request(inbound, more)).unwrap_err();
        assert_eq!(error.path(), path);
        assert!(error.to_string().starts_with(path), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        let told = ApiError::from(error);
        assert_eq!((told.status, told.param.as_deref()), (400, Some(path)));
    }
    for inbound in INBOUNDS {
        let error = inbound.parse(json!(["secret"])).unwrap_err();
        assert_eq!(error.to_string(), "the body must be an object");
    }
}

fn refusal(inbound: Inbound, outbound: Outbound, more: Value) -> String {
    let error = parsed(inbound, more).encode(outbound, "m").unwrap_err();
    assert_eq!(ApiError::from(error.clone()).code, "unsupported_field");
    assert_eq!(error.kind(), RequestErrorKind::Unsupported);
    error.path().to_owned()
}

#[test]
fn a_field_that_changes_the_meaning_is_refused_by_name() {
    use Inbound::{AnthropicMessages, OpenAiChat};
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    let audio = json!({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}});
    let says = |parts: Value| json!({"messages": [{"role": "user", "content": parts}]});
    let cases = [
        (OpenAiChat, Outbound::Anthropic, json!({"n": 2}), "n"),
        (
            OpenAiChat,
            Outbound::Google,
            json!({"logit_bias": {"50256": -100}}),
            "logit_bias",
        ),
        (
            OpenAiChat,
            Outbound::Ollama,
            json!({"logprobs": true}),
            "logprobs",
        ),
        (
            OpenAiChat,
            Outbound::Anthropic,
            json!({"presence_penalty": 0.5}),
            "presence_penalty",
        ),
        (
            OpenAiChat,
            Outbound::Anthropic,
            json!({"response_format": {"type": "json_object"}}),
            "response_format.type",
        ),
        (
            OpenAiChat,
            Outbound::Anthropic,
            json!({"web_search_options": {}}),
            "web_search_options",
        ),
        (
            OpenAiChat,
            Outbound::Google,
            json!({"modalities": ["text", "audio"]}),
            "modalities",
        ),
        (
            OpenAiChat,
            Outbound::Google,
            json!({"tools": [{"type": "custom", "custom": {"name": "f"}}]}),
            "tools[0].type",
        ),
        (
            OpenAiChat,
            Outbound::Google,
            json!({"tools": tools, "parallel_tool_calls": false}),
            "parallel_tool_calls",
        ),
        (
            OpenAiChat,
            Outbound::Ollama,
            json!({"tools": tools, "tool_choice": "required"}),
            "tool_choice",
        ),
        (
            OpenAiChat,
            Outbound::Google,
            says(json!([image])),
            "messages[0].content[0].image_url.url",
        ),
        (
            OpenAiChat,
            Outbound::Anthropic,
            says(json!([{"type": "text", "text": "x"}, audio])),
            "messages[0].content[1].input_audio.data",
        ),
        (
            OpenAiChat,
            Outbound::Anthropic,
            says(json!([{"type": "of_tomorrow"}])),
            "messages[0].content[0].type",
        ),
        (
            OpenAiChat,
            Outbound::Anthropic,
            json!({"messages": [{"role": "function", "name": "f", "content": "x"}]}),
            "messages[0].role",
        ),
        (AnthropicMessages, Outbound::OpenAi, json!({"top_k": 5}), "top_k"),
        (
            AnthropicMessages,
            Outbound::OpenAi,
            json!({"mcp_servers": []}),
            "mcp_servers",
        ),
        (
            AnthropicMessages,
            Outbound::OpenAi,
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            "tools[0].type",
        ),
        (
            AnthropicMessages,
            Outbound::Ollama,
            json!({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
            "tool_choice.disable_parallel_tool_use",
        ),
        (
            AnthropicMessages,
            Outbound::OpenAi,
            says(
                json!([{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}]}]),
            ),
            "messages[0].content[0].content[0].source.data",
        ),
    ];
    for (inbound, outbound, more, path) in cases {
        assert_eq!(refusal(inbound, outbound, more), path);
    }
}

#[test]
fn a_field_that_nobody_knows_is_refused_without_repeating_its_name() {
    for (inbound, outbound) in pairs().filter(|(inbound, outbound)| !inbound.is_same_as(*outbound)) {
        let path = refusal(inbound, outbound, json!({"4111111111111111": true}));
        assert_eq!(path, "*");
    }
}

#[test]
fn defaults_that_are_spelled_out_are_no_reason_to_refuse() {
    let spelled = json!({"n": 1, "logprobs": false, "logit_bias": {}, "presence_penalty": 0, "modalities": ["text"],
        "response_format": {"type": "text"}, "parallel_tool_calls": true, "verbosity": "medium", "temperature": 1});
    for outbound in [Outbound::Anthropic, Outbound::Google, Outbound::Ollama] {
        parsed(Inbound::OpenAiChat, spelled.clone())
            .encode(outbound, "m")
            .unwrap();
    }
}

#[test]
fn a_value_that_the_provider_cannot_take_is_refused() {
    let error = parsed(Inbound::OpenAiChat, json!({"temperature": 1.5}))
        .encode(Outbound::Anthropic, "c")
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (RequestErrorKind::BadValue, "temperature")
    );

    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "[secret"}});
    let request = parsed(
        Inbound::OpenAiChat,
        json!({"messages": [{"role": "assistant", "tool_calls": [call]}]}),
    );
    for outbound in [Outbound::Anthropic, Outbound::Google, Outbound::Ollama] {
        let error = request.encode(outbound, "m").unwrap_err();
        assert_eq!(error.path(), "messages[0].tool_calls[0].function.arguments");
        assert!(!error.to_string().contains("secret"));
    }

    let lost = json!({"messages": [{"role": "tool", "tool_call_id": "gone", "content": "x"}]});
    for outbound in [Outbound::Google, Outbound::Ollama] {
        let error = parsed(Inbound::OpenAiChat, lost.clone())
            .encode(outbound, "m")
            .unwrap_err();
        assert_eq!(error.path(), "messages[0].tool_call_id");
    }
}

#[test]
fn debug_output_shows_no_text() {
    let request = parsed(Inbound::OpenAiChat, json!({"user": "secret"}));
    let sent = request.encode(Outbound::OpenAi, "m").unwrap();
    assert!(!format!("{request:?} {sent:?}").contains("secret"));
}
