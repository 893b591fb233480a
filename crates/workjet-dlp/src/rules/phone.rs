//! Telephone numbers: E.164 with a real calling code, the North American plan, and national numbers of other countries where a
//! word before them or the usual grouping gives them away.
//!
//! Digit groups are read as far as they could belong to one number; the longest prefix of groups that makes a number wins.

use super::calling_codes::plan;
use crate::digits::Digits;
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Verdict, Window};
use crate::stretch::{bits, leading};
use crate::topics::{Topic, Topics, word_before};

/// E.164 allows 15 digits; `00` and `(0)` may come on top.
const MAX_DIGITS: usize = 18;
pub(super) const MIN_DIGITS: usize = 7;
const MAX_GROUPS: usize = 7;

/// Each digit with at most two separators, `+`, a parenthesis, and an extension.
pub(super) const LONGEST: usize = 3 * MAX_DIGITS + 2 + MAX_EXTENSION;

pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'+' || byte == b'('
}

pub(super) fn follows(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && !marks_other_number(byte)
}

/// Before an amount, the number of an item, a name.
fn marks_other_number(byte: u8) -> bool {
    matches!(byte, b'$' | b'#' | b'%' | b'_' | b'+' | b'@')
}

pub(super) fn verify(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    if !begins_here(window, at) || (window.bytes[at] == b'(' && !may_close(window, at)) {
        return Verdict::No;
    }
    let international = matches!(window.bytes[at..], [b'+', ..] | [b'(', b'+', ..]);
    let mut announced =
        || (!is_glued(window, at) || is_labelled(window, at)) && is_announced(window, at, &mut memo.topics);
    let said = if window.bytes[at].is_ascii_digit() {
        let digits = memo.row.from(window.bytes, at);
        match glance(window, at, digits) {
            Glance::No => return Verdict::No,
            Glance::IfAnnounced if !announced() => return Verdict::No,
            Glance::IfAnnounced => true,
            Glance::Perhaps => announced(),
        }
    } else if is_too_short(window, at) {
        return Verdict::No;
    } else {
        // With its calling code a number needs no words.
        !international && announced()
    };
    if let Some(end) = north_american_form(window, at)
        && let Ok(end) = extension(window, end)
    {
        let sure = said || window.bytes[at] == b'+';
        let confidence = if sure {
            Confidence::High
        } else {
            Confidence::Medium
        };
        return Hit::new(end, confidence).into();
    }
    in_groups(window, at, said)
}

