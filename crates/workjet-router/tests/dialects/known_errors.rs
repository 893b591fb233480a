//! What other gateways got wrong, one test each.

use serde_json::{Value, json};
use workjet_router::{Data, Inbound, Outbound, ReplyTranslator, Usage};

use crate::assemble::assemble;
use crate::fixtures::{named_sse, parsed, run, sse, stamp, stream, translator};

fn whole_usage(outbound: Outbound, inbound: Inbound, body: &Value) -> Usage {
    let translator = ReplyTranslator::new(outbound, inbound, &parsed(inbound, json!({})), stamp());
    translator
        .reply(&serde_json::to_vec(body).unwrap())
        .unwrap()
        .usage
}

fn anthropic_usage(usage: &Value) -> Usage {
    let body = json!({"id": "m", "model": "c", "content": [], "stop_reason": "end_turn", "usage": usage});
    let passed = whole_usage(Outbound::Anthropic, Inbound::AnthropicMessages, &body);
    assert_eq!(
        passed,
        whole_usage(Outbound::Anthropic, Inbound::OpenAiChat, &body)
    );
    passed
}

fn openai_usage(usage: &Value) -> Usage {
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"});
    let body = json!({"id": "c", "model": "g", "choices": [choice], "usage": usage});
    let passed = whole_usage(Outbound::OpenAi, Inbound::OpenAiChat, &body);
    assert_eq!(
        passed,
        whole_usage(Outbound::OpenAi, Inbound::AnthropicMessages, &body)
    );
    passed
}

#[test]
fn cache_creation_is_charged_once() {
    let split = json!({"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100});
    let usage = anthropic_usage(&json!({
        "input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 300, "cache_creation": split,
    }));
    assert_eq!(
        (usage.cache_write_5m, usage.cache_write_1h),
        (Some(200), Some(100))
    );
    assert_eq!(usage.total_input(), Some(310));

    let usage =
        anthropic_usage(&json!({"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 300}));
    assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (Some(300), None));
}

#[test]
fn cached_tokens_are_no_input_at_the_full_rate() {
    let usage = openai_usage(&json!({
        "prompt_tokens": 2_019, "completion_tokens": 120, "prompt_tokens_details": {"cached_tokens": 1_920},
    }));
    assert_eq!((usage.input, usage.cache_read), (Some(99), Some(1_920)));
    let usage =
        anthropic_usage(&json!({"input_tokens": 99, "cache_read_input_tokens": 1_920, "output_tokens": 1}));
    assert_eq!((usage.input, usage.cache_read), (Some(99), Some(1_920)));
}

#[test]
fn cumulative_usage_is_not_summed_and_a_missing_field_zeroes_nothing() {
    let bytes = named_sse(&[
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {
            "input_tokens": 50, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}, "output_tokens": 1,
        }}}),
        json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 10}}),
        json!({"type": "message_delta", "delta": {}, "usage": {"input_tokens": 60, "cache_creation_input_tokens": 30, "output_tokens": 25}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 40, "input_tokens": null}}),
        json!({"type": "message_stop"}),
    ]);
    for inbound in [Inbound::AnthropicMessages, Inbound::OpenAiChat] {
        let mut translator = translator(Outbound::Anthropic, inbound);
        let (_, end) = run(&mut translator, [bytes.as_slice()]);
        assert_eq!(end, Ok(()));
        let usage = translator.usage();
        assert_eq!(
            (usage.input, usage.output, usage.cache_read),
            (Some(60), Some(40), Some(7))
        );
        assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (Some(10), Some(20)));
    }
}

#[test]
fn an_explicit_zero_is_a_value() {
    let usage =
        anthropic_usage(&json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}));
    assert_eq!(
        (usage.input, usage.cache_read, usage.output),
        (Some(0), Some(0), Some(0))
    );
    assert!(usage.is_complete());
    let usage = openai_usage(&json!(null));
    assert_eq!(usage, Usage::default());
    assert!(!usage.is_complete());
}

