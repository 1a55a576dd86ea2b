//! The identity graph as SVG, and the same as a table.

use super::Seen;
use super::graph::{Column, Edge, Graph, Node};
use super::layout::ordered;
use crate::console::words::Words;
use kehub_core::customer::Customer;
use kehub_core::policy::Role;
use maud::{Markup, html};

/// Sizes in units of the picture, which are pixels unless it is made smaller.
const NODE_HEIGHT: u32 = 40;
const ROW: u32 = 50;
const GAP: u32 = 56;
const HEAD: u32 = 30;
const MARGIN: u32 = 8;
/// Room at the right of the last column for the lines of merges.
const BULGE: u32 = 44;

/// How wide the nodes of a column are.
const fn width(column: Column) -> u32 {
    match column {
        Column::Source => 150,
        Column::Request => 172,
        Column::Identity => 212,
        Column::Home => 184,
        Column::Other => 96,
    }
}

/// The class of what an identity type says about people.
pub(super) const fn class_of(role: Role) -> &'static str {
    match role {
        Role::Distinguishing => "distinguishing",
        Role::Normal => "normal",
        Role::Contact => "contact",
        Role::Weak => "weak",
    }
}

/// A node with its place.
struct Placed<'a> {
    node: &'a Node,
    x: u32,
    y: u32,
}

/// Picture and table.
pub(super) fn section(seen: &Seen<'_>, customer: &Customer) -> Markup {
    let words = seen.shower.words();
    let graph = Graph::of(seen, customer);
    html! {
        @if graph.edges.is_empty() {
            p .soft { (words.graph_empty) }
        } @else {
            p .note { (words.graph_about) }
            div .scroll.picture tabindex="0" role="group" aria-label=(words.graph) { (svg(words, &graph)) }
            details {
                summary { (words.graph_table) }
                (table(seen, &graph))
            }
        }
    }
}

fn svg(words: &Words, graph: &Graph) -> Markup {
    let columns = columns(graph);
    let rows = columns.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
    let height = HEAD + u32::try_from(rows).unwrap_or(u32::MAX).saturating_mul(ROW) + MARGIN;
    let (placed, lefts, right) = placed(graph, &columns, height);
    let total = right + BULGE;
    html! {
        svg .graph viewBox={ "0 0 " (total) " " (height) } width=(total) height=(height)
            xmlns="http://www.w3.org/2000/svg" role="group" aria-label=(words.graph_about) {
            @for ((column, _), left) in columns.iter().zip(&lefts) {
                text .head x=(left) y="14" { (heading(words, *column)) }
            }
            g .edges { @for edge in &graph.edges { (line(edge, &placed)) } }
            @for (place, it) in placed.iter().enumerate() {
                @if let Some(it) = it { (node(place, it)) }
            }
        }
    }
}

/// The columns that have nodes, each with these in order.
fn columns(graph: &Graph) -> Vec<(Column, Vec<usize>)> {
    let of = |column| {
        let nodes = graph.nodes.iter().enumerate().filter(move |(_, node)| node.column == column);
        nodes.map(|(place, _)| place).collect::<Vec<usize>>()
    };
    let full: Vec<(Column, Vec<usize>)> = Column::ALL.map(|column| (column, of(column))).to_vec();
    let full: Vec<_> = full.into_iter().filter(|(_, nodes)| !nodes.is_empty()).collect();
    let edges: Vec<(usize, usize)> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let nodes = full.iter().map(|(_, nodes)| nodes.clone()).collect();
    full.iter().map(|(column, _)| *column).zip(ordered(nodes, &edges)).collect()
}

/// Every node with its place, the left edge of each column, and the right edge of the last one.
fn placed<'a>(
    graph: &'a Graph,
    columns: &[(Column, Vec<usize>)],
    height: u32,
) -> (Vec<Option<Placed<'a>>>, Vec<u32>, u32) {
    let mut places: Vec<Option<Placed<'a>>> = graph.nodes.iter().map(|_| None).collect();
    let (mut x, mut lefts) = (MARGIN, Vec::new());
    for (column, nodes) in columns {
        let rows = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        // Short columns stand in the middle of the tallest one.
        let top = HEAD + (height - HEAD - MARGIN).saturating_sub(rows.saturating_mul(ROW)) / 2;
        for (row, place) in (0_u32..).zip(nodes) {
            if let (Some(slot), Some(node)) = (places.get_mut(*place), graph.nodes.get(*place)) {
                *slot = Some(Placed { node, x, y: top + row * ROW });
            }
        }
        lefts.push(x);
        x += width(*column) + GAP;
    }
    (places, lefts, x - GAP)
}

