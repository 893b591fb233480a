//! Logging in by a link.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use serde_json::{Value, json};
use workjet_audit::{Entry, Kind};
use workjet_auth::{LoginLink, LoginLinkStore, NewLoginLink, SessionStore, UserStore};
use workjet_gateway::RemoteAddress;
use workjet_tenant::{Actor, OperatorStore};

use crate::support::{Answer, Gateway, cookie};

/// A link for the member, and its number so that no two are alike.
async fn issue(gateway: &Gateway, number: u8) -> LoginLink {
    let link = LoginLink::generate([number; 32]);
    let now = gateway.memory.host().clock.now();
    let new = NewLoginLink {
        hash: link.hash(),
        user: gateway.user.id.clone(),
        created: now,
        expires: now + LoginLink::LIFETIME,
    };
    let scope = gateway.memory.scope(&gateway.tenant);
    let record = gateway.memory.record(&gateway.tenant, Kind::AuthLinkIssued);
    let created = LoginLinkStore::create(&gateway.memory.auth, &scope, &new, &record).await;
    created.expect("a new link");
    link
}

async fn redeem(gateway: &Gateway, link: &str) -> Answer {
    let form = json!({ "link": link });
    gateway.call(Method::POST, "/auth/link", &[], Some(&form)).await
}

async fn me(gateway: &Gateway, cookie: &str) -> Answer {
    gateway
        .call(Method::GET, "/auth/me", &[("cookie", cookie)], None)
        .await
}

async fn logged(gateway: &Gateway, kind: Kind) -> Vec<Entry> {
    let entries = gateway.all_entries().await.into_iter();
    entries.filter(|entry| entry.kind == kind).collect()
}

#[tokio::test(start_paused = true)]
async fn link_opens_a_session_and_the_log_says_so() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    let answer = redeem(&gateway, link.expose()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["user"]["email"], "ada@example.com");
    let set = answer.header("set-cookie");
    for part in [
        "__Host-workjet=wjs_",
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
    ] {
        assert!(set.contains(part), "{part}");
    }
    let cookie = cookie(&answer);
    assert_eq!(me(&gateway, &cookie).await.json(), answer.json());

    let [login] = &logged(&gateway, Kind::AuthLogin).await[..] else {
        panic!("one login")
    };
    assert!(matches!(&login.actor, Actor::Session { user, .. } if *user == gateway.user.id));
    assert_eq!(login.detail.get("by").map(String::as_str), Some("link"));
    let (_, session) = cookie.split_once('=').expect("a pair");
    gateway.assert_unlogged(&[link.expose(), session]).await;
}

#[tokio::test(start_paused = true)]
async fn links_that_do_not_work_all_look_alike() {
    let gateway = Gateway::demo().await;
    let (used, late, shut, orphan) = (
        issue(&gateway, 1).await,
        issue(&gateway, 2).await,
        issue(&gateway, 3).await,
        issue(&gateway, 4).await,
    );
    assert_eq!(redeem(&gateway, used.expose()).await.status, 200);
    let mut bodies = vec![
        redeem(&gateway, used.expose()).await,
        redeem(&gateway, LoginLink::generate([9; 32]).expose()).await,
        redeem(&gateway, "").await,
        redeem(&gateway, &gateway.key).await,
    ];

    let (auth, scope) = (&gateway.memory.auth, gateway.memory.scope(&gateway.tenant));
    let record = gateway.memory.record(&gateway.tenant, Kind::AdminUserChanged);
    let now = gateway.memory.host().clock.now();
    let disable = async |disabled| {
        let changed = auth
            .set_disabled(&scope, &gateway.user.id, disabled, now, &record)
            .await;
        assert!(changed.expect("an answer"));
    };
    disable(true).await;
    bodies.push(redeem(&gateway, shut.expose()).await);
    disable(false).await;
    let disable = async |disabled| {
        let changed = auth.set_tenant_disabled(&gateway.tenant, disabled, &record).await;
        assert!(changed.expect("an answer"));
    };
    disable(true).await;
    bodies.push(redeem(&gateway, orphan.expose()).await);
    disable(false).await;
    tokio::time::sleep(LoginLink::LIFETIME).await;
    bodies.push(redeem(&gateway, late.expose()).await);

    for answer in &bodies {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "unauthenticated")
        );
        assert_eq!(answer.body, bodies[0].body);
        assert_eq!(answer.header("set-cookie"), "");
    }
    let failed = logged(&gateway, Kind::AuthLoginFailed).await;
    assert_eq!(failed.len(), bodies.len());
    for entry in failed {
        assert_eq!(entry.detail.get("by").map(String::as_str), Some("link"));
        assert!(entry.detail.contains_key("address"), "where from, as a pseudonym");
        assert_eq!((entry.status, entry.subject), (Some(401), None));
    }
    let tokens = [&used, &late, &shut, &orphan].map(LoginLink::expose);
    gateway.assert_unlogged(&tokens).await;
    gateway.assert_unlogged(&["192.0.2.7"]).await;
}

