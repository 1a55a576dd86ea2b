//! What a group has changed.

use kehub_core::TenantId;
use kehub_core::facts::{Dirty, Facts};

/// Everything that became dirty, taken out of the facts.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one part has changed")]
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) tenants: Vec<(TenantId, Dirty)>,
    pub(crate) directory: bool,
    pub(crate) webhooks: bool,
    pub(crate) wechat: bool,
    pub(crate) imports: bool,
    pub(crate) people: bool,
}

impl Changes {
    pub(crate) fn take(facts: &mut Facts) -> Changes {
        let directory = std::mem::take(&mut facts.directory_dirty);
        let webhooks = std::mem::take(&mut facts.webhooks_dirty);
        let wechat = std::mem::take(&mut facts.wechat_dirty);
        let imports = std::mem::take(&mut facts.imports_dirty);
        let people = std::mem::take(&mut facts.people_dirty);
        let taken = facts.tenants.iter_mut().map(|(tenant, facts)| (*tenant, facts.take_dirty()));
        let tenants = taken.filter(|(_, dirty)| !dirty.is_empty()).collect();
        Changes { tenants, directory, webhooks, wechat, imports, people }
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        let beside = self.directory || self.webhooks || self.wechat || self.imports || self.people;
        self.tenants.is_empty() && !beside
    }

    /// Whether there are journal entries among what is to be written.
    pub(crate) fn has_entries(&self) -> bool {
        self.tenants.iter().any(|(_, dirty)| !dirty.entries.is_empty())
    }

    /// Whether anything was erased.
    pub(crate) fn have_erased(&self) -> bool {
        let mut entries = self.tenants.iter().flat_map(|(_, dirty)| &dirty.entries);
        entries.any(|entry| entry.has_erased())
    }

    /// The tenants whose types are among what is to be written.
    pub(crate) fn tenants_with_types(&self) -> impl Iterator<Item = TenantId> {
        self.tenants.iter().filter(|(_, dirty)| !dirty.types.is_empty()).map(|(tenant, _)| *tenant)
    }
}
