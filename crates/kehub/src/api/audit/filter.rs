//! What the audit log is filtered by.

use crate::api::Call;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::wire::time;
use kehub_core::directory::Permission;
use kehub_core::filter::Period;
use kehub_core::people::audit::{About, AuditFilter, Deed};
use kehub_core::{AppNumber, CustomerId, Micros};
use std::collections::BTreeSet;

/// What the parameter `app` says of the command line, which has no id. No app is called like this: ids
/// that somebody chooses have no colon.
pub(crate) const COMMAND_LINE: &str = "kehub:commandLine";

/// What the parameters of an address say; what does not fit is told by [`Parameters::end`].
pub(super) async fn filter(
    call: &Call,
    parameters: &mut Parameters,
) -> Result<AuditFilter, Problem> {
    let app = match parameters.text("app") {
        Some(id) => {
            let app = named(call, &id).await?;
            if app.is_none() {
                let expected = format!(
                    "the id of an app, `user:` and a login name, or `{COMMAND_LINE}` for the command line"
                );
                parameters.unfit("app", expected, "what nobody here is called");
            }
            app
        }
        None => None,
    };
    let all: Vec<&str> = Deed::ALL.iter().map(|deed| deed.name()).collect();
    let expected = format!("one or several, parted by commas, of {}", all.join(", "));
    let deeds = parameters
        .parsed("deed", expected, |text| text.split(',').map(Deed::named).collect())
        .unwrap_or_default();
    let expected =
        format!("one of {}, a colon, and its number, as `customer:1007`", About::KINDS.join(", "));
    let about = parameters.parsed("about", expected, object);
    let within = period(parameters);
    Ok(AuditFilter { app, deeds, about: same(call, about).await?, within })
}

/// Whoever of the tenant is called like this, ended ones included.
async fn named(call: &Call, id: &str) -> Result<Option<AppNumber>, Problem> {
    if id == COMMAND_LINE {
        return Ok(Some(AppNumber(0)));
    }
    let directory = call.store().directory().await?;
    let mut ours = directory.apps.iter().filter(|app| app.tenant == call.tenant());
    Ok(ours.find(|app| *app.id == *id).map(|app| app.number))
}

/// `customer:1007`.
fn object(text: &str) -> Option<About> {
    let (kind, number) = text.split_once(':')?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    About::of(kind, number)
}

/// What an entry can be about to be about this: a customer has been called by every id that was merged
/// into it, also if it was deleted or erased since. Who may not read customers learns nothing of that: the
/// id is taken as it stands.
pub(crate) async fn same(call: &Call, about: Option<About>) -> Result<BTreeSet<About>, Problem> {
    let mut all: BTreeSet<About> = about.into_iter().collect();
    if let Some(About::Customer(id)) = about
        && call.require(Permission::CustomersRead).is_ok()
    {
        all.extend(called(call, id).await?.into_iter().map(About::Customer));
    }
    Ok(all)
}

/// Every id that a customer was called by; none if there never was one.
async fn called(call: &Call, id: CustomerId) -> Result<Vec<CustomerId>, Problem> {
    match call.store().customer_whole(call.tenant(), id).await? {
        Some(whole) => Ok(whole.merged.into_iter().chain([whole.customer.id]).collect()),
        // Of one that is gone, its history tells.
        None => Ok(call.store().past(call.tenant(), &[id]).await?.called(id)),
    }
}

/// `from` and `before`.
fn period(parameters: &mut Parameters) -> Period {
    let mut moment = |name| -> Option<Micros> {
        // A blank before an offset is its raw `+`.
        let parse = |text: &str| time::parse(&text.replacen(' ', "+", 1));
        parameters.parsed(name, time::EXPECTED, parse)
    };
    let within = Period { from: moment("from"), before: moment("before") };
    if let Period { from: Some(from), before: Some(before) } = within
        && from >= before
    {
        parameters.unfit("before", "a moment after `from`", "one that is not");
    }
    within
}
