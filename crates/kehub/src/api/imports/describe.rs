//! What the description of the API tells about imports.

use super::body::WAITING;
use super::dry::name;
use crate::api::describe::{Described, MOMENT, id, object, query, schema};
use crate::api::problem::Code;
use crate::api::shapes::page_schema;
use crate::files::dry_run::Kind;
use kehub_core::directory::Permission;
use kehub_core::import::State;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_import_create" => create(),
        "api_import_list" => read()
            .parameter(query("limit", "How many at most: 1 to 1000, 50 unless given", "100"))
            .parameter(query("cursor", "Where to go on: `nextCursor` of the last answer", "7"))
            .answer(
                200,
                "Imports, newest first",
                &["ApiImports"],
                &json!({ "items": [example()], "nextCursor": null }),
            ),
        "api_import_get" => one(read()).answer(200, "The import", &["ApiImport"], &example()),
        "api_import_events" => {
            let event = format!("event: progress\ndata: {}\n\n", example());
            one(read()).files("Events until the import ends", &[("text/event-stream", &event)])
        }
        "api_import_refused" => one(read())
            .files(
                "The refused rows, with line and reason",
                &[
                    (
                        "text/csv",
                        "\u{FEFF}name,birthday,kehub line,kehub reason\nWang,3/5/1990,2,birthday: …\n",
                    ),
                    ("application/x-ndjson", "{\"name\":\"Wang\",\"kehub line\":2,\"kehub reason\":\"…\"}\n"),
                    (
                        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                        "(a spreadsheet, of the refused rows of one)",
                    ),
                ],
            )
            .meets(&[Code::RefusedNotFound, Code::Busy]),
        "api_import_refused_delete" => one(Described::read(Permission::CustomersWrite))
            .parameter(query("dryRun", "`1`: only say what would happen", "1"))
            .done("They are removed, or would be")
            .meets(&[Code::RefusedNotFound, Code::ImportRunning])
            .meets(&[Code::CrossSite, Code::OutcomeUnknown]),
        "api_import_delete" => one(Described::write(Permission::CustomersWrite))
            .answer(202, "It ends after the batch under way", &["ApiImport"], &example())
            .done("It is forgotten, or would be")
            .meets(&[Code::ImportRunning, Code::ImportEnded]),
        _ => return None,
    })
}

fn read() -> Described {
    Described::read(Permission::CustomersRead)
}

fn one(described: Described) -> Described {
    described.parameter(id("The id of the import")).meets(&[Code::ImportNotFound])
}

/// How a file is read.
fn reading(described: Described) -> Described {
    described
        .parameter(query(
            "raw",
            "`1`: cells of CSV as they are, also a `'` before what a spreadsheet would run, as an export \
             with `raw` writes them",
            "1",
        ))
        .parameter(query("utcOffset", "How far from UTC times are that name no zone", "+08:00"))
        .parameter(query("encoding", "The encoding of text, if it does not show", "gb18030"))
        .parameter(query("delimiter", "What parts the values of CSV, if it does not show", ";"))
        .parameter(query("sheet", "The sheet of a workbook; the first one that is shown and has cells, unless given", "Members"))
        .parameter(query(
            "headerRow",
            "The line that holds the headings of a table. Unless given, they are the first row that is not \
             blank; if that has no known label, the first of the first 20 rows in which two or more stand",
            "3",
        ))
}

