//! Reading and deciding for a group while the group before it is being written.
//!
//! A tenant has one writer at a time. What the next one will look at can be read meanwhile, without a
//! lock. The group before it tells what it is about to change; if that is nothing of what was read, the
//! next one is decided as well, with the numbers that it leaves, and made ready to be written. At its turn
//! all that holds if the group before was written as it told, and nobody else has written: that tells the
//! journal, in which every change of what is read here has a place.

use super::connection::Connection;
use super::decided::{Decided, Wrote};
use super::load::{self, Before, Reading, TypesCache};
use super::named::Named;
use super::trouble::Trouble;
use crate::tables::group::Part;
use kehub_core::TenantId;
use kehub_core::command::Request;
use kehub_core::facts::{Counters, Facts};
use kehub_core::receipt::Receipt;
use std::sync::Arc;
use tokio_postgres::Row;

/// What was read for a group of one tenant.
pub(super) struct Ahead {
    tenant: TenantId,
    /// The numbers of the tenant before anything else was read.
    counters: Counters,
    /// With the version of its types then, which a rebuild raises as well.
    named: Named,
    facts: Facts,
    before: Before,
}

impl Ahead {
    /// Reads for plain requests of one tenant; `None` for others. Not on a cluster, where the end of the journal does not tell what can be seen of it.
    pub(super) async fn read(
        conn: &Connection,
        requests: &[Request],
        cache: &mut TypesCache,
    ) -> Result<Option<Ahead>, Trouble> {
        if conn.is_distributed() || !load::are_plain(requests) {
            return Ok(None);
        }
        let tenants = load::tenants(conn, requests).await?;
        let [row] = &tenants[..] else { return Ok(None) };
        let (tenant, counters) = (load::tenant(row)?, load::counters(row)?);
        let (facts, before, named) =
            load::facts(conn, requests, &tenants, cache, Reading::likely(None)).await?;
        Ok(Some(Ahead { tenant, counters, named, facts, before }))
    }

    /// Decides as if the group before it were written as it tells; `None` if it changes what was read,
    /// or something else has.
    pub(super) fn decide(
        mut self,
        requests: &[Request],
        parts: &[Part],
        told: Option<Arc<Wrote>>,
    ) -> Option<Ready> {
        let after = match told.filter(|wrote| wrote.to.seq != self.counters.seq) {
            // Nothing is being written, or it was read already.
            None => None,
            Some(wrote) if wrote.from == self.counters && !self.looks_at(&wrote) => Some(wrote),
            Some(_) => return None,
        };
        let from = after.as_ref().map_or(self.counters, |wrote| wrote.to);
        let facts = self.facts.tenants.get_mut(&self.tenant)?;
        facts.set_counters(from);
        self.before.tenants.get_mut(&self.tenant)?.counters = Some(from);
        let keys = self.named.needed.iter().flat_map(|(_, needs, _)| &needs.receipts);
        let receipts = keys.filter_map(|key| facts.receipt(*key)).cloned().collect();
        // What fails here is decided again at its turn, and answered for.
        let decided = Decided::of(requests, parts, self.facts, self.before).ok().flatten()?;
        if decided.has_missed {
            return None;
        }
        Some(Ready { named: self.named, from, after, receipts, decided })
    }

    fn looks_at(&self, wrote: &Wrote) -> bool {
        let Some(facts) = self.facts.tenants.get(&self.tenant) else { return true };
        let [(_, needs, _)] = &self.named.needed[..] else { return true };
        wrote.is_more
            || needs.customers.iter().any(|id| wrote.customers.contains(id))
            || facts.customers().any(|customer| wrote.customers.contains(&customer.id))
            || needs.numbers.iter().any(|number| wrote.identities.contains(number))
            || facts.identities().any(|identity| wrote.identities.contains(&identity.number))
            || needs.identities.iter().any(|key| wrote.values.contains(key))
            || needs.match_keys.keys().any(|contact| wrote.contacts.contains(contact))
    }
}

