//! People, and the name they log in with.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use workjet_tenant::{Role, TenantId, UserId};

use crate::error::InvalidLoginName;
use crate::password::PasswordHash;

/// An e-mail address in lower case. Hidden from `Debug`: it is personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(String);

impl LoginName {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Trims, lower-cases, and asks for one `@` with something on both sides. Whether mail arrives there is not decided
/// here.
impl FromStr for LoginName {
    type Err = InvalidLoginName;

    fn from_str(text: &str) -> Result<Self, InvalidLoginName> {
        let text = text.trim().to_lowercase();
        let (name, host) = text.split_once('@').ok_or(InvalidLoginName)?;
        let is_clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if text.len() <= 254 && is_clean && !name.is_empty() && !host.is_empty() && !host.contains('@') {
            Ok(Self(text))
        } else {
            Err(InvalidLoginName)
        }
    }
}

impl fmt::Debug for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginName(..)")
    }
}

/// A person in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names the user in logs and keys.
    pub id: UserId,
    /// Where they belong.
    pub tenant: TenantId,
    /// What they log in with, unique over all tenants.
    pub login: LoginName,
    /// What they may do.
    pub role: Role,
    /// Whether their credentials are refused.
    pub disabled: bool,
    /// When they were added.
    pub created: Timestamp,
}

/// What a login needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// Who it would be.
    pub user: User,
    /// What their password hashes to; none if they log in otherwise.
    pub password: Option<PasswordHash>,
    /// Whether their tenant is disabled now.
    pub tenant_disabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_name_is_lower_case_and_trimmed() {
        let name: LoginName = " Ada@Example.COM ".parse().expect("an address");
        assert_eq!(name.as_str(), "ada@example.com");
    }

    #[test]
    fn not_every_text_is_a_login_name() {
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a@b@c",
            "a da@example.com",
            "ada@exa\0mple.com",
        ] {
            assert!(text.parse::<LoginName>().is_err(), "{text:?}");
        }
        assert!(
            format!("{}@example.com", "a".repeat(250))
                .parse::<LoginName>()
                .is_err()
        );
    }

    #[test]
    fn login_name_stays_out_of_debug_output() {
        let name: LoginName = "ada@example.com".parse().expect("an address");
        assert!(!format!("{name:?}").contains("ada"));
    }
}
