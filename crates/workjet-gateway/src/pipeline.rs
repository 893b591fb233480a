//! One request, from the credential to the last byte.
//!
//! ```text
//! authenticate → admit → inspect → record intent → dispatch → release
//! ```
//! Each stage takes what the one before it made, and only that stage can make it, so none can be left out: what
//! [`inspect`] takes comes from [`admit`] alone, and what an [`Upstream`](crate::Upstream) takes was inspected and
//! recorded.
//!
//! Up to and including inspection, everything happens while the client waits, and a refusal costs little. From the
//! intent on, a detached task does the work: if the client hangs up, it still settles the quota and writes the outcome.
//! **Every intent gets exactly one outcome**, since there is one place that writes it, after whatever happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderMap, Response};
use workjet_tenant::Scope;

pub use crate::admit::{Admitted, Purpose, Ticket, admit};
pub use crate::authenticate::{Authenticated, authenticate};
pub use crate::inspect::{Inspected, inspect};
pub use crate::record::{Recorded, record_intent};

use crate::admit::{refund, settle};
use crate::dispatch::{Ended, Served, dispatch};
use crate::http::reply_headers;
use crate::outlet::Outlet;
use crate::record::{record_outcome, record_refusal};
use crate::{Core, Host, Refusal};

/// Serves one request.
///
/// # Errors
/// Whatever a stage before the intent refused; it is logged by then, if there is a tenant to log it for.
pub(crate) async fn serve(
    core: &Arc<Core>,
    host: &Host,
    ticket: Ticket,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, Refusal> {
    let caller = authenticate(host, headers, true).await?;
    let scope = caller.scope().clone();
    let looked_at = match admit(core, host, caller, ticket.clone(), headers, body).await {
        Ok(admitted) => scan(host, admitted).await,
        Err(refusal) => Err(refusal),
    };
    match looked_at {
        Ok(inspected) => forward(core, host, inspected).await,
        Err(refusal) => Err(refuse(core, host, &ticket, &scope, refusal).await),
    }
}

/// A larger body takes long enough to hold up the requests of others.
const LARGE: usize = 64 * 1024;

/// Inspects, where it disturbs nobody. A scan that fails has not looked: nothing passes.
async fn scan(host: &Host, admitted: Admitted) -> Result<Inspected, Refusal> {
    let inspected = if admitted.body_bytes() > LARGE {
        host.compute(move || inspect(admitted)).await
    } else {
        catch_unwind(AssertUnwindSafe(|| inspect(admitted))).ok()
    };
    inspected.unwrap_or_else(|| Err(Refusal::internal()))
}

/// Logs a refusal before the client learns of it. The request has cost one request all the same: else whoever probes the
/// policy could do so without limit.
async fn refuse(core: &Core, host: &Host, ticket: &Ticket, scope: &Scope, refusal: Refusal) -> Refusal {
    settle(host, scope, &ticket.id).await;
    refusal.findings.count(&core.metrics);
    match record_refusal(host, ticket, scope, &refusal).await {
        Ok(()) => refusal,
        Err(unwritten) => unwritten,
    }
}

/// Hands the request to a task of its own and waits for the head of the reply.
async fn forward(core: &Arc<Core>, host: &Host, inspected: Inspected) -> Result<Response<Body>, Refusal> {
    let (outlet, inlet) = Outlet::new(inspected.ticket().inbound, core.keyed_hash("response body"));
    host.spawner
        .spawn(Box::pin(pump(Arc::clone(core), host.clone(), inspected, outlet)));
    inlet.response().await.ok_or_else(Refusal::internal)
}

/// The detached half: intent, dispatch, outcome, and only then the end of the reply.
async fn pump(core: Arc<Core>, host: Host, inspected: Inspected, mut outlet: Outlet) {
    let _in_flight = core.metrics.begin();
    let (scope, id) = (inspected.scope().clone(), inspected.ticket().id.clone());
    let headers = reply_headers(&inspected);
    let (ticket, findings) = (inspected.ticket().clone(), inspected.findings().clone());
    let recorded = match record_intent(&host, inspected).await {
        Ok(recorded) => recorded,
        Err(refusal) => {
            refund(&host, &scope, &id).await;
            findings.count(&core.metrics);
            core.metrics
                .request(ticket.dialect(), refusal.code, ticket.age(&host));
            return outlet.refuse(headers, &refusal).await;
        }
    };

    let mut served = Served::default();
    // A defect must not leave an intent open. What was learned before it is kept in `served`.
    let ended = AssertUnwindSafe(dispatch(
        &core,
        &host,
        &recorded,
        &headers,
        &mut served,
        &mut outlet,
    ))
    .catch_unwind()
    .await
    .unwrap_or_else(|_| Ended::Refused(Refusal::internal()));

    settle(&host, &scope, &id).await;
    let headers = served.headers(headers, recorded.get(), true);
    match record_outcome(&core, &host, &recorded, &served, &ended, &outlet).await {
        Ok(()) => match ended {
            Ended::Streamed(last) => outlet.finish(headers, last.0).await,
            Ended::Whole(reply) => outlet.reply(headers, reply.0),
            Ended::Refused(refusal) => outlet.refuse(headers, &refusal).await,
            Ended::ClientGone => {}
        },
        Err(unwritten) => outlet.refuse(headers, &unwritten).await,
    }
}
