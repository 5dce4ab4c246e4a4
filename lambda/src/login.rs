//! Puts credentials onto requests as they leave. They are read from Secrets Manager once, and again when the login refuses them.

use std::cell::RefCell;
use std::future::Future;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purge_core::http::{HttpResponse, NoResponse};
use purge_core::url::{self, Url};
use purge_core::webhook::Secrets;
use purge_driver::echo::without_credentials;
use purge_driver::{Http, WireRequest};
use serde::Deserialize;

use crate::clients::Lazy;

/// Reads secrets.
pub trait Vault {
    /// The text of a secret.
    ///
    /// # Errors
    /// Why it cannot be read, without any of its text.
    fn read(&self, name: &str) -> impl Future<Output = Result<String, String>>;
}

/// AWS Secrets Manager.
#[derive(Clone, Debug)]
pub struct SecretsManager(pub Lazy<Client>);

impl Vault for SecretsManager {
    async fn read(&self, name: &str) -> Result<String, String> {
        let got = self.0.get_secret_value().secret_id(name).send().await;
        let got = got.map_err(|error| DisplayErrorContext(error).to_string())?;
        got.secret_string.ok_or_else(|| "it holds no text".to_owned())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientSecret {
    client_secret: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WebhookSecret {
    url: String,
    #[serde(default)]
    secret: Option<String>,
}

/// Where messages to the governance system go, and how they are signed.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Address.
    pub url: Url,
    /// Signing keys; without them messages go out unsigned.
    pub secrets: Option<Secrets>,
}

/// Reads the webhook's secret.
///
/// # Errors
/// Why it cannot be used, without any of its text.
pub async fn webhook(vault: &impl Vault, name: &str) -> Result<Webhook, String> {
    let text = vault.read(name).await?;
    let secret: WebhookSecret =
        serde_json::from_str(&text).map_err(|_| "it is not `{\"url\": …, \"secret\": …}`".to_owned())?;
    let url = url::webhook_url(&secret.url).map_err(|why| why.to_string())?;
    let secrets = secret.secret.map(|text| Secrets::parse(&text)).transpose().map_err(|why| why.to_string())?;
    Ok(Webhook { url, secrets })
}

/// Puts the client's credentials onto every login request.
#[derive(Debug)]
pub struct WithCredentials<H, V> {
    http: H,
    vault: V,
    client_id: String,
    secret: String,
    /// The value of the `authorization` header; never shown.
    basic: RefCell<Option<Basic>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Basic(String);

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Basic(..)")
    }
}

impl<H: Http, V: Vault> WithCredentials<H, V> {
    /// Sends with `http`, as the client `client_id`; `secret` is the name of its secret in the vault.
    pub fn new(http: H, vault: V, client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { http, vault, client_id: client_id.into(), secret: secret.into(), basic: RefCell::new(None) }
    }

    async fn read_credentials(&self) -> Result<Basic, NoResponse> {
        let text = self.vault.read(&self.secret).await.map_err(|why| {
            tracing::error!(%why, "the client's credentials cannot be read");
            NoResponse::NotSent
        })?;
        let client: ClientSecret = serde_json::from_str(&text).map_err(|_| {
            tracing::error!("the client's secret is not `{{\"clientSecret\": …}}`");
            NoResponse::NotSent
        })?;
        let basic = Basic(format!("Basic {}", STANDARD.encode(format!("{}:{}", self.client_id, client.client_secret))));
        self.basic.replace(Some(basic.clone()));
        Ok(basic)
    }

    async fn send_login(&self, mut request: WireRequest, basic: &Basic) -> Result<HttpResponse, NoResponse> {
        for (name, value) in &mut request.headers {
            if name == "authorization" {
                value.clone_from(&basic.0);
            }
        }
        // The driver does not know these credentials, so it could not remove them from the answer.
        self.http.send(request).await.map(|answer| without_credentials(answer, &basic.0))
    }
}

impl<H: Http, V: Vault> Http for WithCredentials<H, V> {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let is_login =
            request.headers.iter().any(|(name, value)| name == "authorization" && value.starts_with("Basic "));
        if !is_login {
            return self.http.send(request).await;
        }
        let known = self.basic.borrow().clone();
        let basic = match known.clone() {
            Some(basic) => basic,
            None => self.read_credentials().await?,
        };
        let answer = self.send_login(request.clone(), &basic).await?;
        // The secret may have been changed since it was read.
        if matches!(answer.status, 400 | 401) && known.is_some() {
            let fresh = self.read_credentials().await?;
            if fresh != basic {
                return self.send_login(request, &fresh).await;
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use purge_core::http::Method;
    use serde_json::json;

    use super::*;

    struct Rotated(Cell<u32>);

    impl Vault for &Rotated {
        async fn read(&self, _name: &str) -> Result<String, String> {
            self.0.set(self.0.get() + 1);
            Ok(json!({"clientSecret": format!("secret-{}", self.0.get())}).to_string())
        }
    }

    /// Accepts one secret, and repeats the header that it was sent.
    struct Login(Cell<u32>);

    impl Http for &Login {
        async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
            let right = format!("Basic {}", STANDARD.encode(format!("id:secret-{}", self.0.get())));
            let (_, sent) = &request.headers[0];
            Ok(HttpResponse::json(if *sent == right { 200 } else { 401 }, &json!({ "error_description": sent })))
        }
    }

    fn request() -> WireRequest {
        WireRequest {
            method: Method::Post,
            url: "https://login.example.com/oauth/token".to_owned(),
            headers: vec![("authorization".to_owned(), "Basic Og==".to_owned())],
            body: b"x".to_vec(),
            timeout: Duration::from_secs(1),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_login_that_repeats_what_it_was_sent_tells_nobody() {
        let (vault, login) = (Rotated(Cell::new(0)), Login(Cell::new(7)));
        let http = WithCredentials::new(&login, &vault, "id", "secret");
        // Once with the secret that was read first, once with the one that was read again.
        for _ in 0..2 {
            let answer = http.send(request()).await.unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"error_description":"Basic …"}"#));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_changed_secret_is_read_again_and_an_unchanged_one_is_not() {
        let (vault, login) = (Rotated(Cell::new(0)), Login(Cell::new(1)));
        let http = WithCredentials::new(&login, &vault, "id", "secret");
        let request = request();
        for _ in 0..3 {
            assert_eq!(http.send(request.clone()).await.unwrap().status, 200);
        }
        assert_eq!(vault.0.get(), 1);
        login.0.set(2);
        assert_eq!(http.send(request.clone()).await.unwrap().status, 200);
        assert_eq!(vault.0.get(), 2);
        assert!(!format!("{:?}", http.basic).contains("aWQ"));
    }
}
