# What is written to the descriptor itself goes nowhere.
import os

os.write(1, b"raw\n")
print("printed")
