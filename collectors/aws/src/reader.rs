//! What a service module works with: a [`Reader`] lists one thing, and its [`Scope`] carries the calls and the answers.

use crate::attributes::ToAttr;
use crate::budget::RegionBudget;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::{Event, Sink};
use plumbline_core::resource::{Edge, Resource, Unread};
use plumbline_core::scope::{Outcome, ScopeKey};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Lists one thing. Its name is the `reader` of one or more kinds in the catalogue, which also say whether it runs once
/// an account or once a region.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    pub(crate) read: for<'a> fn(&'a Scope) -> BoxFuture<'a, Result<(), ReadError>>,
}

/// `reader!("s3.buckets", buckets)` for `async fn buckets(scope: &Scope) -> Result<(), ReadError>`.
macro_rules! reader {
    ($name:literal, $read:path) => {
        $crate::reader::Reader { name: $name, read: |scope| Box::pin($read(scope)) }
    };
}
pub(crate) use reader;

/// Why a scope, or one attribute, could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadError {
    Denied {
        permission: String,
        detail: String,
    },
    Failed(String),
    /// Nobody listens any more.
    Closed,
}

impl ReadError {
    pub(crate) fn into_outcome(self) -> Outcome {
        match self {
            Self::Denied { permission, detail } => Outcome::Denied { permission, detail },
            Self::Failed(detail) => Outcome::Failed { detail },
            Self::Closed => Outcome::Failed { detail: "cancelled".to_owned() },
        }
    }
}

/// One attribute read by a call of its own.
#[derive(Debug, Clone)]
pub(crate) enum Detail<T> {
    Read(T),
    /// The provider says that there is none, by the error that it has for that.
    Absent,
    Unread(Unread),
}

impl<T> Detail<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Detail<U> {
        match self {
            Self::Read(value) => Detail::Read(change(value)),
            Self::Absent => Detail::Absent,
            Self::Unread(unread) => Detail::Unread(unread),
        }
    }
}

/// One scope while it is being read.
pub(crate) struct Scope {
    pub(crate) key: ScopeKey,
    pub(crate) partition: &'static str,
    /// The region that answers for what has none.
    pub(crate) home_region: String,
    /// The regions of the account that this run reads.
    pub(crate) regions: Arc<BTreeSet<String>>,
    pub(crate) account_name: Option<String>,
    pub(crate) config: SdkConfig,
    pub(crate) budget: RegionBudget,
    pub(crate) sink: Sink,
    pub(crate) calls: AtomicU32,
}

impl Scope {
    pub(crate) fn account(&self) -> &str {
        &self.key.account
    }

    /// The region being read, or `global` for what has none.
    pub(crate) fn region(&self) -> &str {
        &self.key.region
    }

    /// The same account in another region, for a service that redirects (S3).
    pub(crate) fn config_in(&self, region: &str) -> SdkConfig {
        crate::client::in_region(&self.config, region)
    }

