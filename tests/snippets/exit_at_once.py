# A process that leaves without a word cannot answer.
import os

print("gone", flush=True)
os._exit(3)
