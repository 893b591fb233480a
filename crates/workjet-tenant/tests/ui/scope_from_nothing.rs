//! A scope cannot come from nothing, from text or from fields.

use workjet_tenant::{Actor, Role, Scope};

fn main() {
    let _ = Scope::default();
    let _: Scope = "acme".into();
    let _: Scope = "acme".parse().unwrap();
    let _ = Scope { tenant: "acme".parse().unwrap(), actor: Actor::Operator, role: Role::Owner };
}
