# An exception that cannot say what it is.
class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no words")


print("before")
raise Silent()
