"""What a call used and cost, by the provider's figure or by our estimate, which is marked."""

import pytest
from tests.unit.routing.making import deployment

from xroute.dialects.answer import Answer
from xroute.dialects.openai.surface import CHAT
from xroute.gateway.settle import characters, final_usage
from xroute.routing.plan import Ratios
from xroute.wire.call import Call
from xroute.wire.usage import Usage

DEPLOYMENT = deployment(family="gpt")


def call(text_bytes=1000, max_tokens=0, **facts):
    return Call({}, ("m",), CHAT, text_bytes=text_bytes, max_tokens=max_tokens, **facts)


def test_the_providers_figure_counts_and_is_learnt_from():
    ratios, given = Ratios(), Usage(input=300, output=7)
    assert final_usage(call(), DEPLOYMENT, ratios, given, 4000) is given
    assert ratios.tokens("gpt", 1000) == 210  # a tenth of the way from the default


@pytest.mark.parametrize(("said", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_without_a_figure_the_output_is_estimated_and_marked(said, tokens):
    usage = final_usage(call(), DEPLOYMENT, Ratios(), None, said)
    assert usage == Usage(input=200, output=tokens, estimated=True)


def test_all_that_a_model_said_is_counted():
    choices = [
        {"message": {"content": "four", "reasoning": "fifteen letters"}},
        {"message": {"content": None}},
    ]
    assert characters(Answer({"choices": choices}, None, True)) == 4 + 15
    assert characters(Answer({"choices": []}, None, False)) == 0


def test_a_filters_words_are_no_tokens_of_the_model():
    message = {"role": "assistant", "content": None, "refusal": "The prompt was blocked: SAFETY."}
    assert characters(Answer({"choices": [{"index": 0, "message": message}]}, None, False)) == 0


def test_an_estimate_is_no_more_than_was_asked_for():
    assert final_usage(call(max_tokens=10), DEPLOYMENT, Ratios(), None, 4000).output == 10


def test_an_estimate_uses_what_was_learnt_and_is_never_nothing():
    ratios = Ratios()
    ratios.learn("gpt", 1000, 500)
    assert final_usage(call(), DEPLOYMENT, ratios, None, 0).input == 230
    assert final_usage(call(text_bytes=0), DEPLOYMENT, ratios, None, 0).input == 1


@pytest.mark.parametrize("given", [Usage(), Usage(input=300)])
def test_zeros_beside_an_answer_are_no_figure(given):
    usage = final_usage(call(), DEPLOYMENT, Ratios(), given, 400)
    assert (usage.input, usage.output, usage.estimated) == (given.input or 200, 100, True)


def test_a_request_with_images_teaches_nothing_of_text():
    ratios = Ratios()
    final_usage(call(is_heavy=True), DEPLOYMENT, ratios, Usage(input=900, output=7), 0)
    assert ratios.tokens("gpt", 1000) == 200


def test_the_cap_of_an_estimate_is_that_of_all_choices():
    usage = final_usage(call(max_tokens=10, choices=4), DEPLOYMENT, Ratios(), None, 4000)
    assert usage.output == 40
