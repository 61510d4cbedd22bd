"""Tries, idempotency and typed errors, over real sockets to a real API."""

import pickle
import socket

import pytest

from cleantrace import Client
from cleantrace.client import errors, room_errors
from cleantrace.client.problems import api_error
from tests.cleantrace.client.front import Front, garbled, hang_up, lose_answer, unavailable
from tests.support import save_blobs


def _register(client: Client, path, version: str = "1"):
    return client.register_dataset(
        "blobs", version, path, format="npz", task="classification", input="x", label="y", key="id"
    )


@pytest.fixture
def through_front(front: Front, key: str):
    with Client(front.url, key, "lab") as client:
        yield client


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_trouble_is_tried_again(through_front: Client, front: Front, status: int) -> None:
    front.faults = [unavailable(status), unavailable(status)]
    assert list(through_front.datasets()) == []
    assert len(front.seen) == 3


def test_dropped_connection_is_tried_again(through_front: Client, front: Front) -> None:
    front.faults = [hang_up, hang_up]
    assert list(through_front.datasets()) == []
    assert len(front.seen) == 3


def test_repeat_after_lost_answer_does_work_once(
    through_front: Client, client: Client, front: Front, data_dir
) -> None:
    front.faults = [lose_answer, unavailable(502)]
    made = _register(through_front, save_blobs(data_dir))
    assert [each.id for each in client.datasets()] == [made.id]
    keys = {key for method, _, key in front.seen if method == "POST"}
    assert len(front.seen) == 3
    assert len(keys) == 1
    assert None not in keys


def test_each_post_has_a_key_of_its_own(through_front: Client, front: Front, data_dir) -> None:
    path = save_blobs(data_dir)
    _register(through_front, path, "1")
    _register(through_front, path, "2")
    assert len({key for _, _, key in front.seen}) == 2


def test_trouble_that_stays_is_told_with_its_status(front: Front, key: str) -> None:
    front.faults = [unavailable(502)] * 2
    with Client(front.url, key, "lab", tries=2) as client:
        with pytest.raises(errors.ServiceError) as caught:
            list(client.datasets())
    assert caught.value.status == 502
    assert len(front.seen) == 2


def test_refusals_are_not_tried_again(through_front: Client, front: Front) -> None:
    with pytest.raises(errors.ScanNotFound):
        through_front.get_scan("00000000-0000-0000-0000-000000000000")
    assert len(front.seen) == 1


def test_nothing_listening_is_connection_failed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(url, "ct_x", tries=2) as client:
            with pytest.raises(errors.ConnectionFailed, match=url):
                list(client.datasets())


@pytest.mark.parametrize(
    "url", ["no-url", "ftp://x", "http://", "http://h:port", "http://h:99999", "http://a\tb/"]
)
def test_what_is_no_url_is_said(url: str) -> None:
    with pytest.raises(errors.NotConfigured, match="is not a URL"):
        Client(url, "ct_x")


def test_a_key_that_no_header_may_hold_is_told_and_not_shown() -> None:
    for key in ("ct_…", "ct_one\nct_two", "ct_a b", " ", "ct_\x00"):
        with pytest.raises(errors.NotConfigured, match="characters that no key has") as caught:
            Client("http://127.0.0.1:9", key)
        assert key.strip() == "" or key not in str(caught.value)


def test_the_end_of_a_keys_line_is_no_part_of_it(api_url: str, key: str) -> None:
    with Client(api_url, f"{key}\n", "lab") as client:
        assert client.me().project == "lab"


def test_a_project_cannot_lead_to_other_routes(api_url: str, key: str) -> None:
    for project in ("other/../lab", "../projects/lab", "lab?x=", "lab#"):
        with Client(api_url, key, project) as client, pytest.raises(errors.NotFound):
            client.me()


def test_an_answer_that_cannot_be_unpacked_is_tried_again(
    through_front: Client, front: Front
) -> None:
    front.faults = [garbled, garbled]
    assert list(through_front.datasets()) == []
    assert len(front.seen) == 3


