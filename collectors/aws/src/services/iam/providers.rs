//! Identity providers: those whose users and workloads may become roles here.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope, side_by_side};
use aws_sdk_iam::Client;

const AT_ONCE: usize = 8;

pub(super) async fn saml(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer = scope.call("iam:ListSAMLProviders", client.list_saml_providers().send()).await?;
    for found in answer.saml_provider_list() {
        let Some(arn) = found.arn() else { continue };
        let resource = scope
            .resource("aws.iam.saml_provider", arn, name(arn))
            .set("Arn", arn)
            .set("CreateDate", found.create_date())
            .set("ValidUntil", found.valid_until());
        scope.emit(resource).await?;
    }
    Ok(())
}

pub(super) async fn oidc(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer = scope.call("iam:ListOpenIDConnectProviders", client.list_open_id_connect_providers().send()).await?;
    let arns = answer.open_id_connect_provider_list().iter().filter_map(|found| found.arn());
    side_by_side(AT_ONCE, arns.map(|arn| provider(scope, &client, arn))).await
}

async fn provider(scope: &Scope, client: &Client, arn: &str) -> Result<(), ReadError> {
    let call = client.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
    let answer = scope.detail("Url", "iam:GetOpenIDConnectProvider", &[], call).await;
    let found = match &answer {
        Detail::Read(answer) => super::tags(answer.tags()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        _ => Vec::new(),
    };
    let answer = answer.map(|answer| {
        object! {
            "Url" => answer.url(),
            "ClientIDList" => answer.client_id_list(),
            "ThumbprintList" => answer.thumbprint_list(),
            "CreateDate" => answer.create_date(),
        }
    });
    let resource = scope
        .resource("aws.iam.oidc_provider", arn, name(arn))
        .set("Arn", arn)
        .details(&["Url", "ClientIDList", "ThumbprintList", "CreateDate"], answer)
        .tags(found);
    scope.emit(resource).await
}

fn name(arn: &str) -> &str {
    arn.split_once("-provider/").map_or(arn, |(_, name)| name)
}
