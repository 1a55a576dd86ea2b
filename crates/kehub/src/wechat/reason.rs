//! Why a call of WeChat came to nothing. The sentence of each stands here, once: the store and the API have it, and
//! pages in another language know by it which one it is.

/// Makes an enum, with the sentence of each.
macro_rules! reasons {
    ($($(#[doc = $about:literal])* $name:ident $text:literal;)*) => {
        /// Why a call came to nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $($(#[doc = $about])* $name,)*
        }

        impl Reason {
            /// All of them.
            const ALL: &[Reason] = &[$(Reason::$name,)*];

            /// What happened, for people.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }

            /// The one of this sentence.
            pub(crate) fn named(text: &str) -> Option<Reason> {
                Reason::ALL.iter().copied().find(|reason| reason.text() == text)
            }
        }
    };
}

reasons! {
    /// WeChat answered with a status that is no success.
    Status "WeChat answered with a status that is no success";
    /// What WeChat answered cannot be read.
    Unreadable "what WeChat answered cannot be read";
    /// What WeChat answered is too long.
    TooLong "what WeChat answered is too long";
    /// The host of WeChat has no address.
    NoAddress "the host of WeChat has no address";
    /// No connection to WeChat came about.
    NotConnected "no connection to WeChat came about";
    /// WeChat did not answer in time.
    TimedOut "WeChat did not answer in time";
    /// The connection to WeChat broke off.
    BrokenOff "the connection to WeChat broke off";
    /// The secret of the account does not open.
    Sealed "the secret of the account does not open";
    /// No calls can be made.
    NoCalls "no calls can be made";
    /// The base address of WeChat leads into a private network, which the setting wechat-allow-private does not allow.
    Private "the base address of WeChat leads into a private network, which the setting wechat-allow-private does not allow";
    /// WeChat is busy.
    Busy "WeChat is busy";
    /// WeChat knows no account of this app id.
    UnknownApp "WeChat knows no account of this app id";
    /// The app secret is not the one of this account.
    WrongSecret "the app secret is not the one of this account";
    /// The address of this hub is not in the IP white list of the account.
    NotListed "the address of this hub is not in the IP white list of the account";
    /// The account has used up its calls of the day.
    DayUsed "the account has used up its calls of the day";
    /// The account has used up its calls of the minute.
    MinuteUsed "the account has used up its calls of the minute";
    /// The account may not use this interface.
    NotAllowed "the account may not use this interface";
    /// The account is blocked.
    Blocked "the account is blocked";
    /// The access token does not count, though it was renewed.
    TokenRefused "the access token does not count, though it was renewed";
    /// WeChat refused the call.
    Refused "WeChat refused the call";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_its_sentence() {
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.text()), Some(*reason));
        }
        assert_eq!(Reason::named("WeChat"), None);
    }
}
