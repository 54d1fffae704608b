"""Imports go down: each module may import its own layer's equals only where said."""

import ast
import subprocess
import sys
from pathlib import Path

import derandcut

PACKAGE = Path(derandcut.__file__).parent
HEAVY = ("cvxpy", "sklearn", "torch", "networkx")

# The first name that is a prefix of a module's path decides its layer.
LAYERS = (
    (0, ("errors", "check", "_core")),
    (1, ("graph", "result", "options", "run", "arguments")),
    (2, ("lemma", "models", "formats")),
    (3, ("cut", "jl", "nn")),
    (4, ("solver", "budget", "verification")),
    (5, ("datasets", "benchmark", "plotting", "cli", "integrations")),
)
# A string may name a dataset; `as_graph` loads them once one does.
UPWARD = {("derandcut.formats", "derandcut.datasets")}
SEPARATE = ("cut", "jl", "nn")  # one layer, but they never import each other


def layer(module: str) -> int:
    head = module.split(".")[1]
    for number, names in LAYERS:
        if head in names:
            return number
    raise AssertionError(f"{module} has no layer: name one in {Path(__file__).name}")


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["derandcut", *path.relative_to(PACKAGE).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


def imported(path: Path) -> set[str]:
    """Every module of derandcut that `path` imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("derandcut.")}


def test_imports_go_down():
    known = modules()
    wrong = []
    for module, path in known.items():
        if module == "derandcut":
            continue
        own, head = layer(module), module.split(".")[1]
        for name in imported(path):
            # `import derandcut` and its public names: the top may, the rest may not.
            other = name.split(".")[1]
            if f"derandcut.{other}" not in known and not (PACKAGE / other).is_dir():
                if own < 5:
                    wrong.append(f"{module} imports the public name {name}")
                continue
            apart = head != other and {head, other} <= set(SEPARATE)
            if (module, name) not in UPWARD and (layer(name) > own or apart):
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_no_module_bears_the_name_of_a_public_function():
    names = {module.split(".")[1] for module in modules() if "." in module}
    clash = {
        name
        for name in names & set(derandcut.__all__)
        if not isinstance(getattr(derandcut, name), type(ast))
    }
    assert not clash


def test_import_loads_nothing_heavy():
    code = f"import sys, derandcut; print([x for x in {HEAVY} if x in sys.modules])"
    # From the package's parent folder: found there, installed or not.
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    assert run.stdout.strip() == "[]"


def test_the_documented_modules_are_there_without_an_import_of_their_own():
    code = "import derandcut; print(derandcut.datasets.load, derandcut.models.QUBO)"
    subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    assert set(derandcut._MODULES) <= set(dir(derandcut))
    assert not hasattr(derandcut, "no_such_module")


def test_optional_packages_are_imported_only_where_they_are_used():
    # The lemma differentiates with torch where it is there; the benchmark's adaptors
    # run other people's packages.
    homes = {"sklearn": ("jl", "nn"), "torch": ("lemma", "nn", "benchmark")}
    wrong = []
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                home = homes.get(name.split(".")[0])
                if home and not set(module.split(".")[1:2]) & set(home):
                    wrong.append(f"{module}:{node.lineno} imports {name}")
    assert not wrong
