import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

pytest.importorskip("sklearn")

from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from derandcut.errors import InputError
from derandcut.jl import (
    BaselineProjection,
    DerandomizedProjection,
    jl_bound,
    learning,
    max_distortion,
    projection,
    smallest_projection,
)
from derandcut.jl.secants import AllPairs, SomePairs, scan_pairs

KINDS = ["gaussian", "achlioptas", "srht", "pca"]


@parametrize_with_checks(
    [DerandomizedProjection(stages=2, max_iter=10), BaselineProjection()]
)
def test_estimator_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(30, 12))


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 14),
    d=st.integers(1, 8),
    k=st.integers(1, 9),
    scale=st.sampled_from([1e-150, 1e-3, 1.0, 1e150]),
    repeats=st.booleans(),
    method=st.sampled_from(["direct", "derandomized"]),
    seed=st.integers(0, 99),
)
def test_chain_holds_whatever_the_data(n, d, k, scale, repeats, method, seed):
    X = np.random.default_rng(seed).normal(size=(n, d)) * scale
    if repeats:
        X = np.vstack([X, X])
    model = DerandomizedProjection(k, method=method, stages=4, max_iter=60).fit(X)
    measured = max_distortion(X / scale, model.transform(X) / scale)
    assert measured == pytest.approx(model.max_distortion_, abs=1e-7)
    assert model.max_distortion_ <= model.certificate_ + 1e-12
    values = [step.value for step in model.path_]
    if method == "derandomized":
        assert (np.diff(values) <= 1e-9).all()
    if k >= min(d, n - 1):
        assert model.max_distortion_ < 1e-8


def test_learned_beats_random_and_the_promise(points):
    random = BaselineProjection(6, n_draws=200).fit(points).max_distortion_
    for options in ({}, {"init": "pca"}, {"method": "derandomized"}):
        model = DerandomizedProjection(6, **options).fit(points)
        assert model.max_distortion_ < 0.5 * random
        assert model.certificate_ <= jl_bound(30, 6)


def test_derandomized_path_starts_at_the_random_matrix_and_ends_without(points):
    path = DerandomizedProjection(6, method="derandomized").fit(points).path_
    assert path[0].s == pytest.approx(1 / 6)
    assert path[-1].s == 0.0
    assert (np.diff([step.s for step in path]) <= 0).all()


@pytest.mark.parametrize("convert", [np.asarray, csr_array])
def test_smallest_projection_is_certified_and_one_less_was_not(points, convert):
    model = smallest_projection(convert(points), 0.4)
    k = model.n_components
    assert max_distortion(points, model.transform(points)) <= model.certificate_ <= 0.4
    assert DerandomizedProjection(k - 1).fit(points).certificate_ > 0.4
    assert smallest_projection(points, 1e-9, stages=1, max_iter=5).n_components == 12
    assert smallest_projection(np.ones((3, 4)), 0.1).n_components == 1
    for wrong in (0.0, 1.0):
        with pytest.raises(InputError, match="eps"):
            smallest_projection(points, wrong)


def test_same_seed_same_bits(points):
    first, second = (
        DerandomizedProjection(4, random_state=7).fit(points) for _ in range(2)
    )
    assert (first.components_ == second.components_).all()


def test_sparse_input_is_the_dense_one(points):
    X = np.where(points > 0.8, points, 0.0)
    dense = DerandomizedProjection(5).fit(X)
    for kind in (csr_matrix, csr_array):
        sparse = DerandomizedProjection(5).fit(kind(X))
        assert np.allclose(sparse.components_, dense.components_)
        assert np.allclose(sparse.transform(kind(X)), dense.transform(X))


