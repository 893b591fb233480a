//! Two constructors open every door. These tests walk the whole workspace and see who names them.
#![allow(clippy::disallowed_methods, reason = "reads the workspace's sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// The name is put together here, so that this file does not name it.
fn name(parts: [&str; 2]) -> String {
    parts.join("_")
}

#[test]
fn only_verified_credentials_and_the_operator_make_a_scope() {
    let allowed = |file: &str| {
        file == "crates/workjet-tenant/src/scope.rs"
            || file == "crates/workjet-auth/src/principal.rs"
            || file.starts_with("crates/workjet-tenant/tests/")
    };
    let offenders = files_naming(&name(["dangerously", "assume"]), allowed);
    assert!(
        offenders.is_empty(),
        "a scope must come from a verified credential or the operator: {offenders:?}"
    );
}

#[test]
fn only_adapters_and_tests_claim_to_be_the_operator() {
    let allowed = |file: &str| {
        let folders = [
            "adapters/",
            "xtask/",
            "examples/",
            "benches/",
            "crates/workjet-conformance/",
        ];
        folders.iter().any(|folder| file.starts_with(folder))
            || file.contains("/tests/")
            || file.starts_with("tests/")
            || file.contains("/examples/")
            || file.ends_with("tests.rs")
            || file == "crates/workjet-auth/src/principal.rs"
    };
    let offenders = files_naming(&name(["dangerously", "claim"]), allowed);
    assert!(
        offenders.is_empty(),
        "no request may act as the operator of the host: {offenders:?}"
    );
}

#[test]
fn walk_reaches_the_constructors_themselves() {
    assert_eq!(
        files_naming(&name(["dangerously", "claim"]), |file| !file
            .ends_with("src/principal.rs"))
        .len(),
        1
    );
    assert_eq!(
        files_naming(&name(["dangerously", "assume"]), |file| !file
            .ends_with("src/scope.rs"))
        .len(),
        1
    );
}

/// Every Rust file of the workspace that names `word` outside comments and unit tests, but for the allowed ones; with paths from
/// the workspace's root.
fn files_naming(word: &str, allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 50, "the walk must find the workspace's sources");
    let mut offenders = Vec::new();
    for file in files {
        let path = file
            .strip_prefix(&root)
            .expect("below the root")
            .to_string_lossy()
            .replace('\\', "/");
        let text = fs::read_to_string(&file).expect("a source file");
        // Unit tests stand last in a file and may make whatever they need.
        let text = text
            .split("#[cfg(test)]\nmod ")
            .next()
            .expect("split yields at least one part");
        // Examples in the documentation play the adapter's part.
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        if code.any(|line| line.contains(word)) && !allowed(&path) {
            offenders.push(path);
        }
    }
    offenders
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                walk(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}
