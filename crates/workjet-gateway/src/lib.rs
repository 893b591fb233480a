//! workjet-gateway
