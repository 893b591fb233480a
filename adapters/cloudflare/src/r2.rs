//! R2, as the place of what the audit log never changes again.
//!
//! An object is put on the condition that there is none with its name, so none is ever replaced; who was first is R2's
//! to decide. Names begin with the tenant, so that a bucket-lock rule can cover one tenant or all.

use std::fmt;

use async_trait::async_trait;
use worker::send::{SendFuture, SendWrapper};
use worker::{Bucket, Conditional};
use workjet_audit::{Creation, Objects};
use workjet_tenant::{Scope, StoreError};

use crate::error::unavailable;

/// An R2 bucket.
#[derive(Clone)]
pub struct R2(SendWrapper<Bucket>);

impl R2 {
    /// The bucket behind a binding.
    pub const fn new(bucket: Bucket) -> Self {
        Self(SendWrapper(bucket))
    }

    async fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let get = async {
            let Some(object) = self.0.get(name).execute().await? else {
                return Ok(None);
            };
            let body = object.body().ok_or(worker::Error::BodyUsed)?;
            body.bytes().await.map(Some)
        };
        SendFuture::new(get).await.map_err(failed)
    }
}

#[async_trait]
impl Objects for R2 {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        let name = name(scope, path);
        let nothing_there = Conditional {
            etag_does_not_match: Some("*".to_owned()),
            ..Conditional::default()
        };
        let put = self
            .0
            .put(&*name, bytes.to_vec())
            .only_if(nothing_there)
            .execute();
        if SendFuture::new(put).await.map_err(failed)?.is_some() {
            return Ok(Creation::Created);
        }
        Ok(match self.bytes(&name).await? {
            Some(stored) if stored == bytes => Creation::Identical,
            _ => Creation::Conflict,
        })
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.bytes(&name(scope, path)).await
    }
}

impl fmt::Debug for R2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("R2")
    }
}

fn name(scope: &Scope, path: &str) -> String {
    format!("{}/{path}", scope.tenant())
}

fn failed(error: worker::Error) -> StoreError {
    unavailable("R2", error)
}
