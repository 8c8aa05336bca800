//! Lambda: every function with who may call it, and the layers that the account publishes.

mod layers;

use super::ecr::repository_of;
use crate::attributes::{document, object};
use crate::reader::{Build, Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{EnvironmentResponse, FunctionConfiguration, FunctionUrlConfig, PackageType};
use plumbline_core::environment;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("lambda.functions", functions), reader!("lambda.layers", layers::read)];

/// Functions whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 12;
/// What a call answers that asks for a thing that a function does not have.
const NONE: [&str; 1] = ["ResourceNotFoundException"];

async fn functions(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_functions().into_paginator().send();
    while let Some(page) = scope.call("lambda:ListFunctions", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.functions().iter().map(|found| function(scope, &client, found))).await?;
    }
    Ok(())
}

async fn function(scope: &Scope, client: &Client, found: &FunctionConfiguration) -> Result<(), ReadError> {
    let (Some(arn), Some(name)) = (found.function_arn(), found.function_name()) else { return Ok(()) };
    let policy = scope
        .detail("Policy", "lambda:GetPolicy", &NONE, client.get_policy().function_name(name).send())
        .await
        .map(|answer| answer.policy().map(document));
    let code = scope.detail("Code", "lambda:GetFunction", &[], client.get_function().function_name(name).send()).await;
    let mut resource = scope
        .resource("aws.lambda.function", arn, name)
        .set_all(described(found))
        .detail("Policy", policy)
        .detail("FunctionUrlConfigs", urls(scope, client, name).await)
        .detail("EventInvokeConfigs", invoke_configs(scope, client, name).await)
        .detail("CodeSigningConfig", code_signing(scope, client, found, name).await);
    if let Detail::Read(answer) = &code {
        resource = with_code(scope, resource, answer);
    }
    let resource = resource.detail("Code", code.clone().map(|answer| image_of(&answer))).detail(
        "Concurrency",
        code.map(|answer| {
            answer
                .concurrency()
                .map(|c| object! { "ReservedConcurrentExecutions" => c.reserved_concurrent_executions() })
        }),
    );
    scope.emit(with_edges(scope, resource, found, name)).await
}

/// The image of a function that is one. The location of a zip file is a signed URL and stays away.
fn image_of(answer: &GetFunctionOutput) -> Value {
    let code = answer.code();
    object! {
        "RepositoryType" => code.and_then(|c| c.repository_type()),
        "ImageUri" => code.and_then(|c| c.image_uri()),
        "ResolvedImageUri" => code.and_then(|c| c.resolved_image_uri()),
        "SourceKMSKeyArn" => code.and_then(|c| c.source_kms_key_arn()),
    }
}

fn with_code(scope: &Scope, resource: Build, answer: &GetFunctionOutput) -> Build {
    let tags = answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    let image = answer.code().and_then(|code| code.image_uri());
    resource
        .tags(tags)
        .edge("image", image)
        .edge("repository", image.and_then(|image| repository_of(scope.partition, image)))
        .edge("key", answer.code().and_then(|code| code.source_kms_key_arn()))
}

fn with_edges(scope: &Scope, resource: Build, found: &FunctionConfiguration, name: &str) -> Build {
    let logs = found
        .logging_config()
        .and_then(|l| l.log_group())
        .map_or_else(|| format!("/aws/lambda/{name}"), ToOwned::to_owned);
    let mut resource = resource
        .edge("role", found.role())
        .edge("key", found.kms_key_arn())
        .edge("log_group", Some(scope.arn("logs", &format!("log-group:{logs}"))));
    if let Some(vpc) = found.vpc_config() {
        let id = vpc.vpc_id().filter(|id| !id.is_empty());
        resource = resource.edge("vpc", id.map(|id| scope.arn("ec2", &format!("vpc/{id}"))));
        for id in vpc.subnet_ids() {
            resource = resource.edge("subnet", Some(scope.arn("ec2", &format!("subnet/{id}"))));
        }
        for id in vpc.security_group_ids() {
            resource = resource.edge("security_group", Some(scope.arn("ec2", &format!("security-group/{id}"))));
        }
    }
    for layer in found.layers() {
        resource = resource.edge("layer", layer.arn());
    }
    let letters = found.dead_letter_config().and_then(|d| d.target_arn());
    let relation = if letters.is_some_and(|arn| arn.contains(":sns:")) { "topic" } else { "queue" };
    resource.edge(relation, letters)
}

