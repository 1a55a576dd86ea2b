//! A hub for stories and properties: pure facts, short names for identities, answers as text.

use crate::decisions;
use kehub_core::attribute::{self, Attribute, FieldKey, Kind, Raw, Value};
use kehub_core::command::{
    Attach, Command, FieldsSent, Idempotency, IdentitySent, Origin, Put, Request, SetPolicy, Upsert,
};
use kehub_core::conflict::ConflictKind;
use kehub_core::decide::decide_batch;
use kehub_core::directory::{Directory, Tenant};
use kehub_core::facts::{Facts, TenantFacts};
use kehub_core::identity::{Identity, IdentityKey};
use kehub_core::journal::Route;
use kehub_core::outcome::{
    ConflictView, IdentityOutcome, IdentityVerdict, Outcome, PolicySet, Refusal, Released,
    Resolution, Warning,
};
use kehub_core::policy::impact::{Affected, Comparison, Impact, Reason};
use kehub_core::policy::{
    Case, IdentityType, OnConflict, OverLimit, Policy, Preset, Role, Setting, TypeChange,
    TypeRules, TypeSettings,
};
use kehub_core::{AppNumber, CustomerId, IdentityNumber, TenantId, TypeNumber};

/// The tenant that stories play in.
pub(crate) const TENANT: TenantId = TenantId(1);

/// A hub without a world: one tenant, a clock that ticks a second a request.
pub(crate) struct Hub {
    /// Everything it knows.
    pub(crate) facts: Facts,
    seconds: i64,
}

impl Hub {
    /// A hub of the preset `compat`.
    pub(crate) fn compat() -> Hub {
        Hub::new(Preset::Compat)
    }

    /// A hub of the preset `guarded`.
    pub(crate) fn guarded() -> Hub {
        Hub::new(Preset::Guarded)
    }

    /// A hub of a preset.
    pub(crate) fn new(preset: Preset) -> Hub {
        let tenant = Tenant {
            id: TENANT,
            name: "story".into(),
            preset,
            on_conflict: OnConflict::Merge,
            created_at: 0,
        };
        let mut facts = Facts::default();
        facts.tenants.insert(TENANT, TenantFacts::of(&tenant));
        facts.directory = Directory { tenants: vec![tenant], ..Directory::default() };
        Hub { facts, seconds: 0 }
    }

    /// The tenant's facts.
    pub(crate) fn tenant(&self) -> &TenantFacts {
        &self.facts.tenants[&TENANT]
    }

    /// Runs one command.
    pub(crate) fn run(&mut self, command: Command, dry_run: bool) -> Outcome {
        self.run_once(command, dry_run, None)
    }

    /// Runs one command, unless it was run under this key before.
    pub(crate) fn run_once(
        &mut self,
        command: Command,
        dry_run: bool,
        idempotency: Option<Idempotency>,
    ) -> Outcome {
        let request = Request { dry_run, idempotency, ..self.request(command) };
        self.decide(&request)
    }

