//! The stores in memory keep the contracts.

use futures_util::FutureExt;
use workjet_tenant::{MemoryRates, MemoryTenants};

/// Nothing in memory ever waits, so one poll is enough.
fn run<F: Future<Output = ()>>(suite: F) {
    suite.now_or_never().expect("a store in memory answers at once");
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
