//! A scope cannot be put together from its parts.

use workjet_tenant::{Actor, Role, Scope};

fn main() {
    let _ = Scope { tenant: "acme".parse().unwrap(), actor: Actor::Operator, role: Role::Owner };
}
