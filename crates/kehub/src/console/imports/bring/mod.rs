//! `/console/imports/file`: a file that somebody has brought, before it is imported. It lies in the spool;
//! its address says which it is and what its columns were chosen to be, and nothing of it is kept elsewhere.

pub(super) mod asked;
mod chosen;
mod columns;
mod file;
mod options;
pub(super) mod page;
mod seen;
mod ticket;
mod tried;
mod veil;
pub(super) mod words;

use super::{ADDRESS as IMPORTS, list};
use crate::api::Call;
use crate::api::imports::arrival::{Arrived, arrive, form_of};
use crate::api::imports::prepare::{Ready, begin, shortened, unfit};
use crate::api::problem::{Code, Problem};
use crate::console::done::{alert, form, refused, why_not};
use crate::console::entry::form::{Form, Rest};
use crate::console::page::{Page, Place, elsewhere};
use crate::console::reasons;
use crate::console::show::Contacts;
use crate::console::visitor::Visitor;
use crate::files::mapping::Choices;
use crate::files::remembered::UNNAMED;
use crate::imports::{self, LooksTaken, spool};
use crate::server::Hub;
use crate::server::problem::Problem as Around;
use asked::{ACT, Asked, FULL};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use file::{Looked, Trouble, begun, look};
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::limits::IMPORTS_MAX;
use kehub_core::people::PeopleChange;
use kehub_core::people::audit::{Deed, Note};
use maud::{Markup, html};
use page::Shown;
use ticket::Ticket;
use words::words;

/// Where a file is looked at.
const ADDRESS: &str = "/console/imports/file";
/// What is said of a form that came without a file.
const NO_FILE: &str = "expected a file, found none";
/// The part of the time of a request in which a file is read.
const PART_OF_TIME: f32 = 0.8;

/// The page.
pub(super) fn router() -> Router<Hub> {
    Router::new().route(ADDRESS, get(show).post(act))
}

/// Who may look at files, and bring them in.
fn permitted(call: &Call) -> Result<(), Problem> {
    call.require(Permission::CustomersRead)?;
    call.require(Permission::CustomersWrite)
}

/// Takes a file, and leads to its page.
pub(super) async fn upload(
    visitor: Visitor,
    rest: Option<Extension<Rest>>,
    body: Body,
) -> Response {
    let words = words(visitor.look.language);
    let problem = match taken(&visitor, rest, body).await {
        Ok(address) => return elsewhere(&address),
        Err(problem) => problem,
    };
    let why = if problem.code == Code::BodyTooLarge {
        html! { (words.too_large) }
    } else if problem.detail == NO_FILE {
        html! { (words.no_file) }
    } else if problem.code == Code::FileUnfit {
        let why = reasons::of_file(&problem.detail, visitor.look.language);
        html! { (words.unreadable) " " (why) }
    } else {
        html! { (why_not(&visitor, &problem)) }
    };
    let why = html! { p .alert role="alert" { (why) } };
    let page = list::shown(&visitor, &why).await;
    refused(&visitor, &problem, page)
}

/// The address of the page of a file that has come, and that can be read as far as there was time to look.
async fn taken(
    visitor: &Visitor,
    rest: Option<Extension<Rest>>,
    body: Body,
) -> Result<String, Problem> {
    let call = &visitor.call;
    permitted(call)?;
    let is_form = call.header(&CONTENT_TYPE).is_some_and(|it| multer::parse_boundary(it).is_ok());
    let Arrived { received, name, .. } = match rest.and_then(|Extension(rest)| rest.take()) {
        Some(form) => form_of(call, form).await?,
        None if is_form => arrive(call, body).await?,
        None => return Err(Problem::new(Code::BodyBroken, "a form with a file")),
    };
    if received.content.bytes == 0 {
        return Err(Problem::new(Code::FileUnfit, NO_FILE));
    }
    let spool = call.hub().spool();
    // Where many look at files, its page says so, and it stays.
    if let Ok(look) = spool.look().await {
        let (path, options) = (spool.file(&received.name), <_>::default());
        let opened = imports::open(&path, &options, Some(look), Choices::default()).await;
        opened.map_err(|error| unfit(&error))?;
    }
    let ticket = Ticket { name: received.name.clone(), content: received.content };
    let name = name.map_or_else(|| UNNAMED.to_owned(), |name| shortened(&name));
    let parameters = vec![("source".to_owned(), name)];
    let asked = Asked { file: ticket.text(call), picks: <_>::default(), parameters };
    received.keep();
    Ok(asked.address())
}

