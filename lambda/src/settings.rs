//! The settings, which the template gives to every function in its environment.

use purge_core::order::tenant_name;
use purge_core::region::{REGIONS, region, region_of_host};
use purge_core::request::DeletionApi;
use purge_core::url::{self, Host, Url};
use purge_driver::{Credentials, Site, Tenant};

/// Table of the ledger.
pub const TABLE: &str = "PURGE_TABLE";
/// Queue of wake-ups.
pub const CHUNK_QUEUE: &str = "PURGE_CHUNK_QUEUE_URL";
/// Queue of errands.
pub const ERRAND_QUEUE: &str = "PURGE_ERRAND_QUEUE_URL";
/// Queue of the errands that deliver messages to the webhook.
pub const WEBHOOK_QUEUE: &str = "PURGE_WEBHOOK_QUEUE_URL";
/// Bucket of requests, plans and the policy.
pub const PLANS: &str = "PURGE_PLANS_BUCKET";
/// Key of the policy in that bucket.
pub const POLICY: &str = "PURGE_POLICY_KEY";
/// Bucket of the evidence.
pub const EVIDENCE: &str = "PURGE_EVIDENCE_BUCKET";
/// Secret of the OAuth client: `{"clientSecret": …}`.
pub const CREDENTIALS: &str = "PURGE_CREDENTIALS_SECRET";
/// Secret with the webhook: `{"url": …, "secret": "whsec_…"}`; empty when there is none.
pub const WEBHOOK: &str = "PURGE_WEBHOOK_SECRET";
/// Memory of the courier, which puts the evidence together, in megabytes.
pub const COURIER_MEGABYTES: &str = "PURGE_COURIER_MEGABYTES";
/// Whether the tenant is a simulated one: `true` or `false`. Records repeat it; it does not make anything simulated.
pub const SIMULATED: &str = "PURGE_SIMULATED";
/// Id of the OAuth client.
pub const CLIENT_ID: &str = "GENESYS_CLIENT_ID";
/// Region of the tenant.
pub const REGION: &str = "GENESYS_REGION";
/// Address of the API if it is not the region's; otherwise empty.
pub const BASE_URL: &str = "GENESYS_BASE_URL";
/// Address of the login if it is not the region's; otherwise empty.
pub const LOGIN_URL: &str = "GENESYS_LOGIN_URL";

/// All settings. A test compares them with the template.
pub const ALL: [&str; 15] = [
    TABLE,
    CHUNK_QUEUE,
    ERRAND_QUEUE,
    WEBHOOK_QUEUE,
    PLANS,
    POLICY,
    EVIDENCE,
    CREDENTIALS,
    WEBHOOK,
    COURIER_MEGABYTES,
    SIMULATED,
    CLIENT_ID,
    REGION,
    BASE_URL,
    LOGIN_URL,
];

/// The settings, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Table of the ledger.
    pub table: String,
    /// Address of the queue of wake-ups.
    pub chunk_queue: String,
    /// Address of the queue of errands.
    pub errand_queue: String,
    /// Address of the queue of the errands that deliver messages to the webhook.
    pub webhook_queue: String,
    /// Bucket of requests, plans and the policy.
    pub plans: String,
    /// Key of the policy.
    pub policy: String,
    /// Bucket of the evidence.
    pub evidence: String,
    /// Secret of the OAuth client.
    pub credentials: String,
    /// Secret with the webhook.
    pub webhook: Option<String>,
    /// Memory of the courier, in megabytes.
    pub courier_megabytes: u32,
    /// The tenant.
    pub place: Place,
}

/// Where the tenant is.
#[derive(Clone, Debug)]
pub struct Place {
    site: Site,
    /// Id of the OAuth client.
    pub client_id: String,
    /// Whether the tenant is a simulated one, so that nothing real is deleted. Never true for an address of Genesys Cloud.
    pub simulated: bool,
}

impl Place {
    /// The tenant's name in records.
    #[must_use]
    pub fn name(&self) -> String {
        tenant_name(&self.site.api.to_string(), &self.client_id)
    }

    /// The region in which the data is, if it is known.
    #[must_use]
    pub fn jurisdiction(&self) -> Option<&'static str> {
        self.site.jurisdiction
    }

    /// The tenant for one deletion API. Its credentials are empty: [`crate::login`] puts them onto requests as they leave.
    #[must_use]
    pub fn tenant(&self, api: DeletionApi) -> Tenant {
        self.site.tenant(api, Credentials::new("", ""))
    }
}

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// Everything that is wrong with them, one line for each problem.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut text = |name: &str| {
            let value = get(name).filter(|value| !value.trim().is_empty());
            if value.is_none() {
                wrong.push(format!("`{name}` is not set"));
            }
            value.unwrap_or_default()
        };
        let table = text(TABLE);
        let [chunk_queue, errand_queue, webhook_queue] = [CHUNK_QUEUE, ERRAND_QUEUE, WEBHOOK_QUEUE].map(&mut text);
        let [plans, policy, evidence, credentials] = [PLANS, POLICY, EVIDENCE, CREDENTIALS].map(&mut text);
        let (courier_megabytes, simulated, client_id) = (text(COURIER_MEGABYTES), text(SIMULATED), text(CLIENT_ID));
        let courier_megabytes = courier_megabytes.parse().unwrap_or_else(|_| {
            if !courier_megabytes.is_empty() {
                wrong.push(format!("`{COURIER_MEGABYTES}` is `{courier_megabytes}`, not a number of megabytes"));
            }
            0
        });
        let simulated = match simulated.as_str() {
            "true" => true,
            "false" => false,
            other => {
                wrong.push(format!("`{SIMULATED}` is `{other}`, neither `true` nor `false`"));
                false
            }
        };
        let optional = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let place = read_place(optional, client_id, simulated, &mut wrong);
        match place {
            Some(place) if wrong.is_empty() => Ok(Self {
                table,
                chunk_queue,
                errand_queue,
                webhook_queue,
                plans,
                policy,
                evidence,
                credentials,
                webhook: optional(WEBHOOK),
                courier_megabytes,
                place,
            }),
            Some(_) | None => Err(wrong),
        }
    }
}

