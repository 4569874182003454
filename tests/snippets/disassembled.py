# The code of a function has the calls in it that tell us of lines.
import dis


def function(x):
    return x + 1


print([i.opname for i in dis.get_instructions(function) if i.opname.startswith("LOAD")])
