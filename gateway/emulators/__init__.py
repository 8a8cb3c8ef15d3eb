"""The upstream APIs as real HTTP servers, written from the vendors' documents.

Each package emulates one product: `routes.py` (its HTTP routes), `state.py` (its stored objects), `errors.py` (its
documented failures), and `seed.py` (its initial objects). All emulators share the modules in this folder, such as the
host (`host.py`), the control port (`control.py`), fault injection (`faults.py`), and the SQLite file (`database.py`).
The emulators import nothing from the rest of `gateway`.
"""
