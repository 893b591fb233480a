//! What was admitted was not looked into, so it cannot be recorded.

use workjet_gateway::pipeline::record_intent;
use workjet_gateway::{Admitted, Host};

async fn skip(host: &Host, admitted: Admitted) {
    let _ = record_intent(host, admitted).await;
}

fn main() {}
