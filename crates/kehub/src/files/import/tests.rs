use super::*;
use crate::clock::{Clock, ManualClock};
use crate::files::clean::{CleanOptions, ROW_TYPE};
use crate::files::job::Begun;
use crate::files::mapping::Choices;
use crate::files::reading::Cells;
use crate::files::source::{ReadOptions, Source};
use kehub_core::attribute::{Attribute, Value};
use kehub_core::directory::NewTenant;
use kehub_core::filter::Filter;
use kehub_core::import::{Content, Plan, State};
use kehub_core::policy::{Policy, Preset, Role};
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Fault, MemoryStore, PageRequest, Store, UnreliableStore};
use std::io::{Cursor, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const TENANT: TenantId = TenantId(1);

/// Says that it is over after so many batches.
struct After(AtomicUsize);

impl Watch for After {
    fn at(&self, _: &Counts) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn turns(&self, _: bool) -> Turns {
        Turns::Every
    }
}

fn destination<'a>(store: &'a dyn Store, clock: &'a dyn Clock) -> Destination<'a> {
    Destination { store, tenant: TENANT, app: AppNumber(0), request: "test".into(), clock }
}

async fn store(clock: &dyn Clock) -> UnreliableStore {
    let store = UnreliableStore::new(Arc::new(MemoryStore::new().unwrap()));
    let new = NewTenant { name: "default".into(), preset: Preset::Compat };
    destination(&store, clock).apply(vec![Command::CreateTenant(new)]).await.unwrap();
    store
}

/// Brings a text in, until so many batches are done; what came of it, and whether all of it was
/// read.
async fn import(
    store: &dyn Store,
    text: &str,
    on_conflict: Option<OnConflict>,
    extent: (u64, usize),
) -> (Counts, Result<bool, ImportError>) {
    import_bytes(store, text.as_bytes().to_vec(), on_conflict, extent).await
}

async fn import_bytes(
    store: &dyn Store,
    bytes: Vec<u8>,
    on_conflict: Option<OnConflict>,
    (skip, batches): (u64, usize),
) -> (Counts, Result<bool, ImportError>) {
    let bytes = Box::new(Cursor::new(bytes));
    let source = Source::of_stream(bytes, &ReadOptions::default()).unwrap();
    let mut rows = Rows::start(source, |_: &[String]| Choices::default()).unwrap();
    let first = rows.next().await.unwrap().unwrap();
    let mapping = Mapping::new(&first.columns, Choices::default(), false).unwrap();
    let options = CleanOptions {
        source: "test".into(),
        zone: "Z".into(),
        on_conflict,
        matching: Matching::default(),
        cells: Cells::Plain,
    };
    let policy = Policy::new(Preset::Compat, OnConflict::Merge);
    let clock = ManualClock::at(1_000_000);
    let mut import = Import {
        destination: Some(destination(store, &clock)),
        dry_run: None,
        cleaner: Cleaner::new(options, policy),
        mapping,
        report: None,
        skip,
        counts: Counts::default(),
        refused: Vec::new(),
        knows_row_type: false,
        job: None,
    };
    let ended = import.run(first, &mut rows, &After(AtomicUsize::new(batches))).await;
    (import.counts, ended)
}

fn members(count: usize) -> String {
    let rows = (0..count).map(|row| format!("member {row},M{row}\n"));
    std::iter::once("name,identity:member-id\n".to_owned()).chain(rows).collect()
}

async fn customers(store: &dyn Store) -> u64 {
    store.customer_count(TENANT, &Filter::default()).await.unwrap()
}

#[tokio::test]
async fn a_store_in_trouble_is_asked_again_and_nothing_is_doubled() {
    let store = store(&ManualClock::at(0)).await;
    store.plan([Fault::Before, Fault::After, Fault::QueueFull, Fault::None, Fault::After]);
    let (counts, ended) = import(&store, &members(600), None, (0, usize::MAX)).await;
    assert!(ended.unwrap());
    assert_eq!((counts.rows, counts.fit, counts.refused), (600, 600, 0));
    assert_eq!(counts.created + counts.unchanged, 600);
    assert_eq!(customers(&store).await, 600);
    store.plan([Fault::None, Fault::Corrupt]);
    let (counts, ended) = import(&store, &members(600), None, (0, usize::MAX)).await;
    assert!(matches!(ended, Err(ImportError::Store(StoreError::Corrupt(_)))));
    assert_eq!((counts.rows, counts.unchanged), (250, 250));
}

/// Two batches are under way at once. When the first one has to be sent again, the second may be there.
#[tokio::test]
async fn of_two_rows_about_a_customer_the_later_one_has_the_last_word() {
    let text = members(BATCH_ROWS) + "the last one,M0\n";
    for fault in [Fault::None, Fault::QueueFull, Fault::Before, Fault::After] {
        let store = store(&ManualClock::at(0)).await;
        store.plan([fault]);
        let (counts, ended) = import(&store, &text, None, (0, usize::MAX)).await;
        assert!(ended.unwrap());
        assert_eq!((counts.rows, counts.fit, customers(&store).await), (251, 251, 250));
        let found = store.identities_named(TENANT, None, "M0").await.unwrap();
        let customer = store.customer(TENANT, found[0].owner).await.unwrap().unwrap();
        let name = customer.shown(Attribute::Name);
        assert_eq!(name, Some(Value::Text("the last one".into())), "{fault:?}");
    }
}

#[tokio::test]
async fn what_was_sent_before_a_file_ends_in_the_middle_counts() {
    let store = store(&ManualClock::at(0)).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(members(20_000).as_bytes()).unwrap();
    let mut bytes = packed.finish().unwrap();
    bytes.truncate(bytes.len() - 100);
    let (counts, ended) = import_bytes(&store, bytes, None, (0, usize::MAX)).await;
    assert!(matches!(ended, Err(ImportError::File(_))));
    assert!(counts.rows >= 1_000);
    assert_eq!(counts.created, customers(&store).await);
}

#[tokio::test]
async fn it_ends_between_batches_and_goes_on_there() {
    let store = store(&ManualClock::at(0)).await;
    let (counts, ended) = import(&store, &members(1_200), None, (0, 2)).await;
    let rows = counts.rows;
    assert!(!ended.unwrap() && rows < 1_200 && rows % 250 == 0, "{rows}");
    assert_eq!((counts.created, customers(&store).await), (rows, rows));
    let (counts, ended) = import(&store, &members(1_200), None, (rows, usize::MAX)).await;
    assert_eq!((counts.rows, counts.skipped, counts.created), (1_200, rows, 1_200 - rows));
    assert!(ended.unwrap());
}

/// Notes whether it hears of others, and lets somebody write something when the first rows are done.
struct Noticing<'a> {
    store: &'a UnreliableStore,
    meanwhile: Mutex<Option<Batch>>,
    has_heard: AtomicBool,
}

