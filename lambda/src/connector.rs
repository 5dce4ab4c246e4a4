//! Connects the AWS SDK to the HTTP client that the functions use anyway, with one pool and one list of authorities.
//!
//! The SDK would make an HTTP client for each of its clients, and read the machine's list of authorities every time. That was most
//! of the start-up time of a function.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse as SdkResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::ErrorKind;
use purge_core::http::{HttpResponse, Method, NoResponse};
use purge_driver::{Http as _, HttpsClient, WireRequest};

use crate::clients::ATTEMPT;

/// An HTTP client for the SDK that sends every request through `client`. The SDK's time limits apply; `client`
/// itself has none.
#[must_use]
pub fn over(client: HttpsClient) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(HttpsClient);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = to_wire_request(request).await?;
            let response = client.send(request).await.map_err(to_connector_error)?;
            to_sdk_response(response)
        })
    }
}

async fn to_wire_request(request: HttpRequest) -> Result<WireRequest, ConnectorError> {
    let method = match request.method() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => return Err(ConnectorError::user(format!("`{other}` is not a method that is sent").into())),
    };
    let url = request.uri().to_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = ByteStream::new(request.into_body()).collect().await;
    let body = body.map_err(|why| ConnectorError::user(why.into()))?.to_vec();
    Ok(WireRequest { method, url, headers, body, timeout: ATTEMPT })
}

fn to_sdk_response(response: HttpResponse) -> Result<SdkResponse, ConnectorError> {
    let unreadable = |why: aws_smithy_runtime_api::http::HttpError| ConnectorError::other(why.into(), None);
    let status = response.status.try_into().map_err(unreadable)?;
    let mut answer = SdkResponse::new(status, SdkBody::from(response.body));
    for (name, value) in response.headers {
        answer.headers_mut().try_append(name, value).map_err(unreadable)?;
    }
    Ok(answer)
}

/// The kind of the error tells the SDK to send the request again, whether or not it may have arrived: each of its calls here may be
/// made twice.
fn to_connector_error(why: NoResponse) -> ConnectorError {
    match why {
        NoResponse::NotSent => ConnectorError::io(why.phrase().into()),
        NoResponse::TimedOut => ConnectorError::timeout(why.phrase().into()),
        NoResponse::Dropped | NoResponse::Interrupted => {
            ConnectorError::other(why.phrase().into(), Some(ErrorKind::TransientError))
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::Request;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_request_goes_out_as_the_sdk_made_it() {
        let mut request = Request::new(SdkBody::from("{}"));
        request.set_method("POST").unwrap();
        request.set_uri("https://sqs.us-east-1.amazonaws.com/").unwrap();
        request.headers_mut().append("x-amz-target", "AmazonSQS.SendMessageBatch");
        let request = to_wire_request(request).await.unwrap();
        assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://sqs.us-east-1.amazonaws.com/"));
        assert_eq!(request.headers, [("x-amz-target".to_owned(), "AmazonSQS.SendMessageBatch".to_owned())]);
        assert_eq!(request.body, b"{}");

        let mut request = Request::new(SdkBody::empty());
        request.set_method("BREW").unwrap();
        assert!(to_wire_request(request).await.unwrap_err().is_user());
    }

    #[test]
    fn an_answer_comes_in_as_it_was() {
        let headers = vec![("x-amzn-requestid".to_owned(), "r1".to_owned())];
        let said = to_sdk_response(HttpResponse { status: 400, headers, body: "{}".to_owned() }).unwrap();
        assert_eq!((said.status().as_u16(), said.headers().get("x-amzn-requestid")), (400, Some("r1")));
        assert_eq!(said.body().bytes(), Some(b"{}".as_slice()));
        assert!(to_sdk_response(HttpResponse { status: 9999, headers: Vec::new(), body: String::new() }).is_err());
    }

    /// The SDK decides by the kind of the error whether to try again.
    #[test]
    fn what_may_be_tried_again_is() {
        assert!(to_connector_error(NoResponse::NotSent).is_io());
        assert!(to_connector_error(NoResponse::TimedOut).is_timeout());
        for why in [NoResponse::Dropped, NoResponse::Interrupted] {
            assert_eq!(to_connector_error(why).as_other(), Some(ErrorKind::TransientError));
        }
    }
}
