//! Calls to a tenant's Durable Objects: its log's and its limits'.
//!
//! A call is one request whose path is the tenant and whose body is what the caller wrote; the object answers 200 with
//! a reply of the same make, or another status and words.

use std::fmt;

use async_trait::async_trait;
use js_sys::Uint8Array;
use worker::send::SendFuture;
use worker::{Method, ObjectNamespace, Request, RequestInit};
use workjet_audit::remote::LogTransport;
use workjet_tenant::remote::RateTransport;
use workjet_tenant::{Scope, StoreError};

use crate::error::unavailable;

/// The objects of one class, one for each tenant and named by it.
#[derive(Clone)]
pub struct Objects {
    namespace: ObjectNamespace,
    what: &'static str,
}

impl Objects {
    /// The objects behind a binding; `what` names them in errors.
    pub const fn new(namespace: ObjectNamespace, what: &'static str) -> Self {
        Self { namespace, what }
    }

    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let tenant = scope.tenant().as_str();
        let mut init = RequestInit::new();
        init.with_method(Method::Post)
            .with_body(Some(Uint8Array::from(&*request).into()));
        let exchange = async {
            let request = Request::new_with_init(&format!("https://object/{tenant}"), &init)?;
            // The stub is made anew for each call: one that has failed stays broken.
            let stub = self.namespace.get_by_name(tenant)?;
            let mut reply = stub.fetch_with_request(request).await?;
            Ok((reply.status_code(), reply.bytes().await?))
        };
        let (status, body) = SendFuture::new(exchange)
            .await
            .map_err(|error: worker::Error| unavailable(self.what, error))?;
        match status {
            200 => Ok(body),
            _ => Err(StoreError::unavailable(format!(
                "{} answered {status}: {}",
                self.what,
                String::from_utf8_lossy(&body)
            ))),
        }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.what).finish()
    }
}

#[async_trait]
impl LogTransport for Objects {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Self::call(self, scope, request).await
    }
}

#[async_trait]
impl RateTransport for Objects {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Self::call(self, scope, request).await
    }
}
