"""What all drivers of SDKs in Python share: see sdk_python.py."""

from . import seen

MAX = 4000
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
          "required": ["city", "days"], "additionalProperties": False}
TOOLS = ("weather", "news")


class Lacks(Exception):
    """The face has no word for what the case wants."""


def failure(error):
    """An SDK's exception; kinds: its class and those above it."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return {"kinds": [c.__name__ for c in type(error).__mro__], "status": status if isinstance(status, int) else None,
            "message": str(error), "code": getattr(error, "code", None), "request_id": getattr(error, "request_id", None)}


def run(face, spec):
    """One case by one face: its answers, and what was seen below the SDK."""
    seen.take()
    try:
        answers = getattr(face, spec["op"])(spec)
    except face.lacks as lack:
        return {"lacks": str(lack)}
    except face.errors as error:
        answers = {"error": face.failure(error)}
    answers = list(answers) if isinstance(answers, tuple) else [answers]
    return {"answers": [{k: v for k, v in a.items() if k != "message"} for a in answers], "http": seen.take()}
