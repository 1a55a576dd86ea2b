//! What the description of the API tells about users.

use crate::api::describe::{Described, MOMENT, id, object, query};
use crate::api::problem::Code;
use crate::api::shapes::page_schema;
use crate::api::version;
use crate::people::password;
use kehub_core::directory::Permission;
use kehub_core::people::user::{LOGIN_CHARS_MAX, NAME_CHARS_MAX, Role};
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    let change = || Described::write(Permission::UsersAdmin);
    let one = || {
        let number = id("The number of the user");
        change().parameter(number).meets(&[Code::UserNotFound, Code::PermissionNotHeld])
    };
    let input = json!({
        "login": "li.na@example.com", "name": "Li Na", "role": "reviewer",
        "password": "correct horse battery staple",
    });
    Some(match name {
        "api_user_list" => Described::read(Permission::UsersAdmin)
            .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
            .parameter(query("cursor", "`nextCursor` of an earlier answer", "7"))
            .answer(
                200,
                "The users, by number",
                &["ApiUserList"],
                &json!({ "items": [user()], "nextCursor": null }),
            ),
        "api_user_create" => change()
            .body("ApiUserInput", &input)
            .answer(200, "A dry run: the user as it would be", &["ApiUser"], &user())
            .answer(201, "The user", &["ApiUser"], &user())
            .meets(&[Code::PermissionNotHeld, Code::LoginTaken]),
        "api_user_patch" => one()
            .parameter(version::parameter())
            .body("ApiUserPatch", &json!({ "role": "editor" }))
            .answer(200, "The user afterwards", &["ApiUser"], &user())
            .meets(&[Code::LastAdmin, Code::ChangedMeanwhile]),
        "api_user_sign_out" => {
            one().answer(200, "The user", &["ApiUser"], &user()).meets(&[Code::ChangedMeanwhile])
        }
        _ => return None,
    })
}

fn user() -> Value {
    json!({
        "id": 7, "login": "li.na@example.com", "name": "Li Na", "role": "reviewer",
        "permissions": Role::Reviewer.permissions().iter().map(|it| it.name()).collect::<Vec<_>>(),
        "version": "5f2ad9c1b0e34d77", "createdAt": "2026-05-04T01:02:03.250Z", "passwordAt": "2026-05-04T01:02:03.250Z",
        "disabledAt": null,
    })
}

pub(crate) fn schemas() -> Value {
    let names: Vec<&str> = Permission::ALL.iter().map(|permission| permission.name()).collect();
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let login = json!({
        "type": "string", "maxLength": LOGIN_CHARS_MAX,
        "description": "What the user signs in with: an e-mail address or a word, in any case; of one user \
            of the hub",
    });
    let name = json!({ "type": "string", "maxLength": NAME_CHARS_MAX, "description": "A name for people" });
    let role = json!({ "enum": roles });
    let password = json!({
        "type": "string", "minLength": password::CHARS_MIN, "maxLength": password::CHARS_MAX,
        "format": "password", "writeOnly": true, "description": password::EXPECTED,
    });
    let moment = json!({ "type": "string", "pattern": MOMENT });
    let shown = json!({
        "id": { "type": "integer", "minimum": 1, "description": "Its number, which is that of its app" },
        "login": login,
        "name": name,
        "role": role,
        "permissions": { "type": "array", "items": { "enum": names }, "description": "What follows from \
            the role" },
        "version": { "type": "string", "description": "Another one whenever the name, the role or whether it \
            is disabled is another one" },
        "createdAt": moment,
        "passwordAt": moment,
        "disabledAt": { "type": ["string", "null"], "pattern": MOMENT },
    });
    let input = json!({ "login": login, "name": name, "role": role, "password": password });
    let disabled = json!({ "type": "boolean", "description": "Whether it may no longer sign in" });
    let patch = json!({ "name": name, "role": role, "password": password, "disabled": disabled });
    let optional = ["name", "role", "password", "disabled"];
    json!({
        "ApiUser": object("A user: somebody who signs in to the console.", &shown, &[]),
        "ApiUserList": page_schema("A part of the users.", "ApiUser"),
        "ApiUserInput": object("A user to be created.", &input, &[]),
        "ApiUserPatch": object("What changes.", &patch, &optional),
    })
}