fn create() -> Described {
    let table = "name,mobile\nWang Fang,13800000001\n";
    let text = json!({ "type": "string" });
    let bytes =
        json!({ "schema": { "type": "string", "format": "binary" }, "example": "(a spreadsheet)" });
    let sent = json!({ "file": "(a spreadsheet)", "mapping": { "卡号": "identity:card" } });
    let form = json!({
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": { "type": "string", "format": "binary" },
            "mapping": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    });
    let described = Described::write(Permission::CustomersWrite)
        .parameter(query(
            "source",
            "What the file is called: what was said about the columns of a source is used again. The \
             name that a form gives it, or `upload`, unless given",
            "crm",
        ))
        .parameter(query(
            "mapping",
            "What columns are, as a JSON object of headings, or `#` and a number, and targets: an \
             attribute, `attr.KEY`, `identity:TYPE`, or `-` to leave one out",
            "{\"卡号\":\"identity:card\"}",
        ))
        .parameter(query(
            "newMapping",
            "`1`: not what was said about columns when a file of this source, or one with the same \
             headings, was imported before",
            "1",
        ))
        .parameter(query("again", "`1`: begin with the first row, whatever was done before", "1"))
        .parameter(query(
            "onConflict",
            "`merge`, `keep` (merge nobody) or `reject` (as `merge`, but refuse the whole row where a guard \
             keeps customers apart); the tenant's, unless given",
            "keep",
        ))
        .parameter(query(
            "match",
            "By what a row finds its customer, before all others the first: `identity`, which is always \
             among them, `id`, `mobile` and `email`, parted by commas; `identity,mobile,email` unless \
             given. With `id`, a column `id` or 客户ID is the id of a customer of this hub",
            "id,identity,mobile,email",
        ));
    reading(described)
        .takes(&json!({
            "text/csv": { "schema": text, "example": table },
            "application/x-ndjson": { "schema": text, "example": "{\"name\":\"Wang Fang\"}\n" },
            "application/octet-stream": bytes,
            "multipart/form-data": { "schema": form, "example": sent },
        }))
        .answer(200, "What would happen", &["ApiImportPreview"], &preview())
        .answer(202, "The import, which waits for its turn", &["ApiImport"], &example())
        // The last one of a repeated request, whose import was forgotten since.
        .meets(&[Code::FileUnfit, Code::ImportRunning, Code::ImportNotFound])
}

fn example() -> Value {
    let moment = "2026-05-04T01:02:03.250Z";
    json!({
        "id": 7, "source": "members.csv", "state": "running", "ending": false,
        "app": "cl00000000000000a", "beganAt": moment, "changedAt": moment, "bytes": 104_857_600, "bytesRead": 2_097_152,
        "rowsPerSecond": 6_000, "secondsLeft": 98,
        "columns": [
            { "heading": "name", "target": "name" },
            { "heading": "卡号", "target": "identity:card" },
        ],
        "headerRow": null, "utcOffset": "Z", "onConflict": null, "match": "identity,mobile,email", "raw": false,
        "counts": {
            "rows": 12_000, "skipped": 0, "created": 11_800, "updated": 100, "unchanged": 70,
            "merged": 20, "conflicts": 1, "refused": 10,
        },
        "hasRefused": true, "error": null,
    })
}

fn preview() -> Value {
    json!({
        "columns": [
            { "heading": "name", "target": "name" },
            { "heading": "birthday", "target": "birthday" },
        ],
        "headerRow": null, "sheet": null, "otherSheets": [],
        "counts": {
            "rows": 2, "skipped": 0, "created": 1, "updated": 0, "unchanged": 0, "merged": 0,
            "conflicts": 0, "refused": 1,
        },
        "samples": [{
            "kind": "created", "line": 2, "customer": { "name": "Wang Fang" }, "identities": [],
            "customerId": 12, "newIds": [12],
            "resolution": {
                "result": "created", "matchedBy": null, "identities": [], "mergedIds": [],
                "conflicts": [], "warnings": [], "seq": null,
            },
        }],
        "refusedRows": [
            { "line": 3, "reason": "birthday: expected a date, found other text `3/5/1990`" },
        ],
    })
}

pub(crate) fn schemas() -> Value {
    json!({
        "ApiImport": import(),
        "ApiImports": page_schema("Imports.", "ApiImport"),
        "ApiImportColumn": column(),
        "ApiImportCounts": counts(),
        "ApiImportPreview": preview_schema(),
    })
}

