//! Workjet with a store of your own: write it, let `workjet-conformance` judge it, hand it to the gateway.
//!
//! This starts a whole gateway whose limits are counted by [`rates::MyRates`], asks it five times, and stops it. The third
//! request is the last that passes.

mod rates;

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use tower::ServiceExt;
use workjet_server::{Config, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // No provider is named, so the built-in demo provider answers with what it was sent.
    let mut config = Config::from_toml(
        r#"
        listen = "127.0.0.1:0"
        [tls]
        mode = "off"
        [limits.user]
        requests = 3
        per = "1h"
        "#,
        "custom-store.toml",
    )?;
    config.data = folder.path().join("data");

    let server = Server::builder(config)
        .rates(Arc::new(rates::MyRates::default()))
        .start()
        .await?;
    let key = server
        .first_start()
        .ok_or("the folder is new")?
        .key
        .expose()
        .to_owned();
    let gateway = server.router();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        // Stopped, or nobody is left who could say so.
        let _ = stopped.await;
    }));

    let mut admitted = 0;
    for number in 1..=5 {
        // Over the network it would be the same; in one process the router will do.
        let request = Request::post("/v1/chat/completions")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Body::from(
                r#"{"model": "demo", "messages": [{"role": "user", "content": "Hello!"}]}"#,
            ))?;
        let reply = gateway.clone().oneshot(request).await?;
        match reply.status() {
            StatusCode::OK => admitted += 1,
            StatusCode::TOO_MANY_REQUESTS => {}
            other => return Err(format!("unexpected: {other}").into()),
        }
        let wait = reply
            .headers()
            .get("retry-after")
            .and_then(|wait| wait.to_str().ok());
        println!(
            "request {number}: {}, retry after {} s",
            reply.status(),
            wait.unwrap_or("0")
        );
    }
    assert_eq!(admitted, 3, "exactly the burst passes at once");

    stop.send(()).map_err(|()| "the gateway ended by itself")?;
    Ok(running.await??)
}
