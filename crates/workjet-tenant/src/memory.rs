//! The stores in memory. [`MemoryTenants`] is for tests.

mod tenants;

pub use tenants::MemoryTenants;
