//! workjet-sql