    /// `arn:<partition>:<service>:<region>:<account>:<resource>`, for what the provider gives no ARN.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let region = if self.region() == "global" { "" } else { self.region() };
        format!("arn:{}:{service}:{region}:{}:{resource}", self.partition, self.account())
    }

    /// Makes one call within the budget. `permission` is what it takes, such as `ec2:DescribeVolumes`.
    ///
    /// The call is put on the heap at once: an SDK's future is tens of kilobytes, and several of them side by side would
    /// overflow a worker's stack.
    pub(crate) fn call<T, E>(
        &self,
        permission: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Result<T, ReadError>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let call = Box::pin(call);
        async move { self.attempt(call).await.map_err(|error| self.failed(permission, &error)) }
    }

    /// Makes a call that reads one attribute. `absent` lists the error codes by which the provider says that the thing
    /// has none. A refusal makes the attribute unread and leaves the scope whole.
    pub(crate) fn detail<T, E>(
        &self,
        attribute: &str,
        permission: &str,
        absent: &[&str],
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Detail<T>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let call = Box::pin(call);
        let _ = attribute;
        async move {
            match self.attempt(call).await {
                Ok(value) => Detail::Read(value),
                Err(error) if error.code().is_some_and(|code| absent.contains(&code)) => Detail::Absent,
                Err(error) => Detail::Unread(match self.failed(permission, &error) {
                    ReadError::Denied { permission, detail } => Unread { permission, denied: true, detail },
                    ReadError::Failed(detail) => Unread { permission: permission.to_owned(), denied: false, detail },
                    ReadError::Closed => {
                        Unread { permission: permission.to_owned(), denied: false, detail: "cancelled".to_owned() }
                    }
                }),
            }
        }
    }

    /// Makes a call that a service answers with an error while it is not turned on. `off` knows that error by its code
    /// and message; only exactly that one is none, and any other ends the scope.
    pub(crate) fn unless_off<T, E>(
        &self,
        permission: &str,
        off: fn(&str, &str) -> bool,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Result<Option<T>, ReadError>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let call = Box::pin(call);
        async move {
            match self.attempt(call).await {
                Ok(value) => Ok(Some(value)),
                Err(error) if off(error.code().unwrap_or_default(), error.message().unwrap_or_default()) => Ok(None),
                Err(error) => Err(self.failed(permission, &error)),
            }
        }
    }

    /// A page that says it is cut short and gives no way on: the listing is not complete.
    pub(crate) fn truncated(&self, what: &str) -> ReadError {
        ReadError::Failed(format!("{what}: the answer says that there is more and not where"))
    }

    /// Begins a resource of this scope.
    pub(crate) fn resource(&self, kind: &str, uid: impl Into<String>, name: impl Into<String>) -> Build {
        Build(Resource {
            scope: self.key.clone(),
            kind: kind.to_owned(),
            uid: uid.into(),
            name: name.into(),
            region: self.key.region.clone(),
            attributes: Map::new(),
            unread: BTreeMap::new(),
            tags: BTreeMap::new(),
            edges: Vec::new(),
        })
    }

    /// Sends a finished resource out; waits while the receiver is busy.
    pub(crate) async fn emit(&self, build: Build) -> Result<(), ReadError> {
        self.sink.send(Event::Resource(Box::new(build.0))).await.map_err(|_| ReadError::Closed)
    }

    async fn attempt<T, E>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        if self.budget.given_up() {
            return Err(SdkError::timeout_error("the region did not answer several times in a row"));
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.budget.spend(call).await;
        match &answer {
            Err(SdkError::TimeoutError(_)) => self.budget.timed_out(),
            Err(SdkError::DispatchFailure(failure)) if failure.is_timeout() => self.budget.timed_out(),
            _ => self.budget.answered(),
        }
        answer
    }

    fn failed<E>(&self, permission: &str, error: &SdkError<E, HttpResponse>) -> ReadError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        describe(permission, error)
    }
}

/// Awaits the futures, at most `at_once` at a time, until one fails. For the details of many things of one listing;
/// `futures` is collected first, so that each borrows from the page and not from the iterator.
pub(crate) async fn side_by_side<F, E>(at_once: usize, futures: impl IntoIterator<Item = F>) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
{
    let futures: Vec<F> = futures.into_iter().collect();
    let mut waiting = stream::iter(futures).buffer_unordered(at_once);
    while let Some(done) = waiting.next().await {
        done?;
    }
    Ok(())
}

/// A resource being put together.
pub(crate) struct Build(Resource);

impl Build {
    /// Sets an attribute. Absent becomes null: it was read, and there is none.
    pub(crate) fn set(mut self, name: &str, value: impl ToAttr) -> Self {
        self.0.attributes.insert(name.to_owned(), value.to_attr());
        self
    }

    /// Sets all members of an object made with `object!`.
    pub(crate) fn set_all(mut self, object: Value) -> Self {
        if let Value::Object(members) = object {
            self.0.attributes.extend(members);
        }
        self
    }

