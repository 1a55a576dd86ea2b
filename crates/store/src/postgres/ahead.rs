//! Reading for a group while the group before it is being written.
//!
//! A tenant has one writer at a time. What the next one will look at can be read meanwhile, without a
//! lock, and holds if nobody has changed any of it by the time it is that writer's turn. The group
//! before it tells what it changed; that nobody else has written tells the journal, in which every
//! change of what is read here has a place.

use super::connection::Connection;
use super::load::{self, Before, TenantBefore, TypesCache};
use super::trouble::Trouble;
use crate::tables::codec::indexed;
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::facts::{Counters, Dirty, Facts, Needs, TenantFacts};
use kehub_core::identity::IdentityKey;
use kehub_core::{CustomerId, IdentityNumber, Seq, TenantId};
use std::collections::HashSet;
use tokio_postgres::Row;

/// What was read for a group of one tenant.
pub(super) struct Ahead {
    tenant: TenantId,
    /// The end of the journal before anything else was read.
    seq: Seq,
    /// The version of its types likewise, which a rebuild raises as well.
    types_version: i64,
    needs: Needs,
    facts: Facts,
    before: Before,
}

impl Ahead {
    /// Reads for requests that look at nothing but customers and identities; `None` for others. Not on
    /// a cluster, where the end of the journal does not tell what can be seen of it.
    pub(super) async fn read(
        conn: &Connection,
        requests: &[Request],
        cache: &mut TypesCache,
    ) -> Result<Option<Ahead>, Trouble> {
        let is_alone = |request: &Request| request.command.stands_alone();
        let is_other = load::are_about_hub(requests) || requests.iter().any(is_alone);
        if conn.is_distributed() || is_other {
            return Ok(None);
        }
        let tenants = load::tenants(conn, requests).await?;
        let [row] = &tenants[..] else { return Ok(None) };
        let (seq, types_version) = (load::counters(row)?.seq, load::types_version(row)?);
        let (facts, before) = load::facts(conn, requests, &tenants, cache).await?;
        let Some((tenant, of_tenant)) = facts.tenants.iter().next() else { return Ok(None) };
        let tenant = *tenant;
        let needs = Needs::of(tenant, requests, of_tenant.policy());
        Ok(Some(Ahead { tenant, seq, types_version, needs, facts, before }))
    }

    /// Whether what was read is still so, now that the tenant is locked and this is its row.
    pub(super) fn holds(&self, row: &Row, wrote: Option<&Wrote>) -> Result<bool, Trouble> {
        let now = load::counters(row)?.seq;
        if load::types_version(row)? != self.types_version {
            return Ok(false);
        }
        let is_all =
            |wrote: &Wrote| (wrote.tenant, wrote.from, wrote.to) == (self.tenant, self.seq, now);
        let holds = wrote.is_some_and(|wrote| is_all(wrote) && !self.looks_at(wrote));
        Ok(now == self.seq || holds)
    }

    fn looks_at(&self, wrote: &Wrote) -> bool {
        let Ahead { tenant, needs, facts, .. } = self;
        let Some(facts) = facts.tenants.get(tenant) else { return true };
        wrote.is_more
            || needs.customers.iter().any(|id| wrote.customers.contains(id))
            || facts.customers().any(|customer| wrote.customers.contains(&customer.id))
            || needs.numbers.iter().any(|number| wrote.identities.contains(number))
            || facts.identities().any(|identity| wrote.identities.contains(&identity.number))
            || needs.identities.iter().any(|key| wrote.values.contains(key))
            || needs.match_keys.iter().any(|contact| wrote.contacts.contains(contact))
    }

    /// What was read, with the numbers of now and what is remembered by now: a receipt has no place in
    /// the journal.
    pub(super) async fn facts(
        mut self,
        conn: &Connection,
        now: Counters,
    ) -> Result<(Facts, Before), Trouble> {
        if let Some(facts) = self.facts.tenants.get_mut(&self.tenant) {
            facts.set_counters(now);
            if let Some(before) = self.before.tenants.get_mut(&self.tenant) {
                before.counters = Some(now);
            }
            for receipt in load::receipts(conn, self.tenant, &self.needs).await? {
                facts.load_receipt(receipt);
            }
        }
        Ok((self.facts, self.before))
    }
}

/// What a group has changed of one tenant.
#[derive(Debug)]
pub(super) struct Wrote {
    pub(super) tenant: TenantId,
    /// The ends of the journal before and after it.
    from: Seq,
    to: Seq,
    customers: HashSet<CustomerId>,
    identities: HashSet<IdentityNumber>,
    values: HashSet<IdentityKey>,
    /// Of customers, as they were shown before and are now.
    contacts: HashSet<(Attribute, String)>,
    /// Whether it has changed something else, such as a policy.
    is_more: bool,
}