const fn heading(words: &Words, column: Column) -> &'static str {
    match column {
        Column::Source => words.graph_sources,
        Column::Request => words.graph_requests,
        Column::Identity => words.graph_identities,
        Column::Home => words.graph_homes,
        Column::Other => words.graph_others,
    }
}

fn node(place: usize, it: &Placed<'_>) -> Markup {
    let Placed { node, x, y } = it;
    let whole = format!("{} · {}", node.title, node.note);
    let units = usize::try_from((width(node.column) - 20) / 7).unwrap_or(usize::MAX);
    let drawn = html! {
        title { (whole) }
        rect x=(x) y=(y) width=(width(node.column)) height=(NODE_HEIGHT) rx="8" {}
        text .title x=(x + 10) y=(y + 17) { (cut(&node.title, units)) }
        text .note x=(x + 10) y=(y + 32) { (cut(&node.note, units + 2)) }
    };
    html! {
        @match &node.href {
            Some(href) => a .node.(node.class) href=(href) data-node=(place) { (drawn) },
            None => g .node.(node.class) data-node=(place) { (drawn) },
        }
    }
}

fn line(edge: &Edge, placed: &[Option<Placed<'_>>]) -> Markup {
    let place = |at: usize| placed.get(at).and_then(Option::as_ref);
    let (Some(one), Some(other)) = (place(edge.from), place(edge.to)) else { return html! {} };
    // Lines lead to the right, whatever connects the two.
    let (one, other) = if one.x > other.x { (other, one) } else { (one, other) };
    let half = NODE_HEIGHT / 2;
    let from = (one.x + width(one.node.column), one.y + half);
    let path = if one.x == other.x {
        let (x, y, to) = (from.0, from.1, other.y + half);
        let bulge = x + BULGE - 8;
        format!("M{x} {y}C{bulge} {y} {bulge} {to} {x} {to}")
    } else {
        let to = (other.x, other.y + half);
        let (begin, end) = (from.0 + GAP / 2, to.0 - GAP / 2);
        let (x, y, to_x, to_y) = (from.0, from.1, to.0, to.1);
        format!("M{x} {y}C{begin} {y} {end} {to_y} {to_x} {to_y}")
    };
    html! {
        path .edge.(edge.class) d=(path) data-from=(edge.from) data-to=(edge.to) {
            title { (edge.told) }
        }
    }
}

/// As much of a text as has room: wide signs take two units.
fn cut(text: &str, units: usize) -> String {
    let wide = |c: char| if u32::from(c) >= 0x1100 { 2 } else { 1 };
    if text.chars().map(wide).sum::<usize>() <= units {
        return text.to_owned();
    }
    let mut left = units.saturating_sub(1);
    let mut kept = String::new();
    for c in text.chars() {
        let Some(rest) = left.checked_sub(wide(c)) else { break };
        left = rest;
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// The lines of the picture, told one by one.
fn table(seen: &Seen<'_>, graph: &Graph) -> Markup {
    let words = seen.shower.words();
    let told = |place: usize| {
        let node = graph.nodes.get(place);
        html! { @if let Some(node) = node { (node.title) " " span .note { (node.note) } } }
    };
    html! {
        div .scroll tabindex="0" {
            table .plain {
                thead { tr {
                    th scope="col" { (words.from) }
                    th scope="col" { (words.connection) }
                    th scope="col" { (words.to) }
                    th scope="col" { (words.when) }
                } }
                tbody {
                    @for edge in &graph.edges {
                        tr {
                            td { (told(edge.from)) }
                            td { (edge.told) }
                            td { (told(edge.to)) }
                            td { @if let Some(at) = edge.at { (seen.shower.time(at)) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_long_text_is_cut_where_its_room_ends() {
        assert_eq!(cut("oABC", 4), "oABC");
        assert_eq!(cut("oABCD", 4), "oAB…");
        assert_eq!(cut("王小明", 6), "王小明");
        assert_eq!(cut("王小明明", 6), "王小…");
    }
}
