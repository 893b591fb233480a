//! A WebAssembly module with the whole gateway in it.
//!
//! A library that builds for `wasm32-unknown-unknown` may still call a C function that nothing provides: the linker turns
//! the call into an import from the module `env`, and only the program that loads it fails. `cargo xtask test` builds
//! this module and reads its import section.

pub use workjet_gateway as gateway;
