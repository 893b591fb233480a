//! The stores in memory keep the contracts.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use workjet_auth::MemoryAuth;
use workjet_conformance::Stage;
use workjet_tenant::kv::{KeyValues, KvRates};
use workjet_tenant::remote::{RateTransport, RemoteRates, serve_rates};
use workjet_tenant::{Consistency, MemoryRates, MemoryTenants, Scope, StoreError};

/// Nothing in memory ever waits, so one poll is enough.
fn run<F: Future<Output = ()>>(suite: F) {
    suite.now_or_never().expect("a store in memory answers at once");
}

fn stage(store: &MemoryAuth) -> Stage<'_> {
    Stage {
        operator: store,
        users: store,
        outbox: store,
    }
}

#[test]
fn memory_rates_conform() {
    run(workjet_conformance::rate_store(&MemoryRates::new()));
}

/// A wire of length zero.
struct Wire(MemoryRates);

#[async_trait]
impl RateTransport for Wire {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(serve_rates(&self.0, scope, &request).await)
    }
}

#[test]
fn remote_rates_conform() {
    let rates = RemoteRates::new(Wire(MemoryRates::new()), Consistency::Strict);
    run(workjet_conformance::rate_store(&rates));
}

/// Shows every write at once.
#[derive(Default)]
struct Values(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl KeyValues for Values {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.lock().expect("no panic").get(key).cloned())
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        assert!(
            ttl >= Duration::from_secs(60),
            "Workers KV refuses to forget sooner"
        );
        self.0
            .lock()
            .expect("no panic")
            .insert(key.to_owned(), value.to_owned());
        Ok(())
    }
}

#[test]
fn rates_in_a_key_value_store_conform() {
    let store = || KvRates::new(Values::default(), Duration::from_secs(60));
    run(workjet_conformance::rate_store(&store()));
    run(workjet_conformance::rate_store_in_turn(&store()));
}

#[test]
fn memory_tenants_conform() {
    let store = MemoryTenants::new();
    run(workjet_conformance::tenant_store(&store, &store, &store));
    run(workjet_conformance::outbox(&store, &store, &store));
}

#[test]
fn memory_auth_conforms() {
    let store = MemoryAuth::new();
    run(workjet_conformance::tenant_store(&store, &store, &store));
    run(workjet_conformance::outbox(&store, &store, &store));
    run(workjet_conformance::user_store(&stage(&store), &store));
    run(workjet_conformance::api_key_store(&stage(&store), &store));
    run(workjet_conformance::session_store(&stage(&store), &store));
    run(workjet_conformance::login_link_store(&stage(&store), &store));
    run(workjet_conformance::secret_store(&stage(&store), &store));
}
