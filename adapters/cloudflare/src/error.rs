//! What JavaScript throws, as the stores report it.

use wasm_bindgen::JsValue;
use worker::Error;
use worker::kv::KvError;
use workjet_tenant::StoreError;

/// What went wrong, in the runtime's words. These name tables and columns at most, never a value.
pub(crate) fn message(error: Error) -> String {
    match error {
        // Its `Display` shows the inner cause alone, and that with a stack trace.
        Error::D1(error) => AsRef::<js_sys::Error>::as_ref(&error).message().into(),
        Error::KvError(KvError::JavaScript(thrown)) => message(Error::from(thrown)),
        Error::UnknownJsError { message, .. } => message,
        error => error.to_string(),
    }
}

/// The binding `what` failed. What it did before is unknown.
pub(crate) fn unavailable(what: &str, error: impl Into<Error>) -> StoreError {
    StoreError::unavailable(format!("{what} failed: {}", message(error.into())))
}

/// The same for what JavaScript threw at us directly.
pub(crate) fn thrown(value: JsValue) -> Error {
    Error::from(value)
}
