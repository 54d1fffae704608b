"""The checker: it refuses, or what it prints is true (by brute force)."""

import ast
import copy
import gzip
import itertools
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from derandcut import CutGraph, check, maxcut
from derandcut.check import Refused
from derandcut.cut.certificate import certificate
from derandcut.cut.proof import (
    Branch,
    Inequalities,
    Infeasible,
    Packing,
    Positive,
    Psd,
    Reduced,
    Split,
)
from derandcut.cut.reduce import reduce
from derandcut.cut.sdp import sdp


def edges_of(graph):
    u, v, w = (column.tolist() for column in graph.edges())
    return dict(zip(zip(u, v, strict=True), w, strict=True))


def optimum(n, edges, fixed=None):
    """The maximum cut in exact numbers, by brute force over vertices 1..n-1."""
    free = range(1, n) if not fixed else [u for u in range(n) if u not in fixed]
    exact = [(u, v, Fraction(w)) for (u, v), w in edges.items()]
    best = None
    for bits in itertools.product((0, 1), repeat=len(free)):
        side = {0: 0} | (fixed or {}) | dict(zip(free, bits, strict=True))
        value = sum((w for u, v, w in exact if side[u] != side[v]), Fraction(0))
        best = value if best is None else max(best, value)
    return best


def accepted(graph, found):
    """The verdict on a certificate that went through JSON."""
    return check.check(graph.n, edges_of(graph), json.loads(json.dumps(found)))


# ---------------------------------------------------------- small certificates to alter

WHEEL = CutGraph.from_edges(  # five spokes, a rim of five, one chord
    [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 1], [1, 2, 3, 4, 5, 2, 3, 4, 5, 1, 3],
    [2, 1, 3, 1, 2, 1, -1, 2, 1, 3, 1],
)  # fmt: skip
RIM = [(1, 2), (2, 3), (3, 4), (4, 5)]
REAL = WHEEL.reweighted(WHEEL.edges()[2] * 0.3)


def triangles(graph, inner=None):
    """Inequality proof: every triangle at vertex 0 along the rim."""
    pairs = np.array([p for a, b in RIM for p in ((0, a), (a, b), (0, b))])
    odd = np.tile([True, True, True], len(RIM))
    starts = np.arange(0, 3 * len(RIM) + 1, 3)
    y = np.full(len(RIM), 0.25)
    return Inequalities(starts, pairs[:, 0], pairs[:, 1], odd, y, inner)


def dual(graph):
    return Psd(sdp(graph, tolerance=1e-5).y)


def contracted(graph, u, v, *, different):
    """The graph of a branch, as its leaves number it."""
    number = [k - (k > v) for k in range(graph.n)]
    number[v] = number[u]
    edges = []
    for (a, b), w in edges_of(graph).items():
        sign = -1 if different and v in (a, b) else 1
        edges.append((number[a], number[b], sign * w))
    a, b, w = zip(*edges, strict=True)
    return CutGraph.from_edges(a, b, w, graph.n - 1)


def branched(graph):
    leaves = [dual(contracted(graph, 1, 4, different=d)) for d in (False, True)]
    return Branch(1, 4, Branch(1, 4, leaves[0], Infeasible()), leaves[1])


def proofs(graph):
    reduction = reduce(graph)
    yield "positive", Positive()
    yield "psd", dual(graph)
    yield "packing", Packing()
    yield "triangles", triangles(graph)
    rest = edges_of(graph)
    for a, b in RIM:
        for pair in ((0, a), (a, b), (0, b)):
            rest[pair] -= 0.25
    u, v = zip(*rest, strict=True)
    rest = CutGraph.from_edges(u, v, list(rest.values()))
    yield "triangles and psd", triangles(graph, dual(rest))
    yield "branch", branched(graph)
    yield "reduced", Reduced(reduction.steps, Positive(), reduction.scale)


def part(graph, vertices):
    """The subgraph on some vertices."""
    number = {u: i for i, u in enumerate(vertices)}
    kept = [
        (number[u], number[v], w)
        for (u, v), w in edges_of(graph).items()
        if u in number and v in number
    ]
    u, v, w = zip(*kept, strict=True)
    return CutGraph.from_edges(u, v, w, len(vertices))


