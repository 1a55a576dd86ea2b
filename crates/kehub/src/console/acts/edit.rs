//! `/console/customers/{id}/edit`: changes what a customer shows. What does not fit is answered beside its
//! field, and nothing of what was typed is lost.

use super::fields::{CLEAR, Line, NEW_KEY, NEW_VALUE, Read, TYPED, WAS, lines, read};
use super::{Acting, done};
use crate::api::problem::Problem;
use crate::console::done::{form, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::page::{Page, elsewhere};
use crate::console::pair;
use crate::console::show::{Contacts, Shower};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::attribute::{Attribute, FieldKey, Kind};
use kehub_core::command::{Command, Put};
use kehub_core::customer::Customer;
use kehub_core::directory::Permission;
use kehub_core::people::audit::{About, Deed};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The button that shows contacts in full, and keeps what was typed.
const REVEAL: &str = "reveal";
/// Text that is longer than this stands in a larger field.
const LINE_CHARS_MAX: usize = 500;

/// The form.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, Given::default(), None).await;
    visitor.answer(page)
}

/// Changes what was changed in the form, or shows it again.
pub(super) async fn save(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let is_full = visitor.may_reveal()
        && (sent.given(REVEAL).is_some() || sent.given(&format!("{WAS}mobile")).is_some());
    let contacts = if is_full { Contacts::Full } else { Contacts::Masked };
    let given = |wrong| Given { sent: Some(&sent), contacts, wrong };
    if sent.given(REVEAL).is_some() {
        let page = shown(&visitor, given(BTreeMap::new()), None).await;
        return visitor.answer(page);
    }
    match saved(&visitor, &sent, contacts).await {
        Ok(Ok(address)) => elsewhere(&address),
        Ok(Err(wrong)) => {
            let words = super::words::words(visitor.look.language);
            let text = fill(words.edit_wrong, &[&wrong.len().to_string()]);
            let page = shown(&visitor, given(wrong), Some(&text)).await;
            visitor.unfit(page)
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            let page = shown(&visitor, given(BTreeMap::new()), Some(&text)).await;
            refused(&visitor, &problem, page)
        }
    }
}

/// What is wrong beside which field.
type Wrong = BTreeMap<String, String>;

/// What a form is filled with.
struct Given<'a> {
    sent: Option<&'a Form>,
    contacts: Contacts,
    wrong: Wrong,
}

impl Default for Given<'_> {
    fn default() -> Self {
        Given { sent: None, contacts: Contacts::Masked, wrong: Wrong::new() }
    }
}

async fn saved(
    visitor: &Visitor,
    sent: &Form,
    contacts: Contacts,
) -> Result<Result<String, Wrong>, Problem> {
    let acting = Acting::begin(visitor, Permission::CustomersWrite)?;
    let call = &visitor.call;
    let customer = customer(&acting).await?;
    let shower = Shower { look: &visitor.look, contacts };
    let custom_max = call.hub().settings().custom_attributes_max;
    let Read { fields, wrong } = read(sent, &customer, shower, custom_max, acting.words);
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    if fields.is_empty() {
        return Ok(Ok(done(customer.id, None)));
    }
    let put = Command::Put(Put { customer: acting.id, fields });
    let resolution = call.resolve(put, false).await?;
    Ok(Ok(done(resolution.customer.id, resolution.seq)))
}

async fn customer(acting: &Acting<'_>) -> Result<Customer, Problem> {
    let call = &acting.visitor.call;
    match call.store().customer(call.tenant(), acting.id).await? {
        Some(customer) => Ok(customer),
        None => Err(crate::api::past::gone(call.store(), call.tenant(), acting.id).await?),
    }
}

async fn shown(
    visitor: &Visitor,
    given: Given<'_>,
    refused: Option<&str>,
) -> Result<Page, Problem> {
    let acting = Acting::begin(visitor, Permission::CustomersWrite)?;
    let words = acting.words;
    let customer = customer(&acting).await?;
    if given.contacts == Contacts::Full {
        let about = Some(About::Customer(customer.id));
        visitor.tell_revealed(Deed::CustomerRevealed, about).await?;
    }
    let shower = Shower { look: &visitor.look, contacts: given.contacts };
    let empty = Form::read(b"");
    let shaped =
        Shaped { acting: &acting, shower, sent: given.sent.unwrap_or(&empty), given: &given };
    let lines = lines(&customer, shower);
    let is_plain = |line: &&Line| !line.is_custom();
    // What has no value comes last, unless somebody has typed one.
    let (full, bare): (Vec<&Line>, Vec<&Line>) = lines.iter().filter(is_plain).partition(|line| {
        let is_first = line.name == Attribute::Name.name() || given.wrong.contains_key(&line.name);
        !line.now.is_empty() || is_first || !line.typed(shaped.sent).is_empty()
    });
    let is_masked = lines.iter().any(|line| line.mask.is_some());
    let fields = html! {
        section .card.grid { @for line in &full { (shaped.line(line)) } }
        section .card {
            h2 { (words.edit_custom) }
            div .grid {
                @for line in lines.iter().filter(|line| line.is_custom()) { (shaped.line(line)) }
                (shaped.another())
            }
        }
        details .card.more { summary { (words.edit_more) } div .grid { @for line in &bare { (shaped.line(line)) } } }
        div .actions.start {
            button .button.primary { (words.edit_save) }
            @if is_masked && visitor.may_reveal() {
                button .button name=(REVEAL) value="1" formnovalidate { (words.edit_show) }
            }
        }
    };
    let body = html! {
        @if given.contacts == Contacts::Full { p .alert.info role="status" { (words.edit_shown) } }
        (acting.form("/edit", &fields))
    };
    let title = fill(words.edit_title, &[&customer.id.to_string()]);
    Ok(acting.page(&title, words.edit_about, refused, &body))
}

