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
/// 413 if it is longer than `limit` bytes (before it is read, when the client says so), 408 if nothing comes for the
/// idle timeout, 400 if the connection breaks off.
pub(crate) async fn receive(
    core: &Core,
    host: &Host,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::too_large(limit));
    }
    let mut received = BytesMut::new();
    loop {
        let frame = match select(pin!(body.frame()), pin!(host.clock.sleep(core.timeouts.idle))).await {
            Either::Left((frame, _)) => frame,
            Either::Right(_) => return Err(Refusal::request_timeout()),
        };
        let Some(frame) = frame else {
            return Ok(received.freeze());
        };
        let frame = frame.map_err(|_| Refusal::invalid("the request body broke off"))?;
        if let Ok(data) = frame.into_data() {
            if received.len() + data.len() > limit {
                return Err(Refusal::too_large(limit));
            }
            if received.is_empty() && body.is_end_stream() {
                // The usual case, one piece: no copy.
                return Ok(data);
            }
            received.extend_from_slice(&data);
        }
    }
}
