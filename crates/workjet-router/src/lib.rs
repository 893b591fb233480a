//! workjet-router
