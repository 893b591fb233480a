//! The server: looks up the script for a request, plays it, and remembers what it was sent.
//!
//! Control endpoints, all in JSON:
//!
//! | request | |
//! |---|---|
//! | `POST /__script` `{"model": …, "scripts": [{…}]}` | how to answer that model's requests: one script each, the last one for all that follow |
//! | `POST /__release` `{"model": …, "count": n}` | lets `n` more chunks of its gated replies go |
//! | `GET /__requests?since=n&model=…` | the requests from number `n` on: number, path, headers, body, chunks sent, and how they ended |

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Collected, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::dialect::Asked;
use crate::script::{Part, Script, Wire};
use crate::wire::{self, Chunks};

/// A body whose error drops the connection.
pub(crate) type Body = BoxBody<Bytes, Dropped>;

/// The reply breaks off here.
#[derive(Debug)]
pub(crate) struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the script drops the connection here")
    }
}

impl std::error::Error for Dropped {}

/// What all connections share.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<String, VecDeque<Script>>,
    gates: HashMap<String, Arc<Semaphore>>,
    requests: Vec<Arc<Record>>,
}

/// One request as it came in, and what became of its reply.
#[derive(Debug)]
struct Record {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    model: String,
    sent: AtomicUsize,
    ended: OnceLock<&'static str>,
}

#[derive(Deserialize)]
struct Assignment {
    model: String,
    scripts: VecDeque<Script>,
}

#[derive(Deserialize)]
struct Release {
    model: String,
    count: usize,
}

