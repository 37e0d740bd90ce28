//! The program as built and shipped. `tests/python/test_packaging.py` tests its packages.

mod build;
