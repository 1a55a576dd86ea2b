//! Trials: what would come of upserts, batch after batch, while the store is only read.
//!
//! A batch is decided as in any file: its facts are loaded, the core decides, and what became dirty is
//! written, so that later batches see it. That file is a scratch one, which nobody else ever sees. It
//! begins with the rules and the counters of the tenant, and gets rows of the store when a batch is
//! about to look at them: whatever the engine of the store would load for the batch, unless it is
//! there already. What a trial has changed was there before, and is not carried again.
//!
//! The store is read as of the moment at which the trial began, so that what is carried late fits what
//! was carried early, and no number is given out twice.

use crate::copy::Place;
use crate::sqlite::Scratch;
use crate::{OpenError, StoreError, postgres, sqlite};
use async_trait::async_trait;
use kehub_core::attribute::Attribute;
use kehub_core::command::{Command, FieldsSent, Origin, Put, Request, SetPolicy, Upsert};
use kehub_core::customer::Customer;
use kehub_core::directory::{NewTenant, Tenant};
use kehub_core::facts::{Counters, Needs, TenantFacts};
use kehub_core::import::Import;
use kehub_core::limits::CARRIERS_MAX;
use kehub_core::outcome::Outcome;
use kehub_core::policy::{OnConflict, Policy};
use kehub_core::{AppNumber, CustomerId, TenantId, TypeNumber};
use std::fmt;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// The store that a trial begins with, as of one moment.
#[async_trait]
pub(crate) trait Base: Send {
    /// All that requests of the tenant would look at, as the engine loads it to decide them.
    async fn facts(&mut self, requests: Arc<[Request]>) -> Result<TenantFacts, OpenError>;

    /// Imports of the tenant, newest first, at most so many.
    async fn imports(&mut self, most: usize) -> Result<Vec<Import>, OpenError>;

    /// The newest live customers of the tenant, at most so many.
    async fn newest(&mut self, most: u32) -> Result<Vec<Customer>, OpenError>;

    /// The first live customers behind an id that show this canonical value, by id, at most so many.
    async fn carriers(
        &mut self,
        attribute: Attribute,
        value: String,
        behind: CustomerId,
        most: usize,
    ) -> Result<Vec<CustomerId>, OpenError>;
}

/// Which tenant a trial is of.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    Named(Box<str>),
    Of(TenantId),
}

impl Whose {
    /// Whether it is this one.
    pub(crate) fn is(&self, tenant: &Tenant) -> bool {
        match self {
            Whose::Named(name) => tenant.name == *name,
            Whose::Of(id) => tenant.id == *id,
        }
    }
}

/// A tenant of a store, to begin with.
pub(crate) struct Begun {
    pub(crate) base: Box<dyn Base>,
    pub(crate) tenant: Tenant,
    pub(crate) policy: Policy,
    pub(crate) counters: Counters,
}

/// What would come of upserts to a tenant, if they were applied in this order to the store as it was
/// when the trial began.
///
/// The store is read by a session of its own, and never written to or locked. As with a
/// [walk](crate::Store::walk), what others replace meanwhile is kept until the trial is dropped: the
/// write-ahead log of a file grows, and a PostgreSQL server cannot clean its tables. Memory does not
/// grow with the trial. What it carries and decides is in a temporary file, in the folder that
/// `SQLITE_TMPDIR` or `TMPDIR` names. The file has no name there, and is gone with the trial or with
/// the process, however that ends.
///
/// After an error a trial gives nothing but errors.
pub struct Trial {
    base: Option<Box<dyn Base>>,
    scratch: Scratch,
    tenant: Tenant,
    policy: Policy,
    /// The last customer of the store.
    last: CustomerId,
    /// Its place among the few that may look at a store for long.
    _place: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("tenant", &self.tenant.id).finish_non_exhaustive()
    }
}

impl Trial {
    /// Begins with the tenant of this name, as the store is now; `None` if there is no such tenant, or
    /// no store at all. A store that an older Kehub has written is refused.
    pub async fn begin(place: Place<'_>, tenant: &str) -> Result<Option<Trial>, OpenError> {
        let whose = Whose::Named(tenant.into());
        let begun = match place {
            Place::Sqlite(path) => sqlite::TrialBase::open(path, whose).await?,
            Place::Postgres(url) => postgres::TrialBase::open(url, &whose).await?,
        };
        Trial::of(begun, None).await
    }

