"""Users, groups, roles and policies as operations name them: what differs is a word.

The pattern of each one's pages has a single label, and its name is that word: "users/{User}/permissions".
"""

from urllib.parse import unquote

from pileus.kernel.pages import Page, Redirect, Visit

PLACES = {"User": "users", "Group": "groups", "Role": "roles", "Policy": "policies"}
A_PAGE = 50
AT_ONCE = 1000
"""The most that a list takes. Source: IAM API reference, MaxItems."""

ALLOWING = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::bucket/*"
    }
  ]
}"""


def kind(visit: Visit) -> str:
    """User, Group, Role or Policy."""
    (word,) = visit.labels
    return word


def named(visit: Visit, **more: object) -> dict:
    """A request about whom the page is of: a policy is named by its ARN."""
    word = kind(visit)
    return {"PolicyArn" if word == "Policy" else f"{word}Name": visit.labels[word], **more}


def page(visit: Visit, template: str, values: dict, *, title: str = "") -> Page:
    """One of the pages of whom the address names."""
    word = kind(visit)
    name = visit.labels[word]
    place = PLACES[word]
    shown = {"word": word, "name": name, "place": place, "allowing": ALLOWING, **values}
    return Page(template, title or name, shown, trail=((place.capitalize(), visit.url(place)),))


def back(visit: Visit, notice: str, *below: str) -> Redirect:
    word = kind(visit)
    return Redirect(visit.url(PLACES[word], visit.labels[word], *below), notice)


async def some_of(visit: Visit, operation: str, asked: dict, *place: str, **query: str) -> tuple[dict, str]:
    """A page of a list as the operation answers it, and the address of the next; "" for none."""
    asked = {**asked, "MaxItems": A_PAGE}
    if visit.query.get("from"):
        asked["Marker"] = visit.query["from"]
    answer = await visit.invoke(operation, asked)
    more = visit.url(*place, **query, **{"from": answer["Marker"]}) if answer["IsTruncated"] else ""
    return answer, more


async def all_of(visit: Visit, operation: str, member: str, asked: dict) -> list:
    """A list that a quota keeps short."""
    found, asked = [], {**asked, "MaxItems": AT_ONCE}
    while True:
        answer = await visit.invoke(operation, asked)
        found += answer[member]
        if not answer["IsTruncated"]:
            return found
        asked["Marker"] = answer["Marker"]


async def listed(visit: Visit, word: str) -> Page:
    """The list of users or groups."""
    place = PLACES[word]
    answer, more = await some_of(visit, f"List{word}s", {}, place)
    values = {"word": word, "place": place, "rows": answer[f"{word}s"], "more": more}
    return Page("identities.html", f"{word}s", values)


async def create(visit: Visit, word: str, notice: str) -> Redirect:
    """A user or group. notice  what follows its name when it is there"""
    name = visit.typed("name")
    await visit.invoke(f"Create{word}", {f"{word}Name": name, "Path": visit.typed("under") or "/"})
    return Redirect(visit.url(PLACES[word], name), f"The {word.lower()} {name} {notice}.")


async def delete(visit: Visit) -> Redirect:
    """A user, group or role."""
    word = kind(visit)
    name = visit.labels[word]
    visit.must_be(name)
    await visit.invoke(f"Delete{word}", {f"{word}Name": name})
    return Redirect(visit.url(PLACES[word]), f"The {word.lower()} {name} is deleted.")


def document(encoded: str) -> str:
    """A policy of an answer, where all are percent-encoded."""
    return unquote(encoded)
