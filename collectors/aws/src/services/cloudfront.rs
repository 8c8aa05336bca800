//! CloudFront distributions. What the listing leaves out (logging, the root object) is read one by one.

mod logging;

use crate::attributes::object;
use crate::reader::{Build, Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{CacheBehavior, DefaultCacheBehavior, DistributionSummary, Origin, ViewerCertificate};
use logging::Deliveries;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("cloudfront.distributions", distributions)];

/// Distributions whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 8;

async fn distributions(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut deliveries: Option<Deliveries> = None;
    let mut marker = None;
    loop {
        let call = client.list_distributions().set_marker(marker).send();
        let answer = scope.call("cloudfront:ListDistributions", call).await?;
        let Some(list) = answer.distribution_list() else { return Ok(()) };
        if deliveries.is_none() && !list.items().is_empty() {
            deliveries = Some(Deliveries::read(scope).await);
        }
        if let Some(deliveries) = &deliveries {
            side_by_side(AT_ONCE, list.items().iter().map(|found| distribution(scope, &client, deliveries, found)))
                .await?;
        }
        if !list.is_truncated() {
            return Ok(());
        }
        marker = list.next_marker().filter(|next| !next.is_empty()).map(str::to_owned);
        if marker.is_none() {
            return Err(scope.truncated("ListDistributions"));
        }
    }
}

async fn distribution(
    scope: &Scope,
    client: &Client,
    deliveries: &Deliveries,
    found: &DistributionSummary,
) -> Result<(), ReadError> {
    let permission = "cloudfront:GetDistributionConfig";
    let config = scope.detail("Logging", permission, &[], client.get_distribution_config().id(found.id()).send());
    let tags = scope.detail(
        "Tags",
        "cloudfront:ListTagsForResource",
        &[],
        client.list_tags_for_resource().resource(found.arn()).send(),
    );
    let (config, tags) = futures::join!(config, tags);
    let config = config.map(|answer| answer.distribution_config);
    let root = config.clone().map(|config| config.and_then(|c| c.default_root_object).filter(|root| !root.is_empty()));
    let name = found.aliases().and_then(|a| a.items().first()).map_or(found.domain_name(), String::as_str);
    let mut build = scope.resource("aws.cloudfront.distribution", found.arn(), name);
    let tags = tags.map(|answer| {
        let tags = answer.tags.map(|tags| tags.items.unwrap_or_default()).unwrap_or_default();
        tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect::<Vec<_>>()
    });
    if let Detail::Read(tags) = &tags {
        build = build.tags(tags.clone());
    }
    let build = with_edges(with_attributes(build, found), found)
        .detail("DefaultRootObject", root)
        .detail("Logging", config.map(|config| config.and_then(|c| c.logging).as_ref().map(logging::standard)))
        .detail("LogDeliverySources", deliveries.sources_of(found.arn()))
        .detail("LogDeliveries", deliveries.of(found.arn()))
        .detail("Tags", tags.map(|tags| Value::Object(tags.into_iter().map(|(k, v)| (k, v.into())).collect())));
    scope.emit(build).await
}

fn with_attributes(build: Build, found: &DistributionSummary) -> Build {
    build
        .set("Id", found.id())
        .set("ARN", found.arn())
        .set("DomainName", found.domain_name())
        .set("Aliases", found.aliases().map(|aliases| object! { "Items" => aliases.items() }))
        .set("Enabled", found.enabled())
        .set("Status", found.status())
        .set("Comment", found.comment())
        .set("Staging", found.staging())
        .set("PriceClass", found.price_class().as_str())
        .set("HttpVersion", found.http_version().as_str())
        .set("IsIPV6Enabled", found.is_ipv6_enabled())
        .set("WebACLId", found.web_acl_id())
        .set("Origins", found.origins().map(|origins| {
            object! { "Items" => origins.items().iter().map(origin).collect::<Vec<_>>() }
        }))
        .set("OriginGroups", found.origin_groups().map(|groups| {
            object! { "Items" => groups.items().iter().map(|g| object! { "Id" => g.id() }).collect::<Vec<_>>() }
        }))
        .set("DefaultCacheBehavior", found.default_cache_behavior().map(default_behavior))
        .set("CacheBehaviors", found.cache_behaviors().map(|behaviors| {
            object! { "Items" => behaviors.items().iter().map(behavior).collect::<Vec<_>>() }
        }))
        .set("ViewerCertificate", found.viewer_certificate().map(viewer_certificate))
        .set("Restrictions", found.restrictions().and_then(|r| r.geo_restriction()).map(|geo| object! {
            "GeoRestriction" => object! { "RestrictionType" => geo.restriction_type().as_str(), "Items" => geo.items() },
        }))
        .set("ConnectionMode", found.connection_mode().map(|v| v.as_str()))
        .set("LastModifiedTime", found.last_modified_time())
}

