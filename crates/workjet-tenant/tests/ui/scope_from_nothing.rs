//! A scope cannot come from nothing or from text.

use workjet_tenant::Scope;

fn main() {
    let _ = Scope::default();
    let _: Scope = "acme".into();
}
