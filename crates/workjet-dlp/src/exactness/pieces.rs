//! Pieces of texts, written by hand: what matches, what almost does, and what joins and breaks them.

use std::sync::LazyLock;

/// Secrets are put together here, so that nobody takes this file for a leak.
pub(super) static PIECES: LazyLock<Vec<String>> = LazyLock::new(pieces);

/// What stands between values: separators, boundaries, words that announce, and filler.
#[rustfmt::skip]
pub(super) const BETWEEN: &[&str] = &[
    " ", " ", " ", ", ", "\n", "\t", ". ", ".", "-", "_", "=", ": ", ":", "\"", "'", "`", ">", "<", "(", ")", "[", "/", "\\n",
    "\\", "x", "0", "é", "\u{200d}", "foo bar", "the ", "and so on, ", "phone: ", "call me at ", "card ", "ssn ", "password: ",
    "api_key=\"", "NPI ", "MRN: ", "aws ", "secret = \\\"", "&token=", "%", "%4", "\\u00", "[REDACTED:email]", "[REDACTED:",
    "[EMAIL:7f3a9c]", "[EMAIL:7f3", "[HASH:email:0123456789abcdef]", "[HASH:email:01", "[CREDIT_CARD:0b51d2]",
];

fn pieces() -> Vec<String> {
    #[rustfmt::skip]
    let plain = [
        "4111 1111 1111 1111", "4111-1111-1111-1111", "4222222222222", "378282246310005",
        "6011 0009 9013 9424", "5105105105105100", "4111 1111-1111 1111", "4111111111111112", "62",
        "180016070420458", "1700000000000", "9", "41", "0.4111111111111111", "536-22-8726", "536 22 8726",
        "536228726", "078-05-1120", "666-12-3456", "912-70-1234", "1-536-22-8726", "536-22-872",
        "bob@example.com", "bob..x@example.com", "a.b+c@mail.example.co.uk", "josé@exämple.de", "@", "x@",
        "x@y", "x@y.", "x@y.z", "git@github.com:o/r", "pkg@1.2.3", "icon@2x.png", "o'hara@x-y.org",
        "-@a.bc", ".a@b.cd.", "a@b.cd-", "a@b.c-d.ef", "212-555-0123", "(212) 555-0123", "212.555.0199x12",
        "+44 20 7946 0958", "+1-903-140-4508", "+46 (0)8 928 571 38", "06 12 34 56 78", "0490 39 07 81",
        "2024-05-17", "12/05/2024", "+", "(", "(0", "+4", "00 44 20 7946 0958", "3:30",
        "1 (212) 555-0123 ext. 5", "phone: ", "call me at ", "card ", "ssn ", "password: ", "api_key=\"",
        "\"token\": \"", "my password is ", "monkey=", "max_tokens: ", "Authorization: Bearer ",
        "Authorization: Basic dXNlcjpwYXNz ", "Bearer ", "postgres://bob:", "s3cr3t!pw@db.host/x",
        "https://a.example/", "://", ":8080/", "hunter2x", "hunter", "9f8A7b6C5d4E3f2A1b0C", "aaaa",
        "changeme1", "Zq3!vR8#", "process.env.TOKEN2", "[REDACTED:email]", "[REDACTED:", "[RED",
        "https://hooks.slack.com/services/", "T02AB3CD4/B05EF6GH7/x9Kq2ZxW9vRt3LmN7pYs5BdF", "AKIA2E0A8F3B244C9986", "AKIAZQ3DRSTUVWXY2345", "ASIA", "A3TX",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCY2pQ9zL7vTe", "aws_secret_access_key = ", "EMP-123456", "EMP-12345",
        "emp", "TCK-1", "TCK-12345678901", "été", "naïve", "日本", "😀", "\u{200d}", "foo bar", " ", " ", " ",
        "\n", "\t", ", ", ". ", ".", "-", "--", "-----", "_", "=", ": ", "\"", "'", "\\n", "x", "e", "ey",
        "s", "sk-", "g", "gh", "the ", "and so on, ",
    ];
    let mut pieces: Vec<String> = plain.iter().map(ToString::to_string).collect();
    let base62 = "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0";
    pieces.extend([
        format!("{}{}", "ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"),
        format!("{}{}", "ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"),
        format!("{}{}", "sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
        format!("{}{}", "sk-proj-", base62),
        format!("{}{}", "AIza", "SyD3x9Kq2ZxW9vRt3LmN7pYs5BdF1gHj4Uc"),
        format!("{}{}", "glpat-", "x9Kq2ZxW9vRt3LmN7pYs"),
        format!("{}{}", "xoxb-", "123456789012-x9Kq2ZxW9vRt3LmN"),
        workjet_key(),
        format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"),
        "eyJhbGciOiJIUzI1NiJ9.".into(),
        format!(
            "-----BEGIN RSA PRIVATE {}-----\nMIIB\nAg==\n-----END RSA PRIVATE KEY-----",
            "KEY"
        ),
        format!("-----BEGIN PRIVATE {}-----\\nMIIB", "KEY"),
        "-----BEGIN PUBLIC KEY-----".into(),
        format!(
            "{}{}",
            "pat", "a8Kq2ZxW9vRt3L.d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e"
        ),
        format!(
            "x9Kq2ZxW9vRt3L.{}a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0Ta8Kq2ZxW9vRt3LmN7pYs5B",
            "atlasv1."
        ),
        format!("512345678:{}", "AAHx9Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE"),
        format!("{}-us12", "d41d8cd98f00b204e9800998ecf8427e"),
        format!("{}-d41d8cd9-8f00b204", "d41d8cd98f00b204e9800998ecf8427e"),
        format!("{}{}", "xK48", "Q~a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE"),
        format!(
            "{}AZDOx9Kq",
            "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0Ta8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6o"
        ),
        format!(
            "{}.{}.{}",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4", "YxK3aB", "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXz"
        ),
        format!("1/1203456789012345:{}", "d41d8cd98f00b204e9800998ecf8427e"),
        "mysqldump --password hunter2x".into(),
        "--api-key \"".into(),
        "set the password to ".into(),
        "http://user:p@ssw0rd@localhost:9999/".into(),
        "(+358) 877893287".into(),
        "(020) 7946 0958".into(),
        "08-12 34 56".into(),
        "(11) 96123-4567".into(),
    ]);
    pieces
}

fn workjet_key() -> String {
    let body = format!(
        "{}_live_k3y1d567_{}",
        "wj", "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0T"
    );
    let sum = crate::checksum::base62_crc32(body.as_bytes());
    format!("{body}_{}", std::str::from_utf8(&sum).expect("base62 is ASCII"))
}
