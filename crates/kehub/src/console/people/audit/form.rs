//! The filters of the log: each as a chip that can be taken away, and the form that sets them.

use super::super::AUDIT;
use super::super::words::{Words, words};
use super::asked::{Asked, GROUPS, NAMES, NUMBERED, Wrong};
use super::told::{self, Names};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::AppNumber;
use kehub_core::directory::App;
use kehub_core::people::audit::{About, Deed};
use maud::{Markup, html};

/// Who may have done something: the users and the apps of the tenant, by name.
pub(super) struct Known {
    users: Vec<App>,
    apps: Vec<App>,
}

impl Known {
    pub(super) fn of(mut users: Vec<App>, mut apps: Vec<App>) -> Known {
        for all in [&mut users, &mut apps] {
            all.sort_by_cached_key(|app| (app.name.to_lowercase(), app.number));
        }
        Known { users, apps }
    }

    /// Whether it is one of these, or the command line.
    pub(super) fn has(&self, number: AppNumber) -> bool {
        number.0 == 0 || self.users.iter().chain(&self.apps).any(|app| app.number == number)
    }

    /// Whether there is such a user or app here. What people type a number of may be gone long since, and
    /// is told by nothing but its number.
    pub(super) fn has_object(&self, about: About) -> bool {
        let (among, number) = match about {
            About::User(number) => (&self.users, number),
            About::App(number) => (&self.apps, number),
            About::Customer(_) | About::Import(_) | About::Webhook(_) | About::WechatAccount(_) => {
                return true;
            }
        };
        among.iter().any(|app| app.number == number)
    }

    /// Those of a kind, as choices whose values begin alike.
    fn choices(&self, kind: Kind, prefix: &str, chosen: &str) -> Markup {
        let all = if kind == Kind::Users { &self.users } else { &self.apps };
        html! {
            @for app in all {
                @let value = format!("{prefix}{}", app.number);
                option value=(value) selected[value == chosen] { (app.name) }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Users,
    Apps,
}

/// The filters that are set, and the form.
pub(super) fn bar(visitor: &Visitor, asked: &Asked, known: &Known, wrong: &[Wrong]) -> Markup {
    let words = words(visitor.look.language);
    let chips =
        if wrong.is_empty() { chips(asked, &Names::of(visitor), words) } else { Vec::new() };
    html! {
        section .filters aria-label=(words.filters) {
            @for (names, label, value) in &chips {
                span .chip {
                    b { (label) } " " (value)
                    a .remove href=(asked.without(names).address(None))
                        aria-label=(words.filter_remove) title=(words.filter_remove) { "×" }
                }
            }
            details .menu open[!wrong.is_empty()] {
                summary .button { (words.filter) }
                div .panel { (form(asked, known, wrong, words)) }
            }
            @if !asked.is_plain() || asked.is_astray { a .quiet href=(AUDIT) { (words.filter_clear) } }
        }
    }
}

/// Each filter that is set: its parameters, what it is of, and what it says.
fn chips<'a>(
    asked: &Asked,
    names: &Names,
    words: &'a Words,
) -> Vec<(&'static [&'static str], &'a str, Markup)> {
    let mut chips: Vec<(&'static [&'static str], &str, Markup)> = Vec::new();
    if let Ok(app) = asked.said("who").parse().map(AppNumber) {
        chips.push((&["who"], words.who, told::who(Some(app), names, words)));
    }
    let said = asked.said("deed");
    if let Some(deed) = Deed::named(said) {
        chips.push((&["deed"], words.deed, html! { (told::deed(deed, words)) }));
    } else if !said.is_empty() {
        chips.push((&["deed"], words.deed, html! { (group(said, words)) }));
    }
    if let Ok(Some(about)) = asked.object(words) {
        chips.push((&["on", "id"], words.about, told::object(about, names, words)));
    }
    for (names, label) in [(&["from"], words.first_day), (&["to"], words.last_day)] {
        let day = asked.said(names[0]);
        if !day.is_empty() {
            chips.push((names, label, html! { (day) }));
        }
    }
    chips
}

/// What deeds that people ask for together are called.
fn group(name: &str, words: &Words) -> &'static str {
    match name {
        "in-full" => words.g_in_full,
        "sign-ins" => words.g_sign_ins,
        "users" => words.g_users,
        "apps" => words.g_apps,
        "webhooks" => words.g_webhooks,
        _ => words.g_wechat,
    }
}

fn form(asked: &Asked, known: &Known, wrong: &[Wrong], words: &Words) -> Markup {
    let why = |name| wrong.iter().find(|(at, _)| *at == name).map(|(_, why)| *why);
    let unfit = |name| why(name).map(|_| "true");
    let error = |name| html! { @if let Some(why) = why(name) { p .error { (why) } } };
    let [who, deed, on, id, from, to] = NAMES.map(|name| asked.said(name));
    html! {
        form .stack action=(AUDIT) {
            label { (words.who)
                select name="who" aria-invalid=[unfit("who")] {
                    option value="" { (words.whoever) }
                    @if !known.users.is_empty() {
                        optgroup label=(words.users) { (known.choices(Kind::Users, "", who)) }
                    }
                    @if !known.apps.is_empty() {
                        optgroup label=(words.programs) { (known.choices(Kind::Apps, "", who)) }
                    }
                    option value="0" selected[who == "0"] { (words.command_line) }
                }
            }
            (error("who"))
            label { (words.deed)
                select name="deed" aria-invalid=[unfit("deed")] {
                    option value="" { (words.whatever) }
                    @for (name, deeds) in GROUPS { (grouped(name, deeds, deed, words)) }
                }
            }
            (error("deed"))
            label { (words.about)
                select name="on" aria-invalid=[unfit("on")] {
                    option value="" { (words.whatever) }
                    @for kind in NUMBERED {
                        option .numbered value=(kind) selected[on == kind] { (numbered(kind, words)) }
                    }
                    @if !known.users.is_empty() {
                        optgroup label=(words.users) { (known.choices(Kind::Users, "user:", on)) }
                    }
                    @if !known.apps.is_empty() {
                        optgroup label=(words.programs) { (known.choices(Kind::Apps, "app:", on)) }
                    }
                }
            }
            (error("on"))
            label .only-numbered { (words.number)
                input name="id" value=(id) inputmode="numeric" autocomplete="off"
                    aria-invalid=[unfit("id")];
            }
            (error("id"))
            div .sides {
                label { (words.first_day)
                    input type="date" name="from" value=(from) aria-invalid=[unfit("from")];
                }
                label { (words.last_day)
                    input type="date" name="to" value=(to) aria-invalid=[unfit("to")];
                }
            }
            (error("from")) (error("to")) (error("before"))
            button .button.primary { (words.filter_set) }
        }
    }
}

/// The deeds of a group, and all of them together.
fn grouped(name: &str, deeds: &[Deed], chosen: &str, words: &Words) -> Markup {
    let title = group(name, words);
    html! {
        optgroup label=(title) {
            option value=(name) selected[name == chosen] { (fill(words.all_of, &[title])) }
            @for deed in deeds {
                option value=(deed.name()) selected[deed.name() == chosen] {
                    (told::deed(*deed, words))
                }
            }
        }
    }
}

/// What is chosen by a number that somebody types.
fn numbered(kind: &str, words: &Words) -> &'static str {
    match kind {
        "customer" => words.n_customer,
        "import" => words.n_import,
        "webhook" => words.n_webhook,
        _ => words.n_wechat,
    }
}