    /// A request of the next second.
    pub(crate) fn request(&mut self, command: Command) -> Request {
        self.seconds += 1;
        let at = self.seconds * 1_000_000;
        let origin = Origin { app: AppNumber(1), actor: None, request: "story".into(), at };
        Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command }
    }

    /// What comes of a request.
    pub(crate) fn decide(&mut self, request: &Request) -> Outcome {
        decide_batch(std::slice::from_ref(request), &mut self.facts).remove(0)
    }

    /// Tells one line of a story and says what came of it.
    pub(crate) fn tell(&mut self, line: &str) -> String {
        let Some((command, dry_run)) = self.command(line) else { return self.look(line) };
        let (mut sent, record) = match &command {
            Command::Upsert(upsert) => (upsert.identities.clone(), upsert.record.clone()),
            Command::Attach(attach) => (vec![attach.identity.clone()], None),
            _ => (Vec::new(), None),
        };
        let decides = command.stands_alone();
        let outcome = self.run(command, dry_run);
        if decides {
            return decisions::told(&outcome, self);
        }
        if let Outcome::Resolved(resolution) = &outcome
            && resolution.identities.len() > sent.len()
        {
            sent.extend(record);
        }
        let said = told(&outcome, &sent);
        match outcome {
            Outcome::Policy(policy) if dry_run => {
                let impact = self.impact(&policy.before, &policy.after);
                let sample = impact.sample.iter();
                let affected = sample.map(|it| format!(", {}", self.told_affected(it)));
                format!("{said}, would affect {}{}", impact.customers, affected.collect::<String>())
            }
            _ => said,
        }
    }

    /// The command that a line of a story is, and whether it is only tried; `None` of one that only looks.
    pub(crate) fn command(&self, line: &str) -> Option<(Command, bool)> {
        let words = words(line);
        let (verb, rest) = words.split_first().expect("a line starts with a verb");
        let is_dry = rest.last().is_some_and(|word| word == "dry");
        Some(match verb.as_str() {
            "upsert" => {
                let (upsert, dry_run) = read_upsert(rest);
                (Command::Upsert(upsert), dry_run)
            }
            "put" => {
                let (fields, dry_run) = read_fields(&rest[1..]);
                (Command::Put(Put { customer: customer_id(&rest[0]), fields }), dry_run)
            }
            "attach" => {
                let identity = identity(&rest[1]).expect("an identity");
                (Command::Attach(Attach { customer: customer_id(&rest[0]), identity }), false)
            }
            "delete" => (Command::Delete(customer_id(&rest[0])), false),
            "policy" => {
                let (policy, dry_run) = read_policy(rest);
                (Command::SetPolicy(policy), dry_run)
            }
            "type" => {
                let (change, dry_run) = read_type(&rest[1..]);
                let types = vec![(rest[0].clone(), change)];
                (Command::SetPolicy(SetPolicy { types, ..SetPolicy::default() }), dry_run)
            }
            "release" => {
                let number = self.known(&rest[0]).map_or(IdentityNumber(0), |it| it.number);
                (Command::Release(number), is_dry)
            }
            "merge" | "undo" | "extract" | "decide" | "restore" | "erase" | "settle" | "link"
            | "unlink" => (decisions::read(verb, rest), is_dry),
            _ => return None,
        })
    }

    /// What is seen by a line that only looks.
    fn look(&self, line: &str) -> String {
        let words = words(line);
        let (verb, rest) = words.split_first().expect("a line starts with a verb");
        match verb.as_str() {
            "rules" => self.rules(&rest[0]),
            "explain" => decisions::explain(&rest[0], &rest[1], self),
            "why" => decisions::why_not(customer_id(&rest[0]), customer_id(&rest[1]), self),
            "show" => self.show(customer_id(&rest[0])),
            "owner" => self.owner(&rest[0]),
            other => panic!("no such verb: {other}"),
        }
    }

    fn impact(&self, before: &Policy, after: &Policy) -> Impact {
        let (facts, comparison) = (self.tenant(), Comparison::of(before, after));
        let mut impact = Impact::default();
        for customer in facts.customers().filter(|it| facts.survivor(it.id) == Some(*it)) {
            let held: Vec<Identity> = facts.held_by(customer.id).cloned().collect();
            impact.look(&comparison, customer.id, &held);
        }
        impact
    }

    fn told_affected(&self, affected: &Affected) -> String {
        let name = |kind: &TypeNumber| &self.tenant().policy().type_of(*kind).unwrap().name;
        let raw = |number: &IdentityNumber| short(&self.tenant().identity(*number).unwrap().raw);
        let reasons = affected.reasons.iter().map(|reason| match reason {
            Reason::OverLimit { kind, held, limit } => {
                format!("{} {held} of at most {limit}", name(kind))
            }
            Reason::Distinguishing { kind, held } => {
                format!("{} {held} distinguishing", name(kind))
            }
            Reason::Reordered { first, second } => {
                format!("{} before {}", name(first), name(second))
            }
            Reason::Blocked(identity) => format!("{} blocked", raw(identity)),
            Reason::Quarantined(identity) => format!("{} quarantined", raw(identity)),
        });
        format!("C{} ({})", affected.customer, reasons.collect::<Vec<_>>().join("; "))
    }

    fn show(&self, id: CustomerId) -> String {
        let Some(customer) = self.tenant().survivor(id) else { return "nobody".to_owned() };
        let mut shown = vec![format!("C{}", customer.id)];
        shown.extend(self.tenant().held_by(customer.id).map(|identity| short(&identity.raw)));
        for (key, cell) in &customer.fold.0 {
            let Some(value) = &cell.value else { continue };
            let verified = if cell.verified { " (verified)" } else { "" };
            shown.push(format!("{key}={}{verified}", value_text(value)));
        }
        shown.join(" ")
    }

    fn rules(&self, name: &str) -> String {
        let policy = self.tenant().policy();
        let Some(kind) = policy.type_named(name) else { return "unknown".to_owned() };
        let rules = policy.rules_for(kind);
        let TypeRules { priority, limit, role, case, quarantine_after, over_limit } = rules;
        let (role, case, over_limit) = (role.name(), case.name(), over_limit.name());
        format!(
            "rank {priority}, at most {limit} ({over_limit}), {role}, case {case}, quarantined \
             after {quarantine_after}"
        )
    }

    fn owner(&self, word: &str) -> String {
        let Some(identity) = self.known(word) else { return "unknown".to_owned() };
        let owner = self.tenant().owner(identity.number);
        owner.map_or("nobody".to_owned(), |owner| format!("C{owner}, as {:?}", identity.raw))
    }

    fn known(&self, word: &str) -> Option<&Identity> {
        let sent = identity(word).expect("an identity");
        let kind = self.tenant().policy().type_named(&sent.kind)?;
        let value = kind.canonical(&sent.value).into();
        self.tenant().identity_of(&IdentityKey { kind: kind.number, value })
    }
}

