//! Login links.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_auth::{LoginLinkHash, LoginLinkStore, NewLoginLink, User};
use workjet_tenant::{OutboxRecord, Scope, StoreError};

use crate::database::{Database, Statement};
use crate::store::{SqlStore, record};
use crate::users;

/// Deletes the link while it is good: of several statements at once, one finds the row.
const SPEND: &str = "\
    DELETE FROM login_links WHERE hash = ?1 AND expires > ?2 AND EXISTS (\
    SELECT 1 FROM users u JOIN tenants t ON t.id = u.tenant \
    WHERE u.tenant = login_links.tenant AND u.id = login_links.user_id AND u.disabled = 0 AND t.disabled = 0\
    ) RETURNING tenant, user_id";

#[async_trait]
impl<D: Database> LoginLinkStore for SqlStore<D> {
    async fn create(
        &self,
        scope: &Scope,
        link: &NewLoginLink,
        entry: &OutboxRecord,
    ) -> Result<(), StoreError> {
        let forget = "DELETE FROM login_links WHERE tenant = ?1 AND expires <= ?2";
        let insert =
            "INSERT INTO login_links (tenant, hash, user_id, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
        let tenant = scope.tenant().as_str();
        let params = [
            tenant.into(),
            link.hash.to_hex().into(),
            link.user.as_str().into(),
            link.created.into(),
            link.expires.into(),
        ];
        self.run(vec![
            Statement::new(forget, [tenant.into(), link.created.into()]),
            Statement::new(insert, params),
            record(scope.tenant(), entry),
        ])
        .await?;
        Ok(())
    }

    async fn redeem(&self, hash: &LoginLinkHash, now: Timestamp) -> Result<Option<User>, StoreError> {
        let spend = Statement::new(SPEND, [hash.to_hex().into(), now.into()]);
        let answers = self.run(vec![spend]).await?;
        match answers.first().and_then(|spent| spent.first()) {
            Some(link) => {
                let of_user = [link.text("tenant")?.into(), link.text("user_id")?.into()];
                let users = self.ask(users::one(), of_user).await?;
                users.first().map(users::read).transpose()
            }
            None => Ok(None),
        }
    }
}
