"""The expressions of ARM templates, as far as our template uses them."""

from __future__ import annotations

import pytest

from remediate.deploy.expressions import TemplateError, arm_guid, evaluate

PARAMETERS = {"name": "a", "list": [{"x": 1}], "empty": "", "map": {"k": "v"}}
FUNCTIONS = {"parameters": PARAMETERS.__getitem__, "copyindex": lambda: 0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("[[escaped]", "[escaped]"),
        ("[parameters('name')]", "a"),
        ("[concat(parameters('name'), '/it''s')]", "a/it's"),
        ("[Parameters('list')[copyIndex()].x]", 1),
        ("[parameters('map')['k']]", "v"),
        ("[if(empty(parameters('empty')), 'yes', nosuch())]", "yes"),
        ("[if(not(equals(parameters('name'), 'a')), 'yes', 'no')]", "no"),
        ("[union(parameters('map'), createObject('l', createArray('m')))]", {"k": "v", "l": ["m"]}),
        ("[string(createArray('a\"b', 1))]", '["a\\"b",1]'),
        ("[substring('abcd', 1, sub(length('abcd'), 2))]", "bc"),
        ("[last(split('a/b/c', '/'))]", "c"),
        ("[contains(parameters('map'), 'k')]", True),
    ],
)
def test_an_expression_has_the_value_that_arm_gives_it(text, value):
    assert evaluate(text, FUNCTIONS) == value


def test_what_is_null_is_left_out_of_an_object():
    assert evaluate({"a": "[null()]", "b": ["[parameters('name')]"]}, FUNCTIONS) == {"b": ["a"]}


@pytest.mark.parametrize(
    "text",
    [
        "[nosuch()]",
        "[parameters('name']",
        "[parameters('name') 'b']",
        "[concat('a' 'b')]",
        "[!]",
        "[name]",
        "[]",
        "[parameters('map').nosuch]",
        "[parameters('list')[7]]",
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(TemplateError):
        evaluate(text, FUNCTIONS)


def test_a_guid_is_the_one_that_arm_makes_of_the_same_words():
    # uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", "a-b-c"), as Microsoft documents the function
    assert arm_guid("a", "b", "c") == "a98fa280-e03f-5afa-8d8e-92d0a9c201e8"
