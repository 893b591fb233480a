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
fn workjetignore_names_what_else_is_skipped() {
    let dir = folder();
    std::fs::write(dir.path().join(".workjetignore"), "*.fixture\n").expect("written");
    std::fs::write(dir.path().join("a.fixture"), CARD).expect("written");
    assert_eq!(run(&["scan", path(dir.path())]).status.code(), Some(0));
    std::fs::write(dir.path().join("a.txt"), CARD).expect("written");
    assert_eq!(run(&["scan", path(dir.path())]).status.code(), Some(1));
}

#[test]
fn findings_come_in_the_order_of_the_paths_however_many_threads_read() {
    let dir = folder();
    for index in 0..300 {
        // The first files are the longest, so that later ones are done before them.
        let text = format!("{}\n{CARD}\n", "and so on, ".repeat(2 * (300 - index)));
        std::fs::write(dir.path().join(format!("{index:03}.txt")), text).expect("written");
    }
    let one = run(&["scan", "--json", "--jobs", "1", path(dir.path())]);
    let many = run(&["scan", "--json", "--jobs", "8", path(dir.path())]);
    assert_eq!(text(&one.stdout).lines().count(), 300);
    assert!(one.stdout == many.stdout);
    assert_eq!(run(&["scan", "--jobs", "0"]).status.code(), Some(2));
}

#[test]
fn a_baseline_accepts_what_was_there_and_nothing_else() {
    let dir = folder();
    let file = |name: &str| dir.path().join(name);
    std::fs::write(file("old.txt"), format!("{CARD}\nbob@example.com\n")).expect("written");
    let baseline = file("accepted.json");
    let scan = |extra: &[&str]| {
        run(&[
            &["scan", "--baseline", path(&baseline)],
            extra,
            &[path(&file("old.txt"))],
        ]
        .concat())
    };

    let missing = scan(&[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        text(&missing.stderr).contains("--write-baseline"),
        "{}",
        text(&missing.stderr)
    );

    let written = run(&[
        "scan",
        "--write-baseline",
        path(&baseline),
        path(&file("old.txt")),
    ]);
    assert_eq!(
        (written.status.code(), text(&written.stdout)),
        (Some(0), String::new())
    );
    let kept = std::fs::read_to_string(&baseline).expect("a baseline");
    assert!(
        kept.contains("\"old.txt\"") && kept.contains("credit_card"),
        "{kept}"
    );
    assert!(!kept.contains("4111 1111") && !kept.contains("bob"), "{kept}");

    assert_eq!(scan(&[]).status.code(), Some(0));
    let elsewhere = workjet(&["scan", "--baseline", "accepted.json", "."])
        .current_dir(dir.path())
        .output()
        .expect("it runs");
    assert_eq!(elsewhere.status.code(), Some(0), "{}", text(&elsewhere.stdout));

    // Accepted text may move; another value, a second copy and another file are new.
    std::fs::write(file("old.txt"), format!("new line\nbob@example.com\n{CARD}\n")).expect("written");
    assert_eq!(scan(&[]).status.code(), Some(0));
    std::fs::write(
        file("old.txt"),
        format!("{CARD}\nbob@example.com\neve@example.com {CARD}\n"),
    )
    .expect("written");
    let said = text(&scan(&[]).stdout);
    let found: Vec<&str> = said
        .lines()
        .map(|line| line.rsplit("old.txt").next().unwrap_or_default())
        .collect();
    assert_eq!(found, [":3:1: email", ":3:17: credit_card (test)"]);
    std::fs::write(file("new.txt"), CARD).expect("written");
    assert_eq!(
        run(&["scan", "--baseline", path(&baseline), path(&file("new.txt"))])
            .status
            .code(),
        Some(1)
    );

    // Written again, it keeps its salt: what has not changed stays the same.
    std::fs::write(file("old.txt"), format!("{CARD}\nbob@example.com\n")).expect("written");
    run(&[
        "scan",
        "--write-baseline",
        path(&baseline),
        path(&file("old.txt")),
    ]);
    assert_eq!(std::fs::read_to_string(&baseline).expect("a baseline"), kept);

    std::fs::write(&baseline, "{\"version\":9}").expect("written");
    assert_eq!(scan(&[]).status.code(), Some(2));
}

#[test]
fn whoever_reads_only_the_beginning_still_learns_by_the_exit_code() {
    let dir = folder();
    std::fs::write(dir.path().join("a.txt"), format!("{CARD}\n").repeat(20_000)).expect("written");
    let mut child = workjet(&["scan", path(dir.path())])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut output = child.stdout.take().expect("piped");
    output.read_exact(&mut [0; 10]).expect("some lines");
    drop(output);
    assert_eq!(child.wait().expect("an end").code(), Some(1));
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
fn text_in_utf_16_is_read_and_places_are_those_of_the_file() {
    let dir = folder();
    let file = dir.path().join("exported.csv");
    let before = "\u{feff}name\n😀 é ";
    let said = format!("{before}{CARD};");
    for little_endian in [true, false] {
        let bytes = |text: &str| -> Vec<u8> {
            text.encode_utf16()
                .flat_map(|unit| match little_endian {
                    true => unit.to_le_bytes(),
                    false => unit.to_be_bytes(),
                })
                .collect()
        };
        std::fs::write(&file, bytes(&said)).expect("written");
        let output = run(&["scan", "--json", "--show-matches", path(&file)]);
        let found: Value = serde_json::from_str(text(&output.stdout).trim()).expect("one object");
        let start = bytes(before).len();
        assert_eq!(found["start"], start);
        assert_eq!(found["end"], start + bytes(CARD).len());
        assert_eq!((&found["line"], &found["column"]), (&json!(2), &json!(9)));
        assert_eq!(found["match"], CARD);

        // It would find nothing and let all of it through.
        let output = run_with(&["redact"], &bytes(&said));
        assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()));
        assert!(text(&output.stderr).contains("UTF-8"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_reader_that_has_enough_ends_a_scan_of_what_never_ends() {
    let mut child = workjet(&["scan"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let (mut input, mut output) = (
        child.stdin.take().expect("piped"),
        child.stdout.take().expect("piped"),
    );
    let endless = std::thread::spawn(move || {
        let lines = format!("{CARD}\n").repeat(1_000);
        while input.write_all(lines.as_bytes()).is_ok() {}
    });
    output.read_exact(&mut [0; 10]).expect("some lines");
    drop(output);
    assert_eq!(child.wait().expect("an end").code(), Some(1));
    endless.join().expect("nobody reads any more");
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

#[cfg(target_os = "linux")]
#[test]
fn redact_does_not_grow_with_what_it_finds() {
    let mut child = workjet(&["redact"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let (mut input, mut output) = (
        child.stdin.take().expect("piped"),
        child.stdout.take().expect("piped"),
    );
    let reader = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    for _ in 0..400 {
        input
            .write_all("a@b.example ".repeat(1_000).as_bytes())
            .expect("written");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = most
        .and_then(|most| most.trim().strip_suffix(" kB")?.parse().ok())
        .expect("a size");
    drop(input);
    assert!(child.wait().expect("an end").success());
    reader.join().expect("a reader").expect("output");
    assert!(kilobytes < 40_000, "{kilobytes} kB");
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