/// The longest number, read group by group. `said` tells whether words announce it.
fn in_groups(window: &Window<'_>, at: usize, said: bool) -> Verdict {
    let mut number = Number::new(window, at, said);
    let mut best = None;
    let mut here = at + usize::from(number.plus);
    if window.bytes[at] == b'(' && window.byte(at + 1) == Some(b'+') {
        match calling_code(window, at + 2) {
            Ok(Some(digits)) => {
                number.plus = true;
                number.push(digits, false);
                here = at + 3 + digits.len();
                here += usize::from(matches!(window.byte(here), Some(b' ' | b'-')));
            }
            Ok(None) => return Verdict::No,
            Err(NotYet) => return window.starved(),
        }
    }
    loop {
        // A group of digits, perhaps in parentheses.
        let opened = window.byte(here) == Some(b'(');
        if opened && (number.parenthesis.is_some() || (number.count > 0 && !number.plus && number.count != 1))
        {
            break;
        }
        let first = here + usize::from(opened);
        let digits = window.bytes[first.min(window.bytes.len())..]
            .iter()
            .take(MAX_DIGITS + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        here = first + digits;
        if number.count + digits > MAX_DIGITS || number.groups == MAX_GROUPS {
            break;
        }
        let Some(next) = window.byte(here) else {
            if window.last {
                if digits > 0 && !opened {
                    number.push(&window.bytes[first..here], false);
                    best = number.kind().map(|confidence| (here, confidence)).or(best);
                }
                break;
            }
            if opened {
                number.parenthesis = Some(number.groups);
            }
            let more = &window.bytes[first..here];
            // An area of two digits may be written so, but no calling code begins with 0.
            let area =
                opened && number.groups == 0 && digits <= 2 && !(number.plus && more.starts_with(b"0"));
            if area || number.can_go_on(more) {
                return Verdict::More;
            }
            break;
        };
        if digits == 0 || (opened && next != b')') {
            break;
        }
        number.push(&window.bytes[first..here], opened);
        here += usize::from(opened);
        if number.is_decimal() {
            best = None;
            break;
        }
        if !opened && may_end_before(next) {
            best = number.kind().map(|confidence| (here, confidence)).or(best);
        }
        // What separates it from the next one.
        let gap = window.bytes[here..]
            .iter()
            .take(3)
            .take_while(|byte| b" -./".contains(byte))
            .count();
        let separators = &window.bytes[here..here + gap];
        let fits = match separators {
            [] => opened || (window.byte(here) == Some(b'(') && number.count <= 3),
            [_] => true,
            [b' ', b'-'] | [b'-', b' '] => opened,
            _ => false,
        };
        if !fits || !number.can_grow() || (separators == b" " && number.is_whole()) {
            break;
        }
        if let [separator, ..] = separators {
            number.separated_by(*separator);
        }
        here += gap;
    }
    match best {
        None => Verdict::No,
        Some((end, confidence)) => match extension(window, end) {
            Err(NotYet) => Verdict::More,
            // The letter after it began no extension, so the digits are part of a word.
            Ok(same) if same == end && window.byte(end).is_some_and(|byte| byte.is_ascii_alphanumeric()) => {
                Verdict::No
            }
            Ok(end) => Hit::new(end, confidence).into(),
        },
    }
}

/// A way to write a North American number. What stands at each place is a byte from `least` on, up to `more` after it.
struct Form {
    length: usize,
    least: [u8; Form::MOST],
    more: [u8; Form::MOST],
    /// Where the digits of area, exchange and line begin.
    parts: [usize; 3],
}

impl Form {
    const MOST: usize = 16;

    /// In `written` each `d` is a digit.
    const fn new(written: &[u8]) -> Self {
        let mut form = Self {
            length: written.len(),
            least: [0; Self::MOST],
            more: [u8::MAX; Self::MOST],
            parts: [0; 3],
        };
        let (mut place, mut part) = (0, 0);
        while place < written.len() {
            let digit = written[place] == b'd';
            form.least[place] = if digit { b'0' } else { written[place] };
            form.more[place] = if digit { 9 } else { 0 };
            if digit && (place == 0 || written[place - 1] != b'd') {
                form.parts[part] = place;
                part += 1;
            }
            place += 1;
        }
        form
    }

    /// Area, exchange and line of a number that is written so.
    fn digits(&self, text: &[u8; Self::MOST]) -> Option<[u8; 10]> {
        // All places at once, without a branch for each.
        let mut others = [0; Self::MOST];
        for (place, other) in others.iter_mut().enumerate() {
            let fits = text[place].wrapping_sub(self.least[place]) <= self.more[place];
            *other = if fits { 0 } else { 1 };
        }
        let [area, exchange, line] = self.parts;
        let digit = |place: usize| match place {
            0..3 => text[area + place],
            3..6 => text[exchange + place - 3],
            _ => text[line + place - 6],
        };
        (u128::from_le_bytes(others) == 0)
            .then(|| std::array::from_fn(|place| digit(place).wrapping_sub(b'0')))
    }
}

static HYPHENS: Form = Form::new(b"ddd-ddd-dddd");
static DOTS: Form = Form::new(b"ddd.ddd.dddd");
static PARENTHESES: Form = Form::new(b"(ddd) ddd-dddd");
static PLUS_AND_SPACES: Form = Form::new(b"+1 ddd ddd dddd");
static PLUS_AND_HYPHENS: Form = Form::new(b"+1-ddd-ddd-dddd");

/// Where a North American number ends that is written in one of the usual ways, if nothing follows with which it could go on.
/// Reading it group by group comes to the same, and takes longer.
fn north_american_form(window: &Window<'_>, at: usize) -> Option<usize> {
    let text = window.bytes[at..].first_chunk::<{ Form::MOST + 1 }>()?;
    let form = match (text[0], text[2], text[3]) {
        (b'0'..=b'9', _, b'-') => &HYPHENS,
        (b'0'..=b'9', _, b'.') => &DOTS,
        (b'(', ..) => &PARENTHESES,
        (b'+', b' ', _) => &PLUS_AND_SPACES,
        (b'+', b'-', _) => &PLUS_AND_HYPHENS,
        _ => return None,
    };
    let local = form.digits(text.first_chunk().expect("it is longer"))?;
    let [next, second] = [text[form.length], text[form.length + 1]];
    let goes_on = matches!(next, b' ' | b'-' | b'.' | b'/') && (second.is_ascii_digit() || second == b'(');
    if goes_on || next.is_ascii_alphanumeric() || !may_end_before(next) {
        return None;
    }
    let exists = if text[0] == b'+' {
        let mut digits = [1; 11];
        digits[1..].copy_from_slice(&local);
        international(&digits)
    } else {
        north_american(&local)
    };
    exists.then_some(at + form.length)
}

/// The digits of `(+49)` after its plus.
fn calling_code<'t>(window: &Window<'t>, at: usize) -> Result<Option<&'t [u8]>, NotYet> {
    let rest = &window.bytes[at..];
    if rest.starts_with(b"0") {
        return Ok(None);
    }
    let digits = rest
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match rest.get(digits) {
        // What separates it from the next group must be in view too.
        Some(b')') if rest.len() > digits + 1 => Ok((1..4).contains(&digits).then_some(&rest[..digits])),
        None | Some(b')') => Err(NotYet),
        Some(_) => Ok(None),
    }
}

/// What a glance at the groups of digits from here on says, before words are read and the groups one by one.
enum Glance {
    No,
    /// They are in no order that a number has by itself.
    IfAnnounced,
    Perhaps,
}

