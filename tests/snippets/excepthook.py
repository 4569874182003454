# The reader's own excepthook is called for what is not caught.
import sys


def hook(kind, value, traceback):
    print("hooked", kind.__name__, value, traceback.tb_lineno)


sys.excepthook = hook
raise ValueError("boom")
