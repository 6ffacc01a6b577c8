import numpy as np
import pytest
import tensorflow as tf

from agents.decomposed import DecomposedTransition
from agents.layers import ACTIVATIONS, LayerFactory
from agents.settings import ActivationName, DynamicsSettings
from agents.transition import Transition

COUNT, ACTIONS, STOCH, DETER, HIDDEN = 3, 4, 2, 6, 5
GROUPS = [[1, 3], [0], [2]]


def normal(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.random.stateless_normal(shape, (seed, 0))


NAMES = pytest.mark.parametrize("name", ["elu", "leaky_relu"])


def settings(groups: str | list[list[int]], name: ActivationName = "elu") -> DynamicsSettings:
    sizes = {"deterministic": DETER, "stochastic": STOCH, "input_units": HIDDEN}
    return DynamicsSettings(kind="ed2", groups=groups, activation=name, **sizes)


def transition(groups: str | list[list[int]], name: ActivationName = "elu") -> DecomposedTransition:
    made = DecomposedTransition(LayerFactory(0), settings(groups, name), ACTIONS)
    for seed, weight in enumerate(made.trainable_variables):
        weight.assign(normal(*weight.shape, seed=seed))
    return made


@NAMES
def test_single_group_is_the_plain_transition(name: ActivationName) -> None:
    decomposed = transition("single", name)
    plain = Transition(LayerFactory(0), settings("single", name), ACTIONS)
    plain.stoch.kernel.assign(decomposed.stoch[0])
    plain.action.kernel.assign(decomposed.action[0])
    plain.action.bias.assign(decomposed.bias[0, 0])
    for mine, theirs in zip(plain.gru.weights, decomposed.gru.weights, strict=True):
        mine.assign(theirs[:, 0])
    deter, stoch, action = normal(COUNT, DETER), normal(COUNT, STOCH), normal(COUNT, ACTIONS)
    expected = plain.step(deter, stoch, plain.action_share(action))
    result = decomposed.step(deter, stoch, decomposed.action_share(action))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@NAMES
def test_one_pass_is_a_loop_over_the_groups_in_values_and_gradients(name: ActivationName) -> None:
    decomposed = transition(GROUPS, name)
    weights = [weight.value for weight in decomposed.trainable_variables]
    deter, stoch, action = normal(COUNT, DETER), normal(COUNT, STOCH, seed=1), normal(COUNT, ACTIONS, seed=2)

    def loop() -> tf.Tensor:
        states = []
        for index, group in enumerate(GROUPS):
            own = tf.concat([stoch, tf.gather(action, group, axis=1)], 1)
            kernel = tf.concat([decomposed.stoch[index], tf.gather(decomposed.action[index], group)], 0)
            x = ACTIVATIONS[name](own @ kernel + decomposed.bias[index])
            W, U, b, c = (weight[:, index] for weight in decomposed.gru.weights)
            xz, xr, xn = tf.unstack(x @ W + b)
            hz, hr, hn = tf.unstack(deter @ U + c)
            z = tf.sigmoid(xz + hz)
            states.append(z * deter + (1 - z) * tf.tanh(xn + tf.sigmoid(xr + hr) * hn))
        return tf.add_n(states) / len(states)

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([deter, stoch, action])
        ways = decomposed.step(deter, stoch, decomposed.action_share(action)), loop()
        totals = [tf.reduce_sum(tf.sin(3 * way)) for way in ways]
    np.testing.assert_allclose(*ways, rtol=1e-5, atol=1e-6)
    sources = [deter, stoch, action, *weights]
    for mine, theirs in zip(*(tape.gradient(total, sources) for total in totals), strict=True):
        np.testing.assert_allclose(mine, tf.convert_to_tensor(theirs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("index", range(ACTIONS))
def test_each_action_moves_its_own_group_only(index: int) -> None:
    decomposed = transition(GROUPS)
    action = normal(COUNT, ACTIONS)
    moved = action + tf.one_hot(index, ACTIONS)
    change = decomposed.action_share(moved) - decomposed.action_share(action)
    groups_moved = np.abs(change).sum((1, 2)) > 1e-6
    assert groups_moved.tolist() == [index in group for group in GROUPS]


def test_shares_of_a_sequence_are_those_of_its_steps() -> None:
    decomposed = transition(GROUPS)
    action = normal(COUNT, 5, ACTIONS)
    whole = decomposed.action_share(action)
    assert whole.shape == (len(GROUPS), COUNT, 5, HIDDEN)
    np.testing.assert_allclose(whole[:, :, 2], decomposed.action_share(action[:, 2]), rtol=1e-5, atol=1e-6)


def test_groups_start_from_weights_of_their_own() -> None:
    made = DecomposedTransition(LayerFactory(0), settings("full"), ACTIONS)
    kernels = [weight[0].numpy() for weight in (made.gru.kernel, made.gru.recurrent_kernel)]
    for weight in (made.stoch.numpy(), made.action.numpy(), *kernels):
        assert len({unit.tobytes() for unit in weight}) == ACTIONS
