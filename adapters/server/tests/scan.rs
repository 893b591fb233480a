//! `workjet scan` and `workjet redact`, as scripts use them.

mod common;

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use common::{CARD, folder, path, run, run_with, text, workjet};
use serde_json::{Value, json};

#[test]
fn exit_code_says_whether_something_was_found() {
    let dir = folder();
    let (clean, dirty) = (dir.path().join("clean.txt"), dir.path().join("dirty.txt"));
    std::fs::write(&clean, "nothing here\n").expect("written");
    std::fs::write(&dirty, format!("first line\npaid with {CARD} today\n")).expect("written");
    assert_eq!(run(&["scan", path(&clean)]).status.code(), Some(0));
    assert_eq!(run(&["scan", path(&dirty)]).status.code(), Some(1));
    assert_eq!(
        run(&["scan", path(&dir.path().join("absent"))]).status.code(),
        Some(2)
    );
    assert_eq!(run(&["scan", path(dir.path())]).status.code(), Some(1));
    assert_eq!(run(&["scan", "--nonsense"]).status.code(), Some(2));
}

#[test]
fn json_names_the_place_and_never_the_text() {
    let dir = folder();
    let file = dir.path().join("dirty.txt");
    std::fs::write(&file, format!("first line\npaid with {CARD} today\n")).expect("written");
    let output = run(&["scan", "--json", path(&file)]);
    let said = text(&output.stdout);
    let found: Value = serde_json::from_str(said.trim()).expect("one object");
    assert_eq!(found["path"], path(&file));
    assert_eq!(found["detector"], "credit_card");
    assert_eq!((&found["start"], &found["end"]), (&json!(21), &json!(40)));
    assert_eq!((&found["line"], &found["column"]), (&json!(2), &json!(11)));
    assert!(!said.contains("4111"));
    assert!(text(&run(&["scan", "--json", "--show-matches", path(&file)]).stdout).contains(CARD));
}

#[test]
fn standard_input_is_read_without_a_path_and_for_a_dash() {
    for args in [&["scan", "--json"][..], &["scan", "--json", "-"]] {
        let output = run_with(args, format!("x {CARD}").as_bytes());
        assert_eq!(output.status.code(), Some(1));
        let found: Value = serde_json::from_str(text(&output.stdout).trim()).expect("one object");
        assert_eq!(found["path"], "-");
    }
    assert_eq!(run_with(&["scan"], b"nothing").status.code(), Some(0));
}

#[test]
fn git_ignored_files_are_skipped_and_hidden_ones_are_not() {
    let dir = folder();
    let write = |name: &str, content: &str| {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, content).expect("written");
    };
    write(".gitignore", "target/\n");
    write("target/built.txt", CARD);
    write(".git/objects.txt", CARD);
    write(".env", CARD);
    write("src/deep/main.rs", CARD);
    let output = run(&["scan", path(dir.path())]);
    let said = text(&output.stdout);
    let found: Vec<&str> = said.lines().collect();
    assert_eq!(found.len(), 2, "{said}");
    assert!(
        found[0].contains(".env:1:1: credit_card") && found[1].contains("main.rs:1:1: credit_card"),
        "{said}"
    );
}

#[test]
fn binary_files_and_broken_utf_8_are_no_obstacle() {
    let dir = folder();
    let file = dir.path().join("blob");
    let mut bytes = vec![0xff, 0x00, 0xc3, b'\n'];
    bytes.extend_from_slice(CARD.as_bytes());
    bytes.extend_from_slice(&[0xe2, 0x82]);
    std::fs::write(&file, bytes).expect("written");
    let output = run(&["scan", "--json", path(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_str(text(&output.stdout).trim()).expect("one object");
    assert_eq!(
        (&found["start"], &found["line"], &found["column"]),
        (&json!(4), &json!(2), &json!(1))
    );
}

#[test]
fn policy_file_switches_detectors_off_and_adds_patterns() {
    let dir = folder();
    let policy = dir.path().join("policy.toml");
    let rules =
        "[dlp.request]\ncredit_card = \"off\"\n[[dlp.custom]]\nname = \"badge\"\npattern = 'EMP-[0-9]{6}'\n";
    std::fs::write(&policy, rules).expect("written");
    let output = run_with(
        &["scan", "--policy", path(&policy)],
        format!("{CARD} EMP-123456").as_bytes(),
    );
    assert_eq!(text(&output.stdout), "-:1:21: badge\n");
    std::fs::write(&policy, "[dlp.request]\ncredit = \"off\"\n").expect("written");
    let output = run_with(&["scan", "--policy", path(&policy)], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("policy.toml:2"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn redact_rewrites_what_it_finds_and_nothing_else() {
    let output = run_with(
        &["redact"],
        b"mail bob@example.com,\xff and 4111 1111 1111 1111\n",
    );
    assert!(output.status.success());
    assert_eq!(
        output.stdout,
        b"mail [REDACTED:email],\xff and [REDACTED:credit_card]\n"
    );
}

#[test]
fn redact_lets_text_go_while_its_input_is_still_open() {
    let mut child = workjet(&["redact"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let (mut input, mut output) = (
        child.stdin.take().expect("piped"),
        child.stdout.take().expect("piped"),
    );
    input
        .write_all(b"the first words are out before the last are in. ")
        .expect("written");
    input.flush().expect("flushed");
    let mut first = [0; 20];
    output
        .read_exact(&mut first)
        .expect("text, although there is more to come");
    assert_eq!(&first, b"the first words are ");
    drop(input);
    assert!(child.wait().expect("an end").success());
}

#[test]
fn redact_stops_where_the_policy_blocks() {
    let dir = folder();
    let policy = dir.path().join("policy.toml");
    std::fs::write(&policy, "[dlp.request]\nus_ssn = \"block\"\n").expect("written");
    let output = run_with(
        &["redact", "--policy", path(&policy)],
        b"her SSN is 536-22-8726 and more",
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "her SSN is ");
    assert!(text(&output.stderr).contains("us_ssn") && !text(&output.stderr).contains("536"));
}