fn import() -> Value {
    let mut states: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
    states.push(WAITING);
    let text_or_null = json!({ "type": ["string", "null"] });
    let moment = json!({ "type": "string", "pattern": MOMENT });
    let properties = json!({
        "id": { "type": "integer" },
        "source": { "type": "string", "description": "What the file is called" },
        "state": {
            "enum": states,
            "description": "`waiting`: it has its turn after others. `interrupted`: nobody is at work on \
                            it; the same file, sent again, goes on",
        },
        "ending": { "type": "boolean", "description": "Whether it ends after the batch under way" },
        "app": { "type": ["string", "null"], "description": "`null` for the command line" },
        "beganAt": moment,
        "changedAt": moment,
        "bytes": { "type": ["integer", "null"], "description": "Of the file; `null` if it came by a pipe" },
        "bytesRead": {
            "type": ["integer", "null"],
            "description": "How much of the file is read; `null`, as the two that follow, unless the hub that \
                            is asked has been at work on it for a second",
        },
        "rowsPerSecond": { "type": ["integer", "null"], "description": "On average, since it is at work on it" },
        "secondsLeft": { "type": ["integer", "null"], "description": "Until the end, if the rest goes as fast" },
        "columns": { "type": "array", "items": schema("ApiImportColumn") },
        "headerRow": header_row(),
        "utcOffset": text_or_null,
        "onConflict": { "type": ["string", "null"], "description": "`null`: as the tenant is set" },
        "match": { "type": ["string", "null"], "description": "By what rows find their customers" },
        "raw": { "type": ["boolean", "null"], "description": "Whether cells of CSV are taken as they are" },
        "counts": schema("ApiImportCounts"),
        "hasRefused": { "type": "boolean", "description": "Whether refused rows can be fetched" },
        "error": { "type": ["string", "null"], "description": "Why it failed" },
    });
    object("A file whose rows become customers.", &properties, &[])
}

fn header_row() -> Value {
    let about = "The line of the headings, if rows above them are passed over; `null` otherwise";
    json!({ "type": ["integer", "null"], "minimum": 1, "description": about })
}

fn column() -> Value {
    let text = json!({ "type": "string" });
    let properties = json!({ "heading": text, "target": text });
    object("A column, and what it is taken for.", &properties, &[])
}

fn counts() -> Value {
    let number = |about: &str| json!({ "type": "integer", "minimum": 0, "description": about });
    let properties = json!({
        "rows": number("Rows that are done: all others here are among them"),
        "skipped": number("Passed over, as somebody asked"),
        "created": number("Rows that made a customer"),
        "updated": number("Rows that changed one"),
        "unchanged": number("Rows that said nothing new"),
        "merged": number("Rows that joined customers"),
        "conflicts": number("Rows that opened a conflict; they are among the others, too"),
        "refused": number("Rows that were not applied"),
    });
    object("How many rows came to what.", &properties, &[])
}

fn preview_schema() -> Value {
    let number = json!({ "type": "integer", "minimum": 0 });
    let text = json!({ "type": "string" });
    let kinds: Vec<&str> = Kind::ALL.map(name).to_vec();
    let resolution = json!({ "anyOf": [schema("ApiResolution"), schema("ApiOwnResolution")] });
    let ids = json!({
        "type": "array",
        "items": { "type": "integer", "minimum": 1 },
        "description": "Those ids here of customers that the file itself would make: they may be others then",
    });
    let sample = json!({
        "kind": { "enum": kinds },
        "line": number,
        "customer": { "type": "object", "description": "The fields as they would be sent" },
        "identities": { "type": "array", "items": { "type": "object" } },
        "customerId": { "type": "integer", "minimum": 1 },
        "newIds": ids,
        "resolution": resolution,
    });
    let refused = json!({
        "line": number, "reason": text,
    });
    let sample = object("A row, and what would come of it.", &sample, &[]);
    let refused = object("A row that would be refused.", &refused, &[]);
    let properties = json!({
        "columns": { "type": "array", "items": schema("ApiImportColumn") },
        "headerRow": header_row(),
        "sheet": {
            "type": ["string", "null"],
            "description": "The sheet that was read of a workbook, where it has others and nobody named one",
        },
        "otherSheets": { "type": "array", "items": text, "description": "Those that are left out then" },
        "counts": schema("ApiImportCounts"),
        "samples": { "type": "array", "description": "The first of each kind", "items": sample },
        "refusedRows": { "type": "array", "description": "The first ones", "items": refused },
    });
    object("What a file is taken for, and what would come of it.", &properties, &[])
}
