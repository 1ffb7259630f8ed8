"""Registers the operations of AWS Key Management Service."""

from __future__ import annotations

from nightbus.services.context import Handler, Worker
from nightbus.services.kms import aliases, data_keys, deletion, encryption, key_tags, keys, policies, rotation

HANDLERS: dict[str, Handler] = {
    "CancelKeyDeletion": deletion.cancel_key_deletion,
    "CreateAlias": aliases.create_alias,
    "CreateKey": keys.create_key,
    "Decrypt": encryption.decrypt,
    "DeleteAlias": aliases.delete_alias,
    "DescribeKey": keys.describe_key,
    "DisableKey": keys.disable_key,
    "DisableKeyRotation": rotation.disable_key_rotation,
    "EnableKey": keys.enable_key,
    "EnableKeyRotation": rotation.enable_key_rotation,
    "Encrypt": encryption.encrypt,
    "GenerateDataKey": data_keys.generate_data_key,
    "GenerateDataKeyPair": data_keys.generate_data_key_pair,
    "GenerateDataKeyPairWithoutPlaintext": data_keys.generate_data_key_pair_without_plaintext,
    "GenerateDataKeyWithoutPlaintext": data_keys.generate_data_key_without_plaintext,
    "GenerateRandom": data_keys.generate_random,
    "GetKeyPolicy": policies.get_key_policy,
    "GetKeyRotationStatus": rotation.get_key_rotation_status,
    "ListAliases": aliases.list_aliases,
    "ListKeyPolicies": policies.list_key_policies,
    "ListKeyRotations": rotation.list_key_rotations,
    "ListKeys": keys.list_keys,
    "ListResourceTags": key_tags.list_resource_tags,
    "PutKeyPolicy": policies.put_key_policy,
    "ReEncrypt": encryption.re_encrypt,
    "RotateKeyOnDemand": rotation.rotate_key_on_demand,
    "ScheduleKeyDeletion": deletion.schedule_key_deletion,
    "TagResource": key_tags.tag_resource,
    "UntagResource": key_tags.untag_resource,
    "UpdateAlias": aliases.update_alias,
    "UpdateKeyDescription": keys.update_key_description,
}

DUTIES: list[Worker] = [deletion.keep_up_keys]