impl Watch for Noticing<'_> {
    fn at(&self, _: &Counts) {
        if let Some(batch) = self.meanwhile.lock().unwrap().take() {
            self.store.meanwhile(batch);
        }
    }

    fn is_over(&self) -> bool {
        false
    }

    fn turns(&self, others: bool) -> Turns {
        self.has_heard.fetch_or(others, Ordering::Relaxed);
        Turns::Every
    }
}

#[tokio::test]
async fn who_writes_between_two_batches_is_noticed_by_an_entry() {
    let clock = ManualClock::at(0);
    for (is_somebody_there, fault) in
        [(false, Fault::None), (true, Fault::None), (false, Fault::After), (false, Fault::Before)]
    {
        let store = store(&clock).await;
        let (kind, value) = ("member-id".into(), "somebody".into());
        let identities = vec![IdentitySent { kind, value, name: None, scope: None }];
        let other = Command::Upsert(Upsert { identities, ..Upsert::default() });
        let other = destination(&store, &clock).batch(vec![other]).unwrap();
        let meanwhile = Mutex::new(is_somebody_there.then_some(other));
        let watch = Noticing { store: &store, meanwhile, has_heard: AtomicBool::new(false) };
        let text = members(10 * BATCH_ROWS);
        let (mut import, first, mut rows) = kept(&store, &clock, &text, 1).await;
        store.plan([Fault::None, Fault::None, fault]);
        assert!(import.run(first, &mut rows, &watch).await.unwrap());
        let has_heard = watch.has_heard.load(Ordering::Relaxed);
        assert_eq!(has_heard, is_somebody_there, "{fault:?}");
    }
}

