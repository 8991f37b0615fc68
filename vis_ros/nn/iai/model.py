# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI whole: the image model, the identification module, the association module.

Source: Zhu et al., "Instance As Identity: A Generic Online Paradigm for Video Instance
Segmentation", ECCV 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst import CondInst, CondInstOutput, video_config
from vis_ros.nn.iai.block import AssociationBlock, Encoded
from vis_ros.nn.iai.config import IaiOptions, IaiSizes
from vis_ros.nn.iai.identification import IdBank, IdHead, RegionIdHead
from vis_ros.nn.iai.maskrcnn import ImageMaskRcnn, MaskRcnnOutput, region_config
from vis_ros.nn.iai.memory import CELL, IaiMemory, Impression, begin, remember, resized
from vis_ros.nn.precision import running_in
from vis_ros.nn.yolact.backbone import AllTaps, Taps
from vis_ros.ops.rows import rows_to_do

_CHANNELS = {'small': 64}  # of the association block; 256 for all others

T = TypeVar('T', Taps, AllTaps)


class Perception(NamedTuple):
    """What the network makes of the frames of B streams.

    Args:
        output: Of the image model.
        id_logits: float tensor (B, P, N), see `IdHead`, or (R, N), see `RegionIdHead`; None
            without identification.
        encoded: Of the association block; None without association.
    """

    output: CondInstOutput | MaskRcnnOutput
    id_logits: Tensor | None
    encoded: Encoded | None


class Association(nn.Module):
    """Puts what earlier frames say in place of the backbone's last stage.

    Args:
        sizes: Channels.
        options: Which parts there are.
    """

    def __init__(self, sizes: IaiSizes, options: IaiOptions) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(sizes.coarse, sizes.channels, 1)
        self.block = AssociationBlock(sizes.channels, options)
        if options.class_projector:
            self.projector = nn.Conv2d(sizes.coarse, sizes.projected, 1)
        self.options = options

    def forward(
        self, coarse: Tensor, memory: IaiMemory | None, nobody: Tensor
    ) -> tuple[Tensor, Encoded]:
        """Return the new last stage, (B, C5, h, w), and what is to be remembered.

        Args:
            coarse: float tensor (B, C5, h, w), the backbone's last stage.
            memory: What was before, or None.
            nobody: float tensor (C,), see `AssociationBlock`.
        """
        features = self.encoder(coarse)
        encoded = self.block(features, memory, nobody)
        associated = encoded.tokens.transpose(1, 2).reshape(features.shape)
        parts = [features, associated]
        if self.options.class_projector:
            parts.append(self.projector(coarse))
        return torch.cat(parts, dim=1), encoded


