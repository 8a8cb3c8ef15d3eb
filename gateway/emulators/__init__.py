"""The upstream APIs as real HTTP servers, written from the vendors' documents.

Each package below emulates one product: `routes.py` (its HTTP surface), `state.py` (what it keeps),
`errors.py` (its documented failures) and `seed.py` (what it starts with). The modules beside them serve
all three: the host (`host.py`), the control port (`control.py`), faults on demand (`faults.py`) and
the SQLite file (`database.py`). Nothing here imports anything else from `gateway`.
"""
