//! The first start over HTTP.

use http::Method;
use serde_json::{Value, json};
use workjet_audit::Kind;
use workjet_auth::SecretString;
use workjet_gateway::{CoreOptions, Settings};
use workjet_tenant::{Actor, Role};

use crate::support::{Answer, Gateway, chat, cookie};

const PATH: &str = "/admin/v1/bootstrap";

/// Assembled at run time, so that no scanner takes it for a leak.
fn token() -> String {
    ["boot", "strap", "0123456789abcdef"].join("-")
}

fn options() -> CoreOptions {
    CoreOptions {
        bootstrap_token: Some(SecretString::from(token())),
        ..CoreOptions::new(Settings::demo(), [3; 32])
    }
}

/// A home in which nobody was ever.
async fn empty() -> Gateway {
    Gateway::empty(options()).await
}

async fn bootstrap(gateway: &Gateway, token: &str, body: Option<&Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    gateway.call(Method::POST, PATH, &headers, body).await
}

/// The token of the link in an answer.
fn link(answer: &Answer) -> String {
    let body = answer.json();
    let url = body["login_link"].as_str().expect("a link");
    let (place, token) = url.split_once('#').expect("the token is in the fragment");
    assert_eq!(place, "https://gate.test/auth/link");
    token.to_owned()
}

async fn log_in(gateway: &Gateway, link: &str) -> Answer {
    let form = json!({ "link": link });
    gateway.call(Method::POST, "/auth/link", &[], Some(&form)).await
}

#[tokio::test(start_paused = true)]
async fn first_call_makes_tenant_owner_key_and_link() {
    let gateway = empty().await;
    let first = bootstrap(&gateway, &token(), None).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let body = first.json();
    assert_eq!(
        (&body["tenant"], &body["created"]),
        (&json!("default"), &json!(true))
    );
    assert_eq!(body["user"]["email"], "owner@localhost");
    assert_eq!(body["user"]["role"], "owner");
    assert!(body["expires"].as_str().expect("a time") > "2026-11-23T09:44");

    let key = body["key"].as_str().expect("a key");
    let answer = gateway
        .ask(gateway.request_as(key, "/v1/chat/completions", chat("hi").to_string()))
        .await;
    assert_eq!(answer.status, 200, "the key works: {}", answer.body);
    let link = link(&first);
    let session = log_in(&gateway, &link).await;
    assert_eq!(session.status, 200, "the link works");
    assert_eq!(session.json()["user"]["id"], body["user"]["id"]);
    let cookie = cookie(&session);
    let users = gateway
        .call(Method::GET, "/admin/v1/users", &[("cookie", &cookie)], None)
        .await;
    assert_eq!(users.json()["data"], json!([body["user"]]));

    let entries = gateway.all_entries().await;
    let made: Vec<Kind> = entries
        .iter()
        .filter(|entry| entry.actor == Actor::Operator)
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(
        made,
        [
            Kind::AdminTenantCreated,
            Kind::AdminUserCreated,
            Kind::AdminKeyCreated,
            Kind::AuthLinkIssued
        ]
    );
    gateway.assert_unlogged(&[key, &link, &token()]).await;
}

#[tokio::test(start_paused = true)]
async fn later_calls_make_a_link_and_nothing_else() {
    let gateway = empty().await;
    let first = bootstrap(&gateway, &token(), None).await;
    let second = bootstrap(&gateway, &token(), Some(&json!({}))).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let body = second.json();
    assert_eq!(body["created"], json!(false));
    assert_eq!(body["user"], first.json()["user"]);
    assert!(body.get("key").is_none() && !second.body.contains("wj_"));
    assert_ne!(link(&first), link(&second));
    assert_eq!(log_in(&gateway, &link(&second)).await.status, 200);
    assert_eq!(
        log_in(&gateway, &link(&first)).await.status,
        200,
        "each works once"
    );
    assert_eq!(log_in(&gateway, &link(&first)).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn owner_has_the_address_that_was_given() {
    let gateway = empty().await;
    let form = json!({ "email": " Olga@Example.com" });
    let first = bootstrap(&gateway, &token(), Some(&form)).await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.json()["user"]["email"], "olga@example.com");
    assert_eq!(bootstrap(&gateway, &token(), Some(&form)).await.status, 200);

    let nobody = bootstrap(
        &gateway,
        &token(),
        Some(&json!({ "email": "nobody@example.com" })),
    )
    .await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.code().as_str()),
        (404, "not_found")
    );
    let member = gateway.caller("default", "ada@example.com", Role::Member).await;
    let form = json!({ "email": member.user.login.as_str() });
    let member = bootstrap(&gateway, &token(), Some(&form)).await;
    assert_eq!(
        member.body, nobody.body,
        "the token opens the door to owners alone"
    );
}

