"""Whether JSON fits the schemas that labctl ships."""

import json

import jsonschema
from referencing import Registry, Resource

from labctl import resources

ENDING = ".schema.json"


def names() -> list[str]:
    """Those that `labctl schema` prints."""
    return sorted(path.name.removesuffix(ENDING) for path in resources.folder("schemas").glob(f"*{ENDING}"))


def fits(value: object, schema: str) -> None:
    """Fail where it does not fit the schema of this name."""
    texts = {name: json.loads(resources.text(f"schemas/{name}{ENDING}")) for name in names()}
    known = [(f"{name}{ENDING}", Resource.from_contents(text)) for name, text in texts.items()]
    jsonschema.Draft202012Validator(texts[schema], registry=Registry().with_resources(known)).validate(value)


def fit_lines(text: str, schema: str = "events") -> list[dict[str, object]]:
    """The lines of JSON in a text, each of which fits."""
    values = [json.loads(line) for line in text.splitlines()]
    for value in values:
        fits(value, schema)
    return values
