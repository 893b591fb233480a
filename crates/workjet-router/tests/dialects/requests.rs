//! Requests, passed on and translated.

use serde_json::{Value, json};
use workjet_router::{Inbound, Outbound, RequestErrorKind, auth_header};

use crate::fixtures::{INBOUNDS, long_request, pairs, parsed, request};

fn sent(inbound: Inbound, outbound: Outbound, model: &str, more: Value) -> Value {
    let request = parsed(inbound, more).encode(outbound, model).unwrap();
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn the_same_dialect_passes_as_the_client_wrote_it_but_for_the_model() {
    for (inbound, outbound) in pairs().filter(|(inbound, outbound)| inbound.is_same_as(*outbound)) {
        let mut body = long_request(inbound);
        body["a_field_of_tomorrow"] = json!({"x": [1, 2.50, null]});
        body["messages"][0]["extra"] = "kept".into();
        let request = inbound
            .parse(body.clone())
            .unwrap()
            .encode(outbound, "the-model")
            .unwrap();
        body["model"] = "the-model".into();
        assert_eq!(String::from_utf8(request.body).unwrap(), body.to_string());
        assert!(request.dropped.is_empty());
    }
}

#[test]
fn what_routing_need_not_change_stays_byte_for_byte() {
    let body = |model: &str, rest: &str| {
        format!(
            "{{ \"temperature\": 1e0,\n\"model\" : {model}, \"messages\":[{{\"role\":\"user\",\"content\":\"h\\u0069\",\"x\":1.0,\"x\":12345678901234567890123}}],\"max_tokens\":9{rest}}}\r\n"
        )
    };
    let sent = |inbound: Inbound, outbound, json: String| {
        let chat = inbound.parse_json(json.into_bytes()).unwrap();
        String::from_utf8(chat.encode(outbound, "the-model").unwrap().body).unwrap()
    };
    let (openai, anthropic) = (
        (Inbound::OpenAiChat, Outbound::OpenAi),
        (Inbound::AnthropicMessages, Outbound::Anthropic),
    );
    for (inbound, outbound) in [openai, anthropic] {
        for (asked, told) in [
            ("\"fast\"", "\"the-model\""),
            ("\"the\\u002dmodel\"", "\"the\\u002dmodel\""),
        ] {
            assert_eq!(sent(inbound, outbound, body(asked, "")), body(told, ""));
        }
    }
    for (asked, told) in [
        ("", ",\"stream_options\":{\"include_usage\":true}"),
        (
            ", \"stream_options\" : null",
            ", \"stream_options\" : {\"include_usage\":true}",
        ),
        (
            ", \"stream_options\":{ \"x\": 1e2 , \"include_usage\": false }",
            ", \"stream_options\":{ \"x\": 1e2 , \"include_usage\": true }",
        ),
        (
            ", \"stream_options\":{\"include_usage\":false,\"include_usage\":true}",
            ", \"stream_options\":{\"include_usage\":true,\"include_usage\":true}",
        ),
    ] {
        let (inbound, outbound) = openai;
        let streams = ", \"stream\":true";
        assert_eq!(
            sent(inbound, outbound, body("\"m\"", &format!("{streams}{asked}"))),
            body("\"the-model\"", &format!("{streams}{told}"))
        );
    }
}

#[test]
fn a_field_that_stands_twice_at_the_top_is_refused() {
    for inbound in INBOUNDS {
        let body = request(inbound, json!({})).to_string();
        for twin in [
            "\"model\":\"other\"",
            "\"str\\u0065am\":false,\"stream\":true",
            "\"x\":1,\"x\":1",
        ] {
            let json = body.replacen('{', &format!("{{{twin},"), 1);
            let error = inbound.preview_json(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), RequestErrorKind::BadJson);
            assert!(error.to_string().contains("twice"), "{error}");
            assert!(inbound.parse_json(json.into_bytes()).is_err());
        }
    }
}

#[test]
fn a_preview_of_bytes_says_the_same_and_where_they_are_wrong() {
    for inbound in INBOUNDS {
        let body = request(
            inbound,
            json!({"stream": true, "max_tokens": 7, "deep": [{"model": 1}]}),
        );
        assert_eq!(
            inbound.preview_json(body.to_string().as_bytes()).unwrap(),
            inbound.preview(&body).unwrap()
        );
        for (json, says) in [
            ("{\"model\":\"m\",\n\"a\":}", "not valid JSON (line 2, column 5)"),
            ("", "not valid JSON (line 1, column 0)"),
            ("[1]", "the body must be an object"),
            ("{\"model\":1}", "model must be a string"),
            ("{}", "model is missing"),
        ] {
            let error = inbound.preview_json(json.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(says), "{json}: {error}");
        }
    }
}