#[tokio::test(start_paused = true)]
async fn link_works_until_its_end() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    tokio::time::sleep(LoginLink::LIFETIME - Duration::from_secs(1)).await;
    assert_eq!(redeem(&gateway, link.expose()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn one_of_many_at_once_gets_in() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    let all = futures_util::future::join_all((0..8).map(|_| redeem(&gateway, link.expose()))).await;
    let mut statuses: Vec<u16> = all.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
    let scope = gateway.memory.scope(&gateway.tenant);
    let sessions = SessionStore::list(&gateway.memory.auth, &scope, &gateway.user.id).await;
    assert_eq!(sessions.expect("an answer").len(), 1);
    assert_eq!(logged(&gateway, Kind::AuthLogin).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn opening_the_page_spends_nothing() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    for path in [
        "/auth/link".to_owned(),
        format!("/auth/link?token={}", link.expose()),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let page = gateway.call(method.clone(), &path, &[], None).await;
            assert_eq!(page.status, 200);
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(page.header("cache-control"), "no-store");
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert_eq!(page.header("x-frame-options"), "DENY");
            let policy = page.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"),
                "{policy}"
            );
            assert_eq!(page.header("set-cookie"), "");
            assert!(
                !page.body.contains(link.expose()),
                "the page is the same for everybody"
            );
            assert_eq!(page.body.is_empty(), method == Method::HEAD);
        }
    }
    assert_eq!(redeem(&gateway, link.expose()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn page_of_another_origin_cannot_log_anybody_in() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    let form = json!({ "link": link.expose() });
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.test"),
    ] {
        let answer = gateway
            .call(Method::POST, "/auth/link", &[foreign], Some(&form))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "forbidden")
        );
    }
    let own = [("sec-fetch-site", "same-origin"), ("origin", "https://gate.test")];
    let answer = gateway.call(Method::POST, "/auth/link", &own, Some(&form)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(start_paused = true)]
async fn form_must_be_json_with_a_link() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    for form in [json!({}), json!({ "link": 7 }), json!([]), Value::Null] {
        let answer = gateway.call(Method::POST, "/auth/link", &[], Some(&form)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid_request")
        );
    }
    let form = format!("link={}", link.expose());
    let plain = Request::post("/auth/link").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = gateway
        .ask(plain.body(Body::from(form)).expect("a request"))
        .await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.contains(link.expose()));
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slowed_down_per_address() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    let mut answer = redeem(&gateway, "wjl_wrong").await;
    for _ in 0..70 {
        answer = redeem(&gateway, "wjl_wrong").await;
    }
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (429, "rate_limited")
    );
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        redeem(&gateway, link.expose()).await.status,
        429,
        "whoever guesses does not get lucky either"
    );
    assert_eq!(
        logged(&gateway, Kind::AuthLoginFailed).await.len(),
        60,
        "the log stays small"
    );

    let elsewhere = async |address: Option<u8>| {
        let form = json!({ "link": link.expose() }).to_string();
        let request = Request::post("/auth/link").header(CONTENT_TYPE, "application/json");
        let mut request = request.body(Body::from(form)).expect("a request");
        if let Some(last) = address {
            let address = RemoteAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
            request.extensions_mut().insert(address);
        }
        gateway.ask(request).await.status.as_u16()
    };
    assert_eq!(elsewhere(Some(8)).await, 200, "another address is free");
    let from_nowhere = futures_util::future::join_all((0..61).map(|_| elsewhere(None))).await;
    assert!(
        from_nowhere.contains(&429),
        "a home that tells no addresses is protected too"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_in_unlogged() {
    let gateway = Gateway::demo().await;
    let link = issue(&gateway, 1).await;
    gateway.memory.audit.refuse(Kind::AuthLogin);
    let answer = redeem(&gateway, link.expose()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "audit_unavailable")
    );
    assert_eq!(answer.header("set-cookie"), "");
    let scope = gateway.memory.scope(&gateway.tenant);
    let sessions = SessionStore::list(&gateway.memory.auth, &scope, &gateway.user.id).await;
    assert!(sessions.expect("an answer").is_empty());
}
