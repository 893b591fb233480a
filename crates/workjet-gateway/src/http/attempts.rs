//! Slows down whoever guesses passwords and tokens.
//!
//! An [`Attempt`] is counted against the account, if one is named, and against the address that it comes from, under keyed pseudonyms:
//! neither the limits nor the log hold what was typed.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use http::request::Parts;
use workjet_audit::Entry;
use workjet_tenant::{Charge, Decision, LimitKey, Quota, RequestId};

use super::App;
use crate::Refusal;
use crate::core::default_tenant;
use crate::host::RemoteAddress;
use crate::ids::request_id;

/// Ten at once, then one a minute: enough for a forgetful person, too little for guessing.
const PER_ACCOUNT: Quota = quota(60, 10);
/// Many people may share an address.
const PER_ADDRESS: Quota = quota(600, 60);

const fn quota(per_hour: u64, burst: u64) -> Quota {
    let (Some(limit), Some(burst)) = (NonZeroU64::new(per_hour), NonZeroU64::new(burst)) else {
        panic!("a quota is not zero");
    };
    Quota {
        limit,
        per: Duration::from_secs(3600),
        burst,
    }
}

/// Somebody says who they are and offers a password, or offers a token.
pub(super) struct Attempt {
    account: Option<String>,
    address: Option<String>,
    request: RequestId,
}

impl Attempt {
    /// An attempt at `account`, in whatever words.
    pub(super) fn at_account(app: &App, account: &str, request: &Parts) -> Self {
        Self {
            account: Some(pseudonym(app, "login account", account.as_bytes())),
            ..Self::with_token(app, request)
        }
    }

    /// An attempt with a token that says by itself whose it is.
    pub(super) fn with_token(app: &App, request: &Parts) -> Self {
        let address = request
            .extensions
            .get::<RemoteAddress>()
            .map(|address| match address.0 {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                // Whoever has one IPv6 address has the whole /64.
                IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
            });
        let id = request.extensions.get::<RequestId>().cloned();
        Self {
            account: None,
            address: address.map(|address| pseudonym(app, "login address", &address)),
            request: id.unwrap_or_else(|| request_id(&app.host)),
        }
    }

    /// Takes the attempt from its quotas.
    ///
    /// # Errors
    /// 429 if one is used up.
    pub(super) async fn count(&self, app: &App) -> Result<(), Refusal> {
        let host = &app.host;
        // Who it is nobody knows yet, so attempts are counted in one place for all tenants.
        let scope = host.operator.system_scope(&default_tenant());
        let charge = |key: &String, quota| Charge {
            key: LimitKey::login_attempts(key),
            quota,
            amount: 1,
        };
        let mut charges = Vec::new();
        charges.extend(self.account.as_ref().map(|key| charge(key, PER_ACCOUNT)));
        charges.extend(self.address.as_ref().map(|key| charge(key, PER_ADDRESS)));
        if charges.is_empty() {
            // Tokens from nowhere: the home does not tell addresses, so all share one.
            charges.push(charge(&pseudonym(app, "login address", &[]), PER_ADDRESS));
        }
        let now = host.clock.now();
        match host
            .rates
            .reserve(&scope, &self.request, &charges, now, Duration::from_secs(60))
            .await?
        {
            Decision::Allow(_) => {
                host.rates
                    .settle(&scope, &self.request, &vec![1; charges.len()], now)
                    .await?;
                Ok(())
            }
            Decision::Deny { retry_after, .. } => Err(Refusal::rate_limited(retry_after)),
        }
    }

    /// Says in a log entry which account was tried, and from where.
    pub(super) fn describe(&self, entry: Entry) -> Entry {
        let entry = match &self.account {
            Some(account) => entry.detail("account", account),
            None => entry,
        };
        match &self.address {
            Some(address) => entry.detail("address", address),
            None => entry,
        }
    }
}

/// A keyed stand-in for something guessable: 128 bits, in hex.
fn pseudonym(app: &App, purpose: &str, text: &[u8]) -> String {
    let hash = app.core.keyed_hash(purpose).add(text).finish();
    let (_, hex) = hash.split_once(':').expect("a keyed hash names its algorithm");
    hex[..32].to_owned()
}
