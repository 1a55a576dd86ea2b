//! What the description of the API tells about exports.

use crate::api::customers::describe::{customer, identity};
use crate::api::describe::{Described, header, query};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_export_get" => get(),
        "api_export_fetch" => fetch(),
        _ => return None,
    })
}

/// A file has no shape of its own.
pub(crate) fn schemas() -> Value {
    json!({})
}

fn get() -> Described {
    let described = Described::read(Permission::CustomersRead)
        .parameter(query("format", "`ndjson`, unless given, `csv` or `xlsx`", "csv"))
        .parameter(query("compression", "`none`, unless given, `gzip` or `zstd`", "gzip"))
        .parameter(query(
            "fields",
            "Only these fields, parted by commas, in this order; the id always comes first. Unless \
             given, a table has those that somebody shows",
            "name,mobile,attr.shoe_size",
        ))
        .parameter(query(
            "identities",
            "How a table tells identities: `columns`, one for each type, unless given; `rows`, one for \
             each identity; or `none`",
            "rows",
        ))
        .parameter(query(
            "headings",
            "In which words a table is: `names` of the API, usual for `csv`, or `zh`, usual for `xlsx`",
            "zh",
        ))
        .parameter(query("delimiter", "What parts the cells of `csv`: `,` unless given", ";"))
        .parameter(query(
            "raw",
            "`1`: cells of `csv` as they are. Otherwise `'` stands before text that a spreadsheet would \
             run, and before a `'` at its beginning",
            "1",
        ))
        .parameter(query("utcOffset", "How far from UTC a table tells moments", "+08:00"))
        .parameter(query("{field}", "Filters, as for `GET /api/customers`", "Beijing"));
    let range = "Which bytes of the export that `If-Range` names; without that it says nothing";
    let tag = "The `ETag` of an export of the same parameters; if it is not kept any more, a new one is made";
    in_part(described, range, tag)
}

fn fetch() -> Described {
    let id = json!({
        "name": "id", "in": "path", "required": true,
        "description": "The id of the export: its `ETag` without quotes",
        "example": "0f2b9c4d7e1a4b6c8d3e5f7081926a3b",
        "schema": { "type": "string" },
    });
    let described = Described::read(Permission::CustomersRead).parameter(id);
    let tag = "The `ETag` of the export: of another one, it is answered whole";
    in_part(described, "Which bytes: one range", tag).meets(&[Code::ExportNotFound])
}

/// A file that may be asked for in part.
fn in_part(described: Described, range: &str, tag: &str) -> Described {
    let mut line = customer();
    if let Value::Object(members) = &mut line {
        members.insert("mergedIds".to_owned(), json!([]));
        members.insert("identities".to_owned(), json!([identity()]));
    }
    let line = format!("{line}\n");
    let table = "\u{FEFF}id,name,mobile,identity:wechat\r\n1,Wang Fang,13800000001,oABC-123\r\n";
    let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let files = [
        ("application/x-ndjson", &*line),
        ("text/csv", table),
        (sheet, "(a spreadsheet)"),
        ("application/gzip", "(one of the others, packed)"),
        ("application/zstd", "(one of the others, packed)"),
    ];
    described
        .parameter(header("Range", range, "bytes=1048576-"))
        .parameter(header("If-Range", tag, "\"0f2b9c4d7e1a4b6c8d3e5f7081926a3b\""))
        .files("The customers that match, as a file", &files)
        .files_as(206, "The bytes that were asked for", &files)
        .meets(&[Code::RangeNotSatisfiable])
}