    /// Sets an attribute that was read by a call of its own; absent is null, unread is recorded with why.
    pub(crate) fn detail(mut self, name: &str, detail: Detail<impl ToAttr>) -> Self {
        match detail {
            Detail::Read(value) => self.set(name, value),
            Detail::Absent => self.set(name, Value::Null),
            Detail::Unread(unread) => {
                self.0.unread.insert(name.to_owned(), unread);
                self
            }
        }
    }

    /// Sets several attributes that one call read, each a member of its object; absent is null for all, and unread is
    /// recorded for all.
    pub(crate) fn details(mut self, names: &[&str], detail: Detail<Value>) -> Self {
        for name in names {
            self = match &detail {
                Detail::Read(object) => self.set(name, object.get(name).unwrap_or(&Value::Null)),
                Detail::Absent => self.set(name, Value::Null),
                Detail::Unread(unread) => self.detail(name, Detail::<Value>::Unread(unread.clone())),
            };
        }
        self
    }

    /// Points to another resource, when there is one.
    pub(crate) fn edge(mut self, relation: &str, to: Option<impl Into<String>>) -> Self {
        if let Some(to) = to {
            let edge = Edge::new(relation, to);
            if !self.0.edges.contains(&edge) {
                self.0.edges.push(edge);
            }
        }
        self
    }

    /// Adds tags as (key, value) pairs.
    pub(crate) fn tags<K: Into<String>, V: Into<String>>(mut self, tags: impl IntoIterator<Item = (K, V)>) -> Self {
        self.0.tags.extend(tags.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Overrides the region, for what an account-wide listing finds elsewhere (S3 buckets).
    pub(crate) fn region(mut self, region: impl Into<String>) -> Self {
        self.0.region = region.into();
        self
    }
}

/// Says what went wrong: refused, or anything else. A refusal names the permission that AWS itself names, where it does.
pub(crate) fn describe<E>(permission: &str, error: &SdkError<E, HttpResponse>) -> ReadError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    if is_refusal(code, status) {
        let permission = named_permission(message).unwrap_or(permission).to_owned();
        return ReadError::Denied { permission, detail: one_line(&format!("{code}: {message}")) };
    }
    let detail = match error {
        SdkError::ServiceError(_) if code.is_empty() => format!("{permission}: HTTP {status} {message}"),
        SdkError::ServiceError(_) => format!("{permission}: {code} (HTTP {status}) {message}"),
        other => format!("{permission}: {}", chain(other)),
    };
    ReadError::Failed(one_line(&detail))
}

fn is_refusal(code: &str, status: u16) -> bool {
    const CODES: [&str; 12] = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    ];
    const THROTTLES: [&str; 3] = ["Throttling", "RequestLimitExceeded", "SlowDown"];
    let throttled = THROTTLES.iter().any(|word| code.contains(word));
    CODES.contains(&code) || (matches!(status, 401 | 403) && !throttled)
}

/// `ecr:GetRepositoryPolicy` out of "User: … is not authorized to perform: ecr:GetRepositoryPolicy on resource: …".
fn named_permission(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let name = rest.split_whitespace().next()?;
    let sound = name.split_once(':').is_some_and(|(service, action)| !service.is_empty() && !action.is_empty());
    sound.then_some(name)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_is_the_one_that_aws_names() {
        let message = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: s3:ListAllMyBuckets \
                       because no identity-based policy allows it";
        assert_eq!(named_permission(message), Some("s3:ListAllMyBuckets"));
        assert_eq!(named_permission("Access Denied"), None);
    }

    #[test]
    fn throttling_is_not_a_refusal() {
        assert!(!is_refusal("ThrottlingException", 400));
        assert!(!is_refusal("RequestLimitExceeded", 403));
        assert!(is_refusal("UnauthorizedOperation", 403));
        assert!(is_refusal("SomethingNew", 403));
    }
}