/// The form that takes a file, for who may bring one.
pub(super) fn entrance(visitor: &Visitor) -> Markup {
    let words = words(visitor.look.language);
    html! {
        @if permitted(&visitor.call).is_ok() {
            form .card.act.stack.bring #bring method="post" enctype="multipart/form-data" action=(IMPORTS) {
                // The guard reads it before the file.
                (visitor.csrf())
                h2 { (words.bring) }
                p .note { (words.bring_about) }
                label .drop {
                    span { (words.choose) }
                    input type="file" name="file" required aria-label=(words.file);
                }
                p .actions.start { button .button.primary { (words.send) } }
                p .note.sending role="status" { (words.sending) }
            }
        }
    }
}

/// A file that was removed, if the address says so.
pub(super) fn discarded(visitor: &Visitor) -> &'static str {
    words(visitor.look.language).discarded
}

/// The page of a file.
async fn show(visitor: Visitor) -> Response {
    let asked = Asked::of_query(visitor.call.query());
    match look(&visitor, &asked).await {
        Ok(looked) => visitor.answer(Ok(page::page(&visitor, &asked, &looked, &Shown::default()))),
        Err(trouble) => answered(&visitor, &asked, trouble),
    }
}

/// Does what a button of the page says.
async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return visitor.answer(Err(problem)),
    };
    let asked = Asked::of_form(&sent);
    let done = match sent.field(ACT) {
        "import" => import(&visitor, &asked, &sent).await,
        "try" => tried(&visitor, &asked, &sent).await,
        "reveal" => revealed(&visitor, &asked).await,
        "discard" => discard(&visitor, &asked).await,
        _ => Ok(elsewhere(&asked.address())),
    };
    done.unwrap_or_else(|trouble| answered(&visitor, &asked, trouble))
}

/// The answer where there is no page of a file.
fn answered(visitor: &Visitor, asked: &Asked, trouble: Trouble) -> Response {
    match trouble {
        Trouble::Busy => busy(visitor, asked),
        Trouble::Gone => gone(visitor),
        Trouble::Begun(id) => elsewhere(&format!("{IMPORTS}/{id}")),
        Trouble::Problem(problem) => visitor.answer(Err(problem)),
    }
}

/// Too many look at files: nothing is lost by trying again.
fn busy(visitor: &Visitor, asked: &Asked) -> Response {
    let words = words(visitor.look.language);
    let body = html! {
        section .empty role="alert" {
            h1 { (words.busy) }
            p { (words.busy_why) }
            p .actions { a .button.primary href=(asked.address()) { (words.busy_again) } }
        }
    };
    let (title, search) = (words.busy.to_owned(), String::new());
    let mut response =
        visitor.answer(Ok(Page { title, place: Some(Place::Imports), body, search }));
    Problem::from(LooksTaken).mark(&mut response);
    response
}

/// The same for whoever has not brought the file as for who looks too late.
fn gone(visitor: &Visitor) -> Response {
    let words = words(visitor.look.language);
    let body = html! {
        section .empty role="alert" {
            h1 { (words.gone) }
            p { (words.gone_why) }
            p .actions { a .button href=(IMPORTS) { (words.bring) } }
        }
    };
    let (title, search) = (words.gone.to_owned(), String::new());
    let mut response =
        visitor.answer(Ok(Page { title, place: Some(Place::Imports), body, search }));
    Problem::new(Code::ImportNotFound, "no such file").mark(&mut response);
    response
}

/// Looks at a file within the time of a request that only looks.
async fn look_in_time(visitor: &Visitor, asked: &Asked) -> Result<Looked, Trouble> {
    let patience = visitor.call.hub().settings().request_timeout.mul_f32(PART_OF_TIME);
    let looked = tokio::time::timeout(patience, look(visitor, asked)).await;
    looked.unwrap_or_else(|_| Err(Problem::from(Around::NotApplied).into()))
}

/// Whether contacts are shown in full: if that is wanted and allowed, it is written down before.
async fn contacts(visitor: &Visitor, wanted: bool) -> Result<Contacts, Problem> {
    if !wanted || !visitor.may_reveal() {
        return Ok(Contacts::Masked);
    }
    let details = [("route".into(), ADDRESS.into())].into();
    let note = Note { deed: Deed::CustomersRead, about: None, details };
    visitor.call.apply(Command::People(PeopleChange::Note(note)), false).await?;
    Ok(Contacts::Full)
}

