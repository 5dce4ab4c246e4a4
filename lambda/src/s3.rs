//! S3: reads and writes whole objects, over the HTTP client that the functions use anyway. AWS's own library signs the requests.
//!
//! The SDK's S3 client can do a hundred other things. For these two operations it would be the largest part of the binary and its
//! build.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purge_core::http::{HttpResponse, Method, NoResponse, encode_segment};
use purge_core::time::Timestamp;
use purge_driver::{Clock, Http, WireRequest};
use sha2::{Digest as _, Sha256};

use crate::bucket::{Bucket, BucketError};

/// The longest object that is read, in bytes. A manifest grows with the chunks of its run.
pub const LONGEST_OBJECT: usize = 64 * 1024 * 1024;
/// How long one attempt may take, apart from the time for sending the body.
const ATTEMPT: Duration = Duration::from_secs(30);
/// How many bytes a slow network sends in a second. Lambda's is about three times as fast.
const SLOW_BYTES_PER_SECOND: u64 = 20_000_000;
/// Attempts at most. Reading or writing a whole object may be repeated at will.
const ATTEMPTS: u32 = 4;
/// The pause before the second attempt; before each further attempt it is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// How many characters of an answer go into an error at most.
const QUOTED: usize = 300;

/// An S3 bucket.
#[derive(Clone, Debug)]
pub struct S3Bucket<H, C> {
    http: H,
    clock: C,
    credentials: SharedCredentialsProvider,
    region: String,
    /// Address of the bucket, without a slash at the end.
    address: String,
}

/// The part of the configuration that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment names no {0} of AWS")]
pub struct NotConfigured(&'static str);

impl<H: Http, C: Clock> S3Bucket<H, C> {
    /// The bucket of that name, in the region of the configuration.
    ///
    /// # Errors
    /// When the configuration has no region or no credentials.
    pub fn new(http: H, clock: C, aws: &SdkConfig, name: &str) -> Result<Self, NotConfigured> {
        let region = aws.region().ok_or(NotConfigured("region"))?.to_string();
        let credentials = aws.credentials_provider().ok_or(NotConfigured("credentials"))?;
        let address = match aws.endpoint_url() {
            Some(endpoint) => format!("{}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.s3.{region}.{}", domain(&region)),
        };
        Ok(Self { http, clock, credentials, region, address })
    }

    /// Sends a request until the answer is one that another attempt would not change, or the attempts are used up.
    async fn send(&self, method: Method, key: &str, query: &str, body: &[u8]) -> Result<HttpResponse, BucketError> {
        let failed = |why: String| BucketError { key: key.to_owned(), why };
        let mut pause = PAUSE;
        let mut why = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                self.clock.sleep(pause).await;
                pause *= 2;
            }
            let request = self.sign_request(method, key, query, body).await.map_err(failed)?;
            match self.send_once(request).await {
                Ok(answer) if answer.status < 500 && answer.status != 429 => return Ok(answer),
                Ok(answer) => why = describe_error(&answer),
                Err(error) => why = format!("no answer: {error:?}"),
            }
        }
        Err(failed(format!("{why}, {ATTEMPTS} times")))
    }

    async fn send_once(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let late = std::pin::pin!(self.clock.sleep(request.timeout));
        let answer = std::pin::pin!(self.http.send(request));
        match futures_util::future::select(answer, late).await {
            futures_util::future::Either::Left((answer, _)) => answer,
            futures_util::future::Either::Right(((), _)) => Err(NoResponse::TimedOut),
        }
    }

    /// A request with signature version 4, which covers the body and every header. A bucket with an object lock requires the
    /// checksum.
    async fn sign_request(&self, method: Method, key: &str, query: &str, body: &[u8]) -> Result<WireRequest, String> {
        let credentials = self.credentials.provide_credentials().await.map_err(|why| why.to_string())?;
        let url = format!("{}/{}{query}", self.address, path(key));
        let mut headers = Vec::new();
        if method == Method::Put {
            let kind = if key.ends_with(".json") { "application/json" } else { "text/plain; charset=utf-8" };
            headers.push(("content-type".to_owned(), kind.to_owned()));
            headers.push(("x-amz-checksum-sha256".to_owned(), STANDARD.encode(Sha256::digest(body))));
        }
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(system_time(self.clock.now()))
            .settings(settings)
            .build()
            .map_err(|why| why.to_string())?
            .into();
        let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(method.as_str(), url.as_str(), named, SignableBody::Bytes(body))
            .map_err(|why| why.to_string())?;
        let (instructions, _) = sign(request, &parameters).map_err(|why| why.to_string())?.into_parts();
        headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        let timeout =
            ATTEMPT + Duration::from_secs(u64::try_from(body.len()).unwrap_or_default() / SLOW_BYTES_PER_SECOND);
        Ok(WireRequest { method, url, headers, body: body.to_vec(), timeout })
    }

    async fn get(&self, key: &str, query: &str, nothing: &str) -> Result<Option<String>, BucketError> {
        let answer = self.send(Method::Get, key, query, &[]).await?;
        let failed = |why: String| BucketError { key: key.to_owned(), why };
        match answer.status {
            // Bytes that are not UTF-8 were replaced when the answer was read, so this is not the object's text.
            200 if answer.body.contains(char::REPLACEMENT_CHARACTER) => Err(failed("it is not UTF-8".to_owned())),
            200 => Ok(Some(answer.body)),
            404 if xml_text(&answer.body, "Code") == Some(nothing) => Ok(None),
            _ => Err(failed(describe_error(&answer))),
        }
    }
}

