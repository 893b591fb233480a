//! Users and API keys over HTTP.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use workjet_audit::Kind;
use workjet_auth::Password;
use workjet_gateway::{CoreOptions, Settings};
use workjet_tenant::{Outbox, Role};

use crate::support::{Answer, Caller, Gateway, chat, cookie};

/// A home where nobody has a password, and its owner.
async fn gateway() -> (Gateway, Caller) {
    let gateway = Gateway::without_passwords(CoreOptions::new(Settings::demo(), [3; 32])).await;
    let owner = gateway.caller("default", "olga@example.com", Role::Owner).await;
    (gateway, owner)
}

async fn call(gateway: &Gateway, who: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    gateway.call(method, path, &[("x-api-key", who)], body).await
}

async fn post(gateway: &Gateway, who: &Caller, path: &str, body: Value) -> Answer {
    call(gateway, who.key(), Method::POST, path, Some(&body)).await
}

async fn patch(gateway: &Gateway, who: &Caller, user: &str, body: Value) -> Answer {
    let path = format!("/admin/v1/users/{user}");
    call(gateway, who.key(), Method::PATCH, &path, Some(&body)).await
}

async fn list(gateway: &Gateway, who: &Caller, path: &str) -> Vec<Value> {
    let answer = call(gateway, who.key(), Method::GET, path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["object"], "list");
    body["data"].as_array().expect("a list").clone()
}

