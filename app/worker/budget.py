"""How much of a run is kept. What goes over is said in `Trace.truncated`, never dropped in silence."""

STEPS = 12_000  # lines run; from then on the snippet runs unobserved, at full speed
OPERATIONS = 12_000
NODES = 10_000
NODES_SINCE = 500  # of those recorded after the last moment that is known
WRITES = 10_000
PARAM_GROUPS = 100  # handed to optimizers
IDLE_UPDATES = 1_000  # steps of optimizers that found no gradient
PARAMS = 1_000  # of one such group
FIRED = 25_000  # nodes run by backward, over all backwards

SNAPSHOT_BYTES = 4_096  # of one tensor: kept whole up to here, above it only a checksum
COPIED_BYTES = 2**20  # of one large tensor: kept to compare up to here, as long as there is room
COPIES_BYTES = 16 * 2**20  # of all of them; then the oldest are compared by their checksums
CHECKSUM_BYTES = 16 * 2**20  # of one tensor: above it contents are not compared
CONTENTS_BYTES = 3 * 2**20  # of what storages held over the run, all together; then only some of it is kept
LOOKED_AT_ONCE = 600  # storages looked at when they are made; later ones when they are named, saved or written
SUMMARISED_IN_RUN = 2**23  # elements of large storages, over all the times at which they were looked at
TURNS = 20_000  # changes of counters, names and how tensors stand in the graph
SNAPSHOTS_BYTES = 32 * 2**20  # of all snapshots together; the oldest go first, after the run's beginning
BEGINNING_BYTES = 8 * 2**20  # of the first snapshots, which stay

LISTED = 64  # elements listed for a moment in the run, above it a summary
LISTED_AT_END = 1_000  # elements listed for what the run left behind
BEGINNING = 600  # moments: of a long run its beginning and its end are looked at
SCALARS = 15_000  # listed of the beginning; and as many of what came later, newest first
SUMMARIES = 250  # of contents too many to list, likewise
SUMMARISED_ELEMENTS = 2**22  # above it contents are not even summarised

TENSORS_AT_END = 2_000  # tensors, storages: contents read after the run
CONTAINER_ITEMS = 200  # of one list, tuple, dict or object that are given names
CONTAINER_DEPTH = 3
TEXT = 200  # characters of a name or an expression
MESSAGE = 20_000  # characters of an exception's message
ANSWER_BYTES = 14 * 2**20  # of the whole answer

NUMERIC_S = 3.0  # of a numeric check; what is left then is said
NUMERIC_ELEMENTS = 64  # of one leaf that are moved
NUMERIC_MOVES = 256  # elements of all leaves
NUMERIC_LEAVES = 30
NUMERIC_CALLS = 24  # of backward, until which leaves are looked for
NUMERIC_TENSORS = 5_000  # leaves that are met under a name, wanted or not
NUMERIC_NODES = 20_000  # looked through below the roots of one call
