//! workjet-auth