async fn urls(scope: &Scope, client: &Client, name: &str) -> Detail<Vec<Value>> {
    let mut found = Vec::new();
    let mut pages = client.list_function_url_configs().function_name(name).into_paginator().send();
    loop {
        match scope.detail("FunctionUrlConfigs", "lambda:ListFunctionUrlConfigs", &NONE, pages.try_next()).await {
            Detail::Read(Some(page)) => found.extend(page.function_url_configs().iter().map(url)),
            Detail::Read(None) | Detail::Absent => return Detail::Read(found),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

fn url(found: &FunctionUrlConfig) -> Value {
    let cors = found.cors().map(|cors| {
        object! {
            "AllowCredentials" => cors.allow_credentials(),
            "AllowHeaders" => cors.allow_headers(),
            "AllowMethods" => cors.allow_methods(),
            "AllowOrigins" => cors.allow_origins(),
            "ExposeHeaders" => cors.expose_headers(),
            "MaxAge" => cors.max_age(),
        }
    });
    object! {
        "FunctionUrl" => found.function_url(),
        "FunctionArn" => found.function_arn(),
        "AuthType" => found.auth_type().as_str(),
        "InvokeMode" => found.invoke_mode().map(|m| m.as_str()),
        "Cors" => cors,
        "CreationTime" => found.creation_time(),
    }
}

async fn invoke_configs(scope: &Scope, client: &Client, name: &str) -> Detail<Vec<Value>> {
    let mut found = Vec::new();
    let mut pages = client.list_function_event_invoke_configs().function_name(name).into_paginator().send();
    loop {
        let page =
            scope.detail("EventInvokeConfigs", "lambda:ListFunctionEventInvokeConfigs", &NONE, pages.try_next()).await;
        match page {
            Detail::Read(Some(page)) => found.extend(page.function_event_invoke_configs().iter().map(|config| {
                let to = config.destination_config();
                let failure = to.and_then(|d| d.on_failure()).map(|f| object! { "Destination" => f.destination() });
                object! {
                    "FunctionArn" => config.function_arn(),
                    "MaximumRetryAttempts" => config.maximum_retry_attempts(),
                    "DestinationConfig" => object! { "OnFailure" => failure },
                }
            })),
            Detail::Read(None) | Detail::Absent => return Detail::Read(found),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

/// The code signing configuration; a function that is an image cannot have one.
async fn code_signing(
    scope: &Scope,
    client: &Client,
    found: &FunctionConfiguration,
    name: &str,
) -> Detail<Option<Value>> {
    if found.package_type() == Some(&PackageType::Image) {
        return Detail::Absent;
    }
    let call = client.get_function_code_signing_config().function_name(name).send();
    scope.detail("CodeSigningConfig", "lambda:GetFunctionCodeSigningConfig", &NONE, call).await.map(|answer| {
        let arn = answer.code_signing_config_arn();
        (!arn.is_empty()).then(|| object! { "CodeSigningConfigArn" => arn })
    })
}

/// The variables' names and the forms of their values. An environment that Lambda could not decrypt has an error instead.
fn variables(found: &EnvironmentResponse) -> Value {
    let mut variables: Vec<(&String, &String)> = found.variables().into_iter().flatten().collect();
    variables.sort();
    let variables: Vec<Value> = variables.iter().map(|(name, value)| environment::variable(name, value)).collect();
    let error = found.error().map(|e| object! { "ErrorCode" => e.error_code() });
    object! { "Variables" => variables, "Error" => error }
}

fn described(found: &FunctionConfiguration) -> Value {
    let architectures: Vec<String> = found.architectures().iter().map(|a| a.as_str().to_owned()).collect();
    let layers: Vec<Value> = found
        .layers()
        .iter()
        .map(|l| object! { "Arn" => l.arn(), "SigningProfileVersionArn" => l.signing_profile_version_arn() })
        .collect();
    let systems: Vec<Value> = found
        .file_system_configs()
        .iter()
        .map(|f| object! { "Arn" => f.arn(), "LocalMountPath" => f.local_mount_path() })
        .collect();
    object! {
        "FunctionName" => found.function_name(),
        "Runtime" => found.runtime().map(|r| r.as_str()),
        "PackageType" => found.package_type().map(|p| p.as_str()),
        "Architectures" => architectures,
        "Handler" => found.handler(),
        "Role" => found.role(),
        "VpcConfig" => found.vpc_config().map(|vpc| object! {
            "VpcId" => vpc.vpc_id(),
            "SubnetIds" => vpc.subnet_ids(),
            "SecurityGroupIds" => vpc.security_group_ids(),
        }),
        "Environment" => found.environment().map(variables),
        "KMSKeyArn" => found.kms_key_arn(),
        "TracingConfig" => found.tracing_config().map(|t| object! { "Mode" => t.mode().map(|m| m.as_str()) }),
        "DeadLetterConfig" => found.dead_letter_config().map(|d| object! { "TargetArn" => d.target_arn() }),
        "Layers" => layers,
        "LoggingConfig" => found.logging_config().map(|l| object! {
            "LogFormat" => l.log_format().map(|f| f.as_str()),
            "LogGroup" => l.log_group(),
            "ApplicationLogLevel" => l.application_log_level().map(|v| v.as_str()),
            "SystemLogLevel" => l.system_log_level().map(|v| v.as_str()),
        }),
        "SigningProfileVersionArn" => found.signing_profile_version_arn(),
        "FileSystemConfigs" => systems,
        "Timeout" => found.timeout(),
        "MemorySize" => found.memory_size(),
        "State" => found.state().map(|s| s.as_str()),
        "LastModified" => found.last_modified(),
    }
}
