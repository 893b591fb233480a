//! Passwords, for people who log in without an identity provider.
//!
//! argon2id with the first of the parameter sets that
//! [OWASP](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html) names for 19 MiB, kept as a
//! PHC string, so that stronger parameters can come later and old hashes still verify. Length is asked for and
//! composition is not ([NIST SP 800-63B §3.1.1](https://pages.nist.gov/800-63-4/sp800-63b.html)).

use std::fmt;

use crate::error::InvalidHash;

/// An argon2id hash as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`. Hidden from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes back what a store kept.
    ///
    /// # Errors
    /// [`InvalidHash`] if it is not an argon2id PHC string.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidHash> {
        let text = text.into();
        if text.starts_with("$argon2id$v=19$") && text.len() <= 256 && text.split('$').count() == 6 {
            Ok(Self(text))
        } else {
            Err(InvalidHash)
        }
    }

    /// The PHC string, for a store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(feature = "password")]
pub use hashing::{Password, dummy_hash, generate_password, hash, verify};

#[cfg(feature = "password")]
mod hashing {
    use argon2::{Algorithm, Argon2, Params, Version};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
    use secrecy::{ExposeSecret, SecretString};
    use subtle::ConstantTimeEq;
    use zeroize::{Zeroize, Zeroizing};

    use super::PasswordHash;
    use crate::error::InvalidPassword;
    use crate::text::base32;

    const MEMORY_KIB: u32 = 19_456;
    const PASSES: u32 = 2;
    const LANES: u32 = 1;
    const OUTPUT_BYTES: usize = 32;

    /// Above this a stored hash is refused instead of computed: whoever can write to the database must not be able to
    /// take the host's memory.
    const MAX_MEMORY_KIB: u32 = 256 * 1024;
    const MAX_PASSES: u32 = 16;

    /// A password in the clear. Wiped when dropped, hidden from `Debug`.
    #[derive(Debug, Clone)]
    pub struct Password(SecretString);

    impl Password {
        /// Takes a new password: 12 to 128 characters, of any kind, and none of the usual ones.
        ///
        /// # Errors
        /// [`InvalidPassword`] says what to change.
        pub fn parse(mut text: String) -> Result<Self, InvalidPassword> {
            let verdict = match text.chars().count() {
                ..12 => Err(InvalidPassword::TooShort),
                129.. => Err(InvalidPassword::TooLong),
                _ if is_common(&text) => Err(InvalidPassword::TooCommon),
                _ => Ok(()),
            };
            if let Err(reason) = verdict {
                text.zeroize();
                return Err(reason);
            }
            Ok(Self(text.into()))
        }

        /// Takes what somebody typed to log in. Rules for new passwords do not apply: what breaks them is simply wrong,
        /// and must take as long as any wrong password.
        pub fn attempt(text: String) -> Self {
            Self(text.into())
        }

        /// The password in the clear: print a first password once, and never else.
        pub fn expose(&self) -> &str {
            self.0.expose_secret()
        }
    }

    /// What remains of the lists of common passwords at 12 characters and more is mostly these words with something
    /// simple around them, rows of the keyboard, and repetitions.
    fn is_common(text: &str) -> bool {
        const ROWS: [&str; 5] = [
            "01234567890123456789",
            "qwertyuiopasdfghjklzxcvbnm",
            "abcdefghijklmnopqrstuvwxyz",
            "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
            "1q2w3e4r5t6y7u8i9o0p",
        ];
        const WORDS: [&str; 12] = [
            "password",
            "passwort",
            "passw0rd",
            "qwertyuiop",
            "iloveyou",
            "administrator",
            "letmein",
            "welcome",
            "changeme",
            "workjet",
            "football",
            "princess",
        ];
        let text = Zeroizing::new(text.to_lowercase());
        let distinct = text.chars().collect::<std::collections::BTreeSet<_>>().len();
        let without = |text: Zeroizing<String>, word: &&str| Zeroizing::new(text.replace(*word, ""));
        let rest = WORDS.iter().fold(text.clone(), without);
        let rest_is_dull = rest.len() < text.len()
            && (rest.len() < 6 && rest.chars().all(|c| !c.is_alphabetic()) || rest.is_empty());
        distinct < 5 || rest_is_dull || ROWS.iter().any(|row| row.contains(text.as_str()))
    }