/// Whether the key opens the gateway.
async fn opens(gateway: &Gateway, key: &str) -> bool {
    let answer = call(gateway, key, Method::GET, "/auth/me", None).await;
    answer.status == 200
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The token behind a login link.
fn token(answer: &Answer) -> String {
    let body = answer.json();
    let (place, token) = text(&body["login_link"]).split_once('#').expect("a fragment");
    assert_eq!(place, "https://gate.test/auth/link");
    token.to_owned()
}

async fn log_in(gateway: &Gateway, answer: &Answer) -> Answer {
    let form = json!({ "link": token(answer) });
    gateway.call(Method::POST, "/auth/link", &[], Some(&form)).await
}

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Every request that there is, about the user and the key with these ids.
fn every_request(user: &str, key: &str) -> Vec<(Method, String, Option<Value>)> {
    vec![
        (Method::GET, "/admin/v1/users".into(), None),
        (
            Method::POST,
            "/admin/v1/users".into(),
            Some(json!({ "email": "new@example.com", "role": "member" })),
        ),
        (
            Method::PATCH,
            format!("/admin/v1/users/{user}"),
            Some(json!({ "role": "auditor" })),
        ),
        (Method::POST, format!("/admin/v1/users/{user}/login-link"), None),
        (Method::GET, "/admin/v1/keys".into(), None),
        (
            Method::POST,
            "/admin/v1/keys".into(),
            Some(json!({ "name": "new", "user": user })),
        ),
        (Method::POST, format!("/admin/v1/keys/{key}/rotate"), None),
        (Method::DELETE, format!("/admin/v1/keys/{key}"), None),
    ]
}

#[tokio::test(start_paused = true)]
async fn administration_takes_an_admin() {
    let (gateway, _) = gateway().await;
    let mut callers = vec![(None, is(401, "unauthenticated"))];
    for (email, role) in [("m@example.com", Role::Member), ("e@example.com", Role::Auditor)] {
        let caller = gateway.caller("default", email, role).await;
        callers.push((Some(caller), is(403, "forbidden")));
    }
    let victim = gateway
        .caller("default", "victim@example.com", Role::Member)
        .await;
    for (method, path, body) in every_request(victim.user.id.as_str(), victim.key_id()) {
        for (caller, expected) in &callers {
            let key = caller.as_ref().map(Caller::key);
            let headers: Vec<_> = key.iter().map(|key| ("x-api-key", *key)).collect();
            let answer = gateway.call(method.clone(), &path, &headers, body.as_ref()).await;
            assert_eq!(outcome(&answer), *expected, "{method} {path}");
        }
    }
    let admin = gateway.caller("default", "admin@example.com", Role::Admin).await;
    for (method, path, body) in every_request(victim.user.id.as_str(), victim.key_id()) {
        let answer = call(&gateway, admin.key(), method.clone(), &path, body.as_ref()).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn new_user_comes_in_by_a_link() {
    let (gateway, owner) = gateway().await;
    let form = json!({ "email": "Grace@Example.com", "role": "admin" });
    let answer = post(&gateway, &owner, "/admin/v1/users", form).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.json();
    let user = &body["user"];
    assert_eq!(
        (
            &user["object"],
            &user["email"],
            &user["role"],
            &user["tenant"],
            &user["disabled"]
        ),
        (
            &json!("user"),
            &json!("grace@example.com"),
            &json!("admin"),
            &json!("default"),
            &json!(false)
        )
    );
    assert!(body.get("password").is_none());
    assert!(list(&gateway, &owner, "/admin/v1/users").await.contains(user));
    let session = log_in(&gateway, &answer).await;
    assert_eq!(session.json()["user"]["id"], user["id"]);

    let again = post(
        &gateway,
        &owner,
        &format!("/admin/v1/users/{}/login-link", text(&user["id"])),
        json!({}),
    )
    .await;
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(again.json()["user"], *user);
    assert_eq!(log_in(&gateway, &again).await.status, 200);
    assert_eq!(log_in(&gateway, &again).await.status, 401);
    gateway
        .assert_unlogged(&[&token(&answer), &token(&again), "grace@"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn new_user_of_a_home_with_passwords_gets_one() {
    let gateway = Gateway::demo().await;
    let owner = gateway.caller("default", "olga@example.com", Role::Owner).await;
    let form = json!({ "email": "grace@example.com", "role": "member" });
    let answer = post(&gateway, &owner, "/admin/v1/users", form).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.json();
    assert!(body.get("login_link").is_none());
    let password = text(&body["password"]);
    assert!(Password::parse(password.to_owned()).is_ok());
    let form = json!({ "email": "grace@example.com", "password": password });
    let login = gateway.call(Method::POST, "/auth/login", &[], Some(&form)).await;
    assert_eq!(login.status, 200, "{}", login.body);
    gateway.assert_unlogged(&[password]).await;

    let path = format!("/admin/v1/users/{}/login-link", text(&body["user"]["id"]));
    let link = post(&gateway, &owner, &path, json!({})).await;
    assert_eq!(
        log_in(&gateway, &link).await.status,
        200,
        "a link works there too"
    );
}

#[tokio::test(start_paused = true)]
async fn what_concerns_an_owner_takes_an_owner() {
    let (gateway, owner) = gateway().await;
    let admin = gateway.caller("default", "admin@example.com", Role::Admin).await;
    let (user, key) = (owner.user.id.as_str(), owner.key_id());
    let link = post(
        &gateway,
        &owner,
        &format!("/admin/v1/users/{user}/login-link"),
        json!({}),
    )
    .await;
    let session = cookie(&log_in(&gateway, &link).await);
    let mut requests = every_request(user, key);
    requests.retain(|(_, path, _)| path.contains(user) || path.contains(key));
    requests.push((
        Method::POST,
        "/admin/v1/keys".into(),
        Some(json!({ "name": "mine now", "user": user })),
    ));
    requests.push((
        Method::POST,
        "/admin/v1/users".into(),
        Some(json!({ "email": "new@example.com", "role": "owner" })),
    ));
    requests.push((
        Method::PATCH,
        format!("/admin/v1/users/{}", gateway.user.id),
        Some(json!({ "role": "owner" })),
    ));
    for (method, path, body) in requests {
        let answer = call(&gateway, admin.key(), method.clone(), &path, body.as_ref()).await;
        assert_eq!(outcome(&answer), is(403, "forbidden"), "{method} {path}");
    }
    assert!(opens(&gateway, owner.key()).await);
    let headers = [("cookie", session.as_str())];
    let me = gateway.call(Method::GET, "/auth/me", &headers, None).await;
    assert_eq!(me.status, 200, "what was refused ended no session either");
}

#[tokio::test(start_paused = true)]
async fn refused_half_of_a_change_keeps_the_other_half_from_being_made() {
    let (gateway, _) = gateway().await;
    let admin = gateway.caller("default", "admin@example.com", Role::Admin).await;
    let id = gateway.user.id.as_str();
    let answer = patch(&gateway, &admin, id, json!({ "disabled": true, "role": "owner" })).await;
    assert_eq!(outcome(&answer), is(403, "forbidden"));
    assert!(opens(&gateway, &gateway.key).await, "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn nobody_shuts_themselves_out() {
    let (gateway, owner) = gateway().await;
    for change in [json!({ "disabled": true }), json!({ "role": "member" })] {
        let answer = patch(&gateway, &owner, owner.user.id.as_str(), change).await;
        assert_eq!(outcome(&answer), is(403, "forbidden"));
    }
    assert!(opens(&gateway, owner.key()).await);
}

#[tokio::test(start_paused = true)]
async fn role_and_state_change_at_once_and_end_sessions() {
    let (gateway, owner) = gateway().await;
    let grace = gateway.caller("default", "grace@example.com", Role::Member).await;
    let id = grace.user.id.as_str();
    let link = post(
        &gateway,
        &owner,
        &format!("/admin/v1/users/{id}/login-link"),
        json!({}),
    )
    .await;
    let session = cookie(&log_in(&gateway, &link).await);
    let me = async || {
        let headers = [("cookie", session.as_str())];
        gateway
            .call(Method::GET, "/auth/me", &headers, None)
            .await
            .status
            .as_u16()
    };
    assert_eq!(me().await, 200);

    let answer = patch(&gateway, &owner, id, json!({ "role": "auditor" })).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["user"]["role"]),
        (200, &json!("auditor"))
    );
    assert_eq!(me().await, 401, "a session does not outlive its rights");
    let answer = call(&gateway, grace.key(), Method::GET, "/audit/v1/checkpoint", None).await;
    assert_eq!(answer.status, 200, "the key has the new role");

    let pending = post(
        &gateway,
        &owner,
        &format!("/admin/v1/users/{id}/login-link"),
        json!({}),
    )
    .await;
    let answer = patch(
        &gateway,
        &owner,
        id,
        json!({ "disabled": true, "role": "member" }),
    )
    .await;
    let user = &answer.json()["user"];
    assert_eq!(
        (&user["disabled"], &user["role"]),
        (&json!(true), &json!("member"))
    );
    assert!(!opens(&gateway, grace.key()).await);
    assert_eq!(log_in(&gateway, &pending).await.status, 401);
    let refused = post(
        &gateway,
        &owner,
        &format!("/admin/v1/users/{id}/login-link"),
        json!({}),
    )
    .await;
    assert_eq!(outcome(&refused), is(400, "invalid_request"));

    let answer = patch(&gateway, &owner, id, json!({ "disabled": false })).await;
    assert_eq!(answer.json()["user"]["disabled"], json!(false));
    assert!(opens(&gateway, grace.key()).await);
}

#[tokio::test(start_paused = true)]
async fn address_is_taken_once() {
    let (gateway, owner) = gateway().await;
    gateway.caller("other", "mallory@example.com", Role::Owner).await;
    for email in ["ada@example.com", "mallory@example.com"] {
        let form = json!({ "email": email, "role": "member" });
        let answer = post(&gateway, &owner, "/admin/v1/users", form).await;
        assert_eq!(outcome(&answer), is(409, "already_exists"));
        assert!(!answer.body.contains(email));
    }
}

#[tokio::test(start_paused = true)]
async fn forms_that_make_no_sense_change_nothing() {
    let (gateway, owner) = gateway().await;
    let user = format!("/admin/v1/users/{}", gateway.user.id);
    let rotate = format!("/admin/v1/keys/{}/rotate", owner.key_id());
    for (method, path, body) in [
        (
            Method::POST,
            "/admin/v1/users",
            json!({ "email": "grace@example.com" }),
        ),
        (
            Method::POST,
            "/admin/v1/users",
            json!({ "email": "grace", "role": "member" }),
        ),
        (
            Method::POST,
            "/admin/v1/users",
            json!({ "email": "g@example.com", "role": "root" }),
        ),
        (
            Method::POST,
            "/admin/v1/users",
            json!({ "email": "g@example.com", "role": "member", "password": "correct horse battery" }),
        ),
        (Method::PATCH, &user, json!({})),
        (Method::PATCH, &user, json!({ "role": "root", "disabled": true })),
        (Method::PATCH, &user, json!({ "tenant": "other" })),
        (Method::POST, "/admin/v1/keys", json!({})),
        (Method::POST, "/admin/v1/keys", json!({ "name": "" })),
        (Method::POST, "/admin/v1/keys", json!({ "name": "a\nb" })),
        (
            Method::POST,
            "/admin/v1/keys",
            json!({ "name": "k", "expires": "tomorrow" }),
        ),
        (
            Method::POST,
            "/admin/v1/keys",
            json!({ "name": "k", "expires": "2026-11-23T09:00:00Z" }),
        ),
        (Method::POST, &rotate, json!({ "grace": -1 })),
        (Method::POST, &rotate, json!({ "grace": u64::MAX })),
        (Method::POST, &rotate, json!({ "grace": "1h" })),
    ] {
        let answer = call(&gateway, owner.key(), method.clone(), path, Some(&body)).await;
        assert_eq!(
            outcome(&answer),
            is(400, "invalid_request"),
            "{method} {path} {body}"
        );
    }
    let users = list(&gateway, &owner, "/admin/v1/users").await;
    assert_eq!(users.len(), 2);
    assert!(users.iter().all(|user| user["disabled"] == json!(false)));
    assert_eq!(list(&gateway, &owner, "/admin/v1/keys").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn key_lives_from_its_creation_to_its_end() {
    let (gateway, owner) = gateway().await;
    let answer = post(&gateway, &owner, "/admin/v1/keys", json!({ "name": " laptop " })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.json();
    let (key, described) = (text(&body["key"]), &body["api_key"]);
    assert!(key.starts_with("wj_live_"));
    assert_eq!(
        (
            &described["object"],
            &described["name"],
            &described["user"],
            &described["role"]
        ),
        (
            &json!("api_key"),
            &json!("laptop"),
            &json!(owner.user.id),
            &json!("owner")
        )
    );
    for absent in ["expires", "revoked", "last_used"] {
        assert_eq!(described[absent], Value::Null, "{absent}");
    }
    assert!(opens(&gateway, key).await);
    let listed = call(&gateway, owner.key(), Method::GET, "/admin/v1/keys", None).await;
    assert!(listed.body.contains(text(&described["id"])));
    assert!(!listed.body.contains(key), "a key is shown once");

    let rotate = format!("/admin/v1/keys/{}/rotate", text(&described["id"]));
    let answer = post(&gateway, &owner, &rotate, json!({ "grace": 60 })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let second = answer.json();
    assert_eq!(second["api_key"]["name"], "laptop");
    assert!(opens(&gateway, key).await && opens(&gateway, text(&second["key"])).await);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(!opens(&gateway, key).await, "its grace is over");
    let late = post(&gateway, &owner, &rotate, json!({})).await;
    assert_eq!(
        outcome(&late),
        is(404, "not_found"),
        "an ended key is not replaced"
    );

    let rotate = format!("/admin/v1/keys/{}/rotate", text(&second["api_key"]["id"]));
    let third = call(&gateway, owner.key(), Method::POST, &rotate, None).await;
    assert_eq!(third.status, 201, "a day's grace needs no form: {}", third.body);
    tokio::time::sleep(Duration::from_secs(86_000)).await;
    assert!(opens(&gateway, text(&second["key"])).await);

    let third = third.json();
    let path = format!("/admin/v1/keys/{}", text(&third["api_key"]["id"]));
    let gone = call(&gateway, owner.key(), Method::DELETE, &path, None).await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert!(gone.json()["api_key"]["revoked"].is_string());
    assert!(!opens(&gateway, text(&third["key"])).await);
    let again = call(&gateway, owner.key(), Method::DELETE, &path, None).await;
    assert_eq!(outcome(&again), is(404, "not_found"));
    let keys = [key, text(&second["key"]), text(&third["key"])];
    gateway.assert_unlogged(&keys).await;
}

#[tokio::test(start_paused = true)]
async fn key_for_somebody_else_has_their_rights_and_its_end() {
    let (gateway, owner) = gateway().await;
    let form = json!({ "name": "bot", "user": gateway.user.id, "expires": "2026-11-23T10:00:00Z" });
    let answer = post(&gateway, &owner, "/admin/v1/keys", form).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.json();
    assert_eq!(
        (&body["api_key"]["role"], &body["api_key"]["expires"]),
        (&json!("member"), &json!("2026-11-23T10:00:00.000Z"))
    );
    let key = text(&body["key"]);
    let answer = call(&gateway, key, Method::GET, "/admin/v1/keys", None).await;
    assert_eq!(answer.status, 403);
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert!(!opens(&gateway, key).await);
}

#[tokio::test(start_paused = true)]
async fn ids_of_another_tenant_answer_like_absent_ones() {
    let (gateway, owner) = gateway().await;
    let mallory = gateway.caller("other", "mallory@example.com", Role::Owner).await;
    let theirs = every_request(mallory.user.id.as_str(), mallory.key_id());
    let absent = every_request("u-0000000000000000", "0000000000000000");
    let none = every_request("Not..An%20Id%ff", "%00%ff");
    // The first look is noted as the key's last use.
    list(&gateway, &mallory, "/admin/v1/keys").await;
    let keys = list(&gateway, &mallory, "/admin/v1/keys").await;
    for (((method, path, body), absent), none) in theirs.into_iter().zip(absent).zip(none) {
        let names_somebody = path != absent.1 || body != absent.2;
        if !names_somebody {
            continue;
        }
        let foreign = call(&gateway, owner.key(), method.clone(), &path, body.as_ref()).await;
        let absent = call(
            &gateway,
            owner.key(),
            method.clone(),
            &absent.1,
            absent.2.as_ref(),
        )
        .await;
        let none = call(&gateway, owner.key(), method.clone(), &none.1, none.2.as_ref()).await;
        assert_eq!(outcome(&foreign), is(404, "not_found"), "{method} {path}");
        for other in [&absent, &none] {
            assert_eq!(
                (&other.body, other.status),
                (&foreign.body, foreign.status),
                "{method} {path}"
            );
        }
    }
    assert_eq!(list(&gateway, &mallory, "/admin/v1/keys").await, keys);
    let users = list(&gateway, &mallory, "/admin/v1/users").await;
    assert_eq!((users.len(), &users[0]["role"]), (1, &json!("owner")));
    for path in ["/admin/v1/users", "/admin/v1/keys"] {
        let ours = call(&gateway, owner.key(), Method::GET, path, None).await;
        assert!(!ours.body.contains("mallory") && !ours.body.contains(mallory.key_id()));
    }
}

#[tokio::test(start_paused = true)]
async fn page_of_another_origin_administers_nothing() {
    let (gateway, owner) = gateway().await;
    let path = format!("/admin/v1/users/{}/login-link", owner.user.id);
    let session = cookie(&log_in(&gateway, &post(&gateway, &owner, &path, json!({})).await).await);
    let victim = gateway
        .caller("default", "victim@example.com", Role::Member)
        .await;
    for (method, path, body) in every_request(victim.user.id.as_str(), victim.key_id()) {
        if method == Method::GET {
            continue;
        }
        for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")] {
            let headers = [("cookie", session.as_str()), foreign];
            let answer = gateway.call(method.clone(), &path, &headers, body.as_ref()).await;
            assert_eq!(outcome(&answer), is(403, "forbidden"), "{method} {path}");
        }
        let headers = [("cookie", session.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = gateway.call(method.clone(), &path, &headers, body.as_ref()).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn change_is_in_the_log_when_it_is_answered() {
    let (gateway, owner) = gateway().await;
    let victim = gateway
        .caller("default", "victim@example.com", Role::Member)
        .await;
    let host = gateway.memory.host();
    let scope = gateway.memory.scope(&gateway.tenant);
    host.audit.checkpoint(&scope).await.expect("a log");
    for ((method, path, body), expected) in every_request(victim.user.id.as_str(), victim.key_id())
        .into_iter()
        .filter(|(method, ..)| *method != Method::GET)
        .zip([
            &[Kind::AdminUserCreated, Kind::AuthLinkIssued][..],
            &[Kind::AdminUserChanged],
            &[Kind::AuthLinkIssued],
            &[Kind::AdminKeyCreated],
            &[Kind::AdminKeyRotated],
            &[Kind::AdminKeyRevoked],
        ])
    {
        let pending = async || Outbox::pending(&gateway.memory.auth, &scope, 0, 10).await;
        let before = gateway.all_entries().await.len();
        let answer = call(&gateway, owner.key(), method.clone(), &path, body.as_ref()).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
        assert_eq!(pending().await.expect("an answer"), [], "{method} {path}");
        let entries = gateway.all_entries().await.split_off(before);
        let kinds: Vec<Kind> = entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, expected, "{method} {path}");
        for entry in entries {
            assert_eq!(entry.actor.user(), Some(&owner.user.id));
            assert!(entry.subject.is_some());
        }
    }
    gateway
        .assert_unlogged(&["new@example.com", "wjl_", "wj_live_"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn answers_with_secrets_are_not_to_be_stored() {
    let (gateway, owner) = gateway().await;
    let answer = post(&gateway, &owner, "/admin/v1/keys", json!({ "name": "k" })).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        gateway.post("/v1/chat/completions", &chat("hi")).await.status,
        200
    );
}
