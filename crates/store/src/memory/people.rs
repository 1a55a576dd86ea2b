//! Sessions, attempts to sign in, saved filters, and the audit log.

use super::MemoryStore;
use crate::{PeopleStore, StoreError};
use async_trait::async_trait;
use kehub_core::people::audit::{AuditEntry, AuditFilter, AuditPlace};
use kehub_core::people::saved::SavedFilter;
use kehub_core::people::session::{Attempts, LoginKey, Session, SessionHash};
use kehub_core::{AppNumber, TenantId};
use std::cmp::Reverse;

#[async_trait]
impl PeopleStore for MemoryStore {
    async fn session(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        Ok(self.open_state()?.facts.people.sessions.get(&hash).cloned())
    }

    async fn sessions(&self, app: AppNumber) -> Result<Vec<Session>, StoreError> {
        let state = self.open_state()?;
        let sessions = state.facts.people.sessions.values();
        Ok(sessions.filter(|session| session.app == app).cloned().collect())
    }

    async fn attempts(&self, key: LoginKey) -> Result<Option<Attempts>, StoreError> {
        Ok(self.open_state()?.facts.people.attempts.get(&key).copied())
    }

    async fn saved_filters(&self, app: AppNumber) -> Result<Vec<SavedFilter>, StoreError> {
        let state = self.open_state()?;
        let saved = state.facts.people.saved.values();
        Ok(saved.filter(|filter| filter.app == app).cloned().collect())
    }

    async fn audit(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let state = self.open_state()?;
        let theirs = state.facts.people.audit.iter().filter(|((owner, _), entry)| {
            *owner == tenant
                && before.is_none_or(|before| entry.place() < before)
                && filter.matches(entry)
        });
        let mut found: Vec<&AuditEntry> = theirs.map(|(_, entry)| entry).collect();
        found.sort_unstable_by_key(|entry| Reverse(entry.place()));
        Ok(found.into_iter().take(limit).cloned().collect())
    }
}
