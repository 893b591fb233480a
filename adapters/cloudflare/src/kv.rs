//! KV, as the cache of sessions and, if asked for, as the store of limits.
//!
//! KV takes one write a second for a key and may serve an old value for a minute. What that means for sessions and for
//! limits is worked out where it matters, in `workjet-auth` and `workjet-tenant`.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use worker::KvStore;
use worker::send::{SendFuture, SendWrapper};
use workjet_auth::SessionCache;
use workjet_tenant::StoreError;
use workjet_tenant::kv::{KeyValues, classify};

use crate::error::{message, unavailable};

/// KV refuses to forget anything sooner.
const MIN_TTL: Duration = Duration::from_secs(60);

/// A KV namespace.
#[derive(Clone)]
pub struct Kv(SendWrapper<KvStore>);

impl Kv {
    /// The namespace behind a binding.
    pub const fn new(store: KvStore) -> Self {
        Self(SendWrapper(store))
    }

    async fn text(&self, key: &str) -> Result<Option<String>, StoreError> {
        SendFuture::new(self.0.get(key).text())
            .await
            .map_err(|error| unavailable("KV", error))
    }

    /// Errors are as [`KeyValues`] has them.
    async fn keep(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        let put = async {
            self.0
                .put(key, value)?
                .expiration_ttl(ttl.max(MIN_TTL).as_secs())
                .execute()
                .await
        };
        SendFuture::new(put)
            .await
            .map_err(|error| classify(&message(error.into())))
    }
}

impl fmt::Debug for Kv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kv")
    }
}

#[async_trait]
impl SessionCache for Kv {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.text(key).await
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        self.keep(key, value, ttl).await
    }
}

#[async_trait]
impl KeyValues for Kv {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.text(key).await
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        self.keep(key, value, ttl).await
    }
}
