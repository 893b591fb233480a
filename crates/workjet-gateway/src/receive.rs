//! Reads a request's body, up to a limit and not forever.

use std::pin::pin;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::{Core, Host, Refusal};

/// Returns the whole body.
///
/// # Errors
/// 413 if it is longer than `limit` bytes, 408 if it is not there within the idle timeout, 400 if the connection breaks
/// off.
pub(crate) async fn receive(core: &Core, host: &Host, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    // One span for the whole body: a client that sends a byte now and then would never end otherwise.
    let timeout = pin!(host.clock.sleep(core.timeouts.idle));
    match select(pin!(read(body, limit)), timeout).await {
        Either::Left((received, _)) => received,
        Either::Right(_) => Err(Refusal::request_timeout()),
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit as u64 {
        return too_large(body, limit).await;
    }
    let mut received = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::invalid("the request body broke off"))?;
        if let Ok(data) = frame.into_data() {
            if received.len() + data.len() > limit {
                return too_large(body, limit).await;
            }
            if received.is_empty() && body.is_end_stream() {
                // The usual case, one piece: no copy.
                return Ok(data);
            }
            received.extend_from_slice(&data);
        }
    }
    Ok(received.freeze())
}

/// What is read on top of a body that is too large, in bytes. Many clients look for an answer only once they have sent
/// everything, and take a connection that ends before for a failure of the network.
const READ_ON: usize = 64 * 1024 * 1024;

async fn too_large(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut left = READ_ON;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
            break;
        };
        left = rest;
    }
    Err(Refusal::too_large(limit))
}
