# A long message, with text that is no UTF-8.
print("é ü 漢字 🎉 \x1b[1m")
raise ValueError("x" * 5000 + "\ud800 end")
