"""Scripts and styles are named by their content, and so is what they import."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finders

from config.static_files import StaticFiles

HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")
IMPORTED = re.compile(r"""(?:from\s*|import\s*\(\s*)["'](\.[^"']+)["']""")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our static files as they are served."""
    root = tmp_path_factory.mktemp("static")
    storage = StaticFiles(location=root, base_url="/static/")
    found = {}
    for finder in get_finders():
        for name, source in finder.list([]):
            if name.startswith("hardmine/"):
                with source.open(name) as file:
                    storage.save(name, file)
                found[name] = (storage, name)
    problems = [done for _, _, done in storage.post_process(found, dry_run=False) if isinstance(done, Exception)]
    assert not problems
    return root


def test_every_import_of_a_script_names_a_file_by_its_content(collected: Path) -> None:
    scripts = [path for path in (collected / "hardmine").rglob("*.js") if HASHED.search(path.name)]
    imports = [(path, named) for path in scripts for named in IMPORTED.findall(path.read_text())]
    assert len(imports) >= 10
    for path, named in imports:
        assert HASHED.search(named), f"{path.name} imports {named}"
        assert (path.parent / named).is_file(), f"{path.name} imports {named}, which is not there"