TWO = CutGraph.from_edges(  # two triangles with a corner in common, one edge apart
    [0, 1, 2, 2, 3, 4, 5], [1, 2, 0, 3, 4, 2, 6], [1, 2, 3, 1, 1, 4, -2]
)
PARTS = ([0, 1, 2], [2, 3, 4], [5, 6])
SPLIT = Split(
    tuple(
        (np.array(vertices), dual(part(TWO, vertices)) if k < 2 else Positive())
        for k, vertices in enumerate(PARTS)
    )
)
# K5, a twin of vertex 0 on the other side, adjacent to it, and one on its own side
ALIKE = CutGraph.from_edges(
    [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 5, 5, 5, 5, 0, 6, 6, 6, 6],
    [1, 2, 3, 4, 2, 3, 4, 3, 4, 4, 1, 2, 3, 4, 5, 1, 2, 3, 4],
    [4, 4, 3, 3, 4, 5, 4, 3, 4, 5, -8, -8, -6, -6, 1, 4, 4, 3, 3],
)
# a clique of vertices 0, 1, 2, the last opposite; its neighbours with t = 1, -2, 1
BALANCED = CutGraph.from_edges(
    [0, 0, 1, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 3, 4, 5, 3],
    [1, 2, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 4, 5, 6, 6, 6, 5],
    [2, -2, -2, 2, -4, 2, 2, -4, 2, -2, 4, -2, 3, 1, 5, 4, -5, 7],
)
UNEVEN = BALANCED.reweighted(BALANCED.edges()[2] * 0.3)
CLIQUE = np.array([[0, -3], [1, -3], [2, -3]])
CASES = [
    *((f"{name}, integer", WHEEL, proof) for name, proof in proofs(WHEEL)),
    *((f"{name}, real", REAL, proof) for name, proof in proofs(REAL)),
    ("split", TWO, SPLIT),
    ("twins", ALIKE, Reduced(reduce(ALIKE).steps, Positive())),
    ("clique, integer", BALANCED, Reduced(CLIQUE, Packing())),
    ("clique, real", UNEVEN, Reduced(CLIQUE, Positive())),
]
BEST = {
    id(g): optimum(g.n, edges_of(g))
    for g in (WHEEL, REAL, TWO, ALIKE, BALANCED, UNEVEN)
}


def made(graph, proof):
    side = np.where(np.arange(graph.n) % 2, 1, -1)
    return certificate(graph, side, proof)