#[tokio::test(start_paused = true)]
async fn tenant_without_an_owner_gets_one_back() {
    let gateway = empty().await;
    let first = bootstrap(&gateway, &token(), None).await;
    let user = &first.json()["user"]["id"];
    // What two owners can do to each other at the same moment.
    let (scope, id) = (
        gateway.memory.scope(&gateway.tenant),
        user.as_str().expect("an id").parse().expect("an id"),
    );
    let record = || gateway.memory.record(&gateway.tenant, Kind::AdminUserChanged);
    let now = gateway.memory.host().clock.now();
    let users = gateway.memory.host().users;
    users
        .set_role(&scope, &id, Role::Member, now, &record())
        .await
        .expect("a store in memory answers");
    users
        .set_disabled(&scope, &id, true, now, &record())
        .await
        .expect("a store in memory answers");

    let form = json!({ "email": "owner@localhost" });
    let again = bootstrap(&gateway, &token(), Some(&form)).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let session = log_in(&gateway, &link(&again)).await;
    assert_eq!(session.status, 200, "the link works: {}", session.body);
    assert_eq!(session.json()["user"]["role"], "owner");
    let changes = gateway.all_entries().await;
    let changes = changes
        .iter()
        .filter(|entry| entry.kind == Kind::AdminUserChanged);
    assert_eq!(changes.count(), 4, "what brought the owner back is on record");
}

#[tokio::test(start_paused = true)]
async fn form_that_cannot_be_read_makes_nothing() {
    let gateway = empty().await;
    for form in [
        json!({ "email": "olga" }),
        json!({ "mail": "a@b" }),
        json!([]),
        json!({ "email": 1 }),
    ] {
        let answer = bootstrap(&gateway, &token(), Some(&form)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid_request")
        );
    }
    let tenants = gateway.memory.host().operators.tenants().await;
    assert!(tenants.expect("an answer").is_empty());
}

#[tokio::test(start_paused = true)]
async fn wrong_token_is_refused_logged_and_slowed_down() {
    let gateway = empty().await;
    let right = token();
    for wrong in ["", "x", &right[1..], &format!("{right}0")] {
        let answer = bootstrap(&gateway, wrong, None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "unauthenticated")
        );
    }
    let none = gateway.call(Method::POST, PATH, &[], None).await;
    assert_eq!(none.status, 401);
    for _ in 0..60 {
        bootstrap(&gateway, "x", None).await;
    }
    let answer = bootstrap(&gateway, &right, None).await;
    assert_eq!(answer.status, 429, "whoever guesses does not get lucky either");
    assert!(answer.headers.contains_key("retry-after"));
    let entries = gateway.all_entries().await;
    assert_eq!(entries.len(), 60, "one for each attempt that was heard");
    for entry in entries {
        assert_eq!(entry.kind, Kind::AuthLoginFailed);
        assert_eq!(entry.detail["by"], "bootstrap token");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_token_there_is_no_such_path() {
    let gateway = Gateway::without_passwords(CoreOptions::new(Settings::demo(), [3; 32])).await;
    let answer = bootstrap(&gateway, "", None).await;
    let elsewhere = gateway.call(Method::POST, "/admin/v1/nothing", &[], None).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.body, elsewhere.body);
}

#[tokio::test(start_paused = true)]
async fn token_that_can_be_guessed_opens_nothing() {
    for token in ["", "123456789012345"] {
        let options = CoreOptions {
            bootstrap_token: Some(SecretString::from(token)),
            ..CoreOptions::new(Settings::demo(), [3; 32])
        };
        let gateway = Gateway::empty(options).await;
        let answer = bootstrap(&gateway, token, None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (503, "misconfigured")
        );
        let tenants = gateway.memory.host().operators.tenants().await;
        assert!(tenants.expect("an answer").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn api_key_is_no_bootstrap_token() {
    let gateway = Gateway::without_passwords(options()).await;
    let owner = gateway.caller("default", "olga@example.com", Role::Owner).await;
    assert_eq!(bootstrap(&gateway, owner.key(), None).await.status, 401);
}

#[test]
fn token_stays_out_of_debug_output() {
    assert!(!format!("{:?}", options()).contains(&token()));
}
