//! The stores in memory. [`MemoryRates`] is the real thing for a single process; [`MemoryTenants`] is for tests.

mod rates;
mod tenants;

pub use rates::MemoryRates;
pub use tenants::MemoryTenants;
