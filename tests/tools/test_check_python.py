from tools.check_python import complaint


def test_supported_versions_pass() -> None:
    for minor in (11, 12, 13):
        assert complaint((3, minor, 0), has_venv=True) is None


def test_old_and_unknown_versions_are_refused_by_name() -> None:
    assert "needs Python 3.11, 3.12 or 3.13" in complaint((3, 10, 4), has_venv=True)
    assert "is 3.14" in complaint((3, 14, 0), has_venv=True)


def test_missing_venv_names_the_package() -> None:
    assert "apt-get install python3.12-venv" in complaint((3, 12, 1), has_venv=False)