fn glance(window: &Window<'_>, at: usize, digits: Digits<'_>) -> Glance {
    let cut_off = !window.last && digits.is_cut_off();
    // After a first digit alone there may be parentheses: `1 (212) 555-0123`.
    let single = digits.ends() >> 1 & 1 == 1;
    let next = at + 1 + usize::from(matches!(window.byte(at + 1), Some(b' ' | b'-' | b'.' | b'/')));
    let parenthesis = single && window.byte(next) == Some(b'(');
    if parenthesis && !may_close(window, next) {
        return Glance::No;
    }
    if cut_off || parenthesis {
        return if is_too_short(window, at) {
            Glance::No
        } else {
            Glance::Perhaps
        };
    }
    if digits.count() < MIN_DIGITS {
        return Glance::No;
    }
    let groups = GROUPS[(digits.ends() >> 1) as usize % GROUPS.len()];
    let grouped = match digits.values(3) {
        [0, 0, 0] => 0,
        // `0044 20 …`
        [0, 0, _] => u8::from(plan(&digits.values(5)[2..]).is_some()),
        [0, ..]
            if groups & PAIRS != 0 && !is_in_row(window.behind(at)) && is_varied_pairs(digits.values(10)) =>
        {
            1
        }
        [0, ..] => groups & TRUNK,
        _ => groups & NORTH_AMERICAN,
    };
    if grouped == 0 {
        Glance::IfAnnounced
    } else {
        Glance::Perhaps
    }
}

/// Whether digits stand after the parenthesis, or a plus, and then another, as far as can be seen.
fn may_close(window: &Window<'_>, parenthesis: usize) -> bool {
    let rest = &window.bytes[parenthesis + 1..];
    let digits = rest
        .iter()
        .take(MAX_DIGITS + 1)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match rest.get(digits) {
        None => true,
        Some(b')') => digits > 0,
        Some(b'+') => digits == 0,
        Some(_) => false,
    }
}

const NORTH_AMERICAN: u8 = 1;
const TRUNK: u8 = 2;
const PAIRS: u8 = 4;

/// For the places where the first twelve digits are separated, a bit for each: whether the first groups may be those of a
/// number without a plus, a parenthesis and words before it.
static GROUPS: [u8; 1 << 12] = {
    let mut table = [0; 1 << 12];
    let mut ends = 0_usize;
    while ends < table.len() {
        let (mut lengths, mut groups, mut last) = ([0; MAX_GROUPS], 0, 0);
        let mut digit = 0;
        while digit < 12 && groups < MAX_GROUPS {
            if ends >> digit & 1 == 1 {
                lengths[groups] = digit + 1 - last;
                (groups, last) = (groups + 1, digit + 1);
                let lengths = lengths.split_at(groups).0;
                if is_north_american_grouping(lengths) {
                    table[ends] |= NORTH_AMERICAN;
                }
                if is_trunk_grouping(lengths) || is_hyphen_first_grouping(lengths) {
                    table[ends] |= TRUNK;
                }
                if is_pairs(lengths) {
                    table[ends] |= PAIRS;
                }
            }
            digit += 1;
        }
        ends += 1;
    }
    table
};

/// Whether the digits from here on end before they could make a number, whatever separates them. A glance, before words are
/// read.
pub(super) fn is_too_short(window: &Window<'_>, at: usize) -> bool {
    /// A closing parenthesis, two separators, and an opening one.
    const MAX_BETWEEN: usize = 4;
    // Nearly always sixteen bytes decide, and they are looked at all at once.
    if let Some(block) = window.bytes[at..].first_chunk::<16>() {
        let (mut digits, mut others) = ([0; 16], [0; 16]);
        for (place, byte) in block.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0') < 10;
            // From `(` to `/` stand the signs that may, a star and a comma.
            let sign = (byte.wrapping_sub(b'(') < 8) & (*byte != b'*') & (*byte != b',');
            let between = sign | (*byte == b' ');
            digits[place] = if digit { 1 } else { 0 };
            others[place] = if digit | between { 0 } else { 1 };
        }
        let (digits, others) = (bits(&digits), bits(&others));
        let before_others = (others & others.wrapping_neg()).wrapping_sub(1) & 0xFFFF;
        let digits = digits & before_others;
        let enough = digits.count_ones() as usize >= MIN_DIGITS;
        if !enough && others != 0 {
            return true;
        }
        let gaps = !digits & before_others;
        let wide = (1..=MAX_BETWEEN).fold(gaps, |wide, shift| wide & gaps >> shift);
        if enough && wide == 0 {
            return false;
        }
    }
    let (mut count, mut between) = (0, 0);
    for byte in &window.bytes[at..] {
        match byte {
            b'0'..=b'9' => (count, between) = (count + 1, 0),
            b'+' | b'(' | b')' | b' ' | b'-' | b'.' | b'/' if between < MAX_BETWEEN => between += 1,
            _ => return true,
        }
        if count == MIN_DIGITS {
            return false;
        }
    }
    window.last
}

/// Not within a word, an amount, a fraction, a date or a time.
fn begins_here(window: &Window<'_>, at: usize) -> bool {
    let Some(before) = window.byte_before(at) else {
        return true;
    };
    let digit_before_that = window
        .byte_before(at - 1)
        .is_some_and(|byte| byte.is_ascii_digit());
    match before {
        byte if marks_other_number(byte) => false,
        // `-.025.223` is a fraction.
        b'.' => window
            .byte_before(at - 1)
            .is_none_or(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b')')),
        b'-' | b'/' | b',' | b':' | b')' | b'(' | b'*' => !digit_before_that,
        128.. => !matches!(window.char_before(at), Some('€' | '£' | '¥')),
        _ => super::is_token_start(window, at),
    }
}

fn may_end_before(next: u8) -> bool {
    matches!(next, b'x' | b'X' | b'e' | b'E')
        || !(next.is_ascii_alphanumeric() || matches!(next, b'@' | b'%' | b'_' | b'='))
}

