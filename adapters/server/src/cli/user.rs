//! `workjet user`: people in a tenant.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use workjet_auth::{LoginName, Password};
use workjet_gateway::Clock as _;
use workjet_tenant::{Role, TenantId};

use super::Place;
use super::output::{Failure, Table, print_line};
use super::place::{block_on, scope};
use crate::SystemClock;

#[derive(Subcommand)]
pub(super) enum Users {
    /// Make a user. Their password is printed once.
    Create {
        /// Their e-mail address, which they log in with.
        login: LoginName,
        /// member, auditor, admin or owner.
        #[arg(long, default_value = "member")]
        role: Role,
        /// Read the password from standard input instead of making one up.
        #[arg(long)]
        password_stdin: bool,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        of: Of,
    },
    /// List a tenant's users.
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        of: Of,
    },
    /// Refuse a user's credentials, and end their sessions.
    Disable(One),
    /// Take a user's credentials again.
    Enable(One),
    /// Replace a user's password, and end their sessions. The new one is printed once.
    Password {
        #[command(flatten)]
        one: One,
        /// Read the password from standard input instead of making one up.
        #[arg(long)]
        password_stdin: bool,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Give a user another role, and end their sessions.
    Role {
        #[command(flatten)]
        one: One,
        /// member, auditor, admin or owner.
        role: Role,
    },
}

/// Whose users or keys are meant.
#[derive(Args)]
pub(super) struct Of {
    /// The tenant.
    #[arg(long, value_name = "ID", default_value = "default")]
    pub(super) tenant: TenantId,
    #[command(flatten)]
    pub(super) place: Place,
}

#[derive(Args)]
pub(super) struct One {
    /// The user's login name or id.
    user: String,
    #[command(flatten)]
    of: Of,
}

impl Users {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let now = SystemClock.now();
        block_on(async {
            match self {
                Self::Create {
                    login,
                    role,
                    password_stdin,
                    json,
                    of,
                } => {
                    let admin = of.place.open().await?.admin();
                    let password = password_stdin.then(read_password).transpose()?;
                    let made = admin
                        .create_user(&scope(&of.tenant), login, role, password, now)
                        .await?;
                    let password = made.password.as_ref().map(Password::expose);
                    if json {
                        let mut object = serde_json::json!({
                            "id": made.user.id.as_str(),
                            "login": made.user.login.as_str(),
                            "role": role.as_str(),
                            "tenant": of.tenant.as_str(),
                        });
                        if let Some(password) = password {
                            object["password"] = password.into();
                        }
                        return print_line(object);
                    }
                    eprintln!(
                        "created {role} {} in tenant {}",
                        made.user.login.as_str(),
                        of.tenant
                    );
                    match password {
                        Some(password) => {
                            eprintln!("the password, shown once:");
                            print_line(password)
                        }
                        None => Ok(()),
                    }
                }
                Self::List { json, of } => {
                    let mut table = Table::new(["id", "login", "role", "created", "disabled"]);
                    for user in of.place.open().await?.admin().users(&scope(&of.tenant)).await? {
                        table.row([
                            user.id.as_str().into(),
                            user.login.as_str().into(),
                            user.role.as_str().into(),
                            user.created.to_string().into(),
                            user.disabled.into(),
                        ]);
                    }
                    table.print(json)
                }
                Self::Disable(one) => one.set_disabled(true).await,
                Self::Enable(one) => one.set_disabled(false).await,
                Self::Password {
                    one: One { user, of },
                    password_stdin,
                    json,
                } => {
                    let (admin, scope) = (of.place.open().await?.admin(), scope(&of.tenant));
                    let user = admin.find_user(&scope, &user).await?;
                    if password_stdin {
                        admin
                            .set_password(&scope, &user.id, read_password()?, now)
                            .await?;
                        eprintln!("replaced the password of {}", user.login.as_str());
                        return Ok(());
                    }
                    let password = admin.make_up_password();
                    admin
                        .set_password(&scope, &user.id, password.clone(), now)
                        .await?;
                    if json {
                        let (id, login) = (user.id.as_str(), user.login.as_str());
                        return print_line(
                            serde_json::json!({"id": id, "login": login, "password": password.expose()}),
                        );
                    }
                    eprintln!("the new password of {}, shown once:", user.login.as_str());
                    print_line(password.expose())
                }
                Self::Role {
                    one: One { user, of },
                    role,
                } => {
                    let (admin, scope) = (of.place.open().await?.admin(), scope(&of.tenant));
                    let user = admin.find_user(&scope, &user).await?;
                    admin.set_role(&scope, &user.id, role, now).await?;
                    print_line(format!("{} is now {role}", user.login.as_str()))
                }
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl One {
    async fn set_disabled(self, disabled: bool) -> Result<(), Failure> {
        let (admin, scope) = (self.of.place.open().await?.admin(), scope(&self.of.tenant));
        let user = admin.find_user(&scope, &self.user).await?;
        admin
            .set_user_disabled(&scope, &user.id, disabled, SystemClock.now())
            .await?;
        print_line(format!(
            "{} {}",
            if disabled { "disabled" } else { "enabled" },
            user.login.as_str()
        ))
    }
}

/// One line of standard input.
fn read_password() -> Result<Password, Failure> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("type the password, then Enter and Ctrl-D; it will be visible:");
    }
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .map_err(|error| Failure::about("standard input", error))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Password::parse(line.to_owned())?)
}
