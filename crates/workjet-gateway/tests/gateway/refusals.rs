//! Every refusal, in the shape of the dialect that was called, logged if a tenant is known, and charged.

use crate::support::{Answer, Gateway, chat, openai, openai_reply, settings};
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use workjet_audit::Kind;
use workjet_auth::ApiKeyStore;
use workjet_gateway::memory::Script;
use workjet_gateway::{Core, CoreOptions, Settings};
use workjet_tenant::Role;

const LIMITED: &str = "[limits.user]\nrequests = 60\nper = \"1m\"\nburst = 3\n";

fn card() -> String {
    ["4111", "1111", "1111", "1111"].join("-")
}

fn message(content: &str) -> Value {
    json!({ "model": "openai:gpt-test", "max_tokens": 10, "messages": [{ "role": "user", "content": content }] })
}

/// The same request, in both dialects.
async fn both(gateway: &Gateway, body: &Value) -> [Answer; 2] {
    [
        gateway.post("/v1/chat/completions", body).await,
        gateway.post("/v1/messages", body).await,
    ]
}

fn assert_shapes([openai, anthropic]: &[Answer; 2], status: u16, code: &str) {
    for answer in [openai, anthropic] {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.header("x-workjet-request-id").starts_with("req_"));
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(openai.json()["error"]["code"], code, "{}", openai.body);
    assert!(openai.json()["error"]["message"].is_string());
    assert_eq!(anthropic.json()["type"], "error", "{}", anthropic.body);
    assert!(anthropic.json()["error"]["message"].is_string());
}

