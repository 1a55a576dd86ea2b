//! What a newcomer is told on an empty store: credentials, and three commands that work as pasted.

use crate::credentials::Credentials;
use crate::people::FirstCode;
use std::net::SocketAddr;

/// Where people sign in, and how the first one comes to do so.
pub(super) fn console(address: &str, code: Option<&FirstCode>) -> String {
    let Some(code) = code.map(FirstCode::text) else {
        return format!("The console is on {address}.");
    };
    format!(
        "The console is on {address}. Nobody can sign in yet: make the first user there, with the code\n\n  \
         {code}\n\nwhich holds until this hub ends. `kehub user add` makes users as well."
    )
}

/// The text for the first start. It ends with the commands, so that everything from the first
/// `curl` on can be pasted.
pub(super) fn first_start(address: SocketAddr, credentials: &Credentials, console: &str) -> String {
    let Credentials { app, secret } = credentials;
    format!(
        r#"Kehub listens on http://{address}. The API is described on http://{address}/docs.
{console}

This is a new store. Its first app may do everything:

  app id  {app}
  secret  {secret}

The secret is shown only now and kept nowhere: note it. To try it, paste:

  TOKEN=$(curl -sS "http://{address}/security/accesstoken?grant_type=client_credentials&appid={app}&secret={secret}" | sed 's/.*"access_token":"\([0-9a-f]*\)".*/\1/')
  curl -sS -w '\n' "http://{address}/v1/customerandidentities?access_token=$TOKEN" -H 'Content-Type: application/json' -d '{{"customer":{{"name":"Li Na","mobile":"13900000002","source":"web shop"}},"customerIdentities":[{{"identityType":"wechat","identityValue":"oXYZ-789"}},{{"identityType":"taobao-account","identityValue":"lina"}}]}}'
  curl -sS -w '\n' "http://{address}/v1/customers?mobile=13900000002&select=id,name,mobile,source&access_token=$TOKEN"
"#
    )
}

/// The text for every other start.
pub(super) fn later_start(address: SocketAddr, console: &str) -> String {
    format!(
        "Kehub listens on http://{address}. The API is described on http://{address}/docs.\n\
         {console}\n\
         `kehub app create --name NAME` makes credentials.\n"
    )
}