/// Splits at blanks, but not within double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

pub(crate) fn customer_id(word: &str) -> CustomerId {
    CustomerId(word.strip_prefix('C').and_then(|id| id.parse().ok()).expect("C and a number"))
}

/// `a1` is the account `a1`, `m1` the mobile `13800000001`, `wechat:oAbC` any type and value.
pub(crate) fn identity(word: &str) -> Option<IdentitySent> {
    let (kind, value) = if let Some((kind, value)) = word.split_once(':') {
        (kind.to_owned(), value.to_owned())
    } else {
        let (letter, number) = word.split_at_checked(1)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (kind, value) = match letter {
            "a" => ("crm-account", word.to_owned()),
            "b" => ("shop-account", word.to_owned()),
            "u" => ("wechat-unionid", word.to_owned()),
            "o" => ("wechat", word.to_owned()),
            "m" => ("mobile", mobile(number)),
            "e" => ("email", format!("{word}@example.com")),
            "d" => ("cookie", word.to_owned()),
            _ => return None,
        };
        (kind.to_owned(), value)
    };
    Some(IdentitySent { kind, value, name: None, scope: None })
}

fn mobile(number: &str) -> String {
    format!("138{number:0>8}")
}

fn read_policy(words: &[String]) -> (SetPolicy, bool) {
    let mut policy = SetPolicy::default();
    let mut dry_run = false;
    for word in words {
        match word.split_once('=') {
            Some(("preset", name)) => policy.preset = Preset::named(name),
            Some(("onConflict", name)) => policy.on_conflict = OnConflict::named(name),
            None if word == "dry" => dry_run = true,
            _ => panic!("not a policy: {word}"),
        }
    }
    (policy, dry_run)
}

/// `limit=2` sets, `limit=` sets back to what the preset has.
fn read_type(words: &[String]) -> (TypeChange, bool) {
    fn setting<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Setting<T> {
        if text.is_empty() {
            return Setting::Default;
        }
        Setting::Value(read(text).expect("a setting"))
    }
    let mut change = TypeChange::default();
    let mut dry_run = false;
    for word in words {
        match word.split_once('=') {
            Some(("priority", text)) => change.priority = setting(text, |it| it.parse().ok()),
            Some(("limit", text)) => change.limit = setting(text, |it| it.parse().ok()),
            Some(("role", text)) => change.role = setting(text, Role::named),
            Some(("case", text)) => change.case = setting(text, Case::named),
            Some(("blocked", text)) => {
                change.blocked =
                    setting(text, |it| Some(it.split(',').map(str::to_owned).collect()));
            }
            Some(("quarantineAfter", text)) => {
                change.quarantine_after = setting(text, |it| it.parse().ok());
            }
            Some(("overLimit", text)) => change.over_limit = setting(text, OverLimit::named),
            None if word == "dry" => dry_run = true,
            _ => panic!("no such setting: {word}"),
        }
    }
    (change, dry_run)
}

fn read_upsert(words: &[String]) -> (Upsert, bool) {
    let mut upsert = Upsert::default();
    let mut rest = Vec::new();
    for word in words {
        if let Some(identity) = identity(word).filter(|_| !word.contains('=')) {
            upsert.identities.push(identity);
        } else if let Some(name) = word.strip_prefix("called=") {
            upsert.identities.last_mut().expect("an identity before").name = Some(name.to_owned());
        } else if let Some(record) = word.strip_prefix("record=") {
            upsert.record = identity(record);
        } else if let Some(choice) = word.strip_prefix("onConflict=") {
            upsert.on_conflict = OnConflict::named(choice);
        } else if let Some(names) = word.strip_prefix("match=") {
            let names: Vec<&str> = names.split(',').collect();
            upsert.matching.mobile = names.contains(&"mobile");
            upsert.matching.email = names.contains(&"email");
        } else if word.starts_with('C') && !word.contains(['=', ':']) {
            upsert.matching.customer = Some(customer_id(word));
        } else if let Some(second) = word.strip_prefix("observedAt=") {
            upsert.observed_at = Some(second.parse::<i64>().unwrap() * 1_000_000);
        } else {
            rest.push(word.clone());
        }
    }
    let (fields, dry_run) = read_fields(&rest);
    // As the wire does: what is empty in an upsert is not given (W6).
    upsert.fields = fields;
    upsert.fields.values.retain(|_, value| value.is_some());
    (upsert, dry_run)
}