/// The digit groups so far.
struct Number {
    plus: bool,
    said: bool,
    digits: [u8; MAX_DIGITS],
    count: usize,
    lengths: [usize; MAX_GROUPS],
    groups: usize,
    /// Which group stands in parentheses.
    parenthesis: Option<usize>,
    separator: Option<u8>,
    one_separator: bool,
    /// The separator after the first, if all of those are the same.
    later_separators: [u8; 1],
    /// After a letter and a hyphen or a slash: `R-07161-27322`, `news/0104/010417`.
    glued: bool,
    /// Pairs of digits in a longer row, such as a dump of bytes.
    in_row: bool,
    /// A number and a blank stand before it: `192 384 768 1536`.
    in_list: bool,
}

impl Number {
    fn new(window: &Window<'_>, at: usize, said: bool) -> Self {
        Self {
            plus: window.bytes[at] == b'+',
            said,
            digits: [0; MAX_DIGITS],
            count: 0,
            lengths: [0; MAX_GROUPS],
            groups: 0,
            parenthesis: None,
            separator: None,
            one_separator: true,
            later_separators: [0],
            glued: is_glued(window, at) || is_in_path(window, at),
            in_row: is_in_row(window.behind(at)),
            in_list: matches!(window.behind(at), [.., b'0'..=b'9', b' ']),
        }
    }

    fn push(&mut self, digits: &[u8], opened: bool) {
        // `+46 (0)8 …`: the zero is dialled within the country only.
        let trunk = opened && self.plus && digits == b"0";
        if opened {
            self.parenthesis = Some(self.groups);
        }
        if trunk {
            return;
        }
        for digit in digits {
            self.digits[self.count] = digit - b'0';
            self.count += 1;
        }
        self.lengths[self.groups] = digits.len();
        self.groups += 1;
    }

    fn separated_by(&mut self, separator: u8) {
        if self.separator.is_some() {
            self.later_separators = match self.later_separators {
                [0] => [separator],
                [same] if same == separator => [same],
                _ => [b'?'],
            };
        }
        self.one_separator &= *self.separator.get_or_insert(separator) == separator;
    }

    /// `+35236450.6`: after a single dot stands a fraction, unless a calling code alone stands before it.
    fn is_decimal(&self) -> bool {
        let dotted = self.plus && self.groups == 2 && self.separator == Some(b'.');
        dotted && plan(&self.digits[..self.count]).is_some_and(|plan| plan.code_digits != self.lengths[0])
    }

    /// Whether it has all that a North American number has: after a blank another one begins, `212-555-0123 212-555-0199`.
    fn is_whole(&self) -> bool {
        !self.plus
            && is_north_american_grouping(&self.lengths[..self.groups])
            && north_american(&self.digits[..self.count])
    }

    /// Whether some digit more begins a longer one.
    fn can_grow(&self) -> bool {
        // Of all digits this one is refused nowhere.
        self.can_go_on(b"5")
    }

    /// Whether these and `more` digits begin a telephone number.
    fn can_go_on(&self, more: &[u8]) -> bool {
        let length = self.count + more.len().min(MAX_DIGITS);
        let digit = |place: usize| {
            let known = (place < self.count).then(|| self.digits[place]);
            known.or_else(|| more.get(place - self.count).map(|digit| digit - b'0'))
        };
        let Some(first) = digit(0) else { return true };
        if self.plus || (first == 0 && digit(1) == Some(0)) {
            let most = if self.plus { 15 } else { 17 };
            return length <= most && !(self.plus && first == 0);
        }
        if self.said {
            return length <= 15;
        }
        // Brazil's areas have two digits, and any may come first.
        if self.parenthesis == Some(0) && self.lengths[0] == 2 && first != 0 {
            return length <= 11;
        }
        // Russia: `8 (912) 345-67-89`.
        if self.parenthesis == Some(1) && first == 8 {
            return length <= 11;
        }
        if first == 0 {
            return length <= 11;
        }
        // North American, with or without the leading 1.
        let local = usize::from(first == 1);
        let open = self.parenthesis.is_some();
        // Other countries write their areas in parentheses too, but put nothing before them.
        let first_open = self.parenthesis == Some(0);
        let area = digit(local).is_none_or(|digit| digit >= 2)
            && digit(local + 1).is_none_or(|digit| digit <= 8 || first_open);
        let fictional = || (0..3).all(|place| digit(local + place) == Some(5));
        let exchange = digit(local + 3).is_none_or(|digit| digit >= 2 || open || fictional());
        area && exchange && length - local <= 10 && (more.len() <= 4 || open)
    }

    /// Whether the groups so far are a telephone number.
    #[inline]
    fn kind(&self) -> Option<Confidence> {
        if self.count < MIN_DIGITS {
            return None;
        }
        self.kind_of_many()
    }