fn read_place(
    get: impl Fn(&str) -> Option<String>,
    client_id: String,
    simulated: bool,
    wrong: &mut Vec<String>,
) -> Option<Place> {
    let mut address = |name: &str| match url::base_url(&get(name)?) {
        Ok(address) => Some(address),
        Err(why) => {
            wrong.push(format!("`{name}`: {why}"));
            None
        }
    };
    let (base, login) = (address(BASE_URL), address(LOGIN_URL));
    let named_region = get(REGION).and_then(|text| {
        let found = region(&text);
        if found.is_none() {
            let names: Vec<_> = REGIONS.iter().map(|r| r.name).collect();
            wrong.push(format!("`{REGION}` is `{text}`, not one of {}", names.join(", ")));
        }
        found
    });
    // The setting announces a rehearsal. With a real tenant, all records would call a real deletion simulated.
    if simulated && !base.as_ref().is_some_and(is_outside_genesys_cloud) {
        wrong.push(format!(
            "`{SIMULATED}` is `true`, but `{BASE_URL}` names no simulated tenant: this setting only says what records say of the \
             tenant, and makes nothing simulated. Give the address of one that is, outside Genesys Cloud, or set it to `false`"
        ));
    }
    match Site::new(base, named_region, login) {
        Ok(Some(site)) => return Some(Place { site, client_id, simulated }),
        Ok(None) => wrong.push(format!("neither `{REGION}` nor `{BASE_URL}` is set")),
        Err(other) => {
            wrong
                .push(format!("`{REGION}` is `{}` but the host of `{BASE_URL}` is in `{}`", other.said, other.of_host));
        }
    }
    None
}

/// Whether an address is not one of Genesys Cloud.
fn is_outside_genesys_cloud(address: &Url) -> bool {
    match address.host() {
        Host::Name(name) => region_of_host(name).is_none(),
        Host::Address(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_simulated_is_not_genesys_cloud() {
        let read = |simulated: &str, base: &str| {
            Settings::read(|name: &str| match name {
                SIMULATED => Some(simulated.to_owned()),
                COURIER_MEGABYTES => Some("1024".to_owned()),
                REGION => Some("us-east-1".to_owned()),
                BASE_URL => Some(base.to_owned()),
                LOGIN_URL | WEBHOOK => None,
                _ => Some("x".to_owned()),
            })
        };
        for real in ["", "https://api.mypurecloud.com", "https://API.mypurecloud.com:8443/a"] {
            let wrong = read("true", real).unwrap_err();
            assert!(wrong.len() == 1 && wrong[0].starts_with("`PURGE_SIMULATED` is `true`, but "), "{real}: {wrong:?}");
            assert!(!read("false", real).unwrap().place.simulated, "{real}");
        }
        for simulated in ["http://127.0.0.1:8080", "https://tenant.example.com", "https://mypurecloud.com.example.com"]
        {
            assert!(read("true", simulated).unwrap().place.simulated, "{simulated}");
        }
    }

    #[test]
    fn a_region_is_enough_for_the_addresses_and_everything_wrong_is_said() {
        let get = |name: &str| match name {
            SIMULATED => Some("false".to_owned()),
            COURIER_MEGABYTES => Some("1024".to_owned()),
            REGION => Some("us-east-1".to_owned()),
            BASE_URL | LOGIN_URL | WEBHOOK => Some(String::new()),
            _ => Some("x".to_owned()),
        };
        let settings = Settings::read(get).unwrap();
        assert_eq!(settings.place.name(), "https://api.mypurecloud.com (client x)");
        assert_eq!(settings.place.jurisdiction(), Some("us-east-1"));
        let login = settings.place.tenant(DeletionApi::RecordingJobs).login.to_string();
        assert_eq!(login, "https://login.mypurecloud.com");
        assert!(settings.webhook.is_none());
        assert_eq!(settings.courier_megabytes, 1024);
        assert_eq!(Settings::read(|_| None).unwrap_err().len(), 13);
        let large = |name: &str| if name == COURIER_MEGABYTES { Some("large".to_owned()) } else { get(name) };
        assert_eq!(
            Settings::read(large).unwrap_err(),
            ["`PURGE_COURIER_MEGABYTES` is `large`, not a number of megabytes"]
        );
    }
}
