//! Streams, in all eight pairs.

use serde_json::{Value, json};
use workjet_router::{ErrorClass, Inbound, Outbound, StreamError, StreamTranslator};

use crate::assemble::{Call, assemble};
use crate::fixtures::{named_sse, pairs, parsed, run, sse, stamp, stream, translator};

fn call(id: &str, name: &str, arguments: &str) -> Call {
    Call {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

#[test]
fn a_text_arrives_whole_in_every_pair() {
    for (inbound, outbound) in pairs() {
        let mut translator = translator(outbound, inbound);
        let (frames, end) = run(&mut translator, [stream(outbound, "text").as_slice()]);
        assert_eq!(end, Ok(()), "{outbound} to {inbound}");
        let whole = assemble(inbound, &frames);
        assert_eq!(whole.text, "Grüß Gott, 世界! 🌍", "{outbound} to {inbound}");
        let thoughts = if outbound == Outbound::OpenAi {
            ""
        } else {
            "A greeting."
        };
        assert_eq!(whole.thoughts, thoughts, "{outbound} to {inbound}");
        assert_eq!(
            whole.stop,
            if inbound == Inbound::OpenAiChat {
                "stop"
            } else {
                "end_turn"
            }
        );
        assert_eq!(Some(whole.model.as_str()), translator.answered_model());
        assert!(translator.is_complete());
    }
}

#[test]
fn parallel_tool_calls_arrive_whole_in_every_pair() {
    for (inbound, outbound) in pairs() {
        let (frames, end) = run(
            &mut translator(outbound, inbound),
            [stream(outbound, "tools").as_slice()],
        );
        assert_eq!(end, Ok(()), "{outbound} to {inbound}");
        let mut whole = assemble(inbound, &frames);
        for call in &mut whole.calls {
            // Spaces and a missing object are the provider's business.
            let arguments = if call.arguments.is_empty() {
                "{}"
            } else {
                &call.arguments
            };
            call.arguments = serde_json::from_str::<Value>(arguments).unwrap().to_string();
        }
        let expected = match outbound {
            Outbound::OpenAi => [
                call("call_aV1", "get_weather", r#"{"city":"Zürich"}"#),
                call("call_bW2", "get_time", r#"{"zone":"CET"}"#),
            ],
            Outbound::Anthropic => [
                call("toolu_01T1", "get_weather", r#"{"city":"Zürich"}"#),
                call("toolu_01T2", "get_time", "{}"),
            ],
            _ => [
                call("call_req1_0", "get_weather", r#"{"city":"Zürich"}"#),
                call("call_req1_1", "get_time", "{}"),
            ],
        };
        assert_eq!(whole.calls, expected, "{outbound} to {inbound}");
        assert_eq!(
            whole.stop,
            if inbound == Inbound::OpenAiChat {
                "tool_calls"
            } else {
                "tool_use"
            }
        );
    }
}

#[test]
fn usage_means_the_same_in_every_pair() {
    for (inbound, outbound) in pairs() {
        let mut translator = translator(outbound, inbound);
        let (frames, _) = run(&mut translator, [stream(outbound, "text").as_slice()]);
        let usage = translator.usage();
        let cached = if outbound == Outbound::Ollama {
            None
        } else {
            Some(1_920)
        };
        let written = if outbound == Outbound::Anthropic { 300 } else { 0 };
        assert_eq!(
            (usage.input, usage.cache_read, usage.output),
            (Some(99), cached, Some(120)),
            "{outbound}"
        );
        let told = assemble(inbound, &frames).usage;
        match inbound {
            Inbound::OpenAiChat => {
                assert_eq!(
                    told["prompt_tokens"],
                    99 + cached.unwrap_or(0) + written,
                    "{outbound}"
                );
                assert_eq!(told["completion_tokens"], 120);
            }
            _ => {
                assert_eq!(told["input_tokens"], 99, "{outbound}");
                assert_eq!(told["cache_read_input_tokens"], cached.unwrap_or(0));
                assert_eq!(told["cache_creation_input_tokens"], written);
                assert_eq!(told["output_tokens"], 120);
            }
        }
    }
}

#[test]
fn where_the_bytes_are_cut_makes_no_difference() {
    for (inbound, outbound) in pairs() {
        // `text` has no shape that the others lack.
        for name in ["tools", "error"] {
            let bytes = stream(outbound, name);
            let (expected, expected_end) = run(&mut translator(outbound, inbound), [bytes.as_slice()]);
            for cut in 0..=bytes.len() {
                let (first, second) = bytes.split_at(cut);
                let (frames, end) = run(&mut translator(outbound, inbound), [first, second]);
                assert_eq!(frames, expected, "{outbound} to {inbound}, {name}, cut at {cut}");
                assert_eq!(end, expected_end);
            }
            let (frames, end) = run(&mut translator(outbound, inbound), bytes.chunks(1));
            assert_eq!(
                (frames, end),
                (expected, expected_end),
                "{outbound} to {inbound}, {name}, byte by byte"
            );
        }
    }
}

#[test]
fn a_stream_without_its_terminator_is_cut_wherever_it_ends() {
    for (inbound, outbound) in pairs() {
        let bytes = stream(outbound, "tools");
        let text = String::from_utf8(bytes.clone()).unwrap();
        // From here on the last event is complete but for its line ends.
        let last = text.trim_end().len();
        for length in 0..last {
            let (frames, end) = run(&mut translator(outbound, inbound), [&bytes[..length]]);
            assert_eq!(
                end,
                Err(StreamError::Cut),
                "{outbound} to {inbound}, after {length} bytes"
            );
            assert!(!frames.iter().any(workjet_router::Frame::is_terminator));
        }
        for length in last..=bytes.len() {
            let (frames, end) = run(&mut translator(outbound, inbound), [&bytes[..length]]);
            assert_eq!(end, Ok(()), "{outbound} to {inbound}, after {length} bytes");
            assert!(frames.last().unwrap().is_terminator());
        }
    }
}

#[test]
fn an_error_inside_a_stream_ends_it_without_the_providers_words() {
    for (inbound, outbound) in pairs() {
        let (frames, end) = run(
            &mut translator(outbound, inbound),
            [stream(outbound, "error").as_slice()],
        );
        let Err(StreamError::Provider(error)) = &end else {
            panic!("{outbound} to {inbound}: {end:?}")
        };
        let class = match outbound {
            Outbound::Anthropic | Outbound::Google => ErrorClass::Overloaded,
            _ => ErrorClass::Server,
        };
        assert_eq!(error.class(), class, "{outbound}");
        assert!(!format!("{end:?} {error}").contains("secret"));
        // What was said before the error was not lost.
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        let sent = String::from_utf8(bytes).unwrap();
        assert!(sent.contains("Half a"), "{outbound} to {inbound}: {sent}");
        assert!(!frames.iter().any(workjet_router::Frame::is_terminator));
    }
}

#[test]
fn an_error_stays_an_error() {
    let mut translator = translator(Outbound::OpenAi, Inbound::OpenAiChat);
    let garbage = b"data: {\"choices\":[]}\n\ndata: not json\n\n";
    assert_eq!(translator.push(garbage).unwrap().len(), 1);
    assert_eq!(translator.error(), Some(&StreamError::Garbage));
    assert_eq!(translator.push(b"data: [DONE]\n\n"), Err(StreamError::Garbage));
    assert_eq!(translator.finish(), Err(StreamError::Garbage));
}

#[test]
fn garbage_is_told_from_a_cut() {
    for (inbound, outbound) in pairs() {
        for garbage in [&b"data: <html>\n\n"[..], b"data: 7\n\n", b"data: \"text\"\n\n"] {
            let garbage = if outbound == Outbound::Ollama {
                &garbage[6..]
            } else {
                garbage
            };
            let (frames, end) = run(&mut translator(outbound, inbound), [garbage]);
            assert_eq!(
                (frames.len(), end),
                (0, Err(StreamError::Garbage)),
                "{outbound} to {inbound}"
            );
        }
    }
}

#[test]
fn what_follows_the_terminator_is_ignored() {
    let mut bytes = stream(Outbound::OpenAi, "text");
    bytes.extend_from_slice(b"data: garbage\n\n");
    let (frames, end) = run(
        &mut translator(Outbound::OpenAi, Inbound::OpenAiChat),
        [bytes.as_slice()],
    );
    assert_eq!(end, Ok(()));
    assert!(frames.last().unwrap().is_terminator());
}

#[test]
fn the_same_dialect_passes_with_unknown_fields() {
    let (frames, _) = run(
        &mut translator(Outbound::OpenAi, Inbound::OpenAiChat),
        [stream(Outbound::OpenAi, "text").as_slice()],
    );
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    assert_eq!(
        String::from_utf8(bytes),
        String::from_utf8(stream(Outbound::OpenAi, "text"))
    );

    let (frames, _) = run(
        &mut translator(Outbound::Anthropic, Inbound::AnthropicMessages),
        [stream(Outbound::Anthropic, "text").as_slice()],
    );
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    assert_eq!(
        String::from_utf8(bytes),
        String::from_utf8(stream(Outbound::Anthropic, "text"))
    );
}

#[test]
fn interleaved_tool_calls_become_one_block_after_the_other() {
    let chunk = |index: u64, start: Option<&str>, arguments: &str| {
        let mut call = json!({"index": index, "function": {"arguments": arguments}});
        if let Some(name) = start {
            call["id"] = format!("call_{name}").into();
            call["type"] = "function".into();
            call["function"]["name"] = name.into();
        }
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]})
    };
    let mut bytes = sse(&[
        chunk(0, Some("a"), ""),
        chunk(1, Some("b"), ""),
        chunk(2, Some("c"), "{}"),
        chunk(1, None, r#"{"y":"#),
        chunk(0, None, r#"{"x":"#),
        chunk(0, None, "1}"),
        chunk(1, None, "2}"),
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    for inbound in [Inbound::AnthropicMessages, Inbound::OpenAiChat] {
        let (frames, end) = run(&mut translator(Outbound::OpenAi, inbound), [bytes.as_slice()]);
        assert_eq!(end, Ok(()));
        if inbound == Inbound::AnthropicMessages {
            let whole = assemble(inbound, &frames);
            let expected = [
                call("call_a", "a", r#"{"x":1}"#),
                call("call_b", "b", r#"{"y":2}"#),
                call("call_c", "c", "{}"),
            ];
            assert_eq!(whole.calls, expected);
            assert_eq!(whole.stop, "tool_use");
        }
    }
}

#[test]
fn text_after_a_tool_call_gets_a_block_of_its_own() {
    let delta = |delta: Value| json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]});
    let mut bytes = sse(&[
        delta(json!({"content": "before"})),
        delta(json!({"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}]})),
        delta(json!({"content": " after"})),
        delta(json!({"refusal": "; no"})),
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (frames, end) = run(
        &mut translator(Outbound::OpenAi, Inbound::AnthropicMessages),
        [bytes.as_slice()],
    );
    assert_eq!(end, Ok(()));
    assert_eq!(
        assemble(Inbound::AnthropicMessages, &frames).text,
        "before after; no"
    );
}

#[test]
fn usage_is_asked_for_always_and_shown_only_to_who_asked() {
    let bytes = stream(Outbound::OpenAi, "text");
    for (more, shown) in [
        (json!({"stream": true}), false),
        (
            json!({"stream": true, "stream_options": {"include_usage": false}}),
            false,
        ),
        (
            json!({"stream": true, "stream_options": {"include_usage": true}}),
            true,
        ),
    ] {
        let request = parsed(Inbound::OpenAiChat, more);
        let sent = request.encode(Outbound::OpenAi, "gpt-5-mini").unwrap();
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(sent["stream_options"]["include_usage"], true);
        for outbound in [Outbound::OpenAi, Outbound::Anthropic] {
            let bytes = if outbound == Outbound::OpenAi {
                bytes.clone()
            } else {
                stream(outbound, "text")
            };
            let mut translator = StreamTranslator::new(outbound, Inbound::OpenAiChat, &request, stamp());
            let (frames, end) = run(&mut translator, [bytes.as_slice()]);
            assert_eq!(end, Ok(()));
            assert_eq!(translator.usage().output, Some(120));
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| frame.encode(&mut bytes));
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(text.contains("\"usage\""), shown, "{outbound}: {text}");
            assert_eq!(text.contains("\"choices\":[]"), shown);
        }
    }
}

#[test]
fn a_chunk_without_choices_that_carries_no_usage_passes() {
    // Azure opens its streams with the verdict of its content filter.
    let first = json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": null});
    let request = parsed(Inbound::OpenAiChat, json!({"stream": true}));
    let mut translator = StreamTranslator::new(Outbound::OpenAi, Inbound::OpenAiChat, &request, stamp());
    assert_eq!(translator.push(&sse(&[first])).unwrap().len(), 1);
}

#[test]
fn googles_signature_comes_back_on_the_call_it_belongs_to() {
    for inbound in [Inbound::OpenAiChat, Inbound::AnthropicMessages] {
        let (frames, _) = run(
            &mut translator(Outbound::Google, inbound),
            [stream(Outbound::Google, "tools").as_slice()],
        );
        // What a client replays: the calls and thinking blocks, field by field as they came.
        let message = match inbound {
            Inbound::OpenAiChat => {
                let starts = frames.iter().filter_map(|frame| match &frame.data {
                    workjet_router::Data::Json(value) => value["choices"][0]["delta"]["tool_calls"]
                        .get(0)
                        .filter(|call| call["id"].is_string()),
                    workjet_router::Data::Done => None,
                });
                let calls: Vec<Value> = starts.cloned().collect();
                json!({"role": "assistant", "content": "Let me look.", "tool_calls": calls})
            }
            _ => {
                let mut blocks: Vec<Value> = Vec::new();
                for frame in &frames {
                    let workjet_router::Data::Json(value) = &frame.data else {
                        continue;
                    };
                    match value["type"].as_str().unwrap() {
                        "content_block_start" => blocks.push(value["content_block"].clone()),
                        "content_block_delta" if value["delta"]["type"] == "signature_delta" => {
                            blocks.last_mut().unwrap()["signature"] = value["delta"]["signature"].clone();
                        }
                        _ => {}
                    }
                }
                json!({"role": "assistant", "content": blocks})
            }
        };
        let mut body = crate::fixtures::request(inbound, json!({}));
        body["messages"].as_array_mut().unwrap().push(message);
        let request = inbound.parse(body).unwrap();

        let sent = request.encode(Outbound::Google, "gemini-3-pro").unwrap();
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        let parts = sent["contents"][1]["parts"].as_array().unwrap();
        let calls: Vec<_> = parts
            .iter()
            .filter(|part| part.get("functionCall").is_some())
            .collect();
        assert_eq!(calls[0]["functionCall"]["name"], "get_weather");
        assert_eq!(calls[0]["thoughtSignature"], "CiQB0e2Kb", "{inbound}");
        assert!(calls[1].get("thoughtSignature").is_none());

        // The provider of the client's own dialect would refuse what is not its own.
        let own = if inbound == Inbound::OpenAiChat {
            Outbound::OpenAi
        } else {
            Outbound::Anthropic
        };
        let sent = String::from_utf8(request.encode(own, "m").unwrap().body).unwrap();
        assert!(
            sent.contains("get_weather") && !sent.contains("workjet") && !sent.contains("CiQB"),
            "{sent}"
        );
    }
}

#[test]
fn calls_that_gemini_did_not_make_are_marked_so() {
    let call = json!({"role": "assistant", "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]});
    let mut body = crate::fixtures::request(Inbound::OpenAiChat, json!({}));
    body["messages"].as_array_mut().unwrap().push(call);
    let request = Inbound::OpenAiChat.parse(body).unwrap();
    for (model, marked) in [
        ("gemini-3-pro-preview", true),
        ("gemini-2.5-flash", false),
        ("gemma-3-27b-it", false),
    ] {
        let sent = request.encode(Outbound::Google, model).unwrap();
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        let signature = &sent["contents"][1]["parts"][0]["thoughtSignature"];
        assert_eq!(signature == "skip_thought_signature_validator", marked, "{model}");
        assert!(sent["contents"][1]["parts"][1].get("thoughtSignature").is_none());
    }
}

#[test]
fn anthropics_events_after_the_translation_need_no_pings() {
    let bytes = named_sse(&[
        json!({"type": "ping"}),
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        json!({"type": "some_new_event", "index": 0}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}, "usage": {"output_tokens": 0}}),
        json!({"type": "message_stop"}),
    ]);
    let (frames, end) = run(
        &mut translator(Outbound::Anthropic, Inbound::OpenAiChat),
        [bytes.as_slice()],
    );
    assert_eq!(end, Ok(()));
    let whole = assemble(Inbound::OpenAiChat, &frames);
    assert_eq!(
        (whole.stop.as_str(), whole.calls.len(), whole.text.as_str()),
        ("stop", 0, "")
    );
}
