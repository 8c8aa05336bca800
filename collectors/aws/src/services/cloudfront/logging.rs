//! How a distribution's access logs are kept: by the older setting in its own configuration, or by a log delivery, which
//! is kept at CloudWatch Logs in us-east-1.

use crate::attributes::object;
use crate::reader::{Detail, Scope};
use aws_sdk_cloudfront::types::LoggingConfig;
use aws_sdk_cloudwatchlogs::Client;
use serde_json::Value;

/// The account's deliveries of access logs.
#[derive(Clone)]
pub(super) struct Deliveries {
    /// A distribution's ARN, and the name of a source that takes its logs.
    sources: Detail<Vec<(String, String)>>,
    /// A source's name, and the delivery that carries its logs on.
    deliveries: Detail<Vec<(String, Value)>>,
}

impl Deliveries {
    pub(super) async fn read(scope: &Scope) -> Self {
        let client = Client::new(&scope.config_in("us-east-1"));
        let sources = sources(scope, &client).await;
        let deliveries = match &sources {
            Detail::Read(some) if !some.is_empty() => deliveries(scope, &client).await,
            Detail::Read(_) | Detail::Absent => Detail::Read(Vec::new()),
            Detail::Unread(unread) => Detail::Unread(unread.clone()),
        };
        Self { sources, deliveries }
    }

    /// The names of the sources that take a distribution's access logs.
    pub(super) fn sources_of(&self, arn: &str) -> Detail<Vec<String>> {
        self.sources.clone().map(|all| all.into_iter().filter(|(of, _)| of == arn).map(|(_, name)| name).collect())
    }

    /// What carries a distribution's access logs on.
    pub(super) fn of(&self, arn: &str) -> Detail<Vec<Value>> {
        let names = match self.sources_of(arn) {
            Detail::Read(names) => names,
            Detail::Absent => Vec::new(),
            Detail::Unread(unread) => return Detail::Unread(unread),
        };
        self.deliveries.clone().map(|all| {
            all.into_iter().filter(|(source, _)| names.contains(source)).map(|(_, delivery)| delivery).collect()
        })
    }
}

pub(super) fn standard(logging: &LoggingConfig) -> Value {
    object! { "Enabled" => logging.enabled(), "Bucket" => logging.bucket(), "Prefix" => logging.prefix() }
}

async fn deliveries(scope: &Scope, client: &Client) -> Detail<Vec<(String, Value)>> {
    let mut pages = client.describe_deliveries().into_paginator().send();
    let mut found = Vec::new();
    loop {
        match scope.detail("LogDeliveries", "logs:DescribeDeliveries", &[], pages.try_next()).await {
            Detail::Read(Some(page)) => found.extend(page.deliveries().iter().map(|delivery| {
                let name = delivery.delivery_source_name().unwrap_or_default();
                let seen = object! {
                    "DeliverySourceName" => name,
                    "DeliveryDestinationArn" => delivery.delivery_destination_arn(),
                    "DeliveryDestinationType" => delivery.delivery_destination_type().map(|v| v.as_str()),
                };
                (name.to_owned(), seen)
            })),
            Detail::Read(None) | Detail::Absent => return Detail::Read(found),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

async fn sources(scope: &Scope, client: &Client) -> Detail<Vec<(String, String)>> {
    let mut pages = client.describe_delivery_sources().into_paginator().send();
    let mut found = Vec::new();
    loop {
        match scope.detail("LogDeliverySources", "logs:DescribeDeliverySources", &[], pages.try_next()).await {
            Detail::Read(Some(page)) => {
                for source in page.delivery_sources().iter().filter(|source| source.log_type() == Some("ACCESS_LOGS")) {
                    let name = source.name().unwrap_or_default();
                    found.extend(source.resource_arns().iter().map(|arn| (arn.clone(), name.to_owned())));
                }
            }
            Detail::Read(None) | Detail::Absent => return Detail::Read(found),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}
