//! A scope cannot be turned to another tenant or a higher role.

use workjet_tenant::{Role, Scope};

fn move_to(scope: &mut Scope) {
    scope.tenant = "other".parse().unwrap();
    scope.role = Role::Owner;
}

fn main() {}
