//! The caller's own tenant's log, for who may read it.
//!
//! Entries come as `workjet audit export` writes them, one JSON object a line. A reader goes on at the index that
//! `x-workjet-next` names, until it is the log's size, and may ask again later.
//!
//! **What is handed out is recorded**, before it is: a request whose answer has entries makes one `system.exported`, which
//! says from where to where. Only a request that finds nothing, or nothing but records of reading, makes none, or else
//! whoever polls would find the trace of the last poll, for ever.

use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use url::form_urlencoded;
use workjet_audit::export::Filter;
use workjet_audit::{Checkpoint, Kind, Logged};
use workjet_tenant::Scope;

use super::App;
use super::answer::answer;
use super::event::event;
use crate::pipeline::authenticate;
use crate::record::append;
use crate::{Host, Refusal};

/// The most entries in one answer.
const MAX_ENTRIES: usize = 1000;

/// The most entries that are looked at for one answer, since a filter may admit few of them.
const MAX_READ: u64 = 4096;

/// An answer is not begun anew above this, in bytes; one entry has less than 64 KiB.
const ENOUGH: usize = 4 * 1024 * 1024;

/// As many as every sink hands out at once.
const PAGE: usize = 256;

/// `GET /audit/v1/entries?from=INDEX&limit=N&kind=KIND&since=TIME&until=TIME`: entries from `from` on.
pub(super) async fn entries(State(app): State<App>, request: Parts) -> Response {
    answer(try_entries(&app, &request).await)
}

/// `GET /audit/v1/checkpoint`: the log's size and hash, as `workjet audit verify --since` takes them.
pub(super) async fn checkpoint(State(app): State<App>, request: Parts) -> Response {
    answer(try_checkpoint(&app, &request).await)
}

async fn try_checkpoint(app: &App, request: &Parts) -> Result<Response, Refusal> {
    let scope = reader(&app.host, request).await?;
    let text = format!("{}\n", state(&app.host, &scope).await?);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn try_entries(app: &App, request: &Parts) -> Result<Response, Refusal> {
    let host = &app.host;
    let scope = reader(host, request).await?;
    let wanted = Wanted::parse(request.uri.query().unwrap_or_default())?;
    let size = state(host, &scope).await?.size;
    let found = find(host, &scope, &wanted, size).await?;
    if found.is_worth_a_record {
        let entry = event(host, &scope, Kind::SystemExported, request)
            .subject(scope.tenant())
            .status(200)
            .code("ok")
            .detail("from", wanted.from.to_string())
            .detail("next", found.next.to_string())
            .detail("entries", found.entries.to_string());
        let entry = match wanted.kind {
            Some(kind) => entry.detail("kind", kind.as_str()),
            None => entry,
        };
        append(host, &scope, entry).await?;
    }
    let headers = [
        (CONTENT_TYPE.as_str(), "application/x-ndjson".to_owned()),
        ("x-workjet-next", found.next.to_string()),
        ("x-workjet-log-size", size.to_string()),
    ];
    Ok((headers, Body::from(found.lines)).into_response())
}

/// The scope of a caller who may read the log.
async fn reader(host: &Host, request: &Parts) -> Result<Scope, Refusal> {
    let caller = authenticate(host, &request.headers, false).await?;
    if !caller.scope().role().may_read_log() {
        return Err(Refusal::forbidden(
            "reading the audit log takes an auditor, admin or owner",
        ));
    }
    Ok(caller.scope().clone())
}

async fn state(host: &Host, scope: &Scope) -> Result<Checkpoint, Refusal> {
    host.audit
        .checkpoint(scope)
        .await
        .map_err(Refusal::unreadable_log)
}

/// Which entries somebody asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    from: u64,
    limit: usize,
    kind: Option<Kind>,
    time: Filter,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let mut wanted = Self {
            from: 0,
            limit: MAX_ENTRIES,
            kind: None,
            time: Filter::default(),
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| Refusal::invalid(what).at(name.as_ref());
            match name.as_ref() {
                "from" => {
                    wanted.from = value
                        .parse()
                        .map_err(|_| wrong("`from` is the index of an entry, counted from 0"))?;
                }
                "limit" => {
                    wanted.limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=MAX_ENTRIES).contains(limit))
                        .ok_or_else(|| wrong("`limit` is a number from 1 to 1000"))?;
                }
                "kind" => {
                    let kind = value.parse();
                    wanted.kind =
                        Some(kind.map_err(|_| wrong("`kind` is a kind of entry, such as `ai.outcome`"))?);
                }
                "since" | "until" => {
                    let time = value.parse();
                    let time = time.map_err(|_| wrong("a time looks like 2026-11-23T09:30:00Z"))?;
                    let bound = match name.as_ref() {
                        "since" => &mut wanted.time.from,
                        _ => &mut wanted.time.to,
                    };
                    *bound = Some(time);
                }
                // What the parameter is called is the caller's business.
                _ => {
                    return Err(Refusal::invalid(
                        "only `from`, `limit`, `kind`, `since` and `until` mean something here",
                    ));
                }
            }
        }
        Ok(wanted)
    }

    fn admits(&self, logged: &Logged) -> bool {
        self.kind.is_none_or(|kind| kind == logged.entry.kind) && self.time.admits_time(logged.entry.time)
    }
}

/// What an answer holds.
struct Found {
    lines: String,
    entries: usize,
    /// Whether there is anything but records of reading.
    is_worth_a_record: bool,
    /// Where to go on.
    next: u64,
}

/// Reads what is wanted among the log's first `size` entries, and not for ever.
async fn find(host: &Host, scope: &Scope, wanted: &Wanted, size: u64) -> Result<Found, Refusal> {
    let mut found = Found {
        lines: String::new(),
        entries: 0,
        is_worth_a_record: false,
        next: wanted.from,
    };
    let end = size.min(wanted.from.saturating_add(MAX_READ));
    while found.next < end {
        let limit = usize::try_from(end - found.next).map_or(PAGE, |left| left.min(PAGE));
        let page = host.audit.read(scope, found.next, limit).await;
        let page = page.map_err(Refusal::unreadable_log)?;
        if page.is_empty() {
            break;
        }
        for logged in page {
            if found.take(&logged, wanted).is_break() {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, logged: &Logged, wanted: &Wanted) -> ControlFlow<()> {
        self.next = logged.index + 1;
        if wanted.admits(logged) {
            self.lines.push_str(&logged.to_jsonl());
            self.lines.push('\n');
            self.entries += 1;
            self.is_worth_a_record |= logged.entry.kind != Kind::SystemExported;
        }
        if self.entries < wanted.limit && self.lines.len() < ENOUGH {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_is_read_in_full_or_refused() {
        let everything = Wanted::parse("").expect("nothing is required");
        assert_eq!((everything.from, everything.limit), (0, 1000));
        let some = Wanted::parse(
            "from=7&limit=2&kind=ai.outcome&since=2026-11-23T09%3A30%3A00Z&until=2026-11-24T00:00:00Z",
        )
        .expect("a good query");
        assert_eq!((some.from, some.limit, some.kind), (7, 2, Some(Kind::AiOutcome)));
        assert!(some.time.from < some.time.to && some.time.from.is_some());
        for wrong in [
            "from=-1",
            "from=",
            "limit=0",
            "limit=1001",
            "kind=ai.*",
            "since=yesterday",
            "until=",
            "tenant=other",
        ] {
            let refusal = Wanted::parse(wrong).expect_err(wrong);
            assert_eq!(
                (refusal.status, refusal.code),
                (400, "invalid_request"),
                "{wrong}"
            );
        }
    }
}
