//! Which tenant the requests go to, and as whom.

use purge_core::oauth::LoginStyle;
use purge_core::url::Url;

use crate::credentials::Credentials;

/// A tenant's addresses and the client that speaks to it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Base address of the API.
    pub api: Url,
    /// Base address of the login.
    pub login: Url,
    /// Which token path the login has.
    pub login_style: LoginStyle,
    /// Who asks.
    pub credentials: Credentials,
}
