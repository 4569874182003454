# Nothing is typed.
import sys

print(repr(sys.stdin.read()), sys.stdin.isatty())
try:
    input("name? ")
except EOFError as error:
    print(error)
