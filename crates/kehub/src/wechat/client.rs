//! Calls to WeChat: access tokens, the list of fans, what WeChat tells of them, the names of tags.
//!
//! As its documentation says: an access token lives for two hours at most and is renewed when an answer
//! says that it does not count any more; a list has 10,000 openids a page, and 100 fans are told at a
//! time. What comes back is looked at for the documented error codes. Nothing that is called or answered
//! is logged: addresses hold tokens, answers hold people.

use super::{Options, Reason, TokenKind};
use crate::webhooks::address::Reach;
use crate::webhooks::client as calls;
use reqwest::{Client as Http, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// Fans that WeChat tells of in one call.
pub(crate) const FANS_MAX: usize = 100;
/// Bytes of an answer at most: a page of 10,000 openids is below 400 KB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long before its end a token is not used any more. WeChat gives out the next one five minutes
/// before, and takes both until then.
const TOKEN_MARGIN: Duration = Duration::from_mins(1);

/// How an account is called.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    pub(crate) app_id: Box<str>,
    pub(crate) secret: Box<str>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

/// Calls WeChat. Tokens are kept in memory only.
pub(crate) struct Client {
    http: Http,
    base: Url,
    reach: Reach,
    token_kind: TokenKind,
    tokens: Mutex<HashMap<Access, Token>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("reach", &self.reach).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Token {
    text: Box<str>,
    until: Instant,
}

/// Why a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// WeChat said no.
    Refused {
        /// Its error code.
        code: i64,
        /// Whether a token was asked for.
        for_token: bool,
    },
    /// No answer came, or none that says anything.
    Away(Reason),
    /// The address is one that may not be called.
    AddressRefused,
    /// No call can be made, because of this.
    Unusable(Reason),
}

impl Trouble {
    /// The error code of WeChat, if there was one.
    pub(crate) fn code(self) -> Option<i64> {
        match self {
            Trouble::Refused { code, .. } => Some(code),
            Trouble::Away(_) | Trouble::AddressRefused | Trouble::Unusable(_) => None,
        }
    }

    /// Whether the same call may succeed some time later.
    pub(crate) fn may_pass(self) -> bool {
        match self {
            Trouble::Refused { code: -1 | 45009 | 45011, .. } | Trouble::Away(_) => true,
            // Somebody else renews the token all the time; asked for a token, it is the secret.
            Trouble::Refused { code, for_token } => !for_token && is_about_token(code),
            Trouble::AddressRefused | Trouble::Unusable(_) => false,
        }
    }

    /// Whether WeChat knows no fan of the openid that was sent along, or not any more.
    pub(crate) fn is_of_openid(self) -> bool {
        matches!(self, Trouble::Refused { code: 40003, for_token: false })
    }

    /// What happened, for people.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Trouble::Away(reason) | Trouble::Unusable(reason) => reason,
            Trouble::AddressRefused => Reason::Private,
            Trouble::Refused { code, for_token } => match code {
                -1 => Reason::Busy,
                40013 => Reason::UnknownApp,
                40001 | 40125 if for_token => Reason::WrongSecret,
                40164 | 61004 => Reason::NotListed,
                45009 => Reason::DayUsed,
                45011 => Reason::MinuteUsed,
                48001 => Reason::NotAllowed,
                50002 => Reason::Blocked,
                _ if is_about_token(code) => Reason::TokenRefused,
                _ => Reason::Refused,
            },
        }
    }
}

/// Whether an error code says that the access token does not count (any more).
fn is_about_token(code: i64) -> bool {
    matches!(code, 40001 | 40014 | 41001 | 42001)
}

/// A page of the list of fans.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FansPage {
    /// Fans there are.
    pub(crate) total: u64,
    pub(crate) openids: Vec<Box<str>>,
    /// Behind whom the next page begins; `None` if this is the last.
    pub(crate) next: Option<Box<str>>,
}

/// A fan, as far as WeChat tells.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Fan {
    /// 0 if the account is not followed; then nothing else is told.
    pub(crate) subscribe: i64,
    pub(crate) openid: Box<str>,
    pub(crate) unionid: Option<Box<str>>,
    /// WeChat tells it no more, but for accounts of long ago.
    pub(crate) nickname: Option<Box<str>>,
    pub(crate) language: Option<Box<str>>,
    /// In seconds since 1970; of several times the last.
    pub(crate) subscribe_time: Option<i64>,
    pub(crate) remark: Option<Box<str>>,
    pub(crate) tagid_list: Vec<i64>,
    pub(crate) subscribe_scene: Option<Box<str>>,
    pub(crate) qr_scene_str: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    errcode: i64,
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: Box<str>,
    expires_in: u64,
}

#[derive(Deserialize)]
struct PageBody {
    total: u64,
    #[serde(default)]
    data: OpenidsBody,
    #[serde(default)]
    next_openid: Box<str>,
}

#[derive(Default, Deserialize)]
struct OpenidsBody {
    #[serde(default)]
    openid: Vec<Box<str>>,
}

#[derive(Deserialize)]
struct FansBody {
    user_info_list: Vec<Fan>,
}

#[derive(Deserialize)]
struct TagsBody {
    tags: Vec<TagBody>,
}

#[derive(Deserialize)]
struct TagBody {
    id: i64,
    name: Box<str>,
}

impl Client {
    pub(crate) fn new(options: &Options) -> Result<Client, reqwest::Error> {
        let reach = Reach { private: options.private };
        Ok(Client {
            http: calls::http(reach, options.time_limit)?,
            base: options.base.clone(),
            reach,
            token_kind: options.token,
            tokens: Mutex::default(),
        })
    }

