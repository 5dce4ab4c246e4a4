//! The OAuth client's credentials, kept out of every log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Id and secret of an OAuth client with the client-credentials grant.
#[derive(Clone)]
pub struct Credentials {
    client_id: String,
    client_secret: String,
}

impl Credentials {
    /// Takes both texts as the administrator gave them.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), client_secret: client_secret.into() }
    }

    /// The client's id, which names the client and is no secret.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The value of an `Authorization: Basic` header (RFC 7617).
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret)))
    }
}

impl fmt::Debug for Credentials {
    /// Shows neither id nor secret: what is printed by accident should be worth nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
