"""Say plainly why an interpreter cannot make our virtual environment.

Runs under whatever Python there is, so it keeps to what old ones understand.
"""

import sys

OLDEST, TOO_NEW = (3, 11), (3, 14)


def complaint(version, has_venv):  # type: ignore[no-untyped-def]
    """What is wrong, as a text, or None."""
    found = "%d.%d" % (version[0], version[1])  # noqa: UP031
    if not OLDEST <= version[:2] < TOO_NEW:
        return (
            "Cleantrace needs Python 3.11, 3.12 or 3.13; %s is %s.\n"  # noqa: UP031
            "Name another:  make PYTHON=/path/to/python3.12 ..." % (sys.executable, found)
        )
    if not has_venv:
        return (
            "This Python cannot make virtual environments (venv or ensurepip is missing).\n"  # noqa: UP031
            "On Debian or Ubuntu:  apt-get install python%s-venv\n"
            "Or name another:      make PYTHON=/path/to/python3.12 ..." % found
        )
    return None


def main():  # type: ignore[no-untyped-def]
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401

        has_venv = True
    except ImportError:
        has_venv = False
    wrong = complaint(sys.version_info, has_venv)
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
