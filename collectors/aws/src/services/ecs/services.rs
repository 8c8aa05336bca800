//! ECS services, and which task definitions they run.

use super::{cluster_arns, tags, whole};
use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, Deployment, DeploymentConfiguration, NetworkConfiguration,
    Service, ServiceField, TaskSet,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// The most that one description of services takes.
const SERVICES_A_CALL: usize = 10;
/// Clusters, and descriptions within one, that are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 6;

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let clusters = cluster_arns(scope, &client).await?;
    side_by_side(AT_ONCE, clusters.iter().map(|cluster| of_cluster(scope, &client, cluster))).await
}

/// The task definitions that services run now or are being deployed.
pub(super) async fn task_definitions(scope: &Scope, client: &Client) -> Result<BTreeSet<String>, ReadError> {
    let used = Mutex::new(BTreeSet::new());
    let clusters = cluster_arns(scope, client).await?;
    side_by_side(AT_ONCE, clusters.iter().map(|cluster| collect_used(scope, client, cluster, &used))).await?;
    Ok(used.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

async fn collect_used(
    scope: &Scope,
    client: &Client,
    cluster: &str,
    used: &Mutex<BTreeSet<String>>,
) -> Result<(), ReadError> {
    for arns in service_arns(scope, client, cluster).await?.chunks(SERVICES_A_CALL) {
        let found = describe(scope, client, cluster, arns).await?;
        let mut used = used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        used.extend(found.iter().flat_map(running).map(ToOwned::to_owned));
    }
    Ok(())
}

async fn of_cluster(scope: &Scope, client: &Client, cluster: &str) -> Result<(), ReadError> {
    let arns = service_arns(scope, client, cluster).await?;
    let parts = arns.chunks(SERVICES_A_CALL).map(|part| async move {
        for found in describe(scope, client, cluster, part).await? {
            service(scope, &found).await?;
        }
        Ok(())
    });
    side_by_side(AT_ONCE, parts).await
}

async fn service_arns(scope: &Scope, client: &Client, cluster: &str) -> Result<Vec<String>, ReadError> {
    let mut arns = Vec::new();
    let mut pages = client.list_services().cluster(cluster).max_results(100).into_paginator().send();
    while let Some(page) = scope.call("ecs:ListServices", pages.try_next()).await? {
        arns.extend_from_slice(page.service_arns());
    }
    Ok(arns)
}

async fn describe(scope: &Scope, client: &Client, cluster: &str, arns: &[String]) -> Result<Vec<Service>, ReadError> {
    let call =
        client.describe_services().cluster(cluster).set_services(Some(arns.to_vec())).include(ServiceField::Tags);
    let answer = scope.call("ecs:DescribeServices", call.send()).await?;
    whole("ecs:DescribeServices", answer.failures())?;
    Ok(answer.services.unwrap_or_default())
}

/// The task definitions of the service itself, of its deployments and of its task sets.
fn running(service: &Service) -> impl Iterator<Item = &str> {
    let deployments = service.deployments().iter().filter_map(Deployment::task_definition);
    let sets = service.task_sets().iter().filter_map(TaskSet::task_definition);
    service.task_definition().into_iter().chain(deployments).chain(sets)
}

fn networks(service: &Service) -> impl Iterator<Item = &AwsVpcConfiguration> {
    let sets = service.task_sets().iter().filter_map(TaskSet::network_configuration);
    service.network_configuration().into_iter().chain(sets).filter_map(NetworkConfiguration::awsvpc_configuration)
}

async fn service(scope: &Scope, found: &Service) -> Result<(), ReadError> {
    let (Some(arn), Some(name)) = (found.service_arn(), found.service_name()) else { return Ok(()) };
    let mut resource = scope
        .resource("aws.ecs.service", arn, name)
        .set_all(described(found))
        .tags(tags(found.tags()))
        .edge("cluster", found.cluster_arn())
        .edge("role", found.role_arn());
    for task_definition in running(found) {
        resource = resource.edge("task_definition", Some(task_definition));
    }
    for network in networks(found) {
        for group in network.security_groups() {
            resource = resource.edge("security_group", Some(scope.arn("ec2", &format!("security-group/{group}"))));
        }
        for subnet in network.subnets() {
            resource = resource.edge("subnet", Some(scope.arn("ec2", &format!("subnet/{subnet}"))));
        }
    }
    for balancer in found.load_balancers() {
        resource = resource.edge("target_group", balancer.target_group_arn());
    }
    scope.emit(resource).await
}

fn described(found: &Service) -> Value {
    let balancers: Vec<Value> = found
        .load_balancers()
        .iter()
        .map(|b| {
            object! {
                "targetGroupArn" => b.target_group_arn(),
                "loadBalancerName" => b.load_balancer_name(),
                "containerName" => b.container_name(),
                "containerPort" => b.container_port(),
            }
        })
        .collect();
    let registries: Vec<Value> = found
        .service_registries()
        .iter()
        .map(|r| object! { "registryArn" => r.registry_arn(), "containerName" => r.container_name() })
        .collect();
    object! {
        "serviceName" => found.service_name(),
        "clusterArn" => found.cluster_arn(),
        "status" => found.status(),
        "taskDefinition" => found.task_definition(),
        "launchType" => found.launch_type().map(|l| l.as_str()),
        "capacityProviderStrategy" => strategy(found.capacity_provider_strategy()),
        "platformVersion" => found.platform_version(),
        "platformFamily" => found.platform_family(),
        "desiredCount" => found.desired_count(),
        "runningCount" => found.running_count(),
        "schedulingStrategy" => found.scheduling_strategy().map(|s| s.as_str()),
        "networkConfiguration" => found.network_configuration().map(network),
        "deploymentConfiguration" => found.deployment_configuration().map(deployment_configuration),
        "deploymentController" =>
            found.deployment_controller().map(|c| object! { "type" => c.r#type().as_str() }),
        "deployments" => found.deployments().iter().map(deployment).collect::<Vec<_>>(),
        "taskSets" => found.task_sets().iter().map(task_set).collect::<Vec<_>>(),
        "loadBalancers" => balancers,
        "serviceRegistries" => registries,
        "enableExecuteCommand" => found.enable_execute_command(),
        "healthCheckGracePeriodSeconds" => found.health_check_grace_period_seconds(),
        "availabilityZoneRebalancing" => found.availability_zone_rebalancing().map(|a| a.as_str()),
        "propagateTags" => found.propagate_tags().map(|p| p.as_str()),
        "roleArn" => found.role_arn(),
        "createdAt" => found.created_at(),
    }
}

fn strategy(items: &[CapacityProviderStrategyItem]) -> Vec<Value> {
    let item = |i: &CapacityProviderStrategyItem| {
        object! { "capacityProvider" => i.capacity_provider(), "weight" => i.weight(), "base" => i.base() }
    };
    items.iter().map(item).collect()
}

fn network(found: &NetworkConfiguration) -> Value {
    let awsvpc = found.awsvpc_configuration().map(|vpc| {
        object! {
            "subnets" => vpc.subnets(),
            "securityGroups" => vpc.security_groups(),
            "assignPublicIp" => vpc.assign_public_ip().map(|a| a.as_str()),
        }
    });
    object! { "awsvpcConfiguration" => awsvpc }
}

fn deployment_configuration(found: &DeploymentConfiguration) -> Value {
    let breaker =
        found.deployment_circuit_breaker().map(|b| object! { "enable" => b.enable(), "rollback" => b.rollback() });
    let alarms = found.alarms().map(|a| {
        object! { "enable" => a.enable(), "rollback" => a.rollback(), "alarmNames" => a.alarm_names() }
    });
    object! {
        "deploymentCircuitBreaker" => breaker,
        "alarms" => alarms,
        "maximumPercent" => found.maximum_percent(),
        "minimumHealthyPercent" => found.minimum_healthy_percent(),
        "strategy" => found.strategy().map(|s| s.as_str()),
    }
}

fn deployment(found: &Deployment) -> Value {
    let connect = found.service_connect_configuration().map(|c| {
        let log = c.log_configuration().map(|l| object! { "logDriver" => l.log_driver().as_str() });
        object! { "enabled" => c.enabled(), "namespace" => c.namespace(), "logConfiguration" => log }
    });
    object! {
        "id" => found.id(),
        "status" => found.status(),
        "taskDefinition" => found.task_definition(),
        "launchType" => found.launch_type().map(|l| l.as_str()),
        "capacityProviderStrategy" => strategy(found.capacity_provider_strategy()),
        "platformVersion" => found.platform_version(),
        "platformFamily" => found.platform_family(),
        "rolloutState" => found.rollout_state().map(|s| s.as_str()),
        "networkConfiguration" => found.network_configuration().map(network),
        "serviceConnectConfiguration" => connect,
        "createdAt" => found.created_at(),
    }
}

fn task_set(found: &TaskSet) -> Value {
    object! {
        "id" => found.id(),
        "status" => found.status(),
        "taskDefinition" => found.task_definition(),
        "launchType" => found.launch_type().map(|l| l.as_str()),
        "capacityProviderStrategy" => strategy(found.capacity_provider_strategy()),
        "platformVersion" => found.platform_version(),
        "platformFamily" => found.platform_family(),
        "networkConfiguration" => found.network_configuration().map(network),
    }
}
