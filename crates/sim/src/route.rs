//! Finds the operation that a request asks for.

use purge_core::http::Method;

use crate::error::ApiError;
use crate::fault::Call;

/// An operation with the ids of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Token,
    DeletionSubmit,
    DeletionStatus(String),
    DetailsQuery,
    DetailsByIds,
    Inquire,
    Inquiry(String),
    InquiryResult(String),
    JobCreate,
    JobList,
    JobGet(String),
    JobExecute(String),
    JobCancel(String),
    JobFailed(String),
    Metadata(String),
    RecordingUpdate(String, String),
    ProtectionRead,
    ProtectionWrite,
    Organization,
}

impl Route {
    /// The operation, or 404 for an unknown path and 405 for a method that the path does not have.
    pub(crate) fn of(method: Method, segments: &[String]) -> Result<Self, ApiError> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let Some(route) = Self::find(method, &segments) {
            return Ok(route);
        }
        let methods = [Method::Get, Method::Post, Method::Put, Method::Delete];
        let allowed: Vec<&str> =
            methods.into_iter().filter(|m| Self::find(*m, &segments).is_some()).map(Method::as_str).collect();
        if allowed.is_empty() {
            return Err(ApiError::not_found());
        }
        let message = format!("The method [{}] is not allowed here.", method.as_str());
        Err(ApiError::new(405, "method.not.allowed", message).header("allow", allowed.join(", ")))
    }

    fn find(method: Method, segments: &[&str]) -> Option<Self> {
        if let ["oauth", "token"] | ["login", "oauth", "v2", "token"] = segments {
            return (method == Method::Post).then_some(Self::Token);
        }
        let ["api", "v2", rest @ ..] = segments else { return None };
        match method {
            Method::Get => Self::find_get(rest),
            Method::Post => match rest {
                ["data", "deletion", "requests"] => Some(Self::DeletionSubmit),
                ["analytics", "conversations", "details", "query"] => Some(Self::DetailsQuery),
                ["analytics", "conversations", "details", "jobs"] => Some(Self::Inquire),
                ["recording", "jobs"] => Some(Self::JobCreate),
                ["recordings", "deletionprotection"] => Some(Self::ProtectionRead),
                _ => None,
            },
            Method::Put => match rest {
                ["recording", "jobs", id] => Some(Self::JobExecute((*id).to_owned())),
                ["recordings", "deletionprotection"] => Some(Self::ProtectionWrite),
                ["conversations", conversation, "recordings", recording] => {
                    Some(Self::RecordingUpdate((*conversation).to_owned(), (*recording).to_owned()))
                }
                _ => None,
            },
            Method::Delete => match rest {
                ["recording", "jobs", id] => Some(Self::JobCancel((*id).to_owned())),
                _ => None,
            },
        }
    }

    fn find_get(rest: &[&str]) -> Option<Self> {
        match rest {
            ["data", "deletion", "requests", id] => Some(Self::DeletionStatus((*id).to_owned())),
            ["analytics", "conversations", "details"] => Some(Self::DetailsByIds),
            ["analytics", "conversations", "details", "jobs", id] => Some(Self::Inquiry((*id).to_owned())),
            ["analytics", "conversations", "details", "jobs", id, "results"] => {
                Some(Self::InquiryResult((*id).to_owned()))
            }
            ["recording", "jobs"] => Some(Self::JobList),
            ["recording", "jobs", id] => Some(Self::JobGet((*id).to_owned())),
            ["recording", "jobs", id, "failedrecordings"] => Some(Self::JobFailed((*id).to_owned())),
            ["conversations", id, "recordingmetadata"] => Some(Self::Metadata((*id).to_owned())),
            ["organizations", "me"] => Some(Self::Organization),
            _ => None,
        }
    }

    /// The kind of call that it counts as.
    pub(crate) fn call(&self) -> Call {
        match self {
            Self::Token => Call::Token,
            Self::DeletionSubmit => Call::Submit,
            Self::DeletionStatus(_) => Call::Status,
            Self::DetailsQuery => Call::Count,
            Self::DetailsByIds => Call::Details,
            Self::Inquire | Self::Inquiry(_) | Self::InquiryResult(_) => Call::Inquiry,
            Self::JobCreate => Call::JobCreate,
            Self::JobList => Call::JobList,
            Self::JobGet(_) => Call::JobGet,
            Self::JobExecute(_) => Call::JobExecute,
            Self::JobCancel(_) => Call::JobCancel,
            Self::JobFailed(_) => Call::JobFailed,
            Self::Metadata(_) | Self::RecordingUpdate(..) => Call::Metadata,
            Self::ProtectionRead | Self::ProtectionWrite => Call::Protection,
            Self::Organization => Call::Organization,
        }
    }

    /// The permissions that the operation needs, all of them.
    pub(crate) fn permissions(&self) -> &'static [&'static str] {
        match self {
            Self::Token | Self::ProtectionRead | Self::Organization => &[],
            Self::DeletionSubmit => &["data:deletion:manage", "retention:manage"],
            Self::DeletionStatus(_) => &["data:deletion:manage"],
            Self::DetailsQuery | Self::DetailsByIds | Self::Inquire | Self::Inquiry(_) | Self::InquiryResult(_) => {
                &["analytics:conversationDetail:view"]
            }
            Self::JobCreate => &["recording:job:add"],
            Self::JobList | Self::JobGet(_) | Self::JobFailed(_) => &["recording:job:view"],
            Self::JobExecute(_) => &[
                "recording:job:edit",
                "recording:recording:editRetention",
                "recording:screenRecording:editRetention",
                "recording:snippetRecording:editRetention",
            ],
            Self::JobCancel(_) => &["recording:job:delete"],
            Self::Metadata(_) => &["recording:recording:view"],
            Self::RecordingUpdate(..) => &["recording:recording:view", "recording:recording:editRetention"],
            Self::ProtectionWrite => &["recording:deletionProtection:apply"],
        }
    }
}
