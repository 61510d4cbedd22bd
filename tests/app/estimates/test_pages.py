from __future__ import annotations

import html
import re
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.estimates.schemas import AuditsOut, NumberOut, ShareOut, WrongLabelsOut, WrongOut
from app.estimates.words import about, at_least, at_most, conclusion, confidence
from benchmarks.audit_world import write_review
from benchmarks.simulated_reviews import Plan, SimulatedReview
from tests.app.dashboard.steps import signed_in
from tests.app.reviews.world import Made, Person, add_world, get, make_queue

PLAN = Plan(examples=400, audits=60, flags=80)


def under_way(api: TestClient, verdicts: int = 100) -> Made:
    queue, made = make_queue(api, PLAN.examples)
    review = SimulatedReview(1, "informative", PLAN)
    for number, _ in enumerate(review.verdicts()):
        if number == verdicts:
            break
    write_review(made.dataset_id, UUID(queue), review)
    return made


def words_of(page: str) -> str:
    main = page.partition("<main")[2]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def test_the_page_says_what_the_api_says(api: TestClient) -> None:
    made = under_way(api)
    path = f"/datasets/{made.dataset_id}/estimate"
    told = get(api, path, alpha=0.1, target=0.02)
    answer = signed_in(api, role="viewer").get(f"/projects/lab{path}?alpha=0.1&target=0.02")
    assert answer.status_code == 200
    words = words_of(answer.text)
    assert told["says"] in words
    assert f"{told['forecast']['audits']} more answers to audits would show at most 2 %" in words
    after = told["wrong"]["after"]["number"]
    assert f"{after['lowest']} to {after['highest']}" in words
    undecided = told["unknown"] + told["audits"]["drawn"] - told["audits"]["answered"]
    assert f"if the {undecided} undecided are wrong" in words
    assert 'class="chart-svg bound-chart"' in answer.text
    assert [f"selected>{value}" in html.unescape(answer.text) for value in ("2 %", "90 %")] == [
        True,
        True,
    ]


def test_a_slice_is_chosen_on_the_page(api: TestClient) -> None:
    made = under_way(api)
    path = f"/datasets/{made.dataset_id}/estimate"
    told = get(api, path, label="bee", key="*1", joint=True)
    asked = f"/projects/lab{path}?target=0.01&alpha=0.05&label=bee&key=*1&joint=true"
    answer = signed_in(api, role="viewer").get(asked)
    assert answer.status_code == 200
    words = words_of(answer.text)
    assert told["says"] in words
    assert "Only examples in class “bee” with a key like “*1”" in words
    assert "All rows hold together with 95 % confidence" in words
    assert 'value="*1"' in answer.text
    assert '<option value="bee" selected>' in answer.text
    # As the form sends it when nothing is chosen.
    whole = signed_in(api, role="viewer").get(f"/projects/lab{path}?label=&key=")
    assert get(api, path)["says"] in words_of(whole.text)
    none = signed_in(api, role="viewer").get(f"/projects/lab{path}?key=night/*")
    assert none.status_code == 422
    assert "There is no example with a key like" in none.text


def test_without_audits_the_page_says_how_to_begin(api: TestClient) -> None:
    made = add_world("lab", 400)
    path = f"/projects/lab/datasets/{made.dataset_id}/estimate"
    page = signed_in(api).get(path).text
    assert "No audits yet" in page
    assert "About 197 more answers to audits" in words_of(page)
    assert "Make a queue with audits" in page
    assert "Make a queue" not in words_of(signed_in(api, role="viewer").get(path).text)


def test_where_all_is_reviewed_nothing_is_a_guess(api: TestClient) -> None:
    queue, made = make_queue(api, 12)
    ada = Person(api)
    for kind in ["unusable", *["right"] * 11]:
        ada.work(queue, kind)
    path = f"/projects/lab/datasets/{made.dataset_id}/estimate"
    words = words_of(signed_in(api).get(path).text)
    assert "At most 0 % of the labels are still wrong" in words
    assert "Before the review it was 8.33 %." in words


@pytest.mark.parametrize("page", ["/projects/lab", "/projects/lab/datasets/{}"])
def test_other_pages_lead_there(api: TestClient, page: str) -> None:
    made = add_world("lab", 40)
    link = f'href="/projects/lab/datasets/{made.dataset_id}/estimate"'
    assert link in signed_in(api).get(page.format(made.dataset_id)).text
    assert link not in signed_in(api, role="reviewer").get(page.format(made.dataset_id)).text


def test_a_queue_leads_there(api: TestClient) -> None:
    queue, made = make_queue(api, 40)
    page = signed_in(api).get(f"/projects/lab/queues/{queue}").text
    assert f'href="/projects/lab/datasets/{made.dataset_id}/estimate"' in page


def test_bounds_are_never_rounded_to_their_own_good() -> None:
    assert [at_most(share) for share in (0.0, 0.00001, 0.0082001, 0.07, 0.1241, 1.0)] == [
        "0 %", "0.01 %", "0.83 %", "7 %", "12.5 %", "100 %",
    ]  # fmt: skip
    assert [at_least(share) for share in (0.00001, 0.0082999, 0.29, 1.0)] == [
        "0 %", "0.82 %", "29 %", "100 %",
    ]  # fmt: skip
    assert about(0.12349) == "12.3 %"
    assert [confidence(alpha) for alpha in (0.05, 0.001)] == ["95 %", "99.9 %"]


def test_the_conclusion_is_a_bound_only_once_an_audit_is_answered() -> None:
    range_ = WrongOut(
        number=NumberOut(estimate=3, lowest=1, highest=9),
        share=ShareOut(estimate=0.003, lowest=0.001, highest=0.009),
    )
    wrong = WrongLabelsOut(before=range_, after=range_)
    told = conclusion(wrong, AuditsOut(drawn=4, answered=2), unreviewed=90, alpha=0.05)
    assert told == "At most 0.9 % of the labels are still wrong, with 95 % confidence."
    waits = AuditsOut(drawn=4, answered=0)
    assert "Nothing is known" in conclusion(wrong, waits, unreviewed=90, alpha=0.05)
    assert "At most" in conclusion(wrong, waits, unreviewed=0, alpha=0.05)