#[test]
fn parts_that_were_scanned_apart_stay_apart() {
    let request = json!({
        "model": "m", "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "one ", "signature": "s"},
                {"type": "thinking", "thinking": "two", "signature": "s"},
                {"type": "text", "text": "jane.doe"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
                {"type": "text", "text": "@example.com"},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
        ],
    });
    for outbound in crate::fixtures::OUTBOUNDS {
        let chat = Inbound::AnthropicMessages.parse(request.clone()).unwrap();
        let sent = String::from_utf8(chat.encode(outbound, "gemini-2.5-flash").unwrap().body).unwrap();
        assert!(
            sent.contains("jane.doe") && sent.contains("@example.com"),
            "{outbound:?}: {sent}"
        );
        assert!(!sent.contains("jane.doe@example.com"), "{outbound:?}: {sent}");
        assert!(!sent.contains("one two"), "{outbound:?}: {sent}");
    }
}

#[test]
fn a_tool_result_is_not_decoded_on_its_way_to_google() {
    let mut request = long_request(Inbound::OpenAiChat);
    let result = request["messages"].as_array_mut().unwrap();
    let result = result
        .iter_mut()
        .find(|message| message["role"] == "tool")
        .unwrap();
    // What stands behind the escape was not scanned, so it must not come forth.
    result["content"] = r#"{"card": "\u0034111"}"#.into();
    let request = Inbound::OpenAiChat.parse(request).unwrap();
    let request = request.encode(Outbound::Google, "gemini-2.5-flash").unwrap();
    let sent = String::from_utf8(request.body).unwrap();
    assert!(sent.contains(r"\\u0034111") && !sent.contains("4111\""), "{sent}");
}

#[test]
fn a_conversation_with_tools_reaches_google() {
    let expected_parts = |error: bool| {
        let time = if error {
            json!({"error": "no clock"})
        } else {
            json!({"result": "{\"hour\": 9}"})
        };
        json!([
            {"functionResponse": {"name": "get_weather", "response": {"result": "12 °C"}}},
            {"functionResponse": {"name": "get_time", "response": time}},
        ])
    };
    for inbound in INBOUNDS {
        let request = inbound.parse(long_request(inbound)).unwrap();
        let request = request.encode(Outbound::Google, "gemini-2.5-flash").unwrap();
        assert_eq!(request.path, "v1beta/models/gemini-2.5-flash:generateContent");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body["systemInstruction"],
            json!({"parts": [{"text": "Be brief."}]})
        );
        let contents = body["contents"].as_array().unwrap();
        let roles: Vec<_> = contents
            .iter()
            .map(|content| content["role"].as_str().unwrap())
            .collect();
        // Results have a turn of their own.
        assert_eq!(roles, ["user", "model", "user", "user"]);
        assert_eq!(contents[3]["parts"], json!([{"text": "And tomorrow?"}]));
        assert_eq!(
            contents[0]["parts"][1],
            json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}})
        );
        assert_eq!(
            contents[1]["parts"],
            json!([
                {"functionCall": {"name": "get_weather", "args": {"city": "Zürich"}}},
                {"functionCall": {"name": "get_time", "args": {}}},
            ])
        );
        assert_eq!(
            contents[2]["parts"],
            expected_parts(inbound == Inbound::AnthropicMessages)
        );
        let tools = &body["tools"][0]["functionDeclarations"];
        assert_eq!(tools[0]["parametersJsonSchema"]["required"], json!(["city"]));
        assert_eq!(
            body["generationConfig"],
            json!({"maxOutputTokens": 500, "temperature": 0.7, "topP": 0.9, "stopSequences": ["END"]})
        );
    }
}

#[test]
fn a_conversation_with_tools_reaches_ollama() {
    for inbound in INBOUNDS {
        let request = inbound.parse(long_request(inbound)).unwrap();
        let request = request.encode(Outbound::Ollama, "llama3.2:3b").unwrap();
        assert_eq!(request.path, "api/chat");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (&body["model"], &body["stream"]),
            (&json!("llama3.2:3b"), &json!(false))
        );
        let messages = body["messages"].as_array().unwrap();
        assert_eq!(messages[0], json!({"role": "system", "content": "Be brief."}));
        assert_eq!(messages[1]["images"], json!(["iVBORw0KGgo="]));
        assert_eq!(
            messages[2]["tool_calls"][0]["function"]["arguments"],
            json!({"city": "Zürich"})
        );
        assert_eq!(
            messages[3],
            json!({"role": "tool", "tool_name": "get_weather", "content": "12 °C"})
        );
        assert_eq!(messages[5], json!({"role": "user", "content": "And tomorrow?"}));
        assert_eq!(body["options"]["num_predict"], 500);
        assert_eq!(body["options"]["num_ctx"], 8_192);
    }
}