    fn kind_of_many(&self) -> Option<Confidence> {
        let digits = &self.digits[..self.count];
        let lengths = &self.lengths[..self.groups];
        if self.plus {
            return international(digits).then_some(Confidence::High);
        }
        if let [0, 0, rest @ ..] = digits
            && international(rest)
            && (self.said || self.is_dialled_abroad(rest))
        {
            return Some(Confidence::Medium);
        }
        let grouped =
            is_north_american_grouping(lengths) || (matches!(lengths, [3, 7]) && self.parenthesis == Some(0));
        // `201/555-0123`, but no dates and fractions.
        let slash = self.separator == Some(b'/') && (lengths.len() != 3 || self.later_separators != [b'-']);
        let separated = !slash && (self.separator != Some(b'.') || self.one_separator);
        let listed = !self.said && self.in_list && self.separator == Some(b' ') && self.parenthesis.is_none();
        if grouped && north_american(digits) && separated && !listed {
            return Some(if self.said {
                Confidence::High
            } else {
                Confidence::Medium
            });
        }
        // With its area in parentheses it can be nothing else, assigned or not: `(555) 123-4567` stands in every example.
        if matches!(lengths, [3, 3, 4]) && self.parenthesis == Some(0) && digits[0] >= 2 {
            return Some(Confidence::Low);
        }
        if self.has_trunk_grouping() {
            return Some(if self.said {
                Confidence::High
            } else {
                Confidence::Low
            });
        }
        // Where the numbers of 32 bits end.
        let limit = matches!(
            digits,
            [2, 1, 4, 7, 4, 8, 3, 6, 4, 7 | 8] | [4, 2, 9, 4, 9, 6, 7, 2, 9, 5 | 6]
        );
        // `let i = 1000000`
        let round = self.groups == 1 && digits[0] != 0 && digits.ends_with(&[0; 5]);
        let varied = !limit && !round && digits.iter().any(|digit| *digit != digits[0]);
        let length = if self.groups == 1 { 7..=13 } else { 7..=15 };
        let decimal =
            self.separator == Some(b'.') && matches!(lengths, [_, _]) && !matches!(lengths, [3..=4, 4]);
        (self.said && varied && length.contains(&digits.len()) && !is_date(digits, lengths) && !decimal)
            .then_some(Confidence::Medium)
    }

    /// `0049 30 …`, `00 49 …`: the calling code ends where a group does, and no trunk zero follows it, as in a row of
    /// hexadecimal numbers.
    fn is_dialled_abroad(&self, digits: &[u8]) -> bool {
        let lengths = &self.lengths[..self.groups];
        let Some(plan) = plan(digits) else { return false };
        let code = match lengths {
            [2, code, _, ..] => *code,
            [code, _, ..] => code.saturating_sub(2),
            _ => return false,
        };
        let trunk = digits[plan.code_digits] == 0 && plan.code != 39;
        // `0061 3099 0315`: code points.
        let quads = lengths.iter().all(|length| matches!(length, 4 | 5));
        code == plan.code_digits && !trunk && !self.in_row && !quads
    }

    /// The ways in which countries with a leading zero group their numbers.
    fn has_trunk_grouping(&self) -> bool {
        let lengths = &self.lengths[..self.groups];
        let digits = &self.digits[..self.count];
        let usual = if is_pairs(lengths) {
            !self.in_row && is_varied_pairs(digits)
        } else {
            is_trunk_grouping(lengths)
        };
        let trunk = digits[0] == 0 && digits[1] != 0 && !self.glued;
        // `(020) 7946 0958`
        let area =
            self.parenthesis == Some(0) && (2..=5).contains(&lengths[0]) && (8..=11).contains(&digits.len());
        // Sweden: `08-12 34 56`
        let hyphen_first = self.separator == Some(b'-')
            && self.later_separators == [b' ']
            && is_hyphen_first_grouping(lengths)
            && (8..=10).contains(&digits.len());
        // Brazil: `(11) 96123-4567`
        let brazil =
            matches!(lengths, [2, 5, 4]) && self.parenthesis == Some(0) && digits[0] != 0 && digits[2] == 9;
        // `8 (912) 345-67-89`
        let russia = matches!(lengths, [1, 3, 3, 2, 2]) && self.parenthesis == Some(1) && digits[0] == 8;
        // `01234.000000` is a decimal.
        let usual = usual && !(lengths.len() == 2 && self.separator == Some(b'.'));
        trunk && (usual && (9..=11).contains(&digits.len()) && self.one_separator || area || hyphen_first)
            || brazil
            || russia
    }
}

const fn is_north_american_grouping(lengths: &[usize]) -> bool {
    matches!(lengths, [3, 3, 4] | [1, 3, 3, 4])
}

/// France
const fn is_pairs(lengths: &[usize]) -> bool {
    matches!(lengths, [2, 2, 2, 2, 2])
}

const fn is_trunk_grouping(lengths: &[usize]) -> bool {
    match lengths {
        // Belgium, Switzerland, Hungary, Sweden, Finland
        [4, 2, 2, 2] | [3, 3, 2, 2] | [4, 3, 2, 2] | [2, 3, 3, 2] | [2, 3, 2, 2] => true,
        // Britain, Australia, South Africa, Japan, the Netherlands
        [3, 3, 4] | [3, 4, 4] | [4, 3, 3] | [4, 3, 4] | [5, 3, 3] | [2, 4, 4] => true,
        // Germany, Austria, Italy, Britain
        [5, 5..=6] | [4, 6..=7] | [3, 6..=8] => true,
        _ => false,
    }
}

/// Sweden, where a hyphen follows the area.
const fn is_hyphen_first_grouping(lengths: &[usize]) -> bool {
    matches!(lengths, [2..=4, 2..=3, 2..=3, 2] | [2..=4, 2..=3, 2..=3])
}

