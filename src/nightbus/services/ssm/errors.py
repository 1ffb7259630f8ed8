"""Makes the errors that Parameter Store raises, with AWS's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError, not_supported, validation_error

PUBLIC = "/aws/service"
_WRONG_NAME = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of'
    " sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following"
    " 3 symbols .-_"
)
_WRONG_PATH = (
    "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash"
    ' "/". It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive). It must use only letters, numbers,'
    " or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All"
    ' sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.'
)


def no_parameter() -> AwsError:
    return AwsError("ParameterNotFound", "")


def no_version(name: str, selector: str) -> AwsError:
    noun = "version" if selector.isdigit() else "label"
    return AwsError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find {noun} {selector} of {name}. Verify the {noun} and try again.",
    )


def parameter_exists() -> AwsError:
    return AwsError(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )


def wrong_name() -> AwsError:
    return validation_error(_WRONG_NAME)


def wrong_path() -> AwsError:
    return validation_error(_WRONG_PATH)


def reserved_name(name: str) -> AwsError:
    return AwsError("AccessDeniedException", f"No access to reserved parameter name: {name}.")


def public_parameters(operation: str) -> AwsError:
    """Return the refusal of the public parameters, which AWS publishes and Nightbus does not have."""
    return not_supported("ssm", operation, f"the public parameters of {PUBLIC}")


def invalid_token() -> AwsError:
    return AwsError("InvalidNextToken", "The specified token isn't valid.")


def no_resource() -> AwsError:
    return AwsError(
        "InvalidResourceId",
        "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
    )


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsError", "The number of tags on this resource exceeds the maximum of 50.")