#[test]
fn ollamas_context_grows_with_the_request() {
    let long = "word ".repeat(20_000);
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Ollama,
        "m",
        json!({"messages": [{"role": "user", "content": long}]}),
    );
    assert_eq!(body["options"]["num_ctx"], 65_536);
}

#[test]
fn openais_conversation_reaches_anthropic() {
    let request = Inbound::OpenAiChat
        .parse(long_request(Inbound::OpenAiChat))
        .unwrap();
    let request = request.encode(Outbound::Anthropic, "claude-sonnet-4-5").unwrap();
    assert_eq!(request.path, "v1/messages");
    assert!(request.headers.contains(&("anthropic-version", "2023-06-01")));
    assert_eq!(request.dropped, ["user", "metadata", "store", "service_tier"]);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["system"], "Be brief.");
    assert_eq!(body["max_tokens"], 500);
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<_> = messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!(messages[0]["content"][1]["source"]["media_type"], "image/png");
    // Parallel results and what the user says after them are one message.
    assert_eq!(
        messages[2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "call_1", "content": "12 °C"},
            {"type": "tool_result", "tool_use_id": "call_2", "content": "{\"hour\": 9}"},
            {"type": "text", "text": "And tomorrow?"},
        ])
    );
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body["tools"][1]["input_schema"]["type"], "object");
}

#[test]
fn anthropics_conversation_reaches_openai() {
    let mut body = long_request(Inbound::AnthropicMessages);
    body["stream"] = true.into();
    let request = Inbound::AnthropicMessages.parse(body).unwrap();
    let request = request.encode(Outbound::OpenAi, "gpt-5-mini").unwrap();
    assert_eq!(request.path, "chat/completions");
    assert_eq!(
        request.dropped,
        ["cache_control", "metadata", "thinking", "is_error"]
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<_> = messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
    assert_eq!(
        messages[1]["content"][1]["image_url"]["url"],
        "data:image/png;base64,iVBORw0KGgo="
    );
    assert_eq!(
        messages[2]["tool_calls"][0]["function"]["arguments"],
        "{\"city\":\"Zürich\"}"
    );
    assert_eq!(messages[3]["tool_call_id"], "toolu_1");
    assert_eq!(body["max_completion_tokens"], 500);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
}

#[test]
fn anthropic_gets_the_max_tokens_it_requires() {
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Anthropic,
        "claude-sonnet-4-5",
        json!({}),
    );
    assert_eq!(body["max_tokens"], 16_384);
}

#[test]
fn tool_choices_translate() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let named = json!({"type": "function", "function": {"name": "f"}});
    for (choice, anthropic, google) in [
        (json!("auto"), json!({"type": "auto"}), json!({"mode": "AUTO"})),
        (json!("none"), json!({"type": "none"}), json!({"mode": "NONE"})),
        (json!("required"), json!({"type": "any"}), json!({"mode": "ANY"})),
        (
            named.clone(),
            json!({"type": "tool", "name": "f"}),
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
    ] {
        let more = json!({"tools": tools, "tool_choice": choice});
        let body = sent(Inbound::OpenAiChat, Outbound::Anthropic, "c", more.clone());
        assert_eq!(body["tool_choice"], anthropic);
        let body = sent(Inbound::OpenAiChat, Outbound::Google, "g", more);
        assert_eq!(body["toolConfig"]["functionCallingConfig"], google);
        // And back.
        let tools = json!([{"name": "f", "input_schema": {"type": "object"}}]);
        let more = json!({"tools": tools, "tool_choice": anthropic});
        let body = sent(Inbound::AnthropicMessages, Outbound::OpenAi, "o", more);
        assert_eq!(body["tool_choice"], choice);
    }
    let one_at_a_time = json!({"tools": tools, "parallel_tool_calls": false});
    let body = sent(Inbound::OpenAiChat, Outbound::Anthropic, "c", one_at_a_time);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    let no_tool = json!({"tools": tools, "tool_choice": "none"});
    assert!(
        sent(Inbound::OpenAiChat, Outbound::Ollama, "o", no_tool)
            .get("tools")
            .is_none()
    );
}

