"""The tests mirror the package: who changes a module finds its tests at the same place below this folder."""

from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "labctl"
# What is about no module, or about several of them together.
OTHERS = {
    "core/test_cases.py": "plans as data: what a change of a Labfile leads to",
    "engine/test_made_up_kind.py": "a kind that exists only there",
    "host/builds/test_pack.py": "a shell script of templates/",
    "host/downloads/test_download_processes.py": "downloads by processes of their own",
    "host/images/test_fuzz_images.py": "all parsers of images, by tests/fuzz",
    "kinds/test_declarations.py": "the XML declarations of all kinds",
    "kinds/test_golden.py": "XML as data, of all kinds",
    "kinds/test_xml.py": "domains and networks against libvirt's own schemas",
    "labfile/test_bad.py": "Labfiles that are refused, as data",
    "test_mirror.py": "the tests themselves",
    "test_process.py": "the rule that only cli/ touches what belongs to the whole process",
    "test_scripts.py": "scripts/",
    "test_security_page.py": "docs/security.md",
    "test_sizes.py": "all files of the package",
    "test_surroundings.py": "the tests themselves",
}


def named(test: str) -> str:
    """The module that a test file is named after."""
    folder, _, name = test.rpartition("test_")
    return folder + name


def test_each_file_of_tests_is_named_after_its_module():
    found = {str(path.relative_to(HERE)) for path in HERE.rglob("test_*.py")}
    strays = {
        each
        for each in found
        if not (PACKAGE / named(each)).is_file() and not (PACKAGE / named(each)).with_suffix("").is_dir()
    }
    assert strays == set(OTHERS)
