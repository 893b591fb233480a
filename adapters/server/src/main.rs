//! The binary `workjet`.

fn main() {}
