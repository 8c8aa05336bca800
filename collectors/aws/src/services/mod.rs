//! One module a service, in alphabetical order; each lists its readers.

mod accessanalyzer;
mod account;
mod autoscaling;
mod cloudfront;
mod cloudtrail;
mod cloudwatch;
mod config;
mod dynamodb;
mod ec2;
mod ecr;
mod ecs;
mod efs;
mod eks;
mod elb;
mod guardduty;
mod iam;
mod inspector;
mod kms;
mod lambda;
mod logs;
mod macie;
mod organizations;
mod rds;
mod s3;
mod secretsmanager;
mod securityhub;
mod sns;
mod sqs;
mod ssm;

use crate::reader::Reader;

/// Every reader of every service.
pub(crate) fn readers() -> impl Iterator<Item = Reader> {
    [
        accessanalyzer::READERS,
        account::READERS,
        autoscaling::READERS,
        cloudfront::READERS,
        cloudtrail::READERS,
        cloudwatch::READERS,
        config::READERS,
        dynamodb::READERS,
        ec2::READERS,
        ecr::READERS,
        ecs::READERS,
        efs::READERS,
        eks::READERS,
        elb::READERS,
        guardduty::READERS,
        iam::READERS,
        inspector::READERS,
        kms::READERS,
        lambda::READERS,
        logs::READERS,
        macie::READERS,
        organizations::READERS,
        rds::READERS,
        s3::READERS,
        secretsmanager::READERS,
        securityhub::READERS,
        sns::READERS,
        sqs::READERS,
        ssm::READERS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