impl Provider {
    /// Answers one request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let Ok(body) = body.collect().await.map(Collected::to_bytes) else {
            return Ok(document(
                StatusCode::BAD_REQUEST,
                &json!({"error": "the body broke off"}),
            ));
        };
        if let Some(control) = path.strip_prefix("/__") {
            return Ok(self.control(&head.method, control, &query, &body));
        }
        let parsed = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let asked = Asked::parse(&path, &parsed);
        let record = Arc::new(Record {
            method: head.method,
            path: if query.is_empty() {
                path
            } else {
                format!("{path}?{query}")
            },
            headers: head.headers,
            body,
            model: asked
                .as_ref()
                .map(|asked| asked.model.clone())
                .unwrap_or_default(),
            sent: AtomicUsize::new(0),
            ended: OnceLock::new(),
        });
        self.state().requests.push(Arc::clone(&record));
        let Some(asked) = asked else {
            record.end("refused");
            return Ok(document(
                StatusCode::NOT_FOUND,
                &json!({"error": {"message": "no such path"}}),
            ));
        };
        // If the client goes away while the reply hangs, hyper drops this future, and the guard says so.
        let watch = Watch(Arc::clone(&record));
        let (script, gate) = self.script(&asked.model);
        if script.wire.hang {
            std::future::pending::<()>().await;
        }
        Ok(self.play(&asked, script, gate, watch))
    }

    fn play(&self, asked: &Asked, script: Script, gate: Arc<Semaphore>, watch: Watch) -> Response<Body> {
        let record = Arc::clone(&watch.0);
        let script = script.spoken(&record.body);
        let mut response = Response::builder()
            .header("x-request-id", "req_mock")
            .header("set-cookie", "provider=1");
        let mut kind = "application/json";
        let chunks = if let Some(error) = &script.error {
            response = response.status(error.status);
            for (name, value) in &error.headers {
                response = response.header(name, value);
            }
            match &error.body {
                Some(body) => wire::raw(body.clone().into_bytes(), &script.wire),
                None => wire::whole(&asked.error(error.status, &error.message), &script.wire),
            }
        } else if let Some(raw) = &script.raw {
            kind = raw.content_type.as_deref().unwrap_or("application/json");
            wire::raw(STANDARD.decode(&raw.base64).unwrap_or_default(), &script.wire)
        } else {
            if asked.stream {
                kind = asked.stream_type();
                wire::stream(asked, &asked.events(&script), &script.wire)
            } else {
                wire::whole(&asked.whole(&script.reply), &script.wire)
            }
        };
        let body = if !asked.stream && Plain::fits(&script.wire) {
            record.sent.store(1, Ordering::Relaxed);
            record.end("sent");
            full(chunks.chunks.concat().into())
        } else {
            written(chunks, script.wire, gate, watch)
        };
        response
            .header(CONTENT_TYPE, kind)
            .body(body)
            .unwrap_or_else(|error| {
                document(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &json!({"error": error.to_string()}),
                )
            })
    }

    /// The script for the next request for `model`, and its gate.
    fn script(&self, model: &str) -> (Script, Arc<Semaphore>) {
        let mut state = self.state();
        let script = match state.scripts.get_mut(model) {
            Some(scripts) if scripts.len() > 1 => scripts.pop_front(),
            Some(scripts) => scripts.front().cloned(),
            None => None,
        };
        let gate = state
            .gates
            .entry(model.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(0)));
        (script.unwrap_or_else(hello), Arc::clone(gate))
    }

    /// Replaces the scripts for `model`, and closes its gate again.
    pub(crate) fn assign(&self, model: String, scripts: VecDeque<Script>) {
        let mut state = self.state();
        state.gates.insert(model.clone(), Arc::new(Semaphore::new(0)));
        state.scripts.insert(model, scripts);
    }

    fn control(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Response<Body> {
        match (method, path) {
            (&Method::POST, "script") => match serde_json::from_slice::<Assignment>(body) {
                Ok(given) => {
                    let mut state = self.state();
                    state
                        .gates
                        .insert(given.model.clone(), Arc::new(Semaphore::new(0)));
                    state.scripts.insert(given.model, given.scripts);
                    document(StatusCode::OK, &json!({}))
                }
                Err(error) => document(StatusCode::BAD_REQUEST, &json!({"error": error.to_string()})),
            },
            (&Method::POST, "release") => match serde_json::from_slice::<Release>(body) {
                Ok(given) => {
                    let mut state = self.state();
                    let gate = state
                        .gates
                        .entry(given.model)
                        .or_insert_with(|| Arc::new(Semaphore::new(0)));
                    gate.add_permits(given.count);
                    document(StatusCode::OK, &json!({}))
                }
                Err(error) => document(StatusCode::BAD_REQUEST, &json!({"error": error.to_string()})),
            },
            (&Method::GET, "requests") => {
                let asked: BTreeMap<&str, &str> =
                    query.split('&').filter_map(|pair| pair.split_once('=')).collect();
                let since = asked
                    .get("since")
                    .and_then(|number| number.parse().ok())
                    .unwrap_or(0);
                let requests = self.state().requests.clone();
                let shown: Vec<Value> = requests
                    .iter()
                    .enumerate()
                    .skip(since)
                    .filter(|(_, record)| asked.get("model").is_none_or(|model| record.model == *model))
                    .map(|(number, record)| record.show(number))
                    .collect();
                document(
                    StatusCode::OK,
                    &json!({"count": requests.len(), "requests": shown}),
                )
            }
            _ => document(StatusCode::NOT_FOUND, &json!({"error": "no such control"})),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panics while it holds the lock")
    }
}

/// What an unscripted model says.
fn hello() -> Script {
    let mut script = Script::default();
    script
        .reply
        .parts
        .push(Part::Text("Hello from the mock provider.".to_owned()));
    script
}

/// Whether a document can go out at once, with its length.
struct Plain;

impl Plain {
    fn fits(wire: &Wire) -> bool {
        wire.bytes == 0 && wire.cut.is_none() && wire.hang_after.is_none() && !wire.gate && wire.pause_ms == 0
    }
}

/// A body that a task of its own writes, chunk by chunk.
fn written(chunks: Chunks, wire: Wire, gate: Arc<Semaphore>, watch: Watch) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Frame<Bytes>, Dropped>>(1);
    tokio::spawn(async move {
        for (at, chunk) in chunks.chunks.into_iter().enumerate() {
            if wire.hang_after == Some(at) {
                sender.closed().await;
                return;
            }
            if wire.gate {
                tokio::select! {
                    permit = gate.acquire() => permit.expect("gates are never closed").forget(),
                    () = sender.closed() => return,
                }
            }
            if sender.send(Ok(Frame::data(chunk))).await.is_err() {
                return;
            }
            watch.0.sent.fetch_add(1, Ordering::Relaxed);
            if wire.pause_ms > 0 {
                tokio::time::sleep(Duration::from_millis(wire.pause_ms)).await;
            }
        }
        if chunks.dropped {
            // What was written must leave before the connection breaks, or what the client gets of it is chance.
            tokio::time::sleep(Duration::from_millis(20)).await;
            watch.0.end("dropped");
            // Whether the client still listens does not matter any more.
            drop(sender.send(Err(Dropped)).await);
        } else {
            watch.0.end("sent");
        }
    });
    let frames = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    StreamBody::new(frames).boxed()
}

/// Notes that the client went away, unless the reply has ended before.
struct Watch(Arc<Record>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.end("closed by the client");
    }
}

impl Record {
    /// The first end counts.
    fn end(&self, how: &'static str) {
        self.ended.get_or_init(|| how);
    }

    fn show(&self, number: usize) -> Value {
        let headers: Vec<Value> = self
            .headers
            .iter()
            .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
            .collect();
        json!({
            "number": number, "method": self.method.as_str(), "path": self.path, "model": self.model,
            "headers": headers, "body": String::from_utf8_lossy(&self.body),
            "sent": self.sent.load(Ordering::Relaxed), "ended": self.ended.get(),
        })
    }
}

fn document(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string().into()));
    *response.status_mut() = status;
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
