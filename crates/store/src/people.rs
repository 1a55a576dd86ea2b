//! The part of the storage port that is about people who sign in. Users are in the
//! [directory](crate::Store::directory).

use crate::StoreError;
use async_trait::async_trait;
use kehub_core::people::audit::{AuditEntry, AuditFilter, AuditPlace};
use kehub_core::people::saved::SavedFilter;
use kehub_core::people::session::{Attempts, LoginKey, Session, SessionHash};
use kehub_core::{AppNumber, TenantId};

/// What a hub asks of its storage about people who sign in.
#[async_trait]
pub trait PeopleStore {
    /// The session of this hash, if it has not been ended. Its time may be over.
    async fn session(&self, hash: SessionHash) -> Result<Option<Session>, StoreError>;

    /// The sessions of a user that have not been ended, by hash. The time of some may be over.
    async fn sessions(&self, app: AppNumber) -> Result<Vec<Session>, StoreError>;

    /// The attempts to sign in under a name that failed of late.
    async fn attempts(&self, key: LoginKey) -> Result<Option<Attempts>, StoreError>;

    /// The filters that a user has saved, by name.
    async fn saved_filters(&self, app: AppNumber) -> Result<Vec<SavedFilter>, StoreError>;

    /// Entries of a tenant's audit log that match, of those before a place, newest first, at most `limit`.
    /// Whatever the filter, an index leads to them; only who did something is told apart entry by entry
    /// where `about` is set as well.
    async fn audit(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;
}
