"""Reads the types of template parameters, among them AWS's own and those whose value lies in Parameter Store. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

STORED_NAME = "AWS::SSM::Parameter::Name"
_STORED_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LIST = re.compile(r"List<(.+)>")
_AWS_TYPE = re.compile(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+(::[A-Za-z0-9]+)*")
_PLAIN = frozenset({"String", "Number"})
# What a value of the type looks like. There is no EC2 and no Route 53 on the node that could say whether it exists.
_FORMS = {
    "AWS::EC2::AvailabilityZone::Name": r"[a-z]{2}(-[a-z]+)+-\d[a-z]",
    "AWS::EC2::Image::Id": r"ami-[0-9a-z]+",
    "AWS::EC2::Instance::Id": r"i-[0-9a-z]+",
    "AWS::EC2::KeyPair::KeyName": r"(?s).{1,255}",
    "AWS::EC2::SecurityGroup::GroupName": r"(?s).{1,255}",
    "AWS::EC2::SecurityGroup::Id": r"sg-[0-9a-z]+",
    "AWS::EC2::Subnet::Id": r"subnet-[0-9a-z]+",
    "AWS::EC2::VPC::Id": r"vpc-[0-9a-z]+",
    "AWS::EC2::Volume::Id": r"vol-[0-9a-z]+",
    "AWS::Route53::HostedZone::Id": r"[A-Z0-9]{1,32}",
}


@dataclass(frozen=True)
class ParameterType:
    """`item` is the type of one value, `stored` whether the value is the name of a parameter in Parameter Store."""

    item: str
    is_list: bool = False
    stored: bool = False

    @property
    def is_number(self) -> bool:
        return self.item == "Number" and not self.stored

    def fits(self, text: str) -> bool:
        """Return whether a value has the form of the type's values. A type without a known form has any."""
        form = _FORMS.get(self.item)
        return form is None or re.fullmatch(form, text) is not None


@functools.lru_cache(maxsize=256)
def read_type(text: str) -> ParameterType | None:
    """Return the type, or None if CloudFormation has none of this name."""
    stored = _STORED_VALUE.fullmatch(text)
    if stored is not None:
        inner = read_type(stored[1])
        if inner is None or inner.stored or inner.item in ("Number", STORED_NAME):
            return None
        return ParameterType(inner.item, inner.is_list, stored=True)
    if text == "CommaDelimitedList":
        return ParameterType("String", is_list=True)
    listed = _LIST.fullmatch(text)
    item = listed[1] if listed else text
    if item in _PLAIN or _AWS_TYPE.fullmatch(item):
        return ParameterType(item, is_list=listed is not None)
    return None
