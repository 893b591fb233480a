//! Nobody but the scan says that something was inspected.

use workjet_gateway::Inspected;

fn forge() -> Inspected {
    Inspected {}
}

fn main() {}
