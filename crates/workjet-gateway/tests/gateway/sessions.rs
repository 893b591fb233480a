//! Logging in, out, and changing the password.

use std::net::{IpAddr, Ipv4Addr};

use crate::support::{Answer, Gateway, chat, cookie};
use axum::body::Body;
use http::Request;
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use workjet_audit::Kind;
use workjet_auth::{Password, UserStore};
use workjet_gateway::RemoteAddress;
use workjet_tenant::Role;

const EMAIL: &str = "grace@example.com";

/// Assembled at run time, so that no scanner takes it for a leak.
fn secret() -> String {
    ["correct", "horse", "battery"].join(" ")
}

async fn gateway() -> Gateway {
    let gateway = Gateway::demo().await;
    let password = Password::parse(secret()).expect("a good password");
    gateway
        .memory
        .user(&gateway.tenant, EMAIL, Role::Admin, Some(password))
        .await
        .expect("a user");
    gateway
}

async fn post(gateway: &Gateway, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::post(path).header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_string())).expect("a request");
    request
        .extensions_mut()
        .insert(RemoteAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))));
    gateway.ask(request).await
}

async fn login(gateway: &Gateway, email: &str, password: &str) -> Answer {
    post(
        gateway,
        "/auth/login",
        &[],
        &json!({ "email": email, "password": password }),
    )
    .await
}

async fn me(gateway: &Gateway, cookie: &str) -> Answer {
    gateway
        .ask(
            Request::get("/auth/me")
                .header(COOKIE, cookie)
                .body(Body::empty())
                .expect("a request"),
        )
        .await
}

