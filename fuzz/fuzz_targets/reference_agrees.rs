#![no_main]

use libfuzzer_sys::fuzz_target;
use workjet_dlp::exactness::targets;

fuzz_target!(|bytes: &[u8]| targets::reference_agrees(bytes));