    /// Begins with what an engine has found.
    pub(crate) async fn of(
        begun: Option<Begun>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Option<Trial>, OpenError> {
        let Some(Begun { base, tenant, policy, counters }) = begun else { return Ok(None) };
        let trial = Trial::with(Some(base), tenant, policy, counters).await?;
        Ok(Some(Trial { _place: place, ..trial }))
    }

    /// Begins with a tenant that nobody has written to yet, and that no store has to hold.
    pub async fn of_new(new: NewTenant) -> Result<Trial, OpenError> {
        let on_conflict = OnConflict::default();
        let policy = Policy::new(new.preset, on_conflict);
        let NewTenant { name, preset } = new;
        let tenant = Tenant { id: TenantId(1), name, preset, on_conflict, created_at: 0 };
        Trial::with(None, tenant, policy, Counters::default()).await
    }

    async fn with(
        base: Option<Box<dyn Base>>,
        tenant: Tenant,
        policy: Policy,
        counters: Counters,
    ) -> Result<Trial, OpenError> {
        let scratch = Scratch::new(&tenant, &policy, counters).await?;
        Ok(Trial { base, scratch, tenant, policy, last: counters.customer, _place: None })
    }

    /// The rules of the tenant when the trial began.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Imports of the tenant when the trial began, newest first, at most so many.
    pub async fn imports(&mut self, most: usize) -> Result<Vec<Import>, OpenError> {
        let Some(base) = &mut self.base else { return Ok(Vec::new()) };
        base.imports(most).await
    }

    /// The newest live customers of the tenant when the trial began, at most so many.
    pub async fn newest(&mut self, most: u32) -> Result<Vec<Customer>, OpenError> {
        let Some(base) = &mut self.base else { return Ok(Vec::new()) };
        base.newest(most).await
    }

    /// Whether a customer came into being in this trial. What its id will be depends on what others
    /// write until then.
    pub fn is_new(&self, customer: CustomerId) -> bool {
        customer > self.last
    }

    /// Tells what would come of further upserts, in order; outcome `i` answers upsert `i`. What would
    /// be stored has no number: see [`Outcome::withdrawn`].
    pub async fn upserts(
        &mut self,
        upserts: Vec<(Origin, Upsert)>,
    ) -> Result<Vec<Outcome>, OpenError> {
        let tenant = self.tenant.id;
        let requests = upserts.into_iter();
        let requests =
            requests.map(|(origin, upsert)| request(tenant, origin, Command::Upsert(upsert)));
        self.apply(requests.collect()).await
    }

    /// Tells what would come of a change of the rules, which then rules what comes next.
    pub async fn set_policy(
        &mut self,
        origin: Origin,
        change: SetPolicy,
    ) -> Result<Outcome, OpenError> {
        let change = request(self.tenant.id, origin, Command::SetPolicy(change));
        let outcomes = self.apply(Arc::new([change])).await?;
        let missing = || OpenError::of("a trial", "it gave no outcome");
        outcomes.into_iter().next().ok_or_else(missing)
    }

    /// How large the temporary file is by now, in bytes.
    pub async fn bytes(&mut self) -> Result<u64, OpenError> {
        self.scratch.bytes().await
    }

    async fn apply(&mut self, requests: Arc<[Request]>) -> Result<Vec<Outcome>, OpenError> {
        let used_types = self.carry(&requests).await?;
        let outcomes = self.scratch.decide(requests, used_types).await?;
        Ok(outcomes.into_iter().map(Outcome::withdrawn).collect())
    }

    /// Carries what requests will look at; the types that have identities, where that is asked for.
    async fn carry(&mut self, requests: &Arc<[Request]>) -> Result<Vec<TypeNumber>, OpenError> {
        let Some(base) = &mut self.base else { return Ok(Vec::new()) };
        let tenant = self.tenant.id;
        let facts = base.facts(Arc::clone(requests)).await?;
        let needs = Needs::of(tenant, requests, facts.policy());
        let window = CARRIERS_MAX + Needs::removable(tenant, requests);
        let used_types = needs.types.iter().copied().filter(|kind| facts.is_used(*kind)).collect();
        let crowds = needs.match_keys.into_keys().filter_map(|(attribute, value)| {
            let carried_to = facts.carriers(attribute, &value).nth(window - 1)?;
            Some((attribute, value, carried_to))
        });
        let crowds: Vec<(Attribute, String, CustomerId)> = crowds.collect();
        self.scratch.carry(facts).await?;
        for (attribute, value, carried_to) in crowds {
            self.carry_crowd(attribute, &value, carried_to, window).await?;
        }
        Ok(used_types)
    }

    /// Carries customers that show a value until there are as many as a batch may look at, where all of
    /// the store up to an id are there already. The trial may have taken some of them away.
    async fn carry_crowd(
        &mut self,
        attribute: Attribute,
        value: &str,
        mut carried_to: CustomerId,
        window: usize,
    ) -> Result<(), OpenError> {
        let Some(base) = &mut self.base else { return Ok(()) };
        while self.scratch.carriers(attribute, value.to_owned(), carried_to).await? < window {
            let found = base.carriers(attribute, value.to_owned(), carried_to, window).await?;
            let Some(last) = found.last() else { return Ok(()) };
            carried_to = *last;
            let whole = base.facts(looks(self.tenant.id, found)).await?;
            self.scratch.carry(whole).await?;
        }
        Ok(())
    }
}

/// A trial only looks: whatever is wrong with it, nothing was applied.
impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> StoreError {
        StoreError::NotApplied(error.into())
    }
}

fn request(tenant: TenantId, origin: Origin, command: Command) -> Request {
    Request { tenant, origin, dry_run: false, idempotency: None, command }
}

/// Requests that look at customers, whole. They are never decided.
fn looks(tenant: TenantId, customers: Vec<CustomerId>) -> Arc<[Request]> {
    let origin = Origin { app: AppNumber(0), actor: None, request: "look".into(), at: 0 };
    let puts = customers
        .into_iter()
        .map(|customer| Command::Put(Put { customer, fields: FieldsSent::default() }));
    puts.map(|put| request(tenant, origin.clone(), put)).collect()
}
