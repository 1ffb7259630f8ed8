"""Judges whether a caller may do something with a key: by the key's policy and its grants.

The key's policy, or a grant, must allow everybody. For the principals of the key's own account it is enough that the
policy names the account's root, as KMS's default policy does; their own policies count as allowing here.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.keys.directory import Key, Keys
from nightbus.keys.errors import access_denied, other_account
from nightbus.keys.records import AWS_KMS
from nightbus.policies.callers import not_allowed, request_by
from nightbus.policies.decision import Effect
from nightbus.policies.evaluation import Policies, decide, refusal_text
from nightbus.policies.request import NO_KEYS, AccessRequest, Values, named_values

RESOURCE_ALIASES = "kms:resourcealiases"
_NO_CONTEXT: Mapping[str, str] = {}
_MOST_REMEMBERED = 100  # answers of one key


async def refusal_of_use(
    keys: Keys,
    key: Key,
    caller: Caller,
    action: str,
    context: Mapping[str, str] = _NO_CONTEXT,
    *,
    alias: str = "",
    via: str = "",
    further: Mapping[str, Values] = NO_KEYS,
) -> AwsError | None:
    """Return why the caller may not do `action` (such as `kms:Encrypt`), None if it may.

    `via` is the service by which a user's request comes, such as `sqs`; `alias` is the alias that it names; `further`
    are the condition keys of this action alone.
    """
    if RESOURCE_ALIASES in key.policy.condition_keys:
        further = {**further, RESOURCE_ALIASES: await keys.aliases(key)}
    asked = (caller.account, caller.arn, caller.service, caller.source_arn, action, via, alias)
    is_plain = not further and (not context or not _names_context(key))
    answer = key.answers.get(asked) if is_plain else None
    request = None
    if answer is None:
        request = policy_request(caller, key, action, context, alias, via, further)
        answer = _answer(request, key)
        if is_plain:
            if len(key.answers) >= _MOST_REMEMBERED:
                key.answers.clear()
            key.answers[asked] = answer
    allowed, denial = answer
    if denial:
        return access_denied(denial)
    if allowed:
        return None
    request = request or policy_request(caller, key, action, context, alias, via, further)
    with_grants = Policies(identity=None, resource=await keys.policy(key))
    if decide(request, with_grants, key.scope.account).is_allowed:
        return None
    if caller.arn and caller.account == key.scope.account:
        return access_denied(not_allowed(request_by(caller, action, key.arn)))
    return other_account(caller.arn or caller.service, action, key.arn)


def _names_context(key: Key) -> bool:
    return any(name.startswith("kms:encryptioncontext") for name in key.policy.condition_keys)


def _answer(request: AccessRequest, key: Key) -> tuple[bool, str]:
    """Return whether the policy allows the request, and the text of an explicit Deny."""
    decision = decide(request, Policies(identity=None, resource=key.policy), key.scope.account)
    denied = decision.effect is Effect.EXPLICIT_DENY
    return decision.is_allowed, refusal_text(request, decision) if denied else ""


def policy_request(
    caller: Caller,
    key: Key,
    action: str,
    context: Mapping[str, str],
    alias: str,
    via: str,
    further: Mapping[str, Values] = NO_KEYS,
) -> AccessRequest:
    return request_by(caller, action, key.arn, {**keys_of_use(caller, key, context, via, alias), **further})


def keys_of_use(
    caller: Caller, key: Key, context: Mapping[str, str], via: str, alias: str = ""
) -> dict[str, Values]:
    """Return the condition keys of a request about the key. They are all in lower case."""
    through = f"{via}.{key.scope.region}.amazonaws.com" if via and caller.arn else ""
    return {
        "kms:calleraccount": caller.account,
        "kms:keyspec": key.spec,
        "kms:keyusage": key.usage,
        "kms:keyorigin": str(key.value.get("Origin", AWS_KMS)),
        "kms:multiregion": "true" if key.value.get("MultiRegion") else "false",
        "kms:requestalias": alias,
        "kms:viaservice": through,
        "kms:encryptioncontextkeys": tuple(context),
        "kms:grantisforawsresource": "true" if through else "false",
        **named_values("kms:encryptioncontext:", context.items()),
        **named_values("aws:resourcetag/", key.value["Tags"].items()),
    }
