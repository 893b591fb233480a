//! What single characters stand for.
//!
//! The part of Unicode's compatibility forms that can matter to a detector: decimal digits of all scripts, letters and signs
//! that have a wide, small, mathematical, circled, raised or lowered twin in ASCII, spaces, dashes, and what does not show.

/// What a character stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guise {
    Itself,
    Is(u8),
    /// Nothing that shows.
    Nothing,
    /// A hyphen between digits; in prose, what separates clauses.
    Dash,
}

pub(super) fn guise(char: char) -> Guise {
    let code = char as u32;
    if code < 0x80 {
        return Guise::Itself;
    }
    if is_nothing(code) {
        return Guise::Nothing;
    }
    let is = match code {
        0x2012..=0x2015 | 0x2212 | 0xFE58 => return Guise::Dash,
        0x2010 | 0x2011 | 0xFE63 => b'-',
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => b' ',
        // Not the commonest signs of Chinese and Japanese sentences: no value has them in it.
        0xFF0C | 0xFF1B | 0xFF1F => return Guise::Itself,
        0xFF01..=0xFF5E => (code - 0xFF01 + 0x21) as u8,
        0xFE52 => b'.',
        0xFE55 => b':',
        0xFE59 => b'(',
        0xFE5A => b')',
        0xFE5F => b'#',
        0xFE62 => b'+',
        0xFE66 => b'=',
        0xFE6A => b'%',
        0xFE6B => b'@',
        0xB2 => b'2',
        0xB3 => b'3',
        0xB9 => b'1',
        0x2070 | 0x24EA => b'0',
        0x2074..=0x2079 => b'4' + (code - 0x2074) as u8,
        0x2080..=0x2089 => b'0' + (code - 0x2080) as u8,
        0x2460..=0x2468 => b'1' + (code - 0x2460) as u8,
        0x24B6..=0x24CF => b'A' + (code - 0x24B6) as u8,
        0x24D0..=0x24E9 => b'a' + (code - 0x24D0) as u8,
        0x1F130..=0x1F149 => b'A' + (code - 0x1F130) as u8,
        0x2102..=0x2149 => match letterlike(code) {
            Some(letter) => letter,
            None => return Guise::Itself,
        },
        // Thirteen alphabets of 52 letters; what is missing from them stands among the letterlike symbols.
        0x1D400..=0x1D6A3 => match (code - 0x1D400) % 52 {
            place @ 0..26 => b'A' + place as u8,
            place => b'a' + (place - 26) as u8,
        },
        _ => match digit(code) {
            Some(digit) => b'0' + digit,
            None => return Guise::Itself,
        },
    };
    Guise::Is(is)
}

fn letterlike(code: u32) -> Option<u8> {
    const LETTERS: &[(u32, u8)] = &[
        (0x2102, b'C'),
        (0x210A, b'g'),
        (0x210B, b'H'),
        (0x210C, b'H'),
        (0x210D, b'H'),
        (0x210E, b'h'),
        (0x2110, b'I'),
        (0x2111, b'I'),
        (0x2112, b'L'),
        (0x2113, b'l'),
        (0x2115, b'N'),
        (0x2119, b'P'),
        (0x211A, b'Q'),
        (0x211B, b'R'),
        (0x211C, b'R'),
        (0x211D, b'R'),
        (0x2124, b'Z'),
        (0x2128, b'Z'),
        (0x212A, b'K'),
        (0x212C, b'B'),
        (0x212D, b'C'),
        (0x212F, b'e'),
        (0x2130, b'E'),
        (0x2131, b'F'),
        (0x2133, b'M'),
        (0x2134, b'o'),
        (0x2139, b'i'),
        (0x2145, b'D'),
        (0x2146, b'd'),
        (0x2147, b'e'),
        (0x2148, b'i'),
        (0x2149, b'j'),
    ];
    let place = LETTERS.binary_search_by_key(&code, |(code, _)| *code).ok()?;
    Some(LETTERS[place].1)
}

/// What is not meant to be seen: the
/// [default-ignorable code points](https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point), and the frame that
/// makes a digit an emoji.
fn is_nothing(code: u32) -> bool {
    matches!(
        code,
        0xAD | 0x34F
            | 0x61C
            | 0x115F
            | 0x1160
            | 0x17B4
            | 0x17B5
            | 0x180B..=0x180F
            | 0x200B..=0x200F
            | 0x202A..=0x202E
            | 0x2060..=0x206F
            | 0x20E3
            | 0x3164
            | 0xFE00..=0xFE0F
            | 0xFEFF
            | 0xFFA0
            | 0xFFF0..=0xFFF8
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF
    )
}

/// The value of a decimal digit of any script (`Nd`).
fn digit(code: u32) -> Option<u8> {
    let place = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code - ZEROS[place];
    // Five styles of mathematical digits follow one another.
    let value = if ZEROS[place] == 0x1D7CE && value < 50 {
        value % 10
    } else {
        value
    };
    (value < 10).then_some(value as u8)
}

/// The zeros of Unicode 16.
#[rustfmt::skip]
const ZEROS: &[u32] = &[
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50,
    0x11D50, 0x11DA0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1E140, 0x1E2F0,
    0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
];

/// Whether no character that stands for another begins with this byte, and no escape.
pub(super) const fn is_plain(byte: u8) -> bool {
    !matches!(
        byte,
        b'%' | b'\\' | 0xC2 | 0xCD | 0xD8 | 0xD9 | 0xDB | 0xDF | 0xE0..=0xE3 | 0xEA | 0xEF | 0xF0 | 0xF3
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = char> {
        '\u{80}'..=char::MAX
    }

    #[test]
    fn decimal_digits_of_every_script_are_those_of_ascii() {
        let nd = regex::Regex::new(r"^\p{Nd}$").expect("a pattern");
        for char in all().filter(|char| nd.is_match(char.encode_utf8(&mut [0; 4]))) {
            assert!(matches!(guise(char), Guise::Is(b'0'..=b'9')), "{:X}", char as u32);
        }
        for (char, digit) in [
            ('४', b'4'),
            ('٤', b'4'),
            ('𝟗', b'9'),
            ('𝟶', b'0'),
            ('９', b'9'),
            ('②', b'2'),
        ] {
            assert_eq!(guise(char), Guise::Is(digit));
        }
    }

    #[test]
    fn letters_of_every_style_are_those_of_ascii() {
        for (char, ascii) in [
            ('ｐ', b'p'),
            ('𝗽', b'p'),
            ('𝒽', b'h'),
            ('ℎ', b'h'),
            ('Ⓚ', b'K'),
            ('＠', b'@'),
            ('𝙕', b'Z'),
        ] {
            assert_eq!(guise(char), Guise::Is(ascii));
        }
        for char in "é例пα—’。，；？「」😀".chars() {
            assert!(matches!(guise(char), Guise::Itself | Guise::Dash), "{char}");
        }
    }

    #[test]
    fn what_stands_for_another_begins_with_a_byte_that_says_so() {
        let first = |char: char| char.encode_utf8(&mut [0; 4]).as_bytes()[0];
        for char in all().filter(|char| guise(*char) != Guise::Itself) {
            assert!(!is_plain(first(char)), "{:X}", char as u32);
        }
        for char in "aéñüçß例語한дλ".chars() {
            assert!(is_plain(first(char)) || char == '한', "{char}");
        }
    }
}
