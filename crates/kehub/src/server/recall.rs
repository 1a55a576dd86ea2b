//! The answer to a request that came before under its idempotency key, given again: from what is
//! remembered of it, the journal, and the customers as they stood. What has been erased since is
//! not told again.

use super::problem::Problem;
use kehub_core::command::Command;
use kehub_core::customer::{Customer, State};
use kehub_core::directory::Tenant;
use kehub_core::history::{Moment, Past};
use kehub_core::import::ImportOutcome;
use kehub_core::journal::Record;
use kehub_core::outcome::{
    Decided, MergedByHand, Outcome, PolicySet, Refusal, Released, SettledConflict, Taken, Undone,
};
use kehub_core::people::PeopleOutcome;
use kehub_core::policy::IdentityType;
use kehub_core::receipt::{Receipt, Remembered, RememberedPolicy, RememberedResolution};
use kehub_core::webhook::WebhookOutcome;
use kehub_core::wechat::WechatOutcome;
use kehub_core::{
    AppNumber, ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Seq, TenantId, WebhookId,
    WechatId,
};
use kehub_store::{Store, StoreError, TypedIdentity};
use std::collections::BTreeMap;

/// The outcome of a request, which said the same as this command, once more.
pub(super) async fn outcome(
    store: &dyn Store,
    tenant: TenantId,
    command: &Command,
    receipt: &Receipt,
) -> Result<Outcome, Problem> {
    let recall = Recall { store, tenant, seq: receipt.seq };
    match recall.told(command, &receipt.outcome).await {
        Ok(outcome) => Ok(outcome),
        Err(Untold::Gone(customer)) => Ok(Outcome::Refused(Refusal::CustomerErased(customer))),
        Err(Untold::Lost) => Err(Problem::Internal),
        Err(Untold::Trouble(trouble)) => Err(trouble.into()),
    }
}

/// Why an answer cannot be given again.
enum Untold {
    /// The customer was erased since.
    Gone(CustomerId),
    /// What it names is not there any more, which only damage explains.
    Lost,
    Trouble(StoreError),
}

impl From<StoreError> for Untold {
    fn from(trouble: StoreError) -> Untold {
        Untold::Trouble(trouble)
    }
}

/// A look at things as they stood.
struct Recall<'s> {
    store: &'s dyn Store,
    tenant: TenantId,
    /// The last journal entry when the answer was given.
    seq: Seq,
}

