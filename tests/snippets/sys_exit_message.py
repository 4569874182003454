# sys.exit with a message is an error.
import sys

print("a")
try:
    sys.exit(3)
except SystemExit as error:
    print(error.code)
sys.exit("no data")