/// An import of this text that is written down, by one process of several.
async fn kept<'a>(
    store: &'a dyn Store,
    clock: &'a dyn Clock,
    text: &str,
    holder: i64,
) -> (Import<'a>, Chunk, Rows) {
    let destination = destination(store, clock);
    let content = Some(Content { bytes: 1, hash: [1; 32] });
    let plan = Plan { source: "test".into(), content, settings: "{}".into(), spool: None };
    let Begun::Ours(kept) = destination.begin(plan, holder, false).await.unwrap() else {
        panic!("somebody else is at work on it")
    };
    let bytes = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let source = Source::of_stream(bytes, &ReadOptions::default()).unwrap();
    let mut rows = Rows::start(source, |_: &[String]| Choices::default()).unwrap();
    let first = rows.next().await.unwrap().unwrap();
    let options = CleanOptions {
        source: "test".into(),
        zone: "Z".into(),
        on_conflict: None,
        matching: Matching::default(),
        cells: Cells::Plain,
    };
    let mut import = Import {
        destination: Some(destination),
        dry_run: None,
        cleaner: Cleaner::new(options, Policy::new(Preset::Compat, OnConflict::Merge)),
        mapping: Mapping::new(&first.columns, Choices::default(), false).unwrap(),
        report: None,
        skip: 0,
        counts: Counts::default(),
        refused: Vec::new(),
        knows_row_type: false,
        job: Some(Job::of(&kept, None, BATCH_ROWS)),
    };
    import.go_on(&kept).await.unwrap();
    (import, first, rows)
}

#[tokio::test]
async fn what_is_written_down_is_gone_on_with_by_one_process() {
    const ROWS: usize = 6_000;
    let clock = ManualClock::at(0);
    let store = store(&clock).await;
    let text = members(ROWS);
    let noted = async || store.imports(TENANT, None, 1).await.unwrap().remove(0);
    let (mut one, first, mut rows) = kept(&store, &clock, &text, 1).await;
    let ended = one.run(first, &mut rows, &After(AtomicUsize::new(3))).await;
    assert!(!ended.unwrap());
    let left = noted().await;
    let place = left.progress.rows;
    assert_eq!((left.state, left.progress.created), (State::Interrupted, place));
    assert!((1..6_000).contains(&place));

    let (mut one, first, mut rows) = kept(&store, &clock, &text, 1).await;
    assert_eq!(one.counts.created, place);
    clock.advance_seconds(11);
    let (mut other, others_first, mut others_rows) = kept(&store, &clock, &text, 2).await;
    // The first one hears of it when it writes down how far it is.
    let ended = one.run(first, &mut rows, &After(AtomicUsize::new(usize::MAX))).await;
    assert!(matches!(ended, Err(ImportError::Lost)));
    assert_eq!(noted().await.progress.rows, place);
    let to_its_end = After(AtomicUsize::new(usize::MAX));
    let ended = other.run(others_first, &mut others_rows, &to_its_end).await;
    assert!(ended.unwrap());
    let done = noted().await;
    assert_eq!((done.state, done.progress.rows, done.progress.skipped), (State::Done, 6_000, 0));
    assert_eq!(done.progress.created + done.progress.unchanged, 6_000);
    assert_eq!(customers(&store).await, 6_000);
}

#[tokio::test]
async fn rows_without_anything_to_know_them_by_are_known_again() {
    let store = store(&ManualClock::at(0)).await;
    let text = "姓名,城市\n王芳,深圳\n王芳,广州\n王芳,深圳\n";
    let (counts, _) = import(&store, text, None, (0, usize::MAX)).await;
    assert_eq!((counts.created, counts.unchanged), (2, 1));
    let (counts, _) = import(&store, text, None, (0, usize::MAX)).await;
    assert_eq!((counts.created, counts.unchanged), (0, 3));
    let policy = store.policy(TENANT).await.unwrap().unwrap();
    let kind = policy.type_named(ROW_TYPE).unwrap();
    assert_eq!(policy.rules_for(kind).role, Role::Weak);
}

/// Mobile and e-mail address find whoever shows them, and somebody may have changed them since: the file
/// itself in a later row.
#[tokio::test]
async fn a_row_is_known_again_whose_contacts_were_changed() {
    let store = store(&ManualClock::at(0)).await;
    let text = "姓名,手机,邮箱\n王芳,,a@x.cn\n王芳,13800000001,a@x.cn\n王芳,13800000001,b@x.cn\n";
    let (counts, _) = import(&store, text, None, (0, usize::MAX)).await;
    assert_eq!((counts.created, counts.updated), (1, 2));
    let (counts, _) = import(&store, text, None, (0, usize::MAX)).await;
    assert_eq!((counts.created, customers(&store).await), (0, 1));
}

