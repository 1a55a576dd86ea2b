//! Customers as a table, the choice of its columns, and what stands in its place.

use super::address::Address;
use crate::console::show::Shower;
use kehub_core::attribute::Attribute;
use kehub_core::customer::Customer;
use kehub_core::filter::SortKey;
use maud::{Markup, html};

/// A row for each customer, with how it was found where somebody looked for it.
pub(super) fn table(
    shower: &Shower<'_>,
    address: &Address,
    rows: &[(&Customer, Option<String>)],
) -> Markup {
    let words = shower.words();
    let columns = address.shown_columns();
    let name = SortKey::Attribute(Attribute::DisplayName);
    let is_found = rows.iter().any(|(_, by)| by.is_some());
    html! {
        div .scroll {
            table .rows {
                thead {
                    tr {
                        (heading(shower, address, &name))
                        @if is_found { th scope="col" { (words.found_by) } }
                        @for column in &columns { (heading(shower, address, column)) }
                    }
                }
                tbody {
                    @for (customer, by) in rows {
                        tr data-href={ "/console/customers/" (customer.id) } {
                            (person(shower, customer))
                            @if let Some(by) = by {
                                td data-label=(words.found_by) { span .tag { (by) } }
                            }
                            @for column in &columns {
                                td data-label=(shower.look.language.field(column)) {
                                    @if let Some(value) = shower.of(customer, column) { (value) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn heading(shower: &Shower<'_>, address: &Address, key: &SortKey) -> Markup {
    let words = shower.words();
    let label = shower.look.language.field(key);
    // What was searched comes in the order of how sure it is.
    let sorted = address.sorted_by(key).filter(|_| address.search.is_empty());
    let Some(sorted) = sorted else {
        return html! { th scope="col" { (label) } };
    };
    let order = address.order();
    let is_this = sorted.order().by == order.by;
    let (sign, told) = match (is_this, order.descending) {
        (false, _) => ("", None),
        (true, false) => ("↑", Some(("ascending", words.sorted_up))),
        (true, true) => ("↓", Some(("descending", words.sorted_down))),
    };
    html! {
        th scope="col" aria-sort=[told.map(|(sort, _)| sort)] {
            a href=(sorted.text()) title=[told.map(|(_, title)| title)] {
                (label) @if is_this { span .arrow aria-hidden="true" { (sign) } }
            }
        }
    }
}

fn person(shower: &Shower<'_>, customer: &Customer) -> Markup {
    let name = customer.shown(Attribute::DisplayName);
    let name = name.as_ref().and_then(|name| name.text());
    html! {
        th scope="row" {
            a href={ "/console/customers/" (customer.id) } {
                @match name {
                    Some(name) => span .name { (name) },
                    None => span .name.soft { (shower.words().no_name) },
                }
                span .id { "#" (customer.id) }
            }
        }
    }
}

/// Links to the pages beside this one.
pub(super) fn pager(
    shower: &Shower<'_>,
    address: &Address,
    next: Option<String>,
    back: Option<String>,
) -> Markup {
    let words = shower.words();
    html! {
        @if next.is_some() || back.is_some() {
            nav .pager aria-label=(words.paging) {
                @if back.is_some() { a .button href=(address.text()) { (words.page_first) } }
                @if let Some(back) = back {
                    a .button rel="prev" href=(address.with(&[("before", &back)])) {
                        "← " (words.page_previous)
                    }
                }
                @if let Some(next) = next {
                    a .button rel="next" href=(address.with(&[("after", &next)])) {
                        (words.page_next) " →"
                    }
                }
            }
        }
    }
}

/// What stands in the place of a list without anybody.
pub(super) fn nobody(shower: &Shower<'_>, is_filtered: bool) -> Markup {
    let words = shower.words();
    let (title, why) = if is_filtered {
        (words.list_none, words.list_none_why)
    } else {
        (words.list_empty, words.list_empty_why)
    };
    html! {
        section .empty {
            h2 { (title) }
            p { (why) }
            @if !is_filtered { p { a .button href="/docs#api_customer_upsert" { "POST /api/customers" } } }
        }
    }
}

/// The choice of columns.
pub(super) fn chooser(shower: &Shower<'_>, address: &Address) -> Markup {
    let words = shower.words();
    let shown = address.shown_columns();
    let custom: Vec<&str> = shown.iter().filter_map(custom_key).collect();
    // The name is always there, and the id beside it.
    let offered =
        Attribute::ALL.iter().filter(|it| !matches!(it, Attribute::Id | Attribute::DisplayName));
    let mut kept = address.parameters();
    kept.retain(|(name, _)| name != "columns");
    html! {
        details .menu {
            summary .button { (words.columns) }
            div .panel {
                form .stack action="/console/customers" {
                    @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                    input type="hidden" name="choose" value="1";
                    div .choices {
                        @for attribute in offered {
                            label .check {
                                input type="checkbox" name="column" value=(attribute.name())
                                    checked[shown.contains(&SortKey::Attribute(*attribute))];
                                (shower.look.language.attribute(*attribute))
                            }
                        }
                    }
                    label { (words.columns_custom)
                        input name="keys" value=(custom.join(", ")) autocomplete="off";
                    }
                    div .actions {
                        button .button.primary { (words.columns_apply) }
                        a .quiet href=(Address { columns: None, ..address.clone() }.text()) {
                            (words.columns_usual)
                        }
                    }
                }
            }
        }
    }
}

fn custom_key(key: &SortKey) -> Option<&str> {
    match key {
        SortKey::Custom(key) => Some(key),
        SortKey::Attribute(_) => None,
    }
}
