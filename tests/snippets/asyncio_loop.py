# An event loop of asyncio's makes a pair of sockets.
import asyncio


async def main():
    return 5


print(asyncio.run(main()))
