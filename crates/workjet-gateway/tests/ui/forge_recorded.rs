//! Nobody but the log's module says that something was recorded.

use workjet_gateway::{ProviderCall, Recorded};

fn forge(call: ProviderCall) -> Recorded<ProviderCall> {
    Recorded(call)
}

fn forge_by_conversion(call: ProviderCall) -> Recorded<ProviderCall> {
    call.into()
}

fn main() {}
