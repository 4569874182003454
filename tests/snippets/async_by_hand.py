# Coroutines driven by send, async generators and async with.
import torch


class Later:
    def __await__(self):
        got = yield torch.ones(1)
        return got


class Manager:
    async def __aenter__(self):
        print("enter")
        return self

    async def __aexit__(self, *exc):
        print("exit")


async def numbers():
    for i in range(2):
        yield torch.tensor(i)


async def main():
    async with Manager():
        a = await Later()
        async for n in numbers():
            a = a + n
        print([n async for n in numbers()])
    return a


coroutine = main()
print(coroutine.send(None))
try:
    coroutine.send(torch.tensor([5.0]))
except StopIteration as stop:
    print(stop.value)