#[test]
fn what_a_stream_cost_so_far_is_known_when_the_client_hangs_up() {
    let bytes = stream(Outbound::Anthropic, "text");
    let mut translator = translator(Outbound::Anthropic, Inbound::OpenAiChat);
    translator.push(&bytes[..900]).unwrap();
    assert_eq!(translator.usage().input, Some(99));
    assert!(!translator.is_complete());
}

#[test]
fn reasoning_is_a_part_of_the_output() {
    let usage = openai_usage(&json!({
        "prompt_tokens": 1, "completion_tokens": 120, "completion_tokens_details": {"reasoning_tokens": 64},
    }));
    assert_eq!((usage.output, usage.reasoning), (Some(120), Some(64)));

    // Google counts thoughts apart from what the candidates say.
    let mut translator = translator(Outbound::Google, Inbound::OpenAiChat);
    let (_, end) = run(&mut translator, [stream(Outbound::Google, "text").as_slice()]);
    assert_eq!(end, Ok(()));
    assert_eq!(
        (translator.usage().output, translator.usage().reasoning),
        (Some(120), Some(64))
    );
}

#[test]
fn reasoning_that_is_counted_apart_is_counted() {
    let usage = openai_usage(&json!({
        "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 94,
        "completion_tokens_details": {"reasoning_tokens": 64},
    }));
    assert_eq!((usage.output, usage.reasoning), (Some(84), Some(64)));
}

#[test]
fn cached_tokens_are_known_under_their_other_names() {
    for name in ["prompt_cache_hit_tokens", "cached_tokens"] {
        let usage = openai_usage(&json!({"prompt_tokens": 100, "completion_tokens": 1, name: 90}));
        assert_eq!((usage.input, usage.cache_read), (Some(10), Some(90)));
    }
}

#[test]
fn message_start_never_says_zero() {
    for outbound in [Outbound::OpenAi, Outbound::Google, Outbound::Ollama] {
        let (frames, _) = run(
            &mut translator(outbound, Inbound::AnthropicMessages),
            [stream(outbound, "text").as_slice()],
        );
        let start = assemble(Inbound::AnthropicMessages, &frames).start_usage;
        assert!(start["input_tokens"].as_u64().unwrap() > 0, "{outbound}: {start}");
        assert!(
            start["output_tokens"].as_u64().unwrap() > 0,
            "{outbound}: {start}"
        );
    }
}

#[test]
fn message_start_does_not_believe_a_count_of_zero() {
    // Servers that count as they go begin with nothing.
    let mut first = json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]});
    first["usage"] = json!({"prompt_tokens": 0, "completion_tokens": 0});
    let mut bytes = sse(&[first]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (frames, _) = run(
        &mut translator(Outbound::OpenAi, Inbound::AnthropicMessages),
        [bytes.as_slice()],
    );
    let start = assemble(Inbound::AnthropicMessages, &frames).start_usage;
    assert!(
        start["input_tokens"].as_u64().unwrap() > 0 && start["output_tokens"] == 1,
        "{start}"
    );
}

#[test]
fn the_service_tier_is_the_one_that_answered() {
    let usage = anthropic_usage(&json!({"input_tokens": 1, "output_tokens": 1, "service_tier": "priority"}));
    assert_eq!(usage.service_tier.as_deref(), Some("priority"));
    let mut translator = translator(Outbound::OpenAi, Inbound::OpenAiChat);
    let (_, end) = run(&mut translator, [stream(Outbound::OpenAi, "text").as_slice()]);
    assert_eq!(end, Ok(()));
    assert_eq!(translator.usage().service_tier.as_deref(), Some("default"));
}

