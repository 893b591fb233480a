//! False hits per megabyte over generated texts of the kinds in which detectors like to go wrong. Nothing in them is
//! sensitive, so everything found is a mistake. `cargo xtask accuracy --corpus FOLDER` measures texts of one's own.

use workjet_dlp::Engine;

/// A small generator of numbers: the same texts on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn letters(&mut self, alphabet: &str, count: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..count)
            .map(|_| char::from(alphabet[self.roll(alphabet.len() as u64) as usize]))
            .collect()
    }

    fn hex(&mut self, count: usize) -> String {
        self.letters("0123456789abcdef", count)
    }

    fn word(&mut self) -> &'static str {
        const WORDS: &str = "the of and to in that was his it with as had for she not at but be on her have by which you they \
            were all from this or one would so there what their when who will more no out if up said about time like some into \
            only could over little very than then your number people house water between another again company market record \
            system service request answer message account history version server client network memory value result error";
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        words[self.roll(words.len() as u64) as usize]
    }
}

type Line = fn(&mut Dice) -> String;

/// Bytes of each kind of line.
const LENGTH: usize = 120_000;

#[rustfmt::skip]
const KINDS: &[(&str, Line)] = &[
    ("prose with years, prices and pages", |dice| {
        let words: Vec<&str> = (0..12).map(|_| dice.word()).collect();
        format!("{} in {}, for ${},{:03}.{:02} or {}%, pp. {}-{}.", words.join(" "), 1900 + dice.roll(130), 1 + dice.roll(900),
            dice.roll(1000), dice.roll(100), dice.roll(100), 100 + dice.roll(400), 500 + dice.roll(400))
    }),
    ("logs", |dice| format!("2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z INFO server: took={}us bytes={} status={} trace={} ts={}",
        1 + dice.roll(12), 1 + dice.roll(28), dice.roll(24), dice.roll(60), dice.roll(60), dice.roll(1_000_000), dice.roll(10_000_000),
        dice.roll(100_000_000), 200 + dice.roll(300), dice.hex(32), 1_700_000_000_000 + dice.roll(90_000_000_000))),
    ("identifiers", |dice| format!("id {}-{}-4{}-a{}-{} order {} sku {}-{} build {}.{}.{}", dice.hex(8), dice.hex(4), dice.hex(3),
        dice.hex(3), dice.hex(12), dice.roll(1_000_000_000), dice.letters("ABCDEFGHJKLMNPQRSTUVWXYZ", 3), dice.roll(100_000), dice.roll(20),
        dice.roll(100), dice.roll(10_000))),
    ("hashes", |dice| format!("{} {} sha256:{} sha512-{}==", dice.hex(40), dice.hex(32), dice.hex(64),
        dice.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 86))),
    ("locks", |dice| format!("[[package]]\nname = \"{}-{}\"\nversion = \"{}.{}.{}\"\nchecksum = \"{}\"", dice.word(), dice.word(),
        dice.roll(10), dice.roll(60), dice.roll(300), dice.hex(64))),
    ("code", |dice| format!("    let {}_{} = self.{}({}, 0x{}, {}.{}) + {}u64; // {} {}", dice.word(), dice.word(), dice.word(),
        dice.roll(100_000), dice.hex(8), dice.roll(100), dice.roll(1_000_000), dice.roll(1 << 30), dice.word(), dice.word())),
    ("tables", |dice| format!("{},{},{}.{},{},{:.3}", dice.roll(10_000), dice.roll(1_000_000), dice.roll(1000), dice.roll(1000),
        dice.roll(100), dice.roll(1_000_000) as f64 / 1000.0)),
    ("styles and paths", |dice| format!(".{}{{margin:{}px {}px;color:#{};transform:translate({}.{}px)}}<path d=\"M{}.{} {}l{}-{}z\"/>", dice.hex(6),
        dice.roll(100), dice.roll(100), dice.hex(6), dice.roll(1000), dice.roll(10_000), dice.roll(100), dice.roll(10_000), dice.roll(100),
        dice.roll(100), dice.roll(100))),
    ("images", |dice| format!("data:image/png;base64,{}", dice.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 400))),
    ("addresses of machines", |dice| format!("{}.{}.{}.{}:{} {}:{}::{} 00:{}:{}:{}:{}:{}", dice.roll(256), dice.roll(256), dice.roll(256),
        dice.roll(256), dice.roll(65_536), dice.hex(4), dice.hex(4), dice.hex(4), dice.hex(2), dice.hex(2), dice.hex(2), dice.hex(2), dice.hex(2))),
];

#[test]
fn a_megabyte_without_anything_sensitive_gives_no_false_hit() {
    let engine = Engine::standard();
    let mut dice = Dice(4);
    let mut wrong = String::new();
    for (kind, line) in KINDS {
        let mut text = String::new();
        while text.len() < LENGTH {
            text += &line(&mut dice);
            text.push('\n');
        }
        for hit in engine.find_iter(&text) {
            let line = text[..hit.span().start].rfind('\n').map_or(0, |end| end + 1);
            wrong += &format!("\n{kind}: {} in {}", hit.detector(), &text[line..hit.span().end]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