#[tokio::test]
async fn a_row_with_a_mobile_that_stands_for_nobody_is_known_again() {
    let store = store(&ManualClock::at(0)).await;
    let many = "identity:member-id,identity:mobile\nA,13800000001\nB,13800000001\nC,13800000001\n";
    import(&store, many, Some(OnConflict::Keep), (0, usize::MAX)).await.1.unwrap();
    let before = customers(&store).await;
    let text = "姓名,手机\n王芳,13800000001\n";
    for created in [1, 0] {
        let (counts, _) = import(&store, text, None, (0, usize::MAX)).await;
        assert_eq!((counts.created, customers(&store).await), (created, before + 1));
    }
}

/// People write something where there is nothing.
#[tokio::test]
async fn rows_without_a_mobile_are_not_one_customer() {
    let store = store(&ManualClock::at(0)).await;
    let text = "会员姓名,会员手机\n王芳,无\n李雷,无\n韩梅梅,/\n林涛,/\n";
    for (created, unchanged) in [(4, 0), (0, 4)] {
        let (counts, ended) = import(&store, text, None, (0, usize::MAX)).await;
        assert!(ended.unwrap());
        assert_eq!((counts.created, counts.unchanged), (created, unchanged));
    }
    let found = store.customers(TENANT, &Filter::default(), &PageRequest::newest(1)).await.unwrap();
    let name = found.customers[0].shown(Attribute::Name);
    assert_eq!(name, Some(Value::Text("林涛".into())));
}

#[tokio::test]
async fn a_row_of_which_nothing_is_written_is_refused() {
    let store = store(&ManualClock::at(0)).await;
    let many = "identity:member-id,identity:mobile\nA,13800000001\nB,13800000001\nC,13800000001\n";
    import(&store, many, Some(OnConflict::Keep), (0, usize::MAX)).await.1.unwrap();
    let text = "姓名,identity:mobile\n王芳,13800000001\n李雷,13800000002\n";
    let (counts, _) = import(&store, text, None, (0, usize::MAX)).await;
    assert_eq!((counts.created, counts.unchanged, counts.refused), (1, 0, 1));
}

#[tokio::test]
async fn all_identities_of_a_row_are_its_customers() {
    let store = store(&ManualClock::at(0)).await;
    let headings = "identity:member-id,identity:wechat-unionid,identity:wechat";
    let text = format!("{headings}\nA|B|C|D,u1|u2,o1\n");
    let (counts, _) = import(&store, &text, None, (0, usize::MAX)).await;
    assert_eq!((counts.rows, counts.created, counts.refused), (1, 1, 0));
    let (counts, _) = import(&store, &text, None, (0, usize::MAX)).await;
    assert_eq!((counts.unchanged, counts.conflicts), (1, 0));
    let alone = format!("{headings}\nA,,\nB,,\nC,,\nD,,\n,u1,\n,u2,\n,,o1\n");
    let (counts, _) = import(&store, &alone, None, (0, usize::MAX)).await;
    assert_eq!((counts.unchanged, customers(&store).await), (7, 1));
    let (counts, _) =
        import(&store, "identity:wechat-unionid\nu8\nu9|u2\n", None, (0, usize::MAX)).await;
    assert_eq!((counts.created, counts.conflicts), (2, 1));
    let rejected = "identity:wechat-unionid\nu8|u2\n";
    let (counts, _) = import(&store, rejected, Some(OnConflict::Reject), (0, usize::MAX)).await;
    assert_eq!((counts.rows, counts.refused), (1, 1));
}

#[tokio::test]
async fn what_the_rules_refuse_is_refused() {
    let store = store(&ManualClock::at(0)).await;
    let text = "identity:a,identity:b\nA1,B1\nA2,B2\nA1,B2\n";
    let reject = Some(OnConflict::Reject);
    let (counts, _) = import(&store, text, reject, (0, usize::MAX)).await;
    assert_eq!((counts.created, counts.refused, counts.conflicts), (2, 1, 0));
    let (counts, _) = import(&store, text, Some(OnConflict::Keep), (0, usize::MAX)).await;
    assert_eq!((counts.unchanged, counts.refused, counts.conflicts), (2, 0, 1));
}
