//! workjet-audit