/// What fields are drawn with.
struct Shaped<'a> {
    acting: &'a Acting<'a>,
    shower: Shower<'a>,
    sent: &'a Form,
    given: &'a Given<'a>,
}

impl Shaped<'_> {
    fn line(&self, line: &Line) -> Markup {
        let key = match line.name.strip_prefix("attr.") {
            Some(key) => FieldKey::Custom(key.into()),
            None => Attribute::named(&line.name)
                .map_or_else(|| FieldKey::Custom(line.name.as_str().into()), FieldKey::Builtin),
        };
        let wrong = self.given.wrong.get(&line.name);
        let name = format!("{TYPED}{}", line.name);
        let about = format!("about-{}", line.name);
        let is_wide = matches!(line.kind(), Kind::Text(chars) if chars > LINE_CHARS_MAX);
        html! {
            div .entry.wide[is_wide].wrong[wrong.is_some()] {
                label for=(name) { (pair::label(self.shower, &key)) }
                (self.input(line, &name, wrong.map(|_| &*about)))
                @if line.mask.is_none() {
                    input type="hidden" name={ (WAS) (line.name) } value=(line.now);
                }
                @if let Some(mask) = &line.mask { (self.masked(line, mask)) }
                @if let Some(wrong) = wrong { p .error #(about) { (wrong) } }
            }
        }
    }

    /// What is said of a value that is not shown.
    fn masked(&self, line: &Line, mask: &str) -> Markup {
        let words = self.acting.words;
        html! {
            p .note { (fill(words.edit_masked, &[mask])) }
            label .check {
                input type="checkbox" name={ (CLEAR) (line.name) } value="1"
                    checked[line.is_cleared(self.sent)];
                (words.edit_clear)
            }
        }
    }

    fn input(&self, line: &Line, name: &str, about: Option<&str>) -> Markup {
        let typed = line.typed(self.sent);
        let all = self.shower.words();
        let invalid = about.map(|_| "true");
        let choice = |options: &[(&str, &str)]| {
            html! {
                select #(name) name=(name) aria-invalid=[invalid] aria-describedby=[about] {
                    option value="" selected[typed.is_empty()] { "–" }
                    @for (value, label) in options {
                        option value=(value) selected[*value == typed] { (label) }
                    }
                }
            }
        };
        let field = |kind: &str, mode: Option<&str>| {
            html! {
                input #(name) name=(name) type=(kind) inputmode=[mode] value=(typed) autocomplete="off"
                    step=[(kind == "datetime-local").then_some("1")]
                    placeholder=[line.mask.as_deref()] aria-invalid=[invalid] aria-describedby=[about];
            }
        };
        match line.kind() {
            Kind::Gender => choice(&[("0", all.unknown), ("1", all.male), ("2", all.female)]),
            Kind::Flag => choice(&[("true", all.yes), ("false", all.no)]),
            Kind::Integer => field("text", Some("numeric")),
            Kind::Decimal => field("text", Some("decimal")),
            // What is no day or time would not be shown again in a field for those.
            Kind::Date if about.is_none() => field("date", None),
            Kind::Time if about.is_none() => field("datetime-local", None),
            Kind::Text(chars) if chars > LINE_CHARS_MAX => html! {
                textarea #(name) name=(name) rows="3" aria-invalid=[invalid] aria-describedby=[about] {
                    "\n" (typed)
                }
            },
            Kind::Date | Kind::Time | Kind::Text(_) => field("text", None),
        }
    }

    /// A custom attribute that the customer does not have yet.
    fn another(&self) -> Markup {
        let words = self.acting.words;
        let wrong = self.given.wrong.get(NEW_KEY);
        html! {
            fieldset .entry.wide.wrong[wrong.is_some()] {
                legend { (words.edit_new) }
                div .inline {
                    label { (words.edit_key)
                        input name=(NEW_KEY) value=(self.sent.field(NEW_KEY)) autocomplete="off"
                            autocapitalize="none" spellcheck="false"
                            aria-invalid=[wrong.map(|_| "true")]
                            aria-describedby=[wrong.map(|_| "about-new")];
                    }
                    label { (words.edit_value)
                        input name=(NEW_VALUE) value=(self.sent.field(NEW_VALUE)) autocomplete="off";
                    }
                }
                @if let Some(wrong) = wrong { p .error #about-new { (wrong) } }
            }
        }
    }
}
