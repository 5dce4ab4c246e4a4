//! The closed list of Genesys Cloud regions, their domains, and what a host name says about its region.
//!
//! Source: the host lists of the vendor's public SDKs (JavaScript 262, Python 269) and Terraform provider, which agree.

/// A Genesys Cloud region: where an organisation's data lives. The request's `jurisdiction` is one of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// AWS region name, for example `us-east-1`.
    pub name: &'static str,
    /// Domain: the API is at `api.{domain}`, the login at `login.{domain}`.
    pub domain: &'static str,
}

impl Region {
    /// Address of the API, in the form that names the tenant of a run: `https://api.mypurecloud.ie`.
    #[must_use]
    pub fn api(&self) -> String {
        format!("https://api.{}", self.domain)
    }
}

/// Every public region.
pub const REGIONS: [Region; 18] = [
    Region { name: "us-east-1", domain: "mypurecloud.com" },
    Region { name: "us-east-2", domain: "use2.us-gov-pure.cloud" },
    Region { name: "us-west-2", domain: "usw2.pure.cloud" },
    Region { name: "ca-central-1", domain: "cac1.pure.cloud" },
    Region { name: "sa-east-1", domain: "sae1.pure.cloud" },
    Region { name: "mx-central-1", domain: "mxc1.pure.cloud" },
    Region { name: "eu-west-1", domain: "mypurecloud.ie" },
    Region { name: "eu-west-2", domain: "euw2.pure.cloud" },
    Region { name: "eu-central-1", domain: "mypurecloud.de" },
    Region { name: "eu-central-2", domain: "euc2.pure.cloud" },
    Region { name: "eusc-de-east-1", domain: "edee1.eusc-pure.cloud" },
    Region { name: "me-central-1", domain: "mec1.pure.cloud" },
    Region { name: "ap-south-1", domain: "aps1.pure.cloud" },
    Region { name: "ap-southeast-1", domain: "apse1.pure.cloud" },
    Region { name: "ap-southeast-2", domain: "mypurecloud.com.au" },
    Region { name: "ap-northeast-1", domain: "mypurecloud.jp" },
    Region { name: "ap-northeast-2", domain: "apne2.pure.cloud" },
    Region { name: "ap-northeast-3", domain: "apne3.pure.cloud" },
];

/// The region of exactly that name (`eu-west-1`) or domain (`mypurecloud.ie`).
#[must_use]
pub fn region(name_or_domain: &str) -> Option<Region> {
    REGIONS.into_iter().find(|r| r.name == name_or_domain || r.domain == name_or_domain)
}

/// The region that a host such as `api.mypurecloud.ie` belongs to; `None` for a gateway or a test server.
#[must_use]
pub fn region_of_host(host: &str) -> Option<Region> {
    let host = host.to_ascii_lowercase();
    REGIONS.into_iter().find(|r| host.strip_suffix(r.domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_belong_to_their_region_and_lookalikes_to_none() {
        for (host, name) in [
            ("api.mypurecloud.com", Some("us-east-1")),
            ("API.MYPURECLOUD.COM.AU", Some("ap-southeast-2")),
            ("login.euw2.pure.cloud", Some("eu-west-2")),
            ("mypurecloud.ie", Some("eu-west-1")),
            ("evilmypurecloud.com", None),
            ("api.mypurecloud.com.example.org", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region_of_host(host).map(|r| r.name), name, "{host}");
        }
    }

    #[test]
    fn the_address_of_a_region_is_the_one_that_settings_give() {
        for region in REGIONS {
            assert_eq!(crate::url::base_url(&region.api()).map(|url| url.to_string()), Ok(region.api()));
        }
    }
}