impl<H: Http + fmt::Debug, C: Clock + fmt::Debug> Bucket for S3Bucket<H, C> {
    async fn read(&self, key: &str) -> Result<Option<String>, BucketError> {
        self.get(key, "", "NoSuchKey").await
    }

    async fn read_version(&self, key: &str, version: &str) -> Result<Option<String>, BucketError> {
        self.get(key, &format!("?versionId={}", encode_segment(version)), "NoSuchVersion").await
    }

    async fn write(&self, key: &str, text: String) -> Result<(), BucketError> {
        let answer = self.send(Method::Put, key, "", text.as_bytes()).await?;
        match answer.status {
            200 => Ok(()),
            _ => Err(BucketError { key: key.to_owned(), why: describe_error(&answer) }),
        }
    }
}

/// The domain of AWS for a region. China's regions have a domain of their own.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or_default())
}

/// A key as a path, of which all but the slashes is encoded, as the signature requires.
fn path(key: &str) -> String {
    key.split('/').map(encode_segment).collect::<Vec<_>>().join("/")
}

/// The error that an answer reports, for the log.
fn describe_error(answer: &HttpResponse) -> String {
    let text = match (xml_text(&answer.body, "Code"), xml_text(&answer.body, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => answer.body.clone(),
    };
    format!("S3 answered {} {}", answer.status, text.chars().take(QUOTED).collect::<String>())
}

/// The text of an element in S3's error document, which is not nested.
fn xml_text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_dynamodb::config::Credentials;

    use super::*;

    /// Gives these answers in turn, and keeps the requests that it was sent.
    #[derive(Debug, Default)]
    struct Scripted {
        answers: RefCell<VecDeque<Result<HttpResponse, NoResponse>>>,
        sent: RefCell<Vec<WireRequest>>,
    }

    impl Http for Scripted {
        async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
            self.sent.borrow_mut().push(request);
            self.answers.borrow_mut().pop_front().unwrap_or(Err(NoResponse::NotSent))
        }
    }

    /// A clock that stands still. A pause between attempts is over at once; a time limit never is.
    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            // 2013-05-24T00:00:00Z, the day of the examples in AWS's description of the signature.
            Timestamp::from_millis(1_369_353_600_000)
        }

        async fn sleep_until(&self, at: Timestamp) {
            self.sleep(at.since(self.now())).await;
        }

        fn steady(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, time: Duration) {
            if time >= ATTEMPT {
                std::future::pending::<()>().await;
            }
        }
    }

    fn answer(status: u16, body: &str) -> Result<HttpResponse, NoResponse> {
        Ok(HttpResponse { status, headers: Vec::new(), body: body.to_owned() })
    }

    async fn bucket(
        endpoint: Option<&str>,
        answers: impl IntoIterator<Item = Result<HttpResponse, NoResponse>>,
    ) -> S3Bucket<Scripted, Still> {
        let keys =
            Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test");
        let mut aws = SdkConfig::builder();
        aws.set_behavior_version(Some(BehaviorVersion::latest()));
        aws.set_region(Some(Region::new("us-east-1")));
        aws.set_endpoint_url(endpoint.map(str::to_owned));
        aws.set_credentials_provider(Some(SharedCredentialsProvider::new(keys)));
        let http = Scripted { answers: RefCell::new(answers.into_iter().collect()), ..Scripted::default() };
        S3Bucket::new(http, Still, &aws.build(), "examplebucket").unwrap()
    }

    fn header<'a>(request: &'a WireRequest, name: &str) -> &'a str {
        request.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn requests_are_addressed_and_signed_as_s3_requires() {
        let s3 = bucket(None, [answer(200, "text"), answer(200, "")]).await;
        assert_eq!(s3.read("test.txt").await, Ok(Some("text".to_owned())));
        s3.write("plans/q1 2023+é.json", "{}".to_owned()).await.unwrap();
        let sent = s3.http.sent.borrow();
        assert_eq!(sent[0].url, "https://examplebucket.s3.us-east-1.amazonaws.com/test.txt");
        assert_eq!(sent[1].url, "https://examplebucket.s3.us-east-1.amazonaws.com/plans/q1%202023%2B%C3%A9.json");
        assert_eq!(header(&sent[0], "x-amz-date"), "20130524T000000Z");
        // What botocore, AWS's client for Python, signs for the same keys, time, address and headers.
        let scope = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
        let get = "SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
                   Signature=2e46714501b0d9bc603dc14b792d5c58689e101d7de843b268d12fa638eb4bda";
        let put = "SignedHeaders=content-type;host;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date, \
                   Signature=245538d23bbbfbe615d655e8164873695c845b8b02616145b4f59eab5cde2012";
        assert_eq!(header(&sent[0], "authorization"), format!("{scope}, {get}"));
        assert_eq!(header(&sent[1], "authorization"), format!("{scope}, {put}"));
        assert_eq!(header(&sent[1], "content-type"), "application/json");
        assert_eq!(header(&sent[1], "x-amz-checksum-sha256"), "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=");
        let hex = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(header(&sent[1], "x-amz-content-sha256"), hex);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_version_is_asked_for_by_its_id_and_may_be_gone() {
        let gone = "<Error><Code>NoSuchVersion</Code><Message>why</Message></Error>";
        let s3 = bucket(None, [answer(200, "text"), answer(404, gone), answer(404, "<Code>NoSuchKey</Code>")]).await;
        let version = "3/L4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo";
        assert_eq!(s3.read_version("plans/q1.json", version).await, Ok(Some("text".to_owned())));
        assert_eq!(s3.read_version("plans/q1.json", version).await, Ok(None));
        assert!(s3.read_version("plans/q1.json", version).await.is_err(), "something else is missing");
        let sent = s3.http.sent.borrow();
        let of = "?versionId=3%2FL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY%2BMTRCxf3vjVBH40Nr8X8gdRQBpUMLUo";
        assert_eq!(sent[0].url, format!("https://examplebucket.s3.us-east-1.amazonaws.com/plans/q1.json{of}"));
        // By botocore, as above.
        let signature = "Signature=598c824d019d73ebfcf2ee93cdad472ae8713ef4240a78353a1210e780509bf8";
        assert!(header(&sent[0], "authorization").ends_with(signature), "{}", header(&sent[0], "authorization"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn another_address_has_the_bucket_in_its_path() {
        let s3 = bucket(Some("http://127.0.0.1:4566/"), [answer(200, "")]).await;
        s3.write("a/b.txt", String::new()).await.unwrap();
        assert_eq!(s3.http.sent.borrow()[0].url, "http://127.0.0.1:4566/examplebucket/a/b.txt");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_long_may_take_longer() {
        let s3 = bucket(None, [answer(200, ""), answer(200, "")]).await;
        s3.write("short", "text".to_owned()).await.unwrap();
        s3.write("long", "x".repeat(60_000_000)).await.unwrap();
        let times: Vec<_> = s3.http.sent.borrow().iter().map(|request| request.timeout.as_secs()).collect();
        assert_eq!(times, [30, 33]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_a_missing_key_is_nothing() {
        let error = |code: &str| format!("<?xml?><Error><Code>{code}</Code><Message>why</Message></Error>");
        let s3 = bucket(None, [answer(404, &error("NoSuchKey"))]).await;
        assert_eq!(s3.read("k").await, Ok(None));
        for (status, code) in [(404, "NoSuchBucket"), (403, "AccessDenied"), (301, "PermanentRedirect")] {
            let s3 = bucket(None, [answer(status, &error(code)), answer(status, &error(code))]).await;
            let why = s3.read("k").await.unwrap_err().to_string();
            assert_eq!(why, format!("`k`: S3 answered {status} {code}: why"));
            assert!(s3.write("k", String::new()).await.is_err());
        }
        let s3 = bucket(None, [answer(200, "a\u{fffd}b")]).await;
        assert_eq!(s3.read("k").await.unwrap_err().why, "it is not UTF-8");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_may_pass_is_tried_again_and_not_for_ever() {
        let passing = || [answer(503, "<Code>SlowDown</Code>"), Err(NoResponse::Dropped), Err(NoResponse::NotSent)];
        let s3 = bucket(None, passing().into_iter().chain([answer(200, "text")])).await;
        assert_eq!(s3.read("k").await, Ok(Some("text".to_owned())));
        let s3 = bucket(None, passing().into_iter().chain([answer(500, "no"), answer(200, "")])).await;
        assert_eq!(s3.write("k", String::new()).await.unwrap_err().why, "S3 answered 500 no, 4 times");
        assert_eq!(s3.http.sent.borrow().len(), 4);
    }
}