class Iai(nn.Module):
    """The network, with random parameters.

    Args:
        network: `resnet50`, `resnet101` or `small`, see `condinst.video_config`.
        num_classes: Number of classes K; there is no background class.
        options: How it is built.

    Raises:
        ValueError: The network is unknown.
    """

    def __init__(self, network: str, num_classes: int, options: IaiOptions) -> None:
        super().__init__()
        self.options = options
        channels = _CHANNELS.get(network, 256)
        is_narrow = options.association and not options.class_projector
        coarse = 2 * channels if is_narrow else None
        self.image: Any  # one of two; what they share is what this class calls
        if options.detector == 'maskrcnn':
            regions = region_config(network, num_classes, options.proposals)
            self.image = ImageMaskRcnn(regions, coarse)
        else:
            self.image = CondInst(video_config(network, num_classes), coarse)
        levels = self.image.config.channels
        sizes = IaiSizes(self.image.backbone.channels[2], levels, channels)
        self.channels = channels
        if options.association:
            self.association = Association(sizes, options)
        if options.identification and options.detector == 'maskrcnn':
            self.identities: Any = RegionIdHead(regions, options)
        elif options.identification:
            self.identities = IdHead(levels, options)
        if options.identification and options.association:
            is_matrix = options.id_embedding == 'matrix'
            self.bank = IdBank(options.ids, channels, is_matrix=is_matrix)

    def perceive(
        self,
        image: Tensor,
        memory: IaiMemory | None,
        precision: str | None = None,
        picture: tuple[int, int] | None = None,
    ) -> Perception:
        """Return what the network makes of a frame of each stream.

        Args:
            image: float32 tensor (B, 3, H, W), see `condinst.prepare`.
            memory: What was before; None for first frames.
            precision: Of all but the association block, see `running_in`; what comes out is
                float32.
            picture: Rows and columns of what is not padding; by default everything.
        """
        return self.understand(self.look(image, precision), memory, precision, picture)

    def look(self, image: Tensor, precision: str | None = None) -> Any:
        """Return the taps of the backbone, which know of no memory, in single precision."""
        with running_in(image.device, precision):
            taps = self.image.look(image)
        return type(taps)(*(tap.float() for tap in taps))

    def understand(
        self,
        taps: T,
        memory: IaiMemory | None,
        precision: str | None = None,
        picture: tuple[int, int] | None = None,
    ) -> Perception:
        """Return what the network makes of what `look` gave; see `perceive`."""
        taps, encoded = self.associate(taps, memory)
        with running_in(taps.stride32.device, precision):
            output, logits = self.interpret(taps, picture)
        output = output.full()
        logits = None if logits is None else logits.float()
        return Perception(output, logits, encoded)

    def associate(self, taps: T, memory: IaiMemory | None) -> tuple[T, Encoded | None]:
        """Return taps with what the memory says, and what is to be remembered.

        Args:
            taps: Of the backbone; they do not depend on the memory.
            memory: What was before, or None.
        """
        if not self.options.association:
            return taps, None
        coarse = taps.stride32
        if memory is not None:
            memory = resized(memory, (coarse.shape[2], coarse.shape[3]))
        coarse, encoded = self.association(coarse, memory, self._nobody(coarse))
        return taps._replace(stride32=coarse), encoded

    def interpret(
        self, taps: Taps | AllTaps, picture: tuple[int, int] | None = None
    ) -> tuple[Any, Tensor | None]:
        """Return what the image model says to taps, and logits of identities; see `perceive`."""
        has_regions = self.options.detector == 'maskrcnn'
        output = self.image.interpret(taps, picture) if has_regions else self.image.interpret(taps)
        if not self.options.identification:
            return output, None
        return output, self.identities(output.regions if has_regions else output.levels)

    def remember(
        self,
        memory: IaiMemory | None,
        encoded: Encoded,
        labels: Tensor,
        *,
        is_birth: Tensor,
        is_alive: Tensor,
    ) -> IaiMemory:
        """Return the memory after a frame; only with association.

        Args:
            memory: Memory before the frame, or None.
            encoded: What the association block made of the frame.
            labels: uint8 tensor (B, H, W) at the size of the input, see `IdBank`.
            is_birth: bool tensor (B,), whether the frame shows a new identity.
            is_alive: bool tensor (B, N), identities that are in use.
        """
        seen = self._impression(encoded, labels)
        if memory is None:
            return begin(seen, self.options.stored_frames, self.options.ids)
        memory = resized(memory, (labels.shape[1] // CELL, labels.shape[2] // CELL))
        return remember(memory, seen, is_birth, is_alive, self.options.interval)

    def see_again(self, memory: IaiMemory, encoded: Encoded, labels: Tensor) -> IaiMemory:
        """Return the memory with other labels of the latest frame, for short-term attention only.

        Args:
            memory: Memory after that frame.
            encoded: See `remember`.
            labels: See `remember`.
        """
        seen = self._impression(encoded, labels)
        return memory._replace(short_value=seen.value, short_labels=labels)

    def _impression(self, encoded: Encoded, labels: Tensor) -> Impression:
        identities = self._embed(labels, encoded.content)
        value = self.association.block.value(encoded.content, identities)
        return Impression(encoded.key, value, labels)

    def forget(self, memory: IaiMemory, identity: int) -> IaiMemory:
        """Return the memory of streams without the traces of one identity.

        Its pixels become background. Values are linear in the embedded labels, so what is taken
        away is exact; all else stays as it is.
        """
        short = (memory.short_labels == identity).flatten(1).any(1)
        long = memory.shown[..., identity] & memory.is_filled
        changes: dict[str, Tensor] = {}
        for name, where in (('short', short), ('long', long)):
            row = rows_to_do(where.flatten())
            if not self.options.identification or not len(row):
                continue
            labels, value = getattr(memory, f'{name}_labels'), getattr(memory, f'{name}_value')
            flat_labels = labels.reshape(-1, *labels.shape[-2:])
            flat_value = value.reshape(-1, *value.shape[-2:])
            pixels = (flat_labels[row] == identity) & where.flatten()[row][:, None, None]
            after = flat_labels[row].masked_fill(pixels, self.options.ids)
            change = self.bank.without(pixels, identity)
            rest = flat_value[row] + change @ self.association.block.to_value.weight.T
            changes[f'{name}_labels'] = flat_labels.index_copy(0, row, after).view_as(labels)
            changes[f'{name}_value'] = flat_value.index_copy(0, row, rest).view_as(value)
        shown = memory.shown.clone()
        shown[..., identity] = False
        return memory._replace(**changes, shown=shown)

    def _embed(self, labels: Tensor, like: Tensor) -> Tensor:
        """Return the embeddings of labels; zeros without identification."""
        if self.options.identification:
            embedded: Tensor = self.bank(labels)
            return embedded
        return like.new_zeros(1, 1, self.channels)

    def _nobody(self, like: Tensor) -> Tensor:
        if self.options.identification:
            return self.bank.nobody
        return like.new_zeros(self.channels)

    def shares(self, logits: Tensor | None) -> Tensor | None:
        """Return the probabilities of identities, see `IdHead.shares`; None without any."""
        return None if logits is None else self.identities.shares(logits)


def count_classes(tensors: Mapping[str, Tensor]) -> int:
    """Return the number of classes of an `Iai` with these parameters; 1 where nothing tells."""
    if (places := tensors.get('image.head.classes.bias')) is not None:
        return len(places)
    regions = tensors.get('image.roi_heads.box_predictor.cls_score.bias')
    return 1 if regions is None else len(regions) - 1  # without the background


def memory_of(tensors: Mapping[str, Tensor], *, channels: int, options: IaiOptions) -> IaiMemory:
    """Return a memory of tensors by name, checked to be one of a single stream.

    Raises:
        ValueError: A tensor is missing, unknown, or of another shape or dtype.
    """
    if set(tensors) != set(IaiMemory._fields):
        raise ValueError(f'tensors: expected {sorted(IaiMemory._fields)}, got {sorted(tensors)}')
    height, width = tensors['short_labels'].shape[-2:]
    frames, count = options.stored_frames, (height // CELL) * (width // CELL)
    seen = Impression(
        torch.zeros(1, count, channels),
        torch.zeros(1, count, channels),
        torch.zeros(1, height, width, dtype=torch.uint8),
    )
    for name, like in begin(seen, frames, options.ids)._asdict().items():
        value = tensors[name]
        if (value.shape, value.dtype) != (like.shape, like.dtype):
            raise ValueError(
                f'tensors: {name}: expected {like.dtype} {tuple(like.shape)}, '
                f'got {value.dtype} {tuple(value.shape)}'
            )
    return IaiMemory(**tensors)
