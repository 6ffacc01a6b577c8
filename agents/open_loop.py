"""Open-loop prediction: what a world model predicts of a sequence after a few steps of context, and its error."""

from typing import NamedTuple

import tensorflow as tf

from agents.agent import CONTEXT, HORIZONS, IMAGE, Prediction
from agents.distributions import Gaussian
from agents.experience import Experience, Metrics
from agents.randomness import Noise
from agents.rssm import State
from agents.world_model import WorldModel


class Foresight(NamedTuple):
    """Latent states (B, L, ...) and errors of B sequences.

    Attributes:
        states: posterior states in the context, then states sampled from the prior.
        errors: `<measure>/<horizon>` -> (B).
        predictions: name -> the observation and the prediction, of each vector.
    """

    states: State
    errors: Metrics
    predictions: dict[str, Prediction]


def foresee(model: WorldModel, batch: Experience, noise: Noise) -> Foresight:
    """Predict sequences from their context and actions.

    Measures, each exactly `horizon` agent steps after the context:

    - the name of each observation, such as `image`: mean squared error of the normalised decoded array (pixels in
      [-0.5, 0.5], state vectors as in `agents.vectors`);
    - `reward`: absolute error of the predicted reward;
    - `kl`: KL in nats of the posterior, which has seen all observations up to that step, from the open-loop prior.

    The prior follows one sampled path for each sequence. Horizons beyond the end of the sequences are left out.
    """
    count, length = batch.reward.shape
    seen, posterior = model.observe(batch, noise)
    draws = noise.normal("open_loop", (count, length - CONTEXT, model.rssm.stoch_size))
    ahead = model.rssm.imagine(seen.map(lambda x: x[:, CONTEXT - 1]), batch.action[:, CONTEXT:], draws)
    errors = {}
    for horizon in HORIZONS:
        if CONTEXT + horizon > length:
            continue
        at = CONTEXT + horizon - 1
        state, truth = State(*(x[:, horizon - 1] for x in ahead)), Gaussian(*(x[:, at] for x in posterior))
        decoded = model.decoder.decode(state.features)
        observed = model.encoder.normalize({name: array[:, at] for name, array in batch.observations.items()})
        predicted, actual = model.reward.predict(state.features), model.reward_target(batch.reward[:, at])
        for name, array in observed.items():
            errors[f"{name}/{horizon}"] = tf.reduce_mean(
                tf.square(decoded[name] - array), tuple(range(1, array.shape.rank))
            )
        errors[f"reward/{horizon}"] = tf.abs(predicted - actual)
        errors[f"kl/{horizon}"] = truth.kl(model.rssm.prior(state.deter))
    states = State(*(tf.concat([x[:, :CONTEXT], y], 1) for x, y in zip(seen, ahead, strict=True)))
    vectors = {name: array for name, array in batch.observations.items() if array.shape.rank == 3}
    predictions = {
        name: Prediction(truth, model.decoder.networks[name].decode(states.features))
        for name, truth in model.encoder.normalize(vectors).items()
    }
    return Foresight(states, errors, predictions)


def film(model: WorldModel, images: tf.Tensor, states: State) -> tf.Tensor:
    """A video of truth, prediction and difference from top to bottom, with the sequences side by side.

    Args:
        model: the world model, which observes images.
        images: the truth, uint8 (B, L, H, W, 3).
        states: the states to decode, (B, L, ...).

    Returns:
        A video, uint8 (L, 3 * H, B * W, 3).
    """
    truth = model.encoder.normalize({IMAGE: images})[IMAGE]
    predicted = model.decoder.decode(states.features)[IMAGE]
    rows = tf.concat([truth + 0.5, predicted + 0.5, 0.5 * (predicted - truth + 1)], 2)
    video = tf.concat(tf.unstack(rows), 2)
    return tf.cast(tf.round(255 * tf.clip_by_value(video, 0, 1)), tf.uint8)
