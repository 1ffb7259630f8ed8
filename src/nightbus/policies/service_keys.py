"""Lists the condition keys of services that the tables of actions give wherever a request has them.

A request without one of these has no value for it; of every other key of a service the evaluator knows nothing. Source:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

_KEYS = {
    "cloudformation": (
        "changesetname", "createaction", "importresourcetypes", "resourcetypes", "rolearn", "stackpolicyurl",
        "targetregion", "templateurl", "typearn",
    ),
    "events": (
        "creatoraccount", "detail-type", "detail.eventtypecode", "detail.service", "detail.useridentity.principalid",
        "eventbusarn", "eventbusinvocation", "managedby", "source", "targetarn",
    ),
    "iam": ("associatedresourcearn", "awsservicename", "passedtoservice", "permissionsboundary", "policyarn"),
    "kms": (
        "bypasspolicylockoutsafetycheck", "calleraccount", "datakeypairspec", "encryptionalgorithm",
        "encryptioncontextkeys", "expirationmodel", "grantconstrainttype", "grantisforawsresource", "grantoperations",
        "granteeprincipal", "keyagreementalgorithm", "keyorigin", "keyspec", "keyusage", "macalgorithm", "messagetype",
        "multiregion", "multiregionkeytype", "primaryregion", "reencryptonsamekey", "replicaregion", "requestalias",
        "resourcealiases", "retiringprincipal", "rotationperiodindays", "schedulekeydeletionpendingwindowindays",
        "signingalgorithm", "validto", "viaservice", "wrappingalgorithm", "wrappingkeyspec",
    ),
    "lambda": (
        "codesigningconfigarn", "eventsourcetoken", "functionarn", "functionurlauthtype", "invokedviafunctionurl",
        "layer", "principal", "securitygroupids", "sourcefunctionarn", "subnetids", "vpcids",
    ),
    "s3": (
        "authtype", "delimiter", "if-match", "if-none-match", "locationconstraint", "max-keys",
        "object-lock-legal-hold", "object-lock-mode", "object-lock-retain-until-date",
        "prefix", "requestobjecttagkeys", "signatureage", "signatureversion",
        "versionid", "x-amz-acl", "x-amz-copy-source", "x-amz-grant-full-control", "x-amz-grant-read",
        "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp", "x-amz-metadata-directive",
        "x-amz-object-ownership", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-customer-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location",
    ),
    "secretsmanager": (
        "addreplicaregions", "blockpublicpolicy", "description", "forcedeletewithoutrecovery",
        "forceoverwritereplicasecret", "kmskeyid", "name", "recoverywindowindays", "rotateimmediately",
        "rotationlambdaarn", "secretid", "versionid", "versionstage",
    ),
    "sns": ("endpoint", "protocol"),
    "ssm": ("overwrite", "policies", "recursive"),
    "sts": ("externalid", "rolesessionname", "sourceidentity", "transitivetagkeys"),
}  # fmt: skip

SERVICE_KEYS = frozenset(f"{service}:{name}" for service, names in _KEYS.items() for name in names)
PREFIXES_OF_SERVICES = (
    "ecr:resourcetag/", "iam:resourcetag/", "kms:encryptioncontext:", "s3:existingobjecttag/",
    "s3:requestobjecttag/", "secretsmanager:resourcetag/", "ssm:resourcetag/",
)  # fmt: skip