def test_another_server_than_ours_is_named(front: Front, key: str) -> None:
    front.faults = [unavailable(200)]  # a page, with status 200
    with Client(front.url, key, "lab") as client:
        with pytest.raises(errors.AnswerNotUnderstood, match="Check the URL"):
            list(client.datasets())


def test_problem_carries_status_title_detail_remedy_and_field(client: Client) -> None:
    with pytest.raises(errors.LocationNotAllowed) as caught:
        _register(client, "/etc/passwd")
    error = caught.value
    assert isinstance(error, errors.Invalid)
    assert error.status == 422
    assert error.title == "Location not allowed"
    assert error.remedy
    assert [each.field for each in error.errors] == ["uri"]
    assert error.detail in str(error)
    assert error.remedy in str(error)
    assert pickle.loads(pickle.dumps(error)).problem == error.problem


def test_malformed_request_names_its_fields(client: Client, data_dir) -> None:
    with pytest.raises(errors.Invalid) as caught:
        client.register_dataset(
            "blobs", "1", save_blobs(data_dir), format="npz", task="classification", label="y"
        )
    assert "columns.input" in str(caught.value)


def test_wrong_key_and_other_project(api_url: str, key: str) -> None:
    with Client(api_url, "ct_wrong", "lab") as client, pytest.raises(errors.NotSignedIn):
        list(client.datasets())
    with Client(api_url, key, "other") as client, pytest.raises(errors.ProjectNotFound):
        list(client.datasets())


def test_role_that_is_too_low(api_url: str, database: None, data_dir) -> None:
    from tests.support import make_key

    with Client(api_url, make_key("lab", "viewer"), "lab") as client:
        with pytest.raises(errors.NotAllowed):
            _register(client, save_blobs(data_dir))


def test_ids_cannot_lead_to_other_routes(client: Client) -> None:
    with pytest.raises(errors.NotFound):
        client.get_scan("../datasets")


def test_unknown_problem_becomes_nearest_class() -> None:
    problem = {"type": "urn:cleantrace:problem:new-kind", "detail": "Something new."}
    assert type(api_error(409, problem)) is errors.Conflict
    assert type(api_error(599, problem)) is errors.ServiceError
    assert type(api_error(418, problem)) is errors.ApiError


def test_every_problem_that_a_route_declares_has_its_class() -> None:
    """The tree mirrors the API's: same code, same status, same branch."""
    from app.errors import ProblemError
    from app.main import create_app

    kinds = {(kind.status, kind.title): kind for kind in _below(ProblemError)}
    declared: set[type[ProblemError]] = set()
    for path, operations in create_app().openapi()["paths"].items():
        for operation in operations.values() if path.startswith("/api/v1/projects/") else ():
            for status, answer in operation["responses"].items():
                for title in answer["description"].split("; "):
                    if (int(status), title) in kinds:
                        declared.add(kinds[int(status), title])
    assert len(declared) > 20
    branches = {400: "ApiError", 413: "ApiError", 503: "ServiceError"} | {
        401: "NotSignedIn",
        403: "NotAllowed",
        404: "NotFound",
        409: "Conflict",
    }
    for kind in declared:
        mirrored = api_error(kind.status, kind("Wrong.").as_problem())
        assert mirrored.code == kind.code, f"{kind.__name__} has no class in the client"
        branch = branches.get(kind.status, "Invalid")
        assert branch in {each.__name__ for each in type(mirrored).__mro__}, kind.__name__


def _below(kind: type) -> list[type]:
    return [found for each in kind.__subclasses__() for found in [each, *_below(each)]]


def test_every_error_stands_in_the_drawn_tree() -> None:
    of_rooms = room_errors.__name__
    for kind in [errors.CleantraceError, *_below(errors.CleantraceError)]:
        if kind.__module__ == of_rooms:
            continue  # named together at the tree's end
        assert kind.__name__ in (errors.__doc__ or "")
