"""`scan` and `redact`: the same engine on files and pipes."""

import json
import subprocess

import pytest

from processes import binary

CARD = "4111 1111 1111 1111"
MAIL = "jane.doe@corp-mail.example.com"


def workjet(*arguments, stdin="", cwd=None):
    return subprocess.run(
        [binary("workjet"), *map(str, arguments)], input=stdin.encode(), capture_output=True, timeout=60, cwd=cwd
    )


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "a.txt").write_text(f"first line\nGrüße, card {CARD} and {MAIL}\n")
    (tmp_path / "clean.txt").write_text("nothing here\n")
    (tmp_path / ".hidden").write_text(MAIL)
    (tmp_path / "ignored.log").write_text(MAIL)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(MAIL)
    return tmp_path


def test_scan_finds_in_files_what_git_does_not_ignore(tree):
    done = workjet("scan", "--json", ".", cwd=tree)
    assert done.returncode == 1, done.stderr
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    found = {(finding["path"].removeprefix("./"), finding["detector"]) for finding in findings}
    assert found == {("a.txt", "credit_card"), ("a.txt", "email"), (".hidden", "email")}
    [card] = [finding for finding in findings if finding["detector"] == "credit_card"]
    content = (tree / "a.txt").read_bytes()
    assert content[card["start"]:card["end"]].decode() == CARD, "byte offsets"
    assert card["line"] == 2
    assert isinstance(card["column"], int)
    assert CARD.encode() not in done.stdout and MAIL.encode() not in done.stdout


def test_scan_shows_matches_only_if_asked(tree):
    assert CARD.encode() not in workjet("scan", "a.txt", cwd=tree).stdout
    assert CARD.encode() in workjet("scan", "--show-matches", "a.txt", cwd=tree).stdout


def test_scan_says_by_exit_code(tree):
    assert workjet("scan", "clean.txt", cwd=tree).returncode == 0
    assert workjet("scan", "a.txt", cwd=tree).returncode == 1
    assert workjet("scan", "absent.txt", cwd=tree).returncode == 2
    assert workjet("scan", stdin=MAIL).returncode == 1
    assert workjet("scan", stdin="fine").returncode == 0


def test_redact_is_a_filter(tree):
    done = workjet("redact", stdin=f"Grüße, {CARD}!\n{MAIL}\nend")
    assert done.returncode == 0
    assert done.stdout.decode() == "Grüße, [REDACTED:credit_card]!\n[REDACTED:email]\nend"


def test_redact_takes_bytes_that_are_no_text():
    done = subprocess.run([binary("workjet"), "redact"], input=b"\xff\xfd " + CARD.encode() + b" \xff", capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"\xff\xfd [REDACTED:credit_card] \xff")


def test_redact_refuses_text_that_it_cannot_read():
    done = subprocess.run([binary("workjet"), "redact"], input=CARD.encode("utf-16"), capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"UTF-8" in done.stderr


def test_redact_streams(tree):
    """What is harmless comes out while the input is still open."""
    process = subprocess.Popen([binary("workjet"), "redact"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"a harmless line of English words\n" * 100)
    process.stdin.flush()
    received = b""
    while len(received) < 3300 - 400:
        received += process.stdout.read1(65536)
    process.stdin.close()
    assert received + process.stdout.read() == b"a harmless line of English words\n" * 100
    assert process.wait(60) == 0


def test_a_policy_decides(tree):
    (tree / "policy.toml").write_text('[dlp.request]\nemail = "off"\n[[dlp.custom]]\nname = "emp"\npattern = "EMP-[0-9]{6}"\nrequest = "redact"\n')
    done = workjet("redact", "--policy", tree / "policy.toml", stdin=f"{MAIL} EMP-123456 {CARD}")
    assert done.stdout.decode() == f"{MAIL} [REDACTED:emp] [REDACTED:credit_card]"


def test_help_and_version():
    assert workjet("--version").stdout.startswith(b"workjet ")
    assert b"serve" in workjet("--help").stdout
