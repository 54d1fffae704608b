import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
# ruff: noqa: E402

from sklearn.utils.estimator_checks import parametrize_with_checks

from derandcut.errors import InputError
from derandcut.nn import (
    StructureClassifier,
    StructureNetwork,
    StructureRegressor,
    diagnose,
    snap,
    stein_subspace,
    train,
)

mse = torch.nn.functional.mse_loss


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def sampler(d, r=1, batch=128, seed=0):
    generator = torch.Generator().manual_seed(seed)
    U = torch.linalg.qr(torch.randn(d, r, generator=generator))[0].T

    def sample(n=batch):
        X = torch.randn(n, d, generator=generator)
        return X, torch.tanh(X @ U.T).sum(dim=1, keepdim=True)

    return U.double().numpy(), sample


@pytest.mark.parametrize("depth", [2, 3])
def test_training_finds_the_subspace(depth):
    U, sample = sampler(8)
    model = StructureNetwork(8, 60, depth)
    losses = train(model, sample, mse, steps=800)
    X, y = sample(4000)
    report = diagnose(model, X, y, mse, weight_decay=1e-4, U=U)
    assert losses[-50:].mean() < 0.05 * losses[:50].mean()
    assert report.perpendicular < 0.1
    assert report.angles.max() < 0.1
    assert report.effective_rank < 1.2
    assert report.stein_rank == 1
    assert report.stein_sine < 0.05
    snap(model, report.stein_basis)
    after = diagnose(model, X, y, mse, weight_decay=1e-4, U=U)
    assert after.perpendicular < report.perpendicular


def test_stein_matrix_at_an_untrained_network():
    U, sample = sampler(10)
    X, y = sample(60_000)
    basis, values = stein_subspace(StructureNetwork(10, 40), X, y, mse)
    assert np.allclose(basis @ basis.T, np.eye(1), atol=1e-6)
    assert np.linalg.norm(U - U @ basis.T @ basis, 2) < 0.03
    assert (np.diff(values) <= 0).all()


def quadrature(nodes=120):
    x, weight = np.polynomial.hermite_e.hermegauss(nodes)
    weight = np.outer(weight, weight).ravel() / weight.sum() ** 2
    X = np.stack([g.ravel() for g in np.meshgrid(x, x, indexing="ij")], axis=1)
    return torch.tensor(X), torch.tensor(weight)[:, None]


def test_7_rows_of_the_stein_matrix_lie_in_the_teachers_span():
    """At a random W, by quadrature: no stationarity is needed."""
    X, weight = quadrature()
    U = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    y = torch.tanh(X @ U.T)
    model = StructureNetwork(2, 20).double()
    W = model.layers[0].weight
    with torch.no_grad():
        W.mul_(0.5)

    def loss(shift):
        unit = torch.nn.functional.gelu(X @ W.T + model.layers[0].bias + shift)
        last = model.layers[1]
        out = unit @ last.weight.T / 20 + last.bias / math.sqrt(20)
        return (weight * (out - y) ** 2).sum()

    zero = torch.zeros(20, dtype=torch.float64)
    (slope,) = torch.autograd.grad(loss(zero), W)
    H = torch.autograd.functional.hessian(loss, zero)
    C = (slope - H @ W).detach().numpy()
    off = C @ (np.eye(2) - U.numpy().T @ U.numpy())
    assert np.linalg.norm(off) < 1e-10 * np.linalg.norm(C)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("law", [torch.randn, torch.rand])
def test_1_3_holds_on_any_sample(law, known):
    """Trained or not, Gaussian or not, U known or not, also where it is not small."""
    U, sample = sampler(6)
    model = StructureNetwork(6, 20)
    X = law(3000, 6, generator=torch.Generator().manual_seed(5))
    y = torch.tanh(X @ torch.tensor(U.T, dtype=X.dtype)).sum(dim=1, keepdim=True)
    finite = 0
    for steps in (0, 300):
        if steps:
            train(model, sample, mse, steps=steps, lambda_final=1e-2)
        for weight_decay in (1e-2, 1.0):
            options = {"weight_decay": weight_decay, "U": U if known else None}
            found = diagnose(model, X, y, mse, **options).certificate
            assert found.gamma_kind == "estimate"
            assert found.vacuous or found.norm <= found.bound * (1 + 1e-4)
            finite += not found.vacuous
    assert finite >= 3


def test_1_3_needs_no_correction_without_end():
    """Stein's identity: what a sample adds to eps vanishes as it grows."""
    U, sample = sampler(6)
    model = StructureNetwork(6, 20)
    few, many = (
        diagnose(model, *sample(n), mse, weight_decay=1.0, U=U).identity_error
        for n in (500, 50_000)
    )
    assert many < 0.2 * few


