"""How many readers are about."""

from app.sandbox.asking import Asking
from app.sandbox.crowd import LATELY_S, Crowd

ROUTER = "192.0.2.1"


def test_a_class_behind_one_router_is_as_many_as_open_the_page() -> None:
    crowd = Crowd(most=100)
    for _ in range(30):
        crowd.visited(Asking(address=ROUTER), 0.0)
    assert crowd.size(1.0) == 30


def test_who_presses_run_again_and_again_is_one() -> None:
    crowd = Crowd(most=100)
    for page in ("a", "b", "a", "a"):
        crowd.asked(Asking(address=ROUTER, page=page), 0.0)
    for _ in range(50):
        crowd.asked(Asking(address=ROUTER), 0.0)  # a program, which names no page
    assert crowd.size(0.0) == 3


def test_who_left_is_forgotten() -> None:
    crowd = Crowd(most=100)
    crowd.asked(Asking(page="a"), 0.0)
    crowd.asked(Asking(page="b"), 100.0)
    crowd.asked(Asking(page="a"), 200.0)
    assert crowd.size(150.0 + LATELY_S) == 1
    assert crowd.size(201.0 + LATELY_S) == 0


def test_it_never_counts_beyond_its_bound() -> None:
    crowd = Crowd(most=3)
    for number in range(50):
        crowd.visited(Asking(address=str(number)), float(number))
    assert crowd.size(50.0) == 3
    assert Crowd(most=0).size(0.0) == 0
