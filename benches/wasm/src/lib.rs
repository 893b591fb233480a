//! The DLP engine for a host that knows numbers and memory only. `run.mjs` measures it under Node.js.
//!
//! The host asks for [`room`], writes its texts there, and says which bytes to search. Patterns of one's own are in it, too: a
//! module without them would be smaller than any that is of use.

use std::sync::{LazyLock, Mutex, MutexGuard};

use workjet_dlp::{CustomPattern, Engine, Policy, Preset};

static TEXTS: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ENGINE: LazyLock<Mutex<Engine>> = LazyLock::new(|| Mutex::new(Engine::standard()));

/// Makes room for texts of so many bytes in all and says where to write them.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    let mut texts = texts();
    texts.resize(bytes, 0);
    texts.as_mut_ptr()
}

/// How many findings there are in these bytes of the room.
#[unsafe(no_mangle)]
pub extern "C" fn find(start: usize, bytes: usize) -> usize {
    let texts = texts();
    engine().find_iter_bytes(&texts[start..start + bytes]).count()
}

/// How many bytes are left when they are redacted; 0 if they are not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn redact(start: usize, bytes: usize) -> usize {
    let texts = texts();
    str::from_utf8(&texts[start..start + bytes])
        .map_or(0, |text| engine().redact(text, &Policy::redact_all()).text.len())
}

/// How many bytes come out of a stream that gets them in pieces of so many. The text is ASCII, or it stops where a character is cut.
#[unsafe(no_mangle)]
pub extern "C" fn stream(start: usize, bytes: usize, piece: usize) -> usize {
    let texts = texts();
    let mut scanner = engine().scanner(&Policy::redact_all());
    let mut out = String::with_capacity(bytes);
    for piece in texts[start..start + bytes].chunks(piece) {
        let Ok(piece) = str::from_utf8(piece) else { break };
        let _ = scanner.push(piece, &mut out);
    }
    let _ = scanner.finish(&mut out);
    out.len()
}

/// Adds the pattern that stands in these bytes; 1 if it holds.
#[unsafe(no_mangle)]
pub extern "C" fn pattern(start: usize, bytes: usize) -> usize {
    let added = str::from_utf8(&texts()[start..start + bytes])
        .ok()
        .and_then(|pattern| CustomPattern::new("pattern", pattern).ok())
        .and_then(|pattern| {
            Engine::builder()
                .preset(Preset::Standard)
                .custom(pattern)
                .build()
                .ok()
        });
    let holds = added.is_some();
    if let Some(added) = added {
        *engine() = added;
    }
    usize::from(holds)
}

fn texts() -> MutexGuard<'static, Vec<u8>> {
    TEXTS.lock().expect("there is one thread")
}

fn engine() -> MutexGuard<'static, Engine> {
    ENGINE.lock().expect("there is one thread")
}
