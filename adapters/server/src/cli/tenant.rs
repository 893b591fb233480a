//! `workjet tenant`: organisations.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use workjet_gateway::Clock as _;
use workjet_tenant::TenantId;

use super::Place;
use super::output::{Failure, Table, print_line};
use super::place::{block_on, operator};
use crate::SystemClock;

#[derive(Subcommand)]
pub(super) enum Tenants {
    /// Make a tenant.
    Create {
        /// Its id: 1 to 64 of a-z, 0-9, '-' and '_'.
        id: TenantId,
        /// What people call it; the id unless given.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List all tenants.
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Refuse all credentials of a tenant.
    Disable(One),
    /// Take a tenant's credentials again.
    Enable(One),
}

#[derive(Args)]
pub(super) struct One {
    /// The tenant's id.
    id: TenantId,
    #[command(flatten)]
    place: Place,
}

impl Tenants {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let now = SystemClock.now();
        block_on(async {
            match self {
                Self::Create { id, name, place } => {
                    let name = name.unwrap_or_else(|| id.to_string());
                    place
                        .open()
                        .await?
                        .admin()
                        .create_tenant(&operator(), &id, &name, now)
                        .await?;
                    print_line(format!("created tenant {id}"))
                }
                Self::List { json, place } => {
                    let mut table = Table::new(["id", "name", "created", "disabled"]);
                    for tenant in place.open().await?.admin().tenants().await? {
                        let created = tenant.created.to_string();
                        table.row([
                            tenant.id.as_str().into(),
                            tenant.name.into(),
                            created.into(),
                            tenant.disabled.into(),
                        ]);
                    }
                    table.print(json)
                }
                Self::Disable(One { id, place }) => {
                    place
                        .open()
                        .await?
                        .admin()
                        .set_tenant_disabled(&operator(), &id, true, now)
                        .await?;
                    print_line(format!("disabled tenant {id}"))
                }
                Self::Enable(One { id, place }) => {
                    place
                        .open()
                        .await?
                        .admin()
                        .set_tenant_disabled(&operator(), &id, false, now)
                        .await?;
                    print_line(format!("enabled tenant {id}"))
                }
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