    /// A page of the list of fans, behind this one.
    pub(crate) async fn page(
        &self,
        access: &Access,
        behind: Option<&str>,
    ) -> Result<FansPage, Trouble> {
        let body: PageBody = self
            .signed(access, |token| {
                let mut url = self.url("cgi-bin/user/get", token);
                if let Some(behind) = behind {
                    url.query_pairs_mut().append_pair("next_openid", behind);
                }
                self.http.get(url)
            })
            .await?;
        let openids: Vec<Box<str>> =
            body.data.openid.into_iter().filter(|openid| !openid.is_empty()).collect();
        // The documentation has it empty behind the last page, and shows one that is not.
        let goes_on = !openids.is_empty() && !body.next_openid.is_empty();
        let next = Some(body.next_openid).filter(|next| goes_on && Some(&**next) != behind);
        Ok(FansPage { total: body.total, openids, next })
    }

    /// What WeChat tells of at most [`FANS_MAX`] fans.
    pub(crate) async fn fans(
        &self,
        access: &Access,
        openids: &[Box<str>],
    ) -> Result<Vec<Fan>, Trouble> {
        let list: Vec<_> = openids.iter().map(|openid| json!({ "openid": openid })).collect();
        let sent = json!({ "user_list": list }).to_string();
        let body: FansBody = self
            .signed(access, |token| {
                self.http.post(self.url("cgi-bin/user/info/batchget", token)).body(sent.clone())
            })
            .await?;
        Ok(body.user_info_list)
    }

    /// The names of the account's tags, by their numbers.
    pub(crate) async fn tags(&self, access: &Access) -> Result<BTreeMap<i64, Box<str>>, Trouble> {
        let body: TagsBody =
            self.signed(access, |token| self.http.get(self.url("cgi-bin/tags/get", token))).await?;
        Ok(body.tags.into_iter().map(|tag| (tag.id, tag.name)).collect())
    }

    /// A call with a token, which is renewed if WeChat says that it does not count.
    async fn signed<T: DeserializeOwned>(
        &self,
        access: &Access,
        request: impl Fn(&str) -> RequestBuilder,
    ) -> Result<T, Trouble> {
        let token = self.token(access).await?;
        let answer = self.ask(request(&token), false).await;
        let Err(Trouble::Refused { code, .. }) = answer else { return answer };
        if !is_about_token(code) {
            return answer;
        }
        let token = self.renewed(access, &token).await?;
        self.ask(request(&token), false).await
    }

    /// The token that is known, or a new one.
    async fn token(&self, access: &Access) -> Result<Box<str>, Trouble> {
        let known = self.tokens().get(access).cloned();
        if let Some(known) = known.filter(|known| known.until > Instant::now()) {
            return Ok(known.text);
        }
        self.fetch(access, false).await
    }

    /// A token in place of one that does not count any more. The stable interface gives the same one
    /// again for as long as it thinks that it counts; only then is it told to renew it, which it does
    /// twenty times a day at most.
    async fn renewed(&self, access: &Access, refused: &str) -> Result<Box<str>, Trouble> {
        let token = self.fetch(access, false).await?;
        if self.token_kind == TokenKind::Stable && &*token == refused {
            return self.fetch(access, true).await;
        }
        Ok(token)
    }

    async fn fetch(&self, access: &Access, force: bool) -> Result<Box<str>, Trouble> {
        let Access { app_id, secret } = access;
        let grant = "client_credential";
        let request = match self.token_kind {
            TokenKind::Stable => {
                let sent = json!({
                    "grant_type": grant, "appid": app_id, "secret": secret, "force_refresh": force,
                });
                self.http.post(self.path("cgi-bin/stable_token")).body(sent.to_string())
            }
            TokenKind::Plain => {
                let mut url = self.path("cgi-bin/token");
                let pairs = [("grant_type", grant), ("appid", app_id), ("secret", secret)];
                url.query_pairs_mut().extend_pairs(pairs);
                self.http.get(url)
            }
        };
        let asked = Instant::now();
        let TokenBody { access_token, expires_in } = self.ask(request, true).await?;
        let life = Duration::from_secs(expires_in.min(7200)).saturating_sub(TOKEN_MARGIN);
        let token = Token { text: access_token.clone(), until: asked + life };
        self.tokens().insert(access.clone(), token);
        Ok(access_token)
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<Access, Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path.split('/'));
        }
        url
    }

    fn url(&self, path: &str, token: &str) -> Url {
        let mut url = self.path(path);
        url.query_pairs_mut().append_pair("access_token", token);
        url
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        for_token: bool,
    ) -> Result<T, Trouble> {
        if !self.reach.allows_literal(&self.base) {
            return Err(Trouble::AddressRefused);
        }
        let answer = request.send().await.map_err(|error| away(&error))?;
        if !answer.status().is_success() {
            return Err(Trouble::Away(Reason::Status));
        }
        let body = whole(answer).await?;
        let unreadable = |_| Trouble::Away(Reason::Unreadable);
        let Verdict { errcode: code } = serde_json::from_slice(&body).map_err(unreadable)?;
        if code != 0 {
            return Err(Trouble::Refused { code, for_token });
        }
        serde_json::from_slice(&body).map_err(unreadable)
    }
}

async fn whole(mut answer: Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| away(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Trouble::Away(Reason::TooLong));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an error says about addresses is not told: they hold tokens.
fn away(error: &reqwest::Error) -> Trouble {
    use kehub_core::webhook::Reason as Call;
    match calls::reason(error) {
        Call::AddressRefused => Trouble::AddressRefused,
        Call::NotResolved => Trouble::Away(Reason::NoAddress),
        Call::NotConnected => Trouble::Away(Reason::NotConnected),
        Call::TimedOut => Trouble::Away(Reason::TimedOut),
        Call::BrokenOff | Call::Status(_) => Trouble::Away(Reason::BrokenOff),
    }
}