fn international(digits: &[u8]) -> bool {
    let Some(plan) = plan(digits) else { return false };
    let national = &digits[plan.code_digits..];
    let length = (plan.least..=plan.most).contains(&national.len()) && (7..=15).contains(&digits.len());
    length && national.iter().any(|digit| *digit != national[0]) && (plan.code != 1 || national[0] >= 2)
}

/// Area code, exchange and line of the [North American plan](https://nationalnanpa.com/about_us/abt_nanp.html).
fn north_american(digits: &[u8]) -> bool {
    let local = if digits.len() == 11 && digits[0] == 1 {
        &digits[1..]
    } else {
        digits
    };
    let [a, b, _, x, y, z, ..] = *local else {
        return false;
    };
    // The area of films and examples has any exchange.
    let fictional = matches!(local, [5, 5, 5, ..]);
    local.len() == 10 && (fictional || (a >= 2 && b <= 8 && x >= 2 && !(y == 1 && z == 1)))
}

/// `2024-05-17`, `17 05 2024`, `20240517`, and from one year to another.
fn is_date(digits: &[u8], lengths: &[usize]) -> bool {
    let year = |digits: &[u8]| matches!(digits, [1, 9, ..] | [2, 0, ..]);
    match lengths {
        [4, 1..=2, 1..=2, ..] => year(digits),
        [8] => year(digits) && is_day(&digits[4..]),
        // `2017-2022`
        [4, 4] => year(digits) && year(&digits[4..]),
        [1..=2, 1..=2, 4, ..] => year(&digits[lengths[0] + lengths[1]..]),
        _ => false,
    }
}

/// Whether month and day may be these.
fn is_day(digits: &[u8]) -> bool {
    let number = |at: usize| 10 * digits[at] + digits[at + 1];
    (1..=12).contains(&number(0)) && (1..=31).contains(&number(2))
}

fn is_varied_pairs(digits: &[u8]) -> bool {
    // So are `01 03 05 07 08` and `08 07 06 05 04`.
    let pairs = || digits.chunks(2).map(|pair| 10 * pair[0] + pair[1]);
    let steps = || pairs().zip(pairs().skip(1));
    if steps().all(|(a, b)| a < b && b - a <= 3) || steps().all(|(a, b)| b < a && a - b <= 3) {
        return false;
    }
    // `01 02 03 04 05` is a count and `01 01 01 01 01` a filling, not a number.
    let same = digits
        .chunks(2)
        .zip(digits.chunks(2).skip(1))
        .filter(|(a, b)| a == b)
        .count();
    same < 2
        && !digits
            .chunks(2)
            .zip(digits.chunks(2).skip(1))
            .all(|(a, b)| a[0] * 10 + a[1] + 1 == b[0] * 10 + b[1])
}

