//! What the process says about a request in its own log.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::Gateway;

/// Keeps every line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut Line(&mut line));
        self.0.lock().expect("no panic").push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn line_about_a_request_holds_nothing_that_its_caller_chose() {
    let gateway = Gateway::demo().await;
    let lines = Lines::default();
    // While there is one subscriber alone, whether a line is wanted is asked of the thread that comes by first, and that may
    // be another test's. Of two, both are asked.
    let _second = tracing::Dispatch::new(Lines::default());
    let guard = tracing::subscriber::set_default(lines.clone());
    for (method, path) in [
        ("GET", "/v1/models/demo:zebra?zebra=1"),
        ("GET", "/zebra"),
        ("ZEBRA", "/v1/messages"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        gateway.ask(request.expect("a request")).await;
    }
    drop(guard);
    let lines = lines.0.lock().expect("no panic");
    let about = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(about("request=\"req_"), 3, "{lines:?}");
    assert_eq!(
        about("method=\"GET\" route=\"/v1/models/{*id}\" status=401"),
        1,
        "{lines:?}"
    );
    assert_eq!(about("method=\"GET\" route=\"-\" status=404"), 1, "{lines:?}");
    assert_eq!(
        about("method=\"-\" route=\"/v1/messages\" status=405"),
        1,
        "{lines:?}"
    );
    assert_eq!(about("zebra") + about("ZEBRA"), 0, "{lines:?}");
}
