//! The access that the collector needs, told for those who grant it, registry by registry. Never more than reading.

use crate::settings::{Auth, Settings};
use plumbline_core::collect::AccessRecipe;
use serde_json::{Value, json};

/// What to create; for all kinds of registry as long as the settings do not say which it is.
pub(crate) fn recipes(settings: &Value) -> Vec<AccessRecipe> {
    let settings: Option<Settings> = serde_json::from_value(settings.clone()).ok();
    match settings.map(|settings| settings.auth) {
        Some(Auth::Anonymous) => Vec::new(),
        Some(Auth::Harbor) => vec![harbor()],
        Some(Auth::Quay) => vec![quay()],
        Some(Auth::Github) => vec![github()],
        Some(Auth::DockerHub) => vec![docker_hub()],
        Some(Auth::Acr) => vec![acr()],
        Some(Auth::Ecr { .. }) => vec![ecr()],
        Some(Auth::Basic | Auth::Token) | None => vec![harbor(), quay(), github(), docker_hub(), acr(), ecr()],
    }
}

fn recipe(title: &str, language: &str, text: impl Into<String>) -> AccessRecipe {
    AccessRecipe { title: title.to_owned(), language: language.to_owned(), text: text.into() }
}

fn harbor() -> AccessRecipe {
    let robot = json!({
        "name": "plumbline",
        "level": "system",
        "duration": 365,
        "permissions": [
            { "kind": "system", "namespace": "/", "access": [{ "resource": "catalog", "action": "read" }] },
            { "kind": "project", "namespace": "*", "access": [
                { "resource": "repository", "action": "list" },
                { "resource": "repository", "action": "pull" },
                { "resource": "tag", "action": "list" },
                { "resource": "artifact", "action": "list" },
            ] },
        ],
    });
    recipe("Harbor: a robot account (POST /api/v2.0/robots)", "json", pretty(&robot))
}

fn quay() -> AccessRecipe {
    let text = "# Organization, Robot Accounts: create one, and give it the permission Read on the repositories.\n\
                # Its name is <organization>+<robot>; its token is the password.\n\
                # With a self-hosted Quay, name the repositories in full where FEATURE_PUBLIC_CATALOG is off.\n";
    recipe("Quay: a robot account", "yaml", text)
}

fn github() -> AccessRecipe {
    let text = "# Settings, Developer settings, Personal access tokens (classic): one scope, read:packages.\n\
                # User name: the account that owns the token. Password: the token.\n\
                # GitHub has no catalogue: name every repository in full, as in owner/image.\n";
    recipe("GitHub: a token with read:packages", "yaml", text)
}

fn docker_hub() -> AccessRecipe {
    let text = "# Account settings, Personal access tokens (or the organization's access tokens): permission Read-only.\n\
                # User name: the account or the organization. Password: the token.\n\
                # Docker Hub has no catalogue: name every repository in full, as in owner/image.\n\
                # Pulls are counted. Only images that are new since the last run cost any.\n";
    recipe("Docker Hub: a read-only access token", "yaml", text)
}

fn acr() -> AccessRecipe {
    let assignment = json!({
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": "[guid(resourceGroup().id, parameters('principalId'), 'AcrPull')]",
        "properties": {
            "principalId": "[parameters('principalId')]",
            "principalType": "ServicePrincipal",
            "roleDefinitionId":
                "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')]",
        },
    });
    recipe(
        "Azure: the role AcrPull for a service principal (its id and secret are user name and password)",
        "json",
        pretty(&assignment),
    )
}

/// `GetAuthorizationToken` cannot be narrowed to a registry.
fn ecr() -> AccessRecipe {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Sid": "PlumblineSignIn", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*" },
            { "Sid": "PlumblineRead", "Effect": "Allow", "Resource": "*", "Action": [
                "ecr:BatchGetImage", "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer", "ecr:ListImages",
            ] },
        ],
    });
    recipe("Amazon ECR: a policy for the user whose access key is used", "json", pretty(&policy))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_registry_gets_its_own_recipe_and_an_unknown_one_all() {
        let of = |auth: &str| recipes(&json!({ "host": "r.example", "auth": { "by": auth } }));
        assert_eq!(of("harbor").len(), 1);
        assert_eq!(of("basic").len(), 6);
        assert!(of("anonymous").is_empty());
        assert_eq!(recipes(&Value::Null).len(), 6);
    }

    #[test]
    fn no_recipe_grants_more_than_reading() {
        for recipe in recipes(&Value::Null) {
            let text = recipe.text.to_lowercase();
            for word in ["push", "delete", "create\"", "put", "ecr:*", "write"] {
                assert!(!text.contains(word), "{}: {word}", recipe.title);
            }
            assert!(
                recipe.language != "json" || serde_json::from_str::<Value>(&recipe.text).is_ok(),
                "{}",
                recipe.title
            );
        }
    }
}