/// A group that was decided before its turn.
pub(super) struct Ready {
    /// With the version of the types that it was decided with.
    named: Named,
    /// The numbers that it was decided with.
    from: Counters,
    /// The group that has to be written before it, if there is one.
    after: Option<Arc<Wrote>>,
    /// What was remembered of its requests: that has no place in the journal.
    receipts: Vec<Receipt>,
    decided: Box<Decided>,
}

impl Ready {
    /// What is remembered of its requests by now.
    pub(super) async fn receipts(&self, conn: &Connection) -> Result<Vec<Receipt>, Trouble> {
        self.named.receipts(conn).await
    }

    /// What was decided, if it would be decided so now that the tenant is locked, this is its row, this
    /// is remembered, and the group before it has left this.
    pub(super) fn holding(
        self,
        row: &Row,
        receipts: &[Receipt],
        left: Option<&Arc<Wrote>>,
    ) -> Result<Option<Box<Decided>>, Trouble> {
        let is_after = |after| left.is_some_and(|left| Arc::ptr_eq(left, after));
        let holds = load::counters(row)? == self.from
            && self.named.versions == [(load::tenant(row)?, load::types_version(row)?)]
            && self.after.as_ref().is_none_or(is_after)
            && self.receipts.len() == receipts.len()
            && self.receipts.iter().all(|receipt| receipts.contains(receipt));
        Ok(holds.then_some(self.decided))
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Server;
    use super::super::{check, schema};
    use super::*;
    use crate::{CUSTOMERS_AT_ONCE, Kept, Silent, TestDatabase};
    use kehub_core::attribute::{Attribute, FieldKey, Value};
    use kehub_core::command::{Command, FieldsSent, Idempotency, IdentitySent, Origin, Upsert};
    use kehub_core::directory::NewTenant;
    use kehub_core::policy::Preset;
    use kehub_core::{AppNumber, CustomerId};
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

        /// What comes of requests whose turn it is.
        async fn decide(&mut self, requests: &[Request]) -> Box<Decided> {
            let tenants = load::tenants(&self.conn, requests).await.unwrap();
            let facts =
                load::facts(&self.conn, requests, &tenants, &mut self.cache, Reading::whole())
                    .await;
            let (facts, before, _) = facts.unwrap();
            Decided::of(requests, &[part(requests)], facts, before).unwrap().unwrap()
        }

        /// What a group writes, and tells that it writes.
        async fn write(&mut self, requests: &[Request]) -> Option<Arc<Wrote>> {
            let decided = self.decide(requests).await;
            if decided.changes.tenants_with_types().next().is_some() {
                self.cache.clear();
            }
            decided.write(&self.conn).await.unwrap();
            decided.wrote
        }

        async fn read(&mut self, requests: &[Request]) -> Ahead {
            Ahead::read(&self.conn, requests, &mut self.cache).await.unwrap().unwrap()
        }

        /// What was decided ahead, if it holds by now.
        async fn holding(&self, ready: Ready, left: Option<&Arc<Wrote>>) -> Option<Box<Decided>> {
            let requests = [request(1, Command::Probe)];
            let row = load::tenants(&self.conn, &requests).await.unwrap().remove(0);
            let receipts = ready.receipts(&self.conn).await.unwrap();
            ready.holding(&row, &receipts, left).unwrap()
        }
    }

