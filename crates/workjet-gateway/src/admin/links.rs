//! Login links: a way in for people without a password.

use jiff::Timestamp;
use workjet_audit::Kind;
use workjet_auth::{LoginLink, LoginLinkStore, NewLoginLink, User};
use workjet_tenant::{Scope, UserId};

use super::{Admin, AdminError, may_grant, no_user};
use crate::time::later;

/// A login link just issued. Its token exists nowhere else.
#[derive(Debug)]
pub struct IssuedLink {
    /// Whom it lets in.
    pub user: User,
    /// The token.
    pub link: LoginLink,
    /// From when on it is refused.
    pub expires: Timestamp,
}

impl Admin {
    /// Issues a link that logs `user` in once.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound) if the scope has no such user,
    /// [`Invalid`](super::AdminErrorKind::Invalid) if they are disabled.
    pub async fn issue_link(
        &self,
        links: &dyn LoginLinkStore,
        scope: &Scope,
        user: &UserId,
        now: Timestamp,
    ) -> Result<IssuedLink, AdminError> {
        super::may_administer(scope)?;
        let user = self.users.user(scope, user).await?;
        let user = user.ok_or_else(|| no_user(scope))?;
        may_grant(scope, user.role)?;
        if user.disabled {
            return Err(AdminError::invalid(
                "the user is disabled, so no link would let them in: enable them first",
            ));
        }
        let link = LoginLink::generate(self.random());
        let expires = later(now, LoginLink::LIFETIME);
        let new = NewLoginLink {
            hash: link.hash(),
            user: user.id.clone(),
            created: now,
            expires,
        };
        let record = self.record(scope, Kind::AuthLinkIssued, user.id.as_str(), now, []);
        links.create(scope, &new, &record).await?;
        Ok(IssuedLink { user, link, expires })
    }
}