/// Shows what the file says, contacts in full.
async fn revealed(visitor: &Visitor, asked: &Asked) -> Result<Response, Trouble> {
    let looked = look_in_time(visitor, asked).await?;
    visitor.call.require(Permission::CustomersReveal)?;
    let shown = Shown { contacts: contacts(visitor, true).await?, ..Shown::default() };
    Ok(visitor.answer(Ok(page::page(visitor, asked, &looked, &shown))))
}

/// Shows what would come of the file, as far as there is time.
async fn tried(visitor: &Visitor, asked: &Asked, sent: &Form) -> Result<Response, Trouble> {
    let looked = look_in_time(visitor, asked).await?;
    let contacts = contacts(visitor, sent.given(FULL).is_some()).await?;
    let (tried, problem) = match tried::section(visitor, &looked, contacts).await {
        Ok(tried) => (tried, None),
        Err(problem) => (html! {}, Some(problem)),
    };
    Ok(with_problem(
        visitor,
        asked,
        &looked,
        Shown { contacts, tried, ..Shown::default() },
        problem,
    ))
}

/// Begins the import, or leads to the one that was begun of the file.
async fn import(visitor: &Visitor, asked: &Asked, sent: &Form) -> Result<Response, Trouble> {
    let looked = look_in_time(visitor, asked).await?;
    let id = match begin_of(visitor, &looked).await {
        Ok(id) => id,
        Err(Trouble::Problem(problem)) => {
            let contacts = contacts(visitor, sent.given(FULL).is_some()).await?;
            let shown = Shown { contacts, ..Shown::default() };
            return Ok(with_problem(visitor, asked, &looked, shown, Some(problem)));
        }
        Err(trouble) => return Err(trouble),
    };
    Ok(elsewhere(&format!("{IMPORTS}/{id}")))
}

async fn begin_of(visitor: &Visitor, looked: &Looked) -> Result<kehub_core::ImportId, Trouble> {
    let (call, ticket) = (&visitor.call, &looked.ticket);
    let file = looked.file.as_ref().map_err(Clone::clone)?;
    file.fits()?;
    let spool = call.hub().spool();
    let _turn = spool.turn().await;
    // Whoever pressed twice has begun it meanwhile, and it may be done.
    let imports = call.store().imports(call.tenant(), None, IMPORTS_MAX).await?;
    begun(&imports, ticket)?;
    if !spool.touch(&ticket.name).map_err(|_| Around::Internal)? {
        return Err(Trouble::Gone);
    }
    let wishes = looked.wishes(file);
    let (source, name, content) = (looked.source.clone(), &ticket.name, ticket.content);
    let mapping = &file.chosen.mapping;
    let ready = Ready { source, name, content, wishes: &wishes, mapping, again: false };
    Ok(begin(call, ready).await?.id)
}

/// Removes the file.
async fn discard(visitor: &Visitor, asked: &Asked) -> Result<Response, Trouble> {
    let call = &visitor.call;
    permitted(call)?;
    let ticket = Ticket::read(call, &asked.file).ok_or(Trouble::Gone)?;
    let spool = call.hub().spool();
    let _turn = spool.turn().await;
    let imports = call.store().imports(call.tenant(), None, IMPORTS_MAX).await?;
    begun(&imports, &ticket)?;
    spool::remove(&spool.file(&ticket.name)).map_err(|_| Around::Internal)?;
    Ok(elsewhere(&format!("{IMPORTS}?done=discarded")))
}

/// The page, with why something was not done, if so.
fn with_problem(
    visitor: &Visitor,
    asked: &Asked,
    looked: &Looked,
    shown: Shown,
    problem: Option<Problem>,
) -> Response {
    let words = words(visitor.look.language);
    // What does not fit of the choices is marked where it stands.
    let is_marked =
        looked.file.as_ref().is_ok_and(|file| file.fits().is_err()) || looked.file.is_err();
    let alert = match &problem {
        Some(problem) if problem.code != Code::FileUnfit => alert(Some(&why_not(visitor, problem))),
        Some(problem) if !is_marked => {
            let why = reasons::of_file(&problem.detail, visitor.look.language);
            html! { p .alert role="alert" { (words.broken) " " (why) } }
        }
        Some(_) | None => html! {},
    };
    let shown = Shown { alert, ..shown };
    let mut response = visitor.answer(Ok(page::page(visitor, asked, looked, &shown)));
    if let Some(problem) = problem {
        problem.mark(&mut response);
    }
    response
}
