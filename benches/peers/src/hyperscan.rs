//! Hyperscan, or Vectorscan, in block mode with all patterns in one database.
//!
//! Its C interface is five functions, so no crate of bindings is needed: those that exist build the library from source for
//! many minutes.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;

use anyhow::{Context as _, Result, bail, ensure};
use workjet_bench::Peer;

const FLAG_SOM_LEFTMOST: c_uint = 256;
const MODE_BLOCK: c_uint = 1;

#[repr(C)]
struct CompileError {
    message: *const c_char,
    expression: c_int,
}

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

unsafe extern "C" {
    fn hs_compile_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        elements: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut c_void,
        error: *mut *mut CompileError,
    ) -> c_int;
    fn hs_free_compile_error(error: *mut CompileError) -> c_int;
    fn hs_alloc_scratch(database: *const c_void, scratch: *mut *mut c_void) -> c_int;
    fn hs_scan(
        database: *const c_void,
        data: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut c_void,
        on_match: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    fn hs_version() -> *const c_char;
}

/// A database and its scratch space. Both live as long as the program, so nothing frees them.
pub(crate) struct Hyperscan {
    database: *const c_void,
    scratch: *mut c_void,
    patterns: usize,
    starts: bool,
    found: Vec<(u32, u64, u64)>,
}

impl Hyperscan {
    /// `starts`: whether it says where a match begins, as the others do. It is faster without.
    pub(crate) fn new(patterns: &[String], starts: bool) -> Result<Self> {
        let expressions: Vec<CString> = patterns
            .iter()
            .map(|pattern| CString::new(pattern.as_str()).context("a pattern holds no NUL"))
            .collect::<Result<_>>()?;
        let pointers: Vec<*const c_char> = expressions.iter().map(|text| text.as_ptr()).collect();
        let count = c_uint::try_from(patterns.len()).context("there are not that many patterns")?;
        let ids: Vec<c_uint> = (0..count).collect();
        let flags = vec![if starts { FLAG_SOM_LEFTMOST } else { 0 }; patterns.len()];
        let mut database = ptr::null_mut();
        let mut error = ptr::null_mut();
        // SAFETY: the three arrays have `count` elements and outlive the call, the strings end in NUL; a null platform means this
        // machine; the last two arguments are places to write one pointer each.
        let status = unsafe {
            hs_compile_multi(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                count,
                MODE_BLOCK,
                ptr::null(),
                &raw mut database,
                &raw mut error,
            )
        };
        if status != 0 {
            // SAFETY: on failure the library has made an error, with a message that ends in NUL, which it wants back.
            let (message, expression) = unsafe {
                let said = (
                    CStr::from_ptr((*error).message).to_string_lossy().into_owned(),
                    (*error).expression,
                );
                hs_free_compile_error(error);
                said
            };
            let pattern = usize::try_from(expression)
                .ok()
                .and_then(|index| patterns.get(index));
            bail!("Hyperscan cannot take {pattern:?}: {message}");
        }
        let mut scratch = ptr::null_mut();
        // SAFETY: the database was just compiled, and a null scratch asks for a new one.
        let status = unsafe { hs_alloc_scratch(database, &raw mut scratch) };
        ensure!(status == 0, "Hyperscan has no memory to work with");
        Ok(Self {
            database,
            scratch,
            patterns: patterns.len(),
            starts,
            found: Vec::new(),
        })
    }
}

impl Peer for Hyperscan {
    fn name(&self) -> &str {
        if self.starts {
            "hyperscan, starts"
        } else {
            "hyperscan"
        }
    }

    fn about(&self) -> String {
        // SAFETY: the library returns a constant string that ends in NUL.
        let version = unsafe { CStr::from_ptr(hs_version()) }.to_string_lossy();
        let says = if self.starts {
            "starts and ends of matches"
        } else {
            "ends of matches only, which is faster"
        };
        format!(
            "libhs {version}, block mode, {} patterns, says {says}; nothing is checked",
            self.patterns
        )
    }

    fn find_all(&mut self, text: &str) -> usize {
        extern "C" fn keep(
            id: c_uint,
            from: c_ulonglong,
            to: c_ulonglong,
            _: c_uint,
            found: *mut c_void,
        ) -> c_int {
            // SAFETY: `find_all` passes its vector, which nobody else uses while it is searched.
            unsafe { &mut *found.cast::<Vec<(u32, u64, u64)>>() }.push((id, from, to));
            0
        }
        self.found.clear();
        let length = c_uint::try_from(text.len()).expect("texts are shorter than 4 GB");
        // SAFETY: database and scratch belong together and to this value alone; the text outlives the call; the context is what
        // the callback expects.
        let status = unsafe {
            hs_scan(
                self.database,
                text.as_ptr().cast(),
                length,
                0,
                self.scratch,
                keep,
                (&raw mut self.found).cast(),
            )
        };
        assert_eq!(status, 0, "Hyperscan failed");
        self.found.len()
    }
}