    /// Hashes a new password under 16 fresh random bytes. Takes tens of milliseconds and 19 MiB, on purpose: keep it off an async executor.
    pub fn hash(password: &Password, salt: [u8; 16]) -> PasswordHash {
        let params =
            Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).expect("the parameters are in range");
        let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.expose().as_bytes(), &salt, &mut *output)
            .expect("salt and output lengths are in range");
        PasswordHash(format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
            BASE64.encode(salt),
            BASE64.encode(*output)
        ))
    }

    /// Whether `password` hashes to `stored`, under the parameters that `stored` names. As costly as [`hash`].
    pub fn verify(password: &Password, stored: &PasswordHash) -> bool {
        let Some(Phc { params, salt, output }) = parse_phc(stored.as_str()) else {
            return false;
        };
        let mut computed = Zeroizing::new(vec![0; output.len()]);
        let outcome = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            password.expose().as_bytes(),
            &salt,
            &mut computed,
        );
        outcome.is_ok() && bool::from(computed.ct_eq(&output))
    }

    struct Phc {
        params: Params,
        salt: Vec<u8>,
        output: Vec<u8>,
    }

    fn parse_phc(text: &str) -> Option<Phc> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let (costs, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        let mut costs = costs.split(',');
        let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
        let (salt, output) = (BASE64.decode(salt).ok()?, BASE64.decode(output).ok()?);
        if memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > 4 || !(16..=64).contains(&output.len()) {
            return None;
        }
        let params = Params::new(memory, passes, lanes, Some(output.len())).ok()?;
        Some(Phc { params, salt, output })
    }

    /// A hash that no password has. Verify against it when the user is unknown or has no password, so that the answer
    /// takes the same time.
    pub fn dummy_hash() -> PasswordHash {
        PasswordHash(format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
            BASE64.encode([0x57; 16]),
            BASE64.encode([0x4a; OUTPUT_BYTES])
        ))
    }

    /// A first password: 32 characters in groups of four, easy to copy by hand, out of 160 random bits.
    pub fn generate_password(entropy: [u8; 20]) -> Password {
        let entropy = Zeroizing::new(entropy);
        let letters = base32(&*entropy);
        let mut text = String::with_capacity(letters.len() + letters.len() / 4);
        for (i, letter) in letters.chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        Password(text.into())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn password(text: &str) -> Password {
            Password::parse(text.to_owned()).expect("a good password")
        }

        #[test]
        fn right_password_verifies_and_others_do_not() {
            let stored = hash(&password("correct horse battery"), [1; 16]);
            assert!(verify(&password("correct horse battery"), &stored));
            assert!(!verify(&password("correct horse batterY"), &stored));
            assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
            assert_eq!(PasswordHash::parse(stored.as_str()).as_ref(), Ok(&stored));
        }

        #[test]
        fn same_password_hashes_differently_under_another_salt() {
            let one = password("correct horse battery");
            assert_ne!(hash(&one, [1; 16]), hash(&one, [2; 16]));
        }

        #[test]
        fn nobody_has_the_dummy_hash_yet_it_is_worked_out() {
            assert!(
                parse_phc(dummy_hash().as_str()).is_some(),
                "an unreadable dummy would answer too fast"
            );
            assert!(!verify(&Password::attempt(String::new()), &dummy_hash()));
        }

        #[test]
        fn stored_hash_cannot_ask_for_all_memory() {
            let costly = dummy_hash().as_str().replace("m=19456", "m=4194304");
            assert!(!verify(
                &Password::attempt("x".into()),
                &PasswordHash::parse(costly).expect("a PHC string")
            ));
        }

        #[test]
        fn new_passwords_are_long_and_not_the_usual_ones() {
            use InvalidPassword::{TooCommon, TooLong, TooShort};
            let refusal = |text: &str| Password::parse(text.to_owned()).err();
            assert_eq!(refusal("short"), Some(TooShort));
            assert_eq!(refusal("elevenchars"), Some(TooShort));
            assert_eq!(refusal(&"ab1 ".repeat(40)), Some(TooLong));
            for common in [
                "aaaaaaaaaaaa",
                "password1234",
                "Password123!",
                "qwertyuiopas",
                "123456789012",
                "passwordpassword",
            ] {
                assert_eq!(refusal(common), Some(TooCommon), "{common}");
            }
            for fine in [
                "correct horse battery",
                "ünïcödé-größe",
                "my password is a sentence",
            ] {
                assert_eq!(refusal(fine), None, "{fine}");
            }
        }

        #[test]
        fn first_password_is_grouped_and_accepted() {
            let first = generate_password([9; 20]);
            assert_eq!(first.expose().len(), 39);
            assert!(Password::parse(first.expose().to_owned()).is_ok());
        }

        #[test]
        fn debug_shows_neither_password_nor_hash() {
            let one = password("correct horse battery");
            assert!(!format!("{one:?}").contains("horse"));
            let stored = hash(&one, [1; 16]);
            assert_eq!(format!("{stored:?}"), "PasswordHash(..)");
        }
    }
}
