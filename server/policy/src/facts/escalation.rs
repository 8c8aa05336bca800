//! Ways from a few permissions to all of them: sets of actions that let a principal give itself, or code that it
//! controls, more rights than it has.

use super::policy::pattern::covers;
use super::policy::statement::{Effect, Policy, Statement};

/// Each path is named by its actions and needs all of them.
const PATHS: &[&[&str]] = &[
    // Change what a policy, user, group or role may do.
    &["iam:CreatePolicyVersion"],
    &["iam:SetDefaultPolicyVersion"],
    &["iam:AttachUserPolicy"],
    &["iam:AttachGroupPolicy"],
    &["iam:AttachRolePolicy"],
    &["iam:PutUserPolicy"],
    &["iam:PutGroupPolicy"],
    &["iam:PutRolePolicy"],
    &["iam:AddUserToGroup"],
    &["iam:DeleteUserPermissionsBoundary"],
    &["iam:DeleteRolePermissionsBoundary"],
    // Become another principal.
    &["iam:CreateAccessKey"],
    &["iam:CreateLoginProfile"],
    &["iam:UpdateLoginProfile"],
    &["iam:UpdateAssumeRolePolicy", "sts:AssumeRole"],
    // Start something new with a stronger role.
    &["iam:PassRole", "ec2:RunInstances"],
    &["iam:PassRole", "ec2:RequestSpotInstances"],
    &["iam:PassRole", "ec2:AssociateIamInstanceProfile"],
    &["iam:PassRole", "ec2:ReplaceIamInstanceProfileAssociation"],
    &["iam:PassRole", "autoscaling:CreateLaunchConfiguration", "autoscaling:CreateAutoScalingGroup"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:AddPermission"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:CreateFunctionUrlConfig"],
    &["iam:PassRole", "cloudformation:CreateStack"],
    &["iam:PassRole", "codebuild:CreateProject", "codebuild:StartBuild"],
    &["iam:PassRole", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"],
    &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:RunTask"],
    &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:StartTask"],
    &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:CreateService"],
    &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:UpdateService"],
    &["iam:PassRole", "glue:CreateDevEndpoint"],
    &["iam:PassRole", "glue:CreateJob", "glue:StartJobRun"],
    &["iam:PassRole", "glue:CreateJob", "glue:CreateTrigger"],
    &["iam:PassRole", "sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"],
    &["iam:PassRole", "sagemaker:CreateProcessingJob"],
    &["iam:PassRole", "sagemaker:CreateTrainingJob"],
    &["iam:PassRole", "states:CreateStateMachine", "states:StartExecution"],
    &["iam:PassRole", "apprunner:CreateService"],
    // Change something that already runs with a stronger role.
    &["lambda:UpdateFunctionCode"],
    &["lambda:UpdateFunctionConfiguration"],
    &["glue:UpdateDevEndpoint"],
    &["codebuild:UpdateProject", "codebuild:StartBuild"],
    &["apprunner:UpdateService"],
    &["cloudformation:UpdateStack"],
    &["ssm:SendCommand"],
    &["ssm:StartSession"],
    &["ecs:ExecuteCommand"],
    &["ec2-instance-connect:SendSSHPublicKey"],
];

/// Actions that should be granted on named resources only.
const SENSITIVE: &[&str] = &[
    "iam:PassRole",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "sts:AssumeRole",
];

/// The sensitive actions that a policy grants without condition on all resources of a type.
pub(super) fn broad_actions(policy: &Policy, account: &str) -> Vec<&'static str> {
    SENSITIVE.iter().copied().filter(|action| is_granted(policy, action, account)).collect()
}

/// The paths that a policy opens by itself, each named by its actions: `iam:PassRole + ec2:RunInstances`. Only what is
/// granted without condition, and on more than named resources, counts.
pub(super) fn paths(policy: &Policy, account: &str) -> Vec<String> {
    PATHS
        .iter()
        .filter(|path| path.iter().all(|action| is_granted(policy, action, account)))
        .map(|path| path.join(" + "))
        .collect()
}

