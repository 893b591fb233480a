//! Login links.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{ErrorKind, OutboxRecord, Scope, StoreError};

use super::MemoryAuth;
use crate::login_link::{LoginLinkHash, NewLoginLink};
use crate::store::LoginLinkStore;
use crate::user::User;

#[async_trait]
impl LoginLinkStore for MemoryAuth {
    async fn create(
        &self,
        scope: &Scope,
        link: &NewLoginLink,
        record: &OutboxRecord,
    ) -> Result<(), StoreError> {
        let mut rows = self.lock();
        rows.check_owner(scope, &link.user)?;
        if rows.links.iter().any(|(_, known)| known.hash == link.hash) {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "a login link with this hash exists: make another",
            ));
        }
        self.tenants.record(scope.tenant(), record)?;
        rows.links
            .retain(|(tenant, known)| tenant != scope.tenant() || known.expires > link.created);
        rows.links.push((scope.tenant().clone(), link.clone()));
        Ok(())
    }

    async fn redeem(&self, hash: &LoginLinkHash, now: Timestamp) -> Result<Option<User>, StoreError> {
        let mut rows = self.lock();
        let found = rows.links.iter().position(|(_, link)| link.hash == *hash);
        let Some((place, (tenant, link))) = found.map(|place| (place, &rows.links[place])) else {
            return Ok(None);
        };
        let user = rows.users.get(&link.user).map(|row| &row.user);
        let is_good = now < link.expires && !self.tenant_disabled(tenant);
        let Some(user) = user.filter(|user| is_good && !user.disabled).cloned() else {
            return Ok(None);
        };
        rows.links.remove(place);
        Ok(Some(user))
    }
}