#[test]
fn a_schema_for_the_reply_translates() {
    let schema =
        json!({"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": false});
    let more =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}});
    let body = sent(Inbound::OpenAiChat, Outbound::Anthropic, "c", more.clone());
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": schema})
    );
    let body = sent(Inbound::OpenAiChat, Outbound::Google, "g", more.clone());
    assert_eq!(body["generationConfig"]["responseMimeType"], "application/json");
    assert_eq!(body["generationConfig"]["responseJsonSchema"], schema);
    let body = sent(Inbound::OpenAiChat, Outbound::Ollama, "o", more);
    assert_eq!(body["format"], schema);
    let more = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let body = sent(Inbound::AnthropicMessages, Outbound::OpenAi, "o", more);
    assert_eq!(body["response_format"]["json_schema"]["schema"], schema);
    let json_mode = json!({"response_format": {"type": "json_object"}});
    assert_eq!(
        sent(Inbound::OpenAiChat, Outbound::Ollama, "o", json_mode)["format"],
        "json"
    );
}

#[test]
fn thinking_translates_where_there_is_a_counterpart() {
    let effort = |word: &str| json!({"reasoning_effort": word});
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Anthropic,
        "claude-opus-4-8",
        effort("high"),
    );
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Anthropic,
        "claude-sonnet-4-5",
        effort("medium"),
    );
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "budget_tokens": 8_192})
    );
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Google,
        "gemini-2.5-pro",
        effort("low"),
    );
    assert_eq!(
        body["generationConfig"]["thinkingConfig"],
        json!({"thinkingBudget": 1_024})
    );
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Google,
        "gemini-3-pro",
        effort("low"),
    );
    assert_eq!(
        body["generationConfig"]["thinkingConfig"],
        json!({"thinkingLevel": "low"})
    );
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Ollama,
        "gpt-oss:20b",
        effort("low"),
    );
    assert_eq!(body["think"], "low");
    let body = sent(Inbound::OpenAiChat, Outbound::Ollama, "qwen3", effort("none"));
    assert_eq!(body["think"], false);

    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 10_000}});
    let body = sent(
        Inbound::AnthropicMessages,
        Outbound::OpenAi,
        "gpt-5",
        budget.clone(),
    );
    assert_eq!(body["reasoning_effort"], "medium");
    let body = sent(
        Inbound::AnthropicMessages,
        Outbound::Google,
        "gemini-2.5-pro",
        budget,
    );
    let config = json!({"thinkingBudget": 10_000, "includeThoughts": true});
    assert_eq!(body["generationConfig"]["thinkingConfig"], config);
}

#[test]
fn models_that_cannot_think_are_not_asked_to() {
    let more = json!({"thinking": {"type": "enabled", "budget_tokens": 10_000}});
    let request = parsed(Inbound::AnthropicMessages, more)
        .encode(Outbound::OpenAi, "gpt-4o")
        .unwrap();
    assert_eq!(request.dropped, ["thinking"]);
    assert!(
        !String::from_utf8(request.body)
            .unwrap()
            .contains("reasoning_effort")
    );
}

#[test]
fn effort_gives_way_where_anthropic_allows_no_thinking() {
    let more = json!({"reasoning_effort": "high", "temperature": 0.2});
    let request = parsed(Inbound::OpenAiChat, more)
        .encode(Outbound::Anthropic, "claude-sonnet-4-5")
        .unwrap();
    assert_eq!(request.dropped, ["reasoning_effort"]);
    assert!(!String::from_utf8(request.body).unwrap().contains("thinking"));
}

#[test]
fn a_tool_id_that_anthropic_refuses_is_changed_in_both_places() {
    let call = json!({"id": "call:1/é", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Anthropic,
        "c",
        json!({"messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call:1/é", "content": "y"},
        ]}),
    );
    assert_eq!(body["messages"][1]["content"][0]["id"], "call_1__");
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "call_1__");
}

#[test]
fn files_translate_between_those_who_have_them() {
    let pdf = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}});
    let more = json!({"messages": [{"role": "user", "content": [pdf]}]});
    let body = sent(Inbound::OpenAiChat, Outbound::Anthropic, "c", more.clone());
    let block = &body["messages"][0]["content"][0];
    assert_eq!(
        (&block["type"], &block["title"]),
        (&json!("document"), &json!("a.pdf"))
    );
    assert_eq!(block["source"]["data"], "JVBE");
    let body = sent(Inbound::OpenAiChat, Outbound::Google, "g", more);
    assert_eq!(
        body["contents"][0]["parts"][0]["inlineData"]["mimeType"],
        "application/pdf"
    );
    let more = json!({"messages": [{"role": "user", "content": [block]}]});
    let body = sent(Inbound::AnthropicMessages, Outbound::OpenAi, "o", more);
    assert_eq!(body["messages"][0]["content"][0], pdf);
}

