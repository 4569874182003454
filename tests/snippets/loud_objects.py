# Objects that notice when they are looked at: nobody looks but the snippet.
import torch


class Loud:
    def __init__(self):
        object.__setattr__(self, "t", torch.ones(1))

    def __getattribute__(self, name):
        print("get", name)
        return object.__getattribute__(self, name)

    def __len__(self):
        print("len")
        return 3

    def __eq__(self, other):
        print("eq")
        return True


class Namespace(dict):
    def items(self):
        print("items")
        return super().items()


class Meta(type):
    __prepare__ = classmethod(lambda *_: Namespace())


loud = Loud()
many = [loud, {"a": loud}, (loud,)]
x = torch.ones(2)
class Strange(metaclass=Meta): a = torch.ones(1); b = a + 1
print(x, Strange.b)
