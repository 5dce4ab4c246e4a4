//! The tenant that the requests go to, and the client that sends them.

use purge_core::region::{Region, region, region_of_host};
use purge_core::request::DeletionApi;
use purge_core::url::{Host, Url, base_url};

use crate::credentials::Credentials;

/// A tenant's addresses, and the OAuth client used with it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Base address of the API.
    pub api: Url,
    /// Base address of the login.
    pub login: Url,
    /// The deletion API that is used there. The token path belongs to it.
    pub deletion_api: DeletionApi,
    /// The OAuth client's credentials.
    pub credentials: Credentials,
}

/// A tenant's addresses as the settings give them, for the command and the functions alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Base address of the API.
    pub api: Url,
    /// Base address of the login, if the settings name one.
    login: Option<Url>,
    /// The region of the data, if it is known.
    pub jurisdiction: Option<&'static str>,
}

/// The address lies in another region than the one that was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherRegion {
    /// The region that was named.
    pub said: &'static str,
    /// The region of the address.
    pub of_host: &'static str,
}

impl Site {
    /// Takes an address, or a region, whose address is known. If both are given, they are a gateway and the region behind it.
    /// `None` if neither is given.
    ///
    /// # Errors
    /// If the address lies in another region than the one that was named.
    pub fn new(base: Option<Url>, said: Option<Region>, login: Option<Url>) -> Result<Option<Self>, OtherRegion> {
        let Some(api) = base.or_else(|| base_url(&said?.api()).ok()) else { return Ok(None) };
        let of_host = match api.host() {
            Host::Name(name) => region_of_host(name).map(|region| region.name),
            Host::Address(_) => None,
        };
        let said = said.map(|region| region.name);
        match (of_host, said) {
            (Some(of_host), Some(said)) if of_host != said => Err(OtherRegion { said, of_host }),
            (of_host, said) => Ok(Some(Self { api, login, jurisdiction: of_host.or(said) })),
        }
    }

    /// The tenant for one deletion API. It logs in at the address in the settings; without one, `recordingJobs` logs in at the
    /// login host of the region, if the API's host has one, and everything else at the API itself.
    #[must_use]
    pub fn tenant(&self, api: DeletionApi, credentials: Credentials) -> Tenant {
        let of_region = match (api, self.api.host()) {
            (DeletionApi::RecordingJobs, Host::Name(name)) => login_host(name),
            (DeletionApi::RecordingJobs, Host::Address(_)) | (DeletionApi::DataDeletion, _) => None,
        };
        let login = self.login.clone().or(of_region).unwrap_or_else(|| self.api.clone());
        Tenant { api: self.api.clone(), login, deletion_api: api, credentials }
    }
}

/// The login host of a regional API host: `login.{domain}` for `api.{domain}`.
fn login_host(api_host: &str) -> Option<Url> {
    let domain = api_host.strip_prefix("api.")?;
    region(domain).and_then(|region| base_url(&format!("https://login.{}", region.domain)).ok())
}