@pytest.mark.parametrize(
    ("graph", "proof"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_proof_becomes_a_certificate_that_is_accepted(graph, proof):
    verdict = accepted(graph, made(graph, proof))
    assert verdict.bound >= BEST[id(graph)]
    assert verdict.bound <= sum(Fraction(max(0, w)) for w in edges_of(graph).values())


def test_trees_of_any_depth_are_written_and_checked():
    proof = Positive()
    for _ in range(3000):  # deeper than Python recurses, or its JSON nests
        proof = Branch(1, 2, proof, Infeasible())
    found = made(WHEEL, Branch(1, 2, proof, Positive()))
    assert accepted(WHEEL, found).bound >= BEST[id(WHEEL)]
    assert len(found["proof"]) > 6000


def places(value, path=()):
    """Every number in a JSON object, and every digit of its strings."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))
    elif isinstance(value, int) or (isinstance(value, str) and path[-1] != "rule"):
        yield path


def altered(value):
    """Other values for one number."""
    if isinstance(value, str):
        for at in range(len(value)):
            other = "1" if value[at] == "0" else "0"
            yield value[:at] + other + value[at + 1 :]
        return
    yield from {value + 1, value - 1, -value, 0, 1 << 70} - {value}


def assert_refused_or_true(graph, found):
    try:
        verdict = check.check(graph.n, edges_of(graph), found)
    except Refused:
        return
    best = BEST[id(graph)]
    assert verdict.cut <= best
    assert verdict.bound is None or verdict.bound >= best
    lines = str(verdict).splitlines()
    assert Fraction(float(lines[0].split()[1])) <= best
    assert Fraction(float(lines[1].split()[2])) >= best


@pytest.mark.parametrize(
    ("graph", "proof"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_after_any_single_altered_number_it_refuses_or_is_right(graph, proof):
    found = made(graph, proof)
    for path in places(found):
        holder = changed = copy.deepcopy(found)
        for key in path[:-1]:
            holder = holder[key]
        for other in itertools.islice(altered(holder[path[-1]]), 12):
            holder[path[-1]] = other
            assert_refused_or_true(graph, changed)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_after_many_changes_it_refuses_or_is_right(data):
    _, graph, proof = data.draw(st.sampled_from(CASES))
    found = copy.deepcopy(made(graph, proof))
    statements = found["proof"]
    for _ in range(data.draw(st.integers(1, 3))):
        change = data.draw(
            st.sampled_from(["drop", "repeat", "swap", "junk", "number"])
        )
        at = data.draw(st.integers(0, max(0, len(statements) - 1)))
        to = data.draw(st.integers(0, max(0, len(statements) - 1)))
        if not statements:
            break
        if change == "drop":
            del statements[at]
        elif change == "repeat":
            statements.insert(to, copy.deepcopy(statements[at]))
        elif change == "swap":
            statements[at], statements[to] = statements[to], statements[at]
        elif change == "junk":
            statements[at] = data.draw(
                st.sampled_from(
                    [None, 3, {}, {"rule": "box"}, {"rule": "infeasible"}, {"rule": []}]
                )
            )
        else:
            paths = list(places(statements))
            if not paths:
                break
            path = data.draw(st.sampled_from(paths))
            holder = statements
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = data.draw(
                st.one_of(st.integers(-4, 9), st.just(None), st.just("0"), st.just(0.5))
            )
    found["claim"] = {"cut": -(10**9), "upper_bound": 10**9}
    assert_refused_or_true(graph, found)


# -------------------------------------------------------------------- rules, one by one


@given(graphs(max_n=8))
@settings(max_examples=80, deadline=None)
def test_the_certificate_of_a_run_is_accepted_and_true(graph):
    result = maxcut(graph)
    verdict = accepted(graph, result.certificate)
    best = optimum(graph.n, edges_of(graph))
    assert verdict.cut <= best <= verdict.bound
    assert float(verdict.bound) >= float(result.cut) - 1e-9 * graph.absolute_weight


@given(graphs(min_n=1, max_n=7), st.data())
@settings(max_examples=60, deadline=None)
def test_any_factor_proves_a_bound(graph, data):
    order = data.draw(st.permutations(range(graph.n)))
    rows = [u for u in order if data.draw(st.booleans())]
    count = data.draw(st.integers(0, len(rows)))
    entry = st.integers(-300, 300) | st.integers(-(10**25), 10**25)
    columns = [
        data.draw(st.lists(entry, min_size=len(rows) - k, max_size=len(rows) - k))
        for k in range(count)
    ]
    whole = list(order)
    fronts = [[rows, *columns], [whole, [3] * len(whole)]]
    unit = data.draw(st.integers(-3, 90))
    statement = {"rule": "psd", "unit": unit, "order": order, "fronts": fronts}
    problem = check.problem_of(graph.n, edges_of(graph))
    bound = check.derive([statement], problem)
    # The same in the open: a dense product of fractions.
    G = [[Fraction(0)] * graph.n for _ in range(graph.n)]
    for members, *cs in fronts:
        for k, column in enumerate(cs):
            for a, x in zip(members[k:], column, strict=True):
                for b, y in zip(members[k:], column, strict=True):
                    G[a][b] += Fraction(x * y) / Fraction(4) ** unit
    w = {pair: Fraction(x) for pair, x in edges_of(graph).items()}
    expected = sum(w.values(), Fraction(0)) / 2 + sum(
        (G[u][u] for u in range(graph.n)), Fraction(0)
    )
    for u, v in itertools.combinations(range(graph.n), 2):
        expected += abs(2 * G[u][v] - w.get((u, v), Fraction(0)) / 2)
    assert bound == expected
    assert bound >= optimum(graph.n, edges_of(graph))


def test_long_columns_are_truncated_exactly():
    rng = np.random.default_rng(0)
    n = 3 * check.BLOCK + 5
    C = np.tril(rng.integers(-(2**29), 2**29, (n, n)))
    columns = [C[k:, k].tolist() for k in range(n)]
    front = check.Front([list(range(n)), *columns], {u: u for u in range(n)})
    exact = C.astype(object) @ C.T.astype(object)
    for a in range(n):
        assert front.products(a) == exact[a, a:].tolist()


def test_what_each_rule_refuses():
    problem = check.problem_of(WHEEL.n, edges_of(WHEEL))
    box = {"rule": "box"}
    order = list(range(6))
    wrong = [
        [],
        [box, box],
        [{"rule": "nonsense"}],
        [{"rule": "infeasible"}],
        [{"rule": "psd", "unit": 0, "order": [0, 1], "fronts": []}],
        [{"rule": "psd", "unit": 10**9, "order": order, "fronts": []}],
        [{"rule": "psd", "unit": 0, "order": order, "fronts": [[[1, 0], [1, 1]]]}],
        [{"rule": "psd", "unit": 0, "order": order, "fronts": [[[0, 1], [1]]]}],
        # an even F, an odd vertex, a negative multiplier, F larger than D
        [{"rule": "lin", "unit": 0, "sets": [[1, 2, 0, 1, 1, 2, 0, 2]]}, box],
        [{"rule": "lin", "unit": 0, "sets": [[1, 1, 0, 1, 1, 2]]}, box],
        [{"rule": "lin", "unit": 0, "sets": [[-1, 3, 0, 1, 1, 2, 0, 2]]}, box],
        [{"rule": "lin", "unit": 0, "sets": [[1, 5, 0, 1, 1, 2, 0, 2]]}, box],
        [{"rule": "branch", "u": 0, "v": 6}, box, box],
        [{"rule": "branch", "u": 0, "v": 1}, box],
        [{"rule": "branch", "u": 0, "v": 0}, box, box],
        # five neighbours, no domination, a vertex gone twice, not once in a part
        [{"rule": "reduce", "unit": 0, "steps": [[0]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[0, 1]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[2], [2]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[2, 2]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[[]]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[[2]]]}, box],
        [{"rule": "reduce", "unit": 0, "steps": [[[1, 2, 3]]]}, box],
        [{"rule": "add", "parts": [[0, 1, 2], [3, 4, 5]]}, box, box],
        [{"rule": "add", "parts": [order, order]}, box, box],
        [{"rule": "add", "parts": [[0, 0, 1, 2, 3, 4, 5]]}, box],
    ]
    for statements in wrong:
        with pytest.raises(Refused):
            check.derive(statements, problem)
    again = {"rule": "branch", "u": 0, "v": 0}
    assert check.derive([again, box, {"rule": "infeasible"}], problem) == 17


def test_4_10_twins_are_compared_exactly():
    box, edges = {"rule": "box"}, edges_of(ALIKE)
    steps = [{"rule": "reduce", "unit": 0, "steps": [[5, 0], [6, 0]]}, box]
    bound = check.derive(steps, check.problem_of(ALIKE.n, edges))
    assert bound >= BEST[id(ALIKE)]
    for pair, w in (((0, 5), -1.0), ((1, 5), -7.0), ((4, 5), 6.0), ((5, 6), 1.0)):
        changed = check.problem_of(ALIKE.n, edges | {pair: w})
        with pytest.raises(Refused, match="alike"):
            check.derive(steps, changed)
    del edges[4, 5]
    with pytest.raises(Refused, match="alike"):
        check.derive(steps, check.problem_of(ALIKE.n, edges))


def derived(steps, edges):
    statement = {"rule": "reduce", "unit": 0, "steps": steps}
    problem = check.problem_of(7, edges)
    (make,), _ = check.reduce(statement, problem)
    return make()


def test_4_13_a_clique_leaves_the_best_value_for_each_cut_of_the_others():
    edges = edges_of(BALANCED)
    rest = derived([[[0, 1, 2]]], edges)
    assert rest.n == 4
    for sides in itertools.product((0, 1), repeat=4):
        best = optimum(7, edges, dict(enumerate(sides, 3)))
        across = (w for u, v, w in rest.pairs() if sides[u] != sides[v])
        assert rest.value(rest.constant + sum(across)) == best
    # two are enough where vertex 4 is absent: the third has no neighbours then
    fewer = {pair: w for pair, w in edges.items() if 4 not in pair}
    whole, stepwise = derived([[[0, 1, 2]]], fewer), derived([[[1, 0]], [2]], fewer)
    assert whole.rows == stepwise.rows and whole.constant == stepwise.constant


@pytest.mark.parametrize(
    ("members", "changes"),
    [
        ([0, 1], {}),  # its neighbours' |t| are 1 + 4
        ([0, 1, 1], {}),
        ([0, 1, 2, 2], {}),
        ([0, 1, 3], {}),
        ([0, 1, 2, 7], {}),
        ([0, 1, 2, -1], {}),
        ([0, 1, 2, 6], {}),
        ([4, 0, 1], {}),
        ([0, 1, 2], {(0, 1): 3.0}),
        ([0, 1, 2], {(0, 1): -2.0}),
        ([0, 1, 2], {(2, 3): 2.0}),
        ([0, 1, 2], {(1, 4): -6.0}),
        ([0, 1, 2], {(0, 6): 2.0}),
        ([0, 1, 2], {(2, 6): 2.0}),
        ([0, 1, 2], {(0, 3): 3.0, (1, 3): 3.0, (2, 3): -3.0}),  # 3/2 of the weight
        ([0, 1, 2], {(0, 3): 4.0, (1, 3): 4.0, (2, 3): -4.0}),  # 2 + 2 + 1 > 3 + 1
        ([0, 1, 2], {(0, 6): 2.0, (1, 6): 2.0, (2, 6): -2.0}),
    ],
)
def test_4_13_what_is_no_clique_is_refused(members, changes):
    with pytest.raises(Refused):
        derived([[members]], edges_of(BALANCED) | changes)
    with pytest.raises(Refused, match="already gone"):
        derived([[[0, 1, 2]], [[2, 1]]], edges_of(BALANCED))
    with pytest.raises(Refused, match="already gone"):
        derived([[[0, 1, 2]], [0]], edges_of(BALANCED))


def test_a_certificate_of_another_graph_is_refused():
    found = made(WHEEL, Positive())
    with pytest.raises(Refused, match="another graph"):
        accepted(REAL, found)


def test_a_claim_beyond_what_is_proved_is_refused():
    found = made(WHEEL, Positive())
    found["claim"]["upper_bound"] -= 1
    with pytest.raises(Refused, match="larger than claimed"):
        accepted(WHEEL, found)
    found = made(WHEEL, Positive())
    found["claim"]["cut"] += 1
    with pytest.raises(Refused, match="less than claimed"):
        accepted(WHEEL, found)


@given(graphs(min_n=2, max_n=7), st.data())
@settings(max_examples=60, deadline=None)
def test_fixed_sides_are_part_of_the_claim(graph, data):
    some = st.lists(st.integers(0, graph.n - 1), unique=True, min_size=1)
    fixed = {u: data.draw(st.sampled_from([-1, 1])) for u in data.draw(some)}
    result = maxcut(graph, fixed=fixed)
    verdict = accepted(graph, result.certificate)
    sides = {u: int(side > 0) for u, side in fixed.items()}
    assert verdict.cut <= optimum(graph.n, edges_of(graph), sides) <= verdict.bound
    assert verdict.fixed == len(fixed)
    moved = copy.deepcopy(result.certificate)
    u = next(iter(fixed))
    text = moved["sides"]
    moved["sides"] = text[:u] + ("0" if text[u] == "1" else "1") + text[u + 1 :]
    with pytest.raises(Refused, match="fixed"):
        accepted(graph, moved)


# ------------------------------------------------------------------------------- alone


def test_the_file_needs_python_3_9_and_nothing_else():
    text = Path(check.__file__).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    imports = [x for x in ast.walk(tree) if isinstance(x, ast.Import | ast.ImportFrom)]
    names = {getattr(x, "module", None) or x.names[0].name for x in imports}
    assert names <= set(sys.stdlib_module_names)


def run_alone(*arguments):
    """The single file, isolated from everything installed."""
    command = [sys.executable, "-I", "-S", check.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_runs_alone(tmp_path):
    graph, found = tmp_path / "wheel.mc", tmp_path / "wheel.json"
    u, v, w = WHEEL.edges()
    lines = [f"{a + 1} {b + 1} {int(c)}\n" for a, b, c in zip(u, v, w, strict=True)]
    # A comment, a loop, an edge in two parts, one that cancels: merged as we do.
    lines[0] = "# comment\n1 1 5\n1 2 1\n2 1 1\n5 3 4\n3 5 -4\n"
    graph.write_text(f"6 {len(lines) + 4}\n" + "".join(lines))
    found.write_text(json.dumps(made(WHEEL, Positive())))
    good = run_alone(graph, found)
    assert (good.returncode, good.stderr) == (0, "")
    assert "upper bound  17" in good.stdout
    zipped = tmp_path / "wheel.mc.gz"
    zipped.write_bytes(gzip.compress(graph.read_bytes()))
    assert run_alone(zipped, found).returncode == 0

    found.write_text(json.dumps(made(REAL, Positive())))
    refused = run_alone(graph, found)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2\n",
        "2 1\n1 3 1\n",
        "2 1\n1 2 inf\n",
        "2 1\n1 2 x\n",
        "2 2\n1 2 1\n",
        "a b",
    ],
)
def test_what_is_no_graph_is_bad_input(tmp_path, text, capsys):
    path, found = tmp_path / "g", tmp_path / "c"
    path.write_text(text)
    found.write_text("{}")
    assert check.main([str(path), str(found)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", "9" * 5000])
def test_what_is_no_json_is_bad_input(tmp_path, text, capsys):
    path, found = tmp_path / "g", tmp_path / "c"
    path.write_text("2 1\n1 2 1\n")
    found.write_text(text)
    assert check.main([str(path), str(found)]) in (2, 3)
    assert capsys.readouterr().err.count("\n") == 1
    assert check.main([str(path)]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 3\n1 2 1e16\n1 2 1\n1 2 1\n", ""),  # 10^16 + 2 is a float64
        ("2 2\n1 2 1e16\n1 2 1\n", "no float64"),
        ("2 1\n1 2 9007199254740993\n", "line 2"),
        ("2 2\n1 2 1.5e308\n1 2 1.5e308\n", "no float64"),
    ],
)
def test_a_graph_that_floats_would_round_is_unreadable(tmp_path, capsys, text, message):
    graph = tmp_path / "graph.mc"
    graph.write_text(text)
    if not message:
        assert check.read_edges(graph)[1] == {(0, 1): 1e16 + 2}
        return
    assert check.main([str(graph), str(graph)]) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_gzip_is_unreadable(tmp_path, capsys):
    damaged = tmp_path / "graph.mc.gz"
    packed = bytearray(gzip.compress(b"2 1\n1 2 1\n" * 50))
    packed[12:20] = b"\xff" * 8
    damaged.write_bytes(packed)
    assert check.main([str(damaged), str(damaged)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_numbers_beyond_floats_are_rounded_the_right_way():
    huge = Fraction(10**400)
    assert check.decimal(huge / 3, -1) == "above 1e308"
    assert check.decimal(huge / 3, 1) == "infinite"
    assert check.decimal(-huge / 3, 1) == "below -1e308"
    assert check.decimal(-huge / 3, -1) == "-infinite"