fn is_granted(policy: &Policy, action: &str, account: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let by = |effect| policy.statements.iter().filter(move |s| s.effect == effect);
    let allowed = by(Effect::Allow).any(|s| s.is_unconditional() && names(s, &action) && is_broad(s, account));
    allowed && !by(Effect::Deny).any(|s| s.is_unconditional() && names(s, &action) && is_broad(s, account))
}

fn names(statement: &Statement, action: &str) -> bool {
    if statement.actions.is_empty() {
        return !statement.not_actions.is_empty() && !statement.not_actions.iter().any(|not| covers(not, action));
    }
    statement.actions.iter().any(|pattern| covers(pattern, action))
}

/// Whether the statement reaches all resources of a type, in this account at least. Everything but a few named ones
/// counts as all.
fn is_broad(statement: &Statement, account: &str) -> bool {
    !statement.not_resources.is_empty() || statement.resources.iter().any(|r| is_broad_pattern(r, account))
}

fn is_broad_pattern(resource: &str, account: &str) -> bool {
    if covers(resource, "*") {
        return true;
    }
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let [_, _, _, _, owner, rest] = parts.as_slice() else { return resource.ends_with('*') };
    let ours = owner.is_empty() || *owner == account || covers(owner, account);
    let Some(fixed) = rest.strip_suffix('*') else { return false };
    let fixed = fixed.trim_end_matches('*');
    let is_type = fixed.strip_suffix(['/', ':']).is_some_and(|word| !word.is_empty() && !word.contains(['/', ':']));
    ours && (fixed.is_empty() || is_type)
}

#[cfg(test)]
mod tests {
    use super::super::policy;
    use serde_json::{Value, json};

    const ACCOUNT: &str = "111122223333";

    fn escalations(statements: Value) -> Vec<String> {
        let facts = policy::identity(ACCOUNT, &json!({ "Version": "2012-10-17", "Statement": statements }));
        serde_json::from_value(facts["escalations"].clone()).expect("a list of names")
    }

    #[test]
    fn a_path_needs_all_of_its_actions() {
        let pass = json!({ "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*" });
        let run = json!({ "Effect": "Allow", "Action": ["EC2:Run*"], "Resource": "*" });
        assert!(escalations(json!([pass])).is_empty());
        assert_eq!(escalations(json!([pass, run])), ["iam:PassRole + ec2:RunInstances"]);
    }

    #[test]
    fn one_named_resource_is_no_path_and_all_of_a_type_is() {
        let on = |resource: &str| {
            escalations(json!({ "Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": resource }))
        };
        assert!(on("arn:aws:iam::111122223333:user/${aws:username}").is_empty());
        assert!(on("arn:aws:iam::111122223333:user/robots/*").is_empty());
        assert!(on("arn:aws:iam::444455556666:user/*").is_empty());
        assert_eq!(on("arn:aws:iam::111122223333:user/*"), ["iam:CreateAccessKey"]);
        assert_eq!(on("arn:aws:iam::*:*"), ["iam:CreateAccessKey"]);
    }

    #[test]
    fn a_deny_or_a_condition_closes_a_path() {
        let allow = json!({ "Effect": "Allow", "Action": "iam:Put*", "Resource": "*" });
        let deny = json!({ "Effect": "Deny", "Action": ["iam:PutUserPolicy", "iam:PutRolePolicy"], "Resource": "*" });
        let bound = json!({ "Effect": "Allow", "Action": "iam:Put*", "Resource": "*",
            "Condition": { "StringEquals": { "iam:PermissionsBoundary": "arn:aws:iam::111122223333:policy/Edge" } } });
        assert_eq!(escalations(json!([allow, deny])), ["iam:PutGroupPolicy"]);
        assert!(escalations(json!([bound])).is_empty());
    }

    #[test]
    fn everything_but_something_else_opens_paths() {
        let open = escalations(json!({ "Effect": "Allow", "NotAction": "organizations:*", "Resource": "*" }));
        let closed = escalations(json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }));
        assert!(open.contains(&"iam:CreatePolicyVersion".to_owned()));
        assert!(!closed.iter().any(|path| path.contains("iam:")));
    }
}