impl Wrote {
    /// To be called with the facts after the decision.
    pub(super) fn of(
        from: Seq,
        facts: &TenantFacts,
        dirty: &Dirty,
        before: Option<&TenantBefore>,
    ) -> Wrote {
        let to = facts.counters().seq;
        let is_more = dirty.policy
            || !(dirty.types.is_empty()
                && dirty.undecided.is_empty()
                && dirty.rewritten.is_empty());
        let mut wrote = Wrote {
            tenant: facts.tenant(),
            from,
            to,
            customers: dirty.customers.union(&dirty.homes).copied().collect(),
            identities: HashSet::new(),
            values: HashSet::new(),
            contacts: HashSet::new(),
            is_more,
        };
        for merge in dirty.merges.iter().filter_map(|id| facts.merge(*id)) {
            wrote.customers.extend([merge.left, merge.right]);
        }
        for link in &dirty.links {
            wrote.customers.extend([link.low, link.high]);
        }
        for conflict in dirty.conflicts.iter().filter_map(|id| facts.conflict(*id)) {
            wrote.identities.insert(conflict.identity);
            wrote.customers.insert(conflict.left);
            wrote.customers.extend(conflict.right);
        }
        for identity in dirty.identities.iter().filter_map(|number| facts.identity(*number)) {
            wrote.identities.insert(identity.number);
            wrote.values.insert(identity.key.clone());
            wrote.customers.extend(identity.home);
        }
        for id in &dirty.customers {
            let now = facts.customer(*id).and_then(|it| indexed(facts.tenant(), it).ok());
            let before = before.and_then(|before| before.customers.get(id));
            for row in now.iter().chain(before) {
                let contacts =
                    [(Attribute::Mobile, &row.mobile_key), (Attribute::Email, &row.email_key)];
                for (attribute, contact) in contacts {
                    let contact = contact.as_ref().map(|contact| (attribute, contact.to_string()));
                    wrote.contacts.extend(contact);
                }
            }
        }
        wrote
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Server;
    use super::super::{schema, write};
    use super::*;
    use crate::tables::changes::Changes;
    use crate::tables::group::{Part, decide};
    use crate::{Kept, TestDatabase};
    use kehub_core::AppNumber;
    use kehub_core::attribute::{FieldKey, Value};
    use kehub_core::command::{Command, FieldsSent, Idempotency, IdentitySent, Origin, Upsert};
    use kehub_core::directory::NewTenant;
    use kehub_core::outcome::Outcome;
    use kehub_core::policy::Preset;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    /// A database and what a writer keeps of it.
    struct Rig {
        conn: Connection,
        cache: TypesCache,
    }

    impl Rig {
        async fn new(database: &TestDatabase) -> Rig {
            let conn = Server::of(&database.url()).unwrap().connect().await.unwrap();
            schema::migrate(&conn).await.unwrap();
            let mut rig = Rig { conn, cache: TypesCache::default() };
            let new = NewTenant { name: "first".into(), preset: Preset::Compat };
            rig.write(&[request(0, Command::CreateTenant(new))]).await;
            rig
        }

        async fn load(&mut self, requests: &[Request]) -> (Facts, Before) {
            let tenants = load::tenants(&self.conn, requests).await.unwrap();
            load::facts(&self.conn, requests, &tenants, &mut self.cache).await.unwrap()
        }

        /// The row of the tenant.
        async fn row(&self) -> Row {
            let requests = [request(1, Command::Probe)];
            load::tenants(&self.conn, &requests).await.unwrap().remove(0)
        }

        /// What a group writes, and says that it has written.
        async fn write(&mut self, requests: &[Request]) -> Option<Wrote> {
            let from = load::noted(&self.conn, TenantId(1)).await.unwrap().seq;
            let (mut facts, before) = self.load(requests).await;
            decide(requests, &[part(requests)], &mut facts);
            let changes = Changes::take(&mut facts);
            if changes.tenants_with_types().next().is_some() {
                self.cache.clear();
            }
            write::changes(&self.conn, &facts, &changes, &before, 0).await.unwrap();
            let [(tenant, dirty)] = &changes.tenants[..] else { return None };
            Some(Wrote::of(from, &facts.tenants[tenant], dirty, before.tenants.get(tenant)))
        }
    }

    fn part(requests: &[Request]) -> Part {
        Part { size: requests.len(), kept: Kept::Each }
    }

    /// What comes of requests, and what they would write.
    fn decided(requests: &[Request], mut facts: Facts) -> (Vec<Outcome>, Vec<Dirty>) {
        let outcomes = decide(requests, &[part(requests)], &mut facts);
        let changes = Changes::take(&mut facts).tenants;
        (outcomes, changes.into_iter().map(|(_, dirty)| dirty).collect())
    }

    fn request(tenant: u32, command: Command) -> Request {
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
        Request { tenant: TenantId(tenant), origin, dry_run: false, idempotency: None, command }
    }

    /// Requests of so few values that many of them are about the same people.
    fn requests() -> impl Strategy<Value = Vec<Request>> {
        let kind = prop::sample::select(vec!["crm-account", "wechat", "mobile", "cookie"]);
        let identity = (kind, 0..16_u32).prop_map(|(kind, value)| IdentitySent {
            kind: kind.to_owned(),
            value: format!("1380000{value:04}"),
            ..IdentitySent::default()
        });
        let field =
            prop::sample::select(vec![Attribute::Mobile, Attribute::Email, Attribute::City]);
        let value = (field, 0..16_u32)
            .prop_map(|(field, value)| (FieldKey::Builtin(field), format!("1380000{value:04}")));
        let values = prop::collection::vec(value, 0..3).prop_map(|values| {
            let text = |text: String| Some(Value::Text(text.into()));
            values.into_iter().map(|(field, value)| (field, text(value))).collect()
        });
        let upsert = (prop::collection::vec(identity, 0..3), values).prop_map(|it| {
            let fields = FieldsSent { values: it.1, ..FieldsSent::default() };
            Command::Upsert(Upsert { identities: it.0, fields, ..Upsert::default() })
        });
        let delete = (1..12_i64).prop_map(|id| Command::Delete(CustomerId(id)));
        let command = prop_oneof![20 => upsert, 1 => delete];
        let key = prop::option::weighted(0.2, 0..40_u8)
            .prop_map(|key| key.map(|key| Idempotency { key: [key; 16], request: [key; 16] }));
        let request =
            (command, key).prop_map(|(it, key)| Request { idempotency: key, ..request(1, it) });
        prop::collection::vec(request, 1..4)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_read_ahead_and_holds_is_what_would_be_read() {
        let database = TestDatabase::new().await;
        let mut rig = Rig::new(&database).await;
        let mut runner = TestRunner::deterministic();
        let (mut held, mut fell) = (0, 0);
        for _ in 0..400 {
            let [first, second] =
                [0, 1].map(|_| requests().new_tree(&mut runner).unwrap().current());
            let ahead = Ahead::read(&rig.conn, &second, &mut rig.cache).await.unwrap().unwrap();
            let wrote = rig.write(&first).await;
            let row = rig.row().await;
            if !ahead.holds(&row, wrote.as_ref()).unwrap() {
                fell += 1;
                continue;
            }
            held += 1;
            let (facts, _) = ahead.facts(&rig.conn, load::counters(&row).unwrap()).await.unwrap();
            let (expected, _) = rig.load(&second).await;
            let both = [facts, expected].map(|facts| decided(&second, facts));
            assert_eq!(both[0], both[1], "{first:?}, then {second:?}");
        }
        assert!(held > 50 && fell > 50, "{held} held, {fell} did not");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_somebody_else_wrote_in_between_lets_nothing_hold() {
        let database = TestDatabase::new().await;
        let mut rig = Rig::new(&database).await;
        let upsert = |value: &str| {
            let identity = IdentitySent {
                kind: "wechat".into(),
                value: value.into(),
                name: None,
                scope: None,
            };
            vec![request(
                1,
                Command::Upsert(Upsert { identities: vec![identity], ..Upsert::default() }),
            )]
        };
        rig.write(&upsert("o1")).await;
        let read = async |rig: &mut Rig| {
            Ahead::read(&rig.conn, &upsert("o2"), &mut rig.cache).await.unwrap().unwrap()
        };
        let ahead = read(&mut rig).await;
        assert!(ahead.holds(&rig.row().await, None).unwrap());
        let wrote = rig.write(&upsert("o3")).await;
        assert!(ahead.holds(&rig.row().await, wrote.as_ref()).unwrap());
        assert!(!ahead.holds(&rig.row().await, None).unwrap());
        rig.write(&upsert("o4")).await;
        assert!(!ahead.holds(&rig.row().await, wrote.as_ref()).unwrap());
        let ahead = read(&mut rig).await;
        rig.write(&upsert("o5")).await;
        let wrote = rig.write(&upsert("o6")).await;
        assert!(!ahead.holds(&rig.row().await, wrote.as_ref()).unwrap());
        // A rebuild writes rows, and no entries.
        let ahead = read(&mut rig).await;
        rig.conn.batch("UPDATE tenant SET types_version = types_version + 1").await.unwrap();
        assert!(!ahead.holds(&rig.row().await, None).unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_another_tenant_wrote_tells_nothing() {
        let database = TestDatabase::new().await;
        let mut rig = Rig::new(&database).await;
        let new = NewTenant { name: "second".into(), preset: Preset::Compat };
        rig.write(&[request(0, Command::CreateTenant(new))]).await;
        let named = |tenant, value: &str| {
            let identity = IdentitySent {
                value: value.into(),
                kind: "wechat".into(),
                ..IdentitySent::default()
            };
            let command =
                Command::Upsert(Upsert { identities: vec![identity], ..Upsert::default() });
            vec![request(tenant, command)]
        };
        for tenant in [1, 2] {
            rig.write(&named(tenant, "o1")).await;
        }
        let ahead = Ahead::read(&rig.conn, &named(1, "o2"), &mut rig.cache).await.unwrap().unwrap();
        // The second tenant's journal has moved as far as the first one's.
        let mut wrote = rig.write(&named(1, "o2")).await.unwrap();
        wrote.tenant = TenantId(2);
        wrote.values.clear();
        wrote.customers.clear();
        wrote.identities.clear();
        assert!(!ahead.holds(&rig.row().await, Some(&wrote)).unwrap());
    }
}