    fn part(requests: &[Request]) -> Part {
        Part { size: requests.len(), kept: Kept::Each }
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
    async fn what_was_decided_ahead_and_holds_is_what_would_be_decided() {
        let database = TestDatabase::new().await;
        let mut rig = Rig::new(&database).await;
        let mut runner = TestRunner::deterministic();
        let (mut held, mut fell) = (0, 0);
        for _ in 0..400 {
            let [first, second] =
                [0, 1].map(|_| requests().new_tree(&mut runner).unwrap().current());
            let ahead = rig.read(&second).await;
            let wrote = rig.write(&first).await;
            let ready = ahead.decide(&second, &[part(&second)], wrote.clone());
            let found = match ready {
                Some(ready) => rig.holding(ready, wrote.as_ref()).await,
                None => None,
            };
            let Some(found) = found else {
                fell += 1;
                continue;
            };
            held += 1;
            let expected = rig.decide(&second).await;
            let both = [&found, &expected].map(|it| (&it.outcomes, &it.changes.tenants));
            assert_eq!(both[0], both[1], "{first:?}, then {second:?}");
            if held % 2 == 0 {
                // The numbers and rows are those of its turn.
                found.write(&rig.conn).await.unwrap();
                rig.cache.clear();
            }
        }
        assert!(held > 50 && fell > 50, "{held} held, {fell} did not");
        let report = check::check(&rig.conn, None, CUSTOMERS_AT_ONCE, &Silent).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
    }

    fn upsert(tenant: u32, value: &str) -> Vec<Request> {
        let (kind, value) = ("wechat".into(), value.into());
        let identity = IdentitySent { kind, value, ..IdentitySent::default() };
        let upsert = Upsert { identities: vec![identity], ..Upsert::default() };
        vec![request(tenant, Command::Upsert(upsert))]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_somebody_else_wrote_in_between_lets_nothing_hold() {
        let database = TestDatabase::new().await;
        let mut rig = Rig::new(&database).await;
        rig.write(&upsert(1, "o1")).await;
        let next = upsert(1, "o2");
        let decide = |ahead: Ahead, told: &Option<Arc<Wrote>>| {
            ahead.decide(&next, &[part(&next)], told.clone())
        };

        let ready = decide(rig.read(&next).await, &None).unwrap();
        assert!(rig.holding(ready, None).await.is_some());

        let ahead = rig.read(&next).await;
        let told = rig.write(&upsert(1, "o3")).await;
        let ready = decide(ahead, &told).unwrap();
        assert!(rig.holding(ready, told.as_ref()).await.is_some());

        // It was told, and something else was written instead.
        let ahead = rig.read(&next).await;
        let told = rig.decide(&upsert(1, "o4")).await.wrote;
        let ready = decide(ahead, &told).unwrap();
        let wrote = rig.write(&upsert(1, "o5")).await;
        assert!(rig.holding(ready, wrote.as_ref()).await.is_none());

        // Nothing is known of who wrote.
        let ahead = rig.read(&next).await;
        let told = rig.write(&upsert(1, "o6")).await;
        let ready = decide(ahead, &told).unwrap();
        assert!(rig.holding(ready, None).await.is_none());

        // Somebody wrote afterwards.
        let ahead = rig.read(&next).await;
        let told = rig.write(&upsert(1, "o7")).await;
        let ready = decide(ahead, &told).unwrap();
        rig.write(&upsert(1, "o8")).await;
        assert!(rig.holding(ready, told.as_ref()).await.is_none());

        // Somebody wrote before what is told.
        let ahead = rig.read(&next).await;
        rig.write(&upsert(1, "o9")).await;
        let told = rig.write(&upsert(1, "o10")).await;
        assert!(decide(ahead, &told).is_none());

        // A rebuild writes rows, and no entries.
        let ready = decide(rig.read(&next).await, &None).unwrap();
        rig.conn.batch("UPDATE tenant SET types_version = types_version + 1").await.unwrap();
        assert!(rig.holding(ready, None).await.is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_answered_meanwhile_under_the_same_key_lets_nothing_hold() {
        let database = TestDatabase::new().await;
        let mut rig = Rig::new(&database).await;
        rig.write(&upsert(1, "o1")).await;
        let key = Some(Idempotency { key: [1; 16], request: [1; 16] });
        let with_key = |mut requests: Vec<Request>| {
            requests[0].idempotency = key;
            requests
        };
        let next = with_key(upsert(1, "o1"));
        let ahead = rig.read(&next).await;
        let told = rig.write(&with_key(upsert(1, "o2"))).await;
        let ready = ahead.decide(&next, &[part(&next)], told.clone()).unwrap();
        assert!(rig.holding(ready, told.as_ref()).await.is_none());
    }
}
