import subprocess
import sys

# scipy.stats takes as long to import as derandcut, and asks for torch's names.
HEAVY = ("torch", "sklearn", "matplotlib", "scipy.stats")


def test_no_heavy_package_is_loaded():
    code = (
        "import sys, derandcut, derandcut.lemma;"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_missing_extras_name_the_install():
    for module, blocked in (("jl", "sklearn"), ("nn", "torch"), ("nn", "sklearn")):
        code = (
            f"import sys; sys.modules['{blocked}'] = None\n"
            "from derandcut.errors import MissingDependencyError\n"
            f"try:\n    import derandcut.{module}\n"
            "except MissingDependencyError as error:\n    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert f"pip install 'derandcut[{module}]'" in done.stdout
