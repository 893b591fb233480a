//! What must not compile, and what must be `Send + Sync`.

use workjet_tenant::{
    MemoryRates, MemoryTenants, OperatorStore, Outbox, RateStore, Scope, StoreError, TenantStore,
};

#[test]
fn scope_cannot_be_made_up() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn stores_cross_threads() {
    fn crosses<T: Send + Sync + ?Sized>() {}
    crosses::<Scope>();
    crosses::<StoreError>();
    crosses::<MemoryRates>();
    crosses::<MemoryTenants>();
    crosses::<dyn RateStore>();
    crosses::<dyn TenantStore>();
    crosses::<dyn OperatorStore>();
    crosses::<dyn Outbox>();
}
