//! The stores in memory keep the contracts.

use futures_util::FutureExt;
use workjet_auth::MemoryAuth;
use workjet_conformance::Stage;
use workjet_tenant::{MemoryRates, MemoryTenants};

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