async fn kinds(gateway: &Gateway) -> Vec<Kind> {
    let is_auth = |kind: &Kind| kind.as_str().starts_with("auth.");
    // The outbox is drained with the next entry.
    let host = gateway.memory.host();
    let scope = gateway.memory.scope(&gateway.tenant);
    let entry = workjet_audit::Entry::new(
        format!("drain-{}", host.clock.now().as_nanosecond()),
        host.clock.now(),
        gateway.tenant.clone(),
        scope.actor().clone(),
        Kind::SystemStarted,
    );
    host.audit.append(&scope, entry).await.expect("a log");
    gateway
        .all_entries()
        .await
        .into_iter()
        .map(|entry| entry.kind)
        .filter(is_auth)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn login_sets_a_cookie_that_opens_the_gateway() {
    let gateway = gateway().await;
    let answer = login(&gateway, " Grace@Example.com ", &secret()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let set = answer.headers[SET_COOKIE].to_str().expect("ASCII");
    for part in [
        "__Host-workjet=wjs_",
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
    ] {
        assert!(set.contains(part), "{part}");
    }
    let who = me(&gateway, &cookie(&answer)).await.json();
    assert_eq!(
        (&who["user"]["email"], &who["user"]["role"]),
        (&json!(EMAIL), &json!("admin"))
    );

    let same_site = [
        (COOKIE.as_str(), &*cookie(&answer)),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(
        post(&gateway, "/v1/chat/completions", &same_site, &chat("hi"))
            .await
            .status,
        200
    );
    assert_eq!(kinds(&gateway).await, [Kind::AuthLogin]);
}

#[tokio::test(start_paused = true)]
async fn page_of_another_origin_may_not_use_the_cookie() {
    let gateway = gateway().await;
    let cookie = cookie(&login(&gateway, EMAIL, &secret()).await);
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.test"),
    ] {
        for path in ["/v1/chat/completions", "/auth/logout", "/auth/password"] {
            let headers = [
                (COOKIE.as_str(), cookie.as_str()),
                ("host", "workjet.test"),
                foreign,
            ];
            assert_eq!(
                post(&gateway, path, &headers, &chat("hi")).await.status,
                403,
                "{path} {foreign:?}"
            );
        }
        let form = json!({ "email": EMAIL, "password": secret() });
        assert_eq!(
            post(
                &gateway,
                "/auth/login",
                &[("host", "workjet.test"), foreign],
                &form
            )
            .await
            .status,
            403
        );
    }
    assert_eq!(me(&gateway, &cookie).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn wrong_logins_all_look_alike_and_are_logged_without_names() {
    let gateway = gateway().await;
    let scope = gateway.memory.scope(&gateway.tenant);
    let password = Password::parse(secret()).expect("a good password");
    let gone = gateway
        .memory
        .user(&gateway.tenant, "gone@example.com", Role::Member, Some(password))
        .await
        .expect("a user");
    let record = gateway.memory.record(&gateway.tenant, Kind::AdminUserChanged);
    let now = gateway.memory.host().clock.now();
    gateway
        .memory
        .auth
        .set_disabled(&scope, &gone.id, true, now, &record)
        .await
        .expect("disabled");

    let mut bodies = Vec::new();
    for (email, password) in [
        (EMAIL, "wrong"),
        ("nobody@example.com", &secret()),
        ("not an address", &secret()),
        ("gone@example.com", &secret()),
        ("ada@example.com", ""), // has no password at all
    ] {
        let answer = login(&gateway, email, password).await;
        assert_eq!(answer.status, 401, "{email}");
        assert!(answer.headers.get(SET_COOKIE).is_none());
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(kinds(&gateway).await, [Kind::AuthLoginFailed; 5]);
    for entry in gateway.all_entries().await {
        let json = entry.to_canonical_json();
        assert!(
            !json.contains("@example.com") && !json.contains("192.0.2.7"),
            "{json}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slowed_down_per_account_and_the_log_stays_small() {
    let gateway = gateway().await;
    for _ in 0..10 {
        assert_eq!(login(&gateway, EMAIL, "wrong").await.status, 401);
    }
    let answer = login(&gateway, EMAIL, &secret()).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(
        login(&gateway, "other@example.com", "wrong").await.status,
        401,
        "another account is free"
    );
    assert_eq!(kinds(&gateway).await.len(), 11);
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert_eq!(login(&gateway, EMAIL, &secret()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn many_accounts_from_one_address_are_slowed_down_too() {
    let gateway = gateway().await;
    let mut refused = false;
    for n in 0..70 {
        refused |= login(&gateway, &format!("user{n}@example.com"), "wrong")
            .await
            .status
            == 429;
    }
    assert!(refused);
}

#[tokio::test(start_paused = true)]
async fn logout_ends_the_session() {
    let gateway = gateway().await;
    let cookie = cookie(&login(&gateway, EMAIL, &secret()).await);
    let answer = post(
        &gateway,
        "/auth/logout",
        &[(COOKIE.as_str(), &cookie)],
        &json!({}),
    )
    .await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(me(&gateway, &cookie).await.status, 401);
    assert_eq!(kinds(&gateway).await, [Kind::AuthLogin, Kind::AuthLogout]);
}

#[tokio::test(start_paused = true)]
async fn session_ends_by_rest_and_by_age() {
    let gateway = gateway().await;
    let first = cookie(&login(&gateway, EMAIL, &secret()).await);
    tokio::time::sleep(std::time::Duration::from_secs(8 * 3600 + 1)).await;
    assert_eq!(me(&gateway, &first).await.status, 401, "it rested");
    let second = cookie(&login(&gateway, EMAIL, &secret()).await);
    for hour in 0..80 {
        let status = me(&gateway, &second).await.status;
        gateway.rest().await;
        assert_eq!(status == 200, hour < 72, "{hour}");
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn new_password_ends_every_session_but_the_new_one() {
    let gateway = gateway().await;
    let first = cookie(&login(&gateway, EMAIL, &secret()).await);
    let second = cookie(&login(&gateway, EMAIL, &secret()).await);
    let change = async |cookie: &str, current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        post(&gateway, "/auth/password", &[(COOKIE.as_str(), cookie)], &body).await
    };
    assert_eq!(
        change(&first, "wrong", "a much better sentence").await.status,
        403
    );
    assert!(
        kinds(&gateway).await.contains(&Kind::AuthLoginFailed),
        "whoever guesses with a session is logged too"
    );
    assert_eq!(change(&first, &secret(), "short").await.status, 400);
    let answer = change(&first, &secret(), "a much better sentence").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(me(&gateway, &first).await.status, 401);
    assert_eq!(me(&gateway, &second).await.status, 401);
    assert_eq!(me(&gateway, &cookie(&answer)).await.status, 200);
    assert_eq!(login(&gateway, EMAIL, &secret()).await.status, 401);
    assert_eq!(login(&gateway, EMAIL, "a much better sentence").await.status, 200);
    assert!(kinds(&gateway).await.contains(&Kind::AuthPasswordChanged));
}

#[tokio::test(start_paused = true)]
async fn api_key_changes_no_password_and_ends_no_session() {
    let gateway = gateway().await;
    for path in ["/auth/logout", "/auth/password"] {
        let body = json!({ "current": secret(), "new": "a much better sentence" });
        assert_eq!(gateway.post(path, &body).await.status, 403, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_in_unlogged() {
    let gateway = gateway().await;
    gateway.memory.audit.refuse(Kind::AuthLogin);
    let answer = login(&gateway, EMAIL, &secret()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "audit_unavailable")
    );
    assert!(answer.headers.get(SET_COOKIE).is_none());
}

#[tokio::test(start_paused = true)]
async fn form_must_be_small_json() {
    let gateway = gateway().await;
    let plain = Request::post("/auth/login").header(CONTENT_TYPE, "text/plain");
    let form = json!({ "email": EMAIL, "password": secret() }).to_string();
    assert_eq!(
        gateway
            .ask(plain.body(Body::from(form)).expect("a request"))
            .await
            .status,
        400
    );
    assert_eq!(login(&gateway, EMAIL, &"x".repeat(20_000)).await.status, 413);
    assert_eq!(
        post(&gateway, "/auth/login", &[], &json!({ "email": EMAIL }))
            .await
            .status,
        400
    );
}