#[tokio::test(start_paused = true)]
async fn no_or_a_wrong_credential_is_unauthenticated() {
    let gateway = Gateway::with(openai("")).await;
    for path in [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/messages/count_tokens",
    ] {
        for credential in [
            None,
            Some("Bearer sk-other"),
            Some("Bearer wj_live_x"),
            Some("Basic abc"),
        ] {
            let mut request = Request::post(path);
            if let Some(credential) = credential {
                request = request.header(AUTHORIZATION, credential);
            }
            let answer = gateway
                .ask(
                    request
                        .body(Body::from(chat("hi").to_string()))
                        .expect("a request"),
                )
                .await;
            assert_eq!(answer.status, 401, "{path} {credential:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    for path in ["/v1/models", "/auth/me"] {
        assert_eq!(
            gateway
                .ask(Request::get(path).body(Body::empty()).expect("a request"))
                .await
                .status,
            401
        );
    }
    assert_eq!(gateway.story().await, [""; 0], "nobody's log");
}

#[tokio::test(start_paused = true)]
async fn body_is_not_read_before_the_credential() {
    let gateway = Gateway::with(openai("")).await;
    let endless = Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    let request = Request::post("/v1/messages").body(endless).expect("a request");
    assert_eq!(gateway.ask(request).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn key_opens_in_either_header() {
    let gateway = Gateway::demo().await;
    for (name, value) in [
        ("authorization", format!("Bearer {}", gateway.key)),
        ("authorization", format!("bearer  {}", gateway.key)),
        ("x-api-key", gateway.key.clone()),
    ] {
        let request = Request::post("/v1/chat/completions").header(name, value);
        let answer = gateway
            .ask(
                request
                    .body(Body::from(chat("hi").to_string()))
                    .expect("a request"),
            )
            .await;
        assert_eq!(answer.status, 200, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_key_is_refused_before_quota_is_spent() {
    let gateway = Gateway::with(openai(LIMITED)).await;
    let other = gateway.memory.key(&gateway.user).await.expect("a key");
    let record = gateway.memory.record(&gateway.tenant, Kind::AdminKeyRevoked);
    let scope = gateway.memory.scope(&gateway.tenant);
    let now = gateway.memory.host().clock.now();
    assert!(
        gateway
            .memory
            .auth
            .revoke(&scope, other.id(), now, &record)
            .await
            .expect("an answer")
    );
    for _ in 0..10 {
        let request = gateway.request_as(other.expose(), "/v1/chat/completions", chat("hi").to_string());
        assert_eq!(gateway.ask(request).await.status, 401);
    }
    for _ in 0..3 {
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply("hi")));
        assert_eq!(
            gateway.chat("hi").await.status,
            200,
            "the same user's quota is whole"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn auditor_may_not_use_models() {
    let gateway = Gateway::with(openai("")).await;
    let auditor = gateway
        .memory
        .user(&gateway.tenant, "eve@example.com", Role::Auditor, None)
        .await
        .expect("a user");
    let key = gateway.memory.key(&auditor).await.expect("a key");
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let answer = gateway
            .ask(gateway.request_as(key.expose(), path, message("hi").to_string()))
            .await;
        assert_eq!(answer.status, 403, "{}", answer.body);
    }
    assert_eq!(
        gateway.story().await,
        ["ai.refused forbidden", "ai.refused forbidden"]
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_model_is_not_found() {
    let gateway = Gateway::with(openai("")).await;
    let mut body = message("hi");
    body["model"] = json!("gpt-unheard-of");
    let answers = both(&gateway, &body).await;
    assert_shapes(&answers, 404, "model_not_found");
    assert_eq!(answers[1].json()["error"]["type"], "not_found_error");
    assert!(
        !answers[0].body.contains("unheard"),
        "a caller's text is not repeated"
    );
    assert_eq!(gateway.story().await, ["ai.refused model_not_found"; 2]);
    assert!(gateway.memory.upstream.urls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn malformed_bodies_are_invalid_and_logged() {
    let gateway = Gateway::with(openai("")).await;
    for path in ["/v1/chat/completions", "/v1/messages"] {
        for body in [
            &b""[..],
            b"{",
            b"[1,2]",
            b"nothing",
            b"{\"model\": 7}",
            b"{\"model\":\"\xff\"}",
            b"{}{}",
        ] {
            let answer = gateway.ask(gateway.request(path, body.to_vec())).await;
            assert_eq!(answer.status, 400, "{path} {body:?}");
        }
    }
    let log = gateway.log().await;
    assert_eq!(log.len(), 14);
    assert!(
        log.iter()
            .all(|entry| entry.kind == Kind::AiRefused && entry.status == Some(400))
    );
}

#[tokio::test(start_paused = true)]
async fn field_of_the_wrong_type_is_named() {
    let gateway = Gateway::with(openai("")).await;
    let mut body = message("hi");
    body["temperature"] = json!([1]);
    let answers = both(&gateway, &body).await;
    assert_shapes(&answers, 400, "invalid_request");
    assert!(answers[0].body.contains("temperature"), "{}", answers[0].body);
}

#[tokio::test(start_paused = true)]
async fn large_body_is_refused_whether_or_not_it_says_so() {
    let mut options = CoreOptions::new(openai(""), [3; 32]);
    options.max_body = 1_000;
    let gateway = Gateway::with_options(options).await;
    let answers = both(&gateway, &message(&"x".repeat(2_000))).await;
    assert_shapes(&answers, 413, "too_large");
    let pieces = (0..100).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 100])));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    assert_eq!(
        gateway.ask(gateway.request("/v1/messages", body)).await.status,
        413
    );
    assert_eq!(gateway.story().await, ["ai.refused too_large"; 3]);
}

#[tokio::test(start_paused = true)]
async fn body_that_never_ends_times_out() {
    let gateway = Gateway::with(openai("")).await;
    let endless = Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    let answer = gateway.ask(gateway.request("/v1/messages", endless)).await;
    assert_eq!(answer.status, 408);
    assert_eq!(gateway.story().await, ["ai.refused request_timeout"]);
}

#[tokio::test(start_paused = true)]
async fn blocked_request_names_detector_direction_and_place_but_not_the_value() {
    let gateway = Gateway::with(openai("[dlp.request]\ncredit_card = \"block\"\n")).await;
    let answers = both(&gateway, &message(&format!("card {}", card()))).await;
    assert_shapes(&answers, 400, "dlp_blocked");
    for answer in &answers {
        for word in ["credit_card", "request", "messages[0].content"] {
            assert!(answer.body.contains(word), "{word} in {}", answer.body);
        }
        assert!(!answer.body.contains("4111"));
        assert_eq!(answer.header("x-workjet-dlp"), "request=credit_card:block*1");
    }
    assert!(gateway.memory.upstream.urls().is_empty());
    let log = gateway.log().await;
    assert_eq!(log[0].code.as_deref(), Some("dlp_blocked"));
    assert_eq!(log[0].findings[0].path.as_deref(), Some("messages[0].content"));
    assert!(!log[0].to_canonical_json().contains("4111"));
}

#[tokio::test(start_paused = true)]
async fn finding_in_a_name_refuses_instead_of_renaming() {
    let gateway = Gateway::with(openai("")).await;
    let mut body = chat("hi");
    body["tools"] = json!([{ "type": "function", "function": { "name": card(), "parameters": {} } }]);
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "dlp_blocked"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("4111"));
}

#[tokio::test(start_paused = true)]
async fn secret_as_a_model_name_reaches_no_log() {
    let gateway = Gateway::demo().await;
    let mut body = chat("hi");
    body["model"] = json!(card());
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    for entry in gateway.log().await {
        assert!(!entry.to_canonical_json().contains("4111"));
    }
}

#[tokio::test(start_paused = true)]
async fn image_is_refused_unless_the_policy_allows_what_it_cannot_scan() {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } });
    let mut body = chat("");
    body["messages"][0]["content"] = json!([{ "type": "text", "text": "what is this?" }, image]);

    let gateway = Gateway::with(openai("")).await;
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "dlp_blocked"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("unscannable"));

    let gateway = Gateway::with(openai("[dlp]\nunscannable = \"allow\"\n")).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("a dot")));
    assert_eq!(gateway.post("/v1/chat/completions", &body).await.status, 200);
    let log = gateway.log().await;
    assert_eq!(log[0].unscannable.len(), 1);
    assert_eq!(log[0].unscannable[0].action.as_deref(), Some("allow"));
}