#[test]
fn nulls_are_absent() {
    let nulls = json!({"stop": null, "tools": null, "temperature": null, "response_format": null, "n": null,
        "logit_bias": null, "stream": null, "max_tokens": null, "unheard_of": null});
    for outbound in [Outbound::Anthropic, Outbound::Google, Outbound::Ollama] {
        let request = parsed(Inbound::OpenAiChat, nulls.clone())
            .encode(outbound, "m")
            .unwrap();
        assert!(request.dropped.is_empty());
    }
}

#[test]
fn the_preview_says_what_routing_needs() {
    for inbound in INBOUNDS {
        let preview = inbound
            .preview(&request(inbound, json!({"stream": true, "max_tokens": 7})))
            .unwrap();
        assert_eq!(
            (preview.model.as_str(), preview.stream, preview.max_output_tokens),
            ("fast", true, Some(7))
        );
    }
    let both = request(
        Inbound::OpenAiChat,
        json!({"max_tokens": 7, "max_completion_tokens": 8}),
    );
    assert_eq!(
        Inbound::OpenAiChat.preview(&both).unwrap().max_output_tokens,
        Some(8)
    );
}

#[test]
fn log_probabilities_are_noticed() {
    for (more, wanted) in [
        (json!({"logprobs": true}), true),
        (json!({"logprobs": false}), false),
        (json!({"top_logprobs": 2}), true),
        (json!({}), false),
    ] {
        assert_eq!(parsed(Inbound::OpenAiChat, more).wants_logprobs(), wanted);
    }
}

#[test]
fn keys_travel_as_each_provider_wants_them() {
    assert_eq!(
        auth_header(Outbound::OpenAi, "k"),
        ("authorization", "Bearer k".to_owned())
    );
    assert_eq!(
        auth_header(Outbound::Anthropic, "k"),
        ("x-api-key", "k".to_owned())
    );
    assert_eq!(
        auth_header(Outbound::Google, "k"),
        ("x-goog-api-key", "k".to_owned())
    );
    assert_eq!(
        auth_header(Outbound::Ollama, "k"),
        ("authorization", "Bearer k".to_owned())
    );
}

#[test]
fn an_id_that_comes_again_means_the_latest_call() {
    let call = |name: &str| {
        json!({"role": "assistant", "tool_calls": [
            {"id": "call_0", "type": "function", "function": {"name": name, "arguments": "{}"}},
        ]})
    };
    let result = json!({"role": "tool", "tool_call_id": "call_0", "content": "x"});
    let more = json!({"messages": [{"role": "user", "content": "x"}, call("f"), result, call("g"), result]});
    let body = sent(
        Inbound::OpenAiChat,
        Outbound::Google,
        "gemini-2.5-pro",
        more.clone(),
    );
    let name = |turn: usize| body["contents"][turn]["parts"][0]["functionResponse"]["name"].clone();
    assert_eq!((name(2), name(4)), (json!("f"), json!("g")));
    let body = sent(Inbound::OpenAiChat, Outbound::Ollama, "m", more);
    assert_eq!(
        (
            &body["messages"][2]["tool_name"],
            &body["messages"][4]["tool_name"]
        ),
        (&json!("f"), &json!("g"))
    );
}

#[test]
fn an_images_address_reaches_those_who_fetch() {
    let url = "https://example.com/a.png";
    let image = json!({"type": "image_url", "image_url": {"url": url, "detail": "high"}});
    let request = parsed(
        Inbound::OpenAiChat,
        json!({"messages": [{"role": "user", "content": [image]}]}),
    );
    let request = request.encode(Outbound::Anthropic, "c").unwrap();
    assert_eq!(request.dropped, ["image_url.detail"]);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let block = json!({"type": "image", "source": {"type": "url", "url": url}});
    assert_eq!(body["messages"][0]["content"], json!([block]));

    let body = sent(
        Inbound::AnthropicMessages,
        Outbound::OpenAi,
        "o",
        json!({"messages": [{"role": "user", "content": [block]}]}),
    );
    assert_eq!(
        body["messages"][0]["content"][0],
        json!({"type": "image_url", "image_url": {"url": url}})
    );
}
