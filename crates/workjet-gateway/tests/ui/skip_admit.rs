//! Who was authenticated has not spent quota, so nothing of theirs is inspected.

use workjet_gateway::Authenticated;
use workjet_gateway::pipeline::inspect;

fn skip(caller: Authenticated) {
    let _ = inspect(caller);
}

fn main() {}