fn read_fields(words: &[String]) -> (FieldsSent, bool) {
    let mut fields = FieldsSent::default();
    let mut dry_run = false;
    for word in words {
        if word == "dry" {
            dry_run = true;
            continue;
        }
        let (name, text) = word.split_once('=').expect("name=value");
        let flag = || Some(text == "true");
        match name {
            "mobileVerified" => fields.mobile_verified = flag(),
            "emailVerified" => fields.email_verified = flag(),
            _ => {
                let (key, value) = read_field(name, text);
                fields.values.insert(key, value);
            }
        }
    }
    (fields, dry_run)
}

fn read_field(name: &str, text: &str) -> (FieldKey, Option<Value>) {
    let full = match identity(text) {
        Some(contact) if matches!(name, "mobile" | "email") && !text.contains(':') => contact.value,
        _ => text.to_owned(),
    };
    if let Some(custom) = name.strip_prefix("attr.") {
        let key = FieldKey::custom(custom).expect("a custom key");
        return (key, attribute::parse_custom(Raw::Text(&full)).unwrap());
    }
    let attribute = Attribute::named(name).expect("an attribute");
    let kind: Kind = attribute.kind();
    (FieldKey::Builtin(attribute), attribute::parse(kind, Raw::Text(&full), &|_| None).unwrap())
}

/// `13800000001` is told as `m1`, `e1@example.com` as `e1`.
pub(crate) fn short(text: &str) -> String {
    let mobile = text.strip_prefix("138").filter(|rest| rest.len() == 8);
    if let Some(number) = mobile.and_then(|rest| rest.parse::<u32>().ok()) {
        return format!("m{number}");
    }
    text.strip_suffix("@example.com").unwrap_or(text).to_owned()
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => short(text),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.get().to_string(),
        Value::Flag(flag) => flag.to_string(),
    }
}

fn told(outcome: &Outcome, sent: &[IdentitySent]) -> String {
    match outcome {
        Outcome::Resolved(resolution) => told_resolution(resolution, sent),
        Outcome::Deleted(customer) => format!("C{customer} deleted"),
        Outcome::Refused(refusal) => told_refusal(refusal, sent),
        Outcome::Policy(policy) => told_policy(policy),
        Outcome::Released(released) => told_released(released),
        Outcome::Tenant(_)
        | Outcome::App { .. }
        | Outcome::Written
        | Outcome::Webhook(_)
        | Outcome::Wechat(_)
        | Outcome::Import(_)
        | Outcome::Repeated(_) => {
            format!("{outcome:?}")
        }
        _ => format!("{outcome:?}"),
    }
}

/// The version of the policy, and what of it is different now.
fn told_policy(set: &PolicySet) -> String {
    let (before, after) = (&set.before, &set.after);
    if before == after {
        return format!("policy {} stays", after.version);
    }
    let mut parts = vec![format!("policy {}", after.version)];
    if before.preset != after.preset {
        parts.push(after.preset.name().to_owned());
    }
    if before.on_conflict != after.on_conflict {
        parts.push(format!("onConflict={}", after.on_conflict.name()));
    }
    let changed = after.types().filter(|kind| before.type_of(kind.number) != Some(*kind));
    parts.extend(changed.map(told_settings));
    parts.join(", ")
}

fn told_settings(kind: &IdentityType) -> String {
    let TypeSettings { priority, limit, role, case, blocked, quarantine_after, over_limit } =
        &kind.settings;
    let set = [
        priority.map(|it| format!("priority={it}")),
        limit.map(|it| format!("limit={it}")),
        role.map(|it| format!("role={}", it.name())),
        case.map(|it| format!("case={}", it.name())),
        (!blocked.is_empty()).then(|| format!("blocked={}", blocked.join(","))),
        quarantine_after.map(|it| format!("quarantineAfter={it}")),
        over_limit.map(|it| format!("overLimit={}", it.name())),
    ];
    let set: Vec<String> = set.into_iter().flatten().collect();
    let set = if set.is_empty() { "as the preset has it".to_owned() } else { set.join(" ") };
    format!("{} {set}", kind.name)
}