#[test]
fn ollama_that_counts_nothing_leaves_the_cost_unknown() {
    let mut bytes = Vec::new();
    for line in [
        json!({"model": "llama3.2:3b", "message": {"role": "assistant", "content": "Good morning"}, "done": false}),
        json!({"model": "llama3.2:3b", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop"}),
    ] {
        bytes.extend_from_slice(line.to_string().as_bytes());
        bytes.push(b'\n');
    }
    for inbound in [Inbound::OpenAiChat, Inbound::AnthropicMessages] {
        let mut translator = translator(Outbound::Ollama, inbound);
        let (frames, end) = run(&mut translator, [bytes.as_slice()]);
        assert_eq!(end, Ok(()));
        assert!(!translator.usage().is_complete());
        let told = assemble(inbound, &frames).usage;
        match inbound {
            Inbound::OpenAiChat => assert!(told.is_null(), "nothing is better than a made-up count"),
            // Anthropic's clients need a number.
            _ => assert_eq!(told["output_tokens"], 3),
        }
    }
}

#[test]
fn tools_are_not_inferred_from_the_finish_reason() {
    let mut bytes = sse(&[
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]}, "finish_reason": null}]}),
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (frames, _) = run(
        &mut translator(Outbound::OpenAi, Inbound::AnthropicMessages),
        [bytes.as_slice()],
    );
    assert_eq!(assemble(Inbound::AnthropicMessages, &frames).stop, "tool_use");
}

#[test]
fn servers_that_number_every_call_zero_still_make_several() {
    let call = |id: &str| {
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": id, "function": {"name": "f", "arguments": "{}"}},
        ]}}]})
    };
    let mut bytes = sse(&[
        call("call_1"),
        call("call_2"),
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (frames, _) = run(
        &mut translator(Outbound::OpenAi, Inbound::AnthropicMessages),
        [bytes.as_slice()],
    );
    let calls = assemble(Inbound::AnthropicMessages, &frames).calls;
    assert_eq!(
        calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(),
        ["call_1", "call_2"]
    );
}

#[test]
fn gemini_that_says_stop_in_every_chunk_is_heard_to_the_end() {
    let chunk = |text: &str| {
        json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": text.len()}})
    };
    let bytes = sse(&[chunk("one "), chunk("two")]);
    let (frames, end) = run(
        &mut translator(Outbound::Google, Inbound::OpenAiChat),
        [bytes.as_slice()],
    );
    assert_eq!(end, Ok(()));
    assert_eq!(assemble(Inbound::OpenAiChat, &frames).text, "one two");
}

#[test]
fn a_prompt_that_google_blocks_is_a_refusal() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}});
    let (frames, end) = run(
        &mut translator(Outbound::Google, Inbound::OpenAiChat),
        [sse(&[blocked]).as_slice()],
    );
    assert_eq!(end, Ok(()));
    assert_eq!(assemble(Inbound::OpenAiChat, &frames).stop, "content_filter");
}

#[test]
fn an_anthropic_call_without_deltas_has_empty_arguments() {
    let (frames, _) = run(
        &mut translator(Outbound::Anthropic, Inbound::OpenAiChat),
        [stream(Outbound::Anthropic, "tools").as_slice()],
    );
    assert_eq!(assemble(Inbound::OpenAiChat, &frames).calls[1].arguments, "{}");
}

#[test]
fn the_reply_names_the_model_that_answered() {
    let (frames, _) = run(
        &mut translator(Outbound::Google, Inbound::OpenAiChat),
        [stream(Outbound::Google, "text").as_slice()],
    );
    let Data::Json(first) = &frames[0].data else {
        panic!("a chunk")
    };
    assert_eq!(first["model"], "gemini-2.5-flash");
}

#[test]
fn what_a_server_says_after_its_reason_to_stop_is_not_lost() {
    let delta = |delta: Value, reason: Value| json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let mut bytes = sse(&[
        delta(json!({"content": "one "}), json!("stop")),
        delta(json!({"content": "two"}), json!("stop")),
    ]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (frames, end) = run(
        &mut translator(Outbound::OpenAi, Inbound::AnthropicMessages),
        [bytes.as_slice()],
    );
    assert_eq!(end, Ok(()));
    assert_eq!(assemble(Inbound::AnthropicMessages, &frames).text, "one two");
}
