# Tabs and blanks.
if True:
    x = 1
      y = 2
