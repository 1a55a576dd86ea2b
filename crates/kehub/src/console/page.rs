//! The frame of every page, and pages that say what went wrong.

use super::assets::{ICON, SCRIPT, STYLE};
use super::look::{Look, Theme};
use super::visitor::Visitor;
use super::words::{Language, Words, fill};
use super::{imports, people, reasons, review, settings, wechat};
use crate::api::problem::{Code, Problem};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use kehub_core::directory::Permission;
use maud::{DOCTYPE, Markup, html};

/// Which page of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Customers,
    Review,
    Why,
    Imports,
    /// Identity types and the policy, where the settings begin.
    Settings,
    /// Apps, for who keeps them.
    Apps,
    /// Webhooks, for who keeps them.
    Webhooks,
    /// WeChat accounts, for who keeps them.
    Wechat,
    /// Users, for who keeps them.
    Users,
    /// The audit log, for the same.
    Audit,
    /// One's own account, for who is signed in.
    Account,
}

impl Place {
    /// Where one gets from every page. The settings stand here as one, by the first of their parts that
    /// somebody may see.
    const ALL: [Place; 6] = [
        Place::Overview,
        Place::Customers,
        Place::Review,
        Place::Why,
        Place::Imports,
        Place::Account,
    ];
    /// Parts of the settings.
    const SETTINGS: [Place; 6] =
        [Place::Settings, Place::Apps, Place::Webhooks, Place::Wechat, Place::Users, Place::Audit];

    /// What it takes to see a part of the settings; nothing for other pages, which say it themselves.
    const fn takes(self) -> Option<Permission> {
        match self {
            Place::Settings => Some(Permission::CustomersRead),
            Place::Apps => Some(Permission::AppsAdmin),
            Place::Webhooks => Some(Permission::WebhooksAdmin),
            Place::Wechat => Some(Permission::WechatAdmin),
            Place::Users | Place::Audit => Some(Permission::UsersAdmin),
            Place::Overview
            | Place::Customers
            | Place::Review
            | Place::Why
            | Place::Imports
            | Place::Account => None,
        }
    }

    /// The parts of the settings that somebody may see.
    fn settings(visitor: &Visitor) -> impl Iterator<Item = Place> {
        let may = |place: &Place| place.takes().is_some_and(|it| visitor.may(it));
        Place::SETTINGS.into_iter().filter(may)
    }

    const fn address(self) -> &'static str {
        match self {
            Place::Overview => "/console",
            Place::Customers => "/console/customers",
            Place::Review => review::ADDRESS,
            Place::Why => "/console/why",
            Place::Imports => imports::ADDRESS,
            Place::Settings => settings::ADDRESS,
            Place::Apps => settings::apps::ADDRESS,
            Place::Webhooks => settings::webhooks::ADDRESS,
            Place::Wechat => wechat::ADDRESS,
            Place::Users => people::USERS,
            Place::Audit => people::AUDIT,
            Place::Account => "/console/account",
        }
    }

    fn name(self, language: Language) -> &'static str {
        let words = language.words();
        match self {
            Place::Overview => words.overview,
            Place::Customers => words.customers,
            Place::Review => review::title(language),
            Place::Why => words.why,
            Place::Imports => imports::title(language),
            Place::Settings => settings::types_title(language),
            Place::Apps => settings::apps_title(language),
            Place::Webhooks => settings::webhooks_title(language),
            Place::Wechat => wechat::title(language),
            Place::Users => people::users_title(language),
            Place::Audit => people::audit_title(language),
            Place::Account => words.account,
        }
    }

    /// The lines of its sign, 20 by 20.
    const fn sign(self) -> &'static str {
        match self {
            Place::Overview => "M3 17V9m4.7 8V3m4.6 14v-6M17 17V6",
            Place::Customers => {
                "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5 7c0-2.8 2.2-4.5 5-4.5s5 1.7 5 4.5M13 4a3 3 0 0 1 0 5.5m1.5 3c1.8.6 3 2 3 4"
            }
            Place::Review => "M3 5.5h5.5M3 10h5.5M3 14.5h5.5m2.5-9 2 2 4-4m-6 9.5 2 2 4-4",
            Place::Why => {
                "M7 7.5a3 3 0 1 1 4.3 2.7c-.8.4-1.3 1-1.3 1.8v.5m0 3v.1M10 18a8 8 0 1 0 0-16 8 8 0 0 0 0 16Z"
            }
            Place::Imports => {
                "M10 3v9m-3.5-3.5L10 12l3.5-3.5M3 12.5v3A1.5 1.5 0 0 0 4.5 17h11a1.5 1.5 0 0 0 1.5-1.5v-3"
            }
            Place::Settings
            | Place::Apps
            | Place::Webhooks
            | Place::Wechat
            | Place::Users
            | Place::Audit => {
                "M3 5.5h7m4 0h3M3 14.5h3m4 0h7M12 7.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm-4 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z"
            }
            Place::Account => {
                "M10 10a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6.5 7c.6-3 3.2-4.5 6.5-4.5s5.9 1.5 6.5 4.5"
            }
        }
    }
}