def test_hessian_products_are_those_of_autograd():
    from derandcut.nn.diagnosis import _Problem

    _, sample = sampler(4)
    X, y = (a.double() for a in sample(50))
    model = StructureNetwork(4, 7, 3).double()
    problem = _Problem(model, X, y, mse)
    bias = model.layers[0].bias

    def loss(b):
        changed = {"layers.0.bias": b}
        return mse(torch.func.functional_call(model, changed, X), y)

    H = torch.autograd.functional.hessian(loss, bias.detach()).numpy()
    assert np.allclose(problem.curved(np.eye(7)), H, atol=1e-12)
    gradient, value = problem.gradient()
    mse(model(X), y).backward()
    assert np.allclose(gradient, model.layers[0].weight.grad.numpy())
    assert value == pytest.approx(mse(model(X), y).item())
    assert problem.hessian().matvec(np.ones(7)) == pytest.approx(H.sum(axis=1))


def test_a_users_own_network_and_loss():
    model = torch.nn.Sequential(
        torch.nn.Linear(5, 12, bias=False),
        torch.nn.Softplus(),
        torch.nn.Linear(12, 6),
        torch.nn.Tanh(),
        torch.nn.Linear(6, 3),
    )
    X = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    y = (X[:, 0] > 0).long()
    entropy = torch.nn.functional.cross_entropy
    report = diagnose(model, X, y, entropy, weight_decay=0.1)
    assert report.singular_values.shape == (5,)
    assert report.perpendicular is None
    assert "effective rank" in str(report)
    with pytest.raises(InputError, match="lr"):
        train(model, lambda: (X, y), entropy, steps=2)
    assert len(train(model, lambda: (X, y), entropy, steps=2, lr=0.1)) == 2


def test_diagnosis_leaves_the_model_as_it_was():
    """Dropout is off, and batch normalisation learns nothing from being looked at."""
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 9),
        torch.nn.BatchNorm1d(9),
        torch.nn.Tanh(),
        torch.nn.Dropout(0.5).eval(),
        torch.nn.Linear(9, 1),
    )
    model.train()
    model[3].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    X, y = sampler(4)[1](300)
    first, second = (diagnose(model, X, y, mse, weight_decay=0.1) for _ in range(2))
    assert first.certificate == second.certificate
    assert [part.training for part in model] == [True, True, True, False, True]
    assert all((before[k] == v).all() for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_what_is_not_a_first_layer_is_refused():
    class Late(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 2)

        def forward(self, x):
            return self.inner(x**2)

    X, y = torch.randn(9, 3), torch.randn(9, 2)
    for model in (Late(), torch.nn.Tanh()):
        with pytest.raises(InputError, match="model"):
            diagnose(model, X, y, mse, weight_decay=0.1)
    good = torch.nn.Sequential(torch.nn.Linear(3, 2))
    for wrong in ({"X": X[:, :2]}, {"y": y[:4]}, {"U": np.ones((1, 3))}):
        with pytest.raises(InputError):
            diagnose(good, **{"X": X, "y": y, **wrong}, loss=mse, weight_decay=0.1)
    with pytest.raises(InputError, match="rank"):
        stein_subspace(good, X, y, mse, rank=4)
    for call in (
        lambda: StructureNetwork(3, depth=1),
        lambda: StructureNetwork(3, activation="relu"),
    ):
        with pytest.raises(InputError):
            call()


def test_diverging_training_is_named():
    _, sample = sampler(3)
    with pytest.raises(InputError, match="lr"):
        train(StructureNetwork(3, 10), sample, mse, steps=200, lr=1e6)


# ---------------------------------------------------------------------- estimators


@parametrize_with_checks(
    [
        StructureRegressor(width=30, steps=100),
        StructureClassifier(width=30, steps=100),
    ]
)
def test_estimator_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).normal(size=(1500, 6)) * [1, 5, 1, 1, 2, 1] + 3
    return X, np.tanh((X[:, 0] - 3) + (X[:, 2] - 3))


@pytest.mark.parametrize(
    "options", [{}, {"loss": "huber", "whiten": True, "snap": True}]
)
def test_regressor(data, options):
    X, y = data
    model = StructureRegressor(width=60, steps=800, **options).fit(X, 10 * y + 7)
    assert model.score(X, 10 * y + 7) > 0.97
    assert model.singular_values_[1] < 0.2 * model.singular_values_[0]
    assert model.diagnose(X, 10 * y + 7).stein_rank == 1


def test_classifier(data):
    X, y = data
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
    model = StructureClassifier(width=60, steps=600).fit(X, labels)
    assert model.score(X, labels) > 0.93
    assert np.allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.diagnose(X, labels).rank_99 >= 1
    with pytest.raises(InputError):
        model.fit(X, np.zeros(len(X)))


def test_same_seed_same_bits(data):
    X, y = data
    first, second = (StructureRegressor(width=9, steps=20).fit(X, y) for _ in range(2))
    assert (first.losses_ == second.losses_).all()


def test_wrong_parameters(data):
    X, y = data
    for wrong in ({"loss": "l1"}, {"steps": 0}, {"activation": "relu"}):
        with pytest.raises(InputError):
            StructureRegressor(**wrong).fit(X, y)
    assert StructureRegressor().get_params()["lambda_final"] == 1e-4


def test_plot_of_the_spectrum(data):
    pytest.importorskip("matplotlib").use("Agg")
    X, y = data
    model = StructureRegressor(width=9, steps=5).fit(X, y)
    assert model.diagnose(X, y).plot().get_xlabel() == "index"