def test_constant_rows_have_no_secant():
    model = DerandomizedProjection(2).fit(np.ones((5, 4)))
    assert model.n_pairs_ == 0
    assert model.max_distortion_ == 0.0
    assert np.isfinite(model.components_).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_rows_are_named(points, bad):
    X = points.copy()
    X[3, 2] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        DerandomizedProjection().fit(X)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_components": 0},
        {"n_components": 1.5},
        {"method": "random"},
        {"init": "zero"},
        {"stages": 0},
        {"max_iter": 0},
    ],
)
def test_wrong_parameters(points, wrong):
    with pytest.raises(InputError):
        DerandomizedProjection(**wrong).fit(points)
    for wrong_baseline in ({"kind": "x"}, {"n_draws": 0}):
        with pytest.raises(InputError):
            BaselineProjection(**wrong_baseline).fit(points)


@pytest.mark.parametrize("kind", KINDS)
def test_baselines_measure_what_they_map(points, kind):
    model = BaselineProjection(5, kind=kind, n_draws=3, rescale=True).fit(points)
    measured = max_distortion(points, model.transform(points))
    assert measured == pytest.approx(model.max_distortion_)
    assert model.max_distortion_ == pytest.approx(model.draws_.min())


@pytest.mark.parametrize("kind", KINDS[:3])
def test_random_baselines_keep_lengths_on_average(kind):
    x = np.random.default_rng(0).normal(size=9)
    maps = (projection._DRAWS[kind](6, 9, np.random.default_rng(s)) for s in range(400))
    mean = np.mean([np.sum((A @ x) ** 2) for A in maps])
    assert mean == pytest.approx(x @ x, rel=0.1)


# ------------------------------------------------------------------ secants, streaming


def test_pair_gradients_are_those_of_differences(points):
    rng = np.random.default_rng(1)
    B = rng.normal(size=(3, 12))
    i, j = np.triu_indices(30, 1)
    weight = rng.normal(size=len(i))
    for secants in (AllPairs(points), SomePairs(points, i, j)):
        squares = secants.squares(B)
        difference = points[i] - points[j]
        length = (difference**2).sum(axis=1)
        assert np.allclose(squares, ((difference @ B.T) ** 2).sum(axis=1) / length)
        gradient = 2 * B @ (difference.T * (weight / length)) @ difference
        assert np.allclose(secants.gradient(weight), gradient)


def test_scan_measures_every_pair_even_very_close_ones(points):
    X = np.vstack([points, points[:1] + 1e-9, points[:1]])
    Z = X @ np.random.default_rng(0).normal(size=(12, 3))
    i, j, squares = (np.concatenate(p) for p in zip(*scan_pairs(X, Z, 7), strict=True))
    assert len(i) == 32 * 31 // 2 - 1
    expected = ((Z[i] - Z[j]) ** 2).sum(axis=1) / ((X[i] - X[j]) ** 2).sum(axis=1)
    assert np.allclose(squares, expected, rtol=1e-6)


@pytest.mark.parametrize("convert", [np.asarray, csr_array])
def test_streamed_fit_learns_and_measures_all_pairs(monkeypatch, convert):
    monkeypatch.setattr(projection, "FULL_ROWS", 50)
    monkeypatch.setattr(learning, "WORKING_SET", 1000)
    X = np.random.default_rng(0).normal(size=(80, 20))
    model = DerandomizedProjection(10).fit(convert(X))
    assert model.n_pairs_ == 80 * 79 // 2
    assert max_distortion(X, model.transform(X)) == pytest.approx(model.max_distortion_)
    assert model.max_distortion_ <= model.certificate_ <= 1.03 * model.max_distortion_
    random = BaselineProjection(10, n_draws=100).fit(X).max_distortion_
    assert model.max_distortion_ < 0.5 * random
    exact = DerandomizedProjection(20).fit(convert(X))
    assert exact.max_distortion_ < 1e-12
    with pytest.raises(InputError):
        DerandomizedProjection(10, method="derandomized").fit(X)


def test_scan_limit_takes_random_rows(monkeypatch):
    monkeypatch.setattr(learning, "SCAN_LIMIT", 200)
    X = np.random.default_rng(0).normal(size=(60, 5))
    found = learning.scan(X, np.eye(5), np.random.default_rng(1))
    assert found.pairs == 20 * 19 // 2
    assert found.distortion < 1e-12