/// What a page says.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: String,
    /// Where it is, for the navigation.
    pub(super) place: Option<Place>,
    pub(super) body: Markup,
    /// What is being looked for.
    pub(super) search: String,
}

/// A page as an answer.
pub(super) fn answer(look: &Look, visitor: Option<&Visitor>, page: &Page) -> Response {
    let text = whole(look, visitor, page).into_string();
    // What is to be done with it is said where every answer of the console passes.
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    ([(CONTENT_TYPE, kind)], text).into_response()
}

/// A page that says what went wrong, and what to do next.
pub(super) fn problem(
    look: &Look,
    visitor: Option<&Visitor>,
    problem: &Problem,
    request_id: &str,
) -> Response {
    let words = look.language.words();
    let (title, why) = told(problem, words, request_id);
    let lines = reasons::lines(problem, look.language);
    let body = html! {
        section .empty role="alert" {
            h1 { (title) }
            p { (why) }
            @if !lines.is_empty() {
                ul .plain { @for line in &lines { li { code { (line) } } } }
            }
            @if visitor.is_some() {
                p .actions {
                    a .button href=(look.here) { (words.try_again) }
                    a .button href=(Place::Customers.address()) { (words.to_customers) }
                }
            }
        }
    };
    let page = Page { title: title.to_owned(), place: None, body, search: String::new() };
    let mut response = answer(look, visitor, &page);
    problem.mark(&mut response);
    response
}

/// What went wrong, for people, and what happened to the data.
pub(super) fn told(problem: &Problem, words: &Words, request_id: &str) -> (&'static str, String) {
    let permission = || {
        let missing = Permission::ALL.iter().find(|it| problem.detail.contains(it.name()));
        missing.map_or("", |permission| permission.name())
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "pages only read: the rest is no answer to that"
    )]
    let (title, why) = match problem.code {
        Code::TokenMissing | Code::TokenInvalid => (words.sign_in_needed, words.sign_in_why.into()),
        Code::PermissionMissing => (words.refused, fill(words.refused_why, &[permission()])),
        Code::CrossSite => (words.cross_site, words.cross_site_why.into()),
        Code::PathUnknown
        | Code::UserNotFound
        | Code::ImportNotFound
        | Code::IdentityTypeNotFound
        | Code::AppNotFound
        | Code::WebhookNotFound
        | Code::WechatAccountNotFound => (words.not_found, String::new()),
        Code::CustomerNotFound => (words.customer_missing, words.customer_missing_why.into()),
        Code::CustomerDeleted => (words.customer_deleted, words.customer_deleted_why.into()),
        Code::CustomerErased => (words.customer_erased, words.customer_erased_why.into()),
        Code::ParametersInvalid => (words.unfit, String::new()),
        Code::Busy => (words.busy, words.busy_why.into()),
        Code::OutcomeUnknown => (words.unsure, words.unsure_why.into()),
        _ => (words.fault, fill(words.fault_why, &[request_id])),
    };
    (title, why)
}

fn whole(look: &Look, visitor: Option<&Visitor>, page: &Page) -> Markup {
    let words = look.language.words();
    html! {
        (DOCTYPE)
        html lang=(look.language.tag()) data-theme=[look.theme.map(Theme::name)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (page.title) " · Kehub" }
                link rel="icon" href=(ICON.address()) type="image/svg+xml";
                link rel="stylesheet" href=(STYLE.address());
                script type="module" src=(SCRIPT.address()) {}
            }
            body data-failed=(words.load_failed) data-retry=(words.try_again) {
                a .skip href="#main" { (words.skip) }
                div #progress role="progressbar" aria-label=(words.loading) hidden {}
                header .side {
                    a .brand href="/console" aria-label="Kehub" {
                        img src=(ICON.address()) alt="" width="24" height="24";
                        span { "Kehub" }
                    }
                    @if let Some(visitor) = visitor {
                        (search(words, page))
                        (navigation(words, visitor, page.place))
                    }
                    (switches(look))
                }
                main #main tabindex="-1" {
                    @if let Some(visitor) = visitor { (parts(visitor, page.place)) }
                    (page.body)
                }
                (keys(words))
            }
        }
    }
}

