"""Parameters of a request's JSON object.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from testbed.emulator.errors import api_error


def require(body: dict[str, object], name: str) -> object:
    """Return a parameter; raises APIError (400) when it is missing."""
    if name not in body:
        message = f"Missing required parameter: '{name}'."
        raise api_error(400, message, param=name, code="missing_required_parameter")
    return body[name]


def require_model(body: dict[str, object]) -> str:
    """Return the model's name; raises APIError (400) when there is none."""
    model = body.get("model")
    if not isinstance(model, str):
        raise api_error(400, "you must provide a model parameter")
    return model
