//! The program as it is built and shipped. Its packages are tested in `tests/python/test_packaging.py`.

mod build;