fn search(words: &Words, page: &Page) -> Markup {
    html! {
        form .search role="search" action=(Place::Customers.address()) {
            (sign("M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12Zm4.5-1.5L17 17"))
            input #search type="search" name="q" value=(page.search) autocomplete="off"
                placeholder=(words.search) aria-label=(words.search) title=(words.search_hint)
                spellcheck="false" aria-keyshortcuts="/";
            kbd { "/" }
        }
    }
}

fn navigation(words: &Words, visitor: &Visitor, here: Option<Place>) -> Markup {
    let language = visitor.look.language;
    let is_there = |place: &Place| *place != Place::Account || visitor.call.session().is_some();
    let link = |place: Place, name: &str, is_here: bool| {
        html! {
            a href=(place.address()) aria-current=[is_here.then_some("page")] {
                (sign(place.sign())) span { (name) }
            }
        }
    };
    html! {
        nav aria-label=(words.pages) {
            @for place in Place::ALL.into_iter().filter(is_there) {
                @if place == Place::Account { (to_settings(visitor, here, link)) }
                (link(place, place.name(language), here == Some(place)))
            }
            @if visitor.call.session().is_none() { (to_settings(visitor, here, link)) }
        }
    }
}

/// The way to the first part of the settings that somebody may see.
fn to_settings(
    visitor: &Visitor,
    here: Option<Place>,
    link: impl Fn(Place, &str, bool) -> Markup,
) -> Markup {
    let is_here = here.is_some_and(|here| here.takes().is_some());
    let first = Place::settings(visitor).next();
    html! { @if let Some(first) = first { (link(first, settings::title(visitor.look.language), is_here)) } }
}

/// The parts of the settings, above each of them.
fn parts(visitor: &Visitor, here: Option<Place>) -> Markup {
    let language = visitor.look.language;
    let is_here = here.is_some_and(|here| here.takes().is_some());
    html! {
        @if is_here {
            nav .tabs.parts aria-label=(settings::parts_title(language)) {
                @for place in Place::settings(visitor) {
                    a href=(place.address()) aria-current=[(here == Some(place)).then_some("page")] {
                        (place.name(language))
                    }
                }
            }
        }
    }
}

/// A sign of lines.
fn sign(lines: &str) -> Markup {
    html! {
        svg .sign viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" { path d=(lines) {} }
    }
}

/// How the page is to be. A cookie keeps it.
fn switches(look: &Look) -> Markup {
    let words = look.language.words();
    let themes = [
        ("", words.theme_auto, look.theme.is_none()),
        ("light", words.theme_light, look.theme == Some(Theme::Light)),
        ("dark", words.theme_dark, look.theme == Some(Theme::Dark)),
    ];
    html! {
        form .switches method="post" action="/console/look" {
            input type="hidden" name="back" value=(look.here);
            fieldset .segments #themes {
                legend { (words.theme) }
                @for (value, name, is_on) in themes {
                    button name="theme" value=(value) aria-pressed=(is_on) { (name) }
                }
            }
            fieldset .segments {
                legend { (words.language) }
                @for language in Language::ALL {
                    button name="language" value=(language.tag()) lang=(language.tag())
                        aria-pressed=(language == look.language) { (language.name()) }
                }
            }
        }
    }
}

/// What keys do, in a window of its own. It needs the script, as the keys do.
fn keys(words: &Words) -> Markup {
    let keys = [
        ("/", words.keys_search),
        ("j", words.keys_down),
        ("k", words.keys_up),
        ("Enter", words.keys_open),
        ("n", words.keys_next),
        ("p", words.keys_previous),
        ("?", words.keys_help),
    ];
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { (words.keys) }
            dl { @for (key, does) in keys { dt { kbd { (key) } } dd { (does) } } }
            form method="dialog" { button .button { (words.close) } }
        }
    }
}

/// An answer that leads elsewhere.
pub(super) fn elsewhere(address: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(address) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (StatusCode::SEE_OTHER, [(axum::http::header::LOCATION, location)]).into_response()
}