fn told_released(released: &Released) -> String {
    let Released { identity, owner, .. } = released;
    let of = owner.map_or("nobody".to_owned(), |owner| format!("C{owner}"));
    format!("{} of {of} matches again", short(&identity.raw))
}

fn told_resolution(resolution: &Resolution, sent: &[IdentitySent]) -> String {
    let mut parts = vec![format!("C{} {}", resolution.customer.id, resolution.result.name())];
    if let Route::Mobile | Route::Email = resolution.route {
        parts.push(format!("by {:?}", resolution.route).to_lowercase());
    }
    for merged in &resolution.merged {
        parts.push(format!("C{merged} redirects"));
    }
    parts.extend(told_identities(&resolution.identities, sent));
    parts.extend(resolution.conflicts.iter().map(|view| told_conflict(view, sent)));
    parts.extend(resolution.warnings.iter().map(|warning| told_warning(warning, sent)));
    parts.join(", ")
}

fn told_refusal(refusal: &Refusal, sent: &[IdentitySent]) -> String {
    let mut parts = vec!["refused".to_owned()];
    match refusal {
        Refusal::Conflicts { conflicts, identities } => {
            parts.extend(told_identities(identities, sent));
            parts.extend(conflicts.iter().map(|view| told_conflict(view, sent)));
        }
        Refusal::NothingUsable { identities } => parts.extend(told_identities(identities, sent)),
        Refusal::NotAttached(identity) => {
            parts.extend(told_identities(std::slice::from_ref(identity), sent));
        }
        Refusal::CustomerMissing(_) | Refusal::CustomerDeleted(_) | Refusal::CustomerErased(_) => {
            parts.push(decisions::why(refusal));
        }
        Refusal::CustomerMerged { customer, survivor } => {
            parts.push(format!("C{customer} is C{survivor} now"));
        }
        Refusal::CustomAttributesTooMany { found, limit } => {
            parts.push(format!("{found} custom attributes, at most {limit}"));
        }
        Refusal::IdentityMissing(_) => parts.push("there is no such identity".to_owned()),
        Refusal::NotQuarantined(_) => parts.push("it is not quarantined".to_owned()),
        Refusal::TypesNotSet(problems) => {
            parts.extend(problems.iter().map(|(_, problem)| problem.to_string()));
        }
        Refusal::KeyReused
        | Refusal::TenantMissing
        | Refusal::TenantExists(_)
        | Refusal::AppMissing
        | Refusal::AppTaken
        | Refusal::Webhook(_)
        | Refusal::Wechat(_)
        | Refusal::Import(_) => parts.push(format!("{refusal:?}")),
        other => parts.push(decisions::why(other)),
    }
    parts.join(", ")
}

fn told_identities(identities: &[IdentityOutcome], sent: &[IdentitySent]) -> Vec<String> {
    assert_eq!(identities.len(), sent.len(), "every identity is accounted for once");
    let told = identities.iter().zip(sent).map(|(identity, sent)| {
        let elsewhere = identity.verdict == IdentityVerdict::KeptElsewhere;
        let owner = identity.owner.filter(|_| elsewhere);
        let by = owner.map_or(String::new(), |owner| format!(" by C{owner}"));
        let verdict = if elsewhere { "kept" } else { identity.verdict.name() };
        format!("{} {verdict}{by}", short(&sent.value))
    });
    told.collect()
}

fn told_conflict(view: &ConflictView, sent: &[IdentitySent]) -> String {
    let kind = match view.kind {
        ConflictKind::Refused => "conflict",
        ConflictKind::Review => "review",
    };
    let age = if view.new { "" } else { "known " };
    let about = short(&sent[view.identity].value);
    let with = view.with.map_or(String::new(), |with| format!(" with C{with}"));
    format!("{age}{kind} on {about}{with} ({})", view.rule.name())
}

fn told_warning(warning: &Warning, sent: &[IdentitySent]) -> String {
    let about = match warning {
        Warning::IdentityBlocked(at)
        | Warning::IdentityQuarantined(at)
        | Warning::IdentityOverLimit(at)
        | Warning::IdentityInvalid(at) => short(&sent[*at].value),
        Warning::MergedOverLimit(kind) => kind.to_string(),
        Warning::FieldBlocked(key) | Warning::FlagWithoutValue(key) => key.to_string(),
        Warning::NothingWritten => "fields".to_owned(),
    };
    format!("warning {} {about}", warning.code())
}
