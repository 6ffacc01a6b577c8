"""Encoders and decoders of observations: each array has its own networks, chosen by its shape and type.

A new kind of observation needs a module like `agents.vision` and an entry in KINDS. An observation has at most one
array of each kind, because the names of a kind's weights are fixed.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import keras
import tensorflow as tf
from numpy.typing import NDArray

from agents import vectors, vision
from agents.agent import ArraySpec, Batch, ObservationSpec
from agents.arithmetic import Layer
from agents.layers import LayerFactory
from agents.settings import AgentSettings


class Kind(Protocol):
    """The interface of a module with the networks for one kind of array."""

    HANDLED: str  # the arrays that it handles, for messages

    def handles(self, spec: ArraySpec) -> bool:
        """Whether it handles such an array."""

    def make_encoder(self, make: LayerFactory, spec: ArraySpec, settings: AgentSettings) -> Any:
        """A layer for one array.

        It has `statistics`, variables that are measured before training; if there are any, `fit`, which measures them
        on arrays (N, ...); `normalize`, arrays (...) to float32; `encode`, those to embeddings (..., E); and `size`, E.
        """

    def make_decoder(self, make: LayerFactory, spec: ArraySpec, settings: AgentSettings, features: int) -> Any:
        """A layer with `decode`, features (..., F) to the mean of the normalised array, float32, and `scale`.

        The scale is the weight of the array's loss.
        """

    def encoder_layers(self, spec: ArraySpec, settings: AgentSettings) -> list[Layer]:
        """The encoder's layers, for counting its cost."""

    def decoder_layers(self, spec: ArraySpec, settings: AgentSettings, features: int) -> list[Layer]:
        """The decoder's layers, for counting its cost."""


KINDS: tuple[Kind, ...] = (vision, vectors)


class Encoder(keras.layers.Layer):
    """Embeds observations: the embeddings of their arrays, concatenated.

    Raises:
        ValueError: no networks handle an array, there is no array, or two are of one kind.
    """

    def __init__(self, make: LayerFactory, observations: ObservationSpec, settings: AgentSettings):
        super().__init__(name="encoder")
        self._precision = make.compute_dtype
        if not observations:
            raise ValueError("a world model needs at least one observation")
        kinds = {name: kind_of(name, spec) for name, spec in observations.items()}
        if len({*kinds.values()}) < len(kinds):
            raise ValueError(f"two of the observations {', '.join(kinds)} are of one kind; allowed: one of each kind")
        self.networks = {name: kind.make_encoder(make, observations[name], settings) for name, kind in kinds.items()}
        self.size: int = sum(network.size for network in self.networks.values())

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """What `fit` measures, by name."""
        return {name: value for network in self.networks.values() for name, value in network.statistics.items()}

    def fit(self, episodes: Iterable[Batch]) -> None:
        """Measure what normalisation needs, on whole episodes (L, ...); if that is nothing, none is read."""
        seen: dict[str, list[NDArray]] = {name: [] for name, network in self.networks.items() if network.statistics}
        for episode in episodes if seen else ():
            for name, arrays in seen.items():
                arrays.append(episode[name])
        for name, arrays in seen.items():
            self.networks[name].fit(arrays)

    def normalize(self, observations: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Observations as float32 numbers of a common scale; these are what a decoder predicts."""
        return {name: self.networks[name].normalize(array) for name, array in observations.items()}

    def encode(self, observations: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Normalised observations (..., by name) to embeddings (..., size) in the networks' precision."""
        embeddings = [network.encode(observations[name]) for name, network in self.networks.items()]
        return tf.concat([tf.cast(embedding, self._precision) for embedding in embeddings], -1)


class Decoder(keras.layers.Layer):
    """Predicts observations from features."""

    def __init__(self, make: LayerFactory, observations: ObservationSpec, settings: AgentSettings, features: int):
        super().__init__(name="decoder")
        self.networks = {
            name: kind_of(name, spec).make_decoder(make, spec, settings, features)
            for name, spec in observations.items()
        }

    def decode(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Features (..., F) to the means of the normalised observations, float32 (..., by name)."""
        return {name: network.decode(features) for name, network in self.networks.items()}


def kind_of(name: str, spec: ArraySpec) -> Kind:
    """The module whose networks handle an array of an observation.

    Raises:
        ValueError: there is none.
    """
    for kind in KINDS:
        if kind.handles(spec):
            return kind
    handled = " and ".join(kind.HANDLED for kind in KINDS)
    raise ValueError(f"no network handles the observation {name}, {spec}; allowed: {handled}")
