import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.stacks.errors import TransformFailed
from pileus.stacks.intrinsics import Pseudo, Scope
from pileus.stacks.template import Template, read
from pileus.stacks.transforms import Means, expand

SCOPE = Scope(
    Pseudo("000000000000", "us-east-1", "shop", "arn:stack"), parameters={"Bucket": "files", "Names": ["a-1", "b"]}
)


class NoSam:
    async def expand(self, body, *, parameters, region):
        raise AssertionError("not to be called")


async def transformed(text: str, files: dict | None = None, macros: dict | None = None) -> Template:
    async def fetch(location: str) -> str:
        if location not in (files or {}):
            raise AwsError("The specified key does not exist.", code="NoSuchKey")
        return files[location]

    async def macro(name: str, request: dict) -> dict:
        return macros[name](request)

    return await expand(read(text), SCOPE, Means(NoSam(), fetch, macro))


async def test_an_include_joins_its_place():
    template = await transformed(
        """
Resources:
  Api:
    Type: T::T::Api
    Properties:
      Body:
        Fn::Transform: {Name: AWS::Include, Parameters: {Location: !Sub "s3://${Bucket}/api.yaml"}}
""",
        {"s3://files/api.yaml": "paths: {/x: !Ref Function}"},
    )
    assert template.properties("Api") == {"Body": {"paths": {"/x": {"Ref": "Function"}}}}


async def test_a_top_level_include_adds_to_sections():
    template = await transformed(
        """
Transform: {Name: AWS::Include, Parameters: {Location: s3://files/more.json}}
Resources: {A: {Type: T::T::T}}
""",
        {"s3://files/more.json": '{"Resources": {"B": {"Type": "T::T::T"}}}'},
    )
    assert list(template.resources) == ["A", "B"] and not template.transforms


async def test_an_include_that_is_not_there_says_where():
    with pytest.raises(TransformFailed, match="AWS::Include failed with: s3://files/no: The specified key does not"):
        await transformed(
            "Transform: {Name: AWS::Include, Parameters: {Location: s3://files/no}}\nResources: {A: {Type: T::T::T}}"
        )


async def test_macros_run_from_the_inside_out_and_see_params_and_parameters():
    seen = []

    def inner(request):
        seen.append(("inner", request["params"], request["templateParameterValues"]["Bucket"]))
        return {"status": "success", "fragment": {**request["fragment"], "inner": 1}}

    def outer(request):
        seen.append(("outer", request["fragment"]["Resources"]["A"]["Properties"]))
        return {"status": "SUCCESS", "fragment": request["fragment"]}

    template = await transformed(
        """
Transform: outer
Resources:
  A:
    Type: T::T::T
    Properties: {p: 1, Fn::Transform: {Name: inner, Parameters: {x: !Ref Bucket}}}
""",
        macros={"inner": inner, "outer": outer},
    )
    assert seen == [("inner", {"x": "files"}, "files"), ("outer", {"p": 1, "inner": 1})]
    assert template.properties("A") == {"p": 1, "inner": 1}


async def test_a_macro_that_fails_gives_its_reason():
    with pytest.raises(TransformFailed, match="Transform m failed with: no luck"):
        await transformed(
            "Transform: m\nResources: {A: {Type: T::T::T}}",
            macros={"m": lambda request: {"status": "failure", "errorMessage": "no luck"}},
        )


async def test_a_loop_writes_its_body_once_for_each_item():
    template = await transformed("""
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Queues:
    - Name
    - !Ref Names
    - Queue&{Name}:
        Type: T::T::T
        Properties:
          Own: !Ref Name
          Text: !Sub "${Name}-${AWS::Region}"
          Fn::ForEach::Inner: [P, [X, Y], {"${P}${Name}": !Ref P}]
Outputs:
  Fn::ForEach::All: [Name, [p, q], {"Out${Name}": {Value: !Ref "Queueb"}}]
""")
    assert template.properties("Queuea1") == {
        "Own": "a-1",
        "Text": {"Fn::Sub": "a-1-${AWS::Region}"},
        "Xa-1": "X",
        "Ya-1": "Y",
    }
    assert list(template.resources) == ["Queuea1", "Queueb"] and list(template.outputs) == ["Outp", "Outq"]
    assert template.has_language_extensions


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        ("[N, [a]]", "layout is incorrect"),
        ("[N, !Ref Nobody, {A: {Type: T::T::T}}]", "could not resolve its collection"),
        ("[N, [a, b], {A: {Type: T::T::T}}]", "duplicate key A"),
    ],
)
async def test_a_loop_that_is_wrong_says_so(loop, why):
    with pytest.raises(TransformFailed, match=why):
        await transformed(f"Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::L: {loop}\n")


async def test_transforms_that_are_not_there_are_refused_by_name():
    with pytest.raises(NotImplementedByUs, match="AWS::CodeDeployBlueGreen"):
        await transformed("Transform: AWS::CodeDeployBlueGreen\nResources: {A: {Type: T::T::T}}")
    with pytest.raises(TransformFailed, match="AWS::Nope"):
        await transformed("Transform: AWS::Nope\nResources: {A: {Type: T::T::T}}")