impl Recall<'_> {
    async fn told(&self, command: &Command, remembered: &Remembered) -> Result<Outcome, Untold> {
        Ok(match remembered {
            Remembered::Resolved(it) => self.resolved(it, command).await?,
            Remembered::Deleted(customer) => Outcome::Deleted(*customer),
            Remembered::Policy(it) => self.policy(it).await?,
            Remembered::App { number, created } => self.app(*number, *created).await?,
            Remembered::Webhook(id) => self.webhook(*id).await?,
            Remembered::Wechat(id) => self.wechat(*id).await?,
            Remembered::Import(id) => self.import(*id).await?,
            Remembered::User { app, created } => self.user(*app, *created).await?,
            Remembered::Released { identity, owner } => self.released(*identity, *owner).await?,
            Remembered::Merged { merge, customer, merged, settled, warnings, seq } => {
                let customers = (*customer, *merged);
                let it = self.merged(*merge, customers, *seq).await?;
                let (settled, warnings) = (settled.clone(), warnings.clone());
                Outcome::Merged(Box::new(MergedByHand { settled, warnings, ..it }))
            }
            Remembered::Unmerged { merge, customers, undecided, seq } => {
                let (merge, undecided, seq) = (*merge, undecided.clone(), *seq);
                let customers = self.pair(*customers, self.seq).await?;
                Outcome::Unmerged(Box::new(Undone { merge, customers, undecided, seq }))
            }
            Remembered::Extracted { customers, identities, claims, reviews, seq } => {
                let (from, to) = self.pair(*customers, self.seq).await?;
                let (identities, claims) = (identities.clone(), claims.clone());
                let (reviews, seq) = (reviews.clone(), *seq);
                Outcome::Extracted(Box::new(Taken { from, to, identities, claims, reviews, seq }))
            }
            Remembered::ClaimDecided { claim, home, customers, seq } => {
                let (claim, home, seq) = (*claim, *home, *seq);
                let customers = self.pair(*customers, self.seq).await?;
                Outcome::ClaimDecided(Box::new(Decided { claim, home, customers, seq }))
            }
            Remembered::Restored { customer, seq } => {
                let past = self.store.past(self.tenant, &[*customer]).await?;
                let customer = Box::new(stood(&past, *customer, self.seq)?);
                Outcome::Restored { customer, seq: *seq }
            }
            Remembered::Erased { seq, .. } => self.erased(*seq).await?,
            Remembered::Settled { conflict, settlement, customers, seq } => {
                let found = self.store.conflict(self.tenant, *conflict).await?;
                let mut conflict = found.ok_or(Untold::Lost)?.conflict;
                conflict.settlement = *settlement;
                let (customers, seq) = (*customers, *seq);
                Outcome::Settled(Box::new(SettledConflict { conflict, customers, seq }))
            }
            Remembered::Linked { link, apart, seq } => {
                Outcome::Linked { link: *link, apart: *apart, seq: *seq }
            }
        })
    }

    async fn resolved(
        &self,
        it: &RememberedResolution,
        command: &Command,
    ) -> Result<Outcome, Untold> {
        let past = self.store.past(self.tenant, &[it.customer]).await?;
        let customer = stood(&past, it.customer, self.seq)?;
        let before = match it.seq {
            Some(seq) => stood(&past, it.customer, Seq(seq.0 - 1)),
            None => Ok(customer.clone()),
        };
        let before = if it.tells_before { Some(before?) } else { None };
        let rows = self.store.identities_numbered(self.tenant, &it.numbers()).await?;
        let rows: BTreeMap<IdentityNumber, TypedIdentity> =
            rows.into_iter().map(|row| (row.identity.number, row)).collect();
        let row = |number| rows.get(&number).map(|row| (&*row.kind, &row.identity));
        let policy = self.store.policy(self.tenant).await?.ok_or(Untold::Lost)?;
        let type_named = |name: &str| Some(&*policy.type_named(name)?.name);
        Ok(Outcome::Resolved(Box::new(it.told(customer, before, command, row, type_named))))
    }

    async fn tenant(&self) -> Result<Tenant, Untold> {
        let tenants = self.store.directory().await?.tenants;
        tenants.into_iter().find(|tenant| tenant.id == self.tenant).ok_or(Untold::Lost)
    }

    /// The policy as it was set; what it was before is not told again.
    async fn policy(&self, it: &RememberedPolicy) -> Result<Outcome, Untold> {
        let mut after = self.store.policy(self.tenant).await?.ok_or(Untold::Lost)?;
        let types = it.types.iter().filter_map(|(number, settings)| {
            let name = after.type_of(*number)?.name.clone();
            Some(IdentityType { settings: settings.clone(), ..IdentityType::new(*number, name) })
        });
        let types: Vec<IdentityType> = types.collect();
        (after.preset, after.on_conflict, after.version) = (it.preset, it.on_conflict, it.version);
        let tenant =
            Tenant { preset: it.preset, on_conflict: it.on_conflict, ..self.tenant().await? };
        let before = after.clone();
        Ok(Outcome::Policy(Box::new(PolicySet { tenant, before, after, types, seq: None })))
    }

    /// An app as it stands: its secret is kept nowhere.
    async fn app(&self, number: AppNumber, created: bool) -> Result<Outcome, Untold> {
        let apps = self.store.directory().await?.apps;
        let app = apps.into_iter().find(|app| app.number == number).ok_or(Untold::Lost)?;
        Ok(Outcome::App { app, created })
    }

    async fn user(&self, number: AppNumber, created: bool) -> Result<Outcome, Untold> {
        let directory = self.store.directory().await?;
        let user = directory.user(number).cloned().ok_or(Untold::Lost)?;
        let app = directory.app(number).cloned().ok_or(Untold::Lost)?;
        Ok(Outcome::People(Box::new(PeopleOutcome::User { user, app, created })))
    }

    async fn webhook(&self, id: WebhookId) -> Result<Outcome, Untold> {
        let mut webhooks = self.store.webhooks(Some(self.tenant)).await?;
        let found = webhooks.remove(&(self.tenant, id));
        let stands = found.map(|webhook| WebhookOutcome::Stands(Box::new(webhook)));
        Ok(Outcome::Webhook(stands.unwrap_or(WebhookOutcome::Deleted(id))))
    }

    async fn wechat(&self, id: WechatId) -> Result<Outcome, Untold> {
        let mut accounts = self.store.wechat_accounts(Some(self.tenant)).await?;
        let stands = accounts
            .remove(&(self.tenant, id))
            .map(|account| WechatOutcome::Stands { account: Box::new(account), created: false });
        Ok(Outcome::Wechat(stands.unwrap_or(WechatOutcome::Unbound(id))))
    }

    async fn import(&self, id: ImportId) -> Result<Outcome, Untold> {
        let behind = ImportId(id.0.saturating_add(1));
        let found = self.store.imports(self.tenant, Some(behind), 1).await?.into_iter().next();
        let stands = found.filter(|import| import.id == id);
        let stands = stands.map(|import| ImportOutcome::Stands(Box::new(import)));
        Ok(Outcome::Import(stands.unwrap_or(ImportOutcome::Forgotten(id))))
    }

    async fn released(
        &self,
        number: IdentityNumber,
        owner: Option<CustomerId>,
    ) -> Result<Outcome, Untold> {
        let found = self.store.identities_numbered(self.tenant, &[number]).await?;
        let TypedIdentity { kind, identity } = found.into_iter().next().ok_or(Untold::Lost)?;
        Ok(Outcome::Released(Released { identity, kind, owner, seq: Some(self.seq) }))
    }

    async fn merged(
        &self,
        id: MergeId,
        (kept, gone): (CustomerId, CustomerId),
        seq: Option<Seq>,
    ) -> Result<MergedByHand, Untold> {
        let mut merge = self.store.merge(self.tenant, id).await?.ok_or(Untold::Lost)?;
        merge.undone = None;
        let customer = self.pair((kept, kept), self.seq).await?.0;
        let before = self.pair((kept, gone), Seq(merge.seq.0 - 1)).await?;
        let (warnings, settled) = (Vec::new(), Vec::<ConflictId>::new());
        Ok(MergedByHand { merge, customer, before, warnings, settled, seq })
    }

    /// An erasure stands in its journal entry, without content.
    async fn erased(&self, seq: Option<Seq>) -> Result<Outcome, Untold> {
        let before = Seq(seq.ok_or(Untold::Lost)?.0 - 1);
        let entry = self.store.journal(self.tenant, before, 1).await?.into_iter().next();
        let mut records = entry.ok_or(Untold::Lost)?.records.into_iter();
        let erased = records.find_map(|record| {
            if let Record::Erased(erased) = record { Some(Box::new(erased)) } else { None }
        });
        Ok(Outcome::Erased { erased: erased.ok_or(Untold::Lost)?, seq })
    }

    /// Two customers as they stood after an entry.
    async fn pair(
        &self,
        (one, other): (CustomerId, CustomerId),
        seq: Seq,
    ) -> Result<(Customer, Customer), Untold> {
        let past = self.store.past(self.tenant, &[one, other]).await?;
        Ok((stood(&past, one, seq)?, stood(&past, other, seq)?))
    }
}

/// A customer as it stood after an entry. Of one that was erased since, only its blank would stand.
fn stood(past: &Past, id: CustomerId, seq: Seq) -> Result<Customer, Untold> {
    let is_erased = |customer: &Customer| customer.state == State::Erased;
    if past.as_of(Moment::Now).customer(id).is_some_and(is_erased) {
        return Err(Untold::Gone(id));
    }
    let facts = past.as_of(Moment::Seq(seq));
    facts.survivor(id).cloned().ok_or(Untold::Gone(id))
}