#[tokio::test(start_paused = true)]
async fn logprobs_are_refused_while_replies_may_change() {
    let gateway = Gateway::with(openai("")).await;
    let mut body = chat("hi");
    body["logprobs"] = json!(true);
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("logprobs"));

    let off = ["credit_card", "us_ssn", "email", "phone", "aws_key", "api_secret"];
    let off: String = off
        .into_iter()
        .map(|name| format!("{name} = \"off\"\n"))
        .collect();
    let gateway = Gateway::with(openai(&format!("[dlp.response]\n{off}"))).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hi")));
    assert_eq!(gateway.post("/v1/chat/completions", &body).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn burst_is_exact_and_the_headers_say_so() {
    let gateway = Gateway::with(openai(LIMITED)).await;
    for left in [2, 1, 0] {
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply("hi")));
        let answer = gateway.chat("hi").await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"requests\";r={left};")),
            "{:?}",
            answer.headers
        );
        assert_eq!(
            answer.header("ratelimit-policy"),
            "\"requests\";q=60;w=60;burst=3"
        );
    }
    let answers = both(&gateway, &message("hi")).await;
    assert_shapes(&answers, 429, "rate_limited");
    assert_eq!(answers[0].header("retry-after"), "1");
    assert_eq!(answers[1].json()["error"]["type"], "rate_limit_error");

    tokio::time::sleep(std::time::Duration::from_millis(1_001)).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hi")));
    assert_eq!(gateway.chat("hi").await.status, 200);
    assert_eq!(gateway.chat("hi").await.status, 429);
    assert_eq!(
        gateway
            .story()
            .await
            .iter()
            .filter(|line| *line == "ai.refused rate_limited")
            .count(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn refused_request_costs_one_request_all_the_same() {
    let gateway = Gateway::with(openai(LIMITED)).await;
    for _ in 0..3 {
        assert_eq!(
            gateway
                .ask(gateway.request("/v1/chat/completions", "{"))
                .await
                .status,
            400
        );
    }
    assert_eq!(gateway.chat("hi").await.status, 429);
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_methods_have_their_dialects_shape() {
    let gateway = Gateway::demo().await;
    let answer = gateway.get("/v1/nothing").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (404, "not_found")
    );
    let answer = gateway.get("/v1/messages").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["type"].as_str()),
        (405, Some("error"))
    );
    let answer = gateway.get("/v1/chat/completions").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (405, "method_not_allowed")
    );
    assert!(answer.header("x-workjet-request-id").starts_with("req_"));
}