/// An origin without the values of its custom headers, which often are shared secrets.
fn origin(origin: &Origin) -> Value {
    object! {
        "Id" => origin.id(),
        "DomainName" => origin.domain_name(),
        "OriginPath" => origin.origin_path(),
        "OriginAccessControlId" => origin.origin_access_control_id(),
        "S3OriginConfig" => origin.s3_origin_config()
            .map(|s3| object! { "OriginAccessIdentity" => s3.origin_access_identity() }),
        "CustomOriginConfig" => origin.custom_origin_config().map(|custom| object! {
            "HTTPPort" => custom.http_port(),
            "HTTPSPort" => custom.https_port(),
            "OriginProtocolPolicy" => custom.origin_protocol_policy().as_str(),
            "OriginSslProtocols" => custom.origin_ssl_protocols().map(|ssl| object! {
                "Items" => ssl.items().iter().map(|v| v.as_str()).collect::<Vec<_>>(),
            }),
        }),
        "VpcOriginConfig" => origin.vpc_origin_config().map(|vpc| object! { "VpcOriginId" => vpc.vpc_origin_id() }),
        "CustomHeaderNames" => origin.custom_headers()
            .map(|headers| headers.items().iter().map(|h| h.header_name()).collect::<Vec<_>>()),
    }
}

fn default_behavior(behavior: &DefaultCacheBehavior) -> Value {
    object! {
        "TargetOriginId" => behavior.target_origin_id(),
        "ViewerProtocolPolicy" => behavior.viewer_protocol_policy().as_str(),
        "FieldLevelEncryptionId" => behavior.field_level_encryption_id(),
        "ResponseHeadersPolicyId" => behavior.response_headers_policy_id(),
        "RealtimeLogConfigArn" => behavior.realtime_log_config_arn(),
        "AllowedMethods" => behavior.allowed_methods()
            .map(|m| object! { "Items" => m.items().iter().map(|v| v.as_str()).collect::<Vec<_>>() }),
        "TrustedKeyGroups" => behavior.trusted_key_groups().map(|t| object! { "Enabled" => t.enabled() }),
        "TrustedSigners" => behavior.trusted_signers().map(|t| object! { "Enabled" => t.enabled() }),
    }
}

fn behavior(behavior: &CacheBehavior) -> Value {
    object! {
        "PathPattern" => behavior.path_pattern(),
        "TargetOriginId" => behavior.target_origin_id(),
        "ViewerProtocolPolicy" => behavior.viewer_protocol_policy().as_str(),
        "FieldLevelEncryptionId" => behavior.field_level_encryption_id(),
        "ResponseHeadersPolicyId" => behavior.response_headers_policy_id(),
        "RealtimeLogConfigArn" => behavior.realtime_log_config_arn(),
        "AllowedMethods" => behavior.allowed_methods()
            .map(|m| object! { "Items" => m.items().iter().map(|v| v.as_str()).collect::<Vec<_>>() }),
        "TrustedKeyGroups" => behavior.trusted_key_groups().map(|t| object! { "Enabled" => t.enabled() }),
        "TrustedSigners" => behavior.trusted_signers().map(|t| object! { "Enabled" => t.enabled() }),
    }
}

fn viewer_certificate(certificate: &ViewerCertificate) -> Value {
    object! {
        "CloudFrontDefaultCertificate" => certificate.cloud_front_default_certificate(),
        "ACMCertificateArn" => certificate.acm_certificate_arn(),
        "IAMCertificateId" => certificate.iam_certificate_id(),
        "MinimumProtocolVersion" => certificate.minimum_protocol_version().map(|v| v.as_str()),
        "SSLSupportMethod" => certificate.ssl_support_method().map(|v| v.as_str()),
    }
}

fn with_edges(mut build: Build, found: &DistributionSummary) -> Build {
    for origin in found.origins().iter().flat_map(|origins| origins.items()) {
        build = build.edge("bucket", bucket(found.arn(), origin.domain_name()));
    }
    let default = found.default_cache_behavior().and_then(|behavior| behavior.lambda_function_associations());
    let others = found.cache_behaviors().into_iter().flat_map(|all| all.items());
    let others = others.filter_map(|behavior| behavior.lambda_function_associations());
    for association in default.into_iter().chain(others).flat_map(|associations| associations.items()) {
        build = build.edge("function", Some(association.lambda_function_arn()));
    }
    let certificate = found.viewer_certificate().and_then(|c| c.acm_certificate_arn());
    build
        .edge("certificate", certificate.filter(|arn| !arn.is_empty()))
        .edge("web_acl", Some(found.web_acl_id()).filter(|id| id.starts_with("arn:")))
}

/// The bucket behind an origin's name: `<bucket>.s3.amazonaws.com`, `<bucket>.s3.<region>.amazonaws.com`, or a website.
fn bucket(distribution: &str, domain: &str) -> Option<String> {
    if !domain.ends_with(".amazonaws.com") {
        return None;
    }
    let (name, _) = [".s3.", ".s3-"].iter().find_map(|mark| domain.split_once(mark))?;
    let partition = distribution.split(':').nth(1).unwrap_or("aws");
    (!name.is_empty()).then(|| format!("arn:{partition}:s3:::{name}"))
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn an_origin_that_is_a_bucket_points_to_it() {
        let of = |domain| bucket("arn:aws:cloudfront::111122223333:distribution/E1", domain);
        assert_eq!(of("assets.s3.amazonaws.com").as_deref(), Some("arn:aws:s3:::assets"));
        assert_eq!(of("my.assets.s3.eu-west-1.amazonaws.com").as_deref(), Some("arn:aws:s3:::my.assets"));
        assert_eq!(of("assets.s3-website-eu-west-1.amazonaws.com").as_deref(), Some("arn:aws:s3:::assets"));
        assert_eq!(of("shop-1.eu-west-1.elb.amazonaws.com"), None);
        assert_eq!(of("origin.example.com"), None);
    }
}
