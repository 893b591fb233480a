//! Which rules can start with a byte, by what stands before it.

use super::{Rule, Window};

/// Which rules to ask where: a table by the byte and the one before it. Most bytes begin nothing, and cost no more than the
/// look into the table.
pub(super) struct Starts {
    /// By state and byte. A state stands for what came before: bytes after which the same rules can start share one.
    table: Vec<[Start; 256]>,
    /// Lists of rules and their anchors, each once. The first is empty.
    lists: Vec<Vec<(u16, u8)>>,
    /// The state after each byte.
    after: [u8; 256],
    after_escape: u8,
}

#[derive(Clone, Copy)]
pub(super) struct Start {
    /// The state after this byte.
    pub(super) state: u8,
    /// The rules that can start with it, as a place in `lists`; 0 if there is nothing to do.
    list: u16,
}

impl Starts {
    /// The state at the beginning of a text, where every rule can start.
    const BEGINNING: u8 = 0;
    const AFTER_BACKSLASH: u8 = 1;

    pub(super) fn new(rules: &[Rule]) -> Self {
        let following = |byte: u8| -> Vec<bool> { rules.iter().map(|rule| rule.can_follow(byte)).collect() };
        let mut states = vec![vec![true; rules.len()], following(b'\\')];
        let mut state_of = |following: Vec<bool>| {
            let known = states.iter().skip(2).position(|state| *state == following);
            let state = known.map_or(states.len(), |known| known + 2);
            if known.is_none() {
                states.push(following);
            }
            state as u8
        };
        let mut after = [0; 256];
        for byte in 0..=u8::MAX {
            after[usize::from(byte)] = match byte {
                b'\\' => Self::AFTER_BACKSLASH,
                byte => state_of(following(byte)),
            };
        }
        // What follows `\n` follows an escape, not a letter.
        let after_escape = state_of(following(b'\\'));

        let mut lists = vec![Vec::new()];
        let table = (0..).zip(&states).map(|(state, can_follow)| {
            std::array::from_fn(|byte| {
                let byte = byte as u8;
                let starting: Vec<(u16, u8)> = (0..rules.len())
                    .filter(|rule| can_follow[*rule] && rules[*rule].can_start(byte))
                    .map(|rule| (rule as u16, rules[rule].anchor as u8))
                    .collect();
                // A bracket may begin a placeholder, so there is something to do even if no rule starts with it.
                let from = usize::from(byte == b'[');
                let known = lists.iter().skip(from).position(|list| *list == starting);
                let list = known.map_or(lists.len(), |known| known + from);
                if known.is_none() {
                    lists.push(starting);
                }
                let escape = state == Self::AFTER_BACKSLASH && matches!(byte, b'n' | b't' | b'r');
                Start {
                    state: if escape {
                        after_escape
                    } else {
                        after[usize::from(byte)]
                    },
                    list: list as u16,
                }
            })
        });
        Self {
            table: table.collect(),
            lists,
            after,
            after_escape,
        }
    }

    /// The rules that can start at `at`, and the state after it.
    #[inline]
    pub(super) fn at(&self, window: &Window<'_>, at: usize) -> Start {
        let state = self.state_before(window, at);
        self.table[usize::from(state)][usize::from(window.bytes[at])]
    }

    /// The state for what stands before `at`.
    #[inline]
    pub(super) fn state_before(&self, window: &Window<'_>, at: usize) -> u8 {
        match window.byte_before(at) {
            None => Self::BEGINNING,
            Some(b'n' | b't' | b'r') if window.byte_before(at - 1) == Some(b'\\') => self.after_escape,
            Some(byte) => self.after[usize::from(byte)],
        }
    }

    /// The first place from `at` on where there is something to do.
    pub(super) fn next(&self, bytes: &[u8], at: usize, mut state: u8) -> Option<(usize, Start)> {
        let rest = bytes.get(at..)?;
        for (offset, byte) in rest.iter().enumerate() {
            let start = self.table[usize::from(state)][usize::from(*byte)];
            if start.list != 0 {
                return Some((at + offset, start));
            }
            state = start.state;
        }
        None
    }

    #[inline]
    pub(super) fn rules(&self, start: Start) -> &[(u16, u8)] {
        &self.lists[usize::from(start.list)]
    }
}
