//! Log entries about requests that are not a model's.

use http::request::Parts;
use workjet_audit::{Entry, Kind};
use workjet_tenant::{RequestId, Scope};

use crate::Host;
use crate::ids::entry_id;

/// An entry about something that happened now, by whoever the scope is for.
pub(super) fn event(host: &Host, scope: &Scope, kind: Kind, request: &Parts) -> Entry {
    let now = host.clock.now();
    let id = entry_id(&*host.entropy, now);
    let entry = Entry::new(id, now, scope.tenant().clone(), scope.actor().clone(), kind);
    match request.extensions.get::<RequestId>() {
        Some(request) => entry.request(request),
        None => entry,
    }
}