#[tokio::test(start_paused = true)]
async fn other_tenants_have_neither_providers_nor_quota_nor_log_of_the_first() {
    let acme =
        settings("[[provider]]\nname = \"own\"\nkind = \"openai\"\nbase_url = \"https://acme.test\"\n");
    let core = Core::new(CoreOptions::new(openai(LIMITED), [3; 32]))
        .with_tenant("acme".parse().expect("an id"), acme);
    let gateway = Gateway::with_core(core).await;
    let ask = async |tenant: &str, model: &str| {
        let tenant = gateway.memory.tenant(tenant).await.expect("a tenant");
        let email = format!("{}-{model}@example.com", tenant).replace(':', "-");
        let user = gateway
            .memory
            .user(&tenant, &email, Role::Member, None)
            .await
            .expect("a user");
        let key = gateway.memory.key(&user).await.expect("a key");
        let mut body = chat("hi");
        body["model"] = json!(model);
        let answer = gateway
            .ask(gateway.request_as(key.expose(), "/v1/chat/completions", body.to_string()))
            .await;
        (
            answer.status.as_u16(),
            gateway.memory.entries(&tenant).await.expect("a log"),
        )
    };
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hi")));
    assert_eq!(ask("acme", "own:m").await.0, 200);
    let (status, log) = ask("acme", "openai:m").await;
    assert_eq!(status, 404);
    assert!(log.iter().all(|entry| entry.tenant.as_str() == "acme"));
    assert_eq!(ask("new", "openai:m").await.0, 404, "no settings, no providers");
    assert_eq!(
        ask("new", "demo:m").await.0,
        404,
        "the demo is the default tenant's alone"
    );
    assert_eq!(gateway.story().await, [""; 0]);
    assert_eq!(
        gateway.memory.upstream.urls(),
        ["https://acme.test/chat/completions"]
    );
    let _ = Settings::standard();
}

#[tokio::test(start_paused = true)]
async fn models_are_listed_in_either_shape() {
    let gateway = Gateway::with(openai(
        "[[tier]]\nname = \"fast\"\ntargets = [\"openai:gpt-test\"]\n",
    ))
    .await;
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], "fast");
    let request = Request::get("/v1/models")
        .header("x-api-key", &gateway.key)
        .header("anthropic-version", "2023-06-01");
    let list = gateway
        .ask(request.body(Body::empty()).expect("a request"))
        .await
        .json();
    assert_eq!(
        (&list["data"][0]["type"], &list["first_id"]),
        (&json!("model"), &json!("fast"))
    );
    assert_eq!(gateway.get("/v1/models/fast").await.json()["id"], "fast");
    assert_eq!(gateway.get("/v1/models/slow").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn metrics_need_their_own_token_and_name_nobody() {
    let mut options = CoreOptions::new(Settings::demo(), [3; 32]);
    options.metrics_token = Some("metrics-token".to_owned().into());
    let gateway = Gateway::with_options(options).await;
    assert_eq!(gateway.chat(&format!("card {}", card())).await.status, 200);
    assert_eq!(
        gateway.get("/metrics").await.status,
        401,
        "an API key does not open it"
    );
    let request = Request::get("/metrics").header(AUTHORIZATION, "Bearer metrics-token");
    let text = gateway
        .ask(request.body(Body::empty()).expect("a request"))
        .await
        .body;
    assert!(
        text.contains("workjet_requests_total{surface=\"openai.chat\",code=\"ok\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("workjet_dlp_findings_total{direction=\"request\",detector=\"credit_card\""),
        "{text}"
    );
    assert!(!text.contains("default") && !text.contains("ada"), "{text}");

    gateway.memory.audit.refuse(Kind::AiIntent);
    assert_eq!(gateway.chat("hi").await.status, 503);
    let request = Request::get("/metrics").header(AUTHORIZATION, "Bearer metrics-token");
    let text = gateway
        .ask(request.body(Body::empty()).expect("a request"))
        .await
        .body;
    assert!(
        text.contains("workjet_requests_total{surface=\"openai.chat\",code=\"audit_unavailable\"} 1"),
        "{text}"
    );

    let gateway = Gateway::demo().await;
    assert_eq!(gateway.get("/metrics").await.status, 404, "no token, no path");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            gateway
                .ask(Request::get(path).body(Body::empty()).expect("a request"))
                .await
                .status,
            200
        );
    }
}