fn is_in_row(behind: &[u8]) -> bool {
    // Two blanks stand in the middle of a line.
    let behind = match behind {
        [.., b' ', b' '] => &behind[..behind.len() - 1],
        _ => behind,
    };
    behind.ends_with(b"hex!(\"")
        || behind.ends_with(b"Buffer ")
        || matches!(behind, [.., before, a, b, b' '] if !before.is_ascii_alphanumeric() && a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// After a letter and a hyphen: `R-07161-27322`, `CVE-2026-93581`.
fn is_glued(window: &Window<'_>, at: usize) -> bool {
    window.byte_before(at) == Some(b'-')
        && window
            .byte_before(at - 1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// After a letter and a slash: `news/0104/010417`.
fn is_in_path(window: &Window<'_>, at: usize) -> bool {
    matches!(window.behind(at), [.., before, b'/'] if before.is_ascii_alphanumeric())
}

/// `Tel-030 901820`
fn is_labelled(window: &Window<'_>, at: usize) -> bool {
    const LABELS: &[&str] = &["tel", "phone", "fax", "mobile", "mob", "cell"];
    let word = word_before(window.bytes, at);
    let is = |word: &[u8]| {
        LABELS
            .iter()
            .any(|label| word.eq_ignore_ascii_case(label.as_bytes()))
    };
    word.is_some_and(|(start, word)| {
        let within_word = start > 0 && window.bytes[start - 1].is_ascii_alphabetic();
        start + 12 >= at && is(word) && !(within_word && start + 12 == at)
    })
}

/// Whether words before it say that a telephone number follows.
pub(super) fn is_announced(window: &Window<'_>, at: usize, topics: &mut Topics) -> bool {
    const TOPICS: [Topic; 3] = [Topic::Phone, Topic::Calling, Topic::Last];
    // A glance at all that stands before this number and before one that it is joined to.
    if !topics.have_any(window.bytes, at, &TOPICS) && topics.are_ascii(window.bytes, at) {
        return is_lettered(window, at);
    }
    words_before(window, at, at, topics)
        || is_lettered(window, at)
        || previous_number(window, at).is_some_and(|previous| {
            let before_that = || previous_number(window, previous);
            words_before(window, at, previous, topics)
                || before_that().is_some_and(|place| words_before(window, at, place, topics))
        })
}

/// Whether words before `at` say so. They have been read up to `now`.
fn words_before(window: &Window<'_>, now: usize, at: usize, topics: &mut Topics) -> bool {
    const REACH: usize = 56;
    const NEAR: usize = 28;
    /// Directly before a number they say what else it is.
    const OTHERS: [&str; 12] = [
        "version", "build", "port", "range", "isbn", "ean", "ein", "invoice", "elapsed", "id", "imei", "uuid",
    ];
    let bytes = window.bytes;
    let last = word_before(bytes, at);
    let other = last.is_some_and(|(start, word)| {
        start + 12 >= at
            && OTHERS
                .iter()
                .any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
    });
    if other {
        return false;
    }
    let near = &bytes[at.saturating_sub(REACH)..at];
    if is_foreign(near) {
        return true;
    }
    // The words must stand close: another number between belongs to them instead.
    let mut said = |topic: Topic, reach: usize| {
        let since = topics.since(bytes, now, at, topic, reach);
        // The tag that closes `<phone>` says nothing about what follows.
        let closes = |since: &[u8]| bytes[..at - since.len()].ends_with(b"</");
        since.is_some_and(|since| {
            leading(since, |byte| byte.wrapping_sub(b'0') >= 10) == since.len() && !closes(since)
        })
    };
    // A name may stand between, if a sign sets the number off: `Emergency contact: Ada Lovelace (…)`.
    let set_off =
        || matches!(near.trim_ascii_end().last(), Some(b'(' | b':' | b',')) && !near.contains(&b'\n');
    if said(Topic::Phone, NEAR) || (said(Topic::Phone, REACH) && set_off()) {
        return true;
    }
    let calling = said(Topic::Calling, REACH) && {
        const LINKS: [&str; 11] = [
            "at", "on", "to", "is", "under", "via", "me", "us", "him", "her", "them",
        ];
        last.is_some_and(|(_, word)| {
            LINKS
                .iter()
                .any(|link| word.eq_ignore_ascii_case(link.as_bytes()))
        })
    };
    calling
        || (said(Topic::Last, REACH)
            && topics.end_with_last(bytes, now, at, REACH)
            && !near.trim_ascii_end().ends_with(b"="))
}

/// Words that other scripts have for telephones.
fn is_foreign(near: &[u8]) -> bool {
    const WORDS: [&str; 20] = [
        "телефон",
        "тел.",
        "тел:",
        "Тел",
        "моб",
        "电话",
        "電話",
        "手机",
        "手機",
        "携帯",
        "连络",
        "전화",
        "휴대폰",
        "연락처",
        "טלפון",
        "נייד",
        "هاتف",
        "جوال",
        "τηλ",
        "Τηλ",
    ];
    if near.is_ascii() {
        return false;
    }
    let close = &near[near.len().saturating_sub(40)..];
    let digit = close
        .iter()
        .rposition(u8::is_ascii_digit)
        .map_or(0, |digit| digit + 1);
    let close = &close[digit..];
    let stands = |at: usize| WORDS.iter().any(|word| close[at..].starts_with(word.as_bytes()));
    // Accented letters of Latin begin with smaller bytes.
    (0..close.len()).any(|at| close[at] > 0xC5 && stands(at))
}

/// The lines of a signature: `T: …`, `M: …`, `P. …`. One letter is little, so the digits must be grouped or begin with a zero.
fn is_lettered(window: &Window<'_>, at: usize) -> bool {
    let behind = window.behind(at);
    let ([label @ .., b':' | b'.', b' '] | [label @ .., b':']) = behind else {
        return false;
    };
    let [
        before @ ..,
        b'T' | b'M' | b'P' | b'F' | b'C' | b't' | b'm' | b'p' | b'f',
    ] = label
    else {
        return false;
    };
    let begins = matches!(
        before,
        [] | [.., b'\n' | b'|' | b'\t'] | [.., b'|' | b'/' | b',' | b';', b' ']
    );
    let digits = window.bytes[at..]
        .iter()
        .take(MIN_DIGITS)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    begins && (digits < MIN_DIGITS || window.bytes[at] == b'0')
}

/// Where the telephone number begins that this one is joined to: `call … or …`, `Tel. … / …`.
fn previous_number(window: &Window<'_>, at: usize) -> Option<usize> {
    const LONGEST: usize = 24;
    const BETWEEN: usize = 12;
    /// What a second number is for.
    const PLACES: [&str; 3] = ["home", "work", "office"];
    const JOINTS: &[&[u8]] = &[
        b"and", b"or", b"/", b",", b"&", b"|", b";", b"oder", b"und", b"ou", b"et", b"y", b"o", b"e",
    ];
    let bytes = window.bytes;
    let end = (at.saturating_sub(BETWEEN)..at)
        .rev()
        .find(|place| bytes[*place].is_ascii_digit())?
        + 1;
    let joint = bytes[end..at].trim_ascii();
    let label = joint.strip_suffix(b":").unwrap_or(joint);
    let place = PLACES.iter().find_map(|place| {
        let start = label.len().checked_sub(place.len())?;
        label[start..]
            .eq_ignore_ascii_case(place.as_bytes())
            .then(|| label[..start].trim_ascii())
    });
    if !JOINTS.contains(&place.unwrap_or(joint)) {
        return None;
    }
    let of_number = |byte: &&u8| byte.is_ascii_digit() || b"+() -./".contains(byte);
    let length = bytes[..end]
        .iter()
        .rev()
        .take(LONGEST)
        .take_while(of_number)
        .count();
    let number = &bytes[end - length..end];
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    (digits >= MIN_DIGITS).then_some(end - length)
}

#[rustfmt::skip]
pub(super) const PHONE_WORDS: &[&str] = &[
    " phone ", " phones ", " telephone ", " tel ", " telefon ", " mobile ", " cell ", " cellphone ",
    " fax ", " desk ", " whatsapp ", " whats app ", " sms ", " handy ", " phonenumber ", " mob ", " call ", " dial ",
    " hotline ", " voicemail ", " landline ", " helpline ", " pager ", " direct line ", " office line ",
    " phone line ", " support line ", " contact number ", " contact no ", " customer service ",
    " customer support ", " emergency contact ", " my number ", " his number ", " her number ",
    " their number ", " our number ", " your number ", " new number ", " office number ",
    " home number ", " work number ", " mobil ", " mobilnummer ", " handynummer ", " telefonnummer ",
    " rufnummer ", " telefono ", " movil ", " celular ", " cellulare ", " telefoon ", " gsm ", " tlf ",
    " puhelin ", " telefone ", " on signal ", " telegram ", " viber ", " ph ", " fon ", " telf ", " tfno ", " tlfn ",
    " telefonnr ", " telefoonnummer ", " telefonu ", " mobiel ", " mobiltelefon ", " kontaktnummer ", " anrufen ",
    " rufen sie ", " ruf ", " erreichbar ", " appelez ", " appeler ", " rappelez ", " joindre ", " llame ", " llamar ",
    " llamenos ", " llamame ", " chiamare ", " chiamate ", " chiami ", " ligue ", " ligar ", " msisdn ",
    " callback number ", " callback phone ",
];

#[rustfmt::skip]
pub(super) const CALLING_WORDS: &[&str] = &[
    " call ", " answering ", " reach ", " reached ", " text ", " message ", " messages ", " contact ", " ring ",
    " calls ", " phoned ", " texted ",
];

/// Directly before the number.
#[rustfmt::skip]
pub(super) const LAST_WORDS: &[&str] = &[
    " registered ", " contact ", " ring ", " called ", " phoned ", " texted ", " calling ", " callback ", " rsvp ",
];

/// A space, `ext.`, a space and digits.
const MAX_EXTENSION: usize = 12;

struct NotYet;

/// Includes `x123`, ` ext. 123` and the like.
fn extension(window: &Window<'_>, end: usize) -> Result<usize, NotYet> {
    let rest = &window.bytes[end..];
    // Most numbers end with a sentence, a line or a value; or a word follows that has nothing to do with extensions.
    match *rest {
        [first, ..] if !matches!(first, b'x' | b'X' | b'e' | b'E' | b' ' | b',') => return Ok(end),
        [b' ', second, ..] if !matches!(second, b'x' | b'X' | b'e' | b'E') => return Ok(end),
        [b',', second, ..] if second != b' ' => return Ok(end),
        [b',', b' ', third, ..] if !matches!(third, b'e' | b'E') => return Ok(end),
        _ => {}
    }
    let rest = &rest[..rest.len().min(MAX_EXTENSION)];
    let ended = !window.last && rest.len() < MAX_EXTENSION;
    let mut longest = end;
    for mark in [
        &b"x"[..],
        b" x",
        b"ext",
        b" ext",
        b" ext.",
        b", ext. ",
        b" ext. ",
        b" ext ",
        b" x ",
    ] {
        let same = rest.len().min(mark.len());
        if rest
            .first()
            .is_some_and(|byte| byte.to_ascii_lowercase() != mark[0])
        {
            continue;
        }
        if !rest[..same].eq_ignore_ascii_case(&mark[..same]) {
            continue;
        }
        let digits = rest[same..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
            .min(6);
        if ended && same + digits == rest.len() {
            return Err(NotYet);
        }
        let glued = rest.get(same + digits).is_some_and(u8::is_ascii_alphanumeric);
        if same == mark.len() && digits > 0 && !glued {
            longest = longest.max(end + same + digits);
        }
    }
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(bytes: &[u8]) -> Window<'_> {
        Window {
            bytes,
            origin: 0,
            last: true,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_number_in_a_usual_form_is_the_one_that_its_groups_make(
            before in "[0-9 ]{0,3}",
            number in "(\\+1[ -]|\\(?)[2-9][0-9]{2}(\\) ?|[-. ])[0-9]{3}[-. ][0-9]{4}",
            after in "[ -./(x,e;@%a0-9]{0,4}",
            said in any::<bool>(),
        ) {
            let text = format!("{before}{number}{after} and so on, and so on");
            let window = window(text.as_bytes());
            if let Some(end) = north_american_form(&window, before.len()) {
                let Verdict::Match(hit) = in_groups(&window, before.len(), said) else {
                    panic!("no number in groups: {text}");
                };
                prop_assert_eq!(Some(hit.end), extension(&window, end).ok(), "{}", text);
                let sure = said || number.starts_with('+');
                prop_assert_eq!(hit.confidence == Confidence::High, sure, "{}", text);
            }
        }

        #[test]
        fn what_is_too_short_at_a_glance_is_too_short_byte_by_byte(text in "[0-9+() ./-]{0,12}[0-9(a ]{0,8}.{0,4}") {
            let bytes = text.as_bytes();
            for at in 0..bytes.len() {
                // A text that ends there is too short if no digit more could help.
                let ends = (at..=bytes.len()).find(|end| !is_too_short(&window(&bytes[..*end]), at));
                let padded = [bytes, b"!!!!!!!!!!!!!!!!"].concat();
                prop_assert_eq!(is_too_short(&window(&padded), at), ends.is_none(), "{} in {}", at, text);
            }
        }
    }
}
