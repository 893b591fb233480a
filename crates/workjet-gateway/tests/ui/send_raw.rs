//! A call that somebody made up was neither inspected nor recorded.

use workjet_gateway::{ProviderCall, Upstream};

async fn send(upstream: &dyn Upstream) {
    let call = ProviderCall { url: String::new(), headers: Default::default(), body: Default::default() };
    let _ = upstream.send(call).await;
}

fn main() {}
