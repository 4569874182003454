# A script that leaves by sys.exit, with what it left for the exit.
import atexit
import sys

atexit.register(print, "last", sep="-")


@atexit.register
def first():
    print("first")


def never():
    print("never")


atexit.register(never)
atexit.unregister(never)


class Failing:
    def __call__(self):
        return 1 / 0

    def __repr__(self):
        return "Failing()"


atexit.register(Failing())
print("leaving")
sys.exit(0)
