//! workjet-conformance
