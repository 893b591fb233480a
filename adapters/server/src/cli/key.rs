//! `workjet key`: API keys.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use workjet_auth::{ApiKey, StoredKey};
use workjet_gateway::Clock as _;
use workjet_gateway::admin::FIRST_OWNER;
use workjet_tenant::KeyId;

use super::output::{Failure, Table, print_line};
use super::place::{block_on, scope};
use super::user::Of;
use crate::SystemClock;

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Make an API key. It is printed once.
    Create {
        /// The login name or id of its user.
        #[arg(long, default_value = FIRST_OWNER)]
        user: String,
        /// What the key is for.
        #[arg(long, default_value = "key")]
        name: String,
        /// How long it works, as in 90d or 12h; for good unless given.
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        expires: Option<Duration>,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        of: Of,
    },
    /// List a tenant's keys, never the keys themselves.
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        of: Of,
    },
    /// Make a new key in the place of an old one, which works on for a while. The new one is printed once.
    Rotate {
        #[command(flatten)]
        one: One,
        /// How long the old key works on.
        #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
        grace: Duration,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Take a key back, at once.
    Revoke(One),
}

#[derive(Args)]
pub(super) struct One {
    /// The key's id: the part between the second and the third `_`, as `key list` shows it.
    id: KeyId,
    #[command(flatten)]
    of: Of,
}

impl Keys {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let now = SystemClock.now();
        block_on(async {
            match self {
                Self::Create {
                    user,
                    name,
                    expires,
                    json,
                    of,
                } => {
                    let (admin, scope) = (of.place.open().await?.admin(), scope(&of.tenant));
                    let user = admin.find_user(&scope, &user).await?;
                    let expires = expires.map(|lifetime| after(now, lifetime)).transpose()?;
                    let key = admin.create_key(&scope, &user.id, &name, expires, now).await?;
                    show(
                        &key,
                        json,
                        &format!("created key {} for {}", key.id(), user.login.as_str()),
                    )
                }
                Self::List { json, of } => {
                    let columns = [
                        "id",
                        "name",
                        "user",
                        "role",
                        "state",
                        "created",
                        "expires",
                        "revoked",
                        "last_used",
                    ];
                    let mut table = Table::new(columns);
                    for key in of.place.open().await?.admin().keys(&scope(&of.tenant)).await? {
                        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).into();
                        table.row([
                            key.id.as_str().into(),
                            key.name.as_str().into(),
                            key.user.as_str().into(),
                            key.role.as_str().into(),
                            state(&key, now).into(),
                            key.created.to_string().into(),
                            time(key.expires),
                            time(key.revoked),
                            time(key.last_used),
                        ]);
                    }
                    table.print(json)
                }
                Self::Rotate {
                    one: One { id, of },
                    grace,
                    json,
                } => {
                    let (admin, scope) = (of.place.open().await?.admin(), scope(&of.tenant));
                    let key = admin.rotate_key(&scope, &id, grace, now).await?;
                    let until = after(now, grace)?;
                    show(
                        &key,
                        json,
                        &format!("created key {}; {id} works until {until}", key.id()),
                    )
                }
                Self::Revoke(One { id, of }) => {
                    of.place
                        .open()
                        .await?
                        .admin()
                        .revoke_key(&scope(&of.tenant), &id, now)
                        .await?;
                    print_line(format!("revoked key {id}"))
                }
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn state(key: &StoredKey, now: Timestamp) -> &'static str {
    match key {
        key if key.revoked.is_some() => "revoked",
        key if key.expires.is_some_and(|end| end <= now) => "expired",
        key if key.owner_disabled || key.tenant_disabled => "disabled",
        _ => "active",
    }
}

/// The key alone on standard output, so that it can go into a variable; or an object.
fn show(key: &ApiKey, json: bool, said: &str) -> Result<(), Failure> {
    if json {
        return print_line(serde_json::json!({"id": key.id().as_str(), "key": key.expose()}));
    }
    eprintln!("{said}; the key, shown once:");
    print_line(key.expose())
}

fn after(now: Timestamp, duration: Duration) -> Result<Timestamp, Failure> {
    let end = SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok());
    end.ok_or_else(|| Failure::Error("the duration is too long".into()))
}

/// `90d`, `12h`, `30m`, `10s`, or 0.
fn duration(text: &str) -> Result<Duration, String> {
    let help = || "write a duration such as 90d, 12h, 30m or 10s".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds: u64 = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        "" if number == "0" => 1,
        _ => return Err(help()),
    };
    let number: u64 = number.parse().map_err(|_| help())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(help)
}
